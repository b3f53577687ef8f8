"""The checker of lesson 16."""

import math

import numpy as np

from minibnn.reading import Wrong, array_of, call, close, number_of, short

CASES = ((5, 1), (2, 1), (10, 1), (4, 2), (10, 3), (3, 2), (101, 1), (30522, 1), (30522, 20))


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    for V, k in CASES:
        _check_logits(answer, V, k)
    for V, k in CASES:
        _check_floor(answer, V, k)
    for name in ("best_logits", "loss_floor"):
        given = np.asarray(call(answer, name, 3, 1))
        if not close(array_of(call(answer, name, 3), f"{name}(3)"), given):
            raise Wrong(f"{name}(3) and {name}(3, 1) differ; k is 1 where it is not given.")


def _check_logits(answer, V, k):
    what = f"best_logits({V}, {k})"
    hint = "There is one logit for each class."
    got = array_of(call(answer, "best_logits", V, k), what, (V,), hint=hint)
    shown = f"{what} {'begins with' if V > 6 else 'is'} {short(got[:6])}"
    high = math.sqrt(V / k - 1)
    if close(got[::-1], np.where(np.arange(V) < k, high, -1 / high)):
        raise Wrong(f"{shown}; the values are right, but the k right classes are the first k, here {k}, not the last")
    if np.ptp(got[:k]) > 1e-9 or np.ptp(got[k:]) > 1e-9:
        raise Wrong(f"{shown}; the first {k} must be equal, and the other {V - k} too")
    if abs(got.mean()) > 1e-9:
        raise Wrong(f"{shown}, and its mean is {got.mean():.4g}; Normalize makes it 0")
    square = np.mean(got * got)
    if math.isclose(square, (V - 1) / V, rel_tol=1e-9):
        raise Wrong(f"{what} has the variance 1 if one divides by V - 1; Normalize divides by V (errata 5)")
    if not math.isclose(square, 1, rel_tol=1e-9):
        raise Wrong(f"{shown}, and its mean square is {square:.4g}; Normalize makes it 1")
    if got[0] < got[-1]:
        raise Wrong(f"{shown}: the right classes, the first {k}, have the smaller logits; turn the sign")


def _check_floor(answer, V, k):
    what = f"loss_floor({V}, {k})"
    hint = "Is exp too large? Use the distance between the logits."
    got, expected = number_of(call(answer, "loss_floor", V, k), what, hint=hint), _floor(V, k)
    if not math.isclose(got, expected, rel_tol=1e-9):
        raise Wrong(f"{what} gives {got:.9g}, and {expected:.9g} was expected: {_hint(got, V, k)}.")


def _wrong_classes(V, k):
    """The weight of all wrong classes, if one right class has the weight 1."""
    high = math.sqrt(V / k - 1)
    return (V - k) * math.exp(-high - 1 / high)


def _floor(V, k):
    return math.log(k) + math.log1p(_wrong_classes(V, k) / k)


def _hint(got, V, k):
    x, high = _wrong_classes(V, k), math.sqrt(V / k - 1)
    if abs(got) < 1e-15:
        return "1 + x is 1 where x is tiny, and the logarithm of 1 is 0; math.log1p(x) keeps the x"
    if math.isclose(got, math.log1p(x / k)):
        return "log k is missing: each of the k right classes gets a k-th of their probability at best"
    if math.isclose(got, math.log1p(x)):
        return "the k right classes are in the softmax's sum too, all with the same weight"
    if math.isclose(got, math.log(k + (V - k) * math.exp(-high))):
        return "the wrong logits are not 0 but negative, so the distance is larger than the right logit alone"
    if math.isclose(got, math.log1p(math.exp(-high - 1 / high))):
        return "there are V - k wrong classes, and each takes its share"
    if math.isclose(got, 1 / (1 + x)):
        return "this is the probability; the loss is minus its logarithm"
    if math.isclose(got, _floor(V, k) / math.log(2)):
        return "this is in bits; the loss is in nats, with the natural logarithm"
    return "take minus the logarithm of the softmax of best_logits at one of the right classes"
