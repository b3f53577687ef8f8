"""Labelled pictures as arrays: the set, the scale from -1 to 1, the mirror."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibnn.data.image_set import ImageSet, random_flips, to_float
from minibnn.errors import InputError, InputTypeError


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
    with pytest.raises(InputError, match=r"class 'a' is named twice in class_names .*: name each class once"):
        ImageSet(images, labels, ("a", "b", "a"))
    with pytest.raises(AttributeError):
        ImageSet(images, labels, ("a", "b")).labels = labels
