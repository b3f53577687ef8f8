"""Algorithm 4 as it is printed, one-hot vectors through BNFCL, is what the row lookup of BEMBL must equal."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from layers.parameters import gradients, randomize

from minibnn.autograd import Tensor
from minibnn.layers import BEMBL
from minibnn.layers.one_hot import OneHot


def embedding_case(seed, max_len, emb_dim, vocab_size, batch, seq_len):
    rng = np.random.default_rng(seed)
    layer = randomize(BEMBL(max_len, emb_dim, vocab_size, rng=rng), rng, np.float64)
    seq = rng.integers(vocab_size, size=(batch, seq_len))
    return layer, seq, rng.normal(size=(batch, seq_len, emb_dim))


def literal_algorithm_4(layer, seq):
    """Lines 1-9 with matrix products; of the positions, the first T."""
    one_hot_pos = np.eye(layer.max_len)
    pos_emb = layer.positions(one_hot_pos)[: seq.shape[1]]
    one_hot_tk = OneHot(seq, layer.vocab_size).dense(np.float64)
    return layer.tokens(one_hot_tk) + pos_emb


SIZES = {"max_len": st.integers(2, 7), "emb_dim": st.integers(2, 8), "vocab_size": st.integers(2, 9)}


@settings(max_examples=100, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), batch=st.integers(1, 4), data=st.data(), **SIZES)
def test_lookup_equals_the_one_hot_product_forward_and_backward(seed, batch, data, **sizes):
    seq_len = data.draw(st.integers(1, sizes["max_len"]))
    layer, seq, g = embedding_case(seed, batch=batch, seq_len=seq_len, **sizes)
    results = []
    for forward in (layer, lambda ids: literal_algorithm_4(layer, ids)):
        for tensor in layer.parameters():
            tensor.grad = None
        output = forward(seq)
        output.backward(g)
        results.append((output.data, gradients(layer)))
    (looked_up, its_grads), (multiplied, their_grads) = results
    np.testing.assert_array_equal(looked_up, multiplied)
    for name, grad in their_grads.items():
        np.testing.assert_allclose(its_grads[name], grad, rtol=0, atol=1e-12 * max(1, np.abs(grad).max()))


def test_a_token_that_does_not_occur_gets_no_gradient_and_one_that_occurs_twice_gets_both():
    W = Tensor(np.zeros((4, 2)), requires_grad=True)
    (OneHot(np.array([1, 3, 1]), 4) @ W).backward(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    np.testing.assert_array_equal(W.grad, [[0, 0], [6, 8], [0, 0], [3, 4]])


def test_dense_is_one_at_the_ids():
    np.testing.assert_array_equal(OneHot(np.array([[2], [0]]), 3).dense(), [[[0, 0, 1]], [[1, 0, 0]]])
    assert OneHot(np.array([[2], [0]]), 3).shape == (2, 1, 3)
