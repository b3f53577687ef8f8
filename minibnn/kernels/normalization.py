"""Normalize over rows: mean 0, standard deviation 1."""

import numpy as np
from numba import prange

from minibnn.kernels.jit import apart, kernel, parallel_kernel, summing_kernel


@summing_kernel
def _normalize_part(x, eps, y, inverse_sigma, first, last):
    apart()
    n = x.shape[1]
    for r in range(first, last):
        total = np.float64(0)
        for i in range(n):
            total += x[r, i]
        mean = total / n
        squares = np.float64(0)
        for i in range(n):
            squares += (x[r, i] - mean) ** 2
        scale = 1.0 / np.sqrt(squares / n + eps)
        inverse_sigma[r] = scale
        for i in range(n):
            y[r, i] = (x[r, i] - mean) * scale


@summing_kernel
def _vjp_part(g, y, inverse_sigma, gx, first, last):
    apart()
    n = g.shape[1]
    for r in range(first, last):
        g_sum, gy_sum = np.float64(0), np.float64(0)
        for i in range(n):
            g_sum += g[r, i]
            gy_sum += g[r, i] * y[r, i]
        g_mean, gy_mean = g_sum / n, gy_sum / n
        for i in range(n):
            gx[r, i] = (g[r, i] - g_mean - y[r, i] * gy_mean) * inverse_sigma[r]


@summing_kernel
def _finish_part(z, bias, eps, floor, first, last):
    apart()
    n = z.shape[1]
    for r in range(first, last):
        total = np.float64(0)
        for i in range(n):
            z[r, i] += bias[i]
            total += z[r, i]
        mean = total / n
        squares = np.float64(0)
        for i in range(n):
            squares += (z[r, i] - mean) ** 2
        scale = 1.0 / np.sqrt(squares / n + eps)
        for i in range(n):
            z[r, i] = max(np.float32((z[r, i] - mean) * scale), floor)


@parallel_kernel
def _finish_shared(z, bias, eps, floor, parts):
    for part in prange(parts):
        _finish_part(z, bias, eps, floor, len(z) * part // parts, len(z) * (part + 1) // parts)


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
