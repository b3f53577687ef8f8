"""A solution of lesson 3."""


def unbroadcast(g, shape):
    """The gradient of an operand of `shape` that NumPy repeated until it had the shape of `g`."""
    new_axes = g.ndim - len(shape)
    stretched = tuple(axis + new_axes for axis, length in enumerate(shape) if length == 1)
    return g.sum(axis=(*range(new_axes), *stretched), keepdims=True).reshape(shape)


def matmul_vjp(g, x, W):
    """The gradients of x and W, where z = x @ W and `g` is the gradient of z."""
    rows, slopes = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])  # (..., n_in) -> (rows, n_in)
    return g @ W.T, rows.T @ slopes
