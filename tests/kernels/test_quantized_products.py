"""Rounded numbers times bits against exact integers, in every path."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kernels.bit_references import HAS_BYTE_TABLES, in_product_order, numbers, outputs, random_bits, relative_error

from minibnn.kernels import quantized_products

# name: (lanes, blocks that outputs come in multiples of, whether the processor's byte tables are used)
PATHS = {"as floats, 256 lanes": (256, 1, False), "as floats, 16 lanes": (16, 4, False)}
if HAS_BYTE_TABLES:
    PATHS["byte tables"] = (16, 4, True)

EVERY_PATH = pytest.mark.parametrize("path", PATHS)
KINDS = ("normal", "all positive", "all negative", "all equal", "huge", "zeros", "of all sizes", "mostly zeros")

seeds = st.integers(0, 2**32 - 1)
inputs = st.integers(1, 70) | st.sampled_from([128, 1023, 1025])
units = st.integers(1, 70) | st.sampled_from([129, 257])
rows = st.sampled_from([1, 3, 4, 5, 8, 9, 17])


def product(path, x, values, activation_bits, parts=(1, 1)):
    """x (rows, n_in), rounded, times zeros and ones (n_in, U); nothing but the outputs may have been written."""
    lanes, blocks, with_tables = PATHS[path]
    bits = in_product_order(values, lanes, blocks)
    y, behind = outputs(len(x), bits)
    with pytest.MonkeyPatch.context() as patch:
        if not with_tables:
            patch.setattr(quantized_products, "has_avx512", lambda *features: False)
        quantized_products.multiply(x, bits, y, activation_bits, *parts)
    assert (behind == 12345).all()
    return y[:, : values.shape[1]]


def rounded(x, activation_bits):
    """Each row as whole numbers, and what one of them stands for: (rows, n_in) int64, (rows, 1) float64.

    To the nearest, ties to even, of what x * (largest / absmax) is in float32.
    """
    largest = np.float32(2 ** (activation_bits - 1) - 1)
    absmax = np.abs(x).max(1, keepdims=True)
    safe = np.where(absmax > 0, absmax, np.float32(1))
    return np.rint(x * (largest / safe)).astype(np.int64), absmax.astype(np.float64) / largest


@EVERY_PATH
@given(seeds, inputs, units, rows, st.sampled_from(KINDS), st.integers(2, 16), st.sampled_from([0.1, 0.5, 1]))
@example(0, 1025, 5, 4, "all equal", 16, 1)  # all sums of four as large as they can be
@example(0, 1025, 5, 1, "all negative", 14, 1)
@example(0, 1025, 5, 1, "all negative", 6, 1)
@example(0, 1, 1, 1, "normal", 2, 1)
def test_integers_are_exact(path, seed, n_in, n_units, n_rows, kind, activation_bits, ones):
    rng = np.random.default_rng(seed)
    x, values = numbers(kind, rng, (n_rows, n_in)), random_bits(rng, (n_in, n_units), ones)
    integers, scale = rounded(x, activation_bits)
    exact = integers @ values.astype(np.int64) * scale
    found = product(path, x, values, activation_bits)
    # Of each output: a sum that float32 can hold, rounded by one product. Below 1e-38 float32 has fewer digits.
    np.testing.assert_allclose(found, exact, rtol=3e-7, atol=1e-44)


@EVERY_PATH
@pytest.mark.parametrize("activation_bits", [2, 6, 7, 14, 15, 16])
def test_many_inputs_do_not_overflow(path, activation_bits):
    for sign in (1, -1):
        x, values = np.full((5, 40_001), sign, np.float32), np.ones((40_001, 3), np.uint8)
        np.testing.assert_allclose(product(path, x, values, activation_bits), sign * 40_001, rtol=3e-7)


@pytest.mark.parametrize("activation_bits", range(2, 17))
def test_the_oracle_rounds_to_the_nearest(activation_bits):
    x = np.random.default_rng(0).normal(size=(9, 100)).astype(np.float32)
    integers, scale = rounded(x, activation_bits)
    assert np.abs(integers).max() == 2 ** (activation_bits - 1) - 1
    assert np.abs(integers - x / scale).max() <= 0.5 + 1e-7 * 2**activation_bits


@EVERY_PATH
def test_a_tie_goes_to_the_even_number(path):
    x = np.array([[3, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5]], np.float32)  # 3 bits: -3 to 3
    np.testing.assert_array_equal(product(path, x, np.eye(7, dtype=np.uint8), 3), [[3, 0, 2, 2, 0, -2, -2]])


@EVERY_PATH
def test_each_bit_halves_the_error(path):
    rng = np.random.default_rng(0)
    x, values = rng.normal(size=(32, 500)).astype(np.float32), random_bits(rng, (500, 300))
    exact = x.astype(float) @ values
    bits = np.arange(4, 15)
    errors = [np.sqrt(np.mean((product(path, x, values, int(b)) - exact) ** 2)) for b in bits]
    slope = np.polyfit(bits, np.log2(errors), 1)[0]
    assert slope == pytest.approx(-1, abs=0.05)
    assert (np.diff(np.log2(errors)) < -0.5).all()
    assert relative_error(product(path, x, values, 14), exact) < 2e-4


@EVERY_PATH
@given(seeds, inputs, units, rows, st.integers(2, 16), st.integers(1, 5), st.integers(1, 5))
def test_the_same_bits_for_any_parts(path, seed, n_in, n_units, n_rows, activation_bits, row_parts, column_parts):
    rng = np.random.default_rng(seed)
    x, values = numbers("normal", rng, (n_rows, n_in)), random_bits(rng, (n_in, n_units))
    whole = product(path, x, values, activation_bits)
    np.testing.assert_array_equal(product(path, x, values, activation_bits, (row_parts, column_parts)), whole)
    for row in {0, n_rows // 2, n_rows - 1}:
        np.testing.assert_array_equal(product(path, x[row : row + 1], values, activation_bits), whole[row : row + 1])


@given(seeds, inputs, units, rows, st.integers(2, 16))
def test_the_paths_agree_with_each_other(seed, n_in, n_units, n_rows, activation_bits):
    rng = np.random.default_rng(seed)
    x, values = numbers("normal", rng, (n_rows, n_in)), random_bits(rng, (n_in, n_units))
    found = [product(path, x, values, activation_bits) for path in PATHS]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=3e-7, atol=0)


@EVERY_PATH
@pytest.mark.parametrize("activation_bits", [2, 8, 16])
def test_rows_of_zeros_tiny_numbers_and_no_numbers(path, activation_bits):
    """Row by row: zeros and tiny numbers give zeros, nan and infinity give nan, and no row touches another."""
    x = np.ones((8, 40), np.float32)
    x[1], x[2], x[5] = 0, 1e-45, -1e-31
    x[3, 7], x[4, 39], x[6, 0] = np.nan, np.inf, -np.inf
    expected = np.array([40, 0, 0, np.nan, np.nan, 0, np.nan, 40], np.float32)
    found = product(path, x, np.ones((40, 5), np.uint8), activation_bits)
    np.testing.assert_allclose(found, np.tile(expected[:, None], 5), rtol=3e-7)


@EVERY_PATH
@pytest.mark.parametrize("size", [1e-29, 3e38])
def test_the_smallest_and_largest_numbers_are_rounded_as_all_others(path, size):
    rng = np.random.default_rng(0)
    x, values = rng.uniform(-1, 1, (5, 3)).astype(np.float32), random_bits(rng, (3, 9))
    x[:, 0] = 1
    for activation_bits in (2, 8, 16):
        expected = product(path, x / np.float32(3), values, activation_bits)
        found = product(path, x * np.float32(size / 3), values, activation_bits)
        np.testing.assert_allclose(found / np.float32(size), expected, rtol=1e-3, atol=2e-4)
