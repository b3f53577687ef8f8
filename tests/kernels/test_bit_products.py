"""Products of numbers and bits against float64, in every path, cut into parts in every way."""

import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kernels.bit_references import (
    HAS_AVX512,
    KINDS,
    NEEDS_AVX512,
    PATHS,
    in_product_order,
    numbers,
    outputs,
    product_error,
    random_bits,
)

from minibnn import kernels
from minibnn.kernels import bit_products, masked_products

TOLERANCE = 2e-6
EVERY_PATH = pytest.mark.parametrize("path", PATHS)

seeds = st.integers(0, 2**32 - 1)
inputs = st.integers(1, 70) | st.sampled_from([127, 128, 129, 513, 1023, 1024, 1025])
units = st.integers(1, 70) | st.sampled_from([127, 128, 129, 256, 257])
rows = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9, 17])


def product(path, x, values, parts=(1, 1)):
    """x (rows, n_in) times zeros and ones (n_in, U) by that path; nothing but the outputs may have been written."""
    multiply, lanes, blocks = PATHS[path]
    bits = in_product_order(values, lanes, blocks)
    y, behind = outputs(len(x), bits)
    multiply(x, bits, y, *parts)
    assert (behind == 12345).all()
    assert (y[:, values.shape[1] :] == 0).all() or not np.isfinite(x).all()  # what fills up the last block
    return y[:, : values.shape[1]]


@EVERY_PATH
@given(seeds, inputs, units, rows, st.sampled_from(list(KINDS)), st.sampled_from([0, 0.1, 0.5, 1]))
@example(0, 1, 1, 1, "normal", 1)
@example(1, 1025, 129, 9, "all positive", 0.5)
def test_a_product_is_that_of_float64(path, seed, n_in, n_units, n_rows, kind, ones):
    rng = np.random.default_rng(seed)
    x, values = numbers(kind, rng, (n_rows, n_in)), random_bits(rng, (n_in, n_units), ones)
    found = product(path, x, values)
    # Equal numbers meet the same rounding again and again, in NumPy's own product too.
    assert product_error(found, x, values) <= (5e-6 if kind == "all equal" else TOLERANCE)


@EVERY_PATH
@pytest.mark.parametrize("kind", KINDS)
def test_many_inputs_of_every_kind(path, kind):
    rng = np.random.default_rng(7)
    for n_rows, n_in, n_units in ((1, 4097, 65), (5, 4097, 200), (9, 2049, 1100)):
        x, values = numbers(kind, rng, (n_rows, n_in)), random_bits(rng, (n_in, n_units))
        found = product(path, x, values)
        equal = 2e-5 if "unpacked" in path else 5e-6  # BLAS adds up a long row of equal numbers in its own way
        assert product_error(found, x, values) <= (equal if kind == "all equal" else TOLERANCE)


@EVERY_PATH
def test_every_single_bit_reaches_its_place(path):
    """x is a power of two per input, so each sum tells which bits it was made of."""
    x = np.zeros((70, 70), np.float32)
    np.fill_diagonal(x, 1)
    values = random_bits(np.random.default_rng(0), (70, 130))
    np.testing.assert_array_equal(product(path, x, values), values)
    for first in (0, 24, 46):
        powers = np.float32(2) ** np.arange(24, dtype=np.float32)
        sums = product(path, powers[None] @ x[first : first + 24], values)
        np.testing.assert_array_equal(sums[0], powers @ values[first : first + 24].astype(np.float32))


@EVERY_PATH
@given(seeds, inputs, units, rows, st.integers(1, 5), st.integers(1, 5))
def test_the_same_bits_for_any_parts(path, seed, n_in, n_units, n_rows, row_parts, column_parts):
    rng = np.random.default_rng(seed)
    x, values = numbers("normal", rng, (n_rows, n_in)), random_bits(rng, (n_in, n_units))
    whole = product(path, x, values)
    np.testing.assert_array_equal(product(path, x, values, (row_parts, column_parts)), whole)
    for row in {0, n_rows // 2, n_rows - 1} if "unpacked" not in path else ():  # BLAS may add in another order
        np.testing.assert_array_equal(product(path, x[row : row + 1], values), whole[row : row + 1])


@pytest.fixture
def one_thread():
    """A function that says how many threads kernels shall use; afterwards it is as it was."""
    before = numba.get_num_threads()
    yield numba.set_num_threads
    numba.set_num_threads(before)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
@pytest.mark.parametrize(("n_rows", "n_in", "n_units"), [(1, 1500, 2100), (7, 700, 700), (33, 400, 300)])
@pytest.mark.parametrize("activation_bits", [None, 8, 16])
def test_the_same_bits_for_one_and_two_threads(n_rows, n_in, n_units, activation_bits, one_thread):
    rng = np.random.default_rng(3)
    x, values = numbers("normal", rng, (n_rows, n_in)), random_bits(rng, (n_in, n_units))
    assert n_rows * n_in * n_units > bit_products.ALONE
    bits, found = in_product_order(values, kernels.LANES, kernels.BLOCKS), []
    for threads in (1, 2, 2):
        one_thread(threads)
        y, _ = outputs(n_rows, bits)
        kernels.multiply_bits(x, bits, y, activation_bits)
        found.append(y)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[1], found[2])


@pytest.mark.skipif(not HAS_AVX512, reason=NEEDS_AVX512)
@given(seeds, inputs, units, rows)
def test_the_paths_agree_with_each_other(seed, n_in, n_units, n_rows):
    rng = np.random.default_rng(seed)
    x, values = numbers("normal", rng, (n_rows, n_in)), random_bits(rng, (n_in, n_units))
    found = [product(path, x, values) for path in PATHS]
    scale = max(np.abs(found).max(), np.sqrt((x**2).sum(1).max()) / 2)
    assert np.ptp(found, axis=0).max() <= TOLERANCE * scale


@given(seeds, inputs, units, rows)
def test_float64_is_multiplied_in_float64(seed, n_in, n_units, n_rows):
    rng = np.random.default_rng(seed)
    x, values = rng.normal(size=(n_rows, n_in)), random_bits(rng, (n_in, n_units))
    bits = in_product_order(values, kernels.LANES, kernels.BLOCKS)
    y = np.full((n_rows, bits.shape[0] * bits.shape[2]), np.nan)
    kernels.multiply_bits(x, bits, y)
    assert product_error(y[:, :n_units], x, values) <= 1e-14


def test_plain_products_change_over_to_blas_with_more_rows():
    rng = np.random.default_rng(0)
    values = random_bits(rng, (70, 300))
    bits = in_product_order(values, 256, 1)
    for n_rows in (masked_products.FEW_ROWS, masked_products.FEW_ROWS + 1):
        x = numbers("normal", rng, (n_rows, 70))
        y, _ = outputs(n_rows, bits)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bit_products, "EXACT", masked_products)
            kernels.multiply_bits(x, bits, y)
        assert product_error(y[:, :300], x, values) <= TOLERANCE


@EVERY_PATH
def test_no_rows_are_no_work(path):
    assert product(path, np.empty((0, 5), np.float32), random_bits(np.random.default_rng(0), (5, 7))).shape == (0, 7)


@EVERY_PATH
@pytest.mark.filterwarnings("ignore:invalid value encountered in matmul")  # NumPy's own, of 0 x infinity
def test_an_input_that_is_no_number_reaches_the_outputs_whose_bit_is_one(path):
    values = np.array([[1, 0], [1, 1]])
    for wrong in (np.nan, np.inf):
        found = product(path, np.array([[wrong, 2]], np.float32), values)
        assert not np.isfinite(found[0, 0])
        assert found[0, 1] == 2 or np.isnan(found[0, 1])  # 0 x nan is nan where bits are multiplied
