"""Exercise of lesson 3: the gradients of a broadcast and of a matrix product. Check it with `minibnn check 3`."""

import numpy as np  # noqa: F401


def unbroadcast(g, shape):
    """The gradient of an operand of `shape` that NumPy repeated until it had the shape of `g`.

    `g`: array, the gradient of the repeated operand. `shape`: tuple, the shape before; NumPy repeats an operand along
    new axes at the front, and along axes in which its length is 1.
    Returns an array of exactly that shape: each element is the sum of g over the places that it was copied to.

    Example: for g = [[1., 2., 3.], [4., 5., 6.]], unbroadcast(g, (3,)) is [5, 7, 9], unbroadcast(g, (2, 1)) is
    [[6], [15]], and unbroadcast(g, ()) is 21.
    """
    raise NotImplementedError("lesson 3: write this function")


def matmul_vjp(g, x, W):
    """The gradients of x and W, where z = x @ W and `g` is the gradient of z.

    `x`: array (..., n_in), with any number of axes before the last, or none. `W`: array (n_in, U). `g`: array (..., U).
    Returns a tuple of two arrays: the gradient of x, in the shape of x, and the gradient of W, in the shape of W.

    Example: for x = [1., 2.], W = [[3.], [4.]] and g = [10.], the gradients are [30, 40] and [[10], [20]].
    """
    raise NotImplementedError("lesson 3: write this function")
