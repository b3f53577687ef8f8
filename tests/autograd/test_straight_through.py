"""Eq. 1 and the straight-through node: exact bits forward, the identity backward."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibnn import Tensor
from minibnn.autograd import gradcheck, no_gradient, ops, quant, straight_through
from minibnn.autograd.straight_through import bits_of
from minibnn.errors import InputError

values = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=30)


@given(values)
def test_quant_is_equation_1(numbers):
    p = np.array(numbers, np.float32)
    mean = min(max(sum(map(float, numbers)) / len(numbers), min(numbers)), max(numbers))
    assert quant(Tensor(p)).data.tolist() == [1.0 if x > mean else 0.0 for x in numbers]


@pytest.mark.parametrize("equal", [0.0, 0.1, -3.3, 1e-30])
@pytest.mark.parametrize("count", [1, 3, 7, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_value_equal_to_the_mean_is_0(equal, count, dtype):
    assert not quant(np.full(count, equal, dtype)).data.any()


def test_the_mean_is_not_rounded_to_float32():
    """The mean, 16777219, lies between two float32 numbers; rounded up, it would equal the larger three."""
    assert quant(np.array([16777216, *[16777220] * 3], np.float32)).data.tolist() == [0, 1, 1, 1]


def test_a_nan_leaves_no_bit_set():
    assert not quant(np.array([1.0, np.nan, 3.0])).data.any()


def test_a_tie_with_the_mean_among_others_is_0():
    assert quant(Tensor([1.0, 2.0, 3.0])).data.tolist() == [0, 0, 1]


@given(values)
def test_straight_through_is_exactly_the_bits_and_its_gradient_the_identity(numbers):
    W = Tensor(np.array(numbers, np.float32), requires_grad=True)
    W_q = straight_through(W)
    g = np.arange(len(numbers), dtype=np.float32) + 0.5
    W_q.backward(g)
    assert np.array_equal(W_q.data, quant(W).data)
    assert np.array_equal(W.grad, g)
    assert W_q.operation == "straight_through"


@given(values)
def test_line_2_as_the_paper_spells_it_agrees_to_rounding_and_has_the_same_gradient(numbers):
    ours, paper = (Tensor(np.array(numbers, np.float32), requires_grad=True) for _ in range(2))
    W_q = straight_through(ours)
    line_2 = paper + no_gradient(quant(paper) - paper)
    assert np.allclose(W_q.data, line_2.data, rtol=0, atol=2**-23 * (1 + np.abs(numbers).max()))
    (W_q * W_q).sum().backward()
    (line_2 * no_gradient(W_q)).sum().backward(np.float32(2))
    assert np.array_equal(ours.grad, paper.grad)


def test_line_2_as_the_paper_spells_it_misses_1_in_float32():
    W = Tensor(np.random.default_rng(0).normal(size=1000).astype(np.float32))
    line_2 = W + no_gradient(quant(W) - W)
    assert set(np.unique(quant(W).data)) == {0.0, 1.0}
    assert not set(np.unique(line_2.data)) <= {0.0, 1.0}


@given(values)
def test_compared_with_zero_the_mean_does_not_matter(numbers):
    W = Tensor(np.array(numbers, np.float32), requires_grad=True)
    expected = [float(x > 0) for x in numbers]
    W_q = straight_through(W, "zero")
    g = np.arange(len(numbers), dtype=np.float32) + 0.5
    W_q.backward(g)
    assert W_q.data.tolist() == quant(W, "zero").data.tolist() == expected
    assert bits_of(W.data, "zero").tolist() == [x > 0 for x in numbers]
    assert W_q.operation == "straight_through"
    assert np.array_equal(W.grad, g)


def test_compared_with_zero_all_may_be_ones_and_a_nan_is_alone():
    assert quant(np.full(9, 0.1), "zero").data.all()
    assert quant(np.array([1.0, np.nan, -0.0, 0.0, 1e-45, -1.0], np.float32), "zero").data.tolist() == [
        1,
        0,
        0,
        0,
        1,
        0,
    ]


@pytest.mark.parametrize("function", [quant, straight_through, lambda W, threshold: bits_of(W.data, threshold)])
@pytest.mark.parametrize("threshold", ["median", "", None, 0.0, ["mean"]])
def test_another_threshold_is_refused(function, threshold):
    with pytest.raises(InputError, match=rf"threshold expects 'mean' or 'zero', and got {re.escape(repr(threshold))}"):
        function(Tensor([1.0, 2.0]), threshold)


def test_quant_and_no_gradient_stop_the_gradient():
    W = Tensor([1.0, 2.0], requires_grad=True)
    assert not quant(W).requires_grad
    assert not no_gradient(W).requires_grad


@given(
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from(["mean", "zero"]),
    st.integers(0, 2**32 - 1),
)
def test_the_surrogate_with_a_frozen_offset_has_the_reported_gradient(rows, n_in, n_units, threshold, seed):
    """With C = quant(W0) - W0 frozen, W -> f(W + C) is smooth, and its slope is what the estimator reports."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, n_in)), rng.normal(size=(n_in, n_units)), rng.normal(size=n_units)

    def layer(x, W, b):
        return ops.tanh(x @ straight_through(W, threshold) + straight_through(b, threshold))

    gradcheck(layer, *inputs, latent=(1, 2))
