"""The checker of lesson 14."""

import math

import numpy as np

from minibnn.reading import Wrong, array_of, call, number_of, unchanged


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_row_gradient(answer)
    _check_similarity(answer)


def _check_row_gradient(answer):
    _expect(answer, [0, 2], 4, "put each gradient into its own row; rows without a token stay 0")
    _expect(answer, [2, 0, 2], 3, "each gradient goes into the row of its id, and equal ids add up")
    _expect(answer, [[1, 1], [3, 1]], 5, "ids may have several axes, (B, T), and then g is (B, T, D)")


def _expect(answer, ids, vocab_size, hint):
    ids = np.array(ids)
    g = (10.0 ** np.arange(ids.size)[:, None] * [1.0, 2.0]).reshape(*ids.shape, 2)  # each gradient is a digit
    expected = sum(np.outer(np.arange(vocab_size) == i, row) for i, row in zip(ids.flat, g.reshape(-1, 2), strict=True))
    what = f"row_gradient(g, array({ids.tolist()}), {vocab_size}) with g[..., 0] = {g[..., 0].tolist()}"
    before, rows = g.copy(), "There is a row for every token of the vocabulary."
    got = array_of(call(answer, "row_gradient", g, ids, vocab_size, shown=what), what, expected.shape, hint=rows)
    unchanged(g, before, f"{what} changed g", "add into a new array")
    if not np.allclose(got, expected):
        last = np.zeros_like(expected)
        last[ids] = g
        if np.allclose(got, last):
            hint = "a row that occurs twice got only one gradient, since [ids] += writes once; see np.add.at"
        elif np.allclose(got * np.maximum(1, np.bincount(ids.ravel(), minlength=vocab_size))[:, None], expected):
            hint = "the gradients of one row are added, and not averaged"
        raise Wrong(
            f"{what} gives {got[:, 0].tolist()} in column 0, and {expected[:, 0].tolist()} was expected: {hint}."
        )


def _check_similarity(answer):
    for distance, ones, D in ((0, 384, 768), (6, 12, 16), (384, 384, 768), (200, 384, 768), (2, 1, 4)):
        what = f"similarity({distance}, {ones}, {D})"
        got, expected = number_of(call(answer, "similarity", distance, ones, D), what), _measured(distance, ones, D)
        if not math.isclose(got, expected, abs_tol=1e-9):
            hint = _hint(got, distance, ones, D)
            raise Wrong(f"{what} gives {got:.6g}, and {expected:.6g} was expected: {hint}.")


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
