"""Checker of lesson 6."""

import numpy as np

from minibnn.reading import Wrong


def check(answer):
    """Raise Wrong, with a sentence about what is wrong, unless `answer` solves lesson 6."""
    _check_quant(answer.quant)
    _check_flip_points(answer.flip_points)


def _check_quant(quant):
    _expect(quant, [0.3, -0.2, 0.1, 0.8], [1, 0, 0, 1], "the mean is 0.25, and only what is larger gets a 1")
    _expect(quant, [1.0, 2.0, 3.0, 10.0], [0, 0, 0, 1], "the threshold is the mean, 4, and not 0 or the middle value")
    _expect(quant, [1.0, 2.0, 3.0], [0, 0, 1], "2 is equal to the mean, and a tie gives 0: Eq. 1 says > and not >=")
    rows = [[1.0, 20.0], [2.0, 3.0]]
    _expect(quant, rows, [[0, 1], [0, 0]], "the mean is over the whole array, 6.5, and not over each row or column")
    _expect(quant, [0.0, 0.0, 0.0], [0, 0, 0], "equal weights are all ties, and a tie gives 0")
    hint = "equal weights are all ties, but their mean comes out as 0.09999999999999999; all bits 1 must never come out"
    _expect(quant, [0.1] * 6, [0] * 6, hint)
    p = np.array([0.3, -0.2, 0.1, 0.8], np.float32)
    got = np.asarray(quant(p))
    if got.dtype != p.dtype:
        raise Wrong(f"quant of a float32 array gives {got.dtype}; the bits must have the dtype of p, so use astype")


def _expect(quant, p, expected, hint):
    p, before = np.array(p), np.array(p)
    got = _numbers(f"quant({before.tolist()})", quant(p), p.shape)
    if not np.array_equal(p, before):
        raise Wrong(f"quant changed its input {before.tolist()} to {p.tolist()}; make a new array for the bits")
    if not np.array_equal(got, expected):
        raise Wrong(f"quant({before.tolist()}) gives {got.tolist()}, and {expected} was expected: {hint}.")


def _check_flip_points(flip_points):
    six = np.array([0.0, 0.5, -0.4, 0.3, -0.2, -0.1])
    for W, i in ((six, 0), (six + 1, 3), (np.array([2.0, -7.0, 4.0]), 1)):
        call = f"flip_points({np.round(W, 3).tolist()}, {i})"
        before = W.copy()
        got = _numbers(call, flip_points(W, i))
        if not np.array_equal(W, before):
            raise Wrong(f"{call} changed its first argument; work on a copy, such as np.delete(W, i)")
        _check_count(call, got, len(W))
        for value in got:
            _check_flips(call, W, i, value)
        _check_order(call, got)


def _check_count(call, got, n):
    if got.shape == (n,):
        return
    if got.size == 1:
        raise Wrong(f"{call} gives one value; the {n} weights share one threshold, so the bit of each flips somewhere")
    raise Wrong(f"{call} gives shape {got.shape}; expected ({n},): one value for each weight's bit, its own included")


def _check_flips(call, W, i, value):
    """Whether a bit flips at `value`, by looking just left and just right of it."""
    left, right = (np.r_[W[:i], value + step, W[i + 1 :]] for step in (-1e-6, 1e-6))
    if np.array_equal(left > left.mean(), right > right.mean()):
        raise Wrong(
            f"{call} says that a bit flips at {value:.6g}, but the bits just left and right of it are the same: "
            f"set each weight equal to the mean (W[i] + S) / n, S the sum of all weights but W[i], and solve for W[i]"
        )


def _check_order(call, got):
    if (np.diff(got) < 0).any():
        raise Wrong(f"{call} gives {np.round(got, 3).tolist()}, which is not in ascending order; use np.sort")
    if (np.diff(got) < 1e-9).any():
        raise Wrong(f"{call} gives {np.round(got, 3).tolist()}, where a value comes twice and another is missing")


def _numbers(call, value, shape=None):
    """`value` as an array of numbers, of that shape if one is given."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "b" and shape is not None:
            raise Wrong(f"{call} gives True and False; the bits must be the numbers 1 and 0, so use astype")
        if array.dtype.kind not in "iuf":
            raise TypeError
    except (TypeError, ValueError):
        raise Wrong(f"{call} must return an array of numbers, and returned {_short(value)}") from None
    if shape is not None and array.shape != shape:
        raise Wrong(f"{call} gives shape {array.shape}; expected {shape}, the shape of p")
    if not np.isfinite(array).all():
        raise Wrong(f"{call} returns values that are not finite: {array.tolist()}")
    return array


def _short(value):
    """`value` on one line of at most 60 characters."""
    return " ".join(repr(value).split())[:60]
