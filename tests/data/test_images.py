"""The image half of minibnn.data: photos of every kind, Food-101 folders complete and broken, drawn dishes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from minibnn.data.dishes import DISHES, draw_dishes
from minibnn.data.food101 import read_food101, read_photo
from minibnn.data.image_set import ImageSet, random_flips, to_float
from minibnn.errors import InputError, InputTypeError

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("MINIBNN_DATA", REPOSITORY.parent / "shared" / "data"))
ORANGE = (240, 130, 40)

needs = {
    name: pytest.mark.skipif(not (DATA / name).is_dir(), reason=f"no real photos at {DATA / name}; set MINIBNN_DATA")
    for name in ("food-101", "food-101-originals")
}


@pytest.fixture
def folder(tmp_path):
    """A Food-101 folder of three classes; the red channel of every photo tells which one it is."""
    lists = {
        "train": {"pie": ["pie/11", "pie/10", "pie/12"], "stew": ["stew/20", "stew/21"], "toast": ["toast/30"]},
        "test": {"pie": ["pie/13"], "stew": ["stew/22"], "toast": ["toast/31"]},
    }
    meta = tmp_path / "meta"
    meta.mkdir()
    (meta / "classes.txt").write_text("pie\nstew\ntoast\n")
    for split, table in lists.items():
        entries = [entry for of_class in table.values() for entry in of_class]
        (meta / f"{split}.txt").write_text("\n".join(entries) + "\n")
        (meta / f"{split}.json").write_text(json.dumps(table))
        for entry in entries:
            path = tmp_path / "images" / f"{entry}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 16), (int(entry.split("/")[1]) * 5, 0, 0)).save(path, quality=95)
    return tmp_path


def ids(image_set):
    return np.rint(image_set.images[:, 2, 2, 0] / 5).astype(int).tolist()


def quadrants(width, height):
    """Four different corners, so that every turn and mirror image differs."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (250, 20, 20)
    pixels[: height // 2, width // 2 :] = (20, 250, 20)
    pixels[height // 2 :, : width // 2] = (20, 20, 250)
    pixels[height // 2 :, width // 2 :] = (240, 240, 20)
    return Image.fromarray(pixels)


def save(tmp_path, image, name, **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


# One photo


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 24), st.sampled_from(["PNG", "JPEG"]))
@settings(max_examples=60, deadline=None)
def test_any_size_becomes_a_square_of_the_same_colour(tmp_path_factory, width, height, size, form):
    path = tmp_path_factory.getbasetemp() / f"any.{form.lower()}"
    Image.new("RGB", (width, height), ORANGE).save(path, format=form)
    photo = read_photo(path, size)
    assert photo.shape == (size, size, 3)
    assert photo.dtype == np.uint8
    assert np.abs(photo.astype(int) - ORANGE).max() <= 3


def test_photo_is_writable_and_path_may_be_text(tmp_path):
    path = save(tmp_path, Image.new("RGB", (9, 9), ORANGE), "a.png")
    photo = read_photo(str(path), np.int64(4))
    photo[0] = 0
    assert (read_photo(path, 4) == ORANGE).all()


GREY = round(0.299 * 240 + 0.587 * 130 + 0.114 * 40)


@pytest.mark.parametrize(
    ("mode", "name", "expected"),
    [
        ("RGB", "a.jpg", ORANGE),
        ("RGB", "a.webp", ORANGE),
        ("RGB", "a.bmp", ORANGE),
        ("RGB", "a.ppm", ORANGE),
        ("L", "a.jpg", (GREY,) * 3),
        ("L", "a.png", (GREY,) * 3),
        ("1", "a.png", (150, 150, 150)),
        ("P", "a.png", ORANGE),
        ("P", "a.gif", ORANGE),
        ("RGBA", "a.png", ORANGE),
        ("LA", "a.png", (GREY,) * 3),
        ("CMYK", "a.jpg", ORANGE),
        ("CMYK", "a.tif", ORANGE),
        ("YCbCr", "a.jpg", ORANGE),
    ],
)
def test_every_mode_becomes_rgb(tmp_path, mode, name, expected):
    image = Image.new("RGB", (30, 20), ORANGE)
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    path = save(tmp_path, image, name)
    tolerance = 90 if mode == "1" else 3  # black and white is dithered
    assert np.abs(read_photo(path, 5).astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("white", [65535, 30000])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path, white, name):
    path = save(tmp_path, Image.fromarray(np.full((8, 12), white, np.uint16)), name)
    assert (read_photo(path, 4) == white // 257).all()


def test_transparency_becomes_white(tmp_path):
    clear = save(tmp_path, Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "clear.png")
    half = save(tmp_path, Image.new("LA", (8, 8), (0, 128)), "half.png")
    palette = save(tmp_path, Image.new("P", (8, 8), 0), "palette.png", transparency=b"\x00\xff")
    assert (read_photo(clear, 4) == 255).all()
    assert (read_photo(half, 4) == 127).all()
    assert (read_photo(palette, 4) == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("shape", [(40, 24), (24, 40), (400, 300)])
def test_exif_orientation_is_applied(tmp_path, orientation, shape):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path, quadrants(*shape), "turned.jpg", exif=exif, quality=95, subsampling=0)
    with Image.open(path) as image:
        upright = ImageOps.fit(ImageOps.exif_transpose(image), (2, 2), Image.Resampling.BOX)
    assert np.abs(read_photo(path, 8)[1::5, 1::5].astype(int) - np.asarray(upright)).max() < 45


def test_broken_exif_does_not_matter(tmp_path):
    path = save(tmp_path, Image.new("RGB", (9, 9), ORANGE), "a.jpg", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x00junk")
    assert np.abs(read_photo(path, 4).astype(int) - ORANGE).max() <= 3


@pytest.mark.parametrize(("width", "height"), [(90, 30), (30, 90)])
def test_crop_is_central(tmp_path, width, height):
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[(height - 30) // 2 : (height + 30) // 2, (width - 30) // 2 : (width + 30) // 2] = ORANGE
    path = save(tmp_path, Image.fromarray(pixels), "a.png")
    assert (read_photo(path, 10) == ORANGE).all()


def test_fast_decoding_changes_little(tmp_path):
    ramp = np.linspace(0, 255, 640)
    pixels = np.stack(np.broadcast_arrays(ramp[None], ramp[:, None], 255 - ramp[None]), -1).astype(np.uint8)
    path = save(tmp_path, Image.fromarray(pixels), "a.jpg", quality=95)
    slow = Image.open(path).resize((32, 32), Image.Resampling.LANCZOS)
    assert np.abs(read_photo(path, 32).astype(int) - np.asarray(slow)).max() <= 6


def test_scaling_does_not_alias(tmp_path):
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    photo = read_photo(save(tmp_path, Image.fromarray(stripes), "a.png"), 16)
    assert np.abs(photo[:, 2:-2].astype(int) - 127).max() <= 3


def test_truncated_photo_is_named(tmp_path):
    path = save(tmp_path, quadrants(200, 200), "cut.jpg")
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(InputError, match=r"unreadable photo: expected a complete .*cut\.jpg.*truncated.*again"):
        read_photo(path, 8)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_file_that_is_no_photo(tmp_path, content):
    path = tmp_path / "page.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"unreadable photo.*page\.jpg"):
        read_photo(path, 8)


def test_other_formats_are_not_even_tried(tmp_path):
    path = tmp_path / "fax.jpg"
    Image.new("RGB", (9, 9)).save(path, format="PCX")
    with pytest.raises(InputError, match=r"unreadable photo.*fax\.jpg"):
        read_photo(path, 8)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damage_gives_a_photo_or_an_input_error(tmp_path_factory, data):
    buffer = io.BytesIO()
    form = data.draw(st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP"]))
    quadrants(12, 10).save(buffer, format=form)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.bin"
    path.write_bytes(content)
    refusal = None
    try:
        assert read_photo(path, 4).shape == (4, 4, 3)
    except InputError as error:
        refusal = str(error)
    assert refusal is None or "damaged.bin" in refusal


@pytest.mark.parametrize("side", [12, 30])  # Pillow warns above its limit and raises above twice that
def test_image_bomb(tmp_path, monkeypatch, side):
    path = save(tmp_path, Image.new("RGB", (side, side)), "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InputError, match=r"too large: expected at most 100 pixels.*bomb\.png"):
        read_photo(path, 8)


def test_photo_errors(tmp_path):
    with pytest.raises(InputError, match=r"photo missing: expected a file at .*no\.jpg"):
        read_photo(tmp_path / "no.jpg", 8)
    with pytest.raises(InputError, match="unreadable photo"):
        read_photo(tmp_path, 8)
    floating = save(tmp_path, Image.new("F", (4, 4)), "float.tif")
    with pytest.raises(InputError, match=r"floating-point.*float\.tif"):
        read_photo(floating, 8)
    with pytest.raises(InputTypeError, match="path must be a str or a path; came 3"):
        read_photo(3, 8)
    with pytest.raises(InputError, match="image_size must be at least 1; came 0"):
        read_photo(floating, 0)


# A folder of photos


def test_reads_in_the_order_of_classes_and_lists(folder):
    train = read_food101(folder, image_size=8)
    assert train.class_names == ("pie", "stew", "toast")
    assert ids(train) == [11, 10, 12, 20, 21, 30]
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 2]
    assert train.images.shape == (6, 8, 8, 3)
    assert (train.images.dtype, train.labels.dtype) == (np.uint8, np.int64)
    assert ids(read_food101(str(folder), "test", image_size=8)) == [13, 22, 31]


@pytest.mark.parametrize(
    ("choice", "names", "expected"),
    [
        ({"classes": 2}, ("pie", "stew"), [11, 10, 12, 20, 21]),
        ({"classes": ["toast", "pie"]}, ("toast", "pie"), [30, 11, 10, 12]),
        ({"per_class": 1}, ("pie", "stew", "toast"), [11, 20, 30]),
        ({"classes": ("stew",), "per_class": 9}, ("stew",), [20, 21]),
    ],
)
def test_selection(folder, choice, names, expected):
    chosen = read_food101(folder, image_size=4, **choice)
    assert chosen.class_names == names
    assert ids(chosen) == expected
    assert [chosen.class_names[label][0] for label in chosen.labels] == [" pst"[photo // 10] for photo in expected]


def test_txt_is_preferred_and_json_suffices(folder):
    whole = read_food101(folder, image_size=4)
    (folder / "meta" / "train.txt").unlink()
    (folder / "meta" / "classes.txt").unlink()
    from_json = read_food101(folder, image_size=4)
    assert from_json.class_names == whole.class_names
    assert (from_json.images == whole.images).all()
    (folder / "meta" / "train.txt").write_text("\ufeffstew/21\r\n\r\nstew/20\r\nstew/21\r\n", encoding="utf-8")
    assert ids(read_food101(folder, image_size=4)) == [21, 20]


def test_subset_folder_keeps_labels_equal_in_both_splits(folder):
    for photo in (folder / "images" / "stew").iterdir():
        photo.unlink()
    (folder / "images" / "stew").rmdir()
    (folder / "meta" / "test.txt").write_text("toast/31\nstew/22\n")  # and no pie is tested
    (folder / "meta" / "classes.txt").write_text("pie\nstew\nsoup\ntoast\n")  # and soup is only an empty folder
    (folder / "images" / "soup").mkdir()
    train, test = (read_food101(folder, split, image_size=4) for split in ("train", "test"))
    assert train.class_names == test.class_names == ("pie", "toast")
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 0, 0, 1], [1])
    assert read_food101(folder, classes=2).class_names == ("pie", "toast")
    with pytest.raises(InputError, match=r"'stew' has no photos here: expected a folder .*stew .*are here: pie, toast"):
        read_food101(folder, classes=["stew"])
    with pytest.raises(InputError, match="no test photos of the selected classes"):
        read_food101(folder, "test", classes=["pie"])


def test_progress_bar(folder, capsys):
    read_food101(folder, image_size=4)
    assert capsys.readouterr().err == ""
    read_food101(folder, image_size=4, progress=True)
    assert "reading train photos" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "valid"}, "split must be 'train' or 'test'; came 'valid'"),
        ({"image_size": 0}, "image_size must be at least 1; came 0"),
        ({"per_class": 0}, "per_class must be at least 1"),
        ({"classes": 0}, "classes must be at least 1"),
        ({"classes": 4}, "classes=4, but .* has 3"),
        ({"classes": []}, "classes is empty"),
        ({"classes": ["pie", "pie"]}, "'pie' is given twice"),
        ({"classes": ["Toasts"]}, "unknown class 'Toasts': .* has 'toast', the nearest"),
        ({"classes": ["zzzzzz"]}, "unknown class 'zzzzzz': .* has pie, stew, toast"),
    ],
)
def test_bad_values(folder, arguments, message):
    with pytest.raises(InputError, match=message):
        read_food101(folder, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": 6.5}, r"image_size must be an int; came 6\.5 \(float\)"),
        ({"per_class": True}, "per_class must be an int, or None"),
        ({"classes": "pie"}, "classes must be None, an int, or a sequence of names"),
        ({"classes": {"pie"}}, "classes must be None, an int, or a sequence of names"),
    ],
)
def test_bad_types(folder, arguments, message):
    with pytest.raises(InputTypeError, match=message):
        read_food101(folder, **arguments)


def test_missing_parts_of_the_folder(folder):
    with pytest.raises(InputTypeError, match="root must be a str or a path; came None"):
        read_food101(None)
    with pytest.raises(InputError, match=r"folder missing: .*nowhere; came nothing"):
        read_food101(folder / "nowhere")
    with pytest.raises(InputError, match=r"folder missing: .*came a file"):
        read_food101(folder / "meta" / "train.txt")
    (folder / "outer").mkdir()
    (folder / "meta").rename(folder / "outer" / "meta")
    with pytest.raises(InputError, match=r"no folder 'meta' in .*side by side\. Did you mean .*outer\?"):
        read_food101(folder)
    (folder / "outer" / "meta").rename(folder / "meta")
    (folder / "images").rename(folder / "photos")
    with pytest.raises(InputError, match=r"no folder 'images' in .*side by side. Name the folder"):
        read_food101(folder)
    (folder / "images").mkdir()
    with pytest.raises(InputError, match=r"no class to read in .*none of the 3 classes"):
        read_food101(folder)
    for name in ("test.txt", "test.json"):
        (folder / "meta" / name).unlink()
    with pytest.raises(InputError, match=r"no list of the test photos: expected test\.txt or test\.json"):
        read_food101(folder, "test")


def test_train_list_alone_suffices_for_training(folder):
    for name in ("test.txt", "test.json"):
        (folder / "meta" / name).unlink()
    assert len(read_food101(folder, image_size=4)) == 6


def test_missing_and_damaged_photos_are_named(folder):
    (folder / "images" / "pie" / "12.jpg").write_bytes(b"no photo")
    with pytest.raises(InputError, match=r"unreadable photo.*pie/12\.jpg"):
        read_food101(folder)
    for name in ("stew/21", "toast/30"):
        (folder / "images" / f"{name}.jpg").unlink()
    with pytest.raises(InputError, match=r"listed photo missing: expected .*21\.jpg.*\(2 of 6 photos"):
        read_food101(folder)
    assert len(read_food101(folder, classes=["stew"], per_class=1)) == 1


@pytest.mark.parametrize(
    "entry", ["../meta/1", "/etc/passwd", "pie/..", "pie/../../x", "pie", "pie/", "a\\b/1", "C:/x"]
)
def test_entries_that_leave_the_folder_are_refused(folder, entry):
    with (folder / "meta" / "train.txt").open("a") as lines:
        lines.write(f"{entry}\n")
    with pytest.raises(InputError, match=r"bad entry .* in .*train\.txt: expected <class>/<id>"):
        read_food101(folder)


@pytest.mark.parametrize("name", ["..", "/etc", "../pie"])
def test_class_names_that_leave_the_folder_are_refused(folder, name):
    (folder / "meta" / "classes.txt").write_text(f"pie\n{name}\n")
    with pytest.raises(InputError, match=r"bad entry .* in .*classes\.txt: expected <class>,"):
        read_food101(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("classes.txt", b"pie\nstew\npie\n", "class 'pie' occurs twice"),
        ("train.txt", b"pie/\xff\xfe\n", r"expected UTF-8 text in .*train\.txt"),
        ("train.json", b"{", r"train\.json; came text that is not JSON"),
        ("train.json", b"[1]", r"train\.json; came another structure"),
        ("train.json", b'{"pie": "pie/10"}', "another structure"),
        ("train.json", b'{"pie": [10]}', "bad entry 10"),
    ],
)
def test_malformed_lists(folder, name, content, message):
    if name.endswith("json"):
        (folder / "meta" / "train.txt").unlink()
    (folder / "meta" / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_food101(folder)


# The real photos


@needs["food-101"]
def test_real_excerpt():
    root = DATA / "food-101"
    names = tuple((root / "meta" / "classes.txt").read_text().split())
    test = read_food101(root, "test", image_size=16)
    assert test.class_names == names
    assert len(test) == len((root / "meta" / "test.txt").read_text().split())
    assert (np.diff(test.labels) >= 0).all()
    assert test.images.std(axis=(1, 2, 3)).min() > 3  # no photo is a plain area

    two = read_food101(root, "test", image_size=64, classes=["sushi", "donuts"], per_class=3)
    first = (root / "images" / "sushi" / "1016390.jpg").open("rb")
    with first, Image.open(first) as photo:
        assert (two.images[0] == np.asarray(photo)).all()  # 64 x 64 already: not scaled again
    assert two.labels.tolist() == [0, 0, 0, 1, 1, 1]


@needs["food-101-originals"]
@pytest.mark.parametrize("split", ["train", "test"])
def test_real_originals(split):
    root = DATA / "food-101-originals"
    photos = read_food101(root, split, image_size=32)
    assert photos.class_names == ("pizza", "steak", "sushi")
    entries = (root / "meta" / f"{split}.txt").read_text().split()
    assert len(photos) == len(entries)
    differences = []
    for image, entry in zip(photos.images, entries, strict=True):
        with Image.open(root / "images" / f"{entry}.jpg") as photo:
            fitted = ImageOps.fit(photo.convert("RGB"), (32, 32), Image.Resampling.LANCZOS)
        differences.append(np.abs(image.astype(int) - np.asarray(fitted)).mean())
    assert np.mean(differences) < 1.5
    assert np.max(differences) < 9


# Arrays


@given(st.integers(0, 6), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32))
def test_flips_mirror_whole_pictures(count, height, width, seed):
    images = np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    before = images.copy()
    flipped = random_flips(images, np.random.default_rng(seed))
    assert (images == before).all()
    assert not np.shares_memory(images, flipped)
    assert flipped.dtype == images.dtype
    for new, old in zip(flipped, images, strict=True):
        assert (new == old).all() or (new == old[:, ::-1]).all()
        columns = [sorted(picture[:, w].tobytes() for w in range(width)) for picture in (new, old)]
        assert columns[0] == columns[1]


def test_about_half_is_flipped_and_each_by_its_own_coin():
    images = np.broadcast_to(np.arange(2)[:, None], (4000, 1, 2, 1))
    flipped = random_flips(images, np.random.default_rng(5))[:, 0, 0, 0]
    assert 1850 < flipped.sum() < 2150
    again = random_flips(images, np.random.default_rng(5))[:, 0, 0, 0]
    assert (flipped == again).all()


def test_to_float():
    bytes_ = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    scaled = to_float(bytes_)
    assert scaled.dtype == np.float32
    assert scaled.shape == bytes_.shape
    assert (scaled.min(), scaled.max()) == (-1, 1)
    assert (np.rint((scaled + 1) * 127.5).astype(np.uint8) == bytes_).all()
    with pytest.raises(InputTypeError, match="uint8 array of values 0 to 255; came float32"):
        to_float(scaled)
    with pytest.raises(InputTypeError, match="came list"):
        to_float([0])


def test_flip_errors():
    with pytest.raises(InputError, match=r"\(B, H, W, C\); came \(2, 2, 3\)"):
        random_flips(np.zeros((2, 2, 3)), np.random.default_rng(0))
    with pytest.raises(InputTypeError, match=r"Generator; came int"):
        random_flips(np.zeros((1, 2, 2, 3)), 0)


def test_image_set_refuses_what_does_not_fit():
    images, labels = np.zeros((2, 4, 4, 3), np.uint8), np.array([0, 1])
    assert repr(ImageSet(images, labels, ("a", "b"))) == "ImageSet(2 pictures of 4 x 4, 2 classes: a, b)"
    with pytest.raises(InputError, match=r"images must have shape \(B, H, W, 3\)"):
        ImageSet(images[..., :1], labels, ("a", "b"))
    with pytest.raises(InputTypeError, match="uint8"):
        ImageSet(images.astype(float), labels, ("a", "b"))
    with pytest.raises(InputTypeError, match="labels must be an int64 array; came int32"):
        ImageSet(images, labels.astype(np.int32), ("a", "b"))
    with pytest.raises(InputError, match=r"labels must have shape \(2,\), one per picture; came \(1,\)"):
        ImageSet(images, labels[:1], ("a", "b"))
    with pytest.raises(InputError, match="0 to 0; came 0 to 1"):
        ImageSet(images, labels, ("a",))
    with pytest.raises(AttributeError):
        ImageSet(images, labels, ("a", "b")).labels = labels


# Dishes


def test_dishes_have_the_shape_promised():
    dishes = draw_dishes(3, image_size=16)
    assert len(DISHES) >= 10
    assert dishes.class_names == tuple(DISHES)
    assert dishes.images.shape == (3 * len(DISHES), 16, 16, 3)
    assert dishes.labels.tolist() == np.repeat(np.arange(len(DISHES)), 3).tolist()
    assert len({image.tobytes() for image in dishes.images}) == len(dishes)
    assert dishes.images.std(axis=(1, 2, 3)).min() > 5


def test_a_dish_depends_on_seed_class_and_index_alone():
    few, many = draw_dishes(2, 16, seed=7), draw_dishes(5, 16, seed=7)
    names = ("soup", "pizza")
    some = draw_dishes(5, 16, seed=7, classes=names)
    assert some.class_names == names
    for label, name in enumerate(few.class_names):
        assert (many.images[many.labels == label][:2] == few.images[few.labels == label]).all()
        if name in names:
            of_class = some.images[some.labels == names.index(name)]
            assert (of_class == many.images[many.labels == label]).all()
    other = draw_dishes(2, 16, seed=8)
    assert not (other.images == few.images).all(axis=(1, 2, 3)).any()


def test_size_changes_the_resolution_and_not_the_dish():
    small, large = draw_dishes(4, 16), draw_dishes(4, 48)
    reduced = large.images.reshape(-1, 16, 3, 16, 3, 3).mean(axis=(2, 4))
    difference = np.abs(reduced - small.images).mean(axis=(1, 2, 3))
    assert difference.mean() < 12
    assert np.abs(reduced - np.roll(small.images, 1, axis=0)).mean() > 30


def test_colours_alone_do_not_tell_the_dish():
    train, test = draw_dishes(30, 16, seed=0, classes=10), draw_dishes(15, 16, seed=1, classes=10)

    def histograms(image_set):
        cells = (image_set.images // 64).astype(int) @ (16, 4, 1)  # (B, H, W), 4 x 4 x 4 colours
        return (cells.reshape(len(image_set), -1, 1) == np.arange(64)).mean(axis=1)

    centres = np.stack([histograms(train)[train.labels == k].mean(axis=0) for k in range(10)])
    nearest = ((histograms(test)[:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)
    assert 0.12 < (nearest == test.labels).mean() < 0.45


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"per_class": 0}, "per_class must be at least 1"),
        ({"per_class": 1, "image_size": 7}, "image_size must be at least 8"),
        ({"per_class": 1, "seed": -1}, "seed must be at least 0"),
        ({"per_class": 1, "classes": 99}, "the drawn dishes has|classes=99"),
        ({"per_class": 1, "classes": ["piza"]}, "unknown class 'piza': the drawn dishes .*'pizza', the nearest"),
    ],
)
def test_dish_errors(arguments, message):
    with pytest.raises(InputError, match=message):
        draw_dishes(**arguments)


def test_importing_loads_neither_pillow_nor_tqdm():
    code = "import minibnn.data.dishes, minibnn.data.food101, sys; print({'PIL', 'tqdm'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
