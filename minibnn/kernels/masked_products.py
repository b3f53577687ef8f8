"""Numbers times bits without intrinsics, for every processor: each bit becomes 0.0 or 1.0 on its way to a product.

`bits[block, word, lane]`: see `bit_products`; 128 lanes, so that the inner loop is long enough for the compiler to use
whatever vectors the processor has. Every operand is wrapped in np.uint32, or Numba would compute with 64 bits.
A multiplication and an addition may become one instruction, since a number times 0.0 or 1.0 is exact.
"""

import numpy as np
from numba import prange

from minibnn.kernels.jit import fused_kernel, kernel, parallel_kernel

LANES = 128
BLOCKS = 1
ALONE = 1 << 18  # multiplications that one thread does faster than it can wake another
FEW_ROWS = 8  # more are faster as bits unpacked to floats, a panel at a time, and multiplied by BLAS
PANEL_OUTPUTS = 1024
CHUNK = 16  # words, 512 inputs: short sums round less than long ones

u32, i32, f32 = np.uint32, np.int32, np.float32


@fused_kernel
def _add_words(x, bits, sums):
    """sums += x times bits: (32 words,), (words, lanes) -> (lanes,).

    Slices come in, and every range begins at 0: an index that might be negative would keep the compiler from vectors.
    """
    for word in range(len(bits)):
        column = bits[word]
        for shift in range(0, 32, 4):
            i = 32 * word + shift
            a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
            for n in range(sums.size):
                four = u32(column[n] >> u32(shift))
                first = a * f32(i32(four & u32(1))) + b * f32(i32(u32(four >> u32(1)) & u32(1)))
                sums[n] += first + (
                    c * f32(i32(u32(four >> u32(2)) & u32(1))) + d * f32(i32(u32(four >> u32(3)) & u32(1)))
                )


@kernel
def _multiply_blocks(x, bits, y, first, last):
    """y[:, lanes * first : lanes * last] = x times these blocks."""
    _, words, lanes = bits.shape
    filled, total = np.zeros(32 * words, x.dtype), np.empty(lanes, x.dtype)
    for row in range(x.shape[0]):
        filled[: x.shape[1]] = x[row]
        for block in range(first, last):
            sums = y[row, block * lanes : (block + 1) * lanes]
            total[:] = 0
            for word in range(0, words, CHUNK):
                sums[:] = 0
                _add_words(filled[32 * word :], bits[block, word : word + CHUNK], sums)
                for n in range(lanes):
                    total[n] += sums[n]
            sums[:] = total


@kernel
def _unpack_words(bits, first, panel, first_word, last_word):
    """panel[input, output] = the bits of the inputs of these words and of the outputs of these blocks, as floats."""
    lanes, blocks = bits.shape[2], panel.shape[1] // bits.shape[2]
    for word in range(first_word, last_word):
        for block in range(blocks):
            column = bits[first + block, word]
            for bit in range(min(32, panel.shape[0] - 32 * word)):
                row = panel[32 * word + bit, block * lanes : (block + 1) * lanes]
                for n in range(lanes):
                    row[n] = f32(i32(u32(column[n] >> u32(bit)) & u32(1)))


def multiply_many(x, bits, y):
    """y = x times bits by BLAS, for many rows: the bits are unpacked to floats, a panel of outputs at a time.

    By one thread: it takes a tenth of the time, and a second one would still be spinning when BLAS wants its core.
    """
    blocks, words, lanes = bits.shape
    panel = np.empty((x.shape[1], min(PANEL_OUTPUTS // lanes, blocks) * lanes), x.dtype)
    for first in range(0, blocks, panel.shape[1] // lanes):
        part = panel[:, : (blocks - first) * lanes]
        _unpack_words(bits, first, part, 0, words)
        np.matmul(x, part, out=y[:, first * lanes : first * lanes + part.shape[1]])


@parallel_kernel
def _multiply_shared(x, bits, y, parts):
    blocks = bits.shape[0]
    for part in prange(parts):
        _multiply_blocks(x, bits, y, blocks * part // parts, blocks * (part + 1) // parts)


@kernel
def multiply(x, bits, y, row_parts, column_parts):
    """y = x times bits; as `look_up_products.multiply`, for float32 and float64 and any number of lanes."""
    if row_parts * column_parts == 1:
        _multiply_blocks(x, bits, y, 0, bits.shape[0])
    else:
        _multiply_shared(x, bits, y, row_parts * column_parts)


@kernel
def multiply_alone(x, bits, y):
    """`multiply` by one thread; a small product is over sooner than Python has looked at two more arguments."""
    _multiply_blocks(x, bits, y, 0, bits.shape[0])
