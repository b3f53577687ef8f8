"""Whole layers and small models against finite differences of the surrogate whose offset Quant(W) - W is frozen."""

import functools

import numpy as np
import pytest
from layers.parameters import randomize, set_parameter

from minibnn.autograd import gradcheck
from minibnn.layers import BATL, BEMBL, BNCVL, BNFCL, BTFB
from minibnn.layers.standard import StandardTFB
from minibnn.models import BCVNN, BLM


def check_gradients(module, *inputs, constant=False, **options):
    """Check every parameter, and every input unless they are `constant`; return how many numbers were compared."""
    names = [name for name, _ in module.named_parameters()]
    binary = {name for name, _ in module.named_latent_weights()}
    arrays = [tensor.data for tensor in module.parameters()]

    def function(*tensors):
        for name, tensor in zip(names, tensors, strict=False):
            set_parameter(module, name, tensor)
        return module(*(inputs if constant else tensors[len(names) :]))

    latent = [i for i, name in enumerate(names) if name in binary]
    return gradcheck(function, *arrays, *(() if constant else inputs), latent=latent, **options)


def built(layer_type, *arguments, seed=0, **options):
    rng = np.random.default_rng(seed)
    return randomize(layer_type(*arguments, rng=rng, **options), rng, np.float64), rng


@pytest.mark.parametrize("activation", [None, "gelu", "softmax", "relu"])
def test_bnfcl(activation):
    layer, rng = built(BNFCL, 4, 6, activation)
    assert check_gradients(layer, rng.normal(size=(3, 4)), step=1e-4) == 4 * 6 + 6 + 12


@pytest.mark.parametrize("over", ["channels", "example"])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
def test_bncvl(kernel_size, over):
    layer, rng = built(BNCVL, 2, 5, kernel_size, "gelu", normalize_over=over)
    check_gradients(layer, rng.normal(size=(1, 3, 4, 2)), step=1e-4)


def test_bembl():
    layer, rng = built(BEMBL, 4, 5, 6)
    check_gradients(layer, rng.integers(6, size=(2, 3)), constant=True, step=1e-4)


@pytest.mark.parametrize("mask_value", [-np.inf, -1e-10])
def test_batl(mask_value):
    layer, rng = built(BATL, 8, 2, mask_value=mask_value)
    check_gradients(layer, *rng.normal(size=(3, 1, 4, 8)), step=1e-4)


@pytest.mark.parametrize("block", [BTFB, StandardTFB])
def test_btfb(block):
    layer, rng = built(block, 6, 2, 8)
    check_gradients(layer, rng.normal(size=(1, 3, 6)), step=1e-4)


@pytest.mark.parametrize("build", [BLM, BLM.standard])
def test_small_language_model(build):
    model, rng = built(build, 4, 6, 2, 7, (6, 5), 1)
    check_gradients(model, rng.integers(7, size=(1, 4)), constant=True, step=1e-4)


@pytest.mark.parametrize("build", [BCVNN, functools.partial(BCVNN.standard, normalize=True, dropout=(0, 0))])
def test_small_classifier(build):
    """The step is small, because some of a thousand relus are near 0."""
    model, rng = built(build, 2, 4, widths=(4, 4, 4, 4, 5), units=(5, 4))
    check_gradients(model, rng.uniform(-1, 1, size=(1, 16, 16, 3)), constant=True, step=1e-6, rtol=1e-5)


def test_a_wrong_gradient_is_found():
    layer, rng = built(BNFCL, 3, 4, "gelu")
    layer.activation = lambda z: z * z.data  # claims half of the slope of z * z
    with pytest.raises(AssertionError, match="backward says"):
        check_gradients(layer, rng.normal(size=(2, 3)))
