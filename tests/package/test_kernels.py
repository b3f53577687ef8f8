"""Every kernel against the obvious loop or NumPy expression it stands for."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibnn import kernels

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 5)
dtypes = st.sampled_from([np.float32, np.float64])


def random(seed, shape, dtype):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def patches(padded, k_height, k_width, height, width):
    """im2col as one would first write it."""
    batch, channels = padded.shape[0], padded.shape[3]
    columns = np.empty((batch, height, width, k_height * k_width * channels), padded.dtype)
    for b, y, x in np.ndindex(batch, height, width):
        columns[b, y, x] = padded[b, y : y + k_height, x : x + k_width].ravel()
    return columns


@given(seeds, sizes, sizes, sizes, sizes, sizes, sizes, dtypes)
def test_im2col_copies_patches_and_col2im_is_its_transpose(seed, batch, height, width, channels, kh, kw, dtype):
    padded = random(seed, (batch, height + kh - 1, width + kw - 1, channels), dtype)
    columns = np.empty((batch, height, width, kh * kw * channels), dtype)
    kernels.im2col(padded, kh, kw, columns)
    assert np.array_equal(columns, patches(padded, kh, kw, height, width))

    other = random(seed + 1, columns.shape, dtype)
    back = np.full_like(padded, np.nan)
    kernels.col2im(other, kh, kw, back)
    # <im2col(x), c> = <x, col2im(c)> for every x and c is what "transpose" means.
    assert np.sum(columns * other, dtype=float) == pytest.approx(np.sum(padded * back, dtype=float), rel=1e-4, abs=1e-4)


@given(seeds, sizes, st.integers(2, 7), st.integers(2, 7), sizes, dtypes, st.booleans())
def test_max_pool(seed, batch, height, width, channels, dtype, ties):
    x = random(seed, (batch, height, width, channels), dtype)
    x = np.round(x) if ties else x
    h, w = height // 2, width // 2
    largest, place = np.empty((batch, h, w, channels), dtype), np.empty((batch, h, w, channels), np.uint8)
    kernels.max_pool(x, largest, place, 1)  # said, as the package does: what is left out is compiled apart
    windows = (
        x[:, : 2 * h, : 2 * w].reshape(batch, h, 2, w, 2, channels).transpose(0, 1, 3, 5, 2, 4).reshape(*place.shape, 4)
    )
    assert np.array_equal(largest, windows.max(-1))
    assert np.array_equal(place, windows.argmax(-1))

    g, gx = random(seed, place.shape, dtype), np.full_like(x, np.nan)
    kernels.max_pool_vjp(g, place, gx, 1)
    expected = np.zeros_like(x)
    for index in np.ndindex(place.shape):
        b, y, i, c = index
        expected[b, 2 * y + place[index] // 2, 2 * i + place[index] % 2, c] = g[index]
    assert np.array_equal(gx, expected)


@given(seeds, st.integers(1, 9), st.integers(1, 40), dtypes, st.sampled_from([1.0, 1e-3, 1e3]))
def test_normalize_rows(seed, rows, n, dtype, scale):
    x = random(seed, (rows, n), dtype) * dtype(scale)
    y, inverse_sigma = np.empty_like(x), np.empty(rows, dtype)
    kernels.normalize_rows(x, 1e-5, y, inverse_sigma, 1)
    wide = x.astype(float)
    sigma = np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
    tolerance = 1e-12 if dtype == np.float64 else 2e-6
    assert np.allclose(y, (wide - wide.mean(-1, keepdims=True)) / sigma, rtol=tolerance, atol=tolerance)
    assert np.allclose(inverse_sigma, 1 / sigma[:, 0], rtol=tolerance)


@given(seeds, st.integers(1, 9), st.integers(1, 40))
def test_normalize_rows_vjp(seed, rows, n):
    g, y, inverse_sigma = random(seed, (rows, n), float), random(seed + 1, (rows, n), float), np.linspace(0.5, 2, rows)
    gx = np.empty_like(g)
    kernels.normalize_rows_vjp(g, y, inverse_sigma, gx, 1)
    expected = (g - g.mean(-1, keepdims=True) - y * (g * y).mean(-1, keepdims=True)) * inverse_sigma[:, None]
    assert np.allclose(gx, expected, rtol=1e-12, atol=1e-12)


@given(st.lists(st.floats(-40, 40), max_size=20), dtypes)
def test_normal_cdf_keeps_its_precision_in_the_tail(values, dtype):
    x = np.array(values, dtype)
    cdf = np.empty_like(x)
    kernels.normal_cdf(x, cdf)
    expected = [0.5 * math.erfc(-v / math.sqrt(2)) for v in x.astype(float)]
    assert np.allclose(cdf, expected, rtol=1e-12 if dtype == np.float64 else 1e-5, atol=1e-37)


def test_the_largest_of_a_window_with_a_nan_is_nan():
    for place in range(4):
        x = np.arange(4.0)
        x[place] = np.nan
        largest, index = np.empty((1, 1, 1, 1)), np.empty((1, 1, 1, 1), np.uint8)
        kernels.max_pool(x.reshape(1, 2, 2, 1), largest, index, 1)
        assert np.isnan(largest)


def test_an_unknown_kernel_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute fourier"):
        kernels.fourier
