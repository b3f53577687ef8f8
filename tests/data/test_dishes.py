"""The drawn dishes: repeatable, and told apart by their shapes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minibnn.data.dishes import DISHES, draw_dishes
from minibnn.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]


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
        ({"per_class": 1, "classes": ["piza"]}, "unknown class 'piza'; .*: 'pizza', the nearest"),
    ],
)
def test_dish_errors(arguments, message):
    with pytest.raises(InputError, match=message):
        draw_dishes(**arguments)


def test_importing_loads_neither_pillow_nor_tqdm():
    code = "import minibnn.data.dishes, minibnn.data.food101, sys; print({'PIL', 'tqdm'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
