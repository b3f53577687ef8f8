"""Normalize over rows: mean 0, standard deviation 1."""

import numpy as np

from minibnn.kernels.jit import kernel


@kernel
def normalize_rows(x, eps, y, inverse_sigma):
    """y = (x - mean) / sqrt(variance + eps) for every row, in two passes over it: mean, then variance.

    `x`: (rows, n). `y`: (rows, n), written. `inverse_sigma`: (rows,), written. Sums are float64 whatever x is; the
    variance is the population's.
    """
    rows, n = x.shape
    for r in range(rows):
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


@kernel
def normalize_rows_vjp(g, y, inverse_sigma, gx):
    """gx = (g - mean(g) - y mean(g y)) / sigma for every row.

    `g`, `y`: (rows, n). `inverse_sigma`: (rows,). `gx`: (rows, n), written.
    """
    rows, n = g.shape
    for r in range(rows):
        g_sum, gy_sum = np.float64(0), np.float64(0)
        for i in range(n):
            g_sum += g[r, i]
            gy_sum += g[r, i] * y[r, i]
        g_mean, gy_mean = g_sum / n, gy_sum / n
        for i in range(n):
            gx[r, i] = (g[r, i] - g_mean - y[r, i] * gy_mean) * inverse_sigma[r]
