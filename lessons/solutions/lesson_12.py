"""A solution of lesson 12."""

import numpy as np


def im2col(x, k, stride=1):
    """The patches of a picture as the rows of a matrix, for a window that stops at every `stride`-th pixel."""
    height, width, channels = x.shape
    border = k // 2
    padded = np.pad(x, ((border, border), (border, border), (0, 0)))
    columns = np.empty((-(-height // stride), -(-width // stride), k, k, channels), x.dtype)
    for i, j in np.ndindex(k, k):  # element (i, j) of all patches at once: the picture, shifted
        columns[:, :, i, j] = padded[i : i + height : stride, j : j + width : stride]
    return columns.reshape(-1, k * k * channels)


def col2im(columns, shape, k, stride=1):
    """The vjp of `im2col`: the gradient of the patches, added up to the gradient of the picture."""
    height, width, channels = shape
    border = k // 2
    patches = columns.reshape(-(-height // stride), -(-width // stride), k, k, channels)
    padded = np.zeros((height + 2 * border, width + 2 * border, channels), columns.dtype)
    for i, j in np.ndindex(k, k):  # where im2col reads, its transpose adds
        padded[i : i + height : stride, j : j + width : stride] += patches[:, :, i, j]
    return padded[border : border + height, border : border + width]
