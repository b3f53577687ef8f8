"""`minibnn generate`: the text of a trained model, as it comes, and one line for each thing gone wrong."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from minibnn.autograd import Tensor
from minibnn.cli import main
from minibnn.commands.generate import load_writer, stream_text
from minibnn.data import WordPiece
from minibnn.data.basic_tokens import SPECIAL_TOKENS
from minibnn.errors import InputError
from minibnn.models import generate


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a run on text and one on images."""
    root = tmp_path_factory.mktemp("runs")
    (root / "wiki").mkdir()
    for split in ("train", "valid"):
        text = ' = Bread = \n \n Bread is made of flour . It isn \'t baked , " rye " ( wheat ) . \n'
        (root / "wiki" / f"wiki.{split}.raw").write_text(text * 12)
    text = ["text", "--data", root / "wiki", "--vocab-size", 120, "--max-len", 12]
    image = ["image", "--per-class", 3, "--classes", 2, "--image-size", 16]
    for arguments in (text, image):
        command = ["train", *arguments, "--max-steps", 2, "--out-dir", root / arguments[0]]
        assert main([str(a) for a in command]) == 0
    return root


@pytest.fixture
def write(runs, capsys):
    """(exit status, standard output, standard error) of `minibnn generate` with the run on text."""

    def command(*arguments, run=runs / "text"):
        capsys.readouterr()
        try:
            status = main(["generate", str(run), *map(str, arguments)])
        except SystemExit as error:  # argparse
            status = error.code
        out = capsys.readouterr()
        return status, out.out, out.err

    return command


def expected(runs, begin=None, count=100, seed=0, **options):
    model, wordpiece = load_writer(runs / "text")
    begin = wordpiece.encode("The") if begin is None else begin
    return wordpiece.decode([*begin, *generate(model, begin, count, np.random.default_rng(seed), **options)]) + "\n"


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((), {}),
        (("--tokens", 7), {"count": 7}),
        (("--seed", 3), {"seed": 3}),
        (("--greedy",), {"temperature": 0}),
        (("--temperature", 0), {"temperature": 0}),
        (("--temperature", 0.5, "--top-k", 5, "--top-p", 0.8), {"temperature": 0.5, "top_k": 5, "top_p": 0.8}),
    ],
)
def test_it_prints_what_three_lines_of_python_give(write, runs, arguments, options):
    assert write(*arguments) == (0, expected(runs, **options), "")


def test_the_text_begins_with_the_prompt(write, runs):
    _, wordpiece = load_writer(runs / "text")
    begin = wordpiece.encode("Bread is made of rye, wheat")
    status, printed, err = write("--prompt", "Bread is made of rye, wheat")
    assert printed == expected(runs, begin)
    assert printed.startswith("bread is made of rye, wheat")
    assert (status, err) == (0, "")


def test_an_empty_prompt_begins_as_a_sentence(write, runs):
    _, wordpiece = load_writer(runs / "text")
    barred = [i for i, token in enumerate(wordpiece.tokens) if token.startswith("##") or token in SPECIAL_TOKENS]
    for prompt in ("", "  "):
        assert write("--prompt", prompt) == (0, expected(runs, [wordpiece.cls_id], not_first=barred), "")


def test_a_text_without_a_word_before_it_begins_with_a_whole_one(write, runs):
    """Most of the vocabulary are pieces that continue a word; also after a prompt of which nothing is shown."""
    for prompt in ("", "\N{SNOWMAN}"):
        for seed in range(20):
            printed = write("--prompt", prompt, "--tokens", 1, "--seed", seed)[1]
            assert printed.strip()
            assert not printed.startswith("##")


class Fixed:
    """A language model of three pieces whose next token never depends on anything: the first is the most likely."""

    max_len, vocab_size, hides_later_tokens, trainable = 4, 3, False, False

    def named_modules(self):
        return []

    def logits(self, ids, past=None, last_only=False):
        return Tensor(np.broadcast_to(np.float32([2, 1, 0]), (*ids.shape, 3)))


def test_what_must_not_come_first_may_come_later():
    for options in ({"temperature": 0}, {"top_k": 1}, {"top_p": 0.1}):
        found = generate(Fixed(), [2], 3, np.random.default_rng(0), not_first=[0], **options)
        assert list(found) == [1, 0, 0]
    assert set(generate(Fixed(), [2], 1, np.random.default_rng(0), not_first=[0, 1], top_k=3)) == {2}
    drawn = [list(generate(Fixed(), [2], 2, np.random.default_rng(seed), not_first=[])) for seed in range(9)]
    assert drawn == [list(generate(Fixed(), [2], 2, np.random.default_rng(seed))) for seed in range(9)]


@pytest.mark.parametrize(("barred", "told"), [([3], "0 .. 2"), ([0, 1, 2], "not_first leaves none of the 3 tokens")])
def test_what_must_not_come_first_is_checked(barred, told):
    with pytest.raises(InputError, match=told):
        generate(Fixed(), [2], 3, not_first=barred, temperature=0)


def test_what_the_vocabulary_lacks_is_told(write):
    status, printed, err = write("--prompt", "bread 世界 is \N{SNOWMAN}", "--tokens", 3)
    assert status == 0
    assert printed.startswith("bread is")
    assert err == "minibnn: note: not in the vocabulary, read as [UNK] and not shown: '世界', '\N{SNOWMAN}'\n"


@pytest.mark.parametrize(
    ("run", "arguments", "status", "message"),
    [
        ("image", (), 1, "holds an image run, which cannot write"),
        ("nowhere", (), 1, "there is no folder"),
        (".", (), 1, "there are runs in it"),
        ("text/checkpoints/best.npz", (), 1, "holds the float weights of a run: give its folder"),
        ("text", ("--greedy", "--top-p", "0.5"), 1, "--greedy draws nothing, and --top-p would choose"),
        ("text", ("--tokens", "0"), 2, "expected a whole number of at least 1, and got '0'"),
        ("text", ("--top-k", "0"), 2, "expected a whole number of at least 1, and got '0'"),
        ("text", ("--top-p", "1.5"), 2, "expected a number above 0 and up to 1, and got '1.5'"),
        ("text", ("--temperature", "-1"), 2, "expected a number of at least 0, and got '-1'"),
        ("text", ("--temperature", "nan"), 2, "expected a number of at least 0, and got 'nan'"),
        ("text", ("--seed", "x"), 2, "expected a whole number of at least 0, and got 'x'"),
    ],
)
def test_a_mistake_is_told_in_one_line(write, runs, run, arguments, status, message):
    found, printed, err = write(*arguments, run=runs / run)
    assert (found, printed) == (status, "")
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err


def test_each_part_is_out_before_the_next_is_drawn(capsys):
    wordpiece, shown = WordPiece(["[PAD]", "[UNK]", "foo", "##r", "'", "t"]), []

    def drawn():
        for i in (3, 2, 4, 5):
            shown.append(capsys.readouterr().out)
            yield i

    stream_text(wordpiece, [2], drawn())
    assert [*shown, capsys.readouterr().out] == ["foo", "r", " foo", "", "'t\n"]


def test_after_an_interruption_all_that_was_written_is_out(capsys):
    def drawn():
        yield from (2, 4)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream_text(WordPiece(["[PAD]", "[UNK]", "foo", "##r", "'"]), [2], drawn())
    assert capsys.readouterr().out == "foo foo '\n"


def test_ctrl_c_ends_the_line_and_exits_with_130(runs):
    command = [
        sys.executable,
        "-m",
        "minibnn",
        "generate",
        str(runs / "text"),
        "--tokens",
        "1000000",
        "--prompt",
        "Rye",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        begin = process.stdout.read(3)
        process.send_signal(signal.SIGINT)
        printed, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert begin == "rye"
    assert printed.endswith("\n")
    assert err == "\nminibnn: stopped\n"


def test_a_reader_that_has_had_enough_is_no_error(runs):
    command = [sys.executable, "-m", "minibnn", "generate", str(runs / "text"), "--tokens", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.read(process.stdout.fileno(), 3)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
