"""The fast path computes what the obvious path computes: every operation that has both, forward and backward."""

import contextlib

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibnn import Tensor, kernels
from minibnn.autograd import ops, straight_through
from minibnn.autograd.straight_through import bits_of
from minibnn.kernels.simd import has_avx512
from minibnn.layers import Choices
from minibnn.models import BCVNN, BLM
from minibnn.training import Adam, AdamW, cross_entropy

pytestmark = pytest.mark.skipif(not has_avx512("avx512f"), reason="this processor has no AVX-512: one path only")

seeds = st.integers(0, 2**32 - 1)
few = st.integers(1, 9)
channels = st.sampled_from([1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 31, 32, 33, 48, 70])


def random(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def value_and_gradients(function, *arrays, seed=0):
    """The result, and the gradients of the inputs for a random gradient of the result."""
    inputs = [Tensor(array.copy(), requires_grad=True) for array in arrays]
    result = function(*inputs)
    result.backward(random(seed, *result.shape))
    return [result.data, *(x.grad for x in inputs)]


def agree(function, *arrays, tolerance=1e-5):
    """Both paths agree, relative to the largest of each array; and the fast one for any number of threads, exactly."""
    fast = value_and_gradients(function, *arrays)
    with kernels.reference_path():
        reference = value_and_gradients(function, *arrays)
    for ours, theirs in zip(fast, reference, strict=True):
        assert ours.dtype == theirs.dtype == np.float32
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= tolerance * max(np.abs(theirs).max(), 1e-30)
    return fast


@contextlib.contextmanager
def counted(name, monkeypatch):
    """Gives a list that grows with each call of a kernel: proof that the fast path was taken."""
    calls, kernel = [], getattr(kernels, name)
    monkeypatch.setattr(kernels, name, lambda *arguments: (calls.append(name), kernel(*arguments))[1])
    yield calls


@given(
    seeds, st.integers(1, 3), few, few, channels, channels, st.sampled_from([(1, 1), (2, 2), (3, 3), (5, 5), (3, 1)])
)
def test_convolution_of_floats(seed, batch, height, width, n_channels, filters, window):
    images, kernel = random(seed, batch, height, width, n_channels), random(seed + 1, *window, n_channels, filters)
    agree(ops.conv2d, images, kernel)


@given(seeds, st.integers(1, 3), few, few, channels, channels, st.sampled_from([(1, 1), (2, 2), (3, 3), (5, 5)]))
def test_convolution_of_bits(seed, batch, height, width, n_channels, filters, window):
    images, kernel = random(seed, batch, height, width, n_channels), random(seed + 1, *window, n_channels, filters)
    agree(lambda x, W: ops.conv2d(x, straight_through(W)), images, kernel)


@given(seeds, st.integers(1, 19), channels, channels, st.booleans())
def test_products(seed, rows, n_in, n_units, of_bits):
    x, W = random(seed, rows, n_in), random(seed + 1, n_in, n_units)
    agree(lambda x, W: x @ (straight_through(W) if of_bits else W), x, W)


def test_products_of_many_rows_and_inputs():
    for n_in, n_units in ((700, 1040), (1030, 24)):
        x, W = random(0, 600, n_in), random(1, n_in, n_units)
        agree(lambda x, W: x @ straight_through(W), x, W)
        agree(lambda x, W: x @ W, x, W)


@given(seeds, st.integers(1, 4), st.integers(1, 9), channels, channels)
def test_many_small_products_of_permuted_matrices(seed, count, rows, inner, columns):
    x, y = random(seed, rows, count, inner), random(seed + 1, columns, count, inner)
    agree(lambda x, y: x.permute(1, 0, 2) @ y.permute(1, 2, 0), x, y)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (70, 33), (300, 257)])
@pytest.mark.parametrize("name", ["relu", "gelu", "softmax", "normalize"])
def test_passes_over_rows(name, shape):
    for scale in (1e-3, 1, 30):
        agree(getattr(ops, name), scale * random(1, *shape))


def test_gelu_far_from_zero_is_exact():
    x = np.float32([-40, -6.5, -6, -5.99, 5.99, 6, 6.5, 40, 0])
    value, slope = value_and_gradients(ops.gelu, x)
    with kernels.reference_path():
        expected_value, expected_slope = value_and_gradients(ops.gelu, x)
    np.testing.assert_allclose(value, expected_value, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(slope, expected_slope, rtol=1e-5, atol=1e-6)


def test_softmax_hides_what_is_minus_infinity_and_shows_nan():
    x = np.float32([[0, -np.inf, 1], [-np.inf, -np.inf, 5], [0, np.nan, 1], [-200, 0, 200]])
    y = ops.softmax(Tensor(x)).data
    with kernels.reference_path():
        expected = ops.softmax(Tensor(x)).data
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    assert (y[:2][np.isneginf(x[:2])] == 0).all()
    assert np.isnan(y[2]).all()
    for name in ("relu", "gelu"):
        assert np.isnan(getattr(ops, name)(Tensor(x[2])).data[1])


@pytest.mark.parametrize("shape", [(1, 2), (5, 33), (3, 4, 300)])
def test_bias(shape):
    agree(lambda x, row: x + row, random(0, *shape), random(1, shape[-1]))
    agree(lambda x, row: x + row, random(0, 3000, 7), random(1, 7))  # several chunks of rows


@pytest.mark.parametrize("shape", [(1, 2, 2, 1), (2, 5, 7, 3), (3, 64, 62, 17)])
def test_max_pool(shape):
    agree(ops.max_pool, random(0, *shape), tolerance=0)


def test_cross_entropy_of_many_and_of_extreme_logits():
    labels = np.random.default_rng(0).integers(0, 40, (7, 9))
    for scale in (1, 50):
        agree(lambda x: cross_entropy(x, labels), scale * random(2, 7, 9, 40))


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_adam_in_one_pass(kind):
    parameters = [[Tensor(random(i, *shape)) for i, shape in enumerate([(3,), (300, 301)])] for _ in range(2)]
    for path, (first, second) in zip((contextlib.nullcontext, kernels.reference_path), parameters, strict=True):
        optimizer = kind([first, second], lr=0.01)
        with path():
            for step in range(4):
                first.grad, second.grad = random(step, 3), random(step, 300, 301)
                optimizer.step()
    for ours, theirs in zip(*parameters, strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-5, atol=1e-7)


@given(seeds, st.integers(1, 60_000), st.sampled_from([np.float32, np.float64]), st.sampled_from(["mean", "zero"]))
def test_eq_1_has_the_same_bits_on_both_paths(seed, size, dtype, threshold):
    values = np.random.default_rng(seed).normal(size=size).astype(dtype)
    values[seed % size] = values.mean() if threshold == "mean" else 0  # a tie, or nearly
    fast = straight_through(Tensor(values), threshold).data
    with kernels.reference_path():
        assert np.array_equal(fast, straight_through(Tensor(values), threshold).data)
    assert np.array_equal(fast, bits_of(values, threshold))


def test_equal_values_have_no_ones_on_both_paths():
    for value in (0.1, -1e30, 1e-40):
        values = np.full(100_003, value, np.float32)
        assert not straight_through(Tensor(values)).data.any()


MODELS = {
    "BCVNN": lambda rng: BCVNN(3, 5, widths=(8, 16, 16, 32, 32), units=(24, 16), rng=rng),
    "BLM": lambda rng: BLM(16, 32, 4, 60, (48, 40), 2, rng=rng),
}


def loss_and_gradients(model, batch=6):
    rng = np.random.default_rng(1)
    is_text = isinstance(model, BLM)
    x = rng.integers(0, 60, (batch, 16)) if is_text else rng.normal(size=(batch, 32, 48, 3)).astype(np.float32)
    labels = rng.integers(0, 60, x.shape) if is_text else rng.integers(0, 5, batch)
    for parameter in model.parameters():
        parameter.grad = None
    loss = cross_entropy(model.logits(x), labels)
    loss.backward()
    return loss.item(), [parameter.grad for parameter in model.parameters()]


@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_agrees(name):
    model = MODELS[name](np.random.default_rng(0))
    loss, fast = loss_and_gradients(model)
    with kernels.reference_path():
        reference_loss, reference = loss_and_gradients(model)
    assert loss == pytest.approx(reference_loss, rel=1e-6)
    for ours, theirs in zip(fast, reference, strict=True):
        assert np.abs(ours - theirs).max() <= 2e-5 * np.abs(theirs).max()


@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_is_the_same_for_any_number_of_threads(name):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba was given one thread")
    model, found = MODELS[name](np.random.default_rng(0)), []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        found.append(loss_and_gradients(model, batch=40))
    assert found[0][0] == found[1][0]
    assert all(np.array_equal(one, two) for one, two in zip(found[0][1], found[1][1], strict=True))


def test_the_fast_path_is_taken_and_float64_goes_the_obvious_way(monkeypatch):
    images, kernel = random(0, 2, 4, 4, 8), random(1, 3, 3, 8, 8)
    for dtype, expected in ((np.float32, 2), (np.float64, 0)):
        with counted("convolve_bits", monkeypatch) as calls:
            value_and_gradients(
                lambda x, W: ops.conv2d(x, straight_through(W)), images.astype(dtype), kernel.astype(dtype)
            )
            assert len(calls) == expected  # forward, and the gradient of the images


def test_one_switch_chooses_the_reference_path():
    with kernels.reference_path():
        assert not kernels.fast(np.ones(3, np.float32))
    assert kernels.fast(np.ones(3, np.float32))
    assert not kernels.fast(np.ones(3))
    assert not kernels.fast(np.ones((4, 4), np.float32).T[1:])


@given(seeds, st.sampled_from([1, 5, 40, 1024, 1025, 5000]), channels, st.sampled_from([None, ops.relu, ops.gelu]))
def test_finishing_a_layer_in_one_pass_gives_the_same_bits(seed, rows, n, activation):
    """As bias, Normalize and activation one after another, forward and backward, for any number of threads."""
    z, b = 3 * random(seed, rows, n), (random(seed + 1, n) > 0).astype(np.float32)

    def separately(z, b):
        y = ops.normalize(z + b, eps=1e-3)
        return y if activation is None else activation(y)

    def at_once(z, b):
        return ops.finish(z, b, 1e-3, activation)

    found = value_and_gradients(at_once, z, b)
    for ours, theirs in zip(found, value_and_gradients(separately, z, b), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_layers_finish_in_one_pass(monkeypatch):
    """All layers of the convolutional classifier, and none where Normalize or the bias was left out."""
    images = random(0, 2, 32, 32, 3)
    for choices, passes in ((None, 13), (Choices(normalize=False), 0), (Choices(bias=False), 0)):
        model = BCVNN(3, 4, widths=(4, 4, 8, 8, 8), units=(16, 16), choices=choices, rng=np.random.default_rng(0))
        with counted("add_and_normalize_rows", monkeypatch) as calls:
            model.logits(images).sum().backward()
        assert len(calls) == passes


@given(seeds, st.integers(1, 40), channels, st.lists(st.integers(0, 8), min_size=1, max_size=60), st.booleans())
def test_looked_up_rows_receive_all_their_gradients(seed, repeated, n, ids, negative):
    """Bit for bit what np.add.at gives; ids from the end, which only it knows, too."""
    table, ids = random(seed, 9, n), np.array(ids * repeated) - 9 * negative
    grad = value_and_gradients(lambda t: t[ids], table)[1]
    expected = np.zeros_like(table)
    np.add.at(expected, ids, random(0, *ids.shape, n))
    np.testing.assert_array_equal(grad, expected)


@given(seeds, st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 40), st.integers(1, 70)), st.booleans())
def test_a_mask_over_all_heads(seed, shape, per_row):
    """A number where the mask says so, and no gradient there, with nan or without."""
    mask = np.random.default_rng(seed).random(shape[2:] if not per_row else shape[3:]) < 0.3
    scores = random(seed, *shape)
    scores[..., mask] = np.nan
    found = value_and_gradients(lambda x: ops.where(mask, -1e9, x), scores)
    np.testing.assert_array_equal(found[0], np.where(mask, np.float32(-1e9), scores))
    np.testing.assert_array_equal(found[1], np.where(mask, 0, random(0, *shape)))


@given(seeds, st.permutations(range(4)), st.tuples(*[st.integers(1, 35)] * 4))
def test_products_of_matrices_in_any_order_of_their_axes(seed, order, shape):
    """Transposed, permuted and plain factors are the same numbers."""
    x = np.ascontiguousarray(random(seed, *shape)[:2, :3])
    left = x.transpose(order)
    agree(lambda a, b: a.permute(*order) @ b, x, random(seed, *left.shape[:2], left.shape[3], 5))
    agree(lambda a, b: b @ a.permute(*order), x, random(seed, *left.shape[:2], 5, left.shape[2]))
