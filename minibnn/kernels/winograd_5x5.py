"""Winograd's sums for kernels of 5 x 5: 36 multiplications for a tile of 2 x 2 pixels, where 100 are obvious (AVX-512).

Along one axis, two neighbouring pixels of the result,

    y[k] = x[k] w[0] + x[k + 1] w[1] + ... + x[k + 4] w[4],  k = 0, 1,

are the middle coefficients of a product of polynomials, which six products determine: the values at five points and the
leading coefficient. With the points 0, 1, -1, 1/2 and -2,

    m[0] = (r[2] - r[0])         w[0]
    m[1] = (r[2] + r[1])         (w[0] + w[1] + w[2] + w[3] + w[4]) / 3
    m[2] = (r[2] - r[1])       - (w[0] - w[1] + w[2] - w[3] + w[4]) / 3
    m[3] = (q[1] + 2 q[0])     - (w[0] + w[1] / 2 + w[2] / 4 + w[3] / 8 + w[4] / 16) 16 / 15
    m[4] = (q[1] - q[0] / 2)     (w[0] - 2 w[1] + 4 w[2] - 8 w[3] + 16 w[4]) / 15
    m[5] = (r[3] - r[1])         w[4]

with r[i] = x[i + 2] + 3/2 x[i + 1] - x[i] and q[i] = x[i + 3] - x[i + 1], and

    y[0] = m[0] + m[1] + m[2] + m[3] + m[4]
    y[1] =        m[1] - m[2] + m[3] / 2 - 2 m[4] + m[5].

The gradient of w follows by the chain rule, as for 3 x 3. Other points would do as well, but sums and differences of
numbers of unlike size round more: these lose about one of float32's seven digits, half of what 0, 1, -1, 2 and -2 lose.

Source: A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks" (arXiv 1509.09308), section 4; B.
Barabasz, A. Anderson, K. M. Soodhalter and D. Gregg, "Error analysis and improving the accuracy of Winograd convolution
for deep neural networks" (arXiv 1803.10986), which found points of this kind to be the most exact.
"""

import numpy as np

from minibnn.kernels.jit import inner_kernel
from minibnn.kernels.simd import load_floats, plus_times, store_floats, zeros

LINES = 6  # and columns, that a tile sees


@inner_kernel
def _pixel_sums(x):
    """The left factors of m[0] to m[5]."""
    factor = np.float32(1.5)
    r0, r1 = plus_times(x[2] - x[0], factor, x[1]), plus_times(x[3] - x[1], factor, x[2])
    r2, r3 = plus_times(x[4] - x[2], factor, x[3]), plus_times(x[5] - x[3], factor, x[4])
    q0, q1 = x[3] - x[1], x[4] - x[2]
    return r2 - r0, r2 + r1, r2 - r1, plus_times(q1, np.float32(2), q0), plus_times(q1, np.float32(-0.5), q0), r3 - r1


@inner_kernel
def _weight_sums(w):
    """The right factors of m[0] to m[5]."""
    even, odd, third = w[0] + w[2] + w[4], w[1] + w[3], np.float32(1 / 3)
    halves = plus_times(w[2], np.float32(4), w[0]) + w[4] * np.float32(0.25)
    other_halves = plus_times(w[3] * np.float32(0.5), np.float32(2), w[1])
    twos = plus_times(plus_times(w[0], np.float32(4), w[2]), np.float32(16), w[4])
    other_twos = plus_times(w[1], np.float32(4), w[3])
    return (
        w[0],
        (even + odd) * third,
        (odd - even) * third,
        (halves + other_halves) * np.float32(-4 / 15),
        plus_times(twos, np.float32(-2), other_twos) * np.float32(1 / 15),
        w[4],
    )


@inner_kernel
def _results(m):
    """y[0] and y[1] from m[0] to m[5]."""
    first = m[0] + (m[1] + m[2]) + (m[3] + m[4])
    return first, plus_times(plus_times(m[1] - m[2] + m[5], np.float32(0.5), m[3]), np.float32(-2), m[4])


@inner_kernel
def _slope_sums(a, b):
    """The slopes of m[0] to m[5] from those of y[0] and y[1]."""
    return a, a + b, a - b, plus_times(a, np.float32(0.5), b), plus_times(a, np.float32(-2), b), b


@inner_kernel
def _weights(m):
    """The slopes of w[0] to w[4] from those of the right factors."""
    plus, minus = (m[1] - m[2]) * np.float32(1 / 3), (m[1] + m[2]) * np.float32(1 / 3)
    half, two = m[3] * np.float32(-16 / 15), m[4] * np.float32(1 / 15)
    return (
        m[0] + (plus + (half + two)),
        minus + plus_times(half * np.float32(0.5), np.float32(-2), two),
        plus + plus_times(half * np.float32(0.25), np.float32(4), two),
        minus + plus_times(half * np.float32(0.125), np.float32(-8), two),
        m[5] + (plus + plus_times(half * np.float32(0.0625), np.float32(16), two)),
    )


@inner_kernel
def kernel_to_points(kernel, place, stride, weights, target, apart):
    """The sums of the weights at kernel[place], kernel[place + stride], ..., for 16 filters."""
    a = _weight_sums(load_floats(5, kernel, place, 5 * stride))  # a column of weights
    b = _weight_sums(load_floats(5, kernel, place + stride, 5 * stride))
    c = _weight_sums(load_floats(5, kernel, place + 2 * stride, 5 * stride))
    d = _weight_sums(load_floats(5, kernel, place + 3 * stride, 5 * stride))
    e = _weight_sums(load_floats(5, kernel, place + 4 * stride, 5 * stride))
    store_floats(weights, target, apart, _weight_sums((a[0], b[0], c[0], d[0], e[0])))
    store_floats(weights, target + 6 * apart, apart, _weight_sums((a[1], b[1], c[1], d[1], e[1])))
    store_floats(weights, target + 12 * apart, apart, _weight_sums((a[2], b[2], c[2], d[2], e[2])))
    store_floats(weights, target + 18 * apart, apart, _weight_sums((a[3], b[3], c[3], d[3], e[3])))
    store_floats(weights, target + 24 * apart, apart, _weight_sums((a[4], b[4], c[4], d[4], e[4])))
    store_floats(weights, target + 30 * apart, apart, _weight_sums((a[5], b[5], c[5], d[5], e[5])))


@inner_kernel
def _column(lines, place):
    """The six sums of the pixels above each other at this place of six lines."""
    return _pixel_sums((
        load_floats(1, lines[0], place, 0)[0],
        load_floats(1, lines[1], place, 0)[0],
        load_floats(1, lines[2], place, 0)[0],
        load_floats(1, lines[3], place, 0)[0],
        load_floats(1, lines[4], place, 0)[0],
        load_floats(1, lines[5], place, 0)[0],
    ))  # fmt: skip


@inner_kernel
def line_to_points(lines, channels, channel, first, last, columns, inputs, target, apart):
    """The sums of pixels of the tiles `first` to `last`, which see these six lines, for the 16 next channels.

    `columns`: room for the sums along the columns, (6 (2 (last - first) + 4) 16,): each serves three tiles.
    """
    width, stride = lines[0].size // channels, (2 * (last - first) + 4) * 16
    for n in range(2 * (last - first) + 4):
        pixel = 2 * first - 2 + n
        if 0 <= pixel < width:
            store_floats(columns, 16 * n, stride, _column(lines, channel + pixel * channels))
        else:
            store_floats(columns, 16 * n, stride, zeros(6))
    for n in range(last - first):
        for point in range(6):
            points = _pixel_sums(load_floats(6, columns, point * stride + 32 * n, 16))
            store_floats(inputs, target + 6 * point * apart, apart, points)
        target += 16


@inner_kernel
def points_to_pixels(products, place, apart):
    """The four pixels of a tile, as two rows of two."""
    a = _results(load_floats(6, products, place, 6 * apart))
    b = _results(load_floats(6, products, place + apart, 6 * apart))
    c = _results(load_floats(6, products, place + 2 * apart, 6 * apart))
    d = _results(load_floats(6, products, place + 3 * apart, 6 * apart))
    e = _results(load_floats(6, products, place + 4 * apart, 6 * apart))
    f = _results(load_floats(6, products, place + 5 * apart, 6 * apart))
    return _results((a[0], b[0], c[0], d[0], e[0], f[0])), _results((a[1], b[1], c[1], d[1], e[1], f[1]))


@inner_kernel
def slopes_to_points(upper, lower, slopes, target, apart):
    """The sums of the slopes of a tile's pixels, `upper` and `lower`: pairs."""
    a, b = _slope_sums(upper[0], lower[0]), _slope_sums(upper[1], lower[1])
    points = _slope_sums(a[0], b[0]) + _slope_sums(a[1], b[1]) + _slope_sums(a[2], b[2])  # tuples, joined
    others = _slope_sums(a[3], b[3]) + _slope_sums(a[4], b[4]) + _slope_sums(a[5], b[5])
    store_floats(slopes, target, apart, points + others)


@inner_kernel
def points_to_kernel(products, place, apart, gradient, target, stride):
    """The gradients of the 25 weights for 16 filters."""
    a = _weights(load_floats(6, products, place, 6 * apart))
    b = _weights(load_floats(6, products, place + apart, 6 * apart))
    c = _weights(load_floats(6, products, place + 2 * apart, 6 * apart))
    d = _weights(load_floats(6, products, place + 3 * apart, 6 * apart))
    e = _weights(load_floats(6, products, place + 4 * apart, 6 * apart))
    f = _weights(load_floats(6, products, place + 5 * apart, 6 * apart))
    store_floats(gradient, target, stride, _weights((a[0], b[0], c[0], d[0], e[0], f[0])))
    store_floats(gradient, target + 5 * stride, stride, _weights((a[1], b[1], c[1], d[1], e[1], f[1])))
    store_floats(gradient, target + 10 * stride, stride, _weights((a[2], b[2], c[2], d[2], e[2], f[2])))
    store_floats(gradient, target + 15 * stride, stride, _weights((a[3], b[3], c[3], d[3], e[3], f[3])))
    store_floats(gradient, target + 20 * stride, stride, _weights((a[4], b[4], c[4], d[4], e[4], f[4])))
