"""Each layer against an independent PyTorch implementation of its algorithm: 200 random cases in both precisions."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers.parameters import randomize
from parity import reference
from parity.comparison import CASES, SEEDS, assert_parity

from minibnn.layers import BATL, BEMBL, BNCVL, BNFCL, BTFB
from minibnn.layers.standard import ScaledNormalize, StandardATL, StandardCVL, StandardEMBL, StandardFCL, StandardTFB

pytestmark = [pytest.mark.parity, pytest.mark.parametrize("dtype", [np.float64, np.float32])]

ACTIVATION = st.sampled_from([None, "relu", "gelu", "softmax"])
UNITS = st.integers(
    4, 9
)  # of 2 units Normalize leaves only the sign: its gradient is what eps leaves of a cancellation
MASK_VALUE = st.sampled_from([-math.inf, -1.0e-10])
KEY_BIAS = "key.b"  # without Normalize it adds the same to all scores of a query, which softmax does not see
OVER = st.sampled_from(["channels", "example"])


def normal(rng, shape, dtype):
    return rng.normal(size=shape).astype(dtype)


@CASES
@given(
    seed=SEEDS, leading=st.lists(st.integers(1, 4), max_size=3), n_in=st.integers(2, 12), n_units=UNITS,
    act=ACTIVATION, ties=st.booleans(),
)  # fmt: skip
def test_bnfcl(dtype, seed, leading, n_in, n_units, act, ties):
    rng = np.random.default_rng(seed)
    layer = randomize(BNFCL(n_in, n_units, act, rng=rng), rng, dtype, ties=ties)
    paper = functools.partial(reference.bnfcl, activation=act)
    assert_parity(layer, paper, [normal(rng, (*leading, n_in), dtype)], rng, dtype)


@CASES
@given(
    seed=SEEDS, shape=st.tuples(*[st.integers(1, 5)] * 3), channels=st.integers(1, 4), filters=UNITS,
    kernel_size=st.integers(1, 5), act=ACTIVATION, over=OVER, ties=st.booleans(),
)  # fmt: skip
def test_bncvl(dtype, seed, shape, channels, filters, kernel_size, act, over, ties):
    rng = np.random.default_rng(seed)
    layer = BNCVL(channels, filters, kernel_size, act, normalize_over=over, rng=rng)
    paper = functools.partial(reference.bncvl, activation=act, normalize_over=over)
    assert_parity(randomize(layer, rng, dtype, ties=ties), paper, [normal(rng, (*shape, channels), dtype)], rng, dtype)


def embedding_case(layer_type, rng, dtype, max_len, emb_dim, vocab_size, batch, dense):
    layer = randomize(layer_type(max_len, emb_dim, vocab_size, rng=rng), rng, dtype)
    seq = rng.integers(vocab_size, size=(batch, rng.integers(1, max_len + 1)))
    paper = functools.partial(reference.bembl, max_len=max_len, vocab_size=vocab_size, dense=dense)
    assert_parity(layer, paper, [seq], rng, dtype)


SIZES = {"max_len": st.integers(2, 6), "emb_dim": UNITS, "vocab_size": st.integers(2, 9)}


@CASES
@given(seed=SEEDS, batch=st.integers(1, 4), **SIZES)
def test_bembl(dtype, seed, batch, **sizes):
    embedding_case(BEMBL, np.random.default_rng(seed), dtype, batch=batch, dense=reference.bnfcl, **sizes)


@CASES
@given(seed=SEEDS, batch=st.integers(1, 4), **SIZES)
def test_standard_embedding(dtype, seed, batch, **sizes):
    embedding_case(StandardEMBL, np.random.default_rng(seed), dtype, batch=batch, dense=reference.standard_fcl, **sizes)


HEADS = {"num_heads": st.integers(1, 3), "num_key": st.integers(4, 5), "mask_value": MASK_VALUE}


def attention_case(layer_type, rng, dtype, shape, num_heads, num_key, mask_value, dense, invariant=()):
    emb_dim = num_heads * num_key
    layer = randomize(layer_type(emb_dim, num_heads, mask_value=mask_value, rng=rng), rng, dtype)
    paper = functools.partial(reference.batl, num_heads=num_heads, mask_value=mask_value, dense=dense)
    assert_parity(layer, paper, [normal(rng, (*shape, emb_dim), dtype) for _ in range(3)], rng, dtype, invariant)


@CASES
@given(seed=SEEDS, shape=st.tuples(st.integers(1, 3), st.integers(1, 6)), **HEADS)
def test_batl(dtype, seed, shape, **heads):
    attention_case(BATL, np.random.default_rng(seed), dtype, shape, dense=reference.bnfcl, **heads)


@CASES
@given(seed=SEEDS, shape=st.tuples(st.integers(1, 3), st.integers(1, 6)), **HEADS)
def test_standard_attention(dtype, seed, shape, **heads):
    attention_case(
        StandardATL,
        np.random.default_rng(seed),
        dtype,
        shape,
        dense=reference.standard_fcl,
        invariant=[KEY_BIAS],
        **heads,
    )


def block_case(layer_type, rng, dtype, shape, num_heads, num_key, mask_value, ff_dim, invariant=(), **parts):
    emb_dim = num_heads * num_key
    layer = randomize(layer_type(emb_dim, num_heads, ff_dim, mask_value=mask_value, rng=rng), rng, dtype)
    paper = functools.partial(reference.btfb, num_heads=num_heads, mask_value=mask_value, **parts)
    assert_parity(layer, paper, [normal(rng, (*shape, emb_dim), dtype)], rng, dtype, invariant)


@CASES
@given(seed=SEEDS, shape=st.tuples(st.integers(1, 3), st.integers(1, 6)), ff_dim=UNITS, **HEADS)
def test_btfb(dtype, seed, shape, **sizes):
    block_case(BTFB, np.random.default_rng(seed), dtype, shape, dense=reference.bnfcl, **sizes)


@CASES
@given(seed=SEEDS, shape=st.tuples(st.integers(1, 3), st.integers(1, 6)), ff_dim=UNITS, **HEADS)
def test_standard_block(dtype, seed, shape, **sizes):
    parts = {"dense": reference.standard_fcl, "norm": reference.scaled_normalize, "invariant": [KEY_BIAS]}
    block_case(StandardTFB, np.random.default_rng(seed), dtype, shape, **parts, **sizes)


@CASES
@given(
    seed=SEEDS,
    batch=st.integers(1, 4),
    n_in=st.integers(2, 12),
    n_units=UNITS,
    act=ACTIVATION,
    normalized=st.booleans(),
)
def test_standard_fully_connected(dtype, seed, batch, n_in, n_units, act, normalized):
    rng = np.random.default_rng(seed)
    layer = randomize(StandardFCL(n_in, n_units, act, normalize=normalized, rng=rng), rng, dtype)
    paper = functools.partial(reference.standard_fcl, activation=act, normalized=normalized)
    assert_parity(layer, paper, [normal(rng, (batch, n_in), dtype)], rng, dtype)


@CASES
@given(
    seed=SEEDS, shape=st.tuples(*[st.integers(1, 4)] * 3), channels=st.integers(1, 3), filters=UNITS,
    kernel_size=st.integers(1, 5), act=ACTIVATION, over=OVER, normalized=st.booleans(),
)  # fmt: skip
def test_standard_convolution(dtype, seed, shape, channels, filters, kernel_size, act, over, normalized):
    rng = np.random.default_rng(seed)
    options = {"normalize_over": over}
    layer = StandardCVL(channels, filters, kernel_size, act, normalize=normalized, **options, rng=rng)
    paper = functools.partial(reference.standard_cvl, activation=act, normalized=normalized, **options)
    assert_parity(randomize(layer, rng, dtype), paper, [normal(rng, (*shape, channels), dtype)], rng, dtype)


@CASES
@given(seed=SEEDS, batch=st.integers(1, 5), features=UNITS)
def test_scaled_normalize(dtype, seed, batch, features):
    rng = np.random.default_rng(seed)
    layer = randomize(ScaledNormalize(features), rng, dtype)

    def paper(p, z, trainable):
        return reference.scaled_normalize(p, z)

    assert_parity(layer, paper, [normal(rng, (batch, features), dtype)], rng, dtype)
