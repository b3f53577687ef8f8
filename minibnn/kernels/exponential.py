"""softmax and its cross entropy, row by row, with an exponential that becomes vector instructions."""

import math

import numpy as np
from numba import prange

from minibnn.kernels.jit import kernel, parallel_kernel
from minibnn.kernels.sums import products_from, sum_from

_EXP2 = tuple(np.float32(math.log(2) ** n / math.factorial(n)) for n in range(8))
_LOG2_E = np.float32(1 / math.log(2))
_LEAST = np.float32(-126)  # the smallest exponent of a normal float32; below, the exponential is 0


@kernel
def exp_row(x, shift, powers, y):
    """y = exp(x - shift), and its sum: (n,) -> (n,), written. `powers`: int32 (n,), scratch.

    exp(x) = 2^k 2^f with a whole k and f in +-1/2: 2^k is written into the exponent's bits of a float32, and 2^f is the
    Taylor polynomial of degree 7 (error 1e-8).
    """
    for i in range(x.size):
        z = (x[i] - shift) * _LOG2_E
        inside = _LEAST if z < _LEAST else z
        k = np.floor(inside + np.float32(0.5))
        f = inside - k
        p = _EXP2[6] + f * _EXP2[7]
        p = _EXP2[4] + f * (_EXP2[5] + f * p)
        p = _EXP2[2] + f * (_EXP2[3] + f * p)
        y[i] = _EXP2[0] + f * (_EXP2[1] + f * p)
        powers[i] = (np.int32(k) + np.int32(127)) << np.int32(23) if z >= _LEAST else np.int32(0)
    factors = powers.view(np.float32)
    for i in range(x.size):
        y[i] = y[i] * factors[i] if y[i] == y[i] else y[i]  # nan stays nan
    return np.float32(sum_from(y, 0, y.size))


@kernel
def _largest(x):
    largest = x[0]
    for i in range(x.size):
        largest = x[i] if x[i] > largest else largest
    return largest


@kernel
def softmax_row(x, powers, y):
    """y = softmax(x): (n,) -> (n,), written; it may be x itself. An element of minus infinity gets exactly 0."""
    total = exp_row(x, _largest(x), powers, y)
    for i in range(x.size):
        y[i] /= total


@kernel
def _softmax_rows(x, y):
    powers = np.empty(x.shape[1], np.int32)
    for r in range(len(x)):
        softmax_row(x[r], powers, y[r])


@parallel_kernel
def _softmax_shared(x, y, parts):
    for part in prange(parts):
        first, last = len(x) * part // parts, len(x) * (part + 1) // parts
        _softmax_rows(x[first:last], y[first:last])


@kernel
def softmax(x, y, parts):
    """`softmax_row` of every row, shared by `parts` threads: (rows, n) -> (rows, n), written."""
    if parts == 1:
        _softmax_rows(x, y)
    else:
        _softmax_shared(x, y, parts)


@kernel
def _softmax_vjp_rows(g, y, gx):
    for r in range(len(y)):
        start, n = r * y.shape[1], y.shape[1]
        product = np.float32(products_from(g, start, y, start, n))
        for i in range(n):
            gx[r, i] = y[r, i] * (g[r, i] - product)


@parallel_kernel
def _softmax_vjp_shared(g, y, gx, parts):
    for part in prange(parts):
        first, last = len(y) * part // parts, len(y) * (part + 1) // parts
        _softmax_vjp_rows(g[first:last], y[first:last], gx[first:last])


@kernel
def softmax_vjp(g, y, gx, parts):
    """gx = y (g - sum(g y)) for every row: (rows, n), (rows, n) -> (rows, n), written."""
    if parts == 1:
        _softmax_vjp_rows(g, y, gx)
    else:
        _softmax_vjp_shared(g, y, gx, parts)


@kernel
def _cross_entropy_rows(logits, labels, losses, probabilities):
    powers = np.empty(logits.shape[1], np.int32)
    for r in range(len(logits)):
        largest = _largest(logits[r])
        total = exp_row(logits[r], largest, powers, probabilities[r])
        losses[r] = np.log(np.float64(total)) - np.float64(logits[r, labels[r]] - largest)
        for i in range(logits.shape[1]):
            probabilities[r, i] /= total


@parallel_kernel
def _cross_entropy_shared(logits, labels, losses, probabilities, parts):
    for part in prange(parts):
        first, last = len(logits) * part // parts, len(logits) * (part + 1) // parts
        _cross_entropy_rows(logits[first:last], labels[first:last], losses[first:last], probabilities[first:last])


@kernel
def cross_entropy(logits, labels, losses, probabilities, parts):
    """losses = -log(softmax(logits)[label]) of every row, and the softmax itself.

    `logits`: (rows, V). `labels`: (rows,), int64. `losses`: (rows,), `probabilities`: (rows, V), written.
    """
    if parts == 1:
        _cross_entropy_rows(logits, labels, losses, probabilities)
    else:
        _cross_entropy_shared(logits, labels, losses, probabilities, parts)


@kernel
def _cross_entropy_vjp_rows(g, labels, probabilities, slopes):
    for r in range(len(g)):
        for i in range(slopes.shape[1]):
            slopes[r, i] = probabilities[r, i] * g[r]
        slopes[r, labels[r]] -= g[r]


@parallel_kernel
def _cross_entropy_vjp_shared(g, labels, probabilities, slopes, parts):
    for part in prange(parts):
        first, last = len(g) * part // parts, len(g) * (part + 1) // parts
        _cross_entropy_vjp_rows(g[first:last], labels[first:last], probabilities[first:last], slopes[first:last])


@kernel
def cross_entropy_vjp(g, labels, probabilities, slopes, parts):
    """slopes = (probabilities - one hot label) g for every row: (rows,) -> (rows, V), written."""
    if parts == 1:
        _cross_entropy_vjp_rows(g, labels, probabilities, slopes)
    else:
        _cross_entropy_vjp_shared(g, labels, probabilities, slopes, parts)
