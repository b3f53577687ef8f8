"""Numbers times bits without intrinsics, for every processor: each bit becomes 0.0 or 1.0 on its way to a product.

`bits[block, word, lane]`: see `bit_products`; 256 lanes, so that the inner loop is long enough for the compiler to use
whatever vectors the processor has. Every operand is wrapped in np.uint32, or Numba would compute with 64 bits.
"""

import numpy as np
from numba import prange

from minibnn.kernels.jit import kernel, ordered_kernel, parallel_kernel

LANES = 256
BLOCKS = 1
FEW_ROWS = 8  # more are faster as bits unpacked to floats, a panel at a time, and multiplied by BLAS
PANEL_OUTPUTS = 1024
CHUNK = 16  # words, 512 inputs: short sums round less than long ones

u32 = np.uint32


@ordered_kernel
def _number(word, bit):
    """Bit number `bit` of a word as 0.0 or 1.0."""
    return np.float32(np.int32(u32(u32(word >> u32(bit)) & u32(1))))


@kernel
def _multiply_blocks(x, bits, y, first, last):
    """y[:, lanes * first : lanes * last] = x times these blocks."""
    _, words, lanes = bits.shape
    four, part = np.zeros(4, x.dtype), np.zeros(lanes, x.dtype)
    for row in range(x.shape[0]):
        for block in range(first, last):
            sums = y[row, block * lanes : (block + 1) * lanes]
            sums[:] = 0
            for first_word in range(0, words, CHUNK):
                part[:] = 0
                for i in range(32 * first_word, 32 * min(first_word + CHUNK, words), 4):
                    four[:] = 0
                    for k in range(min(4, x.shape[1] - i)):
                        four[k] = x[row, i + k]
                    a, b, c, d = four[0], four[1], four[2], four[3]
                    column, shift = bits[block, i // 32], u32(i % 32)
                    for n in range(lanes):
                        word = u32(column[n] >> shift)
                        part[n] += (a * _number(word, 0) + b * _number(word, 1)) + (
                            c * _number(word, 2) + d * _number(word, 3)
                        )
                for n in range(lanes):
                    sums[n] += part[n]


@ordered_kernel
def _unpack_words(bits, first, panel, first_word, last_word):
    """panel[input, output] = the bits of the inputs of these words and of the outputs of these blocks, as floats."""
    lanes, blocks = bits.shape[2], panel.shape[1] // bits.shape[2]
    for word in range(first_word, last_word):
        for block in range(blocks):
            column = bits[first + block, word]
            for bit in range(min(32, panel.shape[0] - 32 * word)):
                row = panel[32 * word + bit, block * lanes : (block + 1) * lanes]
                for n in range(lanes):
                    row[n] = _number(column[n], bit)


@parallel_kernel
def _unpack_shared(bits, first, panel, parts):
    words = bits.shape[1]
    for part in prange(parts):
        _unpack_words(bits, first, panel, words * part // parts, words * (part + 1) // parts)


def multiply_many(x, bits, y, parts):
    """y = x times bits by BLAS, for many rows: the bits are unpacked to floats, a panel of outputs at a time.

    `parts`: among how many threads the unpacking is shared.
    """
    blocks, words, lanes = bits.shape
    panel = np.empty((x.shape[1], min(PANEL_OUTPUTS // lanes, blocks) * lanes), x.dtype)
    for first in range(0, blocks, panel.shape[1] // lanes):
        part = panel[:, : (blocks - first) * lanes]
        if parts == 1:
            _unpack_words(bits, first, part, 0, words)
        else:
            _unpack_shared(bits, first, part, parts)
        np.matmul(x, part, out=y[:, first * lanes : first * lanes + part.shape[1]])


@parallel_kernel
def _multiply_shared(x, bits, y, parts):
    blocks = bits.shape[0]
    for part in prange(parts):
        _multiply_blocks(x, bits, y, blocks * part // parts, blocks * (part + 1) // parts)


@ordered_kernel
def multiply(x, bits, y, row_parts, column_parts):
    """y = x times bits; as `look_up_products.multiply`, for float32 and float64 and any number of lanes."""
    if row_parts * column_parts == 1:
        _multiply_blocks(x, bits, y, 0, bits.shape[0])
    else:
        _multiply_shared(x, bits, y, row_parts * column_parts)


@ordered_kernel
def multiply_alone(x, bits, y):
    """`multiply` by one thread; a small product is over sooner than Python has looked at two more arguments."""
    _multiply_blocks(x, bits, y, 0, bits.shape[0])
