"""Passes over large arrays, shared by all threads: they cost what reading and writing memory costs.

Each thread gets slices: with a range(first, last), Numba would have to ask at each index whether it is negative.
"""

import numpy as np
from numba import prange

from minibnn.kernels.jit import kernel, parallel_kernel

CHUNK = 1 << 10  # rows whose sums are added up together, whatever the number of threads


@kernel
def _relu_part(x, y):
    for i in range(x.size):
        y[i] = max(x[i], np.float32(0))


@parallel_kernel
def relu(x, y, parts):
    """y = max(x, 0): (n,) -> (n,), written."""
    for part in prange(parts):
        first, last = x.size * part // parts, x.size * (part + 1) // parts
        _relu_part(x[first:last], y[first:last])


@kernel
def _relu_vjp_part(g, x, gx):
    for i in range(x.size):
        slope = g[i]  # read first: a load that depends on a condition would not become a vector
        gx[i] = slope if x[i] > 0 else np.float32(0)


@parallel_kernel
def relu_vjp(g, x, gx, parts):
    """gx = g where x > 0, else 0: (n,), (n,) -> (n,), written."""
    for part in prange(parts):
        first, last = x.size * part // parts, x.size * (part + 1) // parts
        _relu_vjp_part(g[first:last], x[first:last], gx[first:last])


@kernel
def _add_row_part(x, row, y, first, last):
    for r in range(first, last):
        for i in range(row.size):
            y[r, i] = x[r, i] + row[i]


@parallel_kernel
def add_row(x, row, y, parts):
    """y = x + row for every row of x: (rows, n), (n,) -> (rows, n), written."""
    for part in prange(parts):
        _add_row_part(x, row, y, x.shape[0] * part // parts, x.shape[0] * (part + 1) // parts)


@kernel
def _column_sums_part(x, first, last, sums):
    sums[:] = 0
    for r in range(first, last):
        for i in range(sums.size):
            sums[i] += x[r, i]


@parallel_kernel
def column_sums(x, sums):
    """sums = the sum of all rows: (rows, n) -> (n,), written; added up in chunks, so that little is rounded away."""
    chunks = (x.shape[0] + CHUNK - 1) // CHUNK
    partial = np.empty((chunks, x.shape[1]), np.float32)
    for chunk in prange(chunks):
        _column_sums_part(x, chunk * CHUNK, min((chunk + 1) * CHUNK, x.shape[0]), partial[chunk])
    _column_sums_part(partial, 0, chunks, sums)


@kernel
def _sum_part(x):
    total = np.float64(0)
    for i in range(x.size):
        total += x[i]
    return total


@parallel_kernel
def sum_of(x):
    """The sum of x (n,) in float64, the same for any number of threads: chunks of 16,384 added up in order."""
    chunks = (x.size + 16_383) // 16_384
    partial = np.empty(chunks, np.float64)
    for chunk in prange(chunks):
        partial[chunk] = _sum_part(x[chunk * 16_384 : (chunk + 1) * 16_384])
    return _sum_part(partial)


@kernel
def _threshold_part(x, threshold, y):
    ones = 0
    for i in range(x.size):
        is_one = np.float64(x[i]) > threshold
        y[i] = is_one
        ones += is_one
    return ones


@parallel_kernel
def threshold(x, threshold, y, parts):
    """y = 1 where x > threshold, else 0: (n,) -> (n,), written; returns the number of ones."""
    ones = np.empty(parts, np.int64)
    for part in prange(parts):
        first, last = x.size * part // parts, x.size * (part + 1) // parts
        ones[part] = _threshold_part(x[first:last], threshold, y[first:last])
    return ones.sum()


@kernel
def _adam_part(p, g, m, v, beta1, beta2, eps, rate, decay):
    for i in range(p.size):
        slope = g[i]
        mean = beta1 * m[i] + (1 - beta1) * slope
        square = beta2 * v[i] + (1 - beta2) * slope * slope
        m[i], v[i] = mean, square
        p[i] = decay * p[i] - rate * mean / (np.sqrt(square) + eps)


@parallel_kernel
def adam(p, g, m, v, beta1, beta2, eps, rate, decay, parts):
    """One step of Adam in one pass over its four arrays (n,), of which p, m and v change; all numbers are float32.

    `rate` and `eps` contain the corrections for the start at zero, see `minibnn.training.Adam`; `decay`: what p is
    multiplied by first.
    """
    for part in prange(parts):
        first, last = p.size * part // parts, p.size * (part + 1) // parts
        _adam_part(p[first:last], g[first:last], m[first:last], v[first:last], beta1, beta2, eps, rate, decay)
