"""Normalize over rows: mean 0, standard deviation 1.

The mean of a row is needed before its variance, and this before the result: one row alone would spend most of its time
waiting. So each step is taken for sixteen rows, which stay in the cache, before the next.
"""

import numpy as np
from numba import prange

from minibnn.kernels.jit import inner_kernel, kernel, parallel_kernel
from minibnn.kernels.sums import products_from, squares_from, sum_from

ROWS = 16  # together


@inner_kernel
def _moments(x, eps, first, last, means, scales):
    """Mean and inverse deviation of the rows `first` to `last`, at most ROWS of them: float64, written."""
    n = x.shape[1]
    for r in range(first, last):
        means[r - first] = sum_from(x, r * n, n) / n
    for r in range(first, last):
        scales[r - first] = squares_from(x, r * n, n, means[r - first]) / n
    for k in range(last - first):
        scales[k] = 1.0 / np.sqrt(scales[k] + eps)


@kernel
def _normalize_part(x, eps, y, inverse_sigma, first, last):
    means, scales = np.empty(ROWS), np.empty(ROWS)
    for start in range(first, last, ROWS):
        end = min(start + ROWS, last)
        _moments(x, eps, start, end, means, scales)
        for r in range(start, end):
            mean, scale = means[r - start], scales[r - start]
            inverse_sigma[r] = scale
            for i in range(x.shape[1]):
                y[r, i] = (x[r, i] - mean) * scale


@kernel
def _vjp_part(g, y, inverse_sigma, gx, first, last):
    n, g_means, gy_means = g.shape[1], np.empty(ROWS), np.empty(ROWS)
    for start in range(first, last, ROWS):
        end = min(start + ROWS, last)
        for r in range(start, end):
            g_means[r - start] = sum_from(g, r * n, n) / n
            gy_means[r - start] = products_from(g, r * n, y, r * n, n) / n
        for r in range(start, end):
            g_mean, gy_mean = g_means[r - start], gy_means[r - start]
            for i in range(n):
                gx[r, i] = (g[r, i] - g_mean - y[r, i] * gy_mean) * inverse_sigma[r]


@kernel
def _finish_part(z, bias, eps, floor, first, last):
    n, means, scales = z.shape[1], np.empty(ROWS), np.empty(ROWS)
    for start in range(first, last, ROWS):
        end = min(start + ROWS, last)
        for r in range(start, end):
            for i in range(n):
                z[r, i] += bias[i]
        _moments(z, eps, start, end, means, scales)
        for r in range(start, end):
            mean, scale = means[r - start], scales[r - start]
            for i in range(n):
                z[r, i] = max(np.float32((z[r, i] - mean) * scale), floor)


@parallel_kernel
def _finish_shared(z, bias, eps, floor, parts):
    for part in prange(parts):
        _finish_part(z, bias, eps, floor, len(z) * part // parts, len(z) * (part + 1) // parts)


@kernel
def _add_and_normalize_part(z, bias, eps, relu, y, a, inverse_sigma, first, last):
    n, means, scales = z.shape[1], np.empty(ROWS), np.empty(ROWS)
    for start in range(first, last, ROWS):
        end = min(start + ROWS, last)
        for r in range(start, end):
            for i in range(n):
                y[r, i] = z[r, i] + bias[i]
        _moments(y, eps, start, end, means, scales)
        for r in range(start, end):
            mean, scale = means[r - start], scales[r - start]
            inverse_sigma[r] = scale
            for i in range(n):
                y[r, i] = (y[r, i] - mean) * scale
            if relu:
                for i in range(n):
                    a[r, i] = max(y[r, i], np.float32(0))


@parallel_kernel
def _add_and_normalize_shared(z, bias, eps, relu, y, a, inverse_sigma, parts):
    for part in prange(parts):
        first, last = len(z) * part // parts, len(z) * (part + 1) // parts
        _add_and_normalize_part(z, bias, eps, relu, y, a, inverse_sigma, first, last)


@parallel_kernel
def _normalize_shared(x, eps, y, inverse_sigma, parts):
    for part in prange(parts):
        _normalize_part(x, eps, y, inverse_sigma, len(x) * part // parts, len(x) * (part + 1) // parts)


@parallel_kernel
def _vjp_shared(g, y, inverse_sigma, gx, parts):
    for part in prange(parts):
        _vjp_part(g, y, inverse_sigma, gx, len(g) * part // parts, len(g) * (part + 1) // parts)


@kernel
def normalize_rows(x, eps, y, inverse_sigma, parts=1):
    """y = (x - mean) / sqrt(variance + eps) for every row, in two passes over it: mean, then variance.

    `x`: (rows, n). `y`: (rows, n), written. `inverse_sigma`: (rows,), written. `parts`: among how many threads the rows
    are shared. Sums are float64 whatever x is; the variance is the population's.
    """
    if parts == 1:
        _normalize_part(x, eps, y, inverse_sigma, 0, len(x))
    else:
        _normalize_shared(x, eps, y, inverse_sigma, parts)


@kernel
def normalize_rows_vjp(g, y, inverse_sigma, gx, parts=1):
    """gx = (g - mean(g) - y mean(g y)) / sigma for every row.

    `g`, `y`: (rows, n). `inverse_sigma`: (rows,). `gx`: (rows, n), written. `parts`: see `normalize_rows`.
    """
    if parts == 1:
        _vjp_part(g, y, inverse_sigma, gx, 0, len(g))
    else:
        _vjp_shared(g, y, inverse_sigma, gx, parts)


@kernel
def finish_rows(z, bias, eps, floor, parts):
    """z = max(normalize(z + bias), floor) for every row, in place: the rest of Algorithm 2 in one pass through memory.

    `z`: (rows, n), float32. `bias`: (n,), float32. `floor`: float32, 0 for relu, minus infinity for a linear layer.
    `parts`: see `normalize_rows`.
    """
    if parts == 1:
        _finish_part(z, bias, eps, floor, 0, len(z))
    else:
        _finish_shared(z, bias, eps, floor, parts)


@kernel
def add_and_normalize_rows(z, bias, eps, relu, y, a, inverse_sigma, parts):
    """y = normalize(z + bias) for every row, and a = max(y, 0) where `relu` says so, in one pass through memory.

    Each number is rounded as if the steps came one after another. `z`: (rows, n), float32. `bias`: (n,), float32. `y`:
    (rows, n), float32, written. `a`: the same, written, or y itself without `relu`. `inverse_sigma`: (rows,), float32,
    written. `parts`: see `normalize_rows`.
    """
    if parts == 1:
        _add_and_normalize_part(z, bias, eps, relu, y, a, inverse_sigma, 0, len(z))
    else:
        _add_and_normalize_shared(z, bias, eps, relu, y, a, inverse_sigma, parts)
