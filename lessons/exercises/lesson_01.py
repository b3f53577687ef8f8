"""Exercise of lesson 1: measure slopes. Check it with `minibnn check 1`."""

import numpy as np  # noqa: F401


def slope(f, x, h):
    """The slope of `f` at `x`, measured by the central difference with step `h`.

    `f`: a function of one number. `x`: a number. `h`: the step, a number > 0; use it as it is.
    Returns a number: the change of f from h to the left of x to h to the right, divided by the way between them.

    Example: for f(x) = x ** 3, slope(f, 1.0, 0.5) is 3.25.
    """
    raise NotImplementedError("lesson 1: write this function")


def gradient(f, w):
    """The slope of `f` along every element of `w`.

    `f`: takes an array of the shape of `w` and returns a number. `w`: an array of real numbers of any shape, such as
    (3,), (2, 4) or (); its dtype may be float64, float32 or an integer. When you return, it must hold what it held.
    Returns a float64 array of the shape of `w`: element [i, j] says how f changes if w[i, j] alone is nudged, divided
    by the nudge. Choose the step yourself: each slope must be right to 1e-7, where w and the slopes are about 1.

    Example: for f(w) = (w ** 2).sum(), gradient(f, np.array([[1, 2, 3]])) is [[2.0, 4.0, 6.0]].
    """
    raise NotImplementedError("lesson 1: write this function")
