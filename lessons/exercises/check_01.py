"""The checker of lesson 1."""

import numpy as np

from minibnn.reading import Wrong, array_of, call, close, number_of

SCALES = np.array([[1.0, 3.0], [-2.0, 0.25], [0.5, -1.0]])


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    check_slope(answer)
    check_values(answer)
    check_shapes(answer)
    check_dtypes(answer)
    check_accuracy(answer)


def check_slope(answer):
    """The central difference with exactly the step that was given."""
    where = "slope(f, 1.0, 0.5) for f(x) = x ** 3"
    got = number_of(call(answer, "slope", lambda x: x**3, 1.0, 0.5, shown=where), where)
    hints = {
        4.75: "That is the forward difference: step to both sides of x, not only to the right.",
        1.75: "That is the backward difference: step to both sides of x, not only to the left.",
        6.5: "That is twice too much: from x - h to x + h the way is 2 h long, not h.",
        1.625: "That is half of it: the way from x - h to x + h is 2 h; did you divide by 2 twice?",
        -3.25: "The sign is turned: take f on the right minus f on the left.",
        3.0: "That is the exact slope, or nearly; use the step h that is given, here 0.5.",
    }
    if not close(got, 3.25, 1e-12):
        hint = next((text for value, text in hints.items() if close(got, value, 1e-6)), "Compare with `central`.")
        raise Wrong(f"{where} is 3.25, and yours gives {got:.6g}. {hint}")


def check_values(answer):
    """One vector: its slopes, and that it is left as it was."""
    where = "f(w) = sum(w ** 2) + w[0] w[1] at w = [0.1, 0.7, -1.3]"
    before, want = np.array([0.1, 0.7, -1.3]), np.array([0.9, 1.5, -2.6])
    w = before.copy()
    got = gradient(answer, lambda v: (v**2).sum() + v[0] * v[1], w, where)
    if (w != before).any():
        rounded = np.abs(w - before).max() < 1e-12
        how = "put back with a rounding (w + h - h is not always w)" if rounded else "nudged and not put back"
        raise Wrong(f"gradient changed the array w, {before.tolist()}, to {w.tolist()}: it was {how}. Nudge a copy.")
    if close(got, np.full(3, want.sum()), 1e-5):
        raise Wrong("gradient nudges all elements of w together; nudge one at a time and hold the others still.")
    if close(got, 2 * want, 1e-5):
        raise Wrong("gradient gives twice the slopes: from w - h to w + h the way is 2 h.")
    if not close(got, want, 1e-7):
        raise Wrong(inaccurate(got, want, where))


def check_shapes(answer):
    """A matrix, also transposed, and a single number."""
    w, want = SCALES.copy(), 2 * SCALES**2
    where = "f(w) = sum(c * w ** 2) at a w of shape (3, 2)"
    got = gradient(answer, lambda v: (SCALES * v**2).sum(), w, where, "f wants w in its own shape; see the docstring.")
    if not close(got, want, 1e-6):
        raise Wrong(f"for {where}, gradient gives {got.round(4).tolist()}, expected {want.tolist()}.")
    where = "f(w) = sum(c * w ** 2) at a transposed w of shape (2, 3)"
    got = gradient(answer, lambda v: (SCALES.T * v**2).sum(), SCALES.copy().T, where)
    if not close(got, want.T, 1e-6):
        hint = " ravel, reshape and flatten may copy, and then the nudges of the copy never reach f."
        raise Wrong(f"for {where}, gradient gives {got.round(4).tolist()}, expected {want.T.tolist()}.{hint}")
    where = "f(w) = w ** 2 at w = np.array(3.0), of shape ()"
    got = gradient(answer, lambda v: float(v) ** 2, np.array(3.0), where)
    if not close(got, 6.0, 1e-6):
        raise Wrong(f"for {where}, gradient gives {got:.6g}, expected 6.")


def check_dtypes(answer):
    """Integers and float32 must be nudged in float64."""
    for dtype, hint in (
        ("int64", "An array of integers cannot hold 2.00001: make a float64 copy first."),
        ("float32", "float32 has too few digits to measure a slope: make a float64 copy first."),
    ):
        where = f"f(w) = sum(w ** 3) at the {dtype} array [2, -1, 3]"
        got = gradient(answer, lambda v: (v * v * v).sum(), np.array([2, -1, 3], dtype), where)
        if not close(got, [12, 3, 27], 1e-5):
            raise Wrong(f"for {where}, gradient gives {got.round(4).tolist()}, expected [12, 3, 27]. {hint}")


def check_accuracy(answer):
    """A curved function, on which a poor formula or a poor step shows, and a weight of 0."""
    w = np.array([0.5, 0.8, -0.4])
    where = f"f(w) = sum(1 / (1 + w ** 2)) at w = {w.tolist()}"
    got, want = gradient(answer, lambda v: (1 / (1 + v * v)).sum(), w, where), -2 * w / (1 + w * w) ** 2
    if not close(got, want, 1e-7):
        raise Wrong(inaccurate(got, want, where))
    where = "f(w) = sum(w ** 2 + w) at w = [0, 1]"
    got = gradient(answer, lambda v: (v * v + v).sum(), np.array([0.0, 1.0]), where)
    if not close(got, [1, 3], 1e-7):
        hint = "A step in proportion to w is 0 where w is 0."
        raise Wrong(f"for {where}, gradient gives {got.round(7).tolist()}, expected [1, 3]. {hint}")


def inaccurate(got, want, where):
    """The sentence about slopes that are near the right ones, or not even that."""
    error = float(np.abs(got - want).max())
    hint = " Which formula and which step has an error below 1e-7? See the figure." if error < 0.01 else ""
    return f"for {where}, gradient gives {got.tolist()}, expected {want.round(8).tolist()}: off by {error:.0e}.{hint}"


def gradient(answer, f, w, where, hint=""):
    """What the reader's `gradient` returns, if it is a float64 array of the shape of `w`."""
    what = f"gradient of {where}"
    got = call(answer, "gradient", f, w, shown=what, hint=hint)
    hint = "There is one slope for each element of w; np.ndindex(w.shape) gives every index of an array of any shape."
    return array_of(array_of(got, what, w.shape, hint=hint, finite=False), what, dtype="float64", finite=False)
