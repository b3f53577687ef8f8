"""Exercise of lesson 12: the patches of a picture as rows of a matrix, with a stride, and the gradient of that.

Check it with `minibnn check 12`.
"""


def im2col(x, k, stride=1):
    """The patches of a picture as the rows of a matrix, for a window that stops at every `stride`-th pixel.

    `x`: float array (H, W, C). `k`: odd number, height and width of a patch. Outside the picture are zeros.
    `stride`: whole number, at least 1. The window stops at the pixels (0, 0), (0, stride), (0, 2 * stride), ... as long
    as they lie in the picture; then at (stride, 0), (stride, stride), and so on.
    Returns an array (stops, k * k * C), one row for each stop in that order: the patch with this pixel in its middle.
    Within a row the order is that of a kernel (k, k, C) read with `ravel`: patch row, patch column, channel.

    Example: for a picture of one row, x = np.array([[[1.0], [2.0], [3.0]]]), im2col(x, 3, 2) is
    [[0, 0, 0, 0, 1, 2, 0, 0, 0], [0, 0, 0, 2, 3, 0, 0, 0, 0]].
    """
    raise NotImplementedError("lesson 12: write this function")


def col2im(columns, shape, k, stride=1):
    """The vjp of `im2col`: the gradient of the patches, added up to the gradient of the picture.

    `columns`: float array (stops, k * k * C), in the order that `im2col` gives. `shape`: (H, W, C) of the picture.
    `k`, `stride`: as for `im2col`.
    Returns an array (H, W, C): for every number of the picture the sum of the elements of `columns` that `im2col`
    copied it to, and 0 where it copied it nowhere. What lies on the border of zeros is dropped.

    Example: for the x above, col2im(im2col(x, 3, 2), x.shape, 3, 2) is [[[1], [4], [3]]]: the 2 was copied twice.
    """
    raise NotImplementedError("lesson 12: write this function")
