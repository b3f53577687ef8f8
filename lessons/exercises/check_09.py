"""The checker of lesson 9."""

import numpy as np

from minibnn.reading import Wrong, array_of, call, close, expect, number_of, parts_of, unchanged


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_to_bits(answer)
    _check_common_share(answer)


def _check_to_bits(answer):
    rng = np.random.default_rng(9)
    S, s = rng.choice([-1.0, 1.0], (6, 4)), np.array([-1.0, 1.0, 1.0, -1.0])
    before = S.copy(), s.copy()
    B, b, new_eps = parts_of(call(answer, "to_bits", S, s, 0.02), ("B", "b", "new_eps"), "to_bits(S, s, 0.02)")
    unchanged(S, before[0], "to_bits changed S", "make a new array for the bits")
    unchanged(s, before[1], "to_bits changed s", "make a new array for the bits")
    B, b = _bits("B", B, S), _bits("b", b, s)
    new_eps = _positive(new_eps, "new_eps of to_bits")
    x = 0.1 * rng.normal(size=(50, 6))  # small, so that epsilon counts
    with_signs = _normal(x @ S + s, 0.02)
    if close(_normal(x @ B + b, new_eps), with_signs):
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


def _bits(name, value, like):
    array = array_of(value, f"{name} of to_bits", like.shape, hint="There is a bit for each sign.", booleans=True)
    if not np.isin(array, (0, 1)).all():
        wrong = array[~np.isin(array, (0, 1))][0]
        raise Wrong(
            f"{name} of to_bits contains {wrong:g}; bits are 0 or 1 only: which number maps -1 to 0 and +1 to 1?"
        )
    return array.astype(float)


def _check_common_share(answer):
    rng = np.random.default_rng(10)
    common, own = rng.normal(size=(3, 5, 4, 1)), rng.normal(size=(3, 5, 4, 6))
    z = 3 * common * np.array([1.0, 2.0, 0.2]).reshape(3, 1, 1, 1) + own + rng.normal(size=(3, 1, 1, 1)) * 9
    what = "common_share of six equal filters"
    got = _positive(call(answer, "common_share", np.broadcast_to(common, own.shape).copy(), shown=what), what)
    summed = "It adds up the filters; take their mean."
    expect(got, 1.0, what, (36.0, summed), hint="All of the variance is common.")
    what = f"common_share of an array of shape {z.shape}"
    got, mean, variance = call(answer, "common_share", z.copy(), shown=what), z.mean(axis=3), z.var(axis=(1, 2, 3))
    expect(
        _positive(got, what),
        _share(z),
        what,
        (1 - _share(z), "It gives the share in which the filters differ, which is 1 minus what was asked for."),
        (
            mean.var() / z.var(),
            "It takes the variances over all examples at once; take them of each example, then the mean.",
        ),
        (mean.var(axis=(1, 2)).mean() / variance.mean(), "Take the share of each example, then the mean."),
        (
            (mean.std(axis=(1, 2)) / z.std(axis=(1, 2, 3))).mean(),
            "It divides standard deviations instead of variances.",
        ),
        (
            (z.mean(axis=(1, 2)).var(axis=1) / variance).mean(),
            "It averages over the positions; average over the filters, the last axis, then take the variance.",
        ),
        (
            (z.var(axis=(1, 2)).mean(axis=1) / variance).mean(),
            "It takes the variance of each filter and then the mean; take the mean over the filters first.",
        ),
        tolerance=1e-6,
    )


def _share(z):
    shares = [np.var(example.mean(axis=-1)) / np.var(example) for example in z]
    return sum(shares) / len(shares)


def _normal(z, eps):
    return (z - z.mean(axis=-1, keepdims=True)) / np.sqrt(z.var(axis=-1, keepdims=True) + eps)


def _positive(value, what):
    number = number_of(value, what)
    if number < 0:
        raise Wrong(f"{what} is {number:g}; it cannot be negative.")
    return number
