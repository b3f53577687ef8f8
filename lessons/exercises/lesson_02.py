"""Exercise of lesson 2: count the paths of a graph, and go along it forward. Check it with `minibnn check 2`.

Both functions get numbers as in the lesson. Each has `.value`, `.parents` (a tuple of the numbers it was computed from,
in which one may stand twice) and `.vjp` (None for a leaf). Leave their `.grad` alone.
"""


def paths(root, leaf):
    """How many ways lead from `root` back to `leaf`, from number to parent.

    A number that is a parent twice, as in x + x, can be reached in two ways. If `leaf` is `root` itself, there is one
    way; if `root` was not computed from `leaf`, there is none. There may be 2 ** 60 ways, and a way of 5,000 steps.
    Returns an int.

    Example: for y = 2 * x and z = y + y * y, paths(z, x) is 3.
    """
    raise NotImplementedError("lesson 2: write this function")


def tangent(root, leaf):
    """The slope of `root` with respect to `leaf`, computed forward, from the leaf to the root.

    Along the way each number gets its own slope with respect to `leaf`: the leaf 1, all other leaves 0, and every
    other number the sum over its parents of the slope of this step times the slope of the parent. The slopes of a step
    are `number.vjp(1.0)`, one for each of `number.parents`.
    Returns a float; 0.0 if `root` was not computed from `leaf`.

    Example: for y = 2 * x and z = y + y * y at x = 2, tangent(z, x) is 18.0.
    """
    raise NotImplementedError("lesson 2: write this function")
