"""How far latent weights are from their threshold, and which bits flipped, against plain loops."""

import numpy as np
import pytest

from minibnn.errors import InputError
from minibnn.training.latent import flips_between, share_of_flips, spread_around_threshold
from minibnn.training.pictures import flip_dots, save_attention, save_flips, save_latent

BEFORE = {"a.W": np.float32([[0.0, 1.0], [2.0, 5.0]]), "a.b": np.float32([0.0, 0.0])}  # means 2 and 0
AFTER = {"a.W": np.float32([[9.0, 1.0], [2.0, 0.0]]), "a.b": np.float32([0.0, 1.0])}  # means 3 and 0.5


def test_distances_are_from_the_mean_or_from_zero():
    found = spread_around_threshold(BEFORE, step=1)
    assert found["a.W"].distances.tolist() == [-2, -1, 0, 3]
    assert found["a.W"].near == 0.5  # -1 and 0 are within a step
    assert found["a.b"].near == 1
    found = spread_around_threshold(BEFORE, step=1, thresholds={"a.W": "zero"})
    assert found["a.W"].distances.tolist() == [0, 1, 2, 5]


def test_flips_are_where_the_bits_differ():
    flips = flips_between(BEFORE, AFTER)
    assert flips["a.W"].tolist() == [[1, 0], [0, -1]]
    assert flips["a.b"].tolist() == [0, 1]
    assert share_of_flips(flips.values()) == 3 / 6
    zero = flips_between(BEFORE, AFTER, {"a.W": "zero"})
    assert zero["a.W"].tolist() == [[1, 0], [0, -1]]
    shifted = {name: values + 1 for name, values in BEFORE.items()}
    assert not share_of_flips(flips_between(BEFORE, shifted).values())  # their means went along
    assert share_of_flips(flips_between(BEFORE, shifted, {"a.W": "zero"}).values()) == 1 / 6


def test_checkpoints_of_different_models_are_refused():
    with pytest.raises(InputError, match=r"a\.b has shape \(2,\) in the first and none in the second"):
        flips_between(BEFORE, {"a.W": AFTER["a.W"]})
    with pytest.raises(InputError, match=r"c has shape none in the first and \(1,\) in the second"):
        flips_between(BEFORE, AFTER | {"c": np.zeros(1)})
    with pytest.raises(InputError, match=r"a\.W has shape \(2, 2\) in the first and \(3,\)"):
        flips_between(BEFORE, AFTER | {"a.W": np.zeros(3)})


def test_a_dot_stands_where_its_bit_is():
    flips = np.zeros((2, 2, 3, 4), np.int8)
    flips[1, 0, 2, 3], flips[0, 1, 0, 0] = 1, -1
    dots, told = flip_dots(flips)
    assert dots.shape == (6, 8, 3)
    others = (dots != dots[5, 5]).any(-1)
    assert np.argwhere(others).tolist() == [[0, 1], [5, 6]]
    assert (dots[0, 1] != dots[5, 6]).any()
    assert told == "a column for each of 4 filters, a row for each of 3 channels, 2 x 2 dots each"
    assert flip_dots(np.zeros((5, 3), np.int8))[1] == "a row for each of 5 inputs, a column for each of 3 units"


def test_pictures_say_what_they_show(tmp_path):
    pytest.importorskip("matplotlib")
    maps = np.tril(np.ones((5, 3, 3))) / np.arange(1, 4)[:, None]
    save_attention(maps, ["a", "##b", "$x^$"], tmp_path / "attention.svg", "Where it looks")
    save_attention(maps, ["a", "\u4e00", "c"], tmp_path / "glyph.png", "What the font does not have")
    spreads = spread_around_threshold(BEFORE, step=1)
    save_latent(spreads, 1, tmp_path / "latent.svg", "Latent weights")
    flips = flips_between(BEFORE, AFTER)
    save_flips({"a.W": 0.5, "b": 0.0}, "a.W", flips["a.W"], tmp_path / "flips.svg", "Flips")
    for name, texts in {
        "attention": ("Where it looks", "head 4", "##b", "$x^$"),
        "latent": ("Latent weights", "a.W", "50.0%", "a.b", "100.0%"),
        "flips": ("Flips", "a.W: which", "50 %", "0 to 1: 1", "1 to 0: 1", "the same: 2"),
    }.items():
        drawn = (tmp_path / f"{name}.svg").read_text()
        assert [text for text in texts if f">{text}" not in drawn] == []


@pytest.mark.parametrize(("heads", "tokens"), [(1, 2), (2, 3), (4, 5)])
def test_no_text_of_a_small_picture_of_attention_is_cut_off(tmp_path, monkeypatch, heads, tokens):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **options: (drawn.append(self), path.touch()))
    maps = np.full((heads, tokens, tokens), 1 / tokens)
    save_attention(maps, ["a"] * tokens, tmp_path / "a.png", "blocks.0: what each token takes from each")
    drawn[0].draw_without_rendering()
    label, whole = drawn[0].axes[-1].yaxis.label.get_window_extent(), drawn[0].bbox
    for text in (label, drawn[0]._suptitle.get_window_extent()):
        assert whole.x0 <= text.x0
        assert text.x1 <= whole.x1
        assert whole.y0 <= text.y0
        assert text.y1 <= whole.y1
