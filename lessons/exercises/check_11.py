"""The checker of lesson 11."""

import math

import numpy as np

from minibnn.reading import Wrong, call, number_of


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_flip_ratio(answer)
    _check_same_training(answer)


def _check_flip_ratio(answer):
    W, far = [0.1, -0.2, 0.3, 0.4], [[100, 101, 102], [103, 104, 105]]
    share = "two of four bits differ; return their share, from 0 to 1, and not their number"
    sign = "the threshold is the mean and not 0"
    _expect(answer, [W], [W], 0.0, "nothing has moved")
    floats = "the floats differ and the bits do not: compare the bits"
    moved = "the mean moves too: take each moment's own"
    _expect(answer, [W], [[0.2, -0.4, 0.6, 0.8]], 0.0, moved, {1.0: floats})
    _expect(answer, [W], [[1.1, 0.8, 1.3, 1.4]], 0.0, moved, {0.25: sign})
    _expect(answer, [W], [[0.9, -0.8, 0.2, 0.7]], 0.5, sign, {2.0: share})
    _expect(answer, [[0, 0, 0, 0]], [[0, 0, 0, 1]], 0.25, "weights equal to their mean are bits 0, not 1")
    weighted = "2 of all 8 bits differ; a small tensor must not count as much as a large one"
    one_mean = "each tensor is compared with its own mean, and not with the mean of all tensors"
    _expect(answer, [[0, 1], far], [[1, 0], far], 0.25, "2 of 8 bits differ", {0.5: weighted, 0.0: one_mean})


def _expect(answer, before, after, expected, hint, hints=None):
    what = f"flip_ratio({_shown(before)}, {_shown(after)})"
    got = number_of(call(answer, "flip_ratio", _arrays(before), _arrays(after), shown=what), what)
    if not math.isclose(got, expected, abs_tol=1e-9):
        hint = next((text for value, text in (hints or {}).items() if math.isclose(got, value)), hint)
        raise Wrong(f"{what} gives {got:.4g}, and {expected} was expected: {hint}.")


def _check_same_training(answer):
    for optimizer, k in (("sgd", 1), ("sgd", 8), ("adam", 1), ("adam", 8)):
        for lr, c in ((0.1, 1024), (0.5, 0.25)):
            what = f'same_training({lr}, {c}, {k}, "{optimizer}")'
            got, expected = number_of(call(answer, "same_training", lr, c, k, optimizer), what), lr * c
            if optimizer == "sgd":
                expected /= k
            if not math.isclose(got, expected, rel_tol=1e-9):
                raise Wrong(f"{what} gives {got:.6g}, which is not it: {_hint(got, lr, c, k, optimizer)}.")


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
