"""Arrays that end, or begin, at a page that must not be touched: a kernel that reads one byte too far ends the process.

Bounds checks do not see what intrinsics do, so the processor checks. `python -m kernels.guarded_memory` runs every bit
kernel on such arrays, and Winograd's convolution and gradient.
"""

import ctypes
import itertools
import mmap
import sys

import numpy as np
from kernels.bit_references import HAS_AVX512, PATHS, in_product_order, product_error, random_bits
from kernels.test_bit_convolution import assert_near, kernel_order
from kernels.test_decoding import bias_words

from minibnn import kernels
from minibnn.kernels import bit_convolution, decoding, quantized_products
from minibnn.kernels.gaussian import gelu_row

NO_ACCESS = 0  # PROT_NONE
MOST_BEHIND = 4  # `bits` may be read 3 bytes behind its end; arrays of words end at a multiple of 4

_libc = ctypes.CDLL(None, use_errno=True)
_kept = []  # a page that is protected must not be given back


def guarded(array, *, behind=0, at_end=True):
    """A copy of the array, `behind` bytes before a page that cannot be touched, or directly behind such a page.

    As read-only as the array is, so that the kernels are those that were compiled for it.
    """
    pages = -(-(array.nbytes + behind) // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, pages + 2 * mmap.PAGESIZE)
    _kept.append(memory)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (begin, begin + mmap.PAGESIZE + pages):
        if _libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), NO_ACCESS):
            raise OSError(ctypes.get_errno(), "mprotect")
    start = mmap.PAGESIZE + (pages - behind - array.nbytes if at_end else 0)
    result = np.frombuffer(memory, array.dtype, array.size, start).reshape(array.shape)
    result[...] = array
    result.setflags(write=array.flags.writeable)
    return result


def placed(*arrays):
    """The arrays (the last one is `bits`), once at the end of their pages and once at the beginning."""
    for at_end in (True, False):
        *others, bits = arrays
        yield *(guarded(a, at_end=at_end) for a in others), guarded(bits, behind=MOST_BEHIND, at_end=at_end)


def check_products(rng):
    for n_in, n_units, rows in ((1, 1, 1), (3, 65, 5), (33, 130, 4), (64, 64, 9), (1025, 70, 6), (31, 600, 2)):
        x, values = rng.normal(size=(rows, n_in)).astype(np.float32), random_bits(rng, (n_in, n_units))
        for multiply, lanes, blocks in PATHS.values():
            bits = in_product_order(values, lanes, blocks)
            empty = np.full((rows, bits.shape[0] * lanes), np.nan, np.float32)
            for x_, y, bits_ in placed(x, empty, bits):
                multiply(x_, bits_, y, 1, 1)
                assert product_error(y[:, :n_units], x, values) < 2e-6
                for activation_bits in (6, 14, 16):
                    quantized_products.multiply(x_, bits_, y, activation_bits, 1, 1)
                    assert np.isfinite(y).all()


def check_convolutions(rng):
    for size, channels, filters, width in ((3, 3, 17, 5), (5, 9, 70, 1), (1, 1, 1, 4), (2, 33, 33, 13)):
        x = rng.normal(size=(2, 3, width, channels)).astype(np.float32)
        values = random_bits(rng, (size, size, channels, filters))
        bits = kernel_order(values)
        empty = np.full((*x.shape[:3], bits.shape[0] * 16), np.nan, np.float32)
        for x_, y, bits_ in placed(x, empty, bits):
            bit_convolution.convolve(x_, bits_, size, size, y, 1)
            assert_near(y[..., :filters], x, values)


def check_convolutions_of_floats(rng):
    sizes = ((1, 1, 1), 16, 16), ((2, 5, 7), 16, 48), ((1, 6, 4), 32, 32), ((9, 3, 3), 48, 64)
    for k, (size, channels, filters) in itertools.product((3, 5), sizes):
        x = rng.normal(size=(*size, channels)).astype(np.float32)
        kernel = rng.normal(size=(k, k, channels, filters)).astype(np.float32)
        for at_end in (True, False):
            x_, kernel_, y = (
                guarded(array, at_end=at_end) for array in (x, kernel, np.full((*size, filters), np.nan, np.float32))
            )
            kernels.convolve_tiles(x_, kernel_, y, 1)
            assert_near(y, x, kernel)


def check_gradients_of_floats(rng):
    sizes = ((1, 1, 1), 16, 16), ((2, 5, 7), 16, 48), ((1, 6, 4), 32, 32), ((3, 17, 16), 48, 64)
    for k, (size, channels, filters) in itertools.product((3, 5), sizes):
        x, g = (rng.integers(-4, 5, (*size, n)).astype(np.float32) for n in (channels, filters))
        expected, empty = np.empty((k, k, channels, filters), np.float32), np.full((k, k, channels, filters), np.nan)
        kernels.kernel_gradient(x, g, expected, 1)
        for at_end in (True, False):
            x_, g_, gradient = (guarded(array, at_end=at_end) for array in (x, g, empty.astype(np.float32)))
            kernels.kernel_gradient_of_tiles(x_, g_, gradient, 1)
            assert np.abs(gradient - expected).max() <= 1e-5 * np.abs(expected).max()


def check_orders(rng):
    for n_in, n_units in ((1, 1), (33, 17), (70, 65), (32, 300)):
        values = random_bits(rng, (n_in, n_units))
        rows = np.packbits(values, axis=1, bitorder="little")
        for lanes, blocks in ((16, 4), (256, 1)):
            bits = in_product_order(values, lanes, blocks).copy()  # to be written
            looked_up = np.empty((2, n_units), np.float32)
            for rows_, back, found, ids, bits_ in placed(
                rows, np.zeros_like(rows), looked_up, np.array([0, n_in - 1]), bits
            ):
                kernels.to_product_order(rows_, bits_)
                kernels.from_product_order(bits_, back)
                kernels.rows_of_bits(bits_, ids, found)
                assert np.array_equal(back, rows)
                assert np.array_equal(found, values[[0, -1]])


def check_decoding(rng):
    for n_units in (1, 32, 33, 64, 130):
        values, b = random_bits(rng, (40, n_units)), random_bits(rng, n_units)
        bits = in_product_order(values, kernels.LANES, kernels.BLOCKS)
        x = rng.normal(size=(1, 40)).astype(np.float32)
        for x_, bias, row, bits_ in placed(x, bias_words(b), np.float32([-9, 9, 0]), bits):
            decoding.fully_connected_row(x_, bits_, bias, n_units, decoding.GELU, 1)
            gelu_row(row, row)
            decoding.normalize_row(row[None])
    query, cache = rng.normal(size=(3, 5)).astype(np.float32), rng.normal(size=(3, 7, 5)).astype(np.float32)
    for length in range(1, 8):
        for q, keys, values in ((guarded(query), guarded(cache), guarded(cache)),):
            decoding.attend(q, keys, values, length, 1)


def main():
    """All checks; or, with the argument "overrun", read one byte too far, which must end this process."""
    array = guarded(np.zeros(5, np.uint8))
    if sys.argv[1:] == ["overrun"]:
        ctypes.string_at(array.ctypes.data, 6)
    rng = np.random.default_rng(0)
    for check in (check_products, check_orders, check_decoding):
        check(rng)
    if HAS_AVX512:
        check_convolutions(rng)
        check_convolutions_of_floats(rng)
        check_gradients_of_floats(rng)
    print("all within bounds")


if __name__ == "__main__":
    main()
