"""The command line as a newcomer meets it: what it prints, what it writes, and one line for each thing gone wrong."""

import json
import re
import signal
import subprocess
import sys
import time
import tomllib

import numpy as np
import pytest
from PIL import Image

from minibnn import demo
from minibnn.cli import main
from minibnn.errors import InputError
from minibnn.training.run_folder import has_matplotlib

TINY_IMAGE = ("--per-class", "3", "--classes", "3", "--epochs", "1", "--image-size", "16", "--batch-size", "4")


def run(capsys, *arguments):
    """(exit status, standard output, standard error) of `minibnn ARGUMENTS`."""
    try:
        status = main([str(a) for a in arguments])
    except SystemExit as error:  # argparse
        status = error.code
    out = capsys.readouterr()
    return status, out.out, out.err


@pytest.fixture
def photos(tmp_path):
    """Six photos of two classes in Food-101's layout."""
    root, rng = tmp_path / "food", np.random.default_rng(0)
    (root / "meta").mkdir(parents=True)
    for name in ("pizza", "sushi"):
        (root / "images" / name).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 255, (20, 30, 3), np.uint8)
            Image.fromarray(pixels).save(root / "images" / name / f"{number}.jpg")
    (root / "meta" / "classes.txt").write_text("pizza\nsushi\n")
    (root / "meta" / "train.txt").write_text("pizza/0\npizza/1\nsushi/0\nsushi/1\n")
    (root / "meta" / "test.txt").write_text("pizza/2\nsushi/2\n")
    return root


@pytest.fixture
def articles(tmp_path):
    """Two tiny WikiText raw files."""
    root = tmp_path / "wiki"
    root.mkdir()
    text = " \n = Bread = \n \n Bread is made of flour . It is baked . \n \n = = Kinds = = \n \n Rye , wheat . \n"
    for split in ("train", "valid"):
        (root / f"wiki.{split}.raw").write_text(text * 12)
    return root


def files_of(folder):
    return {path.name for path in folder.iterdir()}


def test_train_image_on_photos_writes_a_run(capsys, photos, tmp_path):
    out = tmp_path / "run"
    status, printed, _ = run(
        capsys, "train", "image", "--data", photos, "--image-size", 16, "--epochs", 2, "--out-dir", out, "--lr", "1e-3"
    )
    assert status == 0
    assert "2 classes, chance is 50.0% accuracy" in printed
    assert "epoch 2: training loss" in printed
    assert files_of(out) >= {"config.toml", "metrics.jsonl", "checkpoints", "packed.npz"}
    assert [json.loads(line)["epoch"] for line in (out / "metrics.jsonl").read_text().splitlines()] == [1, 2]
    config = tomllib.loads((out / "config.toml").read_text())
    assert (config["kind"], config["train"]["epochs"], config["train"]["lr"]) == ("image", 2, 1e-3)
    names = np.load(out / "checkpoints" / "best.npz", allow_pickle=False).files
    assert (names[1], names[-1]) == ("model.conv1a.W", "model.fc3.b")


@pytest.mark.parametrize("extra", [[], ["--standard"], ["--sentences"], ["--printed-mask"]])
def test_train_text_prints_the_unigram_perplexity_and_a_sample(capsys, articles, tmp_path, extra):
    out = tmp_path / "run"
    options = ["--vocab-size", 120, "--max-len", 12, "--epochs", 1, "--out-dir", out, *extra]
    status, printed, _ = run(capsys, "train", "text", "--data", articles, *options)
    assert status == 0
    assert "has validation perplexity" in printed
    assert "for comparison: the unigram model" in printed
    assert "the model writes: the" in printed
    assert files_of(out) >= {"config.toml", "metrics.jsonl", "checkpoints", "vocab.txt"}


def test_the_same_seed_gives_the_same_run(capsys, tmp_path):
    losses = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run(capsys, "train", "image", *TINY_IMAGE, "--seed", seed, "--out-dir", tmp_path / name)[0] == 0
        losses.append(json.loads((tmp_path / name / "metrics.jsonl").read_text())["train_loss"])
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("extra", [["--standard"], ["--standard", "--normalize"], ["--normalize-over", "example"]])
def test_twins_and_choices_train(capsys, tmp_path, extra):
    status, printed, _ = run(capsys, "train", "image", *TINY_IMAGE, *extra, "--out-dir", tmp_path / "run")
    assert status == 0
    assert ("one-bit" in printed) == ("--standard" not in extra)


@pytest.mark.parametrize(
    ("preset", "count"),
    [
        ("paper-3x3", "5,132,165"),
        ("paper-5x5", "13,505,925"),
        ("blm-small", "154,406,714"),
        ("blm-large", "332,855,098"),
    ],
)
def test_info_shows_the_counts_of_the_paper(capsys, preset, count):
    status, printed, _ = run(capsys, "info", preset)
    assert status == 0
    assert count in next(line for line in printed.splitlines() if line.startswith("total"))


@pytest.mark.parametrize("name", ["tiny", "small", "paper-3x3", "paper-5x5", "blm-small", "blm-large"])
def test_info_fits_in_80_columns(capsys, name, monkeypatch):
    whole = run(capsys, "info", name)[1]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    printed = run(capsys, "info", name)[1]
    assert max(map(len, printed.splitlines())) <= 80
    assert all(word in printed for word in ("layer", "kernel", "parameters", "1-bit bytes"))
    monkeypatch.setenv("COLUMNS", "200")
    assert run(capsys, "info", name)[1] == whole


def test_help_fits_in_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in ([], ["--help"], ["train", "text", "--help"]):
        assert max(map(len, run(capsys, *arguments)[1].splitlines())) <= 80


def test_info_of_a_name_that_both_kinds_have_shows_both(capsys):
    printed = run(capsys, "info", "tiny")[1]
    assert "BCVNN" in printed
    assert "BLM" in printed


def test_without_a_command_it_shows_first_steps(capsys):
    status, printed, _ = run(capsys)
    assert status == 0
    assert "minibnn demo" in printed


MISTAKES = {
    "unknown preset": (["info", "papre-3x3"], 1, "Did you mean 'paper-3x3'?"),
    "text preset for images": (["train", "image", "--preset", "blm-small"], 1, "unknown preset 'blm-small'"),
    "missing folder": (["train", "image", "--data", "no-such-folder"], 1, "no-such-folder"),
    "no folder at all": (["train", "image", "--data", ""], 1, "expected"),
    "a file of text": (["train", "text", "--data", __file__], 1, "expected a folder that holds wiki.train.raw"),
    "two vocabularies": (["train", "text", "--vocab", "v", "--vocab-size", "200"], 1, "give one of them"),
    "missing text": (["train", "text", "--data", "no-such-folder"], 1, "expected a folder that holds wiki.train.raw"),
    "missing vocabulary": (["train", "text", "--vocab", "no-such.txt"], 1, "cannot read the vocabulary no-such.txt"),
    "vocabulary too small": (
        ["train", "text", "--vocab-size", "5"],
        1,
        "vocab_size must be a whole number of at least 109",
    ),
    "unknown class": (["train", "image", "--classes", "piza,sushi"], 1, "'pizza', the nearest name"),
    "too many classes": (["train", "image", "--classes", "200"], 1, "kinds of drawn dishes, and 200 classes were"),
    "image too small": (["train", "image", "--image-size", "8"], 1, "image_size must be a whole number of at least 16"),
    "normalize without standard": (["train", "image", "--normalize"], 1, "use it with --standard"),
    "epochs": (["train", "image", "--epochs", "0"], 2, "expected a whole number of at least 1, and got '0'"),
    "rate": (["train", "text", "--lr", "fast"], 2, "expected a number above 0, and got 'fast'"),
    "rate nan": (["train", "text", "--lr", "nan"], 2, "expected a number above 0, and got 'nan'"),
    "unknown option": (["demo", "--fast"], 2, "there is no option '--fast'"),
    "unknown command": (["dmeo"], 2, "there is no command 'dmeo'; did you mean demo?"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_one_line_without_a_traceback(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, expected, message = MISTAKES[name]
    status, _, err = run(capsys, *arguments)
    assert status == expected
    last = err.splitlines()[-1]
    assert message in last
    assert "error: " in last
    assert "Traceback" not in err


@pytest.mark.parametrize("before", range(3))
def test_debug_shows_the_traceback_wherever_it_stands(before):
    arguments = ["train", "image", "--preset=none"]
    arguments.insert(before, "--debug")
    with pytest.raises(InputError):
        main(arguments)


def test_a_run_is_never_overwritten(capsys, tmp_path):
    command = ["train", "image", *TINY_IMAGE, "--out-dir", tmp_path / "run"]
    assert run(capsys, *command)[0] == 0
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    status, _, err = run(capsys, *command, "--seed", 5)
    assert status == 1
    assert "already holds a run" in err
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_an_out_dir_that_is_a_file_is_refused_before_training(capsys, tmp_path):
    (tmp_path / "file").touch()
    for arguments in (["demo"], ["train", "image", *TINY_IMAGE]):
        status, _, err = run(capsys, *arguments, "--out-dir", tmp_path / "file")
        assert status == 1
        assert "cannot write to the folder" in err


def test_default_folders_get_new_numbers(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert run(capsys, "train", "image", *TINY_IMAGE)[0] == 0
    assert files_of(tmp_path / "runs") == {"image-tiny-binary", "image-tiny-binary-2"}


def test_a_truncated_photo_is_named(capsys, photos):
    broken = photos / "images" / "sushi" / "1.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    status, _, err = run(capsys, "train", "image", "--data", photos, "--image-size", 16)
    assert status == 1
    assert "sushi" in err
    assert "1.jpg" in err
    assert len(err.splitlines()) == 1


def test_a_diverging_run_says_so_and_keeps_its_folder(capsys, tmp_path):
    options = [*TINY_IMAGE, "--lr", "1e30", "--epochs", 9, "--out-dir", tmp_path / "run"]
    status, printed, err = run(capsys, "train", "image", "--standard", *options)
    assert status == 1
    assert "training has diverged" in err.splitlines()[-1]
    kept = next(line for line in printed.splitlines() if line.startswith("kept in"))
    found = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert set(kept.split(": ")[1].split(", ")) == found


def test_ctrl_c_keeps_what_was_learned_and_exits_with_130(tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "minibnn", "train", "image", "--classes", "2", "--per-class", "40", "--image-size"]
    process = subprocess.Popen(
        [*command, "16", "--epochs", "1000", "--out-dir", str(out)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (out / "metrics.jsonl").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert re.fullmatch(rf"minibnn: stopped at step [\d,]+ of 3,000; .* --resume {out}", err.splitlines()[-1])
    assert has_matplotlib() == ("curves.png" in files_of(out))
    assert f"kept in {out}" in printed
    assert not list(out.rglob(".*"))


def test_a_reader_that_stops_reading_is_no_error():
    command = [sys.executable, "-m", "minibnn", "info", "blm-large"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_training_that_nobody_reads_says_that_it_stopped(tmp_path):
    command = [sys.executable, "-m", "minibnn", "train", "image", *TINY_IMAGE, "--out-dir", str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read().splitlines()[-1].endswith("because nothing reads the output; send it to a file")
    assert process.returncode == 1


def test_closed_streams_are_no_fault(tmp_path):
    """All at once, since starting takes longer than training."""
    command = f"{sys.executable} -m minibnn train image {' '.join(TINY_IMAGE)} --out-dir"
    closed = {"out": ">&-", "err": "2>&-", "all": "<&- >&- 2>&-"}
    pipes = {"shell": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = {name: subprocess.Popen(f"{command} {tmp_path / name} {how}", **pipes) for name, how in closed.items()}
    for name, process in started.items():
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert "packed.npz" in files_of(tmp_path / name)


def test_help_does_not_wait_for_numpy():
    code = "import sys, minibnn.cli; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_the_terminal_shows_curves_where_matplotlib_is_missing(capsys, tmp_path, monkeypatch):
    for module in ("run_folder", "kept_run"):
        monkeypatch.setattr(f"minibnn.training.{module}.has_matplotlib", lambda: False)
    status, printed, _ = run(capsys, "train", "image", *TINY_IMAGE, "--out-dir", tmp_path / "run")
    assert status == 0
    assert printed.endswith("For a picture: pip install 'minibnn[plots]' (in a clone: '.[plots]')\n")
    assert "curves.png" not in files_of(tmp_path / "run")


def test_the_demo_prints_both_tables_and_saves_its_picture(capsys, tmp_path, monkeypatch):
    """The whole demo, with fewer pictures, less text and one epoch."""

    monkeypatch.setattr(demo, "TRAINING_PICTURES", 4)
    monkeypatch.setattr(demo, "VALIDATION_PICTURES", 2)
    monkeypatch.setattr(demo, "IMAGES", demo.IMAGES | {"train.epochs": 1, "data.image_size": 16})
    small = {"train.epochs": 1, "model.emb_dim": 16, "model.num_blocks": 1, "data.vocab_size": 150}
    monkeypatch.setattr(demo, "TEXT", demo.TEXT | small)
    monkeypatch.setattr(
        demo, "builtin_text", lambda: "\n\n\n".join(f"One bit is all we need, {i}." for i in range(400))
    )
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    status, printed, _ = run(capsys, "demo", "--out-dir", ".")
    assert status == 0
    assert max(map(len, printed.splitlines())) <= 80
    for name in ("one bit", "32-bit", "32-bit, Normalize", "val ppl", "weights", "writes"):
        assert name in printed
    if has_matplotlib():
        assert (tmp_path / "learning.png").read_bytes()[:4] == b"\x89PNG"


def test_one_setting_for_the_threads_of_kernels_and_blas():
    """In a process of its own: both read their number once, when they are imported."""
    code = (
        "import os, sys\nfrom minibnn import cli\nfrom minibnn.commands import train\n"
        "train.train_new = lambda options, kind: print(os.environ['OPENBLAS_NUM_THREADS'], 'numpy' in sys.modules)\n"
        "cli.main(['train', 'image', '--threads', '1'])\nimport numba\nprint(numba.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False", "1"]
