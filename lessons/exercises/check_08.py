"""The checker of lesson 8."""

import numpy as np

from minibnn.reading import array_of, call, expect, unchanged

Z = np.array([[1.0, 2.0, 3.0, 10.0], [-4.0, 0.0, 8.0, 0.0], [5.0, 6.0, 5.0, 4.0]])


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_normalize(answer)
    _check_bnfcl(answer)


def _normalized(answer, z, what, *eps):
    hint = "Do the shapes not fit? keepdims=True keeps the last axis, so that each row meets its own mean."
    got = call(answer, "normalize", z.copy(), *eps, shown=what, hint=hint)
    return array_of(got, what, z.shape)


def _check_normalize(answer):
    mean, variance = Z.mean(-1, keepdims=True), Z.var(-1, keepdims=True)
    expect(
        _normalized(answer, Z, "normalize(z)"),
        _normal(Z),
        f"normalize of a z of shape (3, 4) with the first row {Z[0].tolist()}",
        (
            _normal(Z, axis=0),
            "That works over the examples (axis 0) of each unit; Algorithm 1 normalizes the features of each example "
            "(axis -1), so that no example depends on the others of its batch.",
        ),
        (
            _normal(Z, axis=None),
            "That is one mean of the whole array; each example (row) has a mean and a variance of its own.",
        ),
        (Z - mean, "That subtracts the mean and stops; divide by the standard deviation too."),
        (Z / np.sqrt(variance + 1e-5), "That divides by the standard deviation, but the mean is still there."),
        ((Z - mean) / (variance + 1e-5), "That divides by the variance; the standard deviation is its root."),
        (_normal(Z) * np.sqrt(3 / 4), "That divides the variance by U - 1; the population's variance divides by U."),
        tolerance=1e-5,
    )
    _check_eps(answer)
    deep = _normalized(answer, Z[None], "normalize of a z of shape (1, 3, 4)")
    hint = "It is right for a z of shape (3, 4); the units are the last axis, -1."
    expect(deep, _normal(Z)[None], "normalize of a z of shape (1, 3, 4)", hint=hint, tolerance=1e-5)
    changed = Z.copy()
    call(answer, "normalize", changed)
    unchanged(changed, Z, "normalize changed its input", "write z - mean instead of z -= mean")


def _check_eps(answer):
    small = Z / 1000  # a variance of the size of eps, so that its place can be seen
    mean, sigma = small.mean(-1, keepdims=True), small.std(-1, keepdims=True)
    expect(
        _normalized(answer, small, "normalize of a small z"),
        _normal(small),
        f"normalize of a z of shape (3, 4) with the first row {small[0].tolist()}",
        (
            (small - mean) / (sigma + 1e-5),
            "eps stands outside of the root; expected sqrt(variance + eps), not sqrt(variance) + eps.",
        ),
        (
            (small - mean) / sigma,
            "eps is missing: with all units equal this divides 0 by 0; expected sqrt(variance + eps).",
        ),
        tolerance=1e-5,
    )
    got = _normalized(answer, small, "normalize of a small z and 0.5", 0.5)
    hint = "Its argument eps must be the number inside the root."
    expect(got, _normal(small, eps=0.5), "normalize(z, 0.5) of a small z", hint=hint, tolerance=1e-5)


def _check_bnfcl(answer):
    rng = np.random.default_rng(11)
    x, W, b = rng.normal(size=(3, 6)), rng.normal(size=(6, 4)) + 0.9, rng.normal(size=4) - 0.9
    z = x @ _bits(W) + _bits(b)
    for name, activation in (("z -> z", lambda z: z), ("relu", lambda z: np.maximum(z, 0))):
        what = f"bnfcl with the activation {name}"
        got = call(answer, "bnfcl", x.copy(), W.copy(), b.copy(), activation, shown=what)
        expect(
            array_of(got, what, (3, 4)),
            activation(_normal(z)),
            what,
            *((activation(_normal(wrong)), sentence) for wrong, sentence in _wrong_products(x, W, b)),
            (activation(z), "It stops without line 9: z must be normalized before the activation."),
            (_normal(activation(z)), "It normalizes after the activation; line 9 comes before line 10."),
            (_normal(z), "It does not apply the activation (line 10)."),
            (np.maximum(_normal(z), 0), "It ignores its argument activation, and applies a relu."),
            (activation(_normal(x @ _bits(W)) + _bits(b)), "The bias belongs before Normalize (line 8)."),
            hint="Compare your lines with lines 8 to 11.",
            tolerance=1e-5,
        )


def _wrong_products(x, W, b):
    W_q, b_q, shared = _bits(W), _bits(b), np.append(W, b).mean()
    return (
        (x @ W + b, "It computes with the latent weights; line 8 uses their bits, W_q and b_q."),
        (x @ W_q + b, "It uses bits for W but the latent bias b; the bias has one bit too, b_q."),
        (x @ W_q, "It forgets the bias: line 8 is x @ W_q + b_q."),
        (x @ _above(W, W.mean(0)) + b_q, "It takes a mean for each unit of W; Eq. 1 has one mean for the whole array."),
        (x @ _above(W, 0) + _above(b, 0), "It takes the bit from the sign; Eq. 1 compares with the mean."),
        (
            x @ _above(W, shared) + _above(b, shared),
            "It takes one mean of W and b together; each has its own in Eq. 1.",
        ),
    )


def _above(p, threshold):
    return (p > threshold).astype(float)


def _bits(p):
    return _above(p, p.mean())


def _normal(z, axis=-1, eps=1e-5):
    centred = z - z.mean(axis=axis, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=axis, keepdims=True) + eps)
