"""Kernels of bits in the order in which products need them: `BitMatrix` and, for convolutions, `BitKernel`."""

import numpy as np
from bitarray import bitarray

from minibnn import kernels
from minibnn.autograd import Tensor
from minibnn.bits.bit_tensor import BitTensor, byte_rows_shape
from minibnn.errors import InputError, InputTypeError
from minibnn.layers.one_hot import OneHot

IMAGE_BYTES = 4 << 20  # columns of a few images at a time, where the processor has no AVX-512


class BitMatrix:
    """A matrix of zeros and ones, one bit each, that numbers can be multiplied by: `x @ matrix`.

    `tensor`: BitTensor (n_in, U). Its bits are copied into another order (see `minibnn.kernels.bit_products`), filled
    up with zeros to a multiple of 32 inputs and 64 outputs.

    Attributes: `shape`, (n_in, U); `order`, the memory as uint32 (blocks, words, lanes), read-only; `bits`, a bitarray
    over the same memory; `activation_bits`, None for exact products, or 2 to 16: `x @ matrix` then rounds each row of x
    to integers of so many bits, from minus to plus its largest absolute value, and multiplies integers.
    Raises InputError unless the tensor has two axes of at least 1.
    """

    __array_ufunc__ = None  # so that `array @ matrix` asks the matrix
    activation_bits = None
    axes = "(n_in, U)"

    def __init__(self, tensor):
        if not isinstance(tensor, BitTensor) or tensor.ndim != len(self.axes.split()) or 0 in tensor.shape:
            got = f"shape {tensor.shape}" if isinstance(tensor, BitTensor) else type(tensor).__name__
            raise InputError(
                f"{type(self).__name__} expects a BitTensor {self.axes} of at least one bit, and got {got}"
            )
        self.shape = tensor.shape
        rows = self._rows(tensor.byte_rows())
        outputs = kernels.LANES * kernels.BLOCKS
        self.order = _aligned((-(-self.shape[-1] // outputs) * kernels.BLOCKS, -(-len(rows) // 32), kernels.LANES))
        kernels.to_product_order(rows, self.order)
        self.order.flags.writeable = False

    def _rows(self, rows):
        """The packed rows (n_in, bytes) that `order` is made of."""
        return rows

    @property
    def bits(self):
        """A read-only little-endian bitarray over the memory of `order`."""
        return bitarray(buffer=self.order, endian="little")

    @property
    def nbytes(self):
        """Memory in bytes, filled-up bits included."""
        return self.order.nbytes

    def tensor(self):
        """The bits in the order of rows again, as a BitTensor of this shape."""
        rows = np.empty(byte_rows_shape(self.shape), np.uint8)
        kernels.from_product_order(self.order, rows)
        return BitTensor.from_bytes_rows(rows, self.shape)

    def __rmatmul__(self, x):
        """x (..., n_in) @ matrix -> (..., U): float32, a Tensor if x is one. One-hot x look rows up."""
        if isinstance(x, OneHot):
            return Tensor(self.rows(x.ids))
        data = numbers_of(x)
        if data.ndim == 0 or data.shape[-1] != self.shape[0]:
            raise InputError(f"a BitMatrix {self.shape} multiplies (..., {self.shape[0]}), and got shape {data.shape}")
        product = self.multiply(data.reshape(-1, self.shape[0])).reshape(*data.shape[:-1], self.shape[1])
        return Tensor(product) if isinstance(x, Tensor) else product

    def multiply(self, x):
        """x (rows, n_in), float32 and C-contiguous, times the matrix: float32 (rows, U), exact to float32 rounding."""
        order = self.order
        y = np.empty((x.shape[0], order.shape[0] * order.shape[2]), np.float32)
        kernels.multiply_bits(x, order, y, self.activation_bits)
        return y if y.shape[1] == self.shape[1] else y[:, : self.shape[1]]

    def rows(self, numbers):
        """The rows with these numbers, an integer array (...): float32 (..., U) of zeros and ones."""
        found = np.empty((numbers.size, self.shape[1]), np.float32)
        kernels.rows_of_bits(self.order, np.ascontiguousarray(numbers, np.int64).reshape(-1), found)
        return found.reshape(*numbers.shape, self.shape[1])

    def __repr__(self):
        return f"{type(self).__name__}(shape={self.shape}, {self.nbytes:,} bytes)"


class BitKernel(BitMatrix):
    """The kernel of a convolution, one bit each.

    `tensor`: BitTensor (k, k, C, F). See `BitMatrix`; each row of the kernel is filled up to a multiple of 32 inputs.
    With `activation_bits` each image is rounded, not each patch of it, and the integers are added as float32.
    """

    axes = "(k, k, C, F)"

    def _rows(self, rows):
        if not kernels.CONVOLVES_DIRECTLY:
            return rows.reshape(-1, rows.shape[-1])
        height, width, channels, row_bytes = rows.shape
        per_row, per_pixel = kernels.padded_inputs(width, channels)
        filled = np.zeros((height, per_row, row_bytes), np.uint8)
        pixels = filled[:, : width * per_pixel].reshape(height, width, per_pixel, row_bytes)
        pixels[:, :, :channels] = rows
        return filled.reshape(-1, row_bytes)

    def tensor(self):
        """The bits in the order of rows again, as a BitTensor of this shape."""
        height, width, channels, _ = self.shape
        row_bytes = byte_rows_shape(self.shape)[-1]
        rows = np.empty((self.order.shape[1] * 32, row_bytes), np.uint8)
        kernels.from_product_order(self.order, rows)
        if kernels.CONVOLVES_DIRECTLY:
            per_row, per_pixel = kernels.padded_inputs(width, channels)
            rows = rows.reshape(height, per_row, row_bytes)[:, : width * per_pixel]
            rows = rows.reshape(height, width, per_pixel, row_bytes)[:, :, :channels]
        else:
            rows = rows[: height * width * channels]
        return BitTensor.from_bytes_rows(rows.reshape(byte_rows_shape(self.shape)), self.shape)

    def __rmatmul__(self, x):
        raise InputTypeError("a BitKernel is for convolutions: kernel.convolve(images); for products use a BitMatrix")

    def convolve(self, x):
        """x (B, H, W, C), float32, convolved as `minibnn.autograd.ops.conv2d` does: float32 (B, H, W, F)."""
        x = np.ascontiguousarray(x)
        if self.activation_bits is not None:
            x = rounded_images(x, self.activation_bits)
        y = np.empty((*x.shape[:3], self.order.shape[0] * self.order.shape[2]), np.float32)
        kernels.convolve_bits(x, self.order, self.shape[:2], y)
        return y if y.shape[3] == self.shape[3] else y[..., : self.shape[3]]


def numbers_of(x):
    """The float32 array of x, a Tensor or an array. Raises InputError for a Tensor that waits for a gradient."""
    if isinstance(x, Tensor):
        if x.requires_grad:
            raise InputError(
                "bits have no backward, and the input requires a gradient: pass x.data, or train the model of which "
                "these are the bits"
            )
        x = x.data
    return np.ascontiguousarray(x, np.float32)


def rounded_images(x, activation_bits):
    """Each image (B, H, W, C) rounded to 2^(activation_bits - 1) - 1 steps on each side of zero, as float32."""
    largest = 2 ** (activation_bits - 1) - 1
    absmax = np.abs(x).max(axis=(1, 2, 3), keepdims=True)
    step = np.where(absmax > 0, absmax, 1) / np.float32(largest)
    return np.rint(x / step) * step


def _aligned(shape):
    """uint32 zeros that begin at a multiple of 64 bytes, in memory that goes on for 64 bytes behind their end."""
    size = 4 * int(np.prod(shape))
    memory = np.zeros(size + 128, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(np.uint32).reshape(shape)
