"""The checker of lesson 10."""

import numpy as np

from minibnn.reading import Wrong, array_of, call, expect


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_weight_gradient(answer)
    _check_first_adam_drift(answer)


def _check_weight_gradient(answer):
    rng = np.random.default_rng(10)
    x, W_q, b_q = rng.normal(size=(3, 2)), rng.normal(size=(2, 4)), rng.normal(size=4)
    g, eps = rng.normal(size=(3, 4)), 0.3
    z = x @ W_q + b_q
    what = "weight_gradient(x, z, g, 0.3)"
    got = call(answer, "weight_gradient", x.copy(), z.copy(), g.copy(), eps, shown=what)
    got = array_of(got, what, W_q.shape, hint="There is a row for each input.")
    if np.abs(got.sum(axis=1)).max() > 1e-6:
        hint = (
            f"Its rows add up to {np.round(got.sum(axis=1), 4).tolist()} and must add up to 0: the gradient towards z "
            "must add up to 0 over the units of each example, so look at how mean(g) is subtracted."
        )
    else:
        hint = "Its rows add up to 0, as they must: look at the term y * mean(g * y) and at sigma."
    slopes = _slopes(lambda W: (_normal(x @ W + b_q, eps) * g).sum(), W_q)
    misreadings = [(x.T @ g_z, sentence) for g_z, sentence in _wrong_gradients(z, g, eps)]
    expect(got, slopes, what, *misreadings, hint=hint, tolerance=1e-6)
    what = "weight_gradient(x, z, g), without eps,"
    small = array_of(call(answer, "weight_gradient", x.copy(), z.copy(), g.copy(), shown=what), what, W_q.shape)
    slopes = _slopes(lambda W: (_normal(x @ W + b_q, 1e-5) * g).sum(), W_q)
    expect(small, slopes, what, hint="With eps = 0.3 it is right; the default is 1e-5.", tolerance=1e-5)


def _wrong_gradients(z, g, eps):
    sigma = np.sqrt(z.var(axis=1, keepdims=True) + eps)
    y = _normal(z, eps)
    mean_g, mean_gy = g.mean(axis=1, keepdims=True), (g * y).mean(axis=1, keepdims=True)
    right = (g - mean_g - y * mean_gy) / sigma
    return (
        (g, "It passes g on to z as if Normalize were not there."),
        ((g - y * mean_gy) / sigma, "The term mean(g) is missing, so its rows do not add up to 0."),
        ((g - mean_g) / sigma, "The term y * mean(g * y) is missing: it belongs to the standard deviation."),
        (
            (g - mean_g - z * (g * z).mean(axis=1, keepdims=True)) / sigma,
            "It has z where y, the normalized z, belongs.",
        ),
        ((g - mean_g - mean_gy) / sigma, "mean(g * y) must be multiplied by y."),
        (right * sigma, "The division by sigma is missing."),
        (right / sigma, "It divides by sigma twice, that is by the variance."),
        (right * sigma / z.std(axis=1, keepdims=True), "eps is missing in sigma, which is sqrt(variance + eps)."),
        (_with_sigma(z, g, z.std(axis=1, keepdims=True) + eps), "sigma is sqrt(variance + eps), eps inside the root."),
        ((g - mean_g - y * mean_gy * z.shape[1]) / sigma, "It has the sum of g * y; take the mean over the units."),
        (_over_the_batch(z, g, eps), "Its means are over the examples; Normalize works over the units, axis 1."),
        (-right, "All its signs are turned round; SGD subtracts the gradient, the gradient itself has no minus."),
        (right / len(z), "It is the mean over the examples; the gradient is their sum."),
    )


def _with_sigma(z, g, sigma):
    y = (z - z.mean(axis=1, keepdims=True)) / sigma
    return (g - g.mean(axis=1, keepdims=True) - y * (g * y).mean(axis=1, keepdims=True)) / sigma


def _over_the_batch(z, g, eps):
    sigma = np.sqrt(z.var(axis=0) + eps)
    y = (z - z.mean(axis=0)) / sigma
    return (g - g.mean(axis=0) - y * (g * y).mean(axis=0)) / sigma


def _check_first_adam_drift(answer):
    g, lr = np.array([[0.5, -0.2, -0.3, 0.0], [2.0, 1.0, 1.0, -4.0], [-1.0, -2.0, 0.0, 3.0]]), 0.01
    what = f"first_adam_drift of {g.tolist()} with lr = 0.01"
    got = array_of(
        call(answer, "first_adam_drift", g.copy(), lr, shown=what),
        what,
        (3,),
        hint="There is one number for each row, so sum over axis 1.",
        finite=False,
    )
    if not np.isfinite(got).all():
        raise Wrong(f"{what} is {got.tolist()}: a gradient of exactly 0 must move nothing, and 0 / 0 is not a number.")
    expected = np.array([0.01, -0.02, 0.01])
    expect(
        got,
        expected,
        what,
        (
            0 * expected,
            "That is what SGD does to gradients that add up to 0; Adam divides each by its own size first.",
        ),
        (-expected, "The signs are turned round: a weight moves against its gradient."),
        (expected / lr, "The learning rate is missing."),
        (-expected / lr, "The learning rate and a minus are missing: a weight moves against its gradient, by lr."),
        (expected / 4, "That is the change of each row's mean; its sum was asked for."),
        hint="Each weight moves by lr against the sign of its gradient, whatever its size, and by 0 if that is 0.",
        tolerance=1e-6,
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
