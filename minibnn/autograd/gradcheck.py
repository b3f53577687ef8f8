"""Trust but verify: gradients against finite differences, also through a straight-through node."""

import numpy as np

from minibnn.autograd.straight_through import FrozenOffset
from minibnn.autograd.tensor import Tensor
from minibnn.errors import InputTypeError


class GradientMismatch(AssertionError):
    """The reported gradient is not the slope that finite differences measure."""


def gradcheck(function, *inputs, latent=(), rtol=1e-6, step=1e-3, seed=0):
    """Check the gradient of `function` with respect to every element of every input; return how many were compared.

    `function`: takes one Tensor per input and returns one Tensor of any shape.
    `inputs`: float64 arrays of any shapes. Keep them away from kinks (relu at 0, equal maxima) by more than 2 `step`.
    `latent`: positions of inputs that `straight_through` is applied to, directly. The estimator's gradient is not the
    slope of the function, which is a staircase in them; it is the slope of the surrogate in which the offset
    C = quant(W0) - W0 is frozen, and that is what finite differences are taken of.
    `rtol`: largest difference allowed, relative to the input's largest partial derivative, or to a thousandth of the
    result (or of 1) where that is more. `step`: of the five-point central difference, whose error is of the order
    step^4 in truncation and 1e-16 / step in rounding.
    `seed`: of the random weights by which the elements of the result are added up to one number.

    Raises GradientMismatch, naming the input, the element and both values. InputTypeError unless inputs are float64.
    """
    inputs, latent = [np.asarray(x) for x in inputs], [i % len(inputs) for i in latent]
    if any(x.dtype != np.float64 for x in inputs):
        raise InputTypeError(f"gradcheck expects float64 inputs, got {', '.join(str(x.dtype) for x in inputs)}")
    tensors = [Tensor(x, requires_grad=True) for x in inputs]
    result = function(*tensors)
    weights = np.random.default_rng(seed).uniform(0.5, 1.5, result.shape)
    if result.requires_grad:
        result.backward(weights.copy())  # a vjp that writes into its gradient must not change the judge's weights too

    def surrogate(arrays):
        arguments = [FrozenOffset(array, inputs[i]) if i in latent else Tensor(array) for i, array in enumerate(arrays)]
        return float((function(*arguments).data * weights).sum())

    numeric = [numeric_gradient(surrogate, inputs, i, step) for i in range(len(inputs))]
    # Rounding in f itself moves a finite difference by about 1e-16 f / step, however small the slope is.
    smallest_scale = 1e-3 * max(1.0, abs(surrogate(inputs)))
    for i, tensor in enumerate(tensors):
        analytic = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad
        _compare(i, analytic, numeric[i], rtol * np.abs(numeric[i]).max(initial=smallest_scale))
    return sum(x.size for x in inputs)


def numeric_gradient(function, arrays, position, step=1e-3):
    """d function(arrays) / d arrays[position], element by element, by five-point central differences.

    `function` takes the list of arrays and returns a float. The arrays are left as they were.
    """
    arrays = [np.array(a) for a in arrays]
    x = arrays[position]
    slope = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        at, f = x[index], {}
        for k in (-2, -1, 1, 2):
            x[index] = at + k * step
            f[k] = function(arrays)
        x[index] = at
        slope[index] = (8 * (f[1] - f[-1]) - (f[2] - f[-2])) / (12 * step)
    return slope


def _compare(position, analytic, numeric, tolerance):
    if analytic.shape != numeric.shape:
        raise GradientMismatch(f"input {position} has shape {numeric.shape}, its gradient {analytic.shape}")
    difference = np.abs(analytic - numeric)
    if difference.size and not difference.max() <= tolerance:  # so written, a nan fails too
        index = np.unravel_index(np.argmax(np.where(np.isnan(difference), np.inf, difference)), difference.shape)
        element = f"[{', '.join(map(str, index))}]" if index else ""
        raise GradientMismatch(
            f"gradient of input {position}{element}: backward says {analytic[index]:.9g}, "
            f"finite differences say {numeric[index]:.9g}, allowed difference {tolerance:.2g}"
        )
