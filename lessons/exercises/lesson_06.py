"""Exercise of lesson 6: Eq. 1, and where a moving weight flips bits. Check it with `minibnn check 6`."""


def quant(p):
    """Eq. 1: 1 where an element of `p` is larger than the mean of all elements, 0 elsewhere.

    `p`: float array of any shape, at least one element. The mean is over all of it, whatever the shape.
    Returns an array of zeros and ones of the same shape and dtype. `p` itself is not changed.
    An element equal to the mean gives 0. If all elements are equal, all bits are 0, also where `p.mean()` misses their
    common value by a rounding, as for `np.full(6, 0.1)`.

    Example: quant(np.array([0.3, -0.2, 0.1, 0.8])) is [1., 0., 0., 1.], since the mean is 0.25.
    """
    raise NotImplementedError("lesson 06: write this function")


def flip_points(W, i):
    """The values of `W[i]` at which some bit of W flips while `W[i]` moves from far left to far right.

    `W`: float array (n,), n at least 3, all elements different. `i`: the position that moves; all others stay.
    Returns a float array (n,), in ascending order: one value for the bit of each weight, its own included. The answer
    does not depend on what `W[i]` is now.

    Example: flip_points(np.array([0.0, 0.5, -0.4, 0.3, -0.2, -0.1]), 0) is [-2.5, -1.3, -0.7, 0.02, 1.7, 2.9].
    """
    raise NotImplementedError("lesson 06: write this function")
