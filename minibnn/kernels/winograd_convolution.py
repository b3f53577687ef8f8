"""Convolution with a 3 x 3 or 5 x 5 kernel of floats by fewer multiplications than are obvious (Winograd, AVX-512).

A tile of 2 x 2 pixels of the result sees 4 x 4 pixels of the image, or 6 x 6. Instead of 36, or 100, products of a
pixel and a weight, 16, or 36, products of a sum of pixels and a sum of weights are enough: `winograd_3x3` and
`winograd_5x5` say which. The sums of pixels serve all filters, the sums of weights serve all tiles, and the products
are added up over the channels before they are put together: 16 (or 36) products of matrices, (tiles x channels)
(channels x filters), one for each of the *points*. A hundred tiles at a time stay in the cache from the image to the
result.

A NaN or an infinity in the image spreads to all four pixels of each tile that sees it.
"""

import numpy as np
from numba import prange

from minibnn.kernels import winograd_3x3, winograd_5x5
from minibnn.kernels.jit import inner_kernel, kernel, parallel_kernel
from minibnn.kernels.simd import load_floats, multiply_add, store_floats, zeros

TILES = 128  # at a time: their sums and products, 8 or 18 KB for each channel and each filter, stay in the cache
WEIGHTS = 1 << 22  # sums of weights at a time, unless one panel has more: they stay in the larger cache

# `inputs` (sums of pixels), `weights` (sums of weights) and `products` are arrays (panels, points, n + 1, width): for
# each point, n tiles (or channels), each with a row of `width` channels (or filters); the next panel has the next ones.
# The last of the n + 1 rows is not used. It keeps the points of a tile from lying a power of two apart, where all would
# compete for the same few places of the cache. The sums of one tile at all points are `apart` from each other.


@kernel
def _transform_kernel(kernel, first_filter, weights, first, last):
    """weights[panel, :, channel] = the sums of weights of 32 (or 16) filters, for the channels `first` to `last`.

    Panel 0 holds the filters from `first_filter` on.
    """
    channels, filters = kernel.shape[2:]
    panels, points, places, width = weights.shape
    for channel in range(first, last):
        for filter_ in range(0, panels * width, 16):
            place = ((filter_ // width * points) * places + channel) * width + filter_ % width
            source, stride = channel * filters + first_filter + filter_, channels * filters
            if points == 16:
                winograd_3x3.kernel_to_points(kernel, source, stride, weights, place, places * width)
            else:
                winograd_5x5.kernel_to_points(kernel, source, stride, weights, place, places * width)


@inner_kernel
def transform_images(x, channel, outside, columns, inputs, first, last):
    """inputs[panel, :, :] = the sums of pixels of the tiles `first` to `last`, counted through all images.

    Panel 0 holds the 16 channels from `channel` on. `outside`: a line of zeros. `columns`: room for the sums of a line.
    """
    _, height, width, channels = x.shape
    panels, points, places, _ = inputs.shape
    down, across = (height + 1) // 2, (width + 1) // 2
    tile = first
    while tile < last:
        line, left = tile // across, tile % across
        image, top = x[line // down], line % down * 2
        right = min(across, left + last - tile)
        above = image[top - 1].reshape(-1) if top > 0 else outside
        lower = image[top + 1].reshape(-1) if top + 1 < height else outside
        below = image[top + 2].reshape(-1) if top + 2 < height else outside
        middle = above, image[top].reshape(-1), lower, below
        first_of_six = image[top - 2].reshape(-1) if top > 0 else outside  # tiles begin at even lines
        last_of_six = image[top + 3].reshape(-1) if top + 3 < height else outside
        for panel in range(panels):
            target, from_ = (panel * points * places + tile - first) * 16, channel + 16 * panel
            if points == 16:
                winograd_3x3.line_to_points(middle, channels, from_, left, right, inputs, target, places * 16)
            else:
                lines = (first_of_six, *middle, last_of_six)
                winograd_5x5.line_to_points(lines, channels, from_, left, right, columns, inputs, target, places * 16)
        tile += right - left


def _product(blocks):
    """A kernel for the products of 8 tiles with blocks of 16 filters, see `direct_convolution`."""
    count = 8 * blocks

    @inner_kernel
    def product(inputs, weights, point, panel, tile, products):
        """products[panel, point, tile : tile + 8] = the sums over all channels."""
        panels, points, places, _ = inputs.shape
        rows, width = weights.shape[2:]
        source, weight = (point * places + tile) * 16, (panel * points + point) * rows * width
        sums = zeros(count)
        for _ in range(panels):
            for channel in range(16):
                sums = multiply_add(sums, inputs, source + channel, 16, load_floats(blocks, weights, weight, 16))
                weight += width
            source += points * places * 16
        store_floats(products, ((panel * points + point) * places + tile) * width, 16, sums)

    return product


_product_2, _product_1 = _product(2), _product(1)


@inner_kernel
def _multiply(inputs, weights, tiles, products):
    """The products of so many tiles, and of up to seven that are not used, for all points and filters."""
    for point in range(weights.shape[1]):
        for panel in range(len(weights)):
            for tile in range(0, tiles, 8):
                if weights.shape[3] == 32:
                    _product_2(inputs, weights, point, panel, tile, products)
                else:
                    _product_1(inputs, weights, point, panel, tile, products)


@inner_kernel
def _store_row(y, place, row, both):
    """The pixels of one row of a tile, or only the first, if the image ends there."""
    if both:
        store_floats(y, place, y.shape[3], row)
    else:
        store_floats(y, place, y.shape[3], (row[0],))


@inner_kernel
def _transform_products(products, y, first_filter, first, last):
    """The pixels of the tiles `first` to `last`, for the filters of `products`, from `first_filter` on."""
    _, height, width, filters = y.shape
    down, across = (height + 1) // 2, (width + 1) // 2
    panels, points, places, panel_width = products.shape
    for panel in range(panels):
        for tile in range(first, last):
            line, left = tile // across, tile % across * 2
            top = line % down * 2
            target = ((line // down * height + top) * width + left) * filters + first_filter + panel * panel_width
            place = (panel * points * places + tile - first) * panel_width
            for block in range(0, panel_width, 16):
                if points == 16:
                    upper, lower = winograd_3x3.points_to_pixels(products, place + block, places * panel_width)
                else:
                    upper, lower = winograd_5x5.points_to_pixels(products, place + block, places * panel_width)
                _store_row(y, target + block, upper, left + 1 < width)
                if top + 1 < height:
                    _store_row(y, target + block + width * filters, lower, left + 1 < width)


@kernel
def _convolve_part(x, weights, y, first_filter, first, last):
    """The tiles `first` to `last` of y, counted through all images, for the filters of `weights`."""
    width, channels = x.shape[2:]
    outside, columns = np.zeros(width * channels, np.float32), np.empty(6 * (width + 5) * 16, np.float32)
    points, places = weights.shape[1], (min(TILES, last - first) + 7) // 8 * 8 + 1
    inputs = np.zeros((channels // 16, points, places, 16), np.float32)
    products = np.empty((weights.shape[0], points, places, weights.shape[3]), np.float32)
    for start in range(first, last, TILES):
        end = min(start + TILES, last)
        transform_images(x, 0, outside, columns, inputs, start, end)
        _multiply(inputs, weights, end - start, products)
        _transform_products(products, y, first_filter, start, end)


@parallel_kernel
def _convolve_shared(x, kernel, weights, y, first_filter, tiles, parts):
    channels = x.shape[3]
    for part in prange(parts):
        _transform_kernel(kernel, first_filter, weights, channels * part // parts, channels * (part + 1) // parts)
    for part in prange(parts):
        _convolve_part(x, weights, y, first_filter, tiles * part // parts, tiles * (part + 1) // parts)


@kernel
def convolve_tiles(x, kernel, y, parts):
    """y = the images, with zeros around them, convolved with a kernel of 3 x 3 or 5 x 5 floats, stride 1.

    `x`: (B, H, W, C). `kernel`: (3, 3, C, F) or (5, 5, C, F), C and F multiples of 16. `y`: (B, H, W, F), written. All
    float32 and C-contiguous. `parts`: among how many threads the tiles are shared; the sums do not depend on it.
    """
    images, height, width, channels = x.shape
    filters, tiles, points = kernel.shape[3], images * ((height + 1) // 2) * ((width + 1) // 2), (len(kernel) + 1) ** 2
    panel = 32 if filters % 32 == 0 else 16
    together = max(panel, WEIGHTS // (points * channels) // panel * panel)
    weights = np.empty((min(together, filters) // panel, points, channels + 1, panel), np.float32)
    for filter_ in range(0, filters, together):
        part = weights[: (filters - filter_) // panel]
        if parts == 1:
            _transform_kernel(kernel, filter_, part, 0, channels)
            _convolve_part(x, part, y, filter_, 0, tiles)
        else:
            _convolve_shared(x, kernel, part, y, filter_, tiles, parts)
