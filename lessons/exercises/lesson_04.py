"""Exercise of lesson 4: a gradient check that misses nothing. Check it with `minibnn check 4`."""

import numpy as np  # noqa: F401


def mismatch(forward, vjp, x, g):
    """The largest difference between what `vjp` says and the slopes that one measures.

    `forward`: takes an array and returns an array (or a single number). `vjp`: takes (g, x) and returns the gradient of
    x. `x`: float64 array of any shape. `g`: float64 array of the shape of forward(x), the weights by which the elements
    of the result are added up to the one number whose slopes are measured: (forward(x) * g).sum().
    Returns a float >= 0, the largest absolute difference over all elements of x, right to 1e-6 for slopes of about 1.
    Returns infinity if the vjp returns another shape than that of x, or anything that is not a number.
    Afterwards x and g hold what they held, even if the vjp writes into what it is given.

    Example: for forward(x) = x ** 2 and vjp(g, x) = g * x, x = [[1., 2.]] and g = [[1., 10.]], it is 20.
    """
    raise NotImplementedError("lesson 4: write this function")


def is_right(forward, vjp):
    """Whether `vjp` is the gradient of `forward`.

    `forward`: takes a float64 array (rows, columns), of any size from 2 rows and 3 columns on, and returns an array of
    any shape, or a single number. Take numbers between -3 and 3 for x; the slopes may be large or small.
    `vjp`: takes (g, x), g of the shape of the result, and should return the gradient of x.
    Returns True if what it returns is right to about five digits and has the shape of x, and if the vjp leaves g and x
    as they were. Returns False otherwise, also if it raises an exception.
    """
    raise NotImplementedError("lesson 4: write this function")
