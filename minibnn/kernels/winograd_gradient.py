"""The gradient of a 3 x 3 kernel with 16 multiplications where 36 are obvious (Winograd's minimal filtering, AVX-512).

Along one axis, the gradients of three weights from two pixels of the result are sums of six products,

    w[k] = x[k] g[0] + x[k + 1] g[1],  k = 0, 1, 2,

and four products are enough:

    m[0] = (x[0] - x[2]) g[0]              w[0] = m[0] + (m[1] + m[2]) / 2
    m[1] = (x[1] + x[2]) (g[0] + g[1])     w[1] =        (m[1] - m[2]) / 2
    m[2] = (x[2] - x[1]) (g[0] - g[1])     w[2] =        (m[1] + m[2]) / 2 - m[3]
    m[3] = (x[1] - x[3]) g[1]

Along both axes, that is 16 products for a tile of 2 x 2 pixels instead of 36. The sums of pixels are those of
`winograd_convolution`, the sums of slopes (the pixels of g) serve all channels, and the products are added up over all
tiles before they are put together: 16 products of matrices, (channels x tiles) (tiles x filters), one for each of the
16 points 4 j + i. Halves are exact; the sums of two and four numbers round a little more than the products alone would.

Source: A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks" (arXiv 1509.09308), section 4, where
the gradient of the kernel takes the place of the result.
"""

import numpy as np
from numba import prange

from minibnn.kernels.jit import inner_kernel, kernel, parallel_kernel
from minibnn.kernels.simd import add_floats, load_floats, multiply_add, store_floats, zeros
from minibnn.kernels.winograd_convolution import transform_images

TILES = 128  # that are added up in registers: their sums, 8 KB for each channel and each filter, stay in the cache


@inner_kernel
def _slope_sums(a, b):
    """The right factors of m[0] to m[3]."""
    return a, a + b, a - b, b


@inner_kernel
def _weights(a, b, c, d):
    """w[0] to w[2] from m[0] to m[3]."""
    half = np.float32(0.5)
    middle = (b + c) * half
    return a + middle, (b - c) * half, middle - d


# `inputs` (sums of pixels) and `slopes` (sums of slopes) are laid out as in `winograd_convolution`. `products` is an
# array (blocks, 16, 16, width): for each block of 16 channels and 32 (or 16) filters, each point, and each channel, a
# row of `width` filters.


@inner_kernel
def _column(upper, lower, place):
    """The four sums of the two slopes above each other at this place of two lines."""
    return _slope_sums(load_floats(1, upper, place, 0)[0], load_floats(1, lower, place, 0)[0])


@inner_kernel
def _transform_line(upper, lower, filters, first, last, slopes, start):
    """slopes[panel, :, start :] = the sums of slopes of the tiles `first` to `last` of these two lines."""
    _, _, places, width = slopes.shape
    pixels = upper.size // filters
    for filter_ in range(0, filters, 16):
        target = (filter_ // width * 16 * places + start) * width + filter_ % width
        for n in range(first, last):
            place = 2 * n * filters + filter_
            a, b = _column(upper, lower, place), zeros(4)
            if 2 * n + 1 < pixels:
                b = _column(upper, lower, place + filters)
            points = _slope_sums(a[0], b[0]) + _slope_sums(a[1], b[1])  # tuples, one behind the other
            others = _slope_sums(a[2], b[2]) + _slope_sums(a[3], b[3])
            store_floats(slopes, target, places * width, points + others)
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
    """The products of a block. `inputs`, `slopes`: (16, n + 1, width), `products`: (16, 16, width)."""
    places, width = slopes.shape[1:]
    for point in range(16):
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
    width = products.shape[2]
    for row in range(16):
        for column in range(0, width, 16):
            m = load_floats(16, products, row * width + column, 16 * width)
            a, b = _weights(m[0], m[4], m[8], m[12]), _weights(m[1], m[5], m[9], m[13])
            c, d = _weights(m[2], m[6], m[10], m[14]), _weights(m[3], m[7], m[11], m[15])
            upper, middle = _weights(a[0], b[0], c[0], d[0]), _weights(a[1], b[1], c[1], d[1])
            weights = upper + middle + _weights(a[2], b[2], c[2], d[2])
            store_floats(gradient, (channel + row) * filters + filter_ + column, channels * filters, weights)


@kernel
def _gradient_part(x, g, gradient, first, last):
    """The gradients of the weights of the channels 16 `first` to 16 `last`."""
    images, height, width, filters = g.shape
    tiles, panel = images * ((height + 1) // 2) * ((width + 1) // 2), 32 if filters % 32 == 0 else 16
    outside_x, outside_g = np.zeros(width * x.shape[3], np.float32), np.zeros(width * filters, np.float32)
    places, panels = min(TILES, tiles) + 1, filters // panel
    inputs = np.empty((last - first, 16, places, 16), np.float32)
    slopes = np.empty((panels, 16, places, panel), np.float32)
    blocks = (last - first) * panels
    products = np.empty((blocks if tiles > TILES else 1, 16, 16, panel), np.float32)  # 1: put together one by one
    for start in range(0, tiles, TILES):
        end = min(start + TILES, tiles)
        transform_images(x, 16 * first, outside_x, inputs, start, end)
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
def kernel_gradient_3x3(x, g, gradient, parts):
    """As `direct_convolution.kernel_gradient`, for kernels of 3 x 3.

    `x`: (B, H, W, C). `g`: (B, H, W, F), C and F multiples of 16. `gradient`: (3, 3, C, F), written. All float32 and
    C-contiguous. `parts`: among how many threads the channels are shared, each of which adds up the slopes of all
    filters for itself; the sums do not depend on it.
    """
    panels = x.shape[3] // 16
    if parts == 1:
        _gradient_part(x, g, gradient, 0, panels)
    else:
        _gradient_shared(x, g, gradient, min(parts, panels))
