"""Food-101 from an archive that arrives over a bad line, in any order, whole or in part, once or again."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import numpy as np
import pytest
from data.food_archive import (
    AFTER,
    BEFORE,
    CLASSES,
    TEST,
    TRAIN,
    files_below,
    found,
    get,
    lists,
    packed,
    photos,
    remote,
)
from data.local_server import Notes, Served, running_server
from PIL import Image

from minibnn.data import food101_stream, read_food101
from minibnn.errors import InputError, InputTypeError

AMID = packed(dict(list(photos().items())[:4]), lists(), dict(list(photos().items())[4:]))


@pytest.fixture
def server():
    with running_server() as server:
        yield server


@pytest.mark.parametrize("content", [BEFORE, AMID, AFTER], ids=["lists first", "lists amid", "lists last"])
@pytest.mark.parametrize(
    ("choice", "names", "most"),
    [
        ({}, CLASSES, 9),
        ({"classes": ["sushi", "pizza"]}, ("sushi", "pizza"), 9),
        ({"classes": ("ramen",), "per_class": 1}, ("ramen",), 1),
        ({"per_class": 2}, CLASSES, 2),
    ],
)
def test_the_order_of_the_archive_does_not_matter(server, tmp_path, content, choice, names, most):
    out = tmp_path / "food"
    made = get(server, out, content, size=8, **choice)
    expected = {s: {n: table[n][:most] for n in names} for s, table in (("train", TRAIN), ("test", TEST))}
    assert found(out) == expected
    assert list(found(out)["train"]) == list(names)
    counts = {split: sum(map(len, of.values())) for split, of in expected.items()}
    assert made == counts | {"classes": len(names), "whole": made["whole"]}
    assert len(list((out / "images").rglob("*.jpg"))) == sum(counts.values())
    assert json.loads((out / "meta" / "test.json").read_text()) == {
        n: [f"{n}/{i}" for i in of] for n, of in expected["test"].items()
    }
    assert (out / "meta" / "labels.txt").read_text().split() == [n.capitalize() for n in names]
    assert [path.name for path in tmp_path.iterdir()] == ["food"]
    with Image.open(out / "images" / names[0] / f"{TRAIN[names[0]][0]}.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (8, 8))


def test_real_photos_are_those_that_read_photo_gives(server, tmp_path, real_data):
    root = real_data / "food-101-originals"
    files = {f"food-101/{p.relative_to(root)}": p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
    get(server, tmp_path / "food", packed(files))
    for split in ("train", "test"):
        direct, streamed = read_food101(root, split), read_food101(tmp_path / "food", split)
        assert (direct.labels == streamed.labels).all()
        assert direct.class_names == streamed.class_names
        entries = (root / "meta" / f"{split}.txt").read_text().split()
        for entry, pixels in zip(entries, direct.images, strict=True):
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "JPEG", quality=95, subsampling=0)
            assert (tmp_path / "food" / "images" / f"{entry}.jpg").read_bytes() == file.getvalue()


def test_reading_stops_when_everything_has_come(server, tmp_path, monkeypatch):
    """Then the checksum, which is of the whole archive, is not compared; else it is."""
    many = photos() | {f"food-101/images/waffles/{n}.jpg": np.random.default_rng(n).bytes(50_000) for n in range(40)}
    wrong = {"sha256": "0" * 64}.items()
    monkeypatch.setattr(food101_stream, "WORTH_READING", 50_000)
    made = get(server, tmp_path / "food", packed(lists(), many), wrong, classes=["pizza"])
    assert made["whole"] is False
    for order, keep in ((lists(), many), True), ((many, lists()), False):
        with pytest.raises(InputError, match=r"food-101\.tar\.gz came damaged: expected .* sha256 0000"):
            get(server, tmp_path / "other", packed(*order), wrong, keep_archive=keep)
    assert [path.name for path in tmp_path.iterdir()] == ["food"]


def test_ten_dropped_connections(server, tmp_path):
    rng = np.random.default_rng(0)
    noise = {f"food-101/images/waffles/{n}.jpg": rng.bytes(100_000) for n in range(20)}
    content = packed(noise, photos(), lists())
    drops = [150_000 * i + i for i in range(1, 11)]
    made = get(server, tmp_path / "a", Served(content, drops=list(drops)), classes=list(CLASSES))
    assert made["whole"]
    assert server.ranges() == [None, *(f"bytes={drop}-" for drop in drops)]
    get(server, tmp_path / "b", Served(content, drops=drops, ranges=False), classes=list(CLASSES))
    assert files_below(tmp_path / "a") == files_below(tmp_path / "b")


def test_a_finished_run_is_recognised_and_another_choice_is_not_overwritten(server, tmp_path):
    out = tmp_path / "food"
    get(server, out, AFTER, size=8)
    before, asked = files_below(out), len(server.requests)
    assert get(server, out, AFTER, size=8) is None
    with pytest.raises(InputError, match=r"holds another choice already \(size 8 instead of 16\); .* --replace"):
        get(server, out, AFTER, size=16)
    (out / "images" / "pizza" / "11.jpg").unlink()
    with pytest.raises(InputError, match="was changed since it was made; make it anew with --replace"):
        get(server, out, AFTER, size=8)
    assert len(server.requests) == asked
    get(server, out, AFTER, size=8, replace=True)
    assert files_below(out) == before
    get(server, out, AFTER, size=16, replace=True)
    assert len(files_below(out)) == len(before)
    assert [path.name for path in tmp_path.iterdir()] == ["food"]


@pytest.mark.parametrize("stamp", [None, "{", "[]"])
@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_of_something_else_is_left_alone(server, tmp_path, stamp, replace):
    (tmp_path / "mine.txt").write_text("mine")
    if stamp is not None:
        (tmp_path / "minibnn-data.json").write_text(stamp)
    before = files_below(tmp_path)
    with pytest.raises(InputError, match="holds something else already; choose another folder with --out-dir"):
        get(server, tmp_path, AFTER, replace=replace)
    with pytest.raises(InputError, match="holds something else already"):
        get(server, tmp_path / "mine.txt", AFTER, replace=replace)
    assert files_below(tmp_path) == before
    assert server.requests == []


def test_an_empty_folder_is_filled(server, tmp_path):
    (tmp_path / "food").mkdir()
    get(server, tmp_path / "food", AFTER)
    assert found(tmp_path / "food")["train"] == TRAIN


def test_the_archive_can_be_kept_and_is_then_read_instead_of_the_network(server, tmp_path):
    get(server, tmp_path / "food", BEFORE, classes=["pizza"], keep_archive=True)
    assert (tmp_path / "food-101.tar.gz").read_bytes() == BEFORE
    server.requests.clear()
    assert get(server, tmp_path / "more", BEFORE)["whole"]
    assert found(tmp_path / "more")["train"] == TRAIN
    assert server.requests == []


def test_a_kept_archive_is_continued_by_the_next_run(server, tmp_path):
    content = packed({"food-101/images/waffles/1.jpg": np.random.default_rng(0).bytes(900_000)}, photos(), lists())
    with pytest.raises(InputError, match="the line broke"):
        get(server, tmp_path / "food", Served(content, drops=[600_000] * 9), keep_archive=True, pauses=())
    assert [path.name for path in tmp_path.iterdir()] == ["food-101.tar.gz.part"]
    get(server, tmp_path / "food", content, keep_archive=True)
    assert server.ranges() == [None, "bytes=600000-"]
    assert found(tmp_path / "food")["test"] == TEST
    assert (tmp_path / "food-101.tar.gz").read_bytes() == content


def test_a_damaged_part_is_removed_and_the_next_run_starts_clean(server, tmp_path):
    (tmp_path / "food-101.tar.gz.part").write_bytes(AFTER[:700] + b"x" + AFTER[701:])
    with pytest.raises(InputError, match="damaged"):
        get(server, tmp_path / "food", AFTER, keep_archive=True)
    assert list(tmp_path.iterdir()) == []
    get(server, tmp_path / "food", AFTER, keep_archive=True)
    assert found(tmp_path / "food")["test"] == TEST


def test_a_damaged_archive_on_disk_is_named(server, tmp_path):
    (tmp_path / "food-101.tar.gz").write_bytes(AFTER[:700] + b"x" + AFTER[701:])
    with pytest.raises(InputError, match=r"food-101\.tar\.gz: the archive is damaged: .* again.*, after removing this"):
        get(server, tmp_path / "food", AFTER)
    assert [path.name for path in tmp_path.iterdir()] == ["food-101.tar.gz"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"classes": ["piza"]}, InputError, "unknown class 'piza'; available in Food-101: 'pizza', the nearest"),
        ({"classes": ["pizza", "pizza"]}, InputError, "given twice"),
        ({"classes": 102}, InputError, "Food-101 has 101"),
        ({"classes": []}, InputError, "classes is empty"),
        ({"classes": "pizza"}, InputTypeError, "None, an int, or a sequence"),
        ({"per_class": 0}, InputError, "per_class must be at least 1"),
        ({"size": 0}, InputError, "size must be at least 1"),
        ({"size": 2.5}, InputTypeError, "size must be an int"),
        ({"urls": ["nonsense"]}, InputError, "expected an address such as"),
    ],
)
def test_a_wrong_choice_is_told_before_anything_is_fetched(server, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        get(server, tmp_path / "new" / "food", AFTER, **options)
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


def test_a_number_of_classes_is_of_the_archives_list(server, tmp_path):
    every = lists() | {"food-101/meta/classes.txt": b"waffles\npizza\nramen\nsushi\n"}
    with pytest.raises(InputError, match=r"list of classes is not Food-101's: 'pizza' is at another place; name the"):
        get(server, tmp_path / "food", packed(photos(), every), classes=1)
    apple = {path.replace("pizza", "apple_pie"): content for path, content in photos().items()}
    named = {path: content.replace(b"pizza", b"apple_pie") for path, content in lists().items()}
    get(server, tmp_path / "food", packed(apple, named), classes=1)
    assert list(found(tmp_path / "food")["train"]) == ["apple_pie"]


def test_a_disk_that_fills_up_leaves_nothing(server, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(InputError, match=r"no room left for .*food \(No space left on device\); free some, or"):
        get(server, tmp_path / "food", AFTER)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_has_no_final_name_and_the_next_one_is_clean(server, tmp_path, how):
    """SIGINT is Ctrl-C: one line and status 130; after SIGKILL the draft is left, until the next run."""
    noise = {"food-101/images/waffles/1.jpg": np.random.default_rng(0).bytes(900_000)}
    content = packed(photos(), noise, lists())
    server.files["/food"] = Served(content, drops=[600_000])
    out = tmp_path / "food"
    code = f"""
import sys
from minibnn import cli
from minibnn.data import sources, food101_stream, download
from minibnn.data.sources import RemoteFile
download.PAUSES = (60,)
download.RemoteStream.__init__.__kwdefaults__["pauses"] = (60,)
sources.FOOD101 = {remote(server, content)!r}
sys.exit(cli.main(["data", "food101", "--out-dir", {str(out)!r}]))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and len(list(tmp_path.glob(".food.*.part/images/*/*.jpg"))) < 12:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(how)
    err = process.communicate(timeout=30)[1]
    if how == signal.SIGINT:
        assert (process.returncode, err.splitlines()[-1]) == (130, "minibnn: stopped")
        assert "Traceback" not in err
        assert list(tmp_path.iterdir()) == []
    else:
        (draft,) = tmp_path.iterdir()
        assert draft.name.startswith(".food.")
        (draft / "images" / "pizza" / "99.jpg").write_bytes(b"half a photo")
    get(server, out, content)
    assert found(out) == {"train": TRAIN, "test": TEST}
    assert [path.name for path in tmp_path.iterdir()] == ["food"]
    assert not (out / "images" / "pizza" / "99.jpg").exists()


@pytest.mark.parametrize("sizes", [(8, 8), (8, 16)])
def test_of_two_runs_at_once_the_first_makes_the_folder(server, tmp_path, sizes):
    """The second finds the same there, or another choice, which it does not overwrite."""
    out = tmp_path / "food"

    def inner(*_):
        get(server, out, AFTER, size=sizes[0])

    class Meanwhile(Notes):
        start = inner

    told = nullcontext() if sizes[0] == sizes[1] else pytest.raises(InputError, match="holds another choice already")
    with told:
        get(server, out, AFTER, size=sizes[1], progress=Meanwhile())
    assert found(out) == {"train": TRAIN, "test": TEST}
    with Image.open(out / "images" / "pizza" / "11.jpg") as image:
        assert image.size == (8, 8)
    assert [path.name for path in tmp_path.iterdir()] == ["food"]
