"""Checker of lesson 9."""

import numpy as np

from minibnn.reading import Wrong


def check(answer):
    """Raise Wrong, with a sentence about what is wrong, unless `answer` solves lesson 9."""
    _check_to_bits(answer.to_bits)
    _check_common_share(answer.common_share)


def _check_to_bits(to_bits):
    rng = np.random.default_rng(9)
    S, s = rng.choice([-1.0, 1.0], (6, 4)), np.array([-1.0, 1.0, 1.0, -1.0])
    before = S.copy(), s.copy()
    B, b, new_eps = _three(to_bits(S, s, 0.02))
    if not (np.array_equal(S, before[0]) and np.array_equal(s, before[1])):
        raise Wrong("to_bits changed S or s; make new arrays for the bits")
    B, b = _bits("B", B, S), _bits("b", b, s)
    new_eps = _number("new_eps", new_eps)
    x = 0.1 * rng.normal(size=(50, 6))  # small, so that epsilon counts
    with_signs = _normal(x @ S + s, 0.02)
    if np.allclose(_normal(x @ B + b, new_eps), with_signs, atol=1e-9):
        return
    _explain_bits(x, S, s, B, b)
    raise Wrong(
        f"the bits are right, but eps = 0.02 becomes {new_eps:.6g}: with signs the outputs are twice as large, "
        "so how many times as large is their variance, and what must be added to the smaller one?"
    )


def _explain_bits(x, S, s, B, b):
    if np.array_equal(B, S < 0):
        raise Wrong("to_bits gives the bit 1 to -1 and 0 to +1: that is the layer with its outputs turned round")
    if not np.array_equal(B, S > 0):
        raise Wrong(f"B has {int(B.sum())} ones for {int((S > 0).sum())} weights of +1; S = 2 B - 1, solved for B")
    if not np.array_equal(b, s > 0):
        raise Wrong(
            f"the bits b of the biases s = {s.tolist()} are {b.tolist()}: they must satisfy s = 2 b - 1 too, since the "
            "whole of x @ S + s is to be twice x @ B + b, but for a number that all units share"
        )


def _three(value):
    try:
        B, b, new_eps = value
    except (TypeError, ValueError):
        raise Wrong(f"to_bits must return three values, (B, b, new_eps), and returned {_short(value)}") from None
    return B, b, new_eps


def _bits(name, value, like):
    array = _array(f"{name} of to_bits", value)
    if array.shape != like.shape:
        raise Wrong(f"{name} of to_bits has shape {array.shape}; expected {like.shape}, a bit for each sign")
    if not np.isin(array, (0, 1)).all():
        wrong = array[~np.isin(array, (0, 1))][0]
        raise Wrong(
            f"{name} of to_bits contains {wrong:g}; bits are 0 or 1 only: which number maps -1 to 0 and +1 to 1?"
        )
    return array.astype(float)


def _check_common_share(common_share):
    rng = np.random.default_rng(10)
    common, own = rng.normal(size=(3, 5, 4, 1)), rng.normal(size=(3, 5, 4, 6))
    z = 3 * common * np.array([1.0, 2.0, 0.2]).reshape(3, 1, 1, 1) + own + rng.normal(size=(3, 1, 1, 1)) * 9
    filters_equal = np.broadcast_to(common, own.shape).copy()
    got = _number("common_share of equal filters", common_share(filters_equal))
    if not np.isclose(got, 1):
        raise Wrong(f"common_share is {got:.4f} for six equal filters, where all of the variance is common; expected 1")
    got, expected = _number("common_share", common_share(z.copy())), _share(z)
    if np.isclose(got, expected):
        return
    mean = z.mean(axis=3)
    for wrong, sentence in (
        (1 - expected, "it gives the share in which the filters differ, which is 1 minus what was asked for"),
        (
            mean.var() / z.var(),
            "it takes the variances over all examples at once; take them of each example, then the mean",
        ),
        (
            (mean.var(axis=(1, 2)).mean() / z.var(axis=(1, 2, 3)).mean()),
            "take the share of each example, then the mean",
        ),
        ((mean.std(axis=(1, 2)) / z.std(axis=(1, 2, 3))).mean(), "it divides standard deviations instead of variances"),
        (
            (z.mean(axis=(1, 2)).var(axis=1) / z.var(axis=(1, 2, 3))).mean(),
            "it averages over the positions; average over the filters, the last axis, then take the variance",
        ),
        (
            (z.var(axis=(1, 2)).mean(axis=1) / z.var(axis=(1, 2, 3))).mean(),
            "it takes the variance of each filter and then the mean; take the mean over the filters first",
        ),
    ):
        if np.isclose(got, wrong):
            raise Wrong(f"common_share gives {got:.4f} where {expected:.4f} was expected: {sentence}")
    raise Wrong(f"common_share gives {got:.4f} for an array of shape {z.shape}, and {expected:.4f} was expected")


def _share(z):
    shares = [np.var(example.mean(axis=-1)) / np.var(example) for example in z]
    return sum(shares) / len(shares)


def _normal(z, eps):
    return (z - z.mean(axis=-1, keepdims=True)) / np.sqrt(z.var(axis=-1, keepdims=True) + eps)


def _array(name, value):
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError
    except (TypeError, ValueError):
        raise Wrong(f"{name} must be an array of numbers, and is {_short(value)}") from None
    return array


def _number(name, value):
    array = _array(name, value)
    if array.size != 1 or not np.isfinite(array).all():
        raise Wrong(f"{name} must be one finite number, and is {_short(value)}")
    number = float(array.reshape(-1)[0])
    if number < 0:
        raise Wrong(f"{name} is {number:g}; it cannot be negative")
    return number


def _short(value):
    """`value` on one line of at most 60 characters."""
    return " ".join(repr(value).split())[:60]
