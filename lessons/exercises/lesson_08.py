"""Exercise of lesson 8: Normalize, and the whole forward pass of Algorithm 1. Check it with `minibnn check 8`."""


def normalize(z, eps=1e-5):
    """Normalize: (z - mean) / sqrt(variance + eps), of each example over its units.

    `z`: float64 array (..., U). Mean and variance are over the last axis; the variance is the population's: the mean of
    the squared differences, divided by U and not by U - 1. `eps` stands inside the root.
    Returns a new array of the shape of z.

    Example: normalize(np.array([[1.0, 2.0, 3.0], [7.0, 7.0, 7.0]])) is [[-1.22, 0, 1.22], [0, 0, 0]], rounded.
    """
    raise NotImplementedError("lesson 08: write this function")


def bnfcl(x, W, b, activation):
    """The output of a binary normalized fully connected layer: lines 8 to 11 of Algorithm 1, with the bits of W and b.

    `x`: float64 array (B, n_in). `W`: latent weights (n_in, U). `b`: latent biases (U,). W and b each have their own
    mean in Eq. 1. `activation`: function of an array (B, U) that returns an array (B, U).
    Returns an array (B, U).

    Example: bnfcl(np.array([[3.0, 5.0]]), np.array([[0.9, -0.9], [0.1, -0.1]]), np.zeros(2), lambda z: z) is about
    [[1, -1]]: the bits of W are [[1, 0], [1, 0]], so z is [[8, 0]].
    """
    raise NotImplementedError("lesson 08: write this function")
