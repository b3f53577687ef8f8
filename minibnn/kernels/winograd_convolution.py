"""Convolution with a 3 x 3 kernel of floats: 16 multiplications where 36 are obvious (Winograd, AVX-512).

Along one axis, two neighbouring pixels of the result are sums of six products,

    y[k] = x[k] w[0] + x[k + 1] w[1] + x[k + 2] w[2],  k = 0, 1,

and four products are enough:

    m[0] = (x[0] - x[2]) w[0]                        y[0] = m[0] + m[1] + m[2]
    m[1] = (x[1] + x[2]) (w[0] + w[1] + w[2]) / 2    y[1] =        m[1] - m[2] - m[3]
    m[2] = (x[2] - x[1]) (w[0] - w[1] + w[2]) / 2
    m[3] = (x[1] - x[3]) w[2]

Along both axes, that is 16 products for a tile of 2 x 2 pixels, which sees 4 x 4 pixels of the image. The sums of
pixels serve all filters, the sums of weights serve all tiles, and the products are added up over the channels before
they are put together: 16 products of matrices, (tiles x channels) (channels x filters), one for each of the 16 *points*
4 j + i, where j counts m along the rows and i along the columns. A hundred tiles at a time stay in the cache from the
image to the result.

A NaN or an infinity in the image spreads to all four pixels of each tile that sees it.

Source: A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks" (arXiv 1509.09308), section 4.
"""

import numpy as np
from numba import prange

from minibnn.kernels.jit import inner_kernel, kernel, parallel_kernel
from minibnn.kernels.simd import load_floats, multiply_add, store_floats, zeros

TILES = 128  # at a time: their sums and products, 8 KB for each channel and each filter, stay in the cache


@inner_kernel
def _pixel_sums(a, b, c, d):
    """The left factors of m[0] to m[3]."""
    return a - c, b + c, c - b, b - d


@inner_kernel
def _weight_sums(a, b, c):
    """The right factors of m[0] to m[3]."""
    half = np.float32(0.5)
    return a, (a + b + c) * half, (a - b + c) * half, c


@inner_kernel
def _results(a, b, c, d):
    """y[0] and y[1] from m[0] to m[3]."""
    return a + b + c, b - c - d


# `inputs` (sums of pixels), `weights` (sums of weights) and `products` are arrays (panels, 16, n + 1, width): for each
# point, n tiles (or channels), each with a row of `width` channels (or filters); the next panel has the next ones. The
# last of the n + 1 rows is not used. It keeps the 16 points of a tile from lying a power of two apart, where all would
# compete for the same few places of the cache.


@kernel
def _transform_kernel(kernel, weights, first, last):
    """weights[panel, :, channel] = the sums of weights of 32 (or 16) filters, for the channels `first` to `last`."""
    channels, filters = kernel.shape[2:]
    width, stride = weights.shape[3], weights.shape[2] * weights.shape[3]
    for channel in range(first, last):
        for filter_ in range(0, filters, 16):
            w = load_floats(9, kernel, channel * filters + filter_, channels * filters)
            a, b, c = _weight_sums(w[0], w[3], w[6]), _weight_sums(w[1], w[4], w[7]), _weight_sums(w[2], w[5], w[8])
            points = _weight_sums(a[0], b[0], c[0]) + _weight_sums(a[1], b[1], c[1])  # tuples, one behind the other
            others = _weight_sums(a[2], b[2], c[2]) + _weight_sums(a[3], b[3], c[3])
            place = filter_ // width * 16 * stride + channel * width + filter_ % width
            store_floats(weights, place, stride, points + others)


@inner_kernel
def _column(lines, place):
    """The four sums of the pixels above each other at this place of four lines."""
    a, b, c, d = lines
    return _pixel_sums(
        load_floats(1, a, place, 0)[0],
        load_floats(1, b, place, 0)[0],
        load_floats(1, c, place, 0)[0],
        load_floats(1, d, place, 0)[0],
    )


@inner_kernel
def _transform_line(lines, channels, channel, first, last, inputs, start):
    """inputs[panel, :, start :] = the sums of pixels of the tiles `first` to `last` that see these four lines.

    Panel 0 holds the 16 channels from `channel` on.
    """
    panels, _, places, _ = inputs.shape
    width = lines[0].size // channels
    for panel in range(panels):
        place, target = channel + 16 * panel, (panel * 16 * places + start) * 16
        a, b = zeros(4), _column(lines, place + 2 * first * channels)
        if first > 0:
            a = _column(lines, place + (2 * first - 1) * channels)
        for n in range(first, last):
            c, d, right = zeros(4), zeros(4), place + (2 * n + 1) * channels
            if 2 * n + 1 < width:
                c = _column(lines, right)
            if 2 * n + 2 < width:
                d = _column(lines, right + channels)
            points = _pixel_sums(a[0], b[0], c[0], d[0]) + _pixel_sums(a[1], b[1], c[1], d[1])
            others = _pixel_sums(a[2], b[2], c[2], d[2]) + _pixel_sums(a[3], b[3], c[3], d[3])
            store_floats(inputs, target, places * 16, points + others)
            a, b, target = c, d, target + 16  # the next tile sees the right half of this one


@inner_kernel
def transform_images(x, channel, outside, inputs, first, last):
    """The sums of pixels of the tiles `first` to `last`, counted through all images, for the channels from this one on.

    `outside`: a line of zeros.
    """
    _, height, width, channels = x.shape
    down, across = (height + 1) // 2, (width + 1) // 2
    tile = first
    while tile < last:
        line, left = tile // across, tile % across
        image, top = x[line // down], line % down * 2
        above = image[top - 1].reshape(-1) if top > 0 else outside
        lower = image[top + 1].reshape(-1) if top + 1 < height else outside
        below = image[top + 2].reshape(-1) if top + 2 < height else outside
        right = min(across, left + last - tile)
        lines = above, image[top].reshape(-1), lower, below
        _transform_line(lines, channels, channel, left, right, inputs, tile - first)
        tile += right - left


def _product(blocks):
    """A kernel for the products of 8 tiles with blocks of 16 filters, see `direct_convolution`."""
    count = 8 * blocks

    @inner_kernel
    def product(inputs, weights, point, panel, tile, products):
        """products[panel, point, tile : tile + 8] = the sums over all channels."""
        panels, _, places, _ = inputs.shape
        _, _, rows, width = weights.shape
        source, weight = (point * places + tile) * 16, (panel * 16 + point) * rows * width
        sums = zeros(count)
        for _ in range(panels):
            for channel in range(16):
                sums = multiply_add(sums, inputs, source + channel, 16, load_floats(blocks, weights, weight, 16))
                weight += width
            source += 16 * places * 16
        store_floats(products, ((panel * 16 + point) * places + tile) * width, 16, sums)

    return product


_product_2, _product_1 = _product(2), _product(1)


@inner_kernel
def _multiply(inputs, weights, tiles, products):
    """The products of so many tiles, and of up to seven that are not used, for all points and filters."""
    for point in range(16):
        for panel in range(len(weights)):
            for tile in range(0, tiles, 8):
                if weights.shape[3] == 32:
                    _product_2(inputs, weights, point, panel, tile, products)
                else:
                    _product_1(inputs, weights, point, panel, tile, products)


@inner_kernel
def _pixels(products, place, stride):
    """The four pixels of a tile, as two rows of two."""
    m = load_floats(16, products, place, stride)
    a, b = _results(m[0], m[4], m[8], m[12]), _results(m[1], m[5], m[9], m[13])
    c, d = _results(m[2], m[6], m[10], m[14]), _results(m[3], m[7], m[11], m[15])
    return _results(a[0], b[0], c[0], d[0]), _results(a[1], b[1], c[1], d[1])


@inner_kernel
def _store_row(y, place, row, both):
    """The pixels of one row of a tile, or only the first, if the image ends there."""
    if both:
        store_floats(y, place, y.shape[3], row)
    else:
        store_floats(y, place, y.shape[3], (row[0],))


@inner_kernel
def _transform_products(products, y, first, last):
    """The pixels of the tiles `first` to `last`."""
    _, height, width, filters = y.shape
    down, across = (height + 1) // 2, (width + 1) // 2
    panels, _, places, panel_width = products.shape
    for panel in range(panels):
        for tile in range(first, last):
            line, left = tile // across, tile % across * 2
            top = line % down * 2
            target = ((line // down * height + top) * width + left) * filters + panel * panel_width
            place = (panel * 16 * places + tile - first) * panel_width
            for block in range(0, panel_width, 16):
                upper, lower = _pixels(products, place + block, places * panel_width)
                _store_row(y, target + block, upper, left + 1 < width)
                if top + 1 < height:
                    _store_row(y, target + block + width * filters, lower, left + 1 < width)


@kernel
def _convolve_part(x, weights, y, first, last):
    """The tiles `first` to `last` of y, counted through all images."""
    width, channels = x.shape[2:]
    outside = np.zeros(width * channels, np.float32)
    places = (min(TILES, last - first) + 7) // 8 * 8 + 1
    inputs = np.zeros((channels // 16, 16, places, 16), np.float32)
    products = np.empty((weights.shape[0], 16, places, weights.shape[3]), np.float32)
    for start in range(first, last, TILES):
        end = min(start + TILES, last)
        transform_images(x, 0, outside, inputs, start, end)
        _multiply(inputs, weights, end - start, products)
        _transform_products(products, y, start, end)


@parallel_kernel
def _convolve_shared(x, kernel, weights, y, tiles, parts):
    channels = x.shape[3]
    for part in prange(parts):
        _transform_kernel(kernel, weights, channels * part // parts, channels * (part + 1) // parts)
    for part in prange(parts):
        _convolve_part(x, weights, y, tiles * part // parts, tiles * (part + 1) // parts)


@kernel
def convolve_floats_3x3(x, kernel, y, parts):
    """y = the images, with one pixel of zeros around them, convolved with a kernel of 3 x 3 floats, stride 1.

    `x`: (B, H, W, C). `kernel`: (3, 3, C, F), C and F multiples of 16. `y`: (B, H, W, F), written. All float32 and
    C-contiguous. `parts`: among how many threads the tiles are shared; the sums do not depend on it.
    """
    images, height, width, channels = x.shape
    filters, tiles = kernel.shape[3], images * ((height + 1) // 2) * ((width + 1) // 2)
    panel = 32 if filters % 32 == 0 else 16
    weights = np.empty((filters // panel, 16, channels + 1, panel), np.float32)
    if parts == 1:
        _transform_kernel(kernel, weights, 0, channels)
        _convolve_part(x, weights, y, 0, tiles)
    else:
        _convolve_shared(x, kernel, weights, y, tiles, parts)
