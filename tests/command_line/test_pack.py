"""`minibnn pack`, `info FILE` and `generate FILE`: the bits of a run, kept, told and put to work."""

import json
import shutil

import numpy as np
import pytest

from minibnn.bits import load_packed, pack, save_packed
from minibnn.cli import main
from minibnn.commands.generate import load_writer
from minibnn.layers import BATL, BNFCL
from minibnn.layers.module import evaluating
from minibnn.models import generate
from minibnn.training.run_folder import load_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a packed run on text, one on images, and a run of a 32-bit twin."""
    root = tmp_path_factory.mktemp("runs")
    (root / "wiki").mkdir()
    for split in ("train", "valid"):
        text = " = Bread = \n \n Bread is made of flour . It is baked , or fried ; rye is a flour . \n"
        (root / "wiki" / f"wiki.{split}.raw").write_text(text * 12)
    text = ["text", "--data", root / "wiki", "--vocab-size", 120, "--max-len", 12, "--epochs", 2]
    image = ["image", "--per-class", 3, "--classes", "pizza,sushi", "--image-size", 16, "--max-steps", 2]
    for name, arguments in {"text": text, "image": image, "float": [*image, "--standard"]}.items():
        assert main([str(a) for a in ["train", *arguments, "--out-dir", root / name]]) == 0
    for name in ("text", "image"):
        assert main(["pack", str(root / name)]) == 0
    return root


@pytest.fixture
def runs(made, tmp_path):
    """A copy of it, to change."""
    return shutil.copytree(made, tmp_path / "runs")


def test_pack_keeps_the_bits_of_the_run_and_what_they_are_about(made):
    packed, run = load_packed(made / "image" / "packed.npz"), load_run(made / "image")
    assert dict(packed.named_bits()) == dict(pack(run.model).named_bits())
    metrics = [json.loads(line) for line in (made / "image" / "metrics.jsonl").read_text().splitlines()]
    validation = packed.about.pop("validation")
    assert packed.about == {"class_names": ["pizza", "sushi"], "image_size": 16, "preset": "tiny"}
    assert validation["accuracy"] == max(record["val_accuracy"] for record in metrics)
    assert validation == {"epoch": run.epoch, **run.figures}
    images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 3)).astype(np.float32)
    with evaluating(run.model):
        np.testing.assert_allclose(packed.logits(images).data, run.model.logits(images).data, rtol=1e-4, atol=1e-5)


def test_pack_prints_sizes_and_what_to_do_next(runs, minibnn):
    (runs / "text" / "packed.npz").unlink()
    path = runs / "text" / "packed.npz"
    status, printed, err = minibnn("pack", runs / "text")
    assert (status, err) == (0, "")
    packed, floats = path.stat().st_size, 4 * load_packed(path).num_bits()
    for shown in (f"{packed:,}", f"{floats:,}", f"{floats / packed:.1f} times smaller", f"minibnn generate {path}"):
        assert shown in printed
    assert "in place of" not in printed
    first = path.read_bytes()
    assert "in place of those of before" in minibnn("pack", runs / "text")[1]
    assert "in place of" in minibnn("pack", runs / "text", "--out", path)[1]
    assert path.read_bytes() == first
    assert "generate" not in minibnn("pack", runs / "image")[1]


def test_pack_writes_where_it_is_told_and_not_over_what_may_be_another(runs, minibnn):
    out = runs / "other name"
    status, printed, _ = minibnn("pack", runs / "image", "--out", out)
    assert status == 0
    assert f"minibnn info '{out}'" in printed
    before = out.read_bytes()
    status, _, err = minibnn("pack", runs / "text", "--out", out)
    assert status == 1
    assert "already exists, and may be another model: move it away" in err
    assert out.read_bytes() == before


def test_training_packs_the_best_epoch_and_pack_writes_the_same(made, runs, minibnn):
    for name in ("image", "text"):
        written = (runs / name / "packed.npz").read_bytes()
        (runs / name / "packed.npz").unlink()
        assert minibnn("pack", runs / name)[0] == 0
        assert (runs / name / "packed.npz").read_bytes() == written


def test_a_run_that_ended_before_its_first_epoch_is_packed_without_figures(runs, minibnn):
    (runs / "image" / "checkpoints" / "best.npz").unlink()
    assert minibnn("pack", runs / "image")[0] == 0
    assert "validation" not in load_packed(runs / "image" / "packed.npz").about


@pytest.mark.parametrize("name", ["image/packed.npz", "image"])
def test_info_of_a_packed_file_or_its_run(made, minibnn, name):
    status, printed, err = minibnn("info", made / name)
    assert (status, err) == (0, "")
    packed = load_packed(made / "image" / "packed.npz")
    ones = sum(bits.count() for _, bits in packed.named_bits()) / packed.num_bits()
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert lines[0] == f"packed BCVNN of {made / 'image' / 'packed.npz'}"
    for line in (
        "kernel_size 3",
        "widths 16, 32, 64, 128, 256",
        "normalize_over channels",
        "conv1a BNCVL 3 x 3 x 3 x 16 16 x 16 x 16 448 1,792 56",
        "fc3 BNFCL 128 x 2 2 258 1,032 33",
        f"bits {packed.num_bits():,}, {ones:.1%} of them ones",
        f"on disk {(made / 'image' / 'packed.npz').stat().st_size:,} bytes",
        f"in memory {packed.nbytes:,} bytes",
        "class_names 2: pizza, sushi",
        "image_size 16",
    ):
        assert line in lines
    assert any(line.startswith("validation epoch 1, loss ") for line in lines)


def test_info_of_a_writer_and_of_a_run_that_is_not_packed(runs, minibnn):
    printed = minibnn("info", runs / "text" / "packed.npz")[1]
    assert "mask_value  -inf" in printed
    assert "vocabulary  120: [PAD], [UNK]" in printed
    assert "64 x" not in printed  # its sequences have 12 tokens
    assert ", perplexity " in printed
    (runs / "text" / "packed.npz").unlink()
    assert f"not yet: minibnn pack {runs / 'text'}" in minibnn("info", runs / "text")[1]


def test_info_of_a_twin_shows_its_layers(made, minibnn):
    status, printed, err = minibnn("info", made / "float")
    assert (status, err) == (0, "")
    assert printed.splitlines()[0].startswith("image run of a 32-bit twin")
    assert f"{load_run(made / 'float').model.num_parameters():,}" in printed


def test_info_of_single_layers(tmp_path, minibnn):
    rng = np.random.default_rng(0)
    save_packed(pack(BNFCL(5, 3, "relu", rng=rng)), tmp_path / "layer.npz", about={"note": "a\x1b[31mb" + "c" * 200})
    printed = minibnn("info", tmp_path / "layer.npz")[1]
    assert "packed BNFCL of" in printed
    assert "note       a?[31mbccc" in printed
    assert max(map(len, printed.splitlines())) < 120
    save_packed(pack(BATL(4, 2, rng=rng)), tmp_path / "attention.npz")
    assert "projection" in minibnn("info", tmp_path / "attention.npz")[1]


def test_generate_writes_with_the_bits_what_the_floats_write(made, minibnn):
    for options in (["--greedy"], ["--greedy", "--prompt", "Rye is"], ["--greedy", "--prompt", ""]):
        floats = minibnn("generate", made / "text", "--tokens", 40, *options)
        assert floats == minibnn("generate", made / "text" / "packed.npz", "--tokens", 40, *options)
        assert floats[0] == 0
    model, wordpiece = load_writer(made / "text" / "packed.npz")
    ids = wordpiece.encode("bread")
    floats = load_run(made / "text").model
    assert list(generate(model, ids, 60, temperature=0)) == list(generate(floats, ids, 60, temperature=0))


def test_generate_with_a_vocabulary_from_a_file(runs, minibnn):
    packed = load_packed(runs / "text" / "packed.npz")
    save_packed(packed, runs / "bare.npz", about={})
    expected = minibnn("generate", runs / "text", "--greedy")
    vocab = runs / "text" / "vocab.txt"
    assert minibnn("generate", runs / "bare.npz", "--greedy", "--vocab", vocab) == expected
    (runs / "short.txt").write_text("[PAD]\n[UNK]\n[CLS]\nthe\n")
    for arguments, message in (
        ([runs / "bare.npz"], "was kept without a vocabulary: give it by --vocab FILE, one piece per line"),
        ([runs / "bare.npz", "--vocab", runs / "nowhere.txt"], "cannot read the vocabulary"),
        (
            [runs / "bare.npz", "--vocab", runs / "short.txt"],
            "knows 120 word pieces, and the vocabulary has 4: give the",
        ),
        ([runs / "text" / "packed.npz", "--vocab", vocab], "has its own vocabulary: leave --vocab out"),
        ([runs / "text", "--vocab", vocab], "has its own vocabulary: leave --vocab out"),
    ):
        status, printed, err = minibnn("generate", *arguments)
        assert (status, printed) == (1, "")
        assert message in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ("the", "must be a list of word pieces: pack the run again"),
        ([1, 2], "is none (vocabulary entry 0 is 1, expected a str): pack the run again"),
        (["[PAD]", "the"], "has no [UNK]"),
        (["[PAD]", "[UNK]"], "knows 120 word pieces, and the vocabulary has 2: pack the run again"),
    ],
)
def test_generate_with_a_vocabulary_that_is_none(runs, minibnn, vocabulary, message):
    packed = load_packed(runs / "text" / "packed.npz")
    save_packed(packed, runs / "odd.npz", about={"vocabulary": vocabulary})
    status, printed, err = minibnn("generate", runs / "odd.npz")
    assert (status, printed) == (1, "")
    assert message in err


MISTAKES = {
    "pack nothing": (["pack", "nowhere"], 1, "there is no folder nowhere; expected the folder of a run"),
    "pack a file": (["pack", "text/vocab.txt"], 1, "is a file; expected the folder of a run"),
    "pack floats": (["pack", "float"], 1, "float holds a 32-bit twin, which has no bits to pack"),
    "pack into a folder": (["pack", "text", "--out", "image"], 1, "it is a folder; add the name of a file"),
    "pack below nothing": (["pack", "text", "--out", "no/x.npz"], 1, "there is no folder 'no'; create it first"),
    "pack without a run": (["pack"], 2, "the following arguments are required: RUN"),
    "info of nothing": (["info", "tinny"], 1, "there is no file or folder 'tinny', and no such preset: "),
    "info of nothing, nearest": (["info", "tinny"], 1, "Did you mean 'tiny'?"),
    "info of float weights": (["info", "text/checkpoints/best.npz"], 1, "does not say that it is a minibnn packed"),
    "info of another folder": (["info", "wiki"], 1, "wiki holds no run"),
    "info of text": (["info", "text/vocab.txt"], 1, "does not begin as a packed model does"),
    "generate of images": (["generate", "image/packed.npz"], 1, "holds a model of pictures, which cannot write"),
    "generate of floats": (["generate", "text/checkpoints/best.npz"], 1, "weights of a run: give its folder, text"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_one_line_and_nothing_is_written(name, made, minibnn, monkeypatch):
    (made / "folder.png").mkdir(exist_ok=True)
    monkeypatch.chdir(made)
    arguments, expected, message = MISTAKES[name]
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file()}
    status, printed, err = minibnn(*arguments)
    assert (status, printed) == (expected, "")
    assert message in err.splitlines()[-1]
    assert "error: " in err.splitlines()[-1]
    assert "Traceback" not in err
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("command", ["info", "generate"])
def test_a_damaged_file_is_told_in_one_line(runs, minibnn, command):
    path = runs / "text" / "packed.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    status, printed, err = minibnn(command, path)
    assert (status, printed) == (1, "")
    assert "is damaged: its content does not fit the checksum at its end; copy the file again" in err
    assert len(err.splitlines()) == 1
