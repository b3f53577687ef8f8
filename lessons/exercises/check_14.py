"""Checker of lesson 14."""

import math

import numpy as np

from minibnn.reading import Wrong


def check(answer):
    """Raise Wrong, with a sentence about what is wrong, unless `answer` solves lesson 14."""
    _check_row_gradient(answer.row_gradient)
    _check_similarity(answer.similarity)


def _check_row_gradient(row_gradient):
    _expect(row_gradient, [0, 2], 4, "put each gradient into its own row; rows without a token stay 0")
    _expect(row_gradient, [2, 0, 2], 3, "each gradient goes into the row of its id, and equal ids add up")
    _expect(row_gradient, [[1, 1], [3, 1]], 5, "ids may have several axes, (B, T), and then g is (B, T, D)")


def _expect(row_gradient, ids, vocab_size, hint):
    ids = np.array(ids)
    g = (10.0 ** np.arange(ids.size)[:, None] * [1.0, 2.0]).reshape(*ids.shape, 2)  # each gradient is a digit
    expected = sum(np.outer(np.arange(vocab_size) == i, row) for i, row in zip(ids.flat, g.reshape(-1, 2), strict=True))
    call = f"row_gradient(g, array({ids.tolist()}), {vocab_size}) with g[..., 0] = {g[..., 0].tolist()}"
    before = g.copy()
    got = _numbers(call, row_gradient(g, ids, vocab_size))
    if not np.array_equal(g, before):
        raise Wrong(f"{call} changed g; add into a new array")
    if got.shape != expected.shape:
        raise Wrong(
            f"{call} gives shape {got.shape}; expected {expected.shape}: a row for every token of the vocabulary"
        )
    if not np.allclose(got, expected):
        last = np.zeros_like(expected)
        last[ids] = g
        if np.allclose(got, last):
            hint = "a row that occurs twice got only one gradient, since [ids] += writes once; see np.add.at"
        elif np.allclose(got * np.maximum(1, np.bincount(ids.ravel(), minlength=vocab_size))[:, None], expected):
            hint = "the gradients of one row are added, and not averaged"
        raise Wrong(
            f"{call} gives {got[:, 0].tolist()} in column 0, and {expected[:, 0].tolist()} was expected: {hint}."
        )


def _check_similarity(similarity):
    for distance, ones, D in ((0, 384, 768), (6, 12, 16), (384, 384, 768), (200, 384, 768), (2, 1, 4)):
        call = f"similarity({distance}, {ones}, {D})"
        got, expected = _number(call, similarity(distance, ones, D)), _measured(distance, ones, D)
        if not math.isclose(got, expected, abs_tol=1e-9):
            hint = _hint(got, distance, ones, D)
            raise Wrong(f"{call} gives {got:.6g}, and {expected:.6g} was expected: {hint}.")


def _measured(distance, ones, D):
    """The cosine of two such rows, by building them."""
    a, b = np.zeros(D), np.zeros(D)
    a[:ones] = 1
    b[distance // 2 : distance // 2 + ones] = 1
    return float(np.corrcoef(a, b)[0, 1])


def _hint(got, distance, ones, D):
    if math.isclose(got, 1 - 2 * distance / D, abs_tol=1e-9):
        return "1 - 2 distance / D is right if half of the bits are ones; elsewhere the two values are not +1 and -1"
    if math.isclose(got, 1 - distance / ones / 2, abs_tol=1e-9):
        return "this is the similarity of the bits themselves; Normalize takes the mean out of each row first"
    if math.isclose(got, 1 - distance / D, abs_tol=1e-9):
        return "the share of equal places counts agreement only; where rows differ, the product is negative"
    if math.isclose(got, 1 - distance / (ones * (D - ones) / D), abs_tol=1e-9):
        return "of the places that differ, one half is a 1 in the first row and the other half in the second"
    return "work out the product for places where both are 1, where both are 0, and where they differ, and add up"


def _numbers(call, value):
    """`value` as an array of finite numbers."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise TypeError
    except (TypeError, ValueError):
        raise Wrong(f"{call} must return an array of numbers, and returned {value!r:.60}") from None
    if not np.isfinite(array).all():
        raise Wrong(f"{call} returns values that are not finite")
    return array


def _number(call, value):
    """`value` as a float, if it is one number."""
    array = _numbers(call, value)
    if array.ndim:
        raise Wrong(f"{call} must return one number, and returned an array of shape {array.shape}")
    return float(array)
