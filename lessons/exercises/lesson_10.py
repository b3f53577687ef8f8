"""Exercise of lesson 10: the gradient of a normalized layer's weights, and what Adam's first step does to its rows.

Check it with `minibnn check 10`.
"""


def weight_gradient(x, z, g, eps=1e-5):
    """The gradient of the loss with respect to W_q, in a layer of z = x @ W_q + b_q and y = Normalize(z).

    Normalize is (z - mean) / sigma with sigma = sqrt(variance + eps), over the units of each example. A gradient g that
    arrives at y leaves towards z as (g - mean(g) - y * mean(g * y)) / sigma, with means over the units.

    `x`: inputs (B, n_in). `z`: (B, U). `g`: the gradient of the loss with respect to y, (B, U). All float64 arrays.
    Returns a float64 array (n_in, U), summed over the examples. Each of its rows adds up to 0.

    Example: for x = [[1.0], [2.0]], z = [[1.0, -1.0], [0.0, 0.0]] and g = [[0.0, 0.0], [1.0, 0.0]] with eps = 1, it is
    [[1.0, -1.0]]: only the second example has a gradient, and its sigma is 1.
    """
    raise NotImplementedError("lesson 10: write this function")


def first_adam_drift(g, lr):
    """How much the sum of each row of a weight changes in Adam's very first step, with Adam's epsilon neglected.

    `g`: the gradient of the weight, (n_in, U). `lr`: the learning rate, a float. In its first step Adam divides each
    gradient by its own absolute value. A gradient of exactly 0 moves nothing.
    Returns an array (n_in,).

    Example: first_adam_drift(np.array([[0.5, -0.2, -0.3]]), 0.01) is [0.01], though the gradient adds up to 0.
    """
    raise NotImplementedError("lesson 10: write this function")
