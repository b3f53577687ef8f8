"""The steps of one new token against NumPy in float64."""

import math

import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kernels.bit_references import in_product_order, random_bits

from minibnn import kernels
from minibnn.kernels import bit_products, decoding
from minibnn.kernels.exponential import softmax_row
from minibnn.kernels.gaussian import gelu_row

seeds = st.integers(0, 2**32 - 1)


def normalized(z):
    return (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)


def normal_cdf(x):
    return np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x.ravel()]).reshape(x.shape)


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def bias_words(bias):
    """Bits (n,) as uint32 words, filled up to a multiple of 64 with zeros, as a BitTensor holds them: read-only."""
    filled = np.zeros(-(-bias.size // 64) * 64, np.uint8)
    filled[: bias.size] = bias
    words = np.packbits(filled, bitorder="little").view(np.uint32)
    words.setflags(write=False)
    return words


def layer(rng, n_in, n_units):
    """(W, b) as zeros and ones, and (bits, bias) as the kernels take them."""
    W, b = random_bits(rng, (n_in, n_units)), random_bits(rng, n_units)
    return (W, b), (in_product_order(W, kernels.LANES, kernels.BLOCKS), bias_words(b))


def fully_connected(x, W, b, activation=decoding.LINEAR):
    z = normalized(x.astype(np.float64) @ W + b)
    if activation == decoding.GELU:
        return z * normal_cdf(z)
    return np.maximum(z, 0) if activation == decoding.RELU else z


@given(st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=50))
@example([0.0, -0.0, 6.0, -6.0, 5.9999995, -5.9999995, 6.015625, 1e-30])
def test_gelu(values):
    x = np.array(values, np.float32)
    found = x.copy()
    gelu_row(found, found)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(found, wide * normal_cdf(wide), rtol=2e-7, atol=1e-7)


def test_gelu_between_all_entries_of_its_table():
    x = np.linspace(-6.5, 6.5, 100_001).astype(np.float32)
    found = x.copy()
    gelu_row(found, found)
    wide = x.astype(np.float64)
    assert np.abs(found - wide * normal_cdf(wide)).max() < 5e-7


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 3e38, -3e38])
def test_gelu_of_what_is_no_number_reads_no_other_memory(wrong):
    y = np.array([1, wrong, 1], np.float32)
    gelu_row(y, y)
    assert y[0] == y[2] == np.float32(normal_cdf(np.ones(1)))[0]
    assert np.isnan(y[1]) == np.isnan(wrong)


@given(seeds, st.integers(1, 300), st.sampled_from([1e-3, 1.0, 30.0, 1e4]))
@example(0, 1, 1.0)
def test_softmax(seed, count, size):
    x = (size * np.random.default_rng(seed).normal(size=count)).astype(np.float32)
    found = x.copy()
    softmax_row(found, np.empty(count, np.int32), found)
    np.testing.assert_allclose(found, softmax(x.astype(np.float64)), rtol=2e-5, atol=1e-7)
    assert found.sum() == pytest.approx(1, abs=1e-5)


def test_softmax_of_scores_that_are_far_apart_or_equal():
    for scores in ([0, -1e30], [3e38, -3e38], [-5, -5, -5, -5], [-3e38]):
        found = np.array(scores, np.float32)
        softmax_row(found, np.empty(len(scores), np.int32), found)
        expected = np.float32([s == max(scores) for s in scores]) / scores.count(max(scores))
        np.testing.assert_allclose(found, expected, atol=1e-37)


@given(seeds, st.integers(1, 140), st.integers(1, 140), st.sampled_from([0, 1, 2]), st.sampled_from([1e-3, 1, 1e3]))
@example(0, 5, 1, 0, 1)
@example(0, 33, 32, 2, 1)
@example(0, 33, 64, 2, 1)
@example(0, 33, 65, 2, 1)
def test_a_layer_of_one_row(seed, n_in, n_units, activation, size):
    rng = np.random.default_rng(seed)
    (W, b), part = layer(rng, n_in, n_units)
    x = (size * rng.normal(size=(1, n_in))).astype(np.float32)
    found = decoding.fully_connected_row(x, *part, n_units, activation, 1)
    z = x.astype(np.float64) @ W + b
    assert found.shape == (1, n_units)
    # Normalize divides by the spread of the sums: as much as their rounding is then enlarged.
    enlarged = np.abs(z).max() / np.sqrt(z.var() + 1e-5)
    np.testing.assert_allclose(found, fully_connected(x, W, b, activation), rtol=0, atol=3e-6 * max(1, enlarged))


def test_each_bit_of_a_bias_is_added_to_its_own_unit():
    for n_units in (1, 31, 32, 33, 64, 65, 100):
        W, x = np.zeros((3, n_units), np.uint8), np.ones((1, 3), np.float32)
        bits = in_product_order(W, kernels.LANES, kernels.BLOCKS)
        for unit in {0, n_units // 2, n_units - 1}:
            b = np.arange(n_units) == unit
            found = decoding.fully_connected_row(x, bits, bias_words(b), n_units, decoding.LINEAR, 1)
            np.testing.assert_allclose(found[0], normalized(b.astype(float)), atol=1e-5)


@given(seeds, st.integers(1, 5), st.integers(1, 20), st.integers(1, 40))
def test_attention_of_one_position(seed, heads, key_size, length):
    rng = np.random.default_rng(seed)
    query = rng.normal(size=(heads, key_size)).astype(np.float32)
    keys, values = np.full((2, heads, length + 3, key_size), np.nan, np.float32)  # what lies beyond is not read
    keys[:, :length], values[:, :length] = rng.normal(size=(2, heads, length, key_size))
    wide = keys[:, :length].astype(np.float64)
    probabilities = softmax(np.einsum("nk,ntk->nt", query, wide) / math.sqrt(key_size))
    expected = np.einsum("nt,ntk->nk", probabilities, values[:, :length].astype(np.float64))
    np.testing.assert_allclose(decoding.attend(query, keys, values, length, 1), expected, rtol=0, atol=1e-5)


def block(rng, heads, key_size):
    """The six layers of a transformer block: zeros and ones, and as the kernels take them."""
    units = heads * key_size
    sizes = [(units, units)] * 4 + [(units, 2 * units), (2 * units, units)]
    layers = [layer(rng, *size) for size in sizes]
    return [pair for pair, _ in layers], [part for _, part in layers]


@given(seeds, st.integers(1, 5), st.integers(1, 9), st.integers(0, 6))
@example(0, 1, 2, 0)
@example(0, 3, 7, 5)
def test_a_token_through_a_block(seed, heads, key_size, length):
    """Algorithms 5 and 6 for one position, in float64; the cache is written at `length`, and nowhere else."""
    if heads * key_size == 1:
        key_size = 2  # Normalize of a single number is 0 whatever it was
    rng, units = np.random.default_rng(seed), heads * key_size
    pairs, parts = block(rng, heads, key_size)
    x = normalized(rng.normal(size=(1, units))).astype(np.float32)
    keys, values = rng.normal(size=(2, heads, length + 2, key_size)).astype(np.float32)
    before = keys.copy(), values.copy()
    found = decoding.decode_block(x, *parts, keys, values, length, 1)

    q, k, v = (fully_connected(x, *pair).reshape(heads, key_size) for pair in pairs[:3])
    np.testing.assert_allclose(keys[:, length], k, atol=2e-5)
    np.testing.assert_allclose(values[:, length], v, atol=2e-5)
    for array, old in zip((keys, values), before, strict=True):
        np.testing.assert_array_equal(np.delete(array, length, axis=1), np.delete(old, length, axis=1))
    scores = np.einsum("nk,ntk->nt", q, keys[:, : length + 1]) / math.sqrt(key_size)
    attended = np.einsum("nt,ntk->nk", softmax(scores), values[:, : length + 1])
    add_norm = normalized(x + fully_connected(attended.reshape(1, units), *pairs[3]))
    hidden = fully_connected(add_norm, *pairs[4], decoding.GELU)
    expected = normalized(add_norm + fully_connected(hidden, *pairs[5]))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_the_same_bits_for_any_number_of_threads():
    rng, heads, key_size, length = np.random.default_rng(0), 5, 260, 40
    units = heads * key_size
    parts = [part for _, part in (layer(rng, units, units), layer(rng, units, 2 * units), layer(rng, 2 * units, units))]
    parts = [parts[0]] * 4 + parts[1:]
    assert units * units > bit_products.ALONE
    assert units * length > decoding.ATTENDED_ALONE
    x = rng.normal(size=(1, units)).astype(np.float32)
    cache, found = rng.normal(size=(2, heads, length + 1, key_size)).astype(np.float32), []
    for threads in (1, 2, 3):
        keys, values = cache.copy()
        found.append([decoding.decode_block(x, *parts, keys, values, length, threads), keys, values])
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
