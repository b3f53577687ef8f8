"""In how many parts a pass is cut for the threads changes nothing: the same bits, against a plain line of NumPy."""

import numpy as np
import pytest
from kernels.bit_references import HAS_AVX512

from minibnn import kernels

PARTS = (1, 2, 3, 7)


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_copies_in_another_order_of_the_axes():
    x = random(3, 5, 33, 18).transpose(1, 0, 3, 2)
    for parts in PARTS:
        y = np.full(x.shape, np.nan, np.float32)
        kernels.copy_matrices(x, y, parts)
        np.testing.assert_array_equal(y, x)


def test_covered_places():
    x, covered = random(9, 50), random(50) > 0
    for parts in PARTS:
        y = np.full_like(x, np.nan)
        kernels.cover(covered, np.float32(-7), x, y, parts)
        np.testing.assert_array_equal(y, np.where(covered, np.float32(-7), x))


def test_rows_that_meet():
    ids, rows = np.random.default_rng(1).integers(0, 6, 80), random(80, 21)
    expected = np.zeros((6, 21), np.float32)
    np.add.at(expected, ids, rows)
    for parts in PARTS:
        table = np.zeros_like(expected)
        kernels.add_rows(ids, rows, table, parts)
        np.testing.assert_array_equal(table, expected)


def test_bias_normalize_and_relu():
    z, bias, found = random(101, 40), random(40), []
    for parts in PARTS:
        y, a, inverse_sigma = np.empty_like(z), np.empty_like(z), np.empty(len(z), np.float32)
        kernels.add_and_normalize_rows(z, bias, 1e-5, True, y, a, inverse_sigma, parts)
        np.testing.assert_array_equal(a, np.maximum(y, 0))
        found.append((y, inverse_sigma))
    total = (z + bias).astype(float)
    expected = (total - total.mean(1, keepdims=True)) / np.sqrt(total.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(found[0][0], expected, atol=1e-6)
    for one in found[1:]:
        for ours, first in zip(one, found[0], strict=True):
            np.testing.assert_array_equal(ours, first)


@pytest.mark.skipif(not HAS_AVX512, reason="this processor has no AVX-512, or Numba compiles for another")
def test_transposed_products():
    x, g, found = random(10, 19, 24), random(10, 19, 32), []
    for parts in PARTS:
        found.append(np.full((10, 24, 32), np.nan, np.float32))
        kernels.product_gradients(x, g, found[-1], parts)
        np.testing.assert_array_equal(found[-1], found[0])
    np.testing.assert_allclose(found[0], x.swapaxes(1, 2).astype(float) @ g, atol=1e-5)
