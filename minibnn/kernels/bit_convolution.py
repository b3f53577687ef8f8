"""Convolution of float images with a kernel of bits: the tables of a pixel serve all patches that it lies in (AVX-512).

As in `look_up_products`, four inputs have sixteen sums. In an image the inputs are four channels of a pixel, and with a
3 x 3 kernel a pixel belongs to nine patches, so its tables are made once and used nine times, for all filters. They are
kept for as many rows of the image as the kernel is high, in a ring: a new row takes the place of the oldest.

`bits[block, word, lane]`: see `bit_products`; the inputs of one row of the kernel begin a new word, and each pixel's
channels are filled up to a multiple of four, see `padded_inputs`.
"""

import numpy as np
from numba import prange

from minibnn.kernels.jit import ordered_kernel, parallel_kernel
from minibnn.kernels.simd import add_floats, load_words, look_up_and_add, shift_right, store_table, subset_sums, zeros


def padded_inputs(kernel_width, channels):
    """How many inputs one row of the kernel takes in `bits`, filled up, and how many of them each pixel takes."""
    per_pixel = -(-channels // 4) * 4
    return -(-kernel_width * per_pixel // 32) * 32, per_pixel


def _tile(pixels, blocks):
    """A kernel for so many pixels of a row and blocks of filters at once."""
    count = pixels * blocks

    @ordered_kernel
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


@ordered_kernel
def _fill_row(x, image, row, left, tables, start, places):
    """The tables of `places` pixels of a row, `left` of them zeros before the image, from tables[start] on."""
    height, width, channels = x.shape[1:]
    groups, zero = (channels + 3) // 4, np.float32(0)
    empty = subset_sums(zero, zero, zero, zero)
    for place in range(places):
        pixel = place - left
        inside = 0 <= row < height and 0 <= pixel < width
        for group in range(groups):
            sums = empty
            if inside:
                c = 4 * group
                a = x[image, row, pixel, c]
                b = x[image, row, pixel, c + 1] if c + 1 < channels else zero
                d = x[image, row, pixel, c + 2] if c + 2 < channels else zero
                e = x[image, row, pixel, c + 3] if c + 3 < channels else zero
                sums = subset_sums(a, b, d, e)
            store_table(tables, start + (place * groups + group) * 16, sums)


@ordered_kernel
def _convolve_row(tables, starts, bits, y, image, row, groups):
    """y[image, row] += all rows of the kernel; the tables of kernel row i begin at tables[starts[i]]."""
    width, filters = y.shape[2:]
    blocks, words = bits.shape[0], bits.shape[1] // starts.size
    one = np.float32(bits.shape[2] // 16)  # always 1: see `look_up_and_add`
    block = 0
    while block < blocks:
        step = 4 if blocks - block >= 4 else 2 if blocks - block >= 2 else 1
        for pixel in range(0, width - width % 4, 4):
            place = ((image * y.shape[1] + row) * width + pixel) * filters + block * 16
            for i in range(starts.size):
                table = starts[i] + pixel * groups * 16
                if step == 4:
                    _tile_4x4(tables, table, groups * 16, bits, block, i * words, (i + 1) * words, y, place, one)
                elif step == 2:
                    _tile_4x2(tables, table, groups * 16, bits, block, i * words, (i + 1) * words, y, place, one)
                else:
                    _tile_4x1(tables, table, groups * 16, bits, block, i * words, (i + 1) * words, y, place, one)
        for pixel in range(width - width % 4, width):
            place = ((image * y.shape[1] + row) * width + pixel) * filters + block * 16
            for i in range(starts.size):
                table = starts[i] + pixel * groups * 16
                if step == 4:
                    _tile_1x4(tables, table, groups * 16, bits, block, i * words, (i + 1) * words, y, place, one)
                elif step == 2:
                    _tile_1x2(tables, table, groups * 16, bits, block, i * words, (i + 1) * words, y, place, one)
                else:
                    _tile_1x1(tables, table, groups * 16, bits, block, i * words, (i + 1) * words, y, place, one)
        block += step


@ordered_kernel
def _convolve_part(x, bits, kernel_height, kernel_width, y, first, last):
    """The rows `first` to `last` of y, counted through all images."""
    height, width, channels = x.shape[1:]
    groups = (channels + 3) // 4
    row_size = (width + kernel_width - 1) * groups * 16
    tables = np.zeros(kernel_height * row_size + 128 + 16, np.float32)  # a word may reach 128 numbers beyond its row
    tables = tables[(-tables.ctypes.data // 4) % 16 :]
    starts = np.empty(kernel_height, np.intp)
    top, left = (kernel_height - 1) // 2, (kernel_width - 1) // 2
    for place in range(first, last):
        image, row = place // height, place % height
        y[image, row] = 0
        known = kernel_height - 1 if row > 0 and place > first else 0  # rows of the ring that are still right
        for i in range(kernel_height):
            starts[i] = (row + i) % kernel_height * row_size
            if i >= known:
                _fill_row(x, image, row + i - top, left, tables, starts[i], width + kernel_width - 1)
        _convolve_row(tables, starts, bits, y, image, row, groups)


@parallel_kernel
def _convolve_shared(x, bits, kernel_height, kernel_width, y, parts):
    rows = y.shape[0] * y.shape[1]
    for part in prange(parts):
        _convolve_part(x, bits, kernel_height, kernel_width, y, rows * part // parts, rows * (part + 1) // parts)


@ordered_kernel
def convolve(x, bits, kernel_height, kernel_width, y, parts):
    """y = x convolved with bits: stride 1, padding 'same' (see `conv2d`), each sum in the same order for any `parts`.

    `x`: (B, H, W, C), float32. `bits`: (blocks, words, 16), uint32; the memory goes on for 3 bytes behind its end. `y`:
    (B, H, W, 16 blocks), float32, written. All C-contiguous. `parts`: among how many threads the rows are shared.
    """
    if parts == 1:
        _convolve_part(x, bits, kernel_height, kernel_width, y, 0, y.shape[0] * y.shape[1])
    else:
        _convolve_shared(x, bits, kernel_height, kernel_width, y, parts)
