"""Convolution of float images with a kernel of bits: the tables of a pixel serve all patches that it lies in (AVX-512).

As in `look_up_products`, four inputs have sixteen sums. In an image the inputs are four channels of a pixel, and with a
3 x 3 kernel a pixel belongs to nine patches, so its tables are made once and used nine times, for all filters: those of
one row of the image at a time, which the cache can hold, for all rows of the result that it lies next to.

`bits[block, word, lane]`: see `bit_products`; the inputs of one row of the kernel begin a new word, and each pixel's
channels are filled up to a multiple of four, see `padded_inputs`.
"""

import numpy as np
from numba import prange

from minibnn.kernels.jit import inner_kernel, kernel, parallel_kernel
from minibnn.kernels.simd import (
    add_floats,
    load_words,
    look_up_and_add,
    shift_right,
    store_table,
    subset_sums,
    subset_sums_at,
    zeros,
)


def padded_inputs(kernel_width, channels):
    """How many inputs one row of the kernel takes in `bits`, filled up, and how many of them each pixel takes."""
    per_pixel = -(-channels // 4) * 4
    return -(-kernel_width * per_pixel // 32) * 32, per_pixel


def _tile(pixels, blocks):
    """A kernel for so many pixels of a row and blocks of filters at once."""
    count = pixels * blocks

    @inner_kernel
    def tile(tables, start, stride, bits, block, first_word, last_word, y, place, one):
        """y at `place` += the words of one row of the kernel, for pixels whose tables are `stride` apart."""
        words, width = bits.shape[1], y.shape[3]
        sums = zeros(count)
        for word in range(first_word, last_word):
            table = start + (word - first_word) * 128
            for byte in range(4):
                indices = load_words(blocks, bits, (block * words + word) * 16, words * 16, byte)
                sums = look_up_and_add(sums, tables, table + byte * 32, stride, indices, one)
                sums = look_up_and_add(sums, tables, table + byte * 32 + 16, stride, shift_right(indices, 4), one)
        add_floats(y, place, width, blocks, sums)

    return tile


_tile_4x4, _tile_4x2, _tile_4x1, _tile_1x4, _tile_1x2, _tile_1x1 = (
    _tile(pixels, blocks) for pixels in (4, 1) for blocks in (4, 2, 1)
)
_tile_8x2, _tile_8x1 = _tile(8, 2), _tile(8, 1)  # few filters: more pixels keep the additions from waiting


@inner_kernel
def _fill_row(x, image, row, left, tables, places):
    """The tables of a row of an image, with `left` pixels of zeros before it, `places` pixels in all."""
    width, channels = x.shape[2:]
    groups, zero = (channels + 3) // 4, np.float32(0)
    empty = subset_sums(zero, zero, zero, zero)
    for place in range(places):
        pixel = place - left
        if not 0 <= pixel < width:
            for group in range(groups):
                store_table(tables, (place * groups + group) * 16, empty)
            continue
        source = ((image * x.shape[1] + row) * width + pixel) * channels
        for group in range(channels // 4):
            store_table(tables, (place * groups + group) * 16, subset_sums_at(x, source + 4 * group))
        if channels % 4:
            c = channels // 4 * 4
            second = x[image, row, pixel, c + 1] if c + 1 < channels else zero
            third = x[image, row, pixel, c + 2] if c + 2 < channels else zero
            sums = subset_sums(x[image, row, pixel, c], second, third, zero)
            store_table(tables, (place * groups + groups - 1) * 16, sums)


@inner_kernel
def _add_tile(pixels, blocks, tables, start, stride, bits, block, first_word, last_word, y, place, one):
    """The tile for so many pixels and blocks."""
    if blocks == 4:
        if pixels == 4:
            _tile_4x4(tables, start, stride, bits, block, first_word, last_word, y, place, one)
        else:
            _tile_1x4(tables, start, stride, bits, block, first_word, last_word, y, place, one)
    elif blocks == 2:
        if pixels == 8:
            _tile_8x2(tables, start, stride, bits, block, first_word, last_word, y, place, one)
        elif pixels == 4:
            _tile_4x2(tables, start, stride, bits, block, first_word, last_word, y, place, one)
        else:
            _tile_1x2(tables, start, stride, bits, block, first_word, last_word, y, place, one)
    elif pixels == 8:
        _tile_8x1(tables, start, stride, bits, block, first_word, last_word, y, place, one)
    elif pixels == 4:
        _tile_4x1(tables, start, stride, bits, block, first_word, last_word, y, place, one)
    else:
        _tile_1x1(tables, start, stride, bits, block, first_word, last_word, y, place, one)


@inner_kernel
def _add_kernel_row(tables, bits, first_word, words, y, image, row, groups):
    """y[image, row] += one row of the kernel, which begins at `first_word`, over the row that has these tables."""
    width, filters = y.shape[2:]
    one = np.float32(bits.shape[2] // 16)  # always 1: see `look_up_and_add`
    block = 0
    while block < bits.shape[0]:
        rest = bits.shape[0] - block
        step = 4 if rest >= 4 else 2 if rest >= 2 else 1
        most, pixel, last = 4 if step == 4 else 8, 0, first_word + words
        while pixel < width:
            pixels = most if width - pixel >= most else 4 if width - pixel >= 4 else 1
            place = ((image * y.shape[1] + row) * width + pixel) * filters + block * 16
            start = pixel * groups * 16
            _add_tile(pixels, step, tables, start, groups * 16, bits, block, first_word, last, y, place, one)
            pixel += pixels
        block += step


@inner_kernel
def _convolve_image(x, bits, kernel_height, kernel_width, y, image, first, last, tables):
    """y[image, first:last]."""
    height, groups, words = x.shape[1], (x.shape[3] + 3) // 4, bits.shape[1] // kernel_height
    top, left = (kernel_height - 1) // 2, (kernel_width - 1) // 2
    y[image, first:last] = 0
    for row in range(max(0, first - top), min(height, last + kernel_height - 1 - top)):
        _fill_row(x, image, row, left, tables, x.shape[2] + kernel_width - 1)
        for ky in range(kernel_height):
            target = row + top - ky
            if first <= target < last:
                _add_kernel_row(tables, bits, ky * words, words, y, image, target, groups)


@kernel
def _convolve_part(x, bits, kernel_height, kernel_width, y, first, last):
    """The rows `first` to `last` of y, counted through all images."""
    height, width, channels = x.shape[1:]
    row_size = (width + kernel_width - 1) * ((channels + 3) // 4) * 16
    tables = np.zeros(row_size + 128 + 16, np.float32)  # a word may reach 128 numbers beyond the row
    tables = tables[(-tables.ctypes.data // 4) % 16 :]
    for image in range(first // height, (last + height - 1) // height):
        begin, end = max(first - image * height, 0), min(last - image * height, height)
        _convolve_image(x, bits, kernel_height, kernel_width, y, image, begin, end, tables)


@parallel_kernel
def _convolve_shared(x, bits, kernel_height, kernel_width, y, parts):
    rows = y.shape[0] * y.shape[1]
    for part in prange(parts):
        _convolve_part(x, bits, kernel_height, kernel_width, y, rows * part // parts, rows * (part + 1) // parts)


@kernel
def convolve(x, bits, kernel_height, kernel_width, y, parts):
    """y = x convolved with bits: stride 1, padding 'same' (see `conv2d`), each sum in the same order for any `parts`.

    `x`: (B, H, W, C), float32. `bits`: (blocks, words, 16), uint32; the memory goes on for 3 bytes behind its end. `y`:
    (B, H, W, 16 blocks), float32, written. All C-contiguous. `parts`: among how many threads the rows are shared.
    """
    if parts == 1:
        _convolve_part(x, bits, kernel_height, kernel_width, y, 0, y.shape[0] * y.shape[1])
    else:
        _convolve_shared(x, bits, kernel_height, kernel_width, y, parts)
