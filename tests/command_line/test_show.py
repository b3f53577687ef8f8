"""`minibnn show`: bits, embedding, attention, latent weights and flips, as tables and pictures of real little runs."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minibnn.autograd.straight_through import bits_of
from minibnn.bits import load_packed, pack, save_packed
from minibnn.commands.show import _most_flipped
from minibnn.data import read_wikitext, running_text
from minibnn.layers import BATL, BNFCL
from minibnn.training.checkpoints import read_weights, saved_steps
from minibnn.training.config import read_config
from minibnn.training.latent import share_of_flips
from minibnn.training.run_data import run_of
from minibnn.training.run_folder import load_run


def rows_of(printed):
    """{first cell: [the others]} of the table that was printed."""
    lines = printed.split("\n\n")[0].splitlines()[2:]
    return {line.split()[0]: line.split()[1:] for line in lines}


def is_ours(path):
    with Image.open(path) as picture:
        return picture.info["Software"] == "minibnn show"


@pytest.mark.parametrize("run", ["image", "text"])
@pytest.mark.parametrize("part", ["packed.npz", ""])
def test_all_layers_are_drawn_and_listed(trained, minibnn, run, part):
    status, printed, err = minibnn("show", trained / run / part)
    assert (status, err) == (0, "")
    packed = load_packed(trained / run / "packed.npz")
    for name, bits in packed.named_bits():
        if name.endswith(".W"):
            line = next(line for line in printed.splitlines() if line.startswith(f"{name[:-2]} "))
            assert " x ".join(map(str, bits.shape)) in line
            assert f" {bits.count() / bits.size:.1%} " in line
    path = trained / run / ("packed-all.png" if part else "show-all.png")
    assert is_ours(path)
    with Image.open(path) as picture:
        assert f"{picture.width} x {picture.height} pixels: {path}" in printed


@pytest.mark.parametrize(
    ("run", "layer", "told"),
    [
        ("image", "conv1a", "A tile for each of 16 filters: red, green and blue shine where their bit is 1"),
        (
            "image",
            "conv1b.W",
            "A column for each of 16 filters, a row for each of 16 channels; each tile is 3 x 3 bits",
        ),
        ("image", "fc3", "A row for each of 128 inputs, a column for each of 3 units; cut into 7 pieces, side by side"),
        ("text", "embed.positions", "A row for each of 12 inputs"),
        ("text", "output.b", "a column for each of 120 units"),
    ],
)
def test_one_layer_is_drawn(trained, minibnn, run, layer, told):
    name = layer.removesuffix(".W").removesuffix(".b")
    status, printed, _ = minibnn("show", trained / run / "packed.npz", "--layer", layer)
    assert status == 0
    assert told in printed
    assert (trained / run / f"packed-{name}.png").exists()


def test_single_layers_are_drawn(tmp_path, minibnn):
    rng = np.random.default_rng(0)
    save_packed(pack(BNFCL(5, 3, "relu", rng=rng)), tmp_path / "layer.npz")
    assert minibnn("show", tmp_path / "layer.npz")[0] == 0
    assert (tmp_path / "layer-BNFCL.png").exists()
    save_packed(pack(BATL(4, 2, rng=rng)), tmp_path / "attention.npz")
    assert minibnn("show", tmp_path / "attention.npz")[0] == 0
    assert (tmp_path / "attention-all.png").exists()


@pytest.mark.parametrize("part", ["packed.npz", ""])
def test_embedding_rows_are_those_of_their_pieces(trained, minibnn, part):
    status, printed, _ = minibnn("show", trained / "text" / part, "--what", "embedding", "--tokens", "bread a ##r Is")
    assert status == 0
    run = load_run(trained / "text")
    tokens, table = run.wordpiece.tokens, bits_of(run.model.embed.tokens.W.data)
    found = rows_of(printed)
    assert {"a", "##r", *(tokens[i] for i in run.wordpiece.encode("bread is"))} == set(found)
    start = bits_of(run_of(run.config).model.embed.tokens.W.data)
    for name, (alike, equal, ones, *flipped) in found.items():
        row = table[tokens.index(name)]
        assert flipped == ([] if part else [f"{(row != start[tokens.index(name)]).mean():.0%}"])
        others = {token: (table[i] == row).mean() for i, token in enumerate(tokens) if token != name}
        assert ones == f"{row.mean():.0%}"
        assert equal == f"{max(others.values()):.0%}"
        assert others[alike] == max(others.values())
    assert is_ours(trained / "text" / ("packed-embedding.png" if part else "show-embedding.png"))


@pytest.mark.parametrize("part", ["", "packed.npz"])
def test_without_tokens_the_most_frequent_words_of_the_validation_text_are_shown(trained, minibnn, part):
    config = trained / "text" / "config.toml"
    folder = Path(read_config(config).data.folder)
    config.write_text(config.read_text().replace(str(folder), str(trained)))
    (trained / "wiki.valid.raw").write_text(" = Bread = \n \n Bread , bread ; flour . Flour is \n")
    printed = minibnn("show", trained / "text" / part, "--what", "embedding")[1]
    assert "These are the most frequent words of the run's validation text" in printed
    assert list(rows_of(printed))[:3] == ["bread", "flour", "is"]


def test_the_rarest_pieces_of_the_training_text_are_shown(trained, minibnn):
    run = load_run(trained / "text")
    text = (Path(run.config.data.folder) / "wiki.train.raw").read_text()
    times = {token: 0 for token in run.wordpiece.tokens if not token.startswith("[")}
    for i in run.wordpiece.encode(running_text(read_wikitext(run.config.data.folder, "train"))):
        times[run.wordpiece.tokens[i]] += 1
    assert text.count("Bread") > 0 == min(times.values())
    status, printed, _ = minibnn("show", trained / "text", "--what", "embedding", "--rare")
    assert status == 0
    assert list(rows_of(printed)) == sorted(times, key=times.get)[:30]
    assert "These are the rarest word pieces of the run's training text (each 0 times)" in printed
    assert {row[-1] for row in rows_of(printed).values()} == {"0%"}  # what is never read never flips


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["text", "--rare", "--tokens", "a"], "--tokens names word pieces, and --rare chooses the rarest: leave one"),
        (["apart.npz", "--rare"], "apart.npz is apart from its run, whose text would tell which are rare: name pieces"),
        (["moved", "--rare"], "the text that the run read would tell which are rare: there is no folder"),
    ],
)
def test_rare_pieces_need_the_text_of_a_run(arguments, told, trained, minibnn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("apart.npz").write_bytes((trained / "text" / "packed.npz").read_bytes())
    (trained / "sentences").rename("moved")
    config = Path("moved/config.toml")
    config.write_text(config.read_text().replace("/wiki", "/nowhere"))
    (trained / "text").rename("text")
    status, printed, err = minibnn("show", *arguments, "--what", "embedding")
    assert (status, printed, err.count("\n")) == (1, "", 1)
    assert told in err


def test_without_tokens_and_text_the_first_words_of_the_vocabulary_are_shown(trained, minibnn):
    config = trained / "text" / "config.toml"
    config.write_text(config.read_text().replace("/wiki", "/moved"))
    printed = minibnn("show", trained / "text", "--what", "embedding")[1]
    assert "These are the vocabulary's first words" in printed
    tokens = load_run(trained / "text").wordpiece.tokens
    assert list(rows_of(printed)) == [token for token in tokens if len(token) > 1 and token.isalpha()][:30]


@pytest.mark.parametrize("run", ["text", "text/packed.npz"])
def test_attention_is_told_and_drawn(trained, minibnn, run):
    arguments = ["--what", "attention", "--prompt", "Bread is a flour", "--layer", "blocks.0"]
    status, printed, err = minibnn("show", trained / run, *arguments)
    assert (status, err) == (0, "")
    assert list(rows_of(printed)) == ["0", "1", "2", "3"]
    assert "is a" in printed.split("tokens: ")[1]
    pytest.importorskip("matplotlib")
    name = "packed" if "packed" in run else "show"
    assert is_ours(trained / "text" / f"{name}-attention-blocks.0.png")


def test_latent_weights_are_told_and_drawn(trained, minibnn):
    status, printed, err = minibnn("show", trained / "image", "--what", "latent")
    assert (status, err) == (0, "")
    run = load_run(trained / "image")
    values = run.model.fc1.W.data
    distances = np.abs(values - values.mean(dtype=np.float64))
    weights, half, near, ones = rows_of(printed)["fc1"]
    assert weights == f"{values.size:,}"
    assert float(half) == pytest.approx(np.median(distances), rel=0.05)
    assert near == f"{(distances <= run.config.train.lr).mean():.2%}"
    assert ones == f"{(values > values.mean(dtype=np.float64)).mean():.1%}"
    pytest.importorskip("matplotlib")
    assert is_ours(trained / "image" / "show-latent.png")
    assert list(rows_of(minibnn("show", trained / "image", "--what", "latent", "--layer", "conv2a")[1])) == ["conv2a"]


def weights_of(model):
    return {name: tensor.data for name, tensor in model.named_parameters()}


@pytest.mark.parametrize("between", [None, ("start", "last"), (3, "best"), "paths"])
def test_flips_are_between_the_moments_that_are_named(trained, minibnn, between):
    folder = trained / "image"
    steps = saved_steps(folder)
    first = next(iter(steps))
    if between == "paths":
        between = list(steps.values())
    elif between and between[0] == 3:
        between = (first, "best")
    moments = {
        "start": lambda: weights_of(run_of(read_config(folder / "config.toml")).model),  # as training begins
        "best": lambda: weights_of(load_run(folder).model),
        "last": lambda: weights_of(load_run(folder, "last").model),
        first: lambda: read_weights(steps[first]),
        **{path: lambda path=path: read_weights(path) for path in steps.values()},
    }
    before, after = (moments[moment]() for moment in between or ("start", "best"))
    arguments = ["--between", *between] if between else []
    status, printed, err = minibnn("show", folder, "--what", "flips", *arguments)
    assert (status, err) == (0, "")
    for name, (bits, share, ups, downs) in rows_of(printed).items():
        old, new = bits_of(before[f"{name}.W"]), bits_of(after[f"{name}.W"])
        assert bits == f"{old.size:,}"
        assert share == f"{(old != new).mean():.2%}"
        assert (ups, downs) == (f"{(new & ~old).sum():,}", f"{(old & ~new).sum():,}")
    names = [f"step {m}" if m == first else getattr(m, "stem", m) for m in between or ("start", "best")]
    assert f"between {' and '.join(names)}" in printed
    changed = {name: (bits_of(before[name]) != bits_of(after[name])) for name in before}
    count, total = (sum(map(measure, changed.values())) for measure in (np.count_nonzero, np.size))
    assert f"% ({count:,} of {total:,}) flipped" in printed
    if between and find_spec("matplotlib"):
        (path,) = folder.glob("show-flips-*.png")
        moments = [str(getattr(moment, "stem", moment)) for moment in between]
        assert path.stem.endswith("-" + "-".join(moments))


def test_a_layer_in_which_bits_flipped_is_drawn_before_one_in_which_none_did():
    still, few, many = np.zeros(10, np.int8), np.eye(1, 30_000, dtype=np.int8), np.eye(50, 25_000, dtype=np.int8)
    kernels = {"still": still, "few": few, "many": many}
    assert _most_flipped(kernels, {name: share_of_flips([flips]) for name, flips in kernels.items()}) == "many"
    kernels["small"] = np.eye(1, 20, dtype=np.int8)
    assert _most_flipped(kernels, {name: share_of_flips([flips]) for name, flips in kernels.items()}) == "small"


def test_the_picture_of_flips_is_of_the_layer_that_is_named_or_of_a_small_one(trained, minibnn):
    pytest.importorskip("matplotlib")
    show = ["show", trained / "image", "--what", "flips"]
    assert minibnn(*show, "--layer", "fc2", "--out", trained / "x.png")[0] == 0
    assert is_ours(trained / "x.png")
    shares = {name: float(cells[1][:-1]) for name, cells in rows_of(minibnn(*show)[1]).items()}
    small = ("conv1a", "conv1b", "conv2a", "conv2b", "conv3a", "fc3")
    (drawn,) = (path.stem.removeprefix("show-flips-") for path in (trained / "image").glob("show-flips-*.png"))
    assert drawn in small
    assert shares[drawn] == max(shares[name] for name in small)


@pytest.mark.parametrize("what", ["attention", "latent", "flips"])
def test_without_matplotlib_there_is_the_table_and_a_note(trained, minibnn, monkeypatch, what):
    monkeypatch.setattr("minibnn.training.run_folder.has_matplotlib", lambda: False)
    status, printed, _ = minibnn("show", trained / "text", "--what", what)
    assert status == 0
    assert rows_of(printed)
    assert printed.endswith("For a picture: pip install 'minibnn[plots]' (in a clone: '.[plots]')\n")
    assert not list((trained / "text").glob("show-*"))


def test_a_picture_is_drawn_again_over_ours_and_over_nothing_else(trained, minibnn):
    show = ["show", trained / "image", "--layer", "conv1a"]
    assert minibnn(*show)[0] == minibnn(*show)[0] == 0
    latent = ["show", trained / "image", "--what", "latent"]
    assert minibnn(*latent)[0] == minibnn(*latent)[0] == 0
    for name, content in {"photo.png": b"\x89PNG no picture", "text.png": b""}.items():
        (trained / name).write_bytes(content)
        status, _, err = minibnn(*show, "--out", trained / name)
        assert status == 1
        assert "exists and was not drawn by minibnn show: move it away, or choose another --out" in err
        assert (trained / name).read_bytes() == content
    Image.new("RGB", (3, 3)).save(trained / "photo.png")
    assert minibnn(*show, "--out", trained / "photo.png")[0] == 1
    assert minibnn(*show, "--out", trained / "new.png", "--scale", 2)[0] == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_output_that_cannot_be_written_is_told_in_one_line(trained):
    code = "import sys; from minibnn.cli import main; sys.exit(main(['show', sys.argv[1], '--layer', 'fc3']))"
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-c", code, str(trained / "image")]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "minibnn: error: cannot write the output: No space left on device\n")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")  # the picture is there, and nobody wanted the table
    assert (trained / "image" / "show-fc3.png").exists()


MISTAKES = {
    "nothing": (["nowhere.npz"], 1, "there is no file or folder nowhere.npz; expected a packed model, or the folder"),
    "a preset": (["blm-small"], 1, "blm-small is a preset, which has no weights to show: minibnn info blm-small"),
    "floats": (["twin"], 1, "which has no bits to show"),
    "an unknown layer": (["image", "--layer", "conv9a"], 1, "no layer 'conv9a'; there are conv1a"),
    "a layer, nearly": (["image", "--layer", "cnv5b"], 1, "Did you mean 'conv5b'?"),
    "as no picture": (["image", "--out", "x.jpg"], 1, "expected the name of a picture that ends in .png"),
    "below nothing": (["image", "--out", "no/x.png"], 1, "there is no folder 'no'"),
    "in a folder": (["image", "--out", "folder.png"], 1, "it is a folder; add the name of a file"),
    "too large": (["image", "--layer", "conv5b", "--scale", "99"], 1, "is too large (up to 8,192): take"),
    "all too large": (["image", "--scale", "2000"], 1, "is too large (up to 8,192)"),
    "scale 0": (["image", "--scale", "0"], 2, "expected a whole number of at least 1, and got '0'"),
    "unknown part": (["image", "--what", "weights"], 2, "there is no 'weights'"),
    "embedding of pictures": (
        ["image", "--what", "embedding"],
        1,
        "holds an image run, and --what embedding is for models of text",
    ),
    "no tokens": (["text", "--what", "embedding", "--tokens", " "], 1, "--tokens: expected word pieces"),
    "embedding of a layer": (["text", "--what", "embedding", "--layer", "mlp1"], 1, "--layer is not for --what embed"),
    "attention of pictures": (["image/packed.npz", "--what", "attention"], 1, "holds a model of pictures"),
    "attention of no block": (["text", "--what", "attention", "--layer", "mlp1"], 1, "there are blocks.0, blocks.1"),
    "no prompt": (["text", "--what", "attention", "--prompt", ""], 1, "--prompt: expected some text"),
    "long prompt": (
        ["text", "--what", "attention", "--prompt", "a " * 13],
        1,
        "13 word pieces, and the model reads 12",
    ),
    "latent of bits": (["image/packed.npz", "--what", "latent"], 1, "holds bits only, and no latent weights: give the"),
    "latent of floats": (["twin", "--what", "latent"], 1, "holds a 32-bit twin, which has no latent weights"),
    "flips of floats": (["twin", "--what", "flips"], 1, "holds a 32-bit twin, which has no bits that flip"),
    "flips of no file": (["image", "--what", "flips", "--between", "a", "b"], 1, "there is no checkpoint a; give"),
    "flips of no step": (
        ["image", "--what", "flips", "--between", "1", "best"],
        1,
        "has no checkpoint of step 1; it has",
    ),
    "flips of others": (
        ["image", "--what", "flips", "--between", "image/checkpoints/best.npz", "text/checkpoints/best.npz"],
        1,
        "the two checkpoints are of different models",
    ),
    "prompt for bits": (["text", "--prompt", "a"], 1, "--prompt is for --what attention, and this is --what bits"),
    "scale for flips": (["image", "--what", "flips", "--scale", "2"], 1, "--scale is for --what bits"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_one_line_and_nothing_is_written(name, trained, minibnn, monkeypatch):
    (trained / "folder.png").mkdir()
    monkeypatch.chdir(trained)
    arguments, expected, message = MISTAKES[name]
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()}
    status, printed, err = minibnn("show", *arguments)
    assert (status, printed) == (expected, "")
    assert message in err.splitlines()[-1]
    assert "error: " in err.splitlines()[-1]
    assert "Traceback" not in err
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()} == before


def test_a_damaged_file_is_told_in_one_line(trained, minibnn):
    path = trained / "text" / "packed.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    status, printed, err = minibnn("show", path)
    assert (status, printed) == (1, "")
    assert "is damaged: its content does not fit the checksum at its end; copy the file again" in err
    assert len(err.splitlines()) == 1
