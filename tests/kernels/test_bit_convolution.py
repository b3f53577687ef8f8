"""Convolution with bits against float64, in every path, with the rows of the images shared in every way."""

import itertools

import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kernels.bit_references import HAS_AVX512, NEEDS_AVX512, in_product_order, numbers, random_bits

from minibnn import kernels
from minibnn.autograd import Tensor
from minibnn.autograd.ops import conv2d
from minibnn.kernels import bit_convolution, bit_products, masked_products

PATHS = ("as products of patches", "direct") if HAS_AVX512 else ("as products of patches",)
EVERY_PATH = pytest.mark.parametrize("path", PATHS)
DIRECT = pytest.mark.skipif(not HAS_AVX512, reason=NEEDS_AVX512)

seeds = st.integers(0, 2**32 - 1)
kernel_sizes = st.sampled_from([(1, 1), (2, 2), (3, 3), (5, 5), (1, 3), (4, 1), (2, 5)])
channels = st.integers(1, 9) | st.sampled_from([16, 33])
filters = st.integers(1, 70)
sides = st.integers(1, 13)


def kernel_order(values, blocks=4):
    """Zeros and ones (kH, kW, C, F) as `bit_convolution` wants them."""
    height, width, n_channels, n_filters = values.shape
    per_row, per_pixel = bit_convolution.padded_inputs(width, n_channels)
    filled = np.zeros((height, per_row, n_filters), np.uint8)
    for i, j, c in np.ndindex(height, width, n_channels):
        filled[i, j * per_pixel + c] = values[i, j, c]
    return in_product_order(filled.reshape(-1, n_filters), 16, blocks)


def convolve(path, x, values, parts=1):
    """x (B, H, W, C) convolved with zeros and ones (kH, kW, C, F); nothing but the outputs may have been written."""
    n_filters = values.shape[3]
    direct = path == "direct"
    bits = kernel_order(values) if direct else in_product_order(values.reshape(-1, n_filters), 256, 1)
    width = bits.shape[0] * bits.shape[2]
    memory = np.full(x[..., 0].size * width + 64, np.nan, np.float32)
    memory[-64:] = 12345
    y = memory[:-64].reshape(*x.shape[:3], width)
    if direct:
        bit_convolution.convolve(x, bits, *values.shape[:2], y, parts)
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bit_products, "CONVOLVES_DIRECTLY", False)
            patch.setattr(bit_products, "EXACT", masked_products)
            kernels.convolve_bits(x, bits, values.shape[:2], y)
    assert (memory[-64:] == 12345).all()
    assert (y[..., n_filters:] == 0).all()
    return y[..., :n_filters]


def exact(x, values):
    return conv2d(Tensor(x.astype(np.float64)), Tensor(values.astype(np.float64))).data


def assert_near(found, x, values):
    expected = exact(x, values)
    scale = max(np.abs(expected).max(), np.abs(x).max())  # one output alone may be almost zero
    assert np.abs(found - expected).max() <= 2e-6 * scale


@EVERY_PATH
@given(seeds, st.integers(1, 3), sides, sides, channels, filters, kernel_sizes, st.integers(1, 5))
@example(0, 3, 1, 1, 33, 70, (5, 5), 3)  # an image smaller than the kernel
@example(0, 1, 9, 13, 16, 64, (3, 3), 2)  # whole tiles, and one pixel more
def test_a_convolution_is_that_of_float64(path, seed, batch, height, width, n_channels, n_filters, size, parts):
    rng = np.random.default_rng(seed)
    x, values = rng.normal(size=(batch, height, width, n_channels)), random_bits(rng, (*size, n_channels, n_filters))
    x = x.astype(np.float32)
    found = convolve(path, x, values)
    assert_near(found, x, values)
    np.testing.assert_array_equal(convolve(path, x, values, parts), found)
    if path == "direct":  # the other changes over to BLAS with more patches
        np.testing.assert_array_equal(convolve(path, x[-1:], values), found[-1:])


@EVERY_PATH
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_every_number_of_channels_and_filters(path, size):
    rng = np.random.default_rng(size)
    for n_channels, n_filters in itertools.chain(
        ((c, 17) for c in (*range(1, 10), 16, 33)), ((3, f) for f in (1, 15, 16, 31, 33, 48, 49, 63, 64, 65, 70))
    ):
        x = rng.normal(size=(2, 4, 6, n_channels)).astype(np.float32)
        values = random_bits(rng, (size, size, n_channels, n_filters))
        assert_near(convolve(path, x, values), x, values)


@EVERY_PATH
@pytest.mark.parametrize("kind", ["all positive", "tiny", "huge", "zeros", "mostly zeros"])
def test_images_of_every_kind(path, kind):
    rng = np.random.default_rng(0)
    x = numbers(kind, rng, (2, 7 * 9 * 20)).reshape(2, 7, 9, 20)
    values = random_bits(rng, (3, 3, 20, 33))
    assert_near(convolve(path, x, values), x, values)


@EVERY_PATH
def test_each_bit_acts_on_its_own_pixel_and_channel(path):
    """One bit, one filter: the convolution is the image, shifted."""
    x = np.arange(1, 2 * 5 * 7 * 5 + 1, dtype=np.float32).reshape(2, 5, 7, 5)
    values = np.eye(3 * 2 * 5, dtype=np.uint8).reshape(3, 2, 5, 30)
    padded = np.pad(x, ((0, 0), (1, 1), (0, 1), (0, 0)))
    expected = [padded[:, i : i + 5, j : j + 7, c] for i, j, c in np.ndindex(3, 2, 5)]
    np.testing.assert_array_equal(convolve(path, x, values), np.stack(expected, axis=-1))


@DIRECT
@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_blocks_that_are_no_multiple_of_four(blocks):
    """The kernel does not rely on how far outputs are filled up."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 5, 9, 6)).astype(np.float32)
    for n_filters in (16, 32, 48, 80, 112):
        values = random_bits(rng, (3, 3, 6, n_filters))
        bits = kernel_order(values, blocks)
        y = np.full((1, 5, 9, bits.shape[0] * 16), np.nan, np.float32)
        bit_convolution.convolve(x, bits, 3, 3, y, 1)
        assert_near(y[..., :n_filters], x, values)


@DIRECT
@pytest.mark.parametrize("size", [(3, 3), (5, 5), (2, 2), (4, 1)])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_the_same_bits_however_the_rows_are_shared(size, batch):
    """Wherever a part begins, in the middle of an image or at its end, the rows above it are read anew."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, 6, 5, 6)).astype(np.float32)
    values = random_bits(rng, (*size, 6, 20))
    whole = convolve("direct", x, values)
    assert_near(whole, x, values)
    for parts in range(2, 6 * batch + 3):
        np.testing.assert_array_equal(convolve("direct", x, values, parts), whole)


@DIRECT
@pytest.mark.parametrize("order", [(3, 2, 1), (2, 1, 1), (1, 2, 3)])
def test_steps_of_filters_agree(order):
    """64, 32 and 16 filters at a time: the same bits whichever tile a filter falls into."""
    rng = np.random.default_rng(0)
    x, values = rng.normal(size=(1, 4, 7, 9)).astype(np.float32), random_bits(rng, (3, 3, 9, 112))
    whole = convolve("direct", x, values)
    first = 0
    for count in order:
        part = slice(first, first + 16 * count)
        np.testing.assert_array_equal(convolve("direct", x, values[..., part].copy()), whole[..., part])
        first += 16 * count


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_the_same_bits_for_one_and_two_threads():
    rng = np.random.default_rng(0)
    x, values = rng.normal(size=(2, 15, 17, 40)).astype(np.float32), random_bits(rng, (3, 3, 40, 70))
    n_filters, found, before = 70, [], numba.get_num_threads()
    bits = kernel_order(values) if HAS_AVX512 else in_product_order(values.reshape(-1, n_filters), 256, 1)
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            y = np.empty((*x.shape[:3], bits.shape[0] * bits.shape[2]), np.float32)
            assert y.size * 40 * 9 > bit_products.ALONE
            kernels.convolve_bits(x, bits, (3, 3), y)
            found.append(y[..., :n_filters])
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(*found)
    assert_near(found[0], x, values)
