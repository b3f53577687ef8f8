"""The checker of lesson 6."""

import numpy as np

from minibnn.reading import Wrong, array_of, call, short, unchanged


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_quant(answer)
    _check_flip_points(answer)


def _check_quant(answer):
    _expect(answer, [0.3, -0.2, 0.1, 0.8], [1, 0, 0, 1], "the mean is 0.25, and only what is larger gets a 1")
    _expect(answer, [1.0, 2.0, 3.0, 10.0], [0, 0, 0, 1], "the threshold is the mean, 4, and not 0 or the middle value")
    _expect(answer, [1.0, 2.0, 3.0], [0, 0, 1], "2 is equal to the mean, and a tie gives 0: Eq. 1 says > and not >=")
    rows = [[1.0, 20.0], [2.0, 3.0]]
    _expect(answer, rows, [[0, 1], [0, 0]], "the mean is over the whole array, 6.5, and not over each row or column")
    _expect(answer, [0.0, 0.0, 0.0], [0, 0, 0], "equal weights are all ties, and a tie gives 0")
    hint = "equal weights are all ties, but their mean comes out as 0.09999999999999999; all bits 1 must never come out"
    _expect(answer, [0.1] * 6, [0] * 6, hint)
    hint = "quant must not use a tolerance: the same weights {} have the same bits"
    _expect(answer, [0.3e-9, -0.2e-9, 0.1e-9, 0.8e-9], [1, 0, 0, 1], hint.format("a billion times smaller"))
    close = [1000 + k / 1024 for k in (1, 2, 3, 10)]  # exact in floats, and so is their mean
    _expect(answer, close, [0, 0, 0, 1], hint.format("a thousand times nearer to each other, and far from 0,"))
    p = np.array([0.3, -0.2, 0.1, 0.8], np.float32)
    hint = "The bits must have the dtype of p, so use astype."
    array_of(call(answer, "quant", p), "quant of a float32 array", p.shape, dtype=p.dtype, hint=hint)


def _expect(answer, p, expected, hint):
    p, before = np.array(p), np.array(p)
    what = f"quant({before.tolist()})"
    got = array_of(call(answer, "quant", p, shown=what), what, p.shape, hint="Each number has one bit.")
    unchanged(p, before, "quant changed its input", "make a new array for the bits")
    if not np.array_equal(got, expected):
        raise Wrong(f"{what} gives {got.tolist()}, and {expected} was expected: {hint}.")


def _check_flip_points(answer):
    six = np.array([0.0, 0.5, -0.4, 0.3, -0.2, -0.1])
    for W, i in ((six, 0), (six + 1, 3), (np.array([2.0, -7.0, 4.0]), 1)):
        what = f"flip_points({short(W)}, {i})"
        before = W.copy()
        got = array_of(call(answer, "flip_points", W, i, shown=what), what)
        unchanged(W, before, f"{what} changed its first argument", "work on a copy, such as np.delete(W, i)")
        _check_count(what, got, len(W))
        for value in got:
            _check_flips(what, W, i, value)
        _check_order(what, got)


def _check_count(what, got, n):
    if got.shape == (n,):
        return
    if got.size == 1:
        raise Wrong(f"{what} gives one value; the {n} weights share one threshold, so the bit of each flips somewhere")
    raise Wrong(f"{what} gives shape {got.shape}; expected ({n},): one value for each weight's bit, its own included")


def _check_flips(what, W, i, value):
    """Whether a bit flips at `value`, by looking just left and just right of it."""
    left, right = (np.r_[W[:i], value + step, W[i + 1 :]] for step in (-1e-6, 1e-6))
    if np.array_equal(left > left.mean(), right > right.mean()):
        raise Wrong(
            f"{what} says that a bit flips at {value:.6g}, but the bits just left and right of it are the same: "
            f"set each weight equal to the mean (W[i] + S) / n, S the sum of all weights but W[i], and solve for W[i]"
        )


def _check_order(what, got):
    if (np.diff(got) < 0).any():
        raise Wrong(f"{what} gives {short(got)}, which is not in ascending order; use np.sort")
    if (np.diff(got) < 1e-9).any():
        raise Wrong(f"{what} gives {short(got)}, where a value comes twice and another is missing")
