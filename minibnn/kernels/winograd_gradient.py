"""The gradient of a 3 x 3 kernel with 16 multiplications where 36 are obvious (Winograd's minimal filtering, AVX-512).

Along one axis, the gradients of three weights from two pixels of the result are sums of six products,

    w[k] = x[k] g[0] + x[k + 1] g[1],  k = 0, 1, 2,

and four products are enough:

    m[0] = (x[0] - x[2]) g[0]              w[0] = m[0] + (m[1] + m[2]) / 2
    m[1] = (x[1] + x[2]) (g[0] + g[1])     w[1] =        (m[1] - m[2]) / 2
    m[2] = (x[2] - x[1]) (g[0] - g[1])     w[2] = m[3] + (m[1] + m[2]) / 2
    m[3] = (x[3] - x[1]) g[1]

Along both axes, that is 16 products for a tile of 2 x 2 pixels instead of 36. The sums on the left depend on one image
each, those on the right only on the weights: so the 16 products are added up over all tiles first, as products of
matrices (channels x tiles) (tiles x filters), and put together once. Halves are exact; the sums of two and four
numbers round a little more than the products alone would.

Source: A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks" (arXiv 1509.09308), section 4, where
the gradient of the kernel takes the place of the result.
"""

import numpy as np
from numba import prange

from minibnn.kernels.jit import inner_kernel, ordered_kernel, parallel_kernel
from minibnn.kernels.simd import add_floats, copy_sum, load_floats, multiply_add, zeros

TILES = 256  # that are added up in registers at a time

# m[j] multiplies x[a] + s x[b] by g[a] + s g[b]: rows of (a, b, s).
INPUTS = ((0, 2, -1.0), (1, 2, 1.0), (2, 1, -1.0), (3, 1, -1.0))
SLOPES = ((0, 0, 0.0), (0, 1, 1.0), (0, 1, -1.0), (1, 1, 0.0))


@inner_kernel
def _add(one, other, sign, total):
    """total = one + sign other, for a sign of 1, -1 or 0."""
    sign = np.float32(sign)
    if sign == 0:
        for i in range(total.size):
            total[i] = one[i]
    else:
        for i in range(total.size):
            total[i] = one[i] + sign * other[i]


@inner_kernel
def _combine_rows(images, rows, above, left, first, zeros, lines):
    """lines[n, left:] = row a + s row b of the images, for the tile rows from `first` on; rows outside are zeros."""
    a, b, sign = rows
    _, height, width, _ = images.shape
    tile_rows = (height + 1) // 2
    for n in range(len(lines)):
        image, top = (first + n) // tile_rows, (first + n) % tile_rows * 2 - above
        one = images[image, top + a].reshape(-1) if 0 <= top + a < height else zeros
        other = images[image, top + b].reshape(-1) if 0 <= top + b < height else zeros
        _add(one, other, sign, lines[n, left : left + width].reshape(-1))


@inner_kernel
def _combine_columns(lines, columns, across, tiles):
    """tiles[panel, n, :] = pixel a + s pixel b of every second place of the lines, cut into panels of channels."""
    a, b, sign = columns
    _, count, width = tiles.shape
    _, places, channels = lines.shape
    sign = np.float32(sign)
    for c in range(0, channels, 16):
        target = (c // width * count) * width + c % width
        for n in range(len(lines)):
            start = n * places * channels + c
            one, other = start + a * channels, start + b * channels
            for k in range(across):
                step = 2 * k * channels
                copy_sum(lines, one + step, other + step, sign, tiles, target + (n * across + k) * width)


def _tile(blocks):
    """A kernel for the products of 8 channels with blocks of 16 filters, see `direct_convolution`."""
    count = 8 * blocks

    @inner_kernel
    def tile(x, channel, g, panel, products, place):
        """products[place:] += x[:, channel : channel + 8]^T g[panel], over all tiles."""
        _, tiles, width = x.shape
        source, slope = (channel // width * tiles) * width + channel % width, panel * tiles * blocks * 16
        sums = zeros(count)
        for n in range(tiles):
            slopes = load_floats(blocks, g, slope + n * blocks * 16, 16)
            sums = multiply_add(sums, x, source + n * width, 1, slopes)
        add_floats(products, place, products.shape[3], blocks, sums)

    return tile


_tile_2, _tile_1 = _tile(2), _tile(1)


@inner_kernel
def _multiply(x, g, products, first):
    """The product of all tiles, added to the products from place `first` on."""
    channels, filters = products.shape[2:]
    panels, _, width = g.shape
    for panel in range(panels):
        for channel in range(0, channels, 8):
            place = first + channel * filters + panel * width
            if width == 32:
                _tile_2(x, channel, g, panel, products, place)
            else:
                _tile_1(x, channel, g, panel, products, place)


@ordered_kernel
def _products_part(x, g, products, first, last):
    """products[j, i] = the sums of the products of row sum j and column sum i, for j from `first` to `last`."""
    images, height, width, channels = x.shape
    filters, across, tile_rows = g.shape[3], (width + 1) // 2, images * ((height + 1) // 2)
    step = min(tile_rows, max(1, TILES // across))
    panel = 32 if filters % 32 == 0 else 16
    zeros_x, zeros_g = np.zeros(width * channels, np.float32), np.zeros(width * filters, np.float32)
    lines_x = np.zeros((step, 2 * across + 2, channels), np.float32)  # a pixel of zeros on both sides
    lines_g = np.zeros((step, 2 * across, filters), np.float32)
    tiles_x = np.empty((channels // 16, step * across, 16), np.float32)
    tiles_g = np.zeros((filters // panel, step * across, panel), np.float32)
    for start in range(0, tile_rows, step):
        rows = min(step, tile_rows - start)
        tiles_x[:, rows * across :] = 0  # what is missing in the last step
        for j in range(first, last):
            _combine_rows(x, INPUTS[j], 1, 1, start, zeros_x, lines_x[:rows])
            _combine_rows(g, SLOPES[j], 0, 0, start, zeros_g, lines_g[:rows])
            for i in range(4):
                _combine_columns(lines_x[:rows], INPUTS[i], across, tiles_x)
                _combine_columns(lines_g[:rows], SLOPES[i], across, tiles_g)
                _multiply(tiles_x, tiles_g, products, (4 * j + i) * channels * filters)


@ordered_kernel
def _gradient_part(products, gradient, first, last):
    """The weights from the products, for the channels `first` to `last`."""
    half, filters = np.float32(0.5), gradient.shape[3]
    columns = np.empty((4, 3, filters), np.float32)
    for channel in range(first, last):
        for j in range(4):
            p = products[j, :, channel]
            _weights(p[0], p[1], p[2], p[3], half, columns[j, 0], columns[j, 1], columns[j, 2])
        for kx in range(3):
            c = columns[:, kx]
            w = gradient[:, kx, channel]
            _weights(c[0], c[1], c[2], c[3], half, w[0], w[1], w[2])


@inner_kernel
def _weights(m0, m1, m2, m3, half, w0, w1, w2):
    for i in range(w1.size):
        w1[i] = (m1[i] - m2[i]) * half
    for i in range(w0.size):
        w0[i] = m0[i] + (m1[i] + m2[i]) * half
    for i in range(w2.size):
        w2[i] = m3[i] + (m1[i] + m2[i]) * half


@parallel_kernel
def _gradient_shared(x, g, products, gradient, parts):
    for part in prange(parts):
        _products_part(x, g, products, 4 * part // parts, 4 * (part + 1) // parts)
    channels = gradient.shape[2]
    for part in prange(parts):
        _gradient_part(products, gradient, channels * part // parts, channels * (part + 1) // parts)


@ordered_kernel
def kernel_gradient_3x3(x, g, gradient, parts):
    """As `direct_convolution.kernel_gradient`, for kernels of 3 x 3.

    `x`: (B, H, W, C). `g`: (B, H, W, F), C and F multiples of 16. `gradient`: (3, 3, C, F), written. All float32 and
    C-contiguous. `parts`: among how many threads, up to 4, the work is shared; the sums do not depend on it.
    """
    products = np.zeros((4, 4, x.shape[3], g.shape[3]), np.float32)
    if parts == 1:
        _products_part(x, g, products, 0, 4)
        _gradient_part(products, gradient, 0, x.shape[3])
    else:
        _gradient_shared(x, g, products, gradient, min(parts, 4))
