"""Folders in the layout of Food-101: complete, in part, broken, and the real photos."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from minibnn.data.food101 import read_food101
from minibnn.errors import InputError, InputTypeError


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
        ({"classes": ["Toasts"]}, "unknown class 'Toasts'; .*: 'toast', the nearest"),
        ({"classes": ["zzzzzz"]}, "unknown class 'zzzzzz'; .*: pie, stew, toast"),
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
    with pytest.raises(InputError, match=r"folder missing: .*nowhere; found nothing"):
        read_food101(folder / "nowhere")
    with pytest.raises(InputError, match=r"folder missing: .*found a file"):
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


@pytest.mark.parametrize(
    "unreadable", ["meta", "meta/classes.txt", "meta/train.txt", "images/pie", "images/pie/11.jpg"]
)
def test_what_must_not_be_read_is_named(folder, monkeypatch, unreadable):
    """As the operating system answers a user without the right; these tests may run as root."""
    forbidden = folder / unreadable

    def guarded(method):
        def call(path, *arguments, **options):
            inside = forbidden in Path(path).parents
            if inside or (Path(path) == forbidden and method.__name__ in ("read_text", "open")):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return method(path, *arguments, **options)

        return call

    for name in ("exists", "is_dir", "is_file", "open", "read_text"):
        monkeypatch.setattr(Path, name, guarded(getattr(Path, name)))
    monkeypatch.setattr("builtins.open", guarded(open))
    with pytest.raises(InputError, match=r"cannot read .*: Permission denied; .*chmod") as caught:
        read_food101(folder, image_size=4)
    assert str(forbidden) in str(caught.value)


def test_real_excerpt(real):
    root = real("food-101")
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


@pytest.mark.parametrize("split", ["train", "test"])
def test_real_originals(real, split):
    root = real("food-101-originals")
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
