"""`BitMatrix` and `BitKernel`: the bits come back, products are exact, and bad input is refused."""

import copy
import pickle
import threading

import numpy as np
import pytest
from bitarray import bitarray
from hypothesis import example, given
from hypothesis import strategies as st

from minibnn.autograd import Tensor
from minibnn.autograd.ops import conv2d
from minibnn.bits import BitKernel, BitMatrix, BitTensor
from minibnn.errors import InputError, InputTypeError
from minibnn.layers.one_hot import OneHot

seeds = st.integers(0, 2**32 - 1)
inputs = st.integers(1, 70)
units = st.integers(1, 70) | st.sampled_from([129, 257])


def random_bits(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 2, shape, np.uint8)


def matrix_of(*shape, seed=0):
    """(values, BitMatrix), or a BitKernel for four sizes."""
    values = random_bits(*shape, seed=seed)
    return values, (BitKernel if len(shape) == 4 else BitMatrix)(BitTensor.from_array(values))


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def address(array):
    return array.__array_interface__["data"][0]


def room_behind(array):
    """Bytes of the memory that the array is part of, behind its end."""
    whole = array
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    return address(whole) + whole.nbytes - address(array) - array.nbytes


def assert_product(found, x, values):
    exact = x.astype(np.float64) @ values
    assert found.dtype == np.float32
    assert found.shape == exact.shape
    # A few outputs may all be almost zero: then relative to what they typically are.
    scale = max(np.abs(exact).max(), np.sqrt((x.astype(np.float64) ** 2).sum(-1).max()) / 2)
    assert np.abs(found - exact).max() <= 2e-6 * scale


@given(seeds, inputs, units)
@example(0, 1, 1)
def test_the_bits_of_a_matrix_come_back(seed, n_in, n_units):
    tensor = BitTensor.from_array(random_bits(n_in, n_units, seed=seed))
    matrix = BitMatrix(tensor)
    assert matrix.tensor() == tensor
    assert (matrix.shape, matrix.bits.count()) == (tensor.shape, tensor.count())  # what fills up is zero
    assert matrix.nbytes == matrix.order.nbytes == len(matrix.bits) // 8


@given(seeds, st.integers(1, 5), st.integers(1, 9) | st.sampled_from([16, 33]), units)
@example(0, 1, 1, 1)
def test_the_bits_of_a_kernel_come_back(seed, size, channels, filters):
    tensor = BitTensor.from_array(random_bits(size, size, channels, filters, seed=seed))
    kernel = BitKernel(tensor)
    assert kernel.tensor() == tensor
    assert (kernel.shape, kernel.bits.count()) == (tensor.shape, tensor.count())


@pytest.mark.parametrize("shape", [(70, 65), (3, 3, 5, 17)])
def test_the_bits_are_a_bitarray_over_the_same_memory_aligned_and_read_only(shape):
    _, matrix = matrix_of(*shape)
    assert isinstance(matrix.bits, bitarray)
    assert matrix.bits.endian == "little"
    assert matrix.bits.buffer_info().address == address(matrix.order)
    assert address(matrix.order) % 64 == 0
    assert room_behind(matrix.order) >= 3  # the kernels read so far
    with pytest.raises(TypeError, match="read-only"):
        matrix.bits[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        matrix.order[0] = 1
    with pytest.raises(AttributeError):
        matrix.bits = bitarray()


@pytest.mark.parametrize("shape", [(70, 65), (3, 3, 5, 17)])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda matrix: pickle.loads(pickle.dumps(matrix))])
def test_copies_are_as_good(shape, copied):
    """A copy of the plain array would be misaligned, writeable, and end where its memory ends."""
    _, matrix = matrix_of(*shape)
    matrix.activation_bits = 9
    other = copied(matrix)
    assert other.tensor() == matrix.tensor()
    assert other.activation_bits == 9
    assert address(other.order) % 64 == 0
    assert room_behind(other.order) >= 3
    assert not other.order.flags.writeable


@given(seeds, inputs, units, st.lists(st.integers(1, 4), max_size=3))
def test_products_of_any_number_of_axes(seed, n_in, n_units, axes):
    values, matrix = matrix_of(n_in, n_units, seed=seed)
    x = normal(*axes, n_in, seed=seed)
    assert_product(x @ matrix, x, values)
    product = Tensor(x) @ matrix
    assert isinstance(product, Tensor)
    assert not product.requires_grad
    np.testing.assert_array_equal(product.data, x @ matrix)


@pytest.mark.parametrize("rows", [1, 5, 20])
def test_inputs_in_any_memory_order_and_of_any_number_type(rows):
    values, matrix = matrix_of(40, 70)
    x = normal(rows, 40)
    expected = x @ matrix
    memory = np.zeros(x.nbytes + 1, np.uint8)
    misaligned = memory[1:].view(np.float32).reshape(x.shape)
    misaligned[:] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    for same in (
        np.asfortranarray(x),
        np.repeat(x, 2, axis=1)[:, ::2],
        x[:, ::-1].copy()[:, ::-1],
        np.concatenate([x, x])[:rows],
        misaligned,
        read_only,
        x.astype(">f4"),
        x.astype(np.float64),
    ):
        np.testing.assert_array_equal(same @ matrix, expected)
    whole = np.arange(rows * 40).reshape(rows, 40)
    np.testing.assert_array_equal(whole @ matrix, whole @ values.astype(int))
    np.testing.assert_array_equal((whole % 2 == 1) @ matrix, (whole % 2) @ values.astype(int))
    assert (np.empty((0, 40), np.float32) @ matrix).shape == (0, 70)
    assert_product(x.astype(np.float16) @ matrix, x.astype(np.float16), values)


@given(seeds, inputs, units, st.lists(st.integers(0, 4), max_size=2))
def test_one_hot_vectors_look_rows_up(seed, n_in, n_units, shape):
    values, matrix = matrix_of(n_in, n_units, seed=seed)
    ids = np.random.default_rng(seed).integers(0, n_in, shape, np.int32)
    found = OneHot(np.asarray(ids), n_in) @ matrix
    assert (found.dtype, found.shape) == (np.float32, (*shape, n_units))
    np.testing.assert_array_equal(found.data, values[ids])
    np.testing.assert_array_equal(matrix.rows(np.asarray(ids)), values[ids])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones(39), r"a BitMatrix \(40, 7\) multiplies \(..., 40\), and got shape \(39,\)"),
        (np.ones((40, 39)), r"got shape \(40, 39\)"),
        (Tensor(np.ones((2, 41))), r"got shape \(2, 41\)"),
        (OneHot(np.array([5]), 41), r"got shape \(1, 41\)"),
        (OneHot(np.array([10**9]), 10**10), "multiplies"),
        (Tensor(np.ones((2, 40)), requires_grad=True), "bits have no backward, and the input requires a gradient"),
    ],
)
def test_inputs_that_do_not_fit_a_matrix_are_refused(x, message):
    with pytest.raises(InputError, match=message):
        x @ matrix_of(40, 7)[1]


@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [
        (np.array([0, 40]), InputError, r"BitMatrix expects ids from 0 to 39, and got 40 at index \(1,\)"),
        (np.array([-1]), InputError, "got -1"),
        (np.array([2**62]), InputError, "from 0 to 39"),
        (np.array([2**63], np.uint64), InputError, "from 0 to 39"),
        (np.array([0.0]), InputTypeError, "integer ids, and got float64"),
    ],
)
def test_rows_that_do_not_exist_are_not_read(numbers, error, message):
    with pytest.raises(error, match=message):
        matrix_of(40, 7)[1].rows(numbers)


@pytest.mark.parametrize("kind", [BitMatrix, BitKernel])
@pytest.mark.parametrize("shape", [(5,), (5, 0), (0, 5), (2, 3, 4), (3, 3, 0, 4), (3, 3, 2, 0), (1, 1, 1, 1, 1)])
def test_what_is_no_matrix_or_kernel_is_refused(kind, shape):
    with pytest.raises(InputError, match=rf"{kind.__name__} expects a BitTensor \(.*\) of at least one bit, and got"):
        kind(BitTensor.from_array(np.zeros(shape)))
    with pytest.raises(InputError, match="and got ndarray"):
        kind(np.zeros((2, 2)))


@pytest.mark.parametrize("bits", [0, 1, 17, 24, -8, 8.0, True, "8"])
def test_activation_bits_outside_2_to_16_are_refused(bits):
    _, matrix = matrix_of(5, 7)
    with pytest.raises(InputError, match=r"must be None \(exact\) or a whole number from 2 to 16, and is"):
        matrix.activation_bits = bits
    assert matrix.activation_bits is None


@given(seeds, inputs, units, st.integers(1, 9), st.integers(2, 16))
def test_rounded_inputs_miss_by_at_most_half_a_step_each(seed, n_in, n_units, rows, bits):
    values, matrix = matrix_of(n_in, n_units, seed=seed)
    x = normal(rows, n_in, seed=seed)
    matrix.activation_bits = bits
    step = np.abs(x).max(1, keepdims=True) / (2 ** (bits - 1) - 1)
    error = np.abs(x @ matrix - x.astype(np.float64) @ values)
    assert (error <= step / 2 * values.sum(0) * 1.01 + 1e-5).all()


@given(
    seeds,
    st.integers(1, 3),
    st.integers(1, 13),
    st.integers(1, 13),
    st.integers(1, 9) | st.just(33),
    units,
    st.sampled_from([1, 2, 3, 5]),
)
def test_a_kernel_convolves_as_conv2d(seed, batch, height, width, channels, filters, size):
    values, kernel = matrix_of(size, size, channels, filters, seed=seed)
    x = normal(batch, height, width, channels, seed=seed)
    exact = conv2d(Tensor(x.astype(np.float64)), Tensor(values.astype(np.float64))).data
    found = kernel.convolve(x)
    assert (found.dtype, found.shape) == (np.float32, exact.shape)
    scale = max(np.abs(exact).max(), np.abs(x).max())
    assert np.abs(found - exact).max() <= 2e-6 * scale
    turned = np.ascontiguousarray(x.transpose(3, 1, 0, 2)).transpose(2, 1, 3, 0)
    np.testing.assert_array_equal(kernel.convolve(turned), found)
    np.testing.assert_array_equal(kernel.convolve(np.repeat(x, 2, axis=2)[:, :, ::2].astype(np.float64)), found)


@pytest.mark.parametrize(
    "shape", [(1, 5, 5, 3), (1, 5, 5, 5), (1, 5, 5, 400), (5, 5, 4), (4,), (0, 5, 5, 4), (1, 0, 5, 4)]
)
def test_images_that_do_not_fit_a_kernel_are_refused(shape):
    _, kernel = matrix_of(3, 3, 4, 20)
    with pytest.raises(InputError, match=r"a BitKernel \(3, 3, 4, 20\) convolves images \(B, H, W, 4\), and got shape"):
        kernel.convolve(np.ones(shape, np.float32))
    with pytest.raises(InputTypeError, match=r"kernel.convolve\(images\); for products use a BitMatrix"):
        np.ones((2, 4), np.float32) @ kernel


@pytest.mark.parametrize("bits", [2, 8, 16])
def test_rounded_images(bits):
    values, kernel = matrix_of(3, 3, 4, 20)
    x = normal(3, 5, 6, 4) * np.float32([1, 1e-4, 0])[:, None, None, None]
    exact = kernel.convolve(x)
    kernel.activation_bits = bits
    step = np.abs(x).max((1, 2, 3), keepdims=True) / (2 ** (bits - 1) - 1)
    assert (np.abs(kernel.convolve(x) - exact) <= step / 2 * values.sum((0, 1, 2)) * 1.01).all()
    np.testing.assert_allclose(kernel.convolve(x[1:2]), kernel.convolve(x)[1:2], atol=1e-9)  # each image by itself
    odd = np.ones((3, 2, 2, 4), np.float32)
    odd[0], odd[1, 0, 0, 0], odd[2, 1, 1, 3] = 1e-44, np.nan, np.inf
    found = kernel.convolve(odd)
    assert (found[0] == 0).all()
    assert not np.isfinite(found[1:]).all((1, 2, 3)).any()


def test_two_python_threads_at_once_get_the_same_products():
    """Large enough for the kernels to use threads of their own as well."""
    values, matrix = matrix_of(1200, 1300)
    _, kernel = matrix_of(3, 3, 30, 40)
    x, images = normal(12, 1200), normal(2, 14, 15, 30)
    expected, wrong = (x @ matrix, kernel.convolve(images)), []
    assert_product(expected[0], x, values)

    def work():
        for _ in range(10):
            found = x @ matrix, kernel.convolve(images)
            if not all(map(np.array_equal, found, expected)):
                wrong.append(found)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_repr_teaches():
    _, matrix = matrix_of(70, 65)
    assert repr(matrix) == f"BitMatrix(shape=(70, 65), {matrix.nbytes:,} bytes)"
    assert matrix.nbytes == 96 * 128 // 8
