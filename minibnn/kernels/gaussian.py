"""The normal distribution's cumulative distribution function, which NumPy lacks, and gelu, which needs it."""

import math

import numpy as np
from numba import prange

from minibnn.kernels.jit import kernel, parallel_kernel

REACH, STEP = 6.0, 1 / 64  # of the table; beyond +-6 the tails are below 1e-9
_POINTS = np.arange(-REACH, REACH + 2 * STEP, STEP)
_CDF = np.array([math.erfc(-x / math.sqrt(2)) / 2 for x in _POINTS])
_PDF = np.exp(-_POINTS * _POINTS / 2) / math.sqrt(2 * math.pi)


@kernel
def normal_cdf(x, cdf):
    """cdf = erfc(-x / sqrt(2)) / 2, which keeps its relative precision where x is far below 0.

    `x`: (n,). `cdf`: (n,), written.
    """
    for i in range(x.size):
        cdf[i] = 0.5 * math.erfc(-x[i] / math.sqrt(2.0))


@kernel
def _cdf_near(x):
    """The cdf at x by a cubic between two entries of the table, with their own slopes: right to 1e-9."""
    place = (min(max(x, -REACH), REACH) + REACH) / STEP
    k = np.int64(place)
    t = place - k
    rise, left, right = _CDF[k + 1] - _CDF[k], _PDF[k] * STEP, _PDF[k + 1] * STEP
    return _CDF[k] + t * (left + t * (3 * rise - 2 * left - right + t * (left + right - 2 * rise)))


@kernel
def _pdf_near(x):
    """The density at x, as `_cdf_near`: its slope is -x times itself."""
    place = (min(max(x, -REACH), REACH) + REACH) / STEP
    k = np.int64(place)
    t = place - k
    rise, left, right = _PDF[k + 1] - _PDF[k], -_POINTS[k] * _PDF[k] * STEP, -_POINTS[k + 1] * _PDF[k + 1] * STEP
    return _PDF[k] + t * (left + t * (3 * rise - 2 * left - right + t * (left + right - 2 * rise)))


@kernel
def gelu_row(x, y):
    """y = x cdf(x): (n,) -> (n,), written; it may be x itself. nan stays nan."""
    for i in range(x.size):
        y[i] = x[i] * np.float32(_cdf_near(np.float64(x[i])))


@kernel
def _vjp_row(g, x, gx):
    for i in range(x.size):
        z = np.float64(x[i])
        gx[i] = g[i] * np.float32(_cdf_near(z) + z * _pdf_near(z))


@parallel_kernel
def _gelu_shared(x, y, parts):
    for part in prange(parts):
        first, last = x.size * part // parts, x.size * (part + 1) // parts
        gelu_row(x[first:last], y[first:last])


@kernel
def gelu(x, y, parts):
    """`gelu_row`, shared by `parts` threads."""
    if parts == 1:
        gelu_row(x, y)
    else:
        _gelu_shared(x, y, parts)


@parallel_kernel
def _gelu_vjp_shared(g, x, gx, parts):
    for part in prange(parts):
        first, last = x.size * part // parts, x.size * (part + 1) // parts
        _vjp_row(g[first:last], x[first:last], gx[first:last])


@kernel
def gelu_vjp(g, x, gx, parts):
    """gx = g (cdf(x) + x pdf(x)): (n,), (n,) -> (n,), written."""
    if parts == 1:
        _vjp_row(g, x, gx)
    else:
        _gelu_vjp_shared(g, x, gx, parts)
