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


def images(batch, height, width, channels, filters, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(batch, height, width, n)).astype(np.float32) for n in (channels, filters))


def gradient_of(x, g, parts):
    gradient = np.full((3, 3, x.shape[3], g.shape[3]), np.nan, np.float32)
    kernels.kernel_gradient_3x3(x, g, gradient, parts)
    return gradient


@given(sizes)
def test_it_is_the_sum_over_all_pixels(size):
    x, g = images(*size)
    height, width = size[1:3]
    padded = np.pad(x.astype(float), ((0, 0), (1, 1), (1, 1), (0, 0)))
    expected = [
        [np.einsum("bhwc,bhwf->cf", padded[:, ky : ky + height, kx : kx + width], g) for kx in range(3)]
        for ky in range(3)
    ]
    error = np.abs(gradient_of(x, g, 1) - expected).max()
    assert error < 2e-6 * np.abs(expected).max()


@given(sizes)
def test_whole_numbers_give_exact_sums(size):
    """Halves of even sums are all that is divided, so nothing is rounded: a wrong sign cannot hide in a tolerance."""
    x, g = (np.rint(4 * array) for array in images(*size))
    direct = np.empty((3, 3, x.shape[3], g.shape[3]), np.float32)
    kernels.kernel_gradient(x, g, direct, 1)
    np.testing.assert_array_equal(gradient_of(x, g, 1), direct)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_the_same_bits_for_any_number_of_threads():
    x, g = images(3, 14, 9, 80, 48)
    for parts in (2, 3, 7):
        np.testing.assert_array_equal(gradient_of(x, g, parts), gradient_of(x, g, 1))


def test_training_takes_it_where_it_is_faster(monkeypatch):
    """A convolution of 64 to 64 channels; its gradient agrees with the obvious path to 1e-5."""
    x, g = images(2, 16, 16, 64, 64)
    kernel = np.random.default_rng(1).normal(size=(3, 3, 64, 64)).astype(np.float32)

    def gradient():
        W = Tensor(kernel, requires_grad=True)
        ops.conv2d(Tensor(x), W).backward(g)
        return W.grad

    found, called = gradient(), []
    with reference_path():
        expected = gradient()
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    monkeypatch.setattr(kernels, "kernel_gradient_3x3", lambda *arguments: called.append(arguments))
    gradient()
    assert len(called) == 1
