"""One bit forward, the identity backward: Eq. 1 and the straight-through estimator as visible nodes of the graph.

A training step sees each parameter twice: the *latent weight* W, a float that the optimizer moves, and its bit. Eq. 1
makes the bit, and as a function of W it is a staircase: its derivative is 0 wherever it exists, so honest calculus
would never move W. The straight-through estimator passes the gradient of the bit on to W unchanged.

The paper writes this as `W_q = W + NoGradient(Quant(W) - W)` (Algorithm 1, line 2). In exact arithmetic that is
Quant(W), with the gradient of W. In float arithmetic `W + (0 - W)` is 0, but `W + (1 - W)` may miss 1 by a rounding
(errata 7). `straight_through` is the same rule with exact bits.
"""

import numpy as np

from minibnn import kernels
from minibnn.autograd.arrays import float_array
from minibnn.autograd.tensor import Tensor, check_tensor, operation
from minibnn.errors import InputError

THRESHOLDS = ("mean", "zero")


def bits_of(values, threshold="mean"):
    """Eq. 1 as a boolean array of the shape of `values`: True where a value is larger than the mean of all of them.

    A value equal to the mean gives False, so parameters that are all equal (a bias of zeros) are all 0 bits. The mean
    of such an array can miss their common value by a rounding. Not all values can be larger than their mean, so where
    that happens, it is taken to be the smallest value. If one value is nan, so is the mean, and no bit is 1.
    With `threshold` "zero" they are compared with 0 instead of the mean. Raises InputError for another threshold.
    """
    if values.size == 0:
        return np.zeros(values.shape, bool)
    bits = values > _limit(values, threshold)
    return values > values.min() if bits.all() and threshold == "mean" else bits


def _limit(values, threshold):
    """What the values are compared with, float64."""
    if not isinstance(threshold, str) or threshold not in THRESHOLDS:
        raise InputError(f"threshold expects 'mean' or 'zero', and got {threshold!r}")
    return _mean(values) if threshold == "mean" else np.float64(0)


def _mean(values):
    """The mean, float64: in float32 its rounding would decide between neighbouring values."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return np.float64(kernels.sum_of(flat, kernels.parts(flat.size)) / flat.size)


def _zeros_and_ones(values, threshold):
    """`bits_of` as numbers of the same dtype, in one more pass over the values where the fast path serves them."""
    if not kernels.fast(values):
        return bits_of(values, threshold).astype(values.dtype)
    bits, limit = np.empty_like(values), _limit(values, threshold)
    ones = kernels.threshold(values.reshape(-1), limit, bits.reshape(-1), kernels.parts(values.size))
    return bits if ones < values.size else bits_of(values, threshold).astype(values.dtype)


def quant(p, threshold="mean"):
    """Eq. 1: p_b = 1 if p > mean(p) else 0, as a tensor of zeros and ones without a gradient.

    `p`: tensor (or array) of any shape; the mean is over all of it. `threshold`: "zero" compares with 0 instead.
    The result has the shape and dtype of p. Raises InputError for another threshold.
    """
    values = p.data if isinstance(p, Tensor) else float_array(p)
    return _constant("quant", _zeros_and_ones(values, threshold))


def no_gradient(u):
    """NoGradient: `u` in the forward pass, and an end of the graph in the backward pass (stop-gradient)."""
    check_tensor("no_gradient", u)
    return _constant("no_gradient", u.data)


def straight_through(W, threshold="mean"):
    """W_q of Algorithm 1, line 2: exactly the bits `quant(W, threshold)` forward; backward, g -> g.

    `W`: tensor of any shape. The result has its shape and dtype and holds zeros and ones only. For example
    [0.3, -0.2, 0.1, 0.8] has the mean 0.25 and gives [1, 0, 0, 1]; compared with zero, it gives [1, 0, 1, 1].
    Raises InputError for another threshold than "mean" or "zero".
    """
    check_tensor("straight_through", W)
    if isinstance(W, FrozenOffset):  # only in gradcheck
        return W + (bits_of(W.start, threshold) - W.start)

    def vjp(g):  # dW_q/dW := 1, the pseudo-gradient
        return (g,)

    return operation("straight_through", _zeros_and_ones(W.data, threshold), (W,), vjp)


class FrozenOffset(Tensor):
    """A latent weight for the gradient check only (skip it at first reading): its bits move along with it.

    `data`: its values now. `start`: W0, those of the point where the gradient is checked.

    The estimator pretends that W -> Quant(W) has slope 1. The function of which that *is* the true slope is W -> W + C,
    with the offset C = Quant(W0) - W0 computed once at W0 and then frozen: it equals the bits at W0 and is smooth
    around it. `straight_through` of a FrozenOffset is that function, so finite differences through a whole layer give
    the gradient that the estimator must report.
    """

    __slots__ = ("start",)

    def __init__(self, data, start):
        super().__init__(data)
        self.start = start


def _constant(name, data):
    result = Tensor(data)
    result.operation = name
    return result
