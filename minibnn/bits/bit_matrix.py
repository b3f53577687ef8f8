"""Kernels of bits in the order in which products need them: `BitMatrix` and, for convolutions, `BitKernel`."""

import numpy as np
from bitarray import bitarray

from minibnn import kernels
from minibnn.autograd import Tensor
from minibnn.bits.bit_tensor import BitTensor, byte_rows_shape
from minibnn.errors import InputError, InputTypeError
from minibnn.layers.one_hot import OneHot, check_ids

FLOAT32 = np.dtype(np.float32)
SMALLEST_STEP = np.float32(1e-30)  # between rounded numbers; what is smaller counts as zero


class BitMatrix:
    """A matrix of zeros and ones, one bit each, that numbers can be multiplied by: `x @ matrix`.

    `tensor`: BitTensor (n_in, U). Its bits are copied into another order (see `minibnn.kernels.bit_products`), filled
    up with zeros to a multiple of 32 inputs and 64 outputs.

    Attributes: `shape`, (n_in, U); `order`, the memory as uint32 (blocks, words, lanes), read-only; `bits`, a bitarray
    over the same memory; `activation_bits`, None for exact products, or 2 to 16: `x @ matrix` then rounds each row of x
    to integers of so many bits, from minus to plus its largest absolute value, and multiplies integers. A row whose
    largest absolute value is below 1e-30 counts as zeros, and one with a nan or an infinity gives nan.
    Raises InputError unless the tensor has two axes of at least 1.
    """

    __array_ufunc__ = None  # so that `array @ matrix` asks the matrix
    _activation_bits = None
    axes = "(n_in, U)"

    def __init__(self, tensor):
        if not isinstance(tensor, BitTensor) or tensor.ndim != len(self.axes.split()) or 0 in tensor.shape:
            got = f"shape {tensor.shape}" if isinstance(tensor, BitTensor) else type(tensor).__name__
            raise InputError(
                f"{type(self).__name__} expects a BitTensor {self.axes} of at least one bit, and got {got}"
            )
        self.shape = tensor.shape
        rows = self._rows(tensor.byte_rows())
        blocks = self._blocks(-(-self.shape[-1] // kernels.LANES))
        self.order = kernels.aligned_words((blocks, -(-len(rows) // 32), kernels.LANES))
        kernels.to_product_order(rows, self.order)
        self.order.flags.writeable = False
        self._filled_up, self._one_row = blocks * kernels.LANES, (1, self.shape[0])
        self._is_small = self.order.size * 32 <= kernels.ALONE  # for one row, and one thread

    def _rows(self, rows):
        """The packed rows (n_in, bytes) that `order` is made of."""
        return rows

    def _blocks(self, count):
        """`count` blocks of outputs, filled up."""
        return -(-count // kernels.BLOCKS) * kernels.BLOCKS

    @property
    def activation_bits(self):
        """None for exact products, or the bits (2 to 16) of the integers that each row of x is rounded to."""
        return self._activation_bits

    @activation_bits.setter
    def activation_bits(self, bits):
        if bits is not None and (isinstance(bits, bool) or not isinstance(bits, int) or not 2 <= bits <= 16):
            raise InputError(f"activation_bits must be None (exact) or a whole number from 2 to 16, and is {bits!r}")
        self._activation_bits = bits

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
        if type(x) is np.ndarray and x.dtype is FLOAT32 and x.shape == self._one_row and x.flags.c_contiguous:
            return self._multiply_row(x)
        if isinstance(x, OneHot):
            self._check_inputs(x.shape)
            return Tensor(self.rows(x.ids))
        data = numbers_of(x)
        self._check_inputs(data.shape)
        product = self.multiply(data.reshape(-1, self.shape[0])).reshape(*data.shape[:-1], self.shape[1])
        return Tensor(product) if isinstance(x, Tensor) else product

    def _multiply_row(self, x):
        """`multiply` of a single row, without a question: a small product takes two microseconds."""
        if self._activation_bits is not None or not self._is_small:
            return self.multiply(x)
        y = np.empty((1, self._filled_up), FLOAT32)
        kernels.multiply_alone(x, self.order, y)
        return y if self._filled_up == self.shape[1] else y[:, : self.shape[1]]

    def _check_inputs(self, shape):
        if not shape or shape[-1] != self.shape[0]:
            raise InputError(f"a BitMatrix {self.shape} multiplies (..., {self.shape[0]}), and got shape {shape}")

    def __reduce__(self):  # a copy must have its own aligned memory, with a few bytes behind it
        return type(self), (self.tensor(),), {"_activation_bits": self.activation_bits}

    def multiply(self, x):
        """x (rows, n_in), float32 and C-contiguous, times the matrix: float32 (rows, U), exact to float32 rounding."""
        y = np.empty((len(x), self._filled_up), FLOAT32)
        kernels.multiply_bits(x, self.order, y, self._activation_bits)
        return y if self._filled_up == self.shape[1] else y[:, : self.shape[1]]

    def rows(self, numbers):
        """The rows with these numbers, an integer array (...): float32 (..., U) of zeros and ones.

        Raises InputError for a number outside 0 .. n_in - 1.
        """
        check_ids(type(self).__name__, numbers, self.shape[0])
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

    def _blocks(self, count):
        return count if kernels.CONVOLVES_DIRECTLY else super()._blocks(count)

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
        x = np.ascontiguousarray(x, np.float32)
        if x.ndim != 4 or x.shape[3] != self.shape[2] or 0 in x.shape:
            channels = f"(B, H, W, {self.shape[2]})"
            raise InputError(f"a BitKernel {self.shape} convolves images {channels}, and got shape {x.shape}")
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
    step = np.maximum(absmax / np.float32(largest), SMALLEST_STEP)
    with np.errstate(invalid="ignore"):  # infinity / infinity
        return np.rint(x / step) * step
