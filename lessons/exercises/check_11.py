"""Checker of lesson 11."""

import math

import numpy as np

from minibnn.reading import Wrong


def check(answer):
    """Raise Wrong, with a sentence about what is wrong, unless `answer` solves lesson 11."""
    _check_flip_ratio(answer.flip_ratio)
    _check_same_training(answer.same_training)


def _check_flip_ratio(flip_ratio):
    W, far = [0.1, -0.2, 0.3, 0.4], [[100, 101, 102], [103, 104, 105]]
    share = "two of four bits differ; return their share, from 0 to 1, and not their number"
    sign = "the threshold is the mean and not 0"
    _expect(flip_ratio, [W], [W], 0.0, "nothing has moved")
    floats = "the floats differ and the bits do not: compare the bits"
    moved = "the mean moves too: take each moment's own"
    _expect(flip_ratio, [W], [[0.2, -0.4, 0.6, 0.8]], 0.0, moved, {1.0: floats})
    _expect(flip_ratio, [W], [[1.1, 0.8, 1.3, 1.4]], 0.0, moved, {0.25: sign})
    _expect(flip_ratio, [W], [[0.9, -0.8, 0.2, 0.7]], 0.5, sign, {2.0: share})
    _expect(flip_ratio, [[0, 0, 0, 0]], [[0, 0, 0, 1]], 0.25, "weights equal to their mean are bits 0, not 1")
    weighted = "2 of all 8 bits differ; a small tensor must not count as much as a large one"
    one_mean = "each tensor is compared with its own mean, and not with the mean of all tensors"
    _expect(flip_ratio, [[0, 1], far], [[1, 0], far], 0.25, "2 of 8 bits differ", {0.5: weighted, 0.0: one_mean})


def _expect(flip_ratio, before, after, expected, hint, hints=None):
    call = f"flip_ratio({_shown(before)}, {_shown(after)})"
    got = _number(call, flip_ratio(_arrays(before), _arrays(after)))
    if not math.isclose(got, expected, abs_tol=1e-9):
        hint = next((text for value, text in (hints or {}).items() if math.isclose(got, value)), hint)
        raise Wrong(f"{call} gives {got:.4g}, and {expected} was expected: {hint}.")


def _check_same_training(same_training):
    for optimizer, k in (("sgd", 1), ("sgd", 8), ("adam", 1), ("adam", 8)):
        for lr, c in ((0.1, 1024), (0.5, 0.25)):
            call = f'same_training({lr}, {c}, {k}, "{optimizer}")'
            got, expected = _number(call, same_training(lr, c, k, optimizer)), lr * c
            if optimizer == "sgd":
                expected /= k
            if not math.isclose(got, expected, rel_tol=1e-9):
                raise Wrong(f"{call} gives {got:.6g}, which is not it: {_hint(got, lr, c, k, optimizer)}.")


def _hint(got, lr, c, k, optimizer):
    if k > 1 and optimizer == "adam":
        return "Adam divides by the gradient's own size, so a loss multiplied by k takes the same steps as before"
    if k > 1:
        return "the gradient is k times as large, and so is SGD's step: what must the learning rate be divided by"
    if math.isclose(got, lr * c * c):
        return "c squared belongs to networks whose gradient shrinks by c; the straight-through gradient does not"
    if math.isclose(got, lr):
        return "all distances to the mean are c times as long, and the steps are not, neither SGD's nor Adam's"
    return "distances to the mean are c times as long, so steps must be c times as long too"


def _arrays(lists):
    return [np.array(each, float) for each in lists]


def _shown(lists):
    return "[" + ", ".join(f"array({each})" for each in lists) + "]"


def _number(call, value):
    """`value` as a float, if it is one number."""
    try:
        if isinstance(value, (str, bytes)) or np.ndim(value) != 0:
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        raise Wrong(f"{call} must return one number, and returned {value!r:.60}") from None
    if not math.isfinite(number):
        raise Wrong(f"{call} returns {number}, which is no finite number; is there a division by zero?")
    return number
