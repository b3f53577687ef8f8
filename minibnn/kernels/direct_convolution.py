"""Convolution of floats without a matrix of columns, and the gradient of its kernel (AVX-512).

`im2col` copies each pixel as often as the kernel is large. Here the sums of a few pixels and 32 filters stay in
registers while the kernel passes by, and each pixel is read where it lies. A product of matrices is the case of a 1 x 1
kernel, so the same loops serve fully connected layers.
"""

from numba import prange

from minibnn.kernels.jit import inner_kernel, kernel, parallel_kernel
from minibnn.kernels.simd import add_floats, load_floats, multiply_add, zeros

PIXELS = 512  # whose sums are added up in registers: short sums round less than long ones, and the cache holds them


def _gradient_tile(channels, blocks):
    """A kernel for the gradients of so many channels and blocks of 16 filters at once, at one place of the kernel."""
    count = channels * blocks

    @inner_kernel
    def tile(x, g, gradient, first_image, last_image, first_row, last_row, ky, kx, channel, filter_):
        """Add the sum of x times g over these images and rows to gradient[ky, kx, channel : ..., filter_ : ...]."""
        _, height, width, num_channels = x.shape
        kernel_height, kernel_width, _, num_filters = gradient.shape
        dy, dx = ky - (kernel_height - 1) // 2, kx - (kernel_width - 1) // 2
        first, last = max(0, -dx), min(width, width - dx)  # pixels whose neighbour lies in the image
        sums = zeros(count)
        for image in range(first_image, last_image):
            for row in range(max(first_row, -dy), min(last_row, height - dy)):
                source = ((image * height + row + dy) * width + dx) * num_channels + channel
                slope = (image * height + row) * width * num_filters + filter_
                for pixel in range(first, last):
                    slopes = load_floats(blocks, g, slope + pixel * num_filters, 16)
                    sums = multiply_add(sums, x, source + pixel * num_channels, 1, slopes)
        place = ((ky * kernel_width + kx) * num_channels + channel) * num_filters + filter_
        add_floats(gradient, place, num_filters, blocks, sums)

    return tile


_gradient_8x2, _gradient_1x2, _gradient_8x1, _gradient_1x1 = (
    _gradient_tile(channels, blocks) for blocks in (2, 1) for channels in (8, 1)
)


@inner_kernel
def _gradient_part(x, g, gradient, first, last):
    """The tiles `first` to `last` of the gradient; one has 8 channels (or 1 of the rest) and 32 filters (or 16)."""
    images, height, width, channels = x.shape
    kernel_height, kernel_width, _, filters = gradient.shape
    tiles = channels // 8 + channels % 8
    rows = max(1, min(height, PIXELS // width))
    together = max(1, PIXELS // (height * width))  # images
    for image in range(0, images, together):
        for row in range(0, height, rows):
            for task in range(first, last):
                tile, place = task % tiles, task // tiles
                ky, kx = place // kernel_width % kernel_height, place % kernel_width
                filter_ = place // (kernel_width * kernel_height) * 32
                channel = tile * 8 if tile < channels // 8 else channels // 8 * 8 + tile - channels // 8
                area = (image, min(image + together, images), row, min(row + rows, height), ky, kx, channel, filter_)
                if filters - filter_ >= 32:
                    if tile < channels // 8:
                        _gradient_8x2(x, g, gradient, *area)
                    else:
                        _gradient_1x2(x, g, gradient, *area)
                elif tile < channels // 8:
                    _gradient_8x1(x, g, gradient, *area)
                else:
                    _gradient_1x1(x, g, gradient, *area)


@parallel_kernel
def _gradient_shared(x, g, gradient, tasks, parts):
    for part in prange(parts):
        _gradient_part(x, g, gradient, tasks * part // parts, tasks * (part + 1) // parts)


@kernel
def kernel_gradient(x, g, gradient, parts):
    """gradient[ky, kx, c, f] = sum over images and pixels of x[b, y + ky - top, x + kx - left, c] g[b, y, x, f].

    `x`: (B, H, W, C), float32. `g`: (B, H, W, F), float32, F a multiple of 16. `gradient`: (kH, kW, C, F), float32,
    written. All C-contiguous. `parts`: among how many threads the gradient is cut up; the sums do not depend on it.
    """
    gradient[...] = 0
    channels, filters = x.shape[3], gradient.shape[3]
    tasks = (channels // 8 + channels % 8) * gradient.shape[0] * gradient.shape[1] * ((filters + 31) // 32)
    if parts == 1:
        _gradient_part(x, g, gradient, 0, tasks)
    else:
        _gradient_shared(x, g, gradient, tasks, parts)


def _tile(pixels, blocks):
    """A kernel for so many pixels of a row and blocks of 16 filters at once."""
    count = pixels * blocks

    @inner_kernel
    def tile(x, start, stride, kernel, first, last, y, place):
        """y at `place` += the inputs from x[start] on, for pixels `stride` apart, times kernel[first : last]."""
        sums = zeros(count)
        for i in range(first, last):
            sums = multiply_add(sums, x, start + i - first, stride, load_floats(blocks, kernel, i * blocks * 16, 16))
        add_floats(y, place, y.shape[3], blocks, sums)

    return tile


_tile_8x2, _tile_4x2, _tile_1x2, _tile_8x1, _tile_4x1, _tile_1x1 = (
    _tile(pixels, blocks) for blocks in (2, 1) for pixels in (8, 4, 1)
)


@inner_kernel
def _convolve_pixels(pixels, padded, start, kernel, first, last, y, place):
    """The tile for so many pixels."""
    channels = padded.shape[3]
    if kernel.shape[1] == 32:
        if pixels == 8:
            _tile_8x2(padded, start, channels, kernel, first, last, y, place)
        elif pixels == 4:
            _tile_4x2(padded, start, channels, kernel, first, last, y, place)
        else:
            _tile_1x2(padded, start, channels, kernel, first, last, y, place)
    elif pixels == 8:
        _tile_8x1(padded, start, channels, kernel, first, last, y, place)
    elif pixels == 4:
        _tile_4x1(padded, start, channels, kernel, first, last, y, place)
    else:
        _tile_1x1(padded, start, channels, kernel, first, last, y, place)


@inner_kernel
def convolve_rows(padded, kernel, filter_, kernel_height, kernel_width, y, first, last):
    """y[..., filter_ : filter_ + 32 or 16] of the rows `first` to `last`, counted through all images.

    `kernel`: (inputs, 32 or 16), in the order of (kH, kW, C).
    """
    _, height, width, filters = y.shape
    channels = padded.shape[3]
    run = kernel_width * channels  # in NHWC, one row of a patch is one contiguous run
    for place in range(first, last):
        image, row = place // height, place % height
        pixel = 0
        while pixel < width:
            pixels = 8 if width - pixel >= 8 else 4 if width - pixel >= 4 else 1
            for ky in range(kernel_height):
                start = ((image * padded.shape[1] + row + ky) * padded.shape[2] + pixel) * channels
                target = (place * width + pixel) * filters + filter_
                _convolve_pixels(pixels, padded, start, kernel, ky * run, (ky + 1) * run, y, target)
            pixel += pixels


@kernel
def _convolve_part(padded, flat, kernel_height, kernel_width, y, first, last):
    """The rows `first` to `last` of y. `flat`: the kernel as (inputs, F)."""
    for filter_ in range(0, flat.shape[1], 32):
        panel = flat[:, filter_ : filter_ + 32].copy()
        convolve_rows(padded, panel, filter_, kernel_height, kernel_width, y, first, last)


@parallel_kernel
def _convolve_shared(padded, flat, kernel_height, kernel_width, y, parts):
    rows = y.shape[0] * y.shape[1]
    for part in prange(parts):
        first, last = rows * part // parts, rows * (part + 1) // parts
        _convolve_part(padded, flat, kernel_height, kernel_width, y, first, last)


@kernel
def convolve_floats(padded, kernel, y, parts):
    """y = the images convolved with a kernel of floats, stride 1.

    `padded`: (B, H + kH - 1, W + kW - 1, C), float32, the images with their zeros around. `kernel`: (kH, kW, C, F), F a
    multiple of 16. `y`: (B, H, W, F), written. All float32 and C-contiguous. `parts`: among how many threads the rows
    are shared; the sums do not depend on it.
    """
    kernel_height, kernel_width, channels, filters = kernel.shape
    flat = kernel.reshape(kernel_height * kernel_width * channels, filters)
    y[...] = 0
    if parts == 1:
        _convolve_part(padded, flat, kernel_height, kernel_width, y, 0, y.shape[0] * y.shape[1])
    else:
        _convolve_shared(padded, flat, kernel_height, kernel_width, y, parts)
