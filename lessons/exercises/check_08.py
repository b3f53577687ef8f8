"""Checker of lesson 8."""

import numpy as np

from minibnn.reading import Wrong

Z = np.array([[1.0, 2.0, 3.0, 10.0], [-4.0, 0.0, 8.0, 0.0], [5.0, 6.0, 5.0, 4.0]])


def check(answer):
    """Raise Wrong, with a sentence about what is wrong, unless `answer` solves lesson 8."""
    _check_normalize(answer.normalize)
    _check_bnfcl(answer.bnfcl)


def _check_normalize(normalize):
    got = _numbers("normalize", normalize(Z.copy()), Z.shape)
    _explain_axis(got)
    _explain_scale(got)
    if not np.allclose(got, _normal(Z)):
        raise Wrong(
            f"normalize of {Z[0].tolist()} gives {got[0].round(4).tolist()}; expected {_rounded(_normal(Z[0]))}"
        )
    _check_eps(normalize)
    deep = _numbers("normalize of a z of shape (1, 3, 4)", normalize(Z[None].copy()), (1, 3, 4))
    if not np.allclose(deep, _normal(Z)[None]):
        raise Wrong(
            "normalize is right for a z of shape (3, 4) and wrong for (1, 3, 4); the units are the last axis, -1"
        )
    changed = Z.copy()
    normalize(changed)
    if not np.array_equal(changed, Z):
        raise Wrong("normalize changed its input; write z - mean instead of z -= mean")


def _explain_axis(got):
    if np.allclose(got, _normal(Z, axis=0)):
        raise Wrong(
            "normalize works over the examples (axis 0) of each unit; Algorithm 1 normalizes the features of each "
            "example (axis -1), so that no example depends on the others of its batch"
        )
    if np.allclose(got, _normal(Z, axis=None)):
        raise Wrong(
            "normalize takes one mean of the whole array; each example (row) has a mean and a variance of its own"
        )


def _explain_scale(got):
    mean, variance = Z.mean(-1, keepdims=True), Z.var(-1, keepdims=True)
    for wrong, sentence in (
        (Z - mean, "normalize subtracts the mean and stops; divide by the standard deviation too"),
        (Z / np.sqrt(variance + 1e-5), "normalize divides by the standard deviation, but the mean is still there"),
        ((Z - mean) / (variance + 1e-5), "normalize divides by the variance; the standard deviation is its root"),
        (
            _normal(Z) * np.sqrt(3 / 4),
            "normalize divides the variance by U - 1; the population's variance divides by U",
        ),
    ):
        if np.allclose(got, wrong):
            raise Wrong(sentence)


def _check_eps(normalize):
    small = Z / 1000  # a variance of the size of eps, so that its place can be seen
    got = _numbers("normalize of a small z", normalize(small.copy()), Z.shape)
    mean, sigma = small.mean(-1, keepdims=True), small.std(-1, keepdims=True)
    if np.allclose(got, (small - mean) / (sigma + 1e-5)):
        raise Wrong("eps stands outside of the root; expected sqrt(variance + eps), not sqrt(variance) + eps")
    if np.allclose(got, (small - mean) / sigma):
        raise Wrong("eps is missing: with all units equal this divides 0 by 0; expected sqrt(variance + eps)")
    if not np.allclose(got, _normal(small)):
        raise Wrong(
            f"normalize of {small[0].tolist()} gives {_rounded(got[0])}; expected {_rounded(_normal(small[0]))}"
        )
    if not np.allclose(normalize(small.copy(), 0.5), _normal(small, eps=0.5)):
        raise Wrong("normalize ignores its argument eps: normalize(z, 0.5) must put 0.5 into the root")


def _check_bnfcl(bnfcl):
    rng = np.random.default_rng(11)
    x, W, b = rng.normal(size=(3, 6)), rng.normal(size=(6, 4)) + 0.9, rng.normal(size=4) - 0.9
    for name, activation in (("z -> z", lambda z: z), ("relu", lambda z: np.maximum(z, 0))):
        got = _numbers("bnfcl", bnfcl(x.copy(), W.copy(), b.copy(), activation), (3, 4))
        z = x @ _bits(W) + _bits(b)
        expected = activation(_normal(z))
        if np.allclose(got, expected):
            continue
        _explain_bits(got, x, W, b, activation)
        for wrong, sentence in (
            (activation(z), "bnfcl stops without line 9: z must be normalized before the activation"),
            (_normal(activation(z)), "bnfcl normalizes after the activation; line 9 comes before line 10"),
            (_normal(z), "bnfcl does not apply the activation (line 10)"),
        ):
            if np.allclose(got, wrong):
                raise Wrong(sentence)
        raise Wrong(
            f"bnfcl with the activation {name} gives {_rounded(got[0])} for the first example, and "
            f"{_rounded(expected[0])} was expected; compare your lines with lines 8 to 11"
        )


def _explain_bits(got, x, W, b, activation):
    W_q, b_q, shared = _bits(W), _bits(b), np.append(W, b).mean()
    for z, sentence in (
        (x @ W + b, "bnfcl computes with the latent weights; line 8 uses their bits, W_q and b_q"),
        (x @ W_q + b, "bnfcl uses bits for W but the latent bias b; the bias has one bit too, b_q"),
        (x @ W_q, "bnfcl forgets the bias: line 8 is x @ W_q + b_q"),
        (
            x @ _above(W, W.mean(0)) + b_q,
            "bnfcl takes a mean for each unit of W; Eq. 1 has one mean for the whole array",
        ),
        (x @ _above(W, 0) + _above(b, 0), "bnfcl takes the bit from the sign; Eq. 1 compares with the mean"),
        (
            x @ _above(W, shared) + _above(b, shared),
            "bnfcl takes one mean of W and b together; each has its own in Eq. 1",
        ),
    ):
        if np.allclose(got, activation(_normal(z))):
            raise Wrong(sentence)


def _above(p, threshold):
    return (p > threshold).astype(float)


def _bits(p):
    return _above(p, p.mean())


def _normal(z, axis=-1, eps=1e-5):
    centred = z - z.mean(axis=axis, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=axis, keepdims=True) + eps)


def _rounded(values):
    return np.round(values, 3).tolist()


def _numbers(call, value, shape):
    """`value` as an array of finite numbers of that shape."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise TypeError
    except (TypeError, ValueError):
        raise Wrong(f"{call} must return an array of numbers, and returned {_short(value)}") from None
    if array.shape != shape:
        raise Wrong(f"{call} gives shape {array.shape}; expected {shape}")
    if not np.isfinite(array).all():
        raise Wrong(f"{call} returns values that are not finite: {array.tolist()}")
    return array


def _short(value):
    """`value` on one line of at most 60 characters."""
    return " ".join(repr(value).split())[:60]
