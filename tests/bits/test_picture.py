"""Pictures of bits: every bit is there, where the words say, and what is averaged says so."""

import numpy as np
import pytest

from minibnn.bits import BitTensor, pack
from minibnn.bits import picture as drawing
from minibnn.bits.packing import random_packed
from minibnn.commands.show import layers_of
from minibnn.layers import BNCVL, BNFCL, ShapesOnly
from minibnn.models import BCVNN


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
@pytest.mark.parametrize("with_bias", [True, False])
def test_every_bit_is_in_the_picture_at_its_scale(shape, scale, with_bias):
    rng = np.random.default_rng(0)
    kernel, bias = rng.random(shape) > 0.4, rng.random(shape[-1]) > 0.4
    build = BNFCL(*shape, rng=rng) if len(shape) == 2 else BNCVL(shape[2], shape[3], shape[0], rng=rng)
    layer = pack(build)
    layer.W_q = type(layer.W_q)(BitTensor.from_array(kernel))
    layer.b_q = BitTensor.from_array(bias) if with_bias else None
    pixels, told = pixels_of(layer, scale)
    width = scale if len(shape) == 2 else scale * shape[0]
    bias_pixels = width * scale * -(-8 // scale) if with_bias else 0
    counts = colour_counts(pixels)
    assert counts[drawing.ONE] == kernel.sum() * scale**2 + bias.sum() * bias_pixels + legend()
    assert counts[drawing.ZERO] == (~kernel).sum() * scale**2 + (~bias).sum() * bias_pixels + legend()
    assert "mean" not in told


def test_colours_of_tiles_are_explained():
    """A dot is red, green and blue where their bits are 1; the key shows all eight mixtures once."""
    layer = pack(BNCVL(3, 4, 1, rng=np.random.default_rng(0)))
    kernel = np.zeros((1, 1, 3, 4), bool)
    kernel[0, 0, 0, 1] = kernel[0, 0, 1:, 2] = kernel[..., 3] = True
    layer.W_q = type(layer.W_q)(BitTensor.from_array(kernel))
    pixels, _ = pixels_of(layer, 10)
    for text, colour in drawing.MIXTURES:
        found = int((pixels == colour).all(-1).sum())
        if text in ("none", "all"):  # two greys, which the edges of letters have too
            assert found >= 14 * 14 + 10 * 10
        else:
            assert found == 14 * 14 + (10 * 10 if text in ("R", "G+B") else 0)


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


def test_layers_without_biases_are_drawn_whole():
    layers = layers_of(pack(BNFCL(6, 5, rng=np.random.default_rng(0))))
    for layer in layers.values():
        layer.b_q = None
    pixels = np.asarray(drawing.picture_of_all(layers, 4)[0])
    ones = sum(layer.W_q.tensor().count() for layer in layers.values())
    assert colour_counts(pixels) == {drawing.ONE: 16 * ones + legend(), drawing.ZERO: 16 * (30 - ones) + legend()}


def test_rows_of_an_embedding_are_lines_of_their_bits():
    rows = np.random.default_rng(0).random((3, 20)) > 0.5
    picture = np.asarray(drawing.picture_of_rows("rows", "what they are", ["a", "a long name", "\x1b\u4e00"], rows))
    counts = colour_counts(picture)
    assert counts[drawing.ONE] == rows.sum() * 14 * 17 + legend()  # 14 wide, 17 high, and a line between the rows
    assert counts[drawing.ZERO] == (~rows).sum() * 14 * 17 + legend()
