"""`minibnn pack`, `info FILE`, `show` and `generate FILE`: the bits of a run, kept, told, drawn and put to work."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from minibnn.bits import BitTensor, load_packed, pack, save_packed
from minibnn.bits import picture as drawing
from minibnn.bits.packing import random_packed
from minibnn.cli import main
from minibnn.commands.generate import load_writer
from minibnn.commands.pack import layers_of
from minibnn.layers import BATL, BNCVL, BNFCL, ShapesOnly
from minibnn.layers.module import evaluating
from minibnn.models import BCVNN, generate
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


@pytest.fixture
def minibnn(capsys):
    """(exit status, standard output, standard error) of `minibnn ARGUMENTS`."""

    def command(*arguments):
        capsys.readouterr()
        try:
            status = main([str(a) for a in arguments])
        except SystemExit as error:  # argparse
            status = error.code
        out = capsys.readouterr()
        return status, out.out, out.err

    return command


def test_pack_keeps_the_bits_of_the_run_and_what_they_are_about(made):
    packed, run = load_packed(made / "image" / "packed.npz"), load_run(made / "image")
    assert dict(packed.named_bits()) == dict(pack(run.model).named_bits())
    metrics = [json.loads(line) for line in (made / "image" / "metrics.jsonl").read_text().splitlines()]
    validation = packed.about.pop("validation")
    assert packed.about == {"class_names": ["pizza", "sushi"], "image_size": 16, "preset": "tiny"}
    assert validation["loss"] == metrics[-1]["val_loss"]
    assert validation["best"]["accuracy"] == max(record["val_accuracy"] for record in metrics)
    images = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 3)).astype(np.float32)
    with evaluating(run.model):
        np.testing.assert_allclose(packed.logits(images).data, run.model.logits(images).data, rtol=1e-4, atol=1e-5)


def test_pack_prints_sizes_and_what_to_do_next(runs, minibnn):
    (runs / "text" / "packed.npz").unlink()
    path = runs / "text" / "packed.npz"
    status, printed, err = minibnn("pack", runs / "text")
    assert (status, err) == (0, "")
    packed, floats = (file.stat().st_size for file in (path, runs / "text" / "weights.npz"))
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


@pytest.mark.parametrize(("run", "metric", "best"), [("image", "accuracy", 2), ("text", "perplexity", 1)])
def test_the_best_epoch_is_the_one_with_the_highest_accuracy_or_the_lowest_perplexity(runs, minibnn, run, metric, best):
    figures = {1: 0.25, 2: 0.75, 3: 0.5, 4: None}
    lines = [json.dumps({"epoch": epoch, "val_loss": 1.5, f"val_{metric}": v}) for epoch, v in figures.items()]
    (runs / run / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    assert minibnn("pack", runs / run)[0] == 0
    expected = {"epoch": 3, "loss": 1.5, metric: 0.5, "best": {"epoch": best, metric: figures[best]}}
    assert load_packed(runs / run / "packed.npz").about["validation"] == expected


def test_a_run_that_ended_before_its_first_epoch_is_packed_without_figures(runs, minibnn):
    (runs / "image" / "metrics.jsonl").unlink()
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
    assert any(line.startswith("validation epoch 2, loss ") for line in lines)


def test_info_of_a_writer_and_of_a_run_that_is_not_packed(runs, minibnn):
    printed = minibnn("info", runs / "text" / "packed.npz")[1]
    assert "mask_value  -inf" in printed
    assert "vocabulary  120: [PAD], [UNK]" in printed
    assert "64 x" not in printed  # its sequences have 12 tokens
    assert ", best epoch " in printed
    (runs / "text" / "packed.npz").unlink()
    assert f"not yet: minibnn pack {runs / 'text'}" in minibnn("info", runs / "text")[1]


def test_info_and_show_of_single_layers(tmp_path, minibnn):
    rng = np.random.default_rng(0)
    save_packed(pack(BNFCL(5, 3, "relu", rng=rng)), tmp_path / "layer.npz", about={"note": "a\x1b[31mb" + "c" * 200})
    printed = minibnn("info", tmp_path / "layer.npz")[1]
    assert "packed BNFCL of" in printed
    assert "note       a?[31mbccc" in printed
    assert max(map(len, printed.splitlines())) < 120
    assert minibnn("show", tmp_path / "layer.npz")[0] == 0
    assert (tmp_path / "layer-BNFCL.png").exists()
    save_packed(pack(BATL(4, 2, rng=rng)), tmp_path / "attention.npz")
    assert "projection" in minibnn("info", tmp_path / "attention.npz")[1]
    assert minibnn("show", tmp_path / "attention.npz")[0] == 0
    assert (tmp_path / "attention-all.png").exists()


@pytest.mark.parametrize("run", ["image", "text"])
@pytest.mark.parametrize("part", ["packed.npz", ""])
def test_show_draws_all_layers_and_lists_them(runs, minibnn, run, part):
    status, printed, err = minibnn("show", runs / run / part)
    assert (status, err) == (0, "")
    packed = load_packed(runs / run / "packed.npz")
    for name, bits in packed.named_bits():
        if name.endswith(".W"):
            line = next(line for line in printed.splitlines() if line.startswith(f"{name[:-2]} "))
            assert " x ".join(map(str, bits.shape)) in line
            assert f" {bits.count() / bits.size:.1%} " in line
    with Image.open(runs / run / "packed-all.png") as picture:
        assert picture.info["Software"] == "minibnn show"
        assert f"{picture.width} x {picture.height} pixels: {runs / run / 'packed-all.png'}" in printed


@pytest.mark.parametrize(
    ("run", "layer", "told"),
    [
        ("image", "conv1a", "A tile for each of 16 filters: red, green and blue shine where their bit is 1"),
        (
            "image",
            "conv1b.W",
            "A column for each of 16 filters, a row for each of 16 channels; each tile is 3 x 3 bits",
        ),
        ("image", "fc3", "A row for each of 128 inputs, a column for each of 2 units; cut into 8 pieces, side by side"),
        ("text", "embed.positions", "A row for each of 12 inputs"),
        ("text", "output.b", "a column for each of 120 units; below, the bias"),
    ],
)
def test_show_draws_one_layer(runs, minibnn, run, layer, told):
    name = layer.removesuffix(".W").removesuffix(".b")
    status, printed, _ = minibnn("show", runs / run / "packed.npz", "--layer", layer)
    assert status == 0
    assert told in printed
    assert (runs / run / f"packed-{name}.png").exists()


def pixels_of(layer, scale, name="fc"):
    picture, told = drawing.picture_of(name, layer, scale)
    return np.asarray(picture), told


def colour_counts(pixels):
    return {colour: int((pixels == colour).all(-1).sum()) for colour in (drawing.ONE, drawing.ZERO)}


def legend():
    """Pixels of the two squares that say which colour is which."""
    return 14 * 14


@pytest.mark.parametrize("scale", [1, 3, 8])
@pytest.mark.parametrize("shape", [(6, 7), (40, 3), (3, 40), (1, 1), (3, 3, 2, 5), (2, 2, 5, 1), (1, 1, 4, 4)])
def test_every_bit_is_in_the_picture_at_its_scale(shape, scale):
    rng = np.random.default_rng(0)
    kernel, bias = rng.random(shape) > 0.4, rng.random(shape[-1]) > 0.4
    build = BNFCL(*shape, rng=rng) if len(shape) == 2 else BNCVL(shape[2], shape[3], shape[0], rng=rng)
    layer = pack(build)
    layer.W_q = type(layer.W_q)(BitTensor.from_array(kernel))
    layer.b_q = BitTensor.from_array(bias)
    pixels, told = pixels_of(layer, scale)
    width = scale if len(shape) == 2 else scale * shape[0]
    bias_pixels = width * scale * -(-8 // scale)
    counts = colour_counts(pixels)
    assert counts[drawing.ONE] == kernel.sum() * scale**2 + bias.sum() * bias_pixels + legend()
    assert counts[drawing.ZERO] == (~kernel).sum() * scale**2 + (~bias).sum() * bias_pixels + legend()
    assert "mean" not in told


def test_bits_stand_where_the_words_say():
    """Row i and column j of the matrix is the bit of input i and unit j, and filter and channel in a convolution."""
    rng = np.random.default_rng(0)
    kernel = np.zeros((4, 5), bool)
    kernel[2, 3] = True
    cells, strip, _ = drawing._matrix(BitTensor.from_array(kernel), BitTensor.from_array(kernel[2]))
    np.testing.assert_array_equal(cells[0, 0], kernel)
    np.testing.assert_array_equal(strip[0, 0, 0], kernel[2])
    kernel = rng.random((2, 2, 4, 6)) > 0.5
    cells, strip, _ = drawing._filters(BitTensor.from_array(kernel), BitTensor.from_array(kernel[0, 0, 0]))
    np.testing.assert_array_equal(cells[3, 4], kernel[:, :, 3, 4])
    np.testing.assert_array_equal(strip[0, :, 0, 1], kernel[0, 0, 0])
    kernel = rng.random((2, 2, 3, 6)) > 0.5
    cells, _, _ = drawing._filters(BitTensor.from_array(kernel), BitTensor.from_array(kernel[0, 0, 0]))
    np.testing.assert_array_equal(cells.reshape(-1, 2, 2, 3)[4], kernel[..., 4])


def test_a_long_matrix_is_cut_into_pieces_in_order():
    rng = np.random.default_rng(0)
    tall, wide = rng.random((19, 2)) > 0.5, rng.random((2, 19)) > 0.5
    cells, strip, told = drawing._matrix(BitTensor.from_array(tall), BitTensor.from_array(tall[0]))
    assert "cut into 3 pieces, side by side" in told
    np.testing.assert_array_equal(np.concatenate(cells[0])[:19], tall)
    np.testing.assert_array_equal(strip[0, 0, 0], tall[0])
    cells, strip, told = drawing._matrix(BitTensor.from_array(wide), BitTensor.from_array(wide[0]))
    assert "cut into 3 pieces, one below the other" in told
    np.testing.assert_array_equal(np.concatenate(cells[:, 0], axis=1)[:, :19], wide)
    np.testing.assert_array_equal(np.concatenate(strip[:, 0], axis=1)[0, :19], wide[0])
    assert np.isnan(cells).sum() == 4


def test_large_layers_are_averaged_and_say_so(monkeypatch):
    monkeypatch.setattr(drawing, "MOST_CELLS", 10)
    rng = np.random.default_rng(0)
    kernel, bias = rng.random((25, 35)) > 0.5, rng.random(35) > 0.5
    cells, strip, told = drawing._matrix(BitTensor.from_array(kernel), BitTensor.from_array(bias))
    assert "each dot is the mean of 3 x 3 bits" in told
    assert cells.shape == (1, 1, 9, 12)
    assert cells[0, 0, 0, 0] == pytest.approx(kernel[:3, :3].mean())
    assert cells[0, 0, 8, 11] == pytest.approx(kernel[24:, 33:].mean())
    assert strip[0, 0, 0, 11] == pytest.approx(bias[33:].mean())
    kernel = rng.random((2, 2, 9, 9)) > 0.5
    cells, strip, told = drawing._filters(BitTensor.from_array(kernel), BitTensor.from_array(kernel[0, 0, 0]))
    assert "each dot is the mean of 2 x 2 bits" in told
    np.testing.assert_allclose(cells[0, 0], kernel.mean((0, 1)))
    np.testing.assert_array_equal(strip[0, 0, 0], kernel[0, 0, 0])


def test_the_paper_s_classifier_is_drawn_whole():
    layers = layers_of(random_packed(BCVNN(rng=ShapesOnly()), np.random.default_rng(0)))
    picture, told = drawing.picture_of_all(layers)
    assert "Each dot is the mean of 2 bits" in told
    assert max(picture.size) <= 5000
    picture, told = drawing.picture_of("conv5b", layers["conv5b"])
    assert "512 filters, a row for each of 512 channels; each tile is 3 x 3 bits" in told
    assert picture.width < 2200


def test_a_picture_is_drawn_again_over_ours_and_over_nothing_else(runs, minibnn):
    show = ["show", runs / "image", "--layer", "conv1a"]
    assert minibnn(*show)[0] == minibnn(*show)[0] == 0
    for name, content in {"photo.png": b"\x89PNG no picture", "text.png": b""}.items():
        (runs / name).write_bytes(content)
        status, _, err = minibnn(*show, "--out", runs / name)
        assert status == 1
        assert "exists and was not drawn by minibnn show: move it away, or choose another --out" in err
        assert (runs / name).read_bytes() == content
    Image.new("RGB", (3, 3)).save(runs / "photo.png")
    assert minibnn(*show, "--out", runs / "photo.png")[0] == 1
    assert minibnn(*show, "--out", runs / "new.png", "--scale", 2)[0] == 0


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
    "pack a file": (["pack", "text/weights.npz"], 1, "is a file; expected the folder of a run"),
    "pack floats": (["pack", "float"], 1, "float holds a 32-bit twin, which has no bits to pack"),
    "pack into a folder": (["pack", "text", "--out", "image"], 1, "it is a folder; add the name of a file"),
    "pack below nothing": (["pack", "text", "--out", "no/x.npz"], 1, "there is no folder 'no'; create it first"),
    "pack without a run": (["pack"], 2, "the following arguments are required: RUN"),
    "info of nothing": (["info", "tinny"], 1, "there is no file or folder 'tinny', and no such preset: "),
    "info of nothing, nearest": (["info", "tinny"], 1, "Did you mean 'tiny'?"),
    "info of floats": (["info", "float"], 1, "which has no bits to pack"),
    "info of float weights": (["info", "text/weights.npz"], 1, "it is a zip of another program, such as np.savez"),
    "info of another folder": (["info", "wiki"], 1, "wiki holds no run"),
    "info of text": (["info", "text/vocab.txt"], 1, "does not begin as a packed model does"),
    "show nothing": (["show", "nowhere.npz"], 1, "cannot read nowhere.npz: No such file"),
    "show floats": (["show", "float"], 1, "which has no bits to pack"),
    "show an unknown layer": (["show", "image", "--layer", "conv9a"], 1, "no layer 'conv9a'; there are conv1a"),
    "show a layer, nearly": (["show", "image", "--layer", "cnv5b"], 1, "Did you mean 'conv5b'?"),
    "show as no picture": (["show", "image", "--out", "x.jpg"], 1, "expected the name of a picture that ends in .png"),
    "show below nothing": (["show", "image", "--out", "no/x.png"], 1, "there is no folder 'no'"),
    "show in a folder": (["show", "image", "--out", "folder.png"], 1, "it is a folder; add the name of a file"),
    "show too large": (["show", "image", "--layer", "conv5b", "--scale", "99"], 1, "is too large (up to 8,192): take"),
    "show all too large": (["show", "image", "--scale", "2000"], 1, "is too large (up to 8,192)"),
    "show scale 0": (["show", "image", "--scale", "0"], 2, "expected a whole number of at least 1, and got '0'"),
    "generate of images": (["generate", "image/packed.npz"], 1, "holds a model of pictures, which cannot write"),
    "generate of floats": (["generate", "text/weights.npz"], 1, "holds the float weights of a run: give its folder"),
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


@pytest.mark.parametrize("command", ["info", "show", "generate"])
def test_a_damaged_file_is_told_in_one_line(runs, minibnn, command):
    path = runs / "text" / "packed.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    status, printed, err = minibnn(command, path)
    assert (status, printed) == (1, "")
    assert "is damaged: its content does not fit the checksum at its end; copy the file again" in err
    assert len(err.splitlines()) == 1
