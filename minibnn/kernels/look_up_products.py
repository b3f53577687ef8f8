"""Numbers times bits, exact in float32: sixteen sums at a time, looked up in a register (AVX-512).

A row x times a column of bits is the sum of those x whose bit is 1. Take four inputs: whatever the bits, their part of
that sum is one of only 2^4 = 16 sums. So compute the sixteen once (`subset_sums`); they fill one register. Four bits of
an output say which of the sixteen it needs, and one instruction picks one for each of sixteen outputs. Look up, add,
move on to the next four inputs: 64 multiplications and additions in two instructions, without a multiplication.

`bits[block, word, lane]`: see `bit_products`; 16 lanes, so that one register holds 32 inputs' bits of 16 outputs.
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

LANES = 16
ALONE = 3 << 19  # multiplications that one thread does faster than it can wake another
BLOCKS = 4  # outputs come in multiples of 4 blocks
CHUNK = 16  # words, 512 inputs: their tables stay in the cache, and short sums round less than long ones


def _tile(rows, blocks):
    """A kernel for so many rows and blocks of outputs at once: their sums stay in rows * blocks registers."""
    count = rows * blocks

    @inner_kernel
    def tile(tables, bits, first_word, last_word, y, row, first, last, one):
        """y[row : row + rows, 16 first : 16 last] += the inputs of these words (`_fill_tables`) times their bits."""
        words, width = bits.shape[1], y.shape[1]
        for block in range(first, last, blocks):
            sums = zeros(count)
            for word in range(first_word, last_word):
                table = (word - first_word) * 8 * rows * 16
                for byte in range(4):  # four bits of the output choose one of the sixteen sums, then the next four
                    indices = load_words(blocks, bits, (block * words + word) * 16, words * 16, byte)
                    sums = look_up_and_add(sums, tables, table, 16, indices, one)
                    sums = look_up_and_add(sums, tables, table + rows * 16, 16, shift_right(indices, 4), one)
                    table += 2 * rows * 16
            add_floats(y, row * width + block * 16, width, blocks, sums)

    return tile


_four_rows, _one_row, _one_row_wide = _tile(4, 4), _tile(1, 4), _tile(1, 8)


@inner_kernel
def _fill_tables(x, row, rows, first_word, last_word, tables):
    """The sixteen sums of every four inputs of these words, for each row: tables[four, row, 16], as one run.

    Inputs beyond the end of x are zeros.
    """
    n_in, zero = x.shape[1], np.float32(0)
    for r in range(rows):
        for group in range((last_word - first_word) * 8):
            i = first_word * 32 + group * 4
            if i + 4 <= n_in:
                sums = subset_sums_at(x, (row + r) * n_in + i)
            else:
                a = x[row + r, i] if i < n_in else zero
                b = x[row + r, i + 1] if i + 1 < n_in else zero
                c = x[row + r, i + 2] if i + 2 < n_in else zero
                sums = subset_sums(a, b, c, zero)
            store_table(tables, (group * rows + r) * 16, sums)


@kernel
def _multiply_part(x, bits, y, first_row, last_row, first, last):
    """y[first_row : last_row, 16 first : 16 last] = these rows of x times these blocks of bits."""
    words = bits.shape[1]
    one = np.float32(bits.shape[2] // LANES)  # always 1, but the compiler must not know it: see `look_up_and_add`
    tables = np.empty(min(words, CHUNK) * 8 * min(4, last_row - first_row) * 16 + 16, np.float32)
    tables = tables[(-tables.ctypes.data // 4) % 16 :]  # no table shall lie across two cache lines
    y[first_row:last_row, 16 * first : 16 * last] = 0
    for first_word in range(0, words, CHUNK):
        last_word = min(first_word + CHUNK, words)
        row = first_row
        while row < last_row:
            rows = 4 if last_row - row >= 4 else 1
            _fill_tables(x, row, rows, first_word, last_word, tables)
            if rows == 4:
                _four_rows(tables, bits, first_word, last_word, y, row, first, last, one)
            else:
                wide = first + (last - first) // 8 * 8
                _one_row_wide(tables, bits, first_word, last_word, y, row, first, wide, one)
                _one_row(tables, bits, first_word, last_word, y, row, wide, last, one)
            row += rows


@parallel_kernel
def _multiply_shared(x, bits, y, row_parts, column_parts):
    """y = x times bits, cut into row_parts * column_parts parts, which all threads share."""
    fours, quads = (x.shape[0] + 3) // 4, bits.shape[0] // BLOCKS
    for part in prange(row_parts * column_parts):
        r, c = part // column_parts, part % column_parts
        first_row, last_row = fours * r // row_parts * 4, min(fours * (r + 1) // row_parts * 4, x.shape[0])
        first, last = quads * c // column_parts * BLOCKS, quads * (c + 1) // column_parts * BLOCKS
        _multiply_part(x, bits, y, first_row, last_row, first, last)


@kernel
def multiply(x, bits, y, row_parts, column_parts):
    """y = x times bits, each sum in the same order however it is cut into parts.

    `x`: (rows, n_in), float32. `bits`: (blocks, words, 16), uint32, blocks a multiple of 4. `y`: (rows, 16 blocks),
    float32, written. All C-contiguous, and the memory of `bits` goes on for 3 bytes behind its end. `row_parts`,
    `column_parts`: how the work is shared among threads.
    """
    if row_parts * column_parts == 1:
        _multiply_part(x, bits, y, 0, x.shape[0], 0, bits.shape[0])
    else:
        _multiply_shared(x, bits, y, row_parts, column_parts)


@kernel
def multiply_alone(x, bits, y):
    """`multiply` by one thread; a small product is over sooner than Python has looked at two more arguments."""
    _multiply_part(x, bits, y, 0, x.shape[0], 0, bits.shape[0])
