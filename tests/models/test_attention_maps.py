"""`attention_maps`: what a block's attention layer keeps to itself, against the layer's own output."""

import math

import numpy as np
import pytest

from minibnn.autograd import Tensor
from minibnn.bits import pack
from minibnn.errors import InputError
from minibnn.layers.module import evaluating
from minibnn.models import BLM
from minibnn.models.attention_maps import attention_maps

IDS = np.array([3, 1, 4, 1, 5])


def model_of(kind=BLM, **options):
    return kind(8, 12, 3, 9, (10, 8), 2, rng=np.random.default_rng(0), **options)


def inputs_of(model, block):
    """What the attention layer of a block is given, caught on its way."""
    caught = []
    attention = model.blocks[block].attention
    forward = attention.forward
    attention.forward = lambda *inputs, **options: caught.append(inputs[0]) or forward(*inputs, **options)
    with evaluating(model):
        model(IDS[None])
    del attention.forward
    return caught[0]


@pytest.mark.parametrize("block", [0, 1])
@pytest.mark.parametrize("kind", ["binary", "twin", "packed"])
def test_the_values_mixed_by_the_map_are_what_the_layer_gives(kind, block):
    model = BLM.standard(8, 12, 3, 9, (10, 8), 2, rng=np.random.default_rng(0)) if kind == "twin" else model_of()
    model = pack(model) if kind == "packed" else model
    maps = attention_maps(model, IDS, block)
    assert maps.shape == (3, 5, 5)
    np.testing.assert_allclose(maps.sum(-1), 1, rtol=1e-5)
    attention, x = model.blocks[block].attention, inputs_of(model, block)
    with evaluating(model):
        values = attention.value(x).data[0].reshape(5, 3, 4)  # (T, N, K)
        mixed = np.stack([maps[head] @ values[:, head] for head in range(3)], axis=1).reshape(1, 5, 12)
        expected = attention(x, x, x).data
        np.testing.assert_allclose(attention.projection(Tensor(mixed)).data, expected, atol=1e-5)


def test_no_token_takes_from_a_later_one_unless_the_mask_is_as_printed():
    assert (attention_maps(model_of(), IDS)[:, *np.triu_indices(5, 1)] == 0).all()
    assert (attention_maps(model_of(mask_value=-1e-10), IDS)[:, *np.triu_indices(5, 1)] > 0).all()


def test_the_model_stays_as_it_was_and_wrong_arguments_are_told():
    model = model_of()
    attention_maps(model, IDS)
    assert model.trainable
    with pytest.raises(InputError, match="there is no block 2: the model has 2, counted from 0"):
        attention_maps(model, IDS, 2)
    with pytest.raises(InputError, match="at most max_len = 8 tokens"):
        attention_maps(model, np.zeros(9, int))
    assert math.isinf(model.blocks[0].attention.mask_value)
