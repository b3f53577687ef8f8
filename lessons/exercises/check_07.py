"""The checker of lesson 7."""

import numpy as np

from minibnn import Tensor
from minibnn.reading import Wrong, array_of, call, kind, short, unchanged


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_line_2(answer)
    _check_surrogate_slopes(answer)


def _check_line_2(answer):
    for values in ([0.3, -0.2, 0.1, 0.8], [[0.25, -0.75], [0.5, 1.0], [0.0, 0.125]]):
        values = np.array(values)
        bits = (values > values.mean()).astype(float)
        W = Tensor(values.copy(), requires_grad=True)
        W_q = call(answer, "line_2", W, shown=f"line_2 of {short(values)}")
        _check_forward(W_q, bits, values)
        if not W_q.requires_grad:
            raise Wrong(
                "line_2 gives the right bits, but no gradient can reach W through it: quant has no slope, so W must "
                "also stand outside of no_gradient"
            )
        weights = np.arange(1.0, values.size + 1).reshape(values.shape)
        W_q.backward(weights)
        _check_backward(W.grad, weights)


def _check_forward(W_q, bits, values):
    if not isinstance(W_q, Tensor):
        raise Wrong(f"line_2 must return a Tensor, and returned {kind(W_q)}; add and subtract Tensors, not .data")
    if W_q.shape != bits.shape:
        raise Wrong(f"line_2 of a W of shape {bits.shape} gives shape {W_q.shape}; each weight has one bit")
    if np.allclose(W_q.data, values):
        raise Wrong("forward, line_2 gives W itself; the bracket of line 2, Quant(W) - W, must turn it into the bits")
    if not np.allclose(W_q.data, bits, atol=1e-6):
        raise Wrong(f"forward, line_2 of {values.tolist()} gives {W_q.data.tolist()}; its bits are {bits.tolist()}")


def _check_backward(got, weights):
    if got is None or not got.any():
        raise Wrong(
            "line_2 gives the right bits, but the gradient that reaches W is 0: W - W outside of no_gradient cancels "
            "in the backward pass too, so the whole bracket Quant(W) - W must stand inside"
        )
    if not np.allclose(got, weights):
        raise Wrong(
            f"the gradient {weights.tolist()} of W_q arrives at W as {got.tolist()}; straight through means unchanged, "
            f"so W must appear exactly once outside of no_gradient"
        )


def _check_surrogate_slopes(answer):
    W0 = np.array([[0.3, -0.2, 0.1], [0.8, -0.5, 0.4]])
    bits = (W0 > 0.15).astype(float)  # the mean is 0.15
    factors = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
    cases = [
        ("sum(factors * W_q)", lambda W_q: float((factors * W_q).sum()), factors),
        ("sum(factors * W_q^2 + W_q)", lambda W_q: float((factors * W_q**2 + W_q).sum()), 2 * factors * bits + 1),
    ]
    for name, loss, expected in cases:
        got = _slopes(answer, loss, W0, name)
        if not np.allclose(got, expected, atol=1e-5):
            _explain(got, expected, W0, factors, bits, name)
    cubes = _slopes(answer, lambda W_q: float((W_q**3).sum()), W0, "sum(W_q^3)")
    if not np.allclose(cubes, 3 * bits**2, atol=1e-5):
        raise Wrong(
            "surrogate_slopes is right for straight lines and parabolas but not for sum(W_q^3), where it is off by "
            f"{np.abs(cubes - 3 * bits**2).max():.2g}: take (f(W0 + step) - f(W0 - step)) / (2 step), step 1e-3"
        )


def _slopes(answer, loss, W0, name):
    given, what = W0.copy(), f"surrogate_slopes for the loss {name}"
    got = call(answer, "surrogate_slopes", loss, given, shown=what)
    unchanged(given, W0, "surrogate_slopes changed W0", "move the element in a copy, or move it back")
    return array_of(got, what, W0.shape, hint="Each element has one slope.")


def _explain(got, expected, W0, factors, bits, name):
    if not got.any():
        raise Wrong(
            f"surrogate_slopes for the loss {name} gives 0 everywhere: that is the slope of the staircase. Compute "
            "C = Quant(W0) - W0 once, before anything moves, and evaluate loss(W + C)"
        )
    if np.allclose(got, -expected, atol=1e-5):
        raise Wrong(f"surrogate_slopes for the loss {name} has every sign turned round: the step forward comes first")
    for scale, hint in (
        (2, "divide by 2 step, the distance of the two points"),
        (0.5, "f(W0) is one step away, not two"),
    ):
        if np.allclose(got, scale * expected, atol=1e-5):
            raise Wrong(f"surrogate_slopes for the loss {name} gives {scale} times what was expected: {hint}")
    if np.allclose(got, 2 * factors * W0 + 1, atol=1e-2):
        raise Wrong(
            f"surrogate_slopes for the loss {name} gives the slopes of loss(W) at the latent weights W0; the network "
            "uses bits, so add the frozen offset: loss(W + C)"
        )
    if np.allclose(got, 2 * factors * (2 * W0 - bits) + 1, atol=1e-2):
        raise Wrong(f"surrogate_slopes for the loss {name}: the offset has the wrong sign; it is C = Quant(W0) - W0")
    if np.allclose(got, expected, atol=2e-2):
        raise Wrong(
            f"surrogate_slopes for the loss {name} is off by {np.abs(got - expected).max():.2g}, too much for central "
            "differences: take (f(W0 + step) - f(W0 - step)) / (2 step)"
        )
    if np.allclose(got, got.flat[0]):
        raise Wrong(f"surrogate_slopes for the loss {name} is the same everywhere; move one element at a time, not all")
    raise Wrong(
        f"surrogate_slopes for the loss {name} at W0 = {W0.tolist()} gives {np.round(got, 3).tolist()}, and "
        f"{expected.tolist()} was expected: move one element of W0 by +-step and evaluate loss(W + C), C frozen"
    )
