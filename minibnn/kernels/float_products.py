"""Products of float matrices that lie badly in memory: a gradient's sum over rows, and many small matrices (AVX-512).

The sums of a tile of the result stay in registers, see `direct_convolution`. What differs is how its factors are read:
the rows of a large matrix are a power of two apart, and would all compete for the same few places of the cache. So the
columns of a tile are copied into one piece of memory first.
"""

import numpy as np
from numba import prange

from minibnn.kernels.direct_convolution import convolve_rows
from minibnn.kernels.jit import inner_kernel, kernel, parallel_kernel
from minibnn.kernels.simd import add_floats, load_floats, multiply_add, zeros

ROWS = 256  # that are added up in registers: short sums round less than long ones


def _tile(blocks):
    """A kernel for the sums of 8 columns of x times blocks of 16 columns of g."""
    count = 8 * blocks

    @inner_kernel
    def tile(x, column, g, rows, gradient, first, last):
        """gradient[8 column : ..., first : ...] += x[column]^T g, over these rows."""
        sums = zeros(count)
        for row in range(rows):
            slopes = load_floats(blocks, g, row * blocks * 16, 16)
            sums = multiply_add(sums, x, (column * rows + row) * 8, 1, slopes)
        add_floats(gradient, 8 * column * gradient.shape[1] + first, gradient.shape[1], blocks, sums)

    return tile


_tile_2, _tile_1 = _tile(2), _tile(1)


@kernel
def _in_columns(x, first, last, columns):
    """columns[c, row, :] = eight columns of the rows `first` to `last` of x; behind its end, zeros."""
    for c in range(len(columns)):
        width = min(8, x.shape[1] - 8 * c)
        for row in range(last - first):
            for i in range(width):
                columns[c, row, i] = x[first + row, 8 * c + i]
            for i in range(width, 8):
                columns[c, row, i] = 0


@kernel
def _gradient_part(x, g, gradient, first, last):
    """The columns `first` to `last` of the gradient, multiples of 16."""
    for start in range(0, len(x), ROWS):
        rows = min(ROWS, len(x) - start)
        columns = np.empty((len(gradient) // 8, rows, 8), np.float32)
        _in_columns(x, start, start + rows, columns)
        for begin in range(first, last, 32):
            end = min(begin + 32, last)
            panel = g[start : start + rows, begin:end].copy()
            for column in range(len(columns)):
                if end - begin == 32:
                    _tile_2(columns, column, panel, rows, gradient, begin, end)
                else:
                    _tile_1(columns, column, panel, rows, gradient, begin, end)


@parallel_kernel
def _gradient_shared(x, g, gradient, parts):
    blocks = gradient.shape[1] // 16
    for part in prange(parts):
        _gradient_part(x, g, gradient, blocks * part // parts * 16, blocks * (part + 1) // parts * 16)


@kernel
def product_gradient(x, g, gradient, parts):
    """gradient = x^T g: (rows, n), (rows, U) -> (n filled up to a multiple of 8, U), U a multiple of 16.

    All float32 and C-contiguous; `gradient` is written, its last rows with zeros. `parts`: among how many threads the
    columns are shared; the sums do not depend on it.
    """
    gradient[...] = 0
    if parts == 1:
        _gradient_part(x, g, gradient, 0, gradient.shape[1])
    else:
        _gradient_shared(x, g, gradient, parts)


@kernel
def _gradients_some(x, g, gradients, first, last):
    for i in range(first, last):
        _gradient_part(x[i], g[i], gradients[i], 0, g.shape[2])


@parallel_kernel
def _gradients_shared(x, g, gradients, parts):
    for part in prange(parts):
        _gradients_some(x, g, gradients, len(x) * part // parts, len(x) * (part + 1) // parts)


@kernel
def product_gradients(x, g, gradients, parts):
    """gradients[i] = x[i]^T g[i], each as `product_gradient`, shared by threads product by product."""
    gradients[...] = 0
    if parts == 1:
        _gradients_some(x, g, gradients, 0, len(x))
    else:
        _gradients_shared(x, g, gradients, parts)


@kernel
def _multiply_some(x, y, z, first, last):
    _, rows, inner = x.shape
    for i in range(first, last):
        images, result = x[i].reshape(1, 1, rows, inner), z[i].reshape(1, 1, rows, z.shape[2])
        for column in range(0, z.shape[2], 32):
            panel = y[i][:, column : column + 32].copy()
            convolve_rows(images, panel, column, 1, 1, result, 0, 1)


@parallel_kernel
def _multiply_shared(x, y, z, parts):
    for part in prange(parts):
        _multiply_some(x, y, z, len(x) * part // parts, len(x) * (part + 1) // parts)


@kernel
def multiply_batches(x, y, z, parts):
    """z[i] = x[i] y[i]: (n, rows, inner), (n, inner, columns) -> (n, rows, columns), columns a multiple of 16.

    All float32 and C-contiguous; `z` is written. `parts`: among how many threads the products are shared.
    """
    z[...] = 0
    if parts == 1:
        _multiply_some(x, y, z, 0, len(x))
    else:
        _multiply_shared(x, y, z, parts)
