"""Operations on images, (B, H, W, C): convolution, max-pooling, global average pooling."""

import math

import numpy as np

from minibnn import kernels
from minibnn.autograd import fast_products
from minibnn.autograd.tensor import check_tensor, operation
from minibnn.errors import InputError

COLUMN_BYTES = 4 << 20  # columns of a few images at a time: they stay in the cache, and memory does not grow with B


def conv2d(x, W):
    """Each pixel's patch times the kernel: stride 1, padding 'same', so that height and width are kept.

    `x`: tensor (B, H, W, C). `W`: tensor (kH, kW, C, F). Returns (B, H, W, F). As in every network library the kernel
    is not flipped: z[b, y, x, f] = sum over ky, kx, c of x[b, y + ky - py, x + kx - px, c] W[ky, kx, c, f], with
    py = (kH - 1) // 2, px = (kW - 1) // 2 and zeros outside the image.
    """
    _check_convolution(x, W)
    if kernels.fast(x.data, W.data):
        return operation("conv2d", *fast_products.conv2d(x, W))
    kernel = np.ascontiguousarray(W.data).reshape(math.prod(W.shape[:3]), W.shape[3])  # (kH kW C, F)
    z = np.empty((*x.shape[:3], W.shape[3]), np.result_type(x.dtype, W.dtype))
    for images, columns in _columns(x.data, W.shape):
        z[images] = (columns @ kernel).reshape(z[images].shape)

    def vjp(g):  # z = columns @ kernel, so dkernel = columns^T g, and dcolumns = g kernel^T
        gx = np.empty_like(x.data, order="C") if x.requires_grad else None
        g_kernel = np.zeros(kernel.shape, g.dtype)
        for images, columns in _columns(x.data, W.shape):
            g_rows = g[images].reshape(len(columns), W.shape[3])
            g_kernel += columns.T @ g_rows
            if x.requires_grad:
                np.matmul(g_rows, kernel.T, out=columns)
                gx[images] = _from_columns(columns, x.data[images].shape, W.shape)
        return gx, g_kernel.reshape(W.shape)

    return operation("conv2d", z, (x, W), vjp)


def max_pool(x):
    """The largest of every 2 x 2 window, stride 2: (B, H, W, C) -> (B, H // 2, W // 2, C).

    A last odd row or column is left out. Of equal values in a window the first receives the gradient.
    """
    check_tensor("max_pool", x)
    if x.ndim != 4 or min(x.shape[1:3]) < 2:
        raise InputError(f"max_pool expects images (B, H, W, C) of at least 2 x 2 pixels, and got shape {x.shape}")
    batch, height, width, channels = x.shape
    largest = np.empty((batch, height // 2, width // 2, channels), x.dtype)
    place = np.empty(largest.shape, np.uint8)
    parts = kernels.parts(x.size) if kernels.fast(x.data) else 1
    kernels.max_pool(np.ascontiguousarray(x.data), largest, place, parts)

    def vjp(g):
        gx = np.empty(x.shape, g.dtype)
        kernels.max_pool_vjp(np.ascontiguousarray(g), place, gx, parts)
        return (gx,)

    return operation("max_pool", largest, (x,), vjp)


def global_average_pool(x):
    """The mean over all pixels: (B, H, W, C) -> (B, C)."""
    if x.ndim != 4:
        raise InputError(f"global_average_pool expects images (B, H, W, C), and got shape {x.shape}")
    return x.mean((1, 2))


def _check_convolution(x, W):
    check_tensor("conv2d", x, W)
    if x.ndim != 4 or W.ndim != 4:
        raise InputError(f"conv2d expects images (B, H, W, C) and a kernel (kH, kW, C, F), got {x.shape} and {W.shape}")
    if x.shape[3] != W.shape[2]:
        raise InputError(f"conv2d: the images have {x.shape[3]} channels and the kernel expects {W.shape[2]}")
    if 0 in W.shape[:2]:
        raise InputError(f"conv2d expects a kernel of at least 1 x 1, and got shape {W.shape}")


def _columns(x, kernel_shape):
    """A few images at a time: (slice of the batch, their patches as rows (images * H * W, kH * kW * C))."""
    batch, height, width, channels = x.shape
    k_height, k_width = kernel_shape[:2]
    patch = k_height * k_width * channels
    step = max(1, COLUMN_BYTES // max(1, height * width * patch * x.itemsize))
    buffer = np.empty((min(step, batch), height, width, patch), x.dtype)
    for start in range(0, batch, step):
        images = slice(start, min(start + step, batch))
        columns = buffer[: images.stop - images.start]
        kernels.im2col(_padded(x[images], k_height, k_width), k_height, k_width, columns)
        yield images, columns.reshape(len(columns) * height * width, patch)


def _from_columns(columns, image_shape, kernel_shape):
    """The sum, for every pixel, of the places of `columns` that it was copied to."""
    batch, height, width, channels = image_shape
    k_height, k_width = kernel_shape[:2]
    padded = np.empty((batch, height + k_height - 1, width + k_width - 1, channels), columns.dtype)
    kernels.col2im(columns.reshape(batch, height, width, columns.shape[1]), k_height, k_width, padded)
    top, left = (k_height - 1) // 2, (k_width - 1) // 2
    return padded[:, top : top + height, left : left + width]


def _padded(x, k_height, k_width):
    batch, height, width, channels = x.shape
    top, left = (k_height - 1) // 2, (k_width - 1) // 2
    padded = np.zeros((batch, height + k_height - 1, width + k_width - 1, channels), x.dtype)
    padded[:, top : top + height, left : left + width] = x
    return padded
