"""Convolutions, matrix products, biases and looked-up rows on the fast path: no columns, and bits where there are some.

Half of a binary network's arithmetic has bits on one side: the forward product, x times W_q, and the gradient of the
input, g times W_q transposed. Only the gradient of the kernel is float times float. `conv2d`, `@` and `+` come here
if `kernels.fast` says so; what they compute otherwise is the specification that this file is tested against.
"""

import numpy as np

from minibnn import kernels

FEW_CHANNELS = 8  # with fewer, such as the three colours of a photo, making tables takes longer than multiplying
TILED = (3, 3), (5, 5)  # the kernels that have sums of Winograd's
MANY_CHANNELS = 32  # with fewer, two threads cannot share Winograd's gradient
FEW_TILES = 8  # of 2 x 2 pixels; with fewer, the sums of weights take as long as the multiplications that they save
FEW_TILES_5X5 = 64  # the same for the gradient of a kernel of 5 x 5


def holds_bits(W):
    """Whether a Tensor is zeros and ones by the way it was made."""
    return W.operation in ("straight_through", "quant")


def conv2d(x, W):
    """The value, the parents and the vjp of `conv2d` of two Tensors."""

    def vjp(g):
        g = np.ascontiguousarray(g)
        gx = input_gradient(g, W) if x.requires_grad else None
        return gx, kernel_gradient(x.data, g, W.shape) if W.requires_grad else None

    return convolve(x.data, W), (x, W), vjp


def matmul(x, y):
    """The value, the parents and the vjp of x @ y, two Tensors that are matrices."""

    def vjp(g):  # dz = dx y + x dy
        g = np.ascontiguousarray(g)
        gx = multiply_transposed(g, y) if x.requires_grad else None
        return gx, product_gradient(x.data, g) if y.requires_grad else None

    return multiply(x.data, y), (x, y), vjp


def matmul_batches(x, y):
    """The value, the parents and the vjp of x @ y, as many matrices on the left as on the right."""

    def vjp(g):
        gx = multiply_batches(g, y.data.swapaxes(-1, -2)) if x.requires_grad else None
        return gx, product_gradients(x.data, g) if y.requires_grad else None

    return multiply_batches(x.data, y.data), (x, y), vjp


def add_row(x, row):
    """The value, the parents and the vjp of x (..., n) + row (n,), a bias."""
    rows, total = x.data.reshape(-1, row.size), np.empty_like(x.data)
    kernels.add_row(rows, row.data, total.reshape(rows.shape), kernels.parts(x.size))

    def vjp(g):
        g_row = np.empty_like(row.data)
        kernels.column_sums(np.ascontiguousarray(g).reshape(rows.shape), g_row, kernels.parts(g.size))
        return g, g_row

    return total, (x, row), vjp


def add_at(grad, index, g):
    """grad[index] += g, in place, with a row that is named twice receiving both. `index`: a tuple with arrays."""
    ids = index[0]
    rows = len(index) == 1 and isinstance(ids, np.ndarray) and ids.dtype.kind in "iu" and grad.ndim == 2
    if rows and ids.size and kernels.fast_in_copies(grad, g) and ids.min() >= 0:
        slopes = _whole(g).reshape(ids.size, grad.shape[1])
        kernels.add_rows(ids.reshape(-1).astype(np.int64), slopes, grad, kernels.parts(g.size))
    else:
        np.add.at(grad, index, g)


def convolve(x, W):
    """`conv2d` of images (B, H, W, C), an array, and a kernel (kH, kW, C, F), a Tensor: an array (B, H, W, F)."""
    if holds_bits(W) and W.shape[2] >= FEW_CHANNELS:
        return _convolve_bits(x, kernels.pack_kernel, W.data, W.shape[2], W.shape[3])
    return _convolve_floats(x, W.data, (W.shape[0] - 1) // 2, (W.shape[1] - 1) // 2)


def input_gradient(g, W):
    """The gradient (B, H, W, C) of the images from that of the result: g convolved with the kernel turned around."""
    height, width = W.shape[:2]
    if holds_bits(W) and height % 2 and width % 2:  # then the padding of the transpose is the same
        return _convolve_bits(g, kernels.pack_transposed_kernel, W.data, W.shape[3], W.shape[2])
    return _convolve_floats(g, _turned(W.data), height // 2, width // 2)


def _turned(W):
    """The kernel turned around, its channels and filters exchanged, in one piece of memory."""
    view = W[::-1, ::-1].swapaxes(2, 3)
    turned = np.empty(view.shape, W.dtype)
    for channel in range(0, view.shape[3], 32):  # more channels at once would compete for the same places of the cache
        turned[..., channel : channel + 32] = view[..., channel : channel + 32]
    return turned


def kernel_gradient(x, g, kernel_shape):
    """The gradient (kH, kW, C, F) of the kernel, from the images and the gradient of the result."""
    slopes = _filled(g)
    gradient = np.empty((*kernel_shape[:3], slopes.shape[3]), np.float32)
    method = kernels.kernel_gradient_of_tiles if _gradient_suits_winograd(x, gradient) else kernels.kernel_gradient
    method(x, slopes, gradient, kernels.parts(gradient.size * g.size // kernel_shape[3]))
    return _cut(gradient, kernel_shape[3])


def _gradient_suits_winograd(x, gradient):
    """Whether there are fewer multiplications, and they outweigh the sums that they cost."""
    batch, rows, columns, channels = x.shape
    size = gradient.shape[0]
    if gradient.shape[:2] not in TILED or channels % 16 or channels < MANY_CHANNELS:
        return False
    products, direct = (size + 1) ** 2 * _tiles(x), batch * _neighbours(rows, size) * _neighbours(columns, size)
    few = FEW_TILES if size == 3 else FEW_TILES_5X5
    return _tiles(x) >= few and products <= direct  # very small images hold more tile than image


def _neighbours(length, size):
    """The number of pairs of a pixel in a row of this length and a weight of a kernel of this size that sees it."""
    return sum(max(0, length - abs(offset)) for offset in range(-(size // 2), size // 2 + 1))


def multiply(x, W):
    """x (rows, n_in), an array, times W (n_in, U), a Tensor: an array (rows, U)."""
    if not holds_bits(W):
        return _multiply_floats(x, W.data)
    return _multiply_bits(x, kernels.pack_kernel, W.data, *W.shape)


def multiply_transposed(g, W):
    """g (rows, U), an array, times the transpose of W (n_in, U), a Tensor: an array (rows, n_in)."""
    if not holds_bits(W):
        return _multiply_floats(g, W.data.T)
    return _multiply_bits(g, kernels.pack_transposed_kernel, W.data, W.shape[1], W.shape[0])


def product_gradient(x, g):
    """x^T g: (rows, n_in), (rows, U) -> (n_in, U), the gradient of a product's right side."""
    slopes = _filled(g)
    gradient = np.empty((-(-x.shape[1] // 8) * 8, slopes.shape[1]), np.float32)
    kernels.product_gradient(x, slopes, gradient, kernels.parts(gradient.size * len(x)))
    return np.ascontiguousarray(gradient[: x.shape[1], : g.shape[1]])


def product_gradients(x, g):
    """x^T g of the last two axes: (..., rows, n), (..., rows, U) -> (..., n, U)."""
    slopes = _filled(g)
    gradients = np.empty((*x.shape[:-2], -(-x.shape[-1] // 8) * 8, slopes.shape[-1]), np.float32)
    flat = [_whole(array).reshape(-1, *array.shape[-2:]) for array in (x, slopes, gradients)]
    kernels.product_gradients(*flat, kernels.parts(gradients.size * x.shape[-2]))
    return _cut(np.ascontiguousarray(gradients[..., : x.shape[-1], :]), g.shape[-1])


def multiply_batches(x, y):
    """x (..., rows, inner) @ y (..., inner, columns), arrays with the same axes before the last two."""
    columns, filled = y.shape[-1], _filled(y)
    z = np.empty((*x.shape[:-1], filled.shape[-1]), np.float32)
    flat = [_whole(array).reshape(-1, *array.shape[-2:]) for array in (x, filled, z)]
    kernels.multiply_batches(*flat, kernels.parts(z.size * x.shape[-1]))
    return _cut(z, columns)


def _convolve_bits(x, pack, W, channels, filters):
    per_row, per_pixel = kernels.padded_inputs(W.shape[1], channels)
    bits = kernels.aligned_words((-(-filters // 16), W.shape[0] * per_row // 32, 16))
    pack(_filled(W), bits, per_pixel, kernels.parts(W.size))
    bits.setflags(write=False)  # as packed layers hold them, so that one compiled kernel does for both
    y = np.empty((*x.shape[:3], len(bits) * 16), np.float32)
    kernels.convolve_bits(x, bits, W.shape[:2], y)
    return _cut(y, filters)


def _multiply_bits(x, pack, W, n_in, n_units):
    bits = kernels.aligned_words((-(-n_units // 64) * 4, -(-n_in // 32), 16))
    pack(_filled(W)[None, None], bits, n_in, kernels.parts(W.size))
    bits.setflags(write=False)
    y = np.empty((len(x), len(bits) * 16), np.float32)
    kernels.multiply_bits(x, bits, y)
    return _cut(y, n_units)


def _convolve_floats(x, kernel, top, left):
    filled = _filled(kernel)
    y = np.empty((*x.shape[:3], filled.shape[3]), np.float32)
    parts = kernels.parts(y.size * filled[..., 0].size)
    if _convolution_suits_winograd(x, filled):
        kernels.convolve_tiles(x, filled, y, parts)
    else:
        kernels.convolve_floats(_padded(x, *kernel.shape[:2], top, left), filled, y, parts)
    return _cut(y, kernel.shape[3])


def _convolution_suits_winograd(x, kernel):
    """Whether fewer multiplications outweigh the sums of weights that they cost."""
    return kernel.shape[:2] in TILED and x.shape[3] % 16 == 0 and _tiles(x) >= FEW_TILES


def _tiles(x):
    """How many tiles of 2 x 2 pixels cover the images."""
    batch, rows, columns, _ = x.shape
    return batch * -(-rows // 2) * -(-columns // 2)


def _padded(x, height, width, top, left):
    """The images with the zeros that a kernel of this height and width sees around them."""
    if height == width == 1:
        return x
    batch, rows, columns, channels = x.shape
    padded = np.empty((batch, rows + height - 1, columns + width - 1, channels), np.float32)
    kernels.pad_images(x, top, left, padded, kernels.parts(x.size))
    return padded


def _multiply_floats(x, W):
    filled = _filled(W)
    y = np.empty((len(x), filled.shape[1]), np.float32)
    whole = len(x) // 8 * 8  # as images of eight pixels a row: rows are what the threads share
    for rows, width in ((slice(whole), 8), (slice(whole, None), len(x) - whole)):
        if (part := x[rows]).size:
            images, result = part.reshape(1, -1, width, x.shape[1]), y[rows].reshape(1, -1, width, y.shape[1])
            kernels.convolve_floats(images, filled[None, None], result, kernels.parts(part.size * y.shape[1]))
    return _cut(y, W.shape[1])


def _filled(array):
    """The array, its last axis filled up with zeros to a multiple of 16, in one piece of memory."""
    missing = -array.shape[-1] % 16
    return _whole(np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)]) if missing else array)


def _whole(array):
    """The array in one piece of memory, in the order of its axes."""
    if array.flags.c_contiguous or array.ndim not in (3, 4) or array.dtype != np.float32:
        return np.ascontiguousarray(array)
    whole = np.empty(array.shape, np.float32)
    matrices = (1,) * (4 - array.ndim) + array.shape
    kernels.copy_matrices(array.reshape(matrices), whole.reshape(matrices), kernels.parts(array.size))
    return whole


def _cut(array, size):
    """The array, only the first `size` of its last axis, in one piece of memory."""
    return array if array.shape[-1] == size else np.ascontiguousarray(array[..., :size])
