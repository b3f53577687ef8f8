"""Products of numbers and bits: which kernel does them.

Bits lie in memory in the order in which products need them, as `bits[block, word, lane]`, uint32: bit i of it is that
of input 32 word + i and of output lanes * block + lane. Inputs are filled up with zeros to a multiple of 32, and
outputs to a multiple of 4 blocks of 16 (1 block of 128, without AVX-512). `bit_order.py` brings them into this order.
"""

import numpy as np

from minibnn.kernels import bit_convolution, look_up_products, masked_products, quantized_products
from minibnn.kernels.convolution import im2col
from minibnn.kernels.jit import num_threads
from minibnn.kernels.simd import has_avx512

EXACT = look_up_products if has_avx512("avx512f") else masked_products
LANES, BLOCKS = EXACT.LANES, EXACT.BLOCKS
ALONE, multiply_alone = EXACT.ALONE, EXACT.multiply_alone
CONVOLVES_DIRECTLY = EXACT is look_up_products  # and keeps a convolution's bits as `bit_convolution` says
COLUMN_BYTES = 4 << 20  # columns of a few images at a time
FLOAT32 = np.dtype(np.float32)


def multiply_bits(x, bits, y, activation_bits=None):
    """y = x times bits.

    `x`: (rows, n_in), float32 or float64. `bits`: (blocks, words, lanes), uint32, in 64-byte aligned memory that goes
    on for at least 3 bytes behind its end. `y`: (rows, blocks * lanes), written, of the dtype of x. All C-contiguous.
    The caller checks the shapes. `activation_bits`: None for exact sums; or 2 to 16, to round each row of x to integers
    of so many bits first (see `quantized_products`).
    """
    rows, n_in = x.shape
    threads = num_threads() if rows * n_in * y.shape[1] > ALONE else 1
    parts = (1, threads) if rows < 8 * threads else (threads, 1)  # by outputs, or by rows: no table is made twice
    if activation_bits is not None:
        quantized_products.multiply(x, bits, y, activation_bits, *parts)
    elif x.dtype != FLOAT32:
        masked_products.multiply(x, bits, y, *parts)
    elif EXACT is masked_products and rows > masked_products.FEW_ROWS:
        masked_products.multiply_many(x, bits, y)
    else:
        EXACT.multiply(x, bits, y, *parts)


def convolve_bits(x, bits, kernel_size, y):
    """y = x convolved with bits: stride 1, padding 'same', see `minibnn.autograd.ops.conv2d`.

    `x`: (B, H, W, C), float32. `bits`: (blocks, words, lanes), uint32; with CONVOLVES_DIRECTLY in the order of
    `bit_convolution`, otherwise as for a product of patches. `kernel_size`: (kH, kW). `y`: (B, H, W, blocks * lanes),
    float32, written.
    """
    if CONVOLVES_DIRECTLY:
        work = y.size * x.shape[3] * kernel_size[0] * kernel_size[1]
        bit_convolution.convolve(x, bits, *kernel_size, y, num_threads() if work > ALONE else 1)
        return
    height, width = kernel_size
    top, left = (height - 1) // 2, (width - 1) // 2
    patch = height * width * x.shape[3]
    step = max(1, COLUMN_BYTES // (x[0, ..., 0].size * patch * x.itemsize))
    for start in range(0, len(x), step):
        images = x[start : start + step]
        padded = np.pad(images, ((0, 0), (top, height - 1 - top), (left, width - 1 - left), (0, 0)))
        columns = np.empty((*images.shape[:3], patch), x.dtype)
        im2col(padded, height, width, columns)
        multiply_bits(columns.reshape(-1, patch), bits, y[start : start + step].reshape(-1, y.shape[3]))
