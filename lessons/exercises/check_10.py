"""Checker of lesson 10."""

import numpy as np

from minibnn.reading import Wrong


def check(answer):
    """Raise Wrong, with a sentence about what is wrong, unless `answer` solves lesson 10."""
    _check_weight_gradient(answer.weight_gradient)
    _check_first_adam_drift(answer.first_adam_drift)


def _check_weight_gradient(weight_gradient):
    rng = np.random.default_rng(10)
    x, W_q, b_q = rng.normal(size=(3, 2)), rng.normal(size=(2, 4)), rng.normal(size=4)
    g, eps = rng.normal(size=(3, 4)), 0.3
    z = x @ W_q + b_q
    got = _numbers("weight_gradient", weight_gradient(x.copy(), z.copy(), g.copy(), eps), W_q.shape)
    expected = _slopes(lambda W: (_normal(x @ W + b_q, eps) * g).sum(), W_q)
    if np.allclose(got, expected, atol=1e-6):
        small = weight_gradient(x.copy(), z.copy(), g.copy())
        if not np.allclose(small, _slopes(lambda W: (_normal(x @ W + b_q, 1e-5) * g).sum(), W_q), atol=1e-5):
            raise Wrong("weight_gradient is right with eps=0.3 and wrong without that argument; its default is 1e-5")
        return
    _explain_gradient(got, expected, x, z, g, eps)
    if np.abs(got.sum(axis=1)).max() > 1e-6:
        raise Wrong(
            f"the rows of weight_gradient add up to {np.round(got.sum(axis=1), 4).tolist()} and must add up to 0: the "
            "gradient towards z must add up to 0 over the units of each example, so look at how mean(g) is subtracted"
        )
    raise Wrong(
        f"the rows of weight_gradient add up to 0, but its first row is {_rounded(got[0])}, and finite differences say "
        f"{_rounded(expected[0])}: look at the term y * mean(g * y) and at sigma"
    )


def _explain_gradient(got, expected, x, z, g, eps):
    sigma = np.sqrt(z.var(axis=1, keepdims=True) + eps)
    y = _normal(z, eps)
    mean_g, mean_gy = g.mean(axis=1, keepdims=True), (g * y).mean(axis=1, keepdims=True)
    right = (g - mean_g - y * mean_gy) / sigma
    for g_z, sentence in (
        (g, "it passes g on to z as if Normalize were not there"),
        ((g - y * mean_gy) / sigma, "the term mean(g) is missing, so its rows do not add up to 0"),
        ((g - mean_g) / sigma, "the term y * mean(g * y) is missing: it belongs to the standard deviation"),
        ((g - mean_g - z * (g * z).mean(axis=1, keepdims=True)) / sigma, "it has z where y, the normalized z, belongs"),
        ((g - mean_g - mean_gy) / sigma, "mean(g * y) must be multiplied by y"),
        (right * sigma, "the division by sigma is missing"),
        (right / sigma, "it divides by sigma twice, that is by the variance"),
        (right * sigma / z.std(axis=1, keepdims=True), "eps is missing in sigma, which is sqrt(variance + eps)"),
        (_over_the_batch(z, g, eps), "its means are over the examples; Normalize works over the units, axis 1"),
        (-right, "all its signs are turned round; SGD subtracts the gradient, the gradient itself has no minus"),
        (right / len(x), "it is the mean over the examples; the gradient is their sum"),
    ):
        if np.allclose(got, x.T @ g_z, atol=1e-6):
            raise Wrong(f"weight_gradient does not agree with finite differences: {sentence}")


def _over_the_batch(z, g, eps):
    sigma = np.sqrt(z.var(axis=0) + eps)
    y = (z - z.mean(axis=0)) / sigma
    return (g - g.mean(axis=0) - y * (g * y).mean(axis=0)) / sigma


def _check_first_adam_drift(first_adam_drift):
    g, lr = np.array([[0.5, -0.2, -0.3, 0.0], [2.0, 1.0, 1.0, -4.0], [-1.0, -2.0, 0.0, 3.0]]), 0.01
    got = first_adam_drift(g.copy(), lr)
    if isinstance(got, np.ndarray) and got.shape == (4,):
        raise Wrong(
            "first_adam_drift gives shape (4,) for a weight (3, 4): one number for each row, so sum over axis 1"
        )
    got = _numbers("first_adam_drift", got, (3,))
    expected = np.array([0.01, -0.02, 0.01])
    if np.allclose(got, expected):
        return
    for wrong, sentence in (
        (0 * expected, "that is what SGD does to gradients that add up to 0; Adam divides each by its own size first"),
        (-expected, "the signs are turned round: a weight moves against its gradient"),
        (expected / lr, "the learning rate is missing"),
        (-expected / lr, "the learning rate and a minus are missing: a weight moves against its gradient, by lr"),
        (expected / 4, "that is the change of each row's mean; its sum was asked for"),
    ):
        if np.allclose(got, wrong, atol=1e-9):
            raise Wrong(f"first_adam_drift of {g.tolist()} with lr = 0.01 gives {_rounded(got)}: {sentence}")
    raise Wrong(
        f"first_adam_drift of {g.tolist()} with lr = 0.01 gives {_rounded(got)}, and {expected.tolist()} was expected: "
        "each weight moves by lr against the sign of its gradient, whatever its size"
    )


def _normal(z, eps):
    return (z - z.mean(axis=1, keepdims=True)) / np.sqrt(z.var(axis=1, keepdims=True) + eps)


def _slopes(f, W, step=1e-4):
    """Central differences of f at W."""
    slopes = np.zeros_like(W)
    for index in np.ndindex(W.shape):
        move = np.zeros_like(W)
        move[index] = step
        slopes[index] = (f(W + move) - f(W - move)) / (2 * step)
    return slopes


def _rounded(values):
    return np.round(values, 4).tolist()


def _numbers(name, value, shape):
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise TypeError
    except (TypeError, ValueError):
        raise Wrong(f"{name} must return an array of numbers, and returned {_short(value)}") from None
    if array.shape == shape[::-1] and len(shape) == 2:
        raise Wrong(f"{name} gives shape {array.shape}; expected {shape}: the transpose, a row for each input")
    if array.shape != shape:
        raise Wrong(f"{name} gives shape {array.shape}; expected {shape}")
    if not np.isfinite(array).all():
        hint = "; a gradient of exactly 0 must move nothing, and 0 / 0 is not a number" if "adam" in name else ""
        raise Wrong(f"{name} returns values that are not finite: {array.tolist()}{hint}")
    return array


def _short(value):
    """`value` on one line of at most 60 characters."""
    return " ".join(repr(value).split())[:60]
