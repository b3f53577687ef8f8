"""The gradient of a 3 x 3 or 5 x 5 kernel by fewer multiplications than are obvious (Winograd, AVX-512).

The chain rule through `winograd_convolution`: the sums of pixels are the same, the slopes of the pixels of the result
spread to the products that they were put together from, and the slopes of the sums of weights are put together to those
of the weights. The sums of slopes serve all channels, and the products are added up over all tiles before they are put
together: 16 (or 36) products of matrices, (channels x tiles) (tiles x filters), one for each point.
"""

import numpy as np
from numba import prange

from minibnn.kernels import winograd_3x3, winograd_5x5
from minibnn.kernels.jit import inner_kernel, kernel, parallel_kernel
from minibnn.kernels.simd import add_floats, load_floats, multiply_add, store_floats, zeros
from minibnn.kernels.winograd_convolution import transform_images

TILES = (
    128  # that are added up in registers: their sums, 8 or 18 KB for each channel and each filter, stay in the cache
)

# `inputs` (sums of pixels) and `slopes` (sums of slopes) are laid out as in `winograd_convolution`. `products` is an
# array (blocks, points, 16, width): for each block of 16 channels and 32 (or 16) filters, each point, and each channel,
# a row of `width` filters.


@inner_kernel
def _row(line, place, filters):
    """The slopes of two neighbouring pixels of a line, of which the second may lie outside."""
    first, second = load_floats(1, line, place, 0)[0], zeros(1)[0]
    if place + filters < line.size:
        second = load_floats(1, line, place + filters, 0)[0]
    return first, second


@inner_kernel
def _transform_line(upper, lower, filters, first, last, slopes, start):
    """slopes[panel, :, start :] = the sums of slopes of the tiles `first` to `last` of these two lines."""
    _, points, places, width = slopes.shape
    for filter_ in range(0, filters, 16):
        target = (filter_ // width * points * places + start) * width + filter_ % width
        for n in range(first, last):
            place = 2 * n * filters + filter_
            above, below = _row(upper, place, filters), _row(lower, place, filters)
            if points == 16:
                winograd_3x3.slopes_to_points(above, below, slopes, target, places * width)
            else:
                winograd_5x5.slopes_to_points(above, below, slopes, target, places * width)
            target += width


@inner_kernel
def _transform_slopes(g, outside, slopes, first, last):
    """The sums of slopes of the tiles `first` to `last`, counted through all images. `outside`: a line of zeros."""
    _, height, width, filters = g.shape
    down, across = (height + 1) // 2, (width + 1) // 2
    tile = first
    while tile < last:
        line, left = tile // across, tile % across
        image, top = g[line // down], line % down * 2
        lower = image[top + 1].reshape(-1) if top + 1 < height else outside
        right = min(across, left + last - tile)
        _transform_line(image[top].reshape(-1), lower, filters, left, right, slopes, tile - first)
        tile += right - left


def _product(blocks):
    """A kernel for the products of 8 channels with blocks of 16 filters, see `direct_convolution`."""
    count = 8 * blocks

    @inner_kernel
    def product(inputs, source, slopes, slope, tiles, products, place, is_first):
        """The 8 rows of products from `place` on = (or, behind the first tiles, +=) the sums over all tiles."""
        sums = zeros(count)
        for _ in range(tiles):
            sums = multiply_add(sums, inputs, source, 1, load_floats(blocks, slopes, slope, 16))
            source += 16
            slope += blocks * 16
        if is_first:
            store_floats(products, place, 16, sums)
        else:
            add_floats(products, place, blocks * 16, blocks, sums)

    return product


_product_2, _product_1 = _product(2), _product(1)


@inner_kernel
def _multiply(inputs, slopes, tiles, products, is_first):
    """The products of a block. `inputs`, `slopes`: (points, n + 1, width), `products`: (points, 16, width)."""
    points, places, width = slopes.shape
    for point in range(points):
        for channel in range(0, 16, 8):
            source, slope = point * places * 16 + channel, point * places * width
            place = (point * 16 + channel) * width
            if width == 32:
                _product_2(inputs, source, slopes, slope, tiles, products, place, is_first)
            else:
                _product_1(inputs, source, slopes, slope, tiles, products, place, is_first)


@inner_kernel
def _put_together(products, gradient, channel, filter_):
    """The gradients of a block's weights: 16 channels and 32 (or 16) filters from these on."""
    channels, filters = gradient.shape[2:]
    points, _, width = products.shape
    for row in range(16):
        for column in range(0, width, 16):
            source, target = row * width + column, (channel + row) * filters + filter_ + column
            if points == 16:
                winograd_3x3.points_to_kernel(products, source, 16 * width, gradient, target, channels * filters)
            else:
                winograd_5x5.points_to_kernel(products, source, 16 * width, gradient, target, channels * filters)


@kernel
def _gradient_part(x, g, gradient, first, last):
    """The gradients of the weights of the channels 16 `first` to 16 `last`."""
    images, height, width, filters = g.shape
    tiles, panel = images * ((height + 1) // 2) * ((width + 1) // 2), 32 if filters % 32 == 0 else 16
    outside_x, outside_g = np.zeros(width * x.shape[3], np.float32), np.zeros(width * filters, np.float32)
    columns = np.empty(6 * (width + 5) * 16, np.float32)
    points, places, panels = (len(gradient) + 1) ** 2, min(TILES, tiles) + 1, filters // panel
    inputs = np.empty((last - first, points, places, 16), np.float32)
    slopes = np.empty((panels, points, places, panel), np.float32)
    blocks = (last - first) * panels
    products = np.empty((blocks if tiles > TILES else 1, points, 16, panel), np.float32)  # 1: put together one by one
    for start in range(0, tiles, TILES):
        end = min(start + TILES, tiles)
        transform_images(x, 16 * first, outside_x, columns, inputs, start, end)
        _transform_slopes(g, outside_g, slopes, start, end)
        for block in range(blocks):
            i, j = block % (last - first), block // (last - first)
            sums = products[block % len(products)]
            _multiply(inputs[i], slopes[j], end - start, sums, start == 0)
            if end == tiles:
                _put_together(sums, gradient, 16 * (first + i), j * panel)


@parallel_kernel
def _gradient_shared(x, g, gradient, parts):
    panels = x.shape[3] // 16
    for part in prange(parts):
        _gradient_part(x, g, gradient, panels * part // parts, panels * (part + 1) // parts)


@kernel
def kernel_gradient_of_tiles(x, g, gradient, parts):
    """As `direct_convolution.kernel_gradient`, for kernels of 3 x 3 and 5 x 5.

    `x`: (B, H, W, C). `g`: (B, H, W, F), C and F multiples of 16. `gradient`: (3, 3, C, F) or (5, 5, C, F), written.
    All float32 and C-contiguous. `parts`: among how many threads the channels are shared, each of which adds up the
    slopes of all filters for itself; the sums do not depend on it.
    """
    panels = x.shape[3] // 16
    if parts == 1:
        _gradient_part(x, g, gradient, 0, panels)
    else:
        _gradient_shared(x, g, gradient, min(parts, panels))
