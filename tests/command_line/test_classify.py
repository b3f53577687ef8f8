"""`minibnn classify`: what a classifier sees in photos, float and packed, and what is said of those it cannot read."""

import numpy as np
import pytest
from PIL import Image

from minibnn.bits import load_packed, pack, save_packed
from minibnn.data import draw_dishes, to_float
from minibnn.layers import BNFCL
from minibnn.layers.module import evaluating
from minibnn.models import BCVNN
from minibnn.training.run_folder import load_run

CLASSES = ["pizza", "sushi", "burger"]


@pytest.fixture
def photos(tmp_path):
    """Paths of three drawn dishes, saved as PNG without loss, and their pixels."""
    dishes = draw_dishes(1, 16, seed=5, classes=CLASSES)
    paths = [tmp_path / f"{name}.png" for name in CLASSES]
    for path, pixels in zip(paths, dishes.images, strict=True):
        Image.fromarray(pixels).save(path)
    return paths, dishes.images


def told(printed):
    """{photo: [(class, share as text), ...]} of what was printed."""
    found = {}
    for block in printed.strip().split("\n\n"):
        name, *lines = block.splitlines()
        found[name] = [tuple(line.split()[:2]) for line in lines]
    return found


@pytest.mark.parametrize("part", ["", "packed.npz"])
def test_the_classes_come_by_their_probability(trained, photos, minibnn, part):
    paths, pixels = photos
    status, printed, err = minibnn("classify", trained / "image" / part, *paths, "--top", 2)
    assert (status, err) == (0, "")
    run = load_run(trained / "image")
    with evaluating(run.model):
        probabilities = run.model(to_float(pixels)).data
    for path, row in zip(paths, probabilities, strict=True):
        first, second = np.argsort(-row, kind="stable")[:2]
        expected = [(CLASSES[i], f"{row[i]:.1%}") for i in (first, second)]
        assert told(printed)[str(path)] == expected
        lengths = [line.count("#") for line in printed.split(f"{path}\n")[1].splitlines()[:2]]
        assert lengths == [round(30 * float(row[i])) for i in (first, second)]


def test_a_model_that_is_known_to_say_sushi_says_sushi(tmp_path, photos, minibnn):
    """Of the last layer only the bias of class 1 is set, and Normalize makes the largest logit of it."""
    rng = np.random.default_rng(0)
    model = BCVNN(3, 3, widths=(2, 2, 2, 2, 2), units=(4, 4), rng=rng)
    model.fc3.W.data[...] = -1  # all equal: zeros as bits
    model.fc3.b.data[...] = [0, 1, 0]
    about = {"class_names": CLASSES, "image_size": 16}
    save_packed(pack(model), tmp_path / "sushi.npz", about=about)
    paths, _ = photos
    status, printed, _ = minibnn("classify", tmp_path / "sushi.npz", *paths, "--top", 9)
    assert status == 0
    z = np.array([-1, 2, -1]) / np.sqrt(2)  # Normalize of (0, 1, 0)
    share = np.exp(z[1]) / np.exp(z).sum()
    for lines in told(printed).values():
        assert [name for name, _ in lines] == ["sushi", "pizza", "burger"]
        assert lines[0][1] == f"{share:.1%}"


def test_a_large_photo_is_cropped_and_scaled_as_in_training(trained, tmp_path, minibnn):
    wide = np.zeros((64, 128, 3), np.uint8)
    wide[:, 32:96] = draw_dishes(1, 64, seed=3, classes=["pizza"]).images[0]  # the central square
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(wide[:, 32:96]).save(tmp_path / "square.png")
    found = told(minibnn("classify", trained / "image", tmp_path / "wide.png", tmp_path / "square.png")[1])
    assert found[str(tmp_path / "wide.png")] == found[str(tmp_path / "square.png")]


def test_the_others_are_classified_and_the_status_is_1(trained, photos, tmp_path, minibnn):
    paths, _ = photos
    (tmp_path / "no.jpg").write_text("no photo")
    (tmp_path / "cut.png").write_bytes(paths[0].read_bytes()[:99])
    wrong = [tmp_path, tmp_path / "missing.jpg", tmp_path / "no.jpg", tmp_path / "cut.png"]
    status, printed, err = minibnn("classify", trained / "image", paths[0], *wrong, paths[1])
    assert status == 1
    assert list(told(printed)) == [str(paths[0]), str(paths[1])]
    lines = err.splitlines()
    for line, path, message in zip(
        lines, wrong, ("is a folder", "photo missing", "unreadable photo", "unreadable photo"), strict=True
    ):
        assert line.startswith("minibnn: error: ")
        assert message in line
        assert str(path) in line


def test_names_and_sizes_of_a_file_from_elsewhere_are_checked(trained, photos, tmp_path, minibnn):
    packed, (paths, _) = load_packed(trained / "image" / "packed.npz"), photos
    for about, message in (
        ({"class_names": ["a", "b"], "image_size": 16}, "does not name its 3 classes as it should: pack the run again"),
        ({"class_names": ["a", "b", 3], "image_size": 16}, "does not name its 3 classes"),
        ({"class_names": ["a", "b", "a"], "image_size": 16}, "does not name its 3 classes"),
        ({"class_names": CLASSES}, "does not say how large its pictures were"),
        ({"class_names": CLASSES, "image_size": 10**9}, "does not say how large"),
        ({"class_names": CLASSES, "image_size": True}, "does not say how large"),
    ):
        save_packed(packed, tmp_path / "odd.npz", about=about)
        status, printed, err = minibnn("classify", tmp_path / "odd.npz", paths[0])
        assert (status, printed) == (1, "")
        assert message in err
    save_packed(packed, tmp_path / "odd.npz", about={"class_names": ["\x1b[31mred", "b", "c"], "image_size": 16})
    printed = minibnn("classify", tmp_path / "odd.npz", paths[0])[1]
    assert "?[31mred" in printed
    assert "\x1b" not in printed
    save_packed(packed, tmp_path / "bare.npz", about={"image_size": 16})
    assert "class 2" in minibnn("classify", tmp_path / "bare.npz", paths[0])[1]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["text", "photo"], 1, "holds a writer, which knows no pictures; train a classifier with minibnn train image"),
        (["text/packed.npz", "photo"], 1, "holds a writer, which knows no pictures"),
        (["nowhere", "photo"], 1, "there is no folder nowhere"),
        (["image/checkpoints/best.npz", "photo"], 1, "holds the float weights of a run: give its folder, image"),
        (["image/metrics.jsonl", "photo"], 1, "does not begin as a packed model does"),
        (["layer.npz", "photo"], 1, "holds a single layer, and no model of pictures or text"),
        (["image"], 2, "the following arguments are required: PHOTO"),
        (["image", "photo", "--top", "0"], 2, "expected a whole number of at least 1"),
    ],
)
def test_a_mistake_is_told_in_one_line(trained, minibnn, monkeypatch, arguments, status, message):
    monkeypatch.chdir(trained)
    save_packed(pack(BNFCL(3, 2, rng=np.random.default_rng(0))), "layer.npz")
    found, printed, err = minibnn("classify", *arguments)
    assert (found, printed) == (status, "")
    assert message in err.splitlines()[-1]
