"""Rounded numbers times bits, in integers: sixty-four sums of four, looked up at a time (AVX-512).

Each row of x is divided by its largest absolute value and rounded to integers of a few bits; the paper announces such
activations of 8 and 16 bits as future work (section 5). From there on everything is exact: integer sums of integers.
The sum of four b-bit integers has b + 2 bits. It is cut into *planes* of 8 bits: one plane for b up to 6, two up to 14,
three up to 16. Sixteen such sums of one plane are 16 bytes, so one register holds the tables of four groups of inputs.

`bits[block, word, lane]`: see `bit_products`.
"""

import numpy as np
from numba import prange

from minibnn.kernels import masked_products
from minibnn.kernels.jit import inner_kernel, kernel, parallel_kernel
from minibnn.kernels.simd import has_avx512, load_words, shift_right, subset_sums, zero_words
from minibnn.kernels.simd_bytes import byte_indices, look_up_bytes_and_add, store_bytes, store_scaled

FEATURES = ("avx512f", "avx512bw", "avx512vbmi", "avx512vnni")
SMALLEST = np.float32(1e-30)  # below it, 32767 / number is beyond the range of float32, or near it


def multiply(x, bits, y, activation_bits, row_parts, column_parts):
    """y = x, rounded to integers of `activation_bits` bits (2 to 16) row by row, times bits, times each row's scale.

    As `look_up_products.multiply`. Without the processor's byte tables the rounded numbers are multiplied as floats of
    64 bits, in which they and their sums are exact as well.
    """
    largest = 2 ** (activation_bits - 1) - 1
    if has_avx512(*FEATURES) and bits.shape[2] == 16:
        planes = (activation_bits + 2 + 7) // 8
        if row_parts * column_parts == 1:
            _multiply_part(x, bits, y, largest, planes, 0, x.shape[0], 0, bits.shape[0])
        else:
            _multiply_shared(x, bits, y, largest, planes, row_parts, column_parts)
        return
    rounded, scales = np.empty(x.shape, np.float64), np.empty((len(x), 1), np.float32)
    for row in range(len(x)):
        scales[row] = _round_row(x, row, largest, rounded[row])
    sums = np.empty(y.shape, np.float64)
    if len(x) > masked_products.FEW_ROWS:
        masked_products.multiply_many(rounded, bits, sums)
    else:
        masked_products.multiply(rounded, bits, sums, row_parts, column_parts)
    np.multiply(sums, scales, out=y, casting="same_kind")


@kernel
def _round_row(x, row, largest, rounded):
    """rounded = x[row] as integers from -largest to largest, then zeros; returns what one of them stands for.

    A row of nothing but numbers below SMALLEST counts as zeros. One with a nan or an infinity becomes nan.
    """
    numbers = x[row].astype(np.float32)
    absmax = _absmax(numbers)
    rounded[:] = 0
    if not absmax < np.float32(np.inf):
        return np.float32(np.nan)
    if absmax < SMALLEST:
        return np.float32(0)
    factor = np.float32(largest) / absmax  # not reordered to x * largest / absmax, which overflows
    for i in range(numbers.size):
        rounded[i] = np.rint(numbers[i] * factor)
    return absmax / np.float32(largest)


@kernel
def _absmax(numbers):
    """The largest absolute value of float32 (n,); infinity or nan if one is.

    Without their sign, floats are in the order of the integers that their bits spell, nan beyond infinity: and the
    largest of integers is found by vectors.
    """
    spelled, largest = numbers.view(np.int32), np.zeros(1, np.int32)
    for i in range(spelled.size):
        largest[0] = max(largest[0], spelled[i] & np.int32(0x7FFFFFFF))
    return largest.view(np.float32)[0]


def _tile(rows, blocks, planes):
    """A kernel for so many rows and blocks of outputs at once."""
    count, table_size = rows * blocks * planes, rows * planes * 64

    @inner_kernel
    def tile(tables, scales, bits, y, row, first, last):
        """y[row : row + rows, 16 first : 16 last] = the rounded rows (`_fill_tables`) times these blocks, scaled."""
        words, width = bits.shape[1], y.shape[1]
        for block in range(first, last, blocks):
            sums = zero_words(count)
            for word in range(words):
                table = word * 2 * table_size
                indices = load_words(blocks, bits, (block * words + word) * 16, words * 16, 0)
                sums = look_up_bytes_and_add(sums, tables, table, planes, byte_indices(indices))
                indices = byte_indices(shift_right(indices, 4))
                sums = look_up_bytes_and_add(sums, tables, table + table_size, planes, indices)
            store_scaled(y, row * width + block * 16, scales, 0, width, blocks, planes, sums)

    return tile


_four_rows_1, _four_rows_2, _four_rows_3 = (_tile(4, 2, planes) for planes in (1, 2, 3))
_one_row_1, _one_row_2, _one_row_3 = (_tile(1, 4, planes) for planes in (1, 2, 3))


@inner_kernel
def _fill_tables(rounded, row, rows, planes, tables):
    """The sixteen sums of every four integers, cut into planes: tables[word, half of its bytes, row, plane, 64]."""
    for word in range(rounded.size // 32):
        for half in range(2):
            table = ((word * 2 + half) * rows + row) * planes * 64
            for byte in range(4):
                i = word * 32 + byte * 8 + half * 4
                sums = subset_sums(rounded[i], rounded[i + 1], rounded[i + 2], rounded[i + 3])
                for plane in range(planes):
                    store_bytes(tables, table + plane * 64 + byte * 16, sums, plane * 8)


@kernel
def _multiply_tables(tables, scales, bits, y, row, rows, planes, first, last):
    """y[row : row + rows, 16 first : 16 last] = the rounded rows (`_fill_tables`) times these blocks, scaled."""
    if rows == 4:
        if planes == 1:
            _four_rows_1(tables, scales, bits, y, row, first, last)
        elif planes == 2:
            _four_rows_2(tables, scales, bits, y, row, first, last)
        else:
            _four_rows_3(tables, scales, bits, y, row, first, last)
    elif planes == 1:
        _one_row_1(tables, scales, bits, y, row, first, last)
    elif planes == 2:
        _one_row_2(tables, scales, bits, y, row, first, last)
    else:
        _one_row_3(tables, scales, bits, y, row, first, last)


@kernel
def _multiply_part(x, bits, y, largest, planes, first_row, last_row, first, last):
    """y[first_row : last_row, 16 first : 16 last] = these rows of x, rounded, times these blocks of bits."""
    words = bits.shape[1]
    tables = np.empty(words * 2 * min(4, last_row - first_row) * planes * 64 + 64, np.uint8)
    tables = tables[-tables.ctypes.data % 64 :]  # no table shall lie across two cache lines
    rounded, scales = np.empty(words * 32, np.int32), np.empty(4, np.float32)
    row = first_row
    while row < last_row:
        rows = 4 if last_row - row >= 4 else 1
        for r in range(rows):
            scales[r] = _round_row(x, row + r, largest, rounded)
            _fill_tables(rounded, r, rows, planes, tables)
        _multiply_tables(tables, scales, bits, y, row, rows, planes, first, last)
        row += rows


@parallel_kernel
def _multiply_shared(x, bits, y, largest, planes, row_parts, column_parts):
    fours, quads = (x.shape[0] + 3) // 4, bits.shape[0] // 4
    for part in prange(row_parts * column_parts):
        r, c = part // column_parts, part % column_parts
        first_row, last_row = fours * r // row_parts * 4, min(fours * (r + 1) // row_parts * 4, x.shape[0])
        first, last = quads * c // column_parts * 4, quads * (c + 1) // column_parts * 4
        _multiply_part(x, bits, y, largest, planes, first_row, last_row, first, last)
