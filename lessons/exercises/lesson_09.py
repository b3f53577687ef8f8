"""Exercise of lesson 9: from signs to bits, and what the filters of a convolution have in common.

Check it with `minibnn check 9`.
"""


def to_bits(S, s, eps):
    """The layer of bits that computes the same as a layer of signs: Normalize(x @ S + s) with `eps` in its root.

    `S`: weights (n_in, U), each -1 or +1. `s`: biases (U,), each -1 or +1. `eps`: float, the epsilon of Normalize,
    which is (z - mean) / sqrt(variance + eps) over the U units. S and s are float arrays and are not changed.
    Returns (B, b, new_eps): float arrays of zeros and ones of the shapes of S and s, and a float, such that
    Normalize(x @ B + b) with `new_eps` is exactly Normalize(x @ S + s) with `eps`, for every x.

    Example: the bits of S = [[1, -1], [-1, 1]] are [[1, 0], [0, 1]], and those of s = [-1, 1] are [0, 1].
    """
    raise NotImplementedError("lesson 09: write this function")


def common_share(z):
    """The share of the variance of a convolution's output that all its filters have in common.

    `z`: float array (B, H, W, F). For each of the B examples: the variance over (H, W) of the mean over the filters,
    divided by the variance over (H, W, F). No example has the variance 0.
    Returns a float from 0 to 1, the mean of this over the examples.

    Example: for z of shape (1, 1, 2, 2) with z[0, 0] = [[1, 1], [5, 5]] it is 1.0, since both filters are equal; with
    z[0, 0] = [[1, 5], [5, 1]] it is 0.0, since the mean over the filters is 3 at both positions.
    """
    raise NotImplementedError("lesson 09: write this function")
