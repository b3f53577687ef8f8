"""Winograd's sums for kernels of 3 x 3: 16 multiplications for a tile of 2 x 2 pixels, where 36 are obvious (AVX-512).

Along one axis, two neighbouring pixels of the result are sums of six products,

    y[k] = x[k] w[0] + x[k + 1] w[1] + x[k + 2] w[2],  k = 0, 1,

and four products are enough:

    m[0] = (x[0] - x[2]) w[0]                        y[0] = m[0] + m[1] + m[2]
    m[1] = (x[1] + x[2]) (w[0] + w[1] + w[2]) / 2    y[1] =        m[1] - m[2] - m[3]
    m[2] = (x[2] - x[1]) (w[0] - w[1] + w[2]) / 2
    m[3] = (x[1] - x[3]) w[2]

The gradient of w, from that of y, follows by the chain rule: the sums that made y spread its slopes, and those that
were made of w are taken backwards. Along both axes there are 16 products, for the 16 *points* 4 j + i, where j counts m
along the rows and i along the columns. `winograd_convolution` says how the sums are laid out in memory.

Source: A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks" (arXiv 1509.09308), section 4.
"""

import numpy as np

from minibnn.kernels.jit import inner_kernel
from minibnn.kernels.simd import load_floats, store_floats, zeros


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


@inner_kernel
def _slope_sums(a, b):
    """The slopes of m[0] to m[3] from those of y[0] and y[1], but with the last one's sign turned, see `_weights`."""
    return a, a + b, a - b, b


@inner_kernel
def _weights(a, b, c, d):
    """The slopes of w[0] to w[2] from those of the right factors."""
    half = np.float32(0.5)
    middle = (b + c) * half
    return a + middle, (b - c) * half, middle - d


@inner_kernel
def kernel_to_points(kernel, place, stride, weights, target, apart):
    """The sums of the weights at kernel[place], kernel[place + stride], ..., for 16 filters."""
    w = load_floats(9, kernel, place, stride)
    a, b, c = _weight_sums(w[0], w[3], w[6]), _weight_sums(w[1], w[4], w[7]), _weight_sums(w[2], w[5], w[8])
    points = _weight_sums(a[0], b[0], c[0]) + _weight_sums(a[1], b[1], c[1])  # tuples, one behind the other
    others = _weight_sums(a[2], b[2], c[2]) + _weight_sums(a[3], b[3], c[3])
    store_floats(weights, target, apart, points + others)


@inner_kernel
def _column(lines, place):
    """The four sums of the pixels above each other at this place of four lines."""
    return _pixel_sums(
        load_floats(1, lines[0], place, 0)[0],
        load_floats(1, lines[1], place, 0)[0],
        load_floats(1, lines[2], place, 0)[0],
        load_floats(1, lines[3], place, 0)[0],
    )


@inner_kernel
def line_to_points(lines, channels, channel, first, last, inputs, target, apart):
    """The sums of pixels of the tiles `first` to `last`, which see these four lines, for the 16 next channels."""
    width, place = lines[0].size // channels, channel + 2 * first * channels
    a, b = zeros(4), _column(lines, place)
    if first > 0:
        a = _column(lines, place - channels)
    for n in range(first, last):
        c, d, right = zeros(4), zeros(4), channel + (2 * n + 1) * channels
        if 2 * n + 1 < width:
            c = _column(lines, right)
        if 2 * n + 2 < width:
            d = _column(lines, right + channels)
        points = _pixel_sums(a[0], b[0], c[0], d[0]) + _pixel_sums(a[1], b[1], c[1], d[1])
        others = _pixel_sums(a[2], b[2], c[2], d[2]) + _pixel_sums(a[3], b[3], c[3], d[3])
        store_floats(inputs, target, apart, points + others)
        a, b, target = c, d, target + 16  # the next tile sees the right half of this one


@inner_kernel
def points_to_pixels(products, place, apart):
    """The four pixels of a tile, as two rows of two."""
    m = load_floats(16, products, place, apart)
    a, b = _results(m[0], m[4], m[8], m[12]), _results(m[1], m[5], m[9], m[13])
    c, d = _results(m[2], m[6], m[10], m[14]), _results(m[3], m[7], m[11], m[15])
    return _results(a[0], b[0], c[0], d[0]), _results(a[1], b[1], c[1], d[1])


@inner_kernel
def slopes_to_points(upper, lower, slopes, target, apart):
    """The sums of the slopes of a tile's pixels, `upper` and `lower`: pairs."""
    a, b = _slope_sums(upper[0], lower[0]), _slope_sums(upper[1], lower[1])
    points, others = (
        _slope_sums(a[0], b[0]) + _slope_sums(a[1], b[1]),
        _slope_sums(a[2], b[2]) + _slope_sums(a[3], b[3]),
    )
    store_floats(slopes, target, apart, points + others)


@inner_kernel
def points_to_kernel(products, place, apart, gradient, target, stride):
    """The gradients of the nine weights for 16 filters."""
    m = load_floats(16, products, place, apart)
    a, b = _weights(m[0], m[4], m[8], m[12]), _weights(m[1], m[5], m[9], m[13])
    c, d = _weights(m[2], m[6], m[10], m[14]), _weights(m[3], m[7], m[11], m[15])
    upper, middle = _weights(a[0], b[0], c[0], d[0]), _weights(a[1], b[1], c[1], d[1])
    store_floats(gradient, target, stride, upper + middle + _weights(a[2], b[2], c[2], d[2]))
