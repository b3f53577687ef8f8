import copy
import pickle
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from bitarray import bitarray
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minibnn.bits import BitTensor
from minibnn.errors import InputError, InputTypeError

shapes = st.one_of(
    hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5),
    st.tuples(st.integers(0, 4), st.integers(0, 200)),
)
arrays = shapes.flatmap(lambda shape: hnp.arrays(bool, shape))


def random_bits(*shape, seed=0):
    return np.random.default_rng(seed).random(shape) > 0.5


def address(array):
    return array.__array_interface__["data"][0]


def pad_bits(tensor):
    """All bits of the memory that are no bits of the tensor."""
    bits = np.unpackbits(tensor.words.view(np.uint8), axis=1, bitorder="little")
    return bits[:, tensor.shape[-1] :]


@pytest.mark.parametrize("width", range(201))
def test_every_width_comes_back(width):
    values = random_bits(5, width, seed=width)
    values[0], values[1] = False, True
    tensor = BitTensor.from_array(values)
    assert tensor.words.shape == (5, (width + 63) // 64)
    assert not pad_bits(tensor).any()
    assert tensor.count() == values.sum()
    np.testing.assert_array_equal(tensor.unpack(bool), values)
    assert tensor.byte_rows().shape == (5, (width + 7) // 8)
    np.testing.assert_array_equal(tensor.byte_rows(), np.packbits(values, axis=-1, bitorder="little"))
    assert BitTensor.from_bytes_rows(tensor.byte_rows(), values.shape) == tensor
    assert BitTensor.from_words(tensor.words.copy(), values.shape) == tensor


@given(arrays, st.sampled_from([bool, np.uint8, np.int64, np.float16, np.float32, np.float64]))
@example(np.zeros((0,), bool), np.float32)
@example(np.zeros((3, 0), bool), np.float32)
@example(np.zeros((0, 70), bool), np.float32)
def test_round_trip_of_every_shape_and_dtype(values, dtype):
    tensor = BitTensor.from_array(values.astype(dtype))
    assert (tensor.shape, tensor.ndim, tensor.size) == (values.shape, values.ndim, values.size)
    assert len(tensor) == len(values)
    unpacked = tensor.unpack(dtype)
    assert (unpacked.shape, unpacked.dtype, unpacked.flags.writeable) == (values.shape, dtype, True)
    np.testing.assert_array_equal(unpacked, values.astype(dtype))
    assert tensor.unpack().dtype == np.uint8
    assert not pad_bits(tensor).any()
    assert tensor.nbytes == 0 or address(tensor.words) % 64 == 0
    assert tensor.nbytes == tensor.words.nbytes == len(tensor.bits) // 8
    assert BitTensor.from_bytes_rows(tensor.byte_rows(), values.shape) == tensor


@given(arrays, st.randoms(use_true_random=False))
def test_any_memory_order_is_read_in_the_order_of_its_indices(values, random):
    axes = list(range(values.ndim))
    random.shuffle(axes)
    turned = values.transpose(axes)[::-1]
    np.testing.assert_array_equal(BitTensor.from_array(turned).unpack(bool), turned)
    np.testing.assert_array_equal(BitTensor.from_array(turned.astype(np.float32)).unpack(bool), turned)


@pytest.mark.parametrize("shape", [(700_001,), (3, 300_001), (130_000, 3), (2, 70_000, 5)])
def test_arrays_of_several_pieces(shape):
    values = random_bits(*shape)
    tensor = BitTensor.from_array(values.astype(np.float32))
    np.testing.assert_array_equal(tensor.unpack(bool), values)
    assert tensor.count() == values.sum()
    turned = np.asfortranarray(values)
    assert BitTensor.from_array(turned) == tensor


@pytest.mark.parametrize("order", ["C", "F"])
def test_packing_and_unpacking_take_little_memory_besides_the_result(order):
    """As the kernel of a large vocabulary, (2048, 30522), which as bool alone would take 62 MB."""
    kernel = np.broadcast_to(np.float32(1), (1024, 30522)) if order == "C" else np.ones((30522, 256), np.float32).T
    tracemalloc.start()
    try:
        tensor = BitTensor.from_array(kernel)
        packing = tracemalloc.get_traced_memory()[1] - tensor.nbytes
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        values = tensor.unpack()
        unpacking = tracemalloc.get_traced_memory()[1] - before - values.nbytes
    finally:
        tracemalloc.stop()
    assert tensor.count() == kernel.size
    assert max(packing, unpacking) < 4e6


def test_first_bit_is_the_least_significant():
    values = np.zeros((2, 70), bool)
    values[0, [0, 3, 69]] = values[1, 64] = True
    tensor = BitTensor.from_array(values)
    assert tensor.words.tolist() == [[0b1001, 1 << 5], [0, 1]]
    assert tensor.bits.endian == "little"
    assert [i for i, bit in enumerate(tensor.bits) if bit] == [0, 3, 69, 128 + 64]


def test_words_and_bits_are_one_memory_and_read_only():
    tensor = BitTensor.from_array(random_bits(3, 70))
    assert isinstance(tensor.bits, bitarray)
    assert tensor.bits.buffer_info().address == address(tensor.words)
    assert len(tensor.bits) == 3 * 128
    with pytest.raises(TypeError, match="read-only"):
        tensor.bits[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        tensor.words[0, 0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        tensor.words.flags.writeable = True
    with pytest.raises(AttributeError):
        tensor.shape = (3, 71)


def test_from_words_takes_the_memory_as_it_is():
    words = np.array([[5, 0], [1, 3]], np.uint64)
    tensor = BitTensor.from_words(words, (2, 66))
    assert np.shares_memory(words, tensor.words)
    assert tensor.bits.buffer_info().address == address(words)
    assert (tensor.count(), tensor.shape) == (5, (2, 66))
    with pytest.raises(ValueError, match="read-only"):  # given up by the caller
        words[0, 1] = 1 << 60


def test_byte_rows_without_pad_bytes_are_the_same_memory():
    whole, padded = BitTensor.from_array(random_bits(2, 3, 127)), BitTensor.from_array(random_bits(2, 3, 120))
    assert np.shares_memory(whole.byte_rows(), whole.words)
    assert not whole.byte_rows().flags.writeable
    assert whole.byte_rows().shape == (2, 3, 16)
    assert padded.byte_rows().shape == (2, 3, 15)


row_shapes = st.tuples(st.integers(1, 6), st.integers(0, 3), st.integers(0, 100)) | st.tuples(
    st.integers(1, 6), st.integers(0, 130)
)


@given(row_shapes.flatmap(lambda shape: hnp.arrays(bool, shape)), st.data())
def test_indexing_is_numpys(values, data):
    tensor = BitTensor.from_array(values)
    number = data.draw(st.integers(-len(values), len(values) - 1))
    cut = data.draw(st.slices(len(values)))
    shape = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3)
    rows = data.draw(hnp.arrays(np.int32, shape, elements=st.integers(0, len(values) - 1)))
    for index in (number, np.int64(number), np.array(number), cut, rows):
        part, expected = tensor[index], values[index]
        assert isinstance(part, BitTensor)
        assert part.shape == expected.shape
        np.testing.assert_array_equal(part.unpack(bool), expected)
        assert not pad_bits(part).any()
        assert not part.words.flags.writeable
        assert part == BitTensor.from_array(expected)


@given(hnp.arrays(bool, st.integers(1, 200)), st.data())
def test_one_axis_gives_bits(values, data):
    tensor = BitTensor.from_array(values)
    number = data.draw(st.integers(-len(values), len(values) - 1))
    cut = data.draw(st.slices(len(values)))
    assert type(tensor[number]) is int
    assert tensor[number] == values[number]
    np.testing.assert_array_equal(tensor[cut].unpack(bool), values[cut])
    np.testing.assert_array_equal(tensor[[0, number % len(values)]].unpack(bool), values[[0, number]])
    assert list(tensor) == values.tolist()


def test_neighbouring_rows_share_memory_and_others_are_aligned_copies():
    tensor = BitTensor.from_array(random_bits(9, 2, 70))
    assert address(tensor[2:5].words) == address(tensor.words) + 2 * 2 * 16
    assert np.shares_memory(tensor[-1].words, tensor.words)
    for copied in (tensor[::2], tensor[np.array([3, 3])]):
        assert not np.shares_memory(copied.words, tensor.words)
        assert address(copied.words) % 64 == 0


def test_iteration_ends():
    values = random_bits(3, 5)
    np.testing.assert_array_equal([row.unpack(bool) for row in BitTensor.from_array(values)], values)


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (3, InputError, "index 3 is out of range for a BitTensor with 3 rows; use 0 to 2"),
        (-4, InputError, "index -4 is out of range"),
        (np.array([0, 3]), InputError, "row number 3 is out of range for a BitTensor with 3 rows"),
        (np.array([[0], [-1]]), InputError, "row number -1 is out of range"),
        ((0, 1), InputTypeError, r"indexed along its first axis, .* and got \(0, 1\); call unpack\(\)"),
        (..., InputTypeError, "first axis"),
        (None, InputTypeError, "first axis"),
        (True, InputTypeError, "first axis"),
        (np.bool(True), InputTypeError, "first axis"),
        (1.0, InputTypeError, "first axis"),
        ("a", InputTypeError, "first axis"),
        (np.array([True, False, True]), InputTypeError, "got an array of bool"),
        (np.array([0.0, 1.0]), InputTypeError, "got an array of float64"),
    ],
)
def test_an_index_that_cannot_be_says_so(index, error, message):
    with pytest.raises(error, match=message):
        BitTensor.from_array(random_bits(3, 4))[index]


def test_equality_is_of_shape_and_bits():
    values = random_bits(2, 6)
    tensor = BitTensor.from_array(values)
    assert tensor == BitTensor.from_array(values.astype(float))
    assert tensor != BitTensor.from_array(~values)
    assert tensor != BitTensor.from_array(values[:, :5])
    assert BitTensor.from_array(np.zeros((2, 6))) != BitTensor.from_array(np.zeros((2, 7)))  # equal words
    assert BitTensor.from_array(np.zeros((2, 6))) != BitTensor.from_array(np.zeros((1, 2, 6)))
    assert tensor.__eq__(values) is NotImplemented
    assert tensor != "bits"
    assert (values == tensor) is False
    with pytest.raises(TypeError, match="unhashable"):
        hash(tensor)


def test_numpy_makes_no_arrays_of_objects():
    tensor = BitTensor.from_array(random_bits(2, 6))
    with pytest.raises(TypeError, match="unsupported operand"):
        np.ones(6) * tensor
    with pytest.raises(TypeError, match="__array_ufunc__"):
        np.add(tensor, 1)
    assert np.asarray(tensor).dtype == np.uint8
    np.testing.assert_array_equal(np.asarray(tensor, dtype=np.float32), tensor.unpack())
    with pytest.raises(InputError, match="only by a copy"):
        np.array(tensor, copy=False)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda tensor: pickle.loads(pickle.dumps(tensor))])
def test_copies_are_whole_and_read_only(copied):
    tensor = BitTensor.from_array(random_bits(3, 2, 70))
    other = copied(tensor)
    assert other == tensor
    assert other.bits.buffer_info().address == address(other.words)
    assert not other.words.flags.writeable


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (BitTensor.from_array(np.eye(3, 70)), "BitTensor(shape=(3, 70), 1.4% ones, 48 bytes)"),
        (BitTensor.from_array(np.ones((512, 64))), "BitTensor(shape=(512, 64), 100.0% ones, 4,096 bytes)"),
        (BitTensor.from_array(np.ones((0, 5))), "BitTensor(shape=(0, 5), no bits, 0 bytes)"),
    ],
)
def test_repr_teaches(tensor, text):
    assert repr(tensor) == text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0, 1, 1], [0, 2, 3]], r"only 0 and 1, and got 2 at index \(1, 1\); for the bits of latent weights .*> 0`"),
        ([0.0, 1.0, 0.5], r"got 0.5 at index \(2,\)"),
        ([[[0.0]], [[np.nan]]], r"got nan at index \(1, 0, 0\)"),
        ([0, -1], r"got -1 at index \(1,\)"),
        (1, r"1 to 32 axes of 0 or more bits each, and got shape \(\)"),
    ],
)
def test_values_that_are_no_bits_are_named(values, message):
    with pytest.raises(InputError, match=message):
        BitTensor.from_array(values)


@pytest.mark.parametrize("shape", [(700_000,), (2, 350_000), (350_000, 2), (700, 10, 100)])
def test_a_wrong_value_is_found_in_every_piece(shape):
    values = np.zeros(shape)
    for position in (262_143, 262_144, 699_999):
        index = tuple(int(i) for i in np.unravel_index(position, shape))
        values[index] = 7
        with pytest.raises(InputError) as caught:
            BitTensor.from_array(values)
        assert f"got 7.0 at index {index}" in str(caught.value)
        values[index] = 1


@pytest.mark.parametrize("values", [[0j], ["0"], [None], [object()], np.zeros(3, "datetime64[s]")])
def test_values_of_other_kinds_are_refused(values):
    with pytest.raises(InputTypeError, match="expects bool or numbers 0 and 1, and got dtype"):
        BitTensor.from_array(values)


@pytest.mark.parametrize("dtype", [object, complex, str, "datetime64[s]"])
def test_bits_unpack_only_to_numbers(dtype):
    with pytest.raises(InputTypeError, match="expects a bool, integer or float dtype"):
        BitTensor.from_array([0, 1]).unpack(dtype)


WORDS = np.zeros((2, 2), np.uint64)


@pytest.mark.parametrize(
    ("words", "shape", "error", "message"),
    [
        (WORDS.tolist(), (2, 70), InputTypeError, r"words as a uint64 array, and got list; .*BitTensor\.from_array"),
        (WORDS.astype(np.int64), (2, 70), InputTypeError, "got dtype int64"),
        (WORDS.astype(">u8"), (2, 70), InputTypeError, "got dtype >u8"),
        (WORDS, (2, 64), InputError, r"\(2, 64\) bits are words of shape \(2, 1\), and got shape \(2, 2\)"),
        (WORDS, (2, 129), InputError, r"words of shape \(2, 3\)"),
        (WORDS, (4, 70), InputError, r"words of shape \(4, 2\)"),
        (WORDS.ravel(), (4,), InputError, r"words of shape \(1, 1\), and got shape \(4,\)"),
        (WORDS.copy("F"), (2, 70), InputError, "in one piece of memory, row after row; use np.ascontiguousarray"),
        (np.zeros((2, 4), np.uint64)[:, ::2], (2, 70), InputError, "in one piece"),
        (np.array([[0], [1 << 5]], np.uint64), (2, 5), InputError, r"pad bits must be 0, and in row 1 of \(2, 5\)"),
        (np.array([[0, 1 << 63]], np.uint64), (127,), InputError, r"in row 0 of \(127,\) bits a bit from 127 on"),
        (WORDS, (), InputError, "1 to 32 axes"),
        (WORDS, (1,) * 33, InputError, "1 to 32 axes"),
        (WORDS, (2, -1), InputError, r"0 or more bits each, and got shape \(2, -1\)"),
        (WORDS, (2, 70.0), InputTypeError, r"a tuple of whole numbers, and got \(2, 70.0\)"),
        (WORDS, 70, InputTypeError, "a tuple of whole numbers, and got 70"),
        (WORDS, (0, 2**30, 2**30, 1), InputError, r"at most 2\*\*60 bits"),
        (WORDS, (0, 2**70), InputError, r"at most 2\*\*60 bits"),
    ],
)
def test_words_that_do_not_fit_are_refused(words, shape, error, message):
    with pytest.raises(error, match=message):
        BitTensor.from_words(words, shape)


@pytest.mark.parametrize(
    ("rows", "shape", "error", "message"),
    [
        (np.zeros((2, 9), np.uint8), (2, 73), InputError, r"\(2, 73\) bits are bytes of shape \(2, 10\), and got"),
        (np.zeros(9, np.uint8), (1, 72), InputError, r"bytes of shape \(1, 9\), and got \(9,\); .* np.packbits"),
        (np.zeros((2, 9), bool), (2, 70), InputTypeError, "expects uint8, and got dtype bool"),
        (np.array([[0, 0], [0, 2]], np.uint8), (2, 9), InputError, "pad bits must be 0, and in row 1"),
        (np.array([128], np.uint8), (7,), InputError, "a bit from 7 on is set; clear"),
    ],
)
def test_byte_rows_that_do_not_fit_are_refused(rows, shape, error, message):
    with pytest.raises(error, match=message):
        BitTensor.from_bytes_rows(rows, shape)


def test_bits_need_no_compiler():
    code = "import sys, minibnn.bits; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
