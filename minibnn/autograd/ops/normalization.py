"""Operations that put a whole axis on a common scale: Normalize, softmax, and the cross entropy of logits."""

import math

import numpy as np

from minibnn import kernels
from minibnn.autograd.arrays import axes_of
from minibnn.autograd.tensor import check_tensor, operation
from minibnn.errors import InputError


def normalize(x, axis=-1, eps=1e-5):
    """Normalize: (x - mean) / sqrt(variance + eps), the mean and variance taken over `axis`; no parameters.

    `x`: tensor (..., n). `axis`: the last axis, or a tuple of the last few, such as (-3, -2, -1). The variance is the
    population's (divided by n), and eps stands inside the root; the paper gives neither (errata 5).
    Raises InputError when `axis` does not end the shape or has no elements.
    """
    check_tensor("normalize", x)
    axes = axes_of(x.shape, axis)
    if not axes or sorted(axes) != list(range(x.ndim - len(axes), x.ndim)):
        raise InputError(f"normalize expects the last axis or axes of shape {x.shape}, and got axis {axis}")
    n = math.prod(x.shape[-len(axes) :])
    if n == 0:
        raise InputError(f"normalize needs at least one feature, and axis {axis} of shape {x.shape} has none")
    rows = np.ascontiguousarray(x.data).reshape(x.size // n, n)
    y, inverse_sigma = np.empty_like(rows), np.empty(len(rows), x.dtype)
    parts = kernels.parts(x.size) if kernels.fast(rows) else 1
    kernels.normalize_rows(rows, eps, y, inverse_sigma, parts)

    def vjp(g):  # dx = (g - mean(g) - y mean(g y)) / sigma: what moves mean or variance cannot move y
        g = np.ascontiguousarray(g).reshape(rows.shape)
        gx = np.empty_like(g)
        kernels.normalize_rows_vjp(g, y, inverse_sigma, gx, parts)
        return (gx.reshape(x.shape),)

    return operation("normalize", y.reshape(x.shape), (x,), vjp)


def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`; an element of minus infinity gets exactly 0."""
    _check_axis("softmax", x, axis)
    if axis in (-1, x.ndim - 1) and kernels.fast(x.data):
        return _fast_softmax(x)
    y = np.exp(x.data - x.data.max(axis, keepdims=True))  # the shift cancels, and nothing overflows
    y /= y.sum(axis, keepdims=True)

    def vjp(g):  # dx = y (g - sum(g y))
        return (y * (g - (g * y).sum(axis, keepdims=True)),)

    return operation("softmax", y, (x,), vjp)


def _fast_softmax(x):
    """`softmax` of the last axis, all threads at once."""
    y, parts, rows = np.empty_like(x.data), kernels.parts(x.size), (-1, x.shape[-1])
    kernels.softmax(x.data.reshape(rows), y.reshape(rows), parts)

    def vjp(g):
        gx = np.empty_like(y)
        kernels.softmax_vjp(np.ascontiguousarray(g).reshape(rows), y.reshape(rows), gx.reshape(rows), parts)
        return (gx,)

    return operation("softmax", y, (x,), vjp)


def log_softmax(x, axis=-1):
    """log(softmax(x)) along `axis`, without computing a probability that could round to 0."""
    _check_axis("log_softmax", x, axis)
    y = x.data - x.data.max(axis, keepdims=True)
    y = y - np.log(np.exp(y).sum(axis, keepdims=True))

    def vjp(g):  # dx = g - softmax(x) sum(g)
        return (g - np.exp(y) * g.sum(axis, keepdims=True),)

    return operation("log_softmax", y, (x,), vjp)


def softmax_cross_entropy(logits, labels):
    """-log(softmax(logits)[label]) of every example: the loss of a classifier, from the values before its softmax.

    `logits`: tensor (..., V). `labels`: integer array (...) of numbers from 0 to V - 1; the caller checks them.
    Returns a tensor (...) in nats.
    """
    rows = logits.data.reshape(math.prod(logits.shape[:-1]), logits.shape[-1])
    if kernels.fast(rows):
        return _fast_cross_entropy(logits, rows, np.ascontiguousarray(labels, np.int64).reshape(-1))
    picked = np.arange(len(rows)), np.asarray(labels).reshape(-1)
    shifted = rows - rows.max(-1, keepdims=True)
    exps = np.exp(shifted)
    sums = exps.sum(-1, keepdims=True)
    losses = np.log(sums[:, 0]) - shifted[picked]

    def vjp(g):  # dlogits = (probabilities - one hot label) g
        slope = exps / sums
        slope[picked] -= 1
        slope *= g.reshape(-1, 1)
        return (slope.reshape(logits.shape),)

    return operation("softmax_cross_entropy", losses.reshape(logits.shape[:-1]), (logits,), vjp)


def _fast_cross_entropy(logits, rows, labels):
    """`softmax_cross_entropy`, all threads at once."""
    losses, probabilities, parts = np.empty(len(rows), np.float32), np.empty_like(rows), kernels.parts(rows.size)
    kernels.cross_entropy(rows, labels, losses, probabilities, parts)

    def vjp(g):
        slopes = np.empty_like(rows)
        g = np.ascontiguousarray(g).reshape(-1)
        kernels.cross_entropy_vjp(g, labels, probabilities, slopes, parts)
        return (slopes.reshape(logits.shape),)

    return operation("softmax_cross_entropy", losses.reshape(logits.shape[:-1]), (logits,), vjp)


def _check_axis(name, x, axis):
    check_tensor(name, x)
    if len(axes_of(x.shape, axis)) != 1:
        raise InputError(f"{name} expects one axis, and got {axis!r} for shape {x.shape}")
    if x.shape[axis] == 0:
        raise InputError(f"{name} needs at least one element, and axis {axis} of shape {x.shape} has none")
