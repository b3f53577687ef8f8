"""Kernels of zeros and ones, as floats, packed into the order in which products need their bits (AVX-512).

A training step packs each kernel anew, since its bits may have flipped: once for the forward product, once transposed
for the gradient of the input. `bits[block, word, lane]`: see `bit_products` and `bit_convolution`.
"""

import numpy as np
from numba import prange

from minibnn.kernels.jit import kernel, parallel_kernel
from minibnn.kernels.simd import store_table, zero_words
from minibnn.kernels.simd_bytes import nonzero_bits, nonzero_lanes


@kernel
def _pack(W, bits, per_pixel, first, last):
    """The blocks `first` to `last` of filters."""
    height, width, channels, filters = W.shape
    words = bits.shape[1] // height
    for block in range(first, last):
        for ky in range(height):
            for word in range(words):
                column = zero_words(1)[0]
                for bit in range(32):
                    kx, c = (32 * word + bit) // per_pixel, (32 * word + bit) % per_pixel
                    if kx < width and c < channels:
                        place = ((ky * width + kx) * channels + c) * filters + 16 * block
                        column = nonzero_lanes(column, W, place, np.uint32(bit))
                store_table(bits, ((block * height + ky) * words + word) * 16, column)


@parallel_kernel
def _pack_shared(W, bits, per_pixel, parts):
    blocks = W.shape[3] // 16
    for part in prange(parts):
        _pack(W, bits, per_pixel, blocks * part // parts, blocks * (part + 1) // parts)


@kernel
def pack_kernel(W, bits, per_pixel, parts):
    """The bits of W (kH, kW, C, F), float32 zeros and ones: outputs are the F filters, inputs its C channels.

    F is a multiple of 16. `bits`: (blocks, kH * words, 16), uint32, zeros before, written; blocks beyond F stay zero.
    `per_pixel`: inputs that each pixel takes, see `bit_convolution.padded_inputs`. `parts`: among how many threads the
    filters are shared.
    """
    if parts == 1:
        _pack(W, bits, per_pixel, 0, W.shape[3] // 16)
    else:
        _pack_shared(W, bits, per_pixel, parts)


@kernel
def _pack_transposed(W, bits, per_pixel, first, last):
    """The channels `first` to `last`."""
    height, width, channels, filters = W.shape
    words = bits.shape[1] // height
    for ky in range(height):
        for kx in range(width):
            for c in range(first, last):
                source = (((height - 1 - ky) * width + width - 1 - kx) * channels + c) * filters
                for f in range(0, filters, 16):
                    place = kx * per_pixel + f
                    found = nonzero_bits(W, source + f) << np.uint64(place % 32)
                    word = ky * words + place // 32
                    bits[c // 16, word, c % 16] |= np.uint32(found)
                    if found >> np.uint64(32):  # the sixteen bits go on in the next word
                        bits[c // 16, word + 1, c % 16] |= np.uint32(found >> np.uint64(32))


@parallel_kernel
def _pack_transposed_shared(W, bits, per_pixel, parts):
    channels = W.shape[2]
    for part in prange(parts):
        _pack_transposed(W, bits, per_pixel, channels * part // parts, channels * (part + 1) // parts)


@kernel
def pack_transposed_kernel(W, bits, per_pixel, parts):
    """The bits of the transpose of W, turned by 180 degrees: outputs are the C channels, inputs the F filters.

    A convolution with it carries a gradient back from the filters to the channels. F is a multiple of 16, of which
    only the first `per_pixel` may be inputs; the others are zeros. See `pack_kernel`.
    """
    if parts == 1:
        _pack_transposed(W, bits, per_pixel, 0, W.shape[2])
    else:
        _pack_transposed_shared(W, bits, per_pixel, parts)
