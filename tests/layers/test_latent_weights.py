"""What it means that parameters are bits: only the bits are seen forward, and every latent weight learns."""

import math

import numpy as np
import pytest
from layers.parameters import gradients, randomize

from minibnn.autograd import Tensor
from minibnn.autograd.straight_through import bits_of
from minibnn.layers import BATL, BEMBL, BNCVL, BNFCL, BTFB
from minibnn.models import BCVNN, BLM

IMAGE_SIZES = {"widths": (5, 6, 5, 6, 5), "units": (7, 6)}


def cases():
    """name -> (build(rng), inputs(rng)) of every layer, model and twin."""

    def normal(*shape):
        return lambda rng: [rng.normal(size=shape).astype(np.float32)]

    def ids(rng):
        return [rng.integers(9, size=(2, 5))]

    language = (6, 8, 2, 9, (7, 6), 2)
    return {
        "BNFCL": (lambda rng: BNFCL(5, 6, "gelu", rng=rng), normal(3, 5)),
        "BNCVL": (lambda rng: BNCVL(3, 6, 2, "relu", rng=rng), normal(2, 4, 5, 3)),
        "BNCVL, example": (lambda rng: BNCVL(3, 6, 3, normalize_over="example", rng=rng), normal(2, 4, 5, 3)),
        "BEMBL": (lambda rng: BEMBL(5, 6, 9, rng=rng), ids),
        "BATL": (lambda rng: BATL(8, 2, rng=rng), lambda rng: normal(2, 5, 8)(rng) * 3),
        "BTFB": (lambda rng: BTFB(8, 2, 10, rng=rng), normal(2, 5, 8)),
        "BCVNN": (lambda rng: BCVNN(3, 5, **IMAGE_SIZES, rng=rng), normal(3, 16, 17, 3)),
        "BLM": (lambda rng: BLM(*language, rng=rng), ids),
        "BLM as printed": (lambda rng: BLM(*language, mask_value=-1e-10, rng=rng), ids),
        "StandardCVNN": (
            lambda rng: BCVNN.standard(3, 5, **IMAGE_SIZES, dropout=(0, 0), rng=rng),
            normal(3, 16, 17, 3),
        ),
        "StandardLM": (lambda rng: BLM.standard(*language, rng=rng), ids),
    }


CASES = cases()


@pytest.fixture(params=CASES)
def case(request):
    return case_named(request.param)


@pytest.fixture(params=[name for name in CASES if not name.startswith("Standard")])
def binary_case(request):
    return case_named(request.param)


def case_named(name):
    """(module, inputs, rng)."""
    rng = np.random.default_rng(7)
    build, inputs = CASES[name]
    return randomize(build(rng), rng), inputs(rng), rng


def test_every_parameter_receives_a_gradient(case):
    module, inputs, rng = case
    output = module(*inputs)
    output.backward(rng.normal(size=output.shape))
    for name, grad in gradients(module).items():
        assert np.isfinite(grad).all(), name
        if not (name.endswith("key.b") and not module.named_latent_weights()):  # adds the same to every score
            assert np.abs(grad).max() > 1e-6, name


def test_without_training_there_is_no_graph_and_the_numbers_are_the_same(case):
    module, inputs, _ = case
    trained = module(*inputs)
    module.trainable = False
    frozen = module(*inputs)
    assert trained.requires_grad
    assert trained.parents
    assert not frozen.requires_grad
    assert frozen.parents == ()
    np.testing.assert_array_equal(frozen.data, trained.data)


def test_without_training_a_gradient_still_reaches_the_input_but_no_parameter():
    rng = np.random.default_rng(0)
    layer = BNFCL(4, 5, rng=rng)
    layer.trainable = False
    x = Tensor(rng.normal(size=(2, 4)), requires_grad=True)
    layer(x).backward(rng.normal(size=(2, 5)))
    assert np.abs(x.grad).max() > 0
    assert layer.W.grad is None
    assert layer.b.grad is None


def test_trainable_reaches_every_module_below(case):
    module, _, _ = case
    for flag in (False, True):
        module.trainable = flag
        assert {child.trainable for _, child in module.named_modules()} == {flag}


def others_with_the_same_bits(values, rng):
    """Values nowhere equal to `values`, in another range, whose bits by Eq. 1 are the same."""
    bits, near = bits_of(values), 0.4 / values.size
    other = np.where(bits, 1 - near * rng.random(values.shape), -1 + near * rng.random(values.shape))
    other = other if bits.any() else np.ones(values.shape)
    return (50 + 7 * other).astype(np.float64)


def test_other_latent_weights_with_the_same_bits_change_nothing(binary_case):
    module, inputs, rng = binary_case
    before = module(*inputs).data
    for _, tensor in module.named_latent_weights():
        replacement = others_with_the_same_bits(tensor.data, rng)
        np.testing.assert_array_equal(bits_of(replacement), bits_of(tensor.data))
        tensor.data = replacement.astype(np.float32)
    np.testing.assert_array_equal(module(*inputs).data, before)


def test_one_flipped_bit_changes_the_output():
    layer = BNFCL(2, 3, rng=np.random.default_rng(0))
    layer.W.data = np.array([[1, 0, 1], [0, 1, 0]], np.float32)
    x = np.array([[1.0, 3.0]], np.float32)
    before = layer(x).data
    layer.W.data = np.array([[1, 0, 1], [0, 1, 1]], np.float32)
    assert np.abs(layer(x).data - before).max() > 0.1


def test_a_latent_weight_equal_to_the_mean_is_the_bit_zero():
    """Eq. 1 has `>`: of the kernel 0, 1, 2 with mean 1 only the 2 is a one, and a bias of zeros is all zeros."""
    layer = BNFCL(1, 3, rng=np.random.default_rng(0))
    layer.W.data = np.array([[0, 1, 2]], np.float32)
    z = np.array([0, 0, 5.0])
    expected = (z - z.mean()) / np.sqrt(z.var() + 1e-5)
    np.testing.assert_allclose(layer(np.array([[5.0]], np.float32)).data, [expected], rtol=1e-6)


def test_all_parameters_of_a_binary_model_are_latent_and_none_of_a_twin(case):
    module, _, _ = case
    latent = module.named_latent_weights()
    assert latent in ([], module.named_parameters())
    assert bool(latent) == (not type(module).__name__.startswith("Standard"))


@pytest.mark.parametrize("activation", [None, "relu", "gelu", "softmax"])
def test_before_the_activation_each_example_has_mean_0_and_standard_deviation_1(activation):
    rng = np.random.default_rng(1)
    layer = randomize(BNFCL(20, 30, activation, rng=rng), rng, np.float64)
    z = layer(5 + 3 * rng.normal(size=(2, 4, 20)), activate=False).data
    np.testing.assert_allclose(z.mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(z.std(-1), 1, atol=1e-5)


@pytest.mark.parametrize(("over", "axes"), [("channels", -1), ("example", (1, 2, 3))])
def test_a_convolution_normalizes_over_what_it_was_told(over, axes):
    rng = np.random.default_rng(1)
    layer = randomize(BNCVL(3, 8, 3, normalize_over=over, rng=rng), rng, np.float64)
    z = layer(rng.normal(size=(2, 5, 6, 3))).data
    np.testing.assert_allclose(z.mean(axes), 0, atol=1e-12)
    np.testing.assert_allclose(z.std(axes), 1, atol=1e-3)


def test_the_start_is_glorot_uniform_with_zero_biases():
    layer = BNCVL(8, 16, 3, rng=np.random.default_rng(0))
    limit = math.sqrt(6 / (9 * (8 + 16)))
    assert layer.W.dtype == np.float32
    assert 0.98 * limit < np.abs(layer.W.data).max() <= limit
    assert abs(layer.W.data.mean()) < 0.05 * limit
    np.testing.assert_array_equal(layer.b.data, np.zeros(16))
