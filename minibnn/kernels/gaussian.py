"""The normal distribution's cumulative distribution function, which NumPy lacks, and gelu, which needs it."""

import math

import numpy as np
from numba import prange

from minibnn.kernels.jit import kernel, parallel_kernel

REACH, STEP = 6.0, 1 / 64  # of the table; beyond +-6 the tails are below 1e-9
_POINTS = np.arange(-REACH, REACH + 2 * STEP, STEP)
_CDF = np.array([math.erfc(-x / math.sqrt(2)) / 2 for x in _POINTS])
_PDF = np.exp(-_POINTS * _POINTS / 2) / math.sqrt(2 * math.pi)


def _cubics(values, slopes):
    """For each place between two entries the cubic with their values and slopes: four arrays of coefficients."""
    rise, left, right = np.diff(values), slopes[:-1] * STEP, slopes[1:] * STEP
    return tuple(
        c.astype(np.float32) for c in (values[:-1], left, 3 * rise - 2 * left - right, left + right - 2 * rise)
    )


_CDF_0, _CDF_1, _CDF_2, _CDF_3 = _cubics(_CDF, _PDF)
_PDF_0, _PDF_1, _PDF_2, _PDF_3 = _cubics(_PDF, -_POINTS * _PDF)
_reach, _per_step = np.float32(REACH), np.float32(1 / STEP)


@kernel
def normal_cdf(x, cdf):
    """cdf = erfc(-x / sqrt(2)) / 2, which keeps its relative precision where x is far below 0.

    `x`: (n,). `cdf`: (n,), written.
    """
    for i in range(x.size):
        cdf[i] = 0.5 * math.erfc(-x[i] / math.sqrt(2.0))


@kernel
def _place_of(x):
    """Where x lies in the table, in steps. Whatever is compared with nan is false: nan lies at its beginning."""
    inside = x if x > -_reach else -_reach
    return ((inside if inside < _reach else _reach) + _reach) * _per_step


@kernel
def _cdf_near(x):
    """The cdf at x by a cubic between two entries of the table, right to 1e-7."""
    place = _place_of(x)
    k = np.int32(place)
    t = place - np.float32(k)
    return _CDF_0[k] + t * (_CDF_1[k] + t * (_CDF_2[k] + t * _CDF_3[k]))


@kernel
def _pdf_near(x):
    """The density at x, as `_cdf_near`."""
    place = _place_of(x)
    k = np.int32(place)
    t = place - np.float32(k)
    return _PDF_0[k] + t * (_PDF_1[k] + t * (_PDF_2[k] + t * _PDF_3[k]))


@kernel
def gelu_row(x, y):
    """y = x cdf(x): (n,) -> (n,), float32, written; it may be x itself. nan stays nan."""
    for i in range(x.size):
        y[i] = x[i] * _cdf_near(x[i])


@kernel
def _vjp_row(g, x, gx):
    for i in range(x.size):
        gx[i] = g[i] * (_cdf_near(x[i]) + x[i] * _pdf_near(x[i]))


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
