"""Bits in the order of rows and in the order of products, against the obvious NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernels.bit_references import in_product_order, random_bits

from minibnn import kernels
from minibnn.kernels.bit_convolution import padded_inputs

LAYOUTS = pytest.mark.parametrize(("lanes", "blocks"), [(16, 4), (256, 1), (16, 1), (64, 2)])

seeds = st.integers(0, 2**32 - 1)
inputs = st.integers(1, 100)
units = st.integers(1, 130) | st.sampled_from([255, 256, 257, 511, 513])


def packed_rows(values):
    return np.packbits(values, axis=1, bitorder="little")


@LAYOUTS
@given(seed=seeds, n_in=inputs, n_units=units)
def test_there_and_back(lanes, blocks, seed, n_in, n_units):
    values = random_bits(np.random.default_rng(seed), (n_in, n_units))
    expected = in_product_order(values, lanes, blocks)
    bits = np.full_like(expected, 0xDEADBEEF)
    kernels.to_product_order(packed_rows(values), bits)
    np.testing.assert_array_equal(bits, expected)
    assert bits.view(np.uint8).size * 8 >= values.size
    assert np.bitwise_count(bits).sum() == values.sum()  # what fills up is zero
    rows = np.full((n_in, (n_units + 7) // 8), 255, np.uint8)
    kernels.from_product_order(bits, rows)
    np.testing.assert_array_equal(rows, packed_rows(values))


@LAYOUTS
@given(seed=seeds, n_in=inputs, n_units=units, count=st.integers(0, 7))
def test_rows_are_looked_up(lanes, blocks, seed, n_in, n_units, count):
    rng = np.random.default_rng(seed)
    values, ids = random_bits(rng, (n_in, n_units)), rng.integers(0, n_in, count)
    rows = np.full((count + 1, n_units), np.nan, np.float32)
    kernels.rows_of_bits(in_product_order(values, lanes, blocks), ids, rows[:count])
    np.testing.assert_array_equal(rows[:count], values[ids])
    assert np.isnan(rows[count]).all()


@given(st.integers(1, 9), st.integers(1, 70))
def test_a_row_of_a_kernel_fills_whole_words_and_whole_groups_of_four_channels(width, channels):
    per_row, per_pixel = padded_inputs(width, channels)
    assert per_pixel % 4 == 0
    assert 0 <= per_pixel - channels < 4
    assert per_row % 32 == 0
    assert 0 <= per_row - width * per_pixel < 32
