"""Bits from the order of rows, in which they are stored, to the order in which products need them, and back."""

import math

import numpy as np

from minibnn.kernels.jit import kernel


def aligned_words(shape):
    """uint32 zeros that begin at a multiple of 64 bytes, in memory that goes on for 64 bytes behind their end."""
    size = 4 * math.prod(shape)
    memory = np.zeros(size + 128, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(np.uint32).reshape(shape)


@kernel
def to_product_order(rows, bits):
    """bits[block, word, lane] (see `bit_products`) from packed rows, one for each input.

    `rows`: (n_in, bytes), uint8, eight outputs in a byte, the first in its lowest bit. `bits`: (blocks, words, lanes),
    uint32, written; inputs and outputs beyond those of `rows` become zeros.
    """
    blocks, words, lanes = bits.shape
    for block in range(blocks):
        for word in range(words):
            column = bits[block, word]
            column[:] = 0
            for i in range(min(32, rows.shape[0] - 32 * word)):
                row = rows[32 * word + i]
                for byte in range(min(lanes // 8, row.size - block * lanes // 8)):
                    value = np.uint32(row[block * lanes // 8 + byte])
                    for bit in range(8):
                        column[8 * byte + bit] |= np.uint32(np.uint32(np.uint32(value >> bit) & 1) << i)


@kernel
def from_product_order(bits, rows):
    """The inverse of `to_product_order`; `rows` is written."""
    lanes = bits.shape[2]
    for i in range(rows.shape[0]):
        row = rows[i]
        for byte in range(row.size):
            block, lane = byte * 8 // lanes, byte * 8 % lanes
            value = np.uint32(0)
            for bit in range(8):
                value |= np.uint32(np.uint32(np.uint32(bits[block, i // 32, lane + bit] >> (i % 32)) & 1) << bit)
            row[byte] = value


@kernel
def rows_of_bits(bits, numbers, rows):
    """rows[i] = the bits of input numbers[i] as zeros and ones.

    `bits`: (blocks, words, lanes), uint32. `numbers`: (n,), int64. `rows`: (n, U), float32, written.
    """
    lanes = bits.shape[2]
    for i in range(numbers.size):
        word, bit = numbers[i] // 32, np.uint32(numbers[i] % 32)
        for block in range((rows.shape[1] + lanes - 1) // lanes):
            column, row = bits[block, word], rows[i, block * lanes :]
            for lane in range(min(lanes, row.size)):
                row[lane] = np.float32(np.int32(np.uint32(np.uint32(column[lane] >> bit) & np.uint32(1))))
