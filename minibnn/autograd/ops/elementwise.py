"""Functions of each element alone: the result has the operand's shape and dtype."""

import math

import numpy as np

from minibnn import kernels
from minibnn.autograd.arrays import check_broadcast, unbroadcast
from minibnn.autograd.tensor import Tensor, as_tensor, check_tensor, operation
from minibnn.errors import InputError, InputTypeError


def exp(x):
    """e ** x."""
    y = np.exp(x.data)

    def vjp(g):  # dy/dx = y
        return (g * y,)

    return operation("exp", y, (x,), vjp)


def log(x):
    """The natural logarithm, of positive numbers."""

    def vjp(g):  # dy/dx = 1 / x
        return (g / x.data,)

    return operation("log", np.log(x.data), (x,), vjp)


def sqrt(x):
    """The square root, of positive numbers (at 0 its slope is infinite)."""
    y = np.sqrt(x.data)

    def vjp(g):  # dy/dx = 1 / 2y
        return (g / (2 * y),)

    return operation("sqrt", y, (x,), vjp)


def tanh(x):
    """The hyperbolic tangent."""
    y = np.tanh(x.data)

    def vjp(g):  # dy/dx = 1 - y^2
        return (g * (1 - y * y),)

    return operation("tanh", y, (x,), vjp)


def relu(x):
    """max(x, 0); at 0, where it has no derivative, the gradient is 0."""
    if kernels.fast(x.data):
        return operation("relu", *_by_kernels(x, kernels.relu, kernels.relu_vjp))
    y = np.maximum(x.data, 0)

    def vjp(g):
        return (g * (x.data > 0),)

    return operation("relu", y, (x,), vjp)


def gelu(x):
    """x times the normal distribution's cdf at x, exactly, by the error function (not the tanh approximation)."""
    if kernels.fast(x.data):
        return operation("gelu", *_by_kernels(x, kernels.gelu, kernels.gelu_vjp))
    z = np.asarray(x.data, order="C")
    cdf = np.empty_like(z)
    kernels.normal_cdf(z.reshape(-1), cdf.reshape(-1))

    def vjp(g):  # dy/dx = cdf(x) + x pdf(x)
        pdf = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
        return (g * (cdf + z * pdf),)

    return operation("gelu", z * cdf, (x,), vjp)


def where(condition, x, y):
    """`x` where the boolean array `condition` is true, `y` elsewhere; the three broadcast. One may be a number."""
    if not isinstance(x, Tensor):
        check_tensor("where", y)
    x, y = (x, as_tensor(y, x)) if isinstance(x, Tensor) else (as_tensor(x, y), y)
    condition = np.asarray(condition)
    check_broadcast("where", condition.shape, x.shape, y.shape)

    if not x.requires_grad and _covers(condition, x, y):
        return operation("where", *_covered(condition, x, y))

    def vjp(g):  # np.where and not a product: 0 times an infinite gradient would be nan
        gx = unbroadcast(np.where(condition, g, 0), x.shape) if x.requires_grad else None
        return gx, unbroadcast(np.where(condition, 0, g), y.shape) if y.requires_grad else None

    return operation("where", np.where(condition, x.data, y.data), (x, y), vjp)


def _covers(condition, x, y):
    """Whether `condition` is the same for all rows of y, a number takes its place there, and a kernel is at hand."""
    same = condition.dtype == bool and 0 < condition.ndim <= y.ndim and condition.shape == y.shape[-condition.ndim :]
    return same and x.size == 1 and x.ndim <= y.ndim and kernels.fast(y.data)


def _covered(condition, x, y):
    covered, parts = np.ascontiguousarray(condition).reshape(-1), kernels.parts(y.size)

    def cover(number, array):
        rows, result = np.ascontiguousarray(array).reshape(-1, covered.size), np.empty_like(y.data)
        kernels.cover(covered, np.float32(number), rows, result.reshape(rows.shape), parts)
        return result

    return cover(x.data.item(), y.data), (x, y), lambda g: (None, cover(0, g))


def dropout(x, rate, rng):
    """Each element is 0 with probability `rate` and is divided by 1 - rate otherwise, so that its mean is unchanged.

    `rng`: the numpy.random.Generator that decides. Raises InputError unless 0 <= rate < 1.
    """
    if not 0 <= rate < 1:
        raise InputError(f"dropout expects a rate of at least 0 and below 1, and got {rate}")
    if not isinstance(rng, np.random.Generator):
        raise InputTypeError(f"dropout expects a numpy.random.Generator, and got {type(rng).__name__}")
    kept = (rng.random(x.shape, dtype=np.float32) >= rate).astype(x.dtype) / x.dtype.type(1 - rate)

    def vjp(g):
        return (g * kept,)

    return operation("dropout", x.data * kept, (x,), vjp)


def _by_kernels(x, forward, backward):
    """The value, the parents and the vjp of an operation that has two kernels: (x, y, parts) and (g, x, gx, parts)."""
    y, parts = np.empty_like(x.data), kernels.parts(x.size)
    forward(x.data.reshape(-1), y.reshape(-1), parts)

    def vjp(g):
        gx = np.empty_like(x.data)
        backward(np.ascontiguousarray(g).reshape(-1), x.data.reshape(-1), gx.reshape(-1), parts)
        return (gx,)

    return y, (x,), vjp
