"""Passes over large arrays, shared by threads: they cost what reading and writing memory costs.

Each pass is a loop, its parts for several threads, and the function that chooses; `parts` of 1 wakes no other thread.
The threads get slices: in a range(first, last), Numba would have to ask at each index whether it is negative.
"""

import numpy as np
from numba import prange

from minibnn.kernels.jit import kernel, parallel_kernel
from minibnn.kernels.sums import sum_from

ROWS = 1 << 10  # whose columns are added up together, whatever the number of threads
CHUNK = 1 << 14  # elements that are added up together


@kernel
def _relu(x, y):
    for i in range(x.size):
        y[i] = max(x[i], np.float32(0))


@parallel_kernel
def _relu_shared(x, y, parts):
    for part in prange(parts):
        first, last = x.size * part // parts, x.size * (part + 1) // parts
        _relu(x[first:last], y[first:last])


@kernel
def relu(x, y, parts):
    """y = max(x, 0): (n,) -> (n,), written."""
    if parts == 1:
        _relu(x, y)
    else:
        _relu_shared(x, y, parts)


@kernel
def _relu_vjp(g, x, gx):
    for i in range(x.size):
        slope = g[i]  # read first: a load that depends on a condition would not become a vector
        gx[i] = slope if x[i] > 0 else np.float32(0)


@parallel_kernel
def _relu_vjp_shared(g, x, gx, parts):
    for part in prange(parts):
        first, last = x.size * part // parts, x.size * (part + 1) // parts
        _relu_vjp(g[first:last], x[first:last], gx[first:last])


@kernel
def relu_vjp(g, x, gx, parts):
    """gx = g where x > 0, else 0: (n,), (n,) -> (n,), written."""
    if parts == 1:
        _relu_vjp(g, x, gx)
    else:
        _relu_vjp_shared(g, x, gx, parts)


@kernel
def _add_row(x, row, y):
    for r in range(len(x)):
        for i in range(row.size):
            y[r, i] = x[r, i] + row[i]


@parallel_kernel
def _add_row_shared(x, row, y, parts):
    for part in prange(parts):
        first, last = len(x) * part // parts, len(x) * (part + 1) // parts
        _add_row(x[first:last], row, y[first:last])


@kernel
def add_row(x, row, y, parts):
    """y = x + row for every row of x: (rows, n), (n,) -> (rows, n), written."""
    if parts == 1:
        _add_row(x, row, y)
    else:
        _add_row_shared(x, row, y, parts)


@kernel
def _column_sums(x, sums):
    sums[:] = 0
    for r in range(len(x)):
        for i in range(sums.size):
            sums[i] += x[r, i]


@parallel_kernel
def _column_sums_shared(x, partial):
    for chunk in prange(len(partial)):
        _column_sums(x[chunk * ROWS : (chunk + 1) * ROWS], partial[chunk])


@kernel
def column_sums(x, sums, parts):
    """sums = the sum of all rows: (rows, n) -> (n,), written.

    Added up in chunks: so little is rounded away, and the sums are the same for any number of threads.
    """
    partial = np.empty(((len(x) + ROWS - 1) // ROWS, x.shape[1]), np.float32)
    if parts == 1:
        for chunk in range(len(partial)):
            _column_sums(x[chunk * ROWS : (chunk + 1) * ROWS], partial[chunk])
    else:
        _column_sums_shared(x, partial)
    _column_sums(partial, sums)


@parallel_kernel
def _sum_shared(x, partial):
    for chunk in prange(partial.size):
        partial[chunk] = sum_from(x, chunk * CHUNK, min(CHUNK, x.size - chunk * CHUNK))


@kernel
def sum_of(x, parts):
    """The sum of x (n,) in float64: chunks added up in order, the same for any number of threads."""
    partial = np.empty((x.size + CHUNK - 1) // CHUNK, np.float64)
    if parts == 1:
        for chunk in range(partial.size):
            partial[chunk] = sum_from(x, chunk * CHUNK, min(CHUNK, x.size - chunk * CHUNK))
    else:
        _sum_shared(x, partial)
    return sum_from(partial, 0, partial.size)


@kernel
def _threshold(x, limit, y):
    ones = 0
    for i in range(x.size):
        is_one = np.float64(x[i]) > limit
        y[i] = is_one
        ones += is_one
    return ones


@parallel_kernel
def _threshold_shared(x, limit, y, ones):
    parts = ones.size
    for part in prange(parts):
        first, last = x.size * part // parts, x.size * (part + 1) // parts
        ones[part] = _threshold(x[first:last], limit, y[first:last])


@kernel
def threshold(x, limit, y, parts):
    """y = 1 where x > limit, else 0: (n,) -> (n,), written; returns the number of ones."""
    if parts == 1:
        return _threshold(x, limit, y)
    ones = np.empty(parts, np.int64)
    _threshold_shared(x, limit, y, ones)
    return ones.sum()


@kernel
def _adam(p, g, m, v, betas, gains, eps, rate, decay):
    for i in range(p.size):
        slope = g[i]
        mean = betas[0] * m[i] + gains[0] * slope
        square = betas[1] * v[i] + gains[1] * slope * slope
        m[i], v[i] = mean, square
        p[i] = decay * p[i] - rate * mean / (np.sqrt(square) + eps)


@parallel_kernel
def _adam_shared(p, g, m, v, betas, gains, eps, rate, decay, parts):
    for part in prange(parts):
        first, last = p.size * part // parts, p.size * (part + 1) // parts
        _adam(p[first:last], g[first:last], m[first:last], v[first:last], betas, gains, eps, rate, decay)


@kernel
def adam(p, g, m, v, betas, gains, eps, rate, decay, parts):
    """One step of Adam in one pass over its four arrays (n,), of which p, m and v change; all numbers are float32.

    `betas`, `gains`: pairs; a gain is 1 - beta, which float32 would round too much. `rate` and `eps` contain the
    corrections for the start at zero, see `minibnn.training.Adam`. `decay`: what p is multiplied by first.
    """
    if parts == 1:
        _adam(p, g, m, v, betas, gains, eps, rate, decay)
    else:
        _adam_shared(p, g, m, v, betas, gains, eps, rate, decay, parts)


@kernel
def _pad(images, top, left, padded):
    _, height, width, channels = images.shape
    run = width * channels
    for b in range(len(images)):
        padded[b, :top] = 0
        padded[b, top + height :] = 0
        for y in range(height):
            row = padded[b, top + y].reshape(padded.shape[2] * channels)
            source = images[b, y].reshape(run)
            row[: left * channels] = 0
            row[left * channels : left * channels + run] = source
            row[left * channels + run :] = 0


@parallel_kernel
def _pad_shared(images, top, left, padded, parts):
    for part in prange(parts):
        first, last = len(images) * part // parts, len(images) * (part + 1) // parts
        _pad(images[first:last], top, left, padded[first:last])


@kernel
def pad_images(images, top, left, padded, parts):
    """padded = the images (B, H, W, C) with zeros around, the first of them `top` rows and `left` pixels wide."""
    if parts == 1:
        _pad(images, top, left, padded)
    else:
        _pad_shared(images, top, left, padded, parts)


@parallel_kernel
def _copy_shared(x, y, parts):
    for part in prange(parts):
        first, last = x.size * part // parts, x.size * (part + 1) // parts
        y[first:last] = x[first:last]


@kernel
def copy(x, y, parts):
    """y = x: (n,) -> (n,), written."""
    if parts == 1:
        y[:] = x
    else:
        _copy_shared(x, y, parts)
