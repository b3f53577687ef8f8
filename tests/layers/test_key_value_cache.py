"""The cache of one attention layer: what it stores, that attention sees it, and what does not fit."""

import math

import numpy as np
import pytest
from layers.parameters import randomize

from minibnn.autograd import Tensor
from minibnn.errors import InputError, InputTypeError
from minibnn.layers import BATL, BEMBL
from minibnn.layers.attention import causal_mask
from minibnn.layers.key_value_cache import KeyValueCache


def pair(count, batch_size=2, dtype=np.float32, num_key=5, seed=0):
    """New keys and values of `count` tokens in three heads."""
    return [
        Tensor(x) for x in np.random.default_rng(seed).normal(size=(2, batch_size, 3, count, num_key)).astype(dtype)
    ]


def attention(dtype=np.float32, **options):
    rng = np.random.default_rng(0)
    layer = randomize(BATL(12, 3, rng=rng, **options), rng, dtype)
    layer.trainable = False
    return layer


def test_what_is_appended_comes_back_behind_what_was_stored():
    cache, parts = KeyValueCache(2, 3, 7, 5), [pair(count, seed=count) for count in (3, 1, 2)]
    for part in parts:
        keys, values = cache.append(*part)
    for stored, i in ((keys, 0), (values, 1)):
        np.testing.assert_array_equal(stored.data, np.concatenate([part[i].data for part in parts], axis=2))
    assert cache.length == 6
    assert repr(cache) == "KeyValueCache(6 of 7 positions, 2 x float32)"


def test_what_comes_back_is_a_view_of_the_arrays_which_stay_the_same():
    cache = KeyValueCache(2, 3, 4, 5, np.float64)
    arrays = cache.keys, cache.values
    for _ in range(2):
        keys, values = cache.append(*pair(2, dtype=np.float64))
    assert (cache.keys is arrays[0], cache.values is arrays[1]) == (True, True)
    assert keys.data.base is cache.keys
    assert values.data.base is cache.values


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (pair(3), "room for max_len = 4 tokens, holds 2, and 3 more came"),
        (pair(1, batch_size=1), r"\(2, 3, T, 5\) of float32, and got \(1, 3, 1, 5\)"),
        (pair(1, num_key=4), r"got \(2, 3, 1, 4\)"),
        (pair(1, dtype=np.float64), "float32, and got float64"),
        ((pair(1)[0], pair(2)[1]), r"got \(2, 3, 1, 5\) and \(2, 3, 2, 5\)"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_stored(new, says):
    cache = KeyValueCache(2, 3, 4, 5)
    cache.append(*pair(2))
    before = cache.keys.copy(), cache.values.copy()
    with pytest.raises(InputError, match=says):
        cache.append(*new)
    assert cache.length == 2
    np.testing.assert_array_equal((cache.keys, cache.values), before)


@pytest.mark.parametrize("name", ["batch_size", "num_heads", "max_len", "num_key"])
def test_a_size_below_one_is_refused(name):
    with pytest.raises(InputError, match=f"{name} must be a whole number of at least 1, and is 0"):
        KeyValueCache(**{"batch_size": 1, "num_heads": 1, "max_len": 1, "num_key": 1} | {name: 0})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cuts", [(1,), (1, 2, 3, 4, 5), (2, 5), (4,)])
def test_attention_in_parts_is_attention_at_once(dtype, cuts):
    layer, seq = attention(dtype), np.random.default_rng(1).normal(size=(2, 6, 12)).astype(dtype)
    cache = layer.new_cache(2, 6)
    parts = [layer(x, x, x, past=cache).data for x in np.split(seq, cuts, axis=1)]
    tolerance = 1e-5 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(np.concatenate(parts, axis=1), layer(seq, seq, seq).data, rtol=0, atol=tolerance)
    assert parts[0].dtype == dtype


def test_a_mask_of_ones_own_has_a_column_for_each_stored_position():
    layer, seq = attention(), np.random.default_rng(1).normal(size=(1, 5, 12)).astype(np.float32)
    mask = causal_mask(5)
    mask[4, 1] = 0  # the last token must not see the second
    cache = layer.new_cache(1, 5)
    layer(seq[:, :3], seq[:, :3], seq[:, :3], past=cache)
    new = [seq[:, 3:]] * 3
    with pytest.raises(InputError, match=r"expects a mask \(2, 5\), and got shape \(2, 2\)"):
        layer(*new, causal_mask(2), past=cache)
    assert cache.length == 3
    found = layer(*new, mask[3:], past=cache).data
    np.testing.assert_allclose(found, layer(seq, seq, seq, mask).data[:, 3:], rtol=0, atol=1e-5)
    assert np.abs(found[:, 1] - layer(seq, seq, seq).data[:, 4]).max() > 1e-4


def test_the_mask_after_stored_positions_lets_these_be_seen():
    np.testing.assert_array_equal(causal_mask(2, 3), [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])


def test_the_embedding_begins_at_the_position_it_is_told():
    embed, seq = BEMBL(6, 4, 9, rng=np.random.default_rng(0)), np.array([[1, 2, 3, 4, 5, 6]])
    np.testing.assert_array_equal(embed(seq[:, 4:], start=4).data, embed(seq).data[:, 4:])
    with pytest.raises(InputError, match="at most max_len = 6 tokens, and got 7"):
        embed(seq[:, 4:], start=5)


def test_attention_refuses_a_cache_while_it_is_trainable_and_another_thing_in_its_place():
    layer, x = attention(), np.ones((1, 1, 12), np.float32)
    cache = layer.new_cache(1, 4)
    with pytest.raises(InputTypeError, match="BATL: past expects a KeyValueCache, and got list"):
        layer(x, x, x, past=[cache])
    layer.trainable = True
    with pytest.raises(InputError, match=r"evaluating\(model\).*trainable = False"):
        layer(x, x, x, past=cache)
    assert cache.length == 0


@pytest.mark.parametrize("mask_value", [-1e-10, 0, math.inf])
def test_a_layer_that_sees_later_tokens_has_no_cache(mask_value):
    with pytest.raises(InputError, match=r"a cache needs mask_value = -math.inf"):
        attention(mask_value=mask_value).new_cache(1, 4)
