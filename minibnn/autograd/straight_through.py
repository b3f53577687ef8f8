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


def bits_of(values):
    """Eq. 1 as a boolean array of the shape of `values`: True where a value is larger than the mean of all of them.

    A value equal to the mean gives False, so parameters that are all equal (a bias of zeros) are all 0 bits. The mean
    of such an array can miss their common value by a rounding. Not all values can be larger than their mean, so where
    that happens, it is taken to be the smallest value. If one value is nan, so is the mean, and no bit is 1.
    """
    if values.size == 0:
        return np.zeros(values.shape, bool)
    bits = values > _mean(values)
    return values > values.min() if bits.all() else bits


def _mean(values):
    """The mean, float64: in float32 its rounding would decide between neighbouring values."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return np.float64(kernels.sum_of(flat, kernels.parts(flat.size)) / flat.size)


def _zeros_and_ones(values):
    """`bits_of` as numbers of the same dtype, in one more pass over the values where the fast path serves them."""
    if not kernels.fast(values):
        return bits_of(values).astype(values.dtype)
    bits = np.empty_like(values)
    ones = kernels.threshold(values.reshape(-1), _mean(values), bits.reshape(-1), kernels.parts(values.size))
    return bits if ones < values.size else bits_of(values).astype(values.dtype)


def quant(p):
    """Eq. 1: p_b = 1 if p > mean(p) else 0, as a tensor of zeros and ones without a gradient.

    `p`: tensor (or array) of any shape; the mean is over all of it. The result has its shape and dtype.
    """
    values = p.data if isinstance(p, Tensor) else float_array(p)
    return _constant("quant", _zeros_and_ones(values))


def no_gradient(u):
    """NoGradient: `u` in the forward pass, and an end of the graph in the backward pass (stop-gradient)."""
    check_tensor("no_gradient", u)
    return _constant("no_gradient", u.data)


def straight_through(W):
    """W_q of Algorithm 1, line 2: exactly the bits `quant(W)` forward; backward, g -> g.

    `W`: tensor of any shape. The result has its shape and dtype and holds zeros and ones only. For example
    [0.3, -0.2, 0.1, 0.8] has the mean 0.25 and gives [1, 0, 0, 1].
    """
    check_tensor("straight_through", W)
    if isinstance(W, FrozenOffset):  # only in gradcheck
        return W + W.offset

    def vjp(g):  # dW_q/dW := 1, the pseudo-gradient
        return (g,)

    return operation("straight_through", _zeros_and_ones(W.data), (W,), vjp)


class FrozenOffset(Tensor):
    """A latent weight for the gradient check only (skip it at first reading): its bits move along with it.

    The estimator pretends that W -> Quant(W) has slope 1. The function of which that *is* the true slope is W -> W + C,
    with the offset C = Quant(W0) - W0 computed once at W0 and then frozen: it equals the bits at W0 and is smooth
    around it. `straight_through` of a FrozenOffset is that function, so finite differences through a whole layer give
    the gradient that the estimator must report.
    """

    __slots__ = ("offset",)

    def __init__(self, data, offset):
        super().__init__(data)
        self.offset = offset


def _constant(name, data):
    result = Tensor(data)
    result.operation = name
    return result
