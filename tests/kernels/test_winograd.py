import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernels.bit_references import HAS_AVX512

from minibnn import kernels
from minibnn.autograd import Tensor, ops
from minibnn.kernels.paths import reference_path

pytestmark = pytest.mark.skipif(not HAS_AVX512, reason="this processor has no AVX-512, or Numba compiles for another")

sizes = st.tuples(
    st.integers(1, 3), st.integers(1, 11), st.integers(1, 11), st.integers(1, 3).map(lambda n: 16 * n),
    st.integers(1, 5).map(lambda n: 16 * n),
)  # fmt: skip
both_kernels = pytest.mark.parametrize("k", [3, 5])
ERROR = {3: 2e-6, 5: 1e-5}  # relative to the largest: fewer multiplications, more rounding


def images(batch, height, width, channels, filters, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(batch, height, width, n)).astype(np.float32) for n in (channels, filters))


def kernel_of(k, channels, filters, seed=1):
    return np.random.default_rng(seed).normal(size=(k, k, channels, filters)).astype(np.float32)


def convolution_of(x, kernel, parts):
    y = np.full((*x.shape[:3], kernel.shape[3]), np.nan, np.float32)
    kernels.convolve_tiles(x, kernel, y, parts)
    return y


def patches_of(x, k):
    """The pixels that each weight sees: (k, k, B, H, W, C), float64."""
    height, width = x.shape[1:3]
    padded = np.pad(x.astype(float), ((0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)))
    return np.stack([[padded[:, ky : ky + height, kx : kx + width] for kx in range(k)] for ky in range(k)])


def gradient_of(x, g, k, parts):
    gradient = np.full((k, k, x.shape[3], g.shape[3]), np.nan, np.float32)
    kernels.kernel_gradient_of_tiles(x, g, gradient, parts)
    return gradient


@both_kernels
@given(size=sizes)
def test_the_gradient_is_the_sum_over_all_pixels(k, size):
    assert_gradient(*images(*size), k)


@both_kernels
@pytest.mark.parametrize("size", [(9, 4, 4, 512, 512), (1, 3, 300, 16, 32), (2, 16, 16, 48, 16), (7, 9, 9, 32, 64)])
def test_the_gradient_of_many_channels_and_of_tiles_taken_in_pieces(k, size):
    assert_gradient(*images(*size), k)


def assert_gradient(x, g, k):
    expected = np.einsum("yxbhwc,bhwf->yxcf", patches_of(x, k), g, optimize=True)
    error = np.abs(gradient_of(x, g, k, 1) - expected).max()
    assert error < ERROR[k] * np.abs(expected).max()


@both_kernels
@given(size=sizes)
def test_the_convolution_is_the_sum_over_the_kernel(k, size):
    x, _ = images(*size)
    assert_convolution(x, kernel_of(k, *size[3:]))


@both_kernels
@pytest.mark.parametrize("size", [(9, 4, 4, 512, 512), (1, 3, 300, 16, 32)])
def test_the_convolution_of_many_channels_and_of_lines_cut_into_pieces(k, size):
    x, _ = images(*size)
    assert_convolution(x, kernel_of(k, *size[3:]))


def assert_convolution(x, kernel):
    expected = np.einsum("yxbhwc,yxcf->bhwf", patches_of(x, len(kernel)), kernel, optimize=True)
    error = np.abs(convolution_of(x, kernel, 1) - expected).max()
    assert error < ERROR[len(kernel)] * np.abs(expected).max()


@given(sizes)
def test_whole_numbers_give_exact_convolutions_3x3(size):
    """Weights are divided by four at most and numbers are small, so nothing is rounded."""
    x, kernel = (np.rint(4 * array) for array in (next(images(*size)), kernel_of(3, *size[3:])))
    expected = np.einsum("yxbhwc,yxcf->bhwf", patches_of(x, 3), kernel, optimize=True)
    np.testing.assert_array_equal(convolution_of(x, kernel, 1), expected)


@given(sizes)
def test_whole_numbers_give_exact_gradients_3x3(size):
    """Halves of even sums are all that is divided, so nothing is rounded: a wrong sign cannot hide in a tolerance."""
    x, g = (np.rint(4 * array) for array in images(*size))
    direct = np.empty((3, 3, x.shape[3], g.shape[3]), np.float32)
    kernels.kernel_gradient(x, g, direct, 1)
    np.testing.assert_array_equal(gradient_of(x, g, 3, 1), direct)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
@both_kernels
def test_the_same_bits_for_any_number_of_threads(k):
    x, g = images(3, 14, 13, 80, 48)
    kernel = kernel_of(k, 80, 48)
    for parts in (2, 3, 7):
        np.testing.assert_array_equal(gradient_of(x, g, k, parts), gradient_of(x, g, k, 1))
        np.testing.assert_array_equal(convolution_of(x, kernel, parts), convolution_of(x, kernel, 1))


@pytest.mark.parametrize(
    ("k", "size", "channels", "convolutions", "gradients"),
    [
        *((3, (20, 14), 32, 2, 1), (3, (20, 14), 16, 2, 0), (3, (20, 14), 24, 0, 0), (3, (1, 30), 64, 2, 0)),
        *((3, (2, 14), 64, 0, 0), (5, (20, 14), 32, 2, 1), (5, (20, 14), 16, 2, 0), (5, (8, 14), 32, 2, 0)),
        *((5, (2, 70), 32, 2, 0), (5, (2, 14), 32, 0, 0)),
    ],
)
def test_training_takes_it_where_it_is_faster(k, size, channels, convolutions, gradients, monkeypatch):
    """What it computes agrees with the obvious path to 1e-5: the result and both gradients."""
    called = []
    x, g = images(1, *size, channels, channels)
    kernel = kernel_of(k, channels, channels)
    for name in ("convolve_tiles", "kernel_gradient_of_tiles"):
        monkeypatch.setattr(kernels, name, counting(getattr(kernels, name), name, called))

    def everything():
        inputs = Tensor(x, requires_grad=True), Tensor(kernel, requires_grad=True)
        y = ops.conv2d(*inputs)
        y.backward(g)
        return y.data, *(tensor.grad for tensor in inputs)

    found = everything()
    assert called.count("convolve_tiles") == convolutions
    assert called.count("kernel_gradient_of_tiles") == gradients
    with reference_path():
        for ours, theirs in zip(found, everything(), strict=True):
            assert np.abs(ours - theirs).max() < 1e-5 * np.abs(theirs).max()


def counting(kernel, name, called):
    """The kernel, which adds its name to the list when it is called."""
    return lambda *arguments: (called.append(name), kernel(*arguments))
