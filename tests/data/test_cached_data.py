"""Photos and token ids through the cache: made once, and again when anything that they depend on has changed."""

import os

import numpy as np
import pytest
from PIL import Image

from minibnn.data import WordPiece, read_food101, wikitext_ids
from minibnn.data.cache import cached_files
from minibnn.errors import InputError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache, which does not exist yet."""
    monkeypatch.setenv("MINIBNN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def photo_folder(root, per_class=3):
    for split in ("train", "test"):
        entries = [f"{name}/{split[:2]}{n}" for name in ("pie", "stew") for n in range(per_class)]
        (root / "meta").mkdir(parents=True, exist_ok=True)
        (root / "meta" / f"{split}.txt").write_text("\n".join(entries))
        for number, entry in enumerate(entries):
            path = root / "images" / f"{entry}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 9), (number * 40, 0, 99)).save(path)
    return root


def test_photos_are_decoded_once(tmp_path, folder, monkeypatch):
    root = photo_folder(tmp_path / "food")
    plain = read_food101(root, image_size=8)
    assert not folder.exists()
    first = read_food101(root, image_size=8, cache=True)
    decode = "minibnn.data.food101.read_photo"
    monkeypatch.setattr(decode, lambda *_: pytest.fail("decoded again"))
    second = read_food101(root, image_size=8, cache=True)
    for read in (first, second):
        assert (read.images == plain.images).all()
        assert (read.labels == plain.labels).all()
        assert read.class_names == plain.class_names
    monkeypatch.undo()


def test_another_choice_or_a_changed_photo_is_decoded_anew(tmp_path):
    root = photo_folder(tmp_path / "food")

    def read(**options):
        count = len(cached_files())
        images = read_food101(root, cache=True, **({"image_size": 8} | options)).images
        assert (images == read_food101(root, **({"image_size": 8} | options)).images).all()
        return len(cached_files()) - count

    assert read() == 1
    assert read() == 0
    assert read(image_size=9) == 1
    assert read(per_class=2) == 1
    assert read(classes=["stew", "pie"]) == 1
    assert read(split="test") == 1
    photo = root / "images" / "pie" / "tr0.jpg"
    Image.new("RGB", (12, 9), (250, 250, 0)).save(photo)
    os.utime(photo, ns=(1, 1))
    assert read() == 1
    (root / "meta" / "train.txt").write_text("pie/tr0\nstew/tr1")
    assert read() == 1
    photo.write_bytes(b"no photo")
    with pytest.raises(InputError, match="unreadable photo"):
        read()
    photo.unlink()
    with pytest.raises(InputError, match="listed photo missing"):
        read()


def test_token_ids_are_encoded_once(tmp_path, monkeypatch):
    path = tmp_path / "wiki.train.raw"
    path.write_text(" \n = Bread = \n \n bread is bread . \n")
    pieces = ["[PAD]", "[UNK]", "bread", "is", "."]
    wordpiece = WordPiece(pieces)
    first = wikitext_ids(tmp_path, "train", wordpiece)
    assert (first.dtype, first.tolist()) == (np.int32, [2, 2, 3, 2, 4])
    encode = WordPiece.encode
    monkeypatch.setattr(WordPiece, "encode", lambda *_: pytest.fail("encoded again"))
    assert wikitext_ids(path, "train", wordpiece).tolist() == first.tolist()
    monkeypatch.setattr(WordPiece, "encode", encode)
    assert wikitext_ids(tmp_path, "train", WordPiece([*pieces[:2], "is", "bread"])).tolist() == [3, 3, 2, 3, 1]
    path.write_text(" \n = Bread = \n \n bread . \n")
    assert wikitext_ids(tmp_path, "train", wordpiece).tolist() == [2, 2, 4]
    with pytest.raises(InputError, match="neither"):
        wikitext_ids(tmp_path, "valid", wordpiece)
