"""`BitTensor`: an array of zeros and ones that takes one bit for each.

The bits of a row (the last axis) stand in 64-bit words: bit j of a row is bit j % 64 of its word j // 64, least
significant bit first. Every row begins at a new word, so that a product of rows is a loop over whole words; the bits
that fill up its last word, the pad bits, are always 0, so that no count and no comparison has to leave them out.

    row of 70 bits = word 0: bits 0 to 63 | word 1: bits 64 to 69, then 58 pad bits
"""

import math
import operator

import numpy as np
from bitarray import bitarray

from minibnn.errors import InputError, InputTypeError

WORD = 64
ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
LARGEST = 1 << 60  # bits: NumPy can still name the bytes of such an array unpacked to float64
MOST_AXES = 32
PIECE = 1 << 18  # values that are looked at together: their temporary arrays stay in the processor's cache


class BitTensor:
    """A shape and a `bitarray` (little-endian) of zeros and ones, each row padded to whole 64-bit words.

    It never changes: its memory is read-only. `from_array` packs zeros and ones, and `unpack` gives them back.

    Args (the same as `from_words`):
        words: (rows, words per row) uint64, where rows is the product of all sizes but the last, and words per row
            is the last size / 64, rounded up. Taken as it is, without a copy, and made read-only: the caller gives
            it up. Pad bits must be 0.
        shape: sizes, at least one, each 0 or more.

    Raises InputError (InputTypeError for a wrong dtype) for a shape that cannot be, or words that do not fit it.
    """

    __slots__ = ("_bits", "_shape", "_words")
    __array_ufunc__ = None  # so that `array * tensor` is an error, and not an array of Python objects

    def __init__(self, words, shape):
        self._shape = checked_shape(shape)
        _check_words(words, self._shape)
        words.flags.writeable = False
        self._words = words.view()
        self._bits = bitarray(buffer=self._words, endian="little")

    @classmethod
    def from_array(cls, values):
        """Pack an array of zeros and ones.

        Args:
            values: (..., n) bool, or numbers of which each is 0 or 1; at least one axis, sizes may be 0, any memory
                order. A few megabytes of temporary memory suffice for any size.

        Raises:
            InputError: names the first value that is neither 0 nor 1, and its index.
            InputTypeError: for values that are neither bool nor real numbers.
        """
        values = np.asarray(values)
        if values.dtype.kind not in "biuf":
            raise InputTypeError(f"BitTensor.from_array expects bool or numbers 0 and 1, and got dtype {values.dtype}")
        shape = checked_shape(values.shape)
        words = _new_words(shape)
        packed = words.view(np.uint8)
        for row, column, piece in _pieces(values):
            bits = _as_bool(piece, (row, column), shape)
            octets = np.packbits(bits, axis=1, bitorder="little")
            packed[row : row + octets.shape[0], column // 8 : column // 8 + octets.shape[1]] = octets
        return cls._own(words, shape)

    @classmethod
    def from_words(cls, words, shape):
        """Wrap (rows, words per row) uint64 without a copy; see the class for what it must be, and is raised."""
        return cls(words, shape)

    @classmethod
    def from_bytes_rows(cls, rows, shape):
        """Copy rows that are packed in bytes, as `byte_rows` gives them and the packed file keeps them.

        Args:
            rows: (*shape[:-1], shape[-1] / 8 rounded up) uint8; bit j of a row is bit j % 8 of its byte j // 8, least
                significant first (np.packbits with bitorder="little"); the unused bits of the last byte are 0.
            shape: sizes in bits.

        Raises InputError (InputTypeError for a wrong dtype) if the rows do not fit the shape, or an unused bit is set.
        """
        shape = checked_shape(shape)
        rows = np.asarray(rows)
        expected = byte_rows_shape(shape)
        if rows.dtype != np.uint8:
            raise InputTypeError(f"BitTensor.from_bytes_rows expects uint8, and got dtype {rows.dtype}")
        if rows.shape != expected:
            raise InputError(
                f"BitTensor.from_bytes_rows: {shape} bits are bytes of shape {expected}, and got {rows.shape}; "
                'pack them with np.packbits(bits, axis=-1, bitorder="little")'
            )
        words = _new_words(shape)
        words.view(np.uint8)[:, : expected[-1]] = rows.reshape(words.shape[0], expected[-1])
        return cls._own(words, shape)

    @classmethod
    def _own(cls, words, shape):
        """Wrap words from `_new_words`; what they are a view of is locked too, so that nothing can unlock the view."""
        words.base.flags.writeable = False
        return cls(words, shape)

    @property
    def shape(self):
        """Sizes in bits, a tuple of int."""
        return self._shape

    @property
    def ndim(self):
        """Number of axes."""
        return len(self._shape)

    @property
    def size(self):
        """Number of bits, pad bits not counted."""
        return math.prod(self._shape)

    @property
    def nbytes(self):
        """Memory in bytes, pad bits included."""
        return self._words.nbytes

    @property
    def bits(self):
        """The `bitarray`, row after row with the pad bits: the same memory as `words`, read-only."""
        return self._bits

    @property
    def words(self):
        """(rows, words per row) uint64, read-only: the same memory as `bits`."""
        return self._words

    def count(self):
        """Number of ones, an int."""
        return self._bits.count()  # pad bits are 0 and add nothing

    def byte_rows(self):
        """(*shape[:-1], shape[-1] / 8 rounded up) uint8: the rows without the pad bytes; see `from_bytes_rows`.

        A read-only view of this tensor's memory where a row has no pad bytes, otherwise a copy.
        """
        shape = byte_rows_shape(self._shape)
        return np.ascontiguousarray(self._words.view(np.uint8)[:, : shape[-1]]).reshape(shape)

    def unpack(self, dtype=np.uint8):
        """The zeros and ones as a new array of this tensor's shape and of `dtype` (bool, integer or float)."""
        dtype = np.dtype(dtype)
        if dtype.kind not in "biuf":
            raise InputTypeError(f"BitTensor.unpack expects a bool, integer or float dtype, and got {dtype}")
        values = np.empty(self._shape, dtype)
        if values.size:
            width = self._shape[-1]
            table, packed = values.reshape(-1, width), self._words.view(np.uint8)
            step = max(1, PIECE // width)
            for row in range(0, len(table), step):
                octets = packed[row : row + step]
                table[row : row + step] = np.unpackbits(octets, axis=1, count=width, bitorder="little")
        return values

    def __getitem__(self, index):
        """Part of the first axis, as a BitTensor: by an int, a slice, or an integer array of any shape (no negatives).

        An int on a tensor of one axis gives the bit, an int. Neighbouring rows share this tensor's memory.
        Raises InputError for an index out of range, InputTypeError for any other kind of index.
        """
        if isinstance(index, (np.ndarray, list)) and np.ndim(index):
            return self._gather(_checked_rows(np.asarray(index), self._shape[0]))
        if isinstance(index, slice):
            return self._slice(index)
        index = _checked_index(index, self._shape[0])
        if self.ndim == 1:
            return self._bits[index]
        return self._slice(slice(index, index + 1))._with_shape(self._shape[1:])

    def _slice(self, index):
        start, stop, step = index.indices(self._shape[0])
        if self.ndim == 1 or step != 1:  # bits that do not begin at a word, or rows that are not neighbours
            return self._gather(np.arange(start, stop, step))
        length, per_item = max(0, stop - start), math.prod(self._shape[1:-1])
        rows = self._words[start * per_item : (start + length) * per_item]
        return BitTensor(rows, (length, *self._shape[1:]))

    def _gather(self, numbers):
        """A copy of the items with these numbers, all within range: (*numbers.shape, *shape[1:])."""
        if self.ndim == 1:
            return BitTensor.from_array(self.unpack()[numbers])
        shape = (*numbers.shape, *self._shape[1:])
        words = _new_words(checked_shape(shape))
        item = (math.prod(self._shape[1:-1]), self._words.shape[1])
        source, target = self._words.reshape(self._shape[0], *item), words.reshape(numbers.size, *item)
        np.take(source, numbers.ravel(), axis=0, out=target, mode="clip")  # "raise" would make one more copy
        return BitTensor._own(words, shape)

    def _with_shape(self, shape):
        return BitTensor(self._words, shape)

    def __len__(self):
        return self._shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise InputError("a BitTensor becomes an array only by a copy; call unpack(), or use its words")
        return self.unpack(np.uint8 if dtype is None else dtype)

    def __eq__(self, other):  # and so, by Python's rule, a BitTensor has no hash
        if not isinstance(other, BitTensor):
            return NotImplemented
        return self._shape == other._shape and np.array_equal(self._words, other._words)

    def __reduce__(self):
        return BitTensor.from_bytes_rows, (self.byte_rows(), self._shape)

    def __repr__(self):
        ones = f"{self.count() / self.size:.1%} ones" if self.size else "no bits"
        return f"BitTensor(shape={self._shape}, {ones}, {self.nbytes:,} bytes)"


def checked_shape(shape):
    """`shape` as a tuple of int. Raises InputError unless it has 1 to 32 sizes of 0 or more, and below 2**60 bits."""
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        raise InputTypeError(f"a BitTensor's shape is a tuple of whole numbers, and got {shape!r}") from None
    if not 1 <= len(sizes) <= MOST_AXES or min(sizes) < 0:
        raise InputError(
            f"a BitTensor has 1 to {MOST_AXES} axes of 0 or more bits each, and got shape {sizes}; "
            "give a single bit the shape (1,)"
        )
    if math.prod(max(1, size) for size in (*sizes[:-1], words_per_row(sizes) * WORD)) > LARGEST:
        raise InputError(f"a BitTensor has at most 2**60 bits, pad bits included, and got shape {sizes}")
    return sizes


def words_per_row(shape):
    """Words that hold one row of `shape[-1]` bits."""
    return -(-shape[-1] // WORD)


def byte_rows_shape(shape):
    """Shape of the bytes that hold `shape` bits: (*shape[:-1], shape[-1] / 8 rounded up)."""
    return (*shape[:-1], -(-shape[-1] // 8))


def _new_words(shape):
    """Zeros for `shape` bits: (rows, words per row) uint64, a view that begins at a multiple of 64 bytes."""
    rows, words = math.prod(shape[:-1]), words_per_row(shape)
    memory = np.zeros(rows * words * 8 + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + rows * words * 8].view(np.uint64).reshape(rows, words)


def _check_words(words, shape):
    """Raise InputError unless these are the words of `shape` bits."""
    expected = (math.prod(shape[:-1]), words_per_row(shape))
    if not isinstance(words, np.ndarray) or words.dtype != np.uint64:
        kind = f"dtype {words.dtype}" if isinstance(words, np.ndarray) else type(words).__name__
        raise InputTypeError(
            f"BitTensor expects its words as a uint64 array, and got {kind}; to pack zeros and ones, "
            "call BitTensor.from_array"
        )
    if words.shape != expected:
        raise InputError(f"BitTensor: {shape} bits are words of shape {expected}, and got shape {words.shape}")
    if not words.flags.c_contiguous or not words.flags.aligned:
        raise InputError("BitTensor expects its words in one piece of memory, row after row; use np.ascontiguousarray")
    if used := shape[-1] % WORD:
        _check_pads(words[:, -1] >> np.uint64(used), shape)


def _check_pads(pads, shape):
    if pads.any():
        raise InputError(
            f"BitTensor: pad bits must be 0, and in row {int(np.argmax(pads != 0))} of {shape} bits a bit from "
            f"{shape[-1]} on is set; clear all bits after the last of a row"
        )


def _pieces(values):
    """Yield (row, column, (n, m) values) until all rows have passed, in memory order C, whatever order `values` has.

    A piece has whole rows, or is a part of one row that begins at a multiple of 64 columns.
    """
    rows, width = math.prod(values.shape[:-1]), values.shape[-1]
    flat = values.reshape(-1) if values.flags.c_contiguous else values.flat  # flat copies only the piece, reshape all
    step = max(1, PIECE // max(1, width))
    for row in range(0, rows, step):
        count = min(step, rows - row)
        for column in range(0, width, PIECE):
            part = min(PIECE, width - column)
            start = row * width + column
            yield row, column, flat[start : start + count * part].reshape(count, part)


def _as_bool(piece, corner, shape):
    """`piece == 1`; raises InputError for a value that is neither 0 nor 1. `corner`: where in the rows it begins."""
    if piece.dtype == bool:
        return piece
    ones = piece == 1
    wrong = ~(ones | (piece == 0))  # so that nan is wrong
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        leading = np.unravel_index(corner[0] + row, shape[:-1]) if len(shape) > 1 else ()
        index = (*(int(i) for i in leading), corner[1] + column)
        raise InputError(
            f"BitTensor.from_array expects only 0 and 1, and got {piece[row, column]} at index {index}; "
            "for the bits of latent weights (Eq. 1) give it `values > 0`"
        )
    return ones


def _checked_index(index, length):
    """An int index, counted from the start."""
    try:
        if isinstance(index, (bool, np.bool)):
            raise TypeError
        number = operator.index(index)
    except TypeError:
        raise InputTypeError(
            f"a BitTensor is indexed along its first axis, by an int, a slice or an integer array, and got {index!r}; "
            "call unpack() and index the array"
        ) from None
    if not -length <= number < length:
        raise InputError(f"index {number} is out of range for a BitTensor with {length} rows; use 0 to {length - 1}")
    return number % length


def _checked_rows(numbers, length):
    """An integer array of row numbers."""
    if numbers.dtype.kind not in "iu":
        raise InputTypeError(f"a BitTensor is indexed by integer arrays, and got an array of {numbers.dtype}")
    wrong = (numbers < 0) | (numbers >= length)
    if wrong.any():
        raise InputError(
            f"row number {numbers[wrong][0]} is out of range for a BitTensor with {length} rows; use 0 to {length - 1}"
        )
    return numbers
