"""No output depends on a later token, unless the mask is the -1e-10 that the paper prints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers.parameters import randomize

from minibnn.layers import BATL, BTFB
from minibnn.layers.attention import causal_mask
from minibnn.models import BLM

PRINTED = -1.0e-10


class SelfAttention(BATL):
    """BATL called as Algorithm 5 calls it, with one sequence."""

    def check(self, seq):
        super().check(seq, seq, seq)

    def forward(self, seq):
        return super().forward(seq, seq, seq)


def block(rng, **mask):
    return BTFB(4, 2, 6, **mask, rng=rng)


def attention(rng, **mask):
    return SelfAttention(4, 2, **mask, rng=rng)


def language_model(rng, **mask):
    return BLM(8, 4, 2, 9, (6, 5), 2, **mask, rng=rng)


def language_twin(rng, **mask):
    return BLM.standard(8, 4, 2, 9, (6, 5), 2, **mask, rng=rng)


BUILDERS = pytest.mark.parametrize("build", [attention, block, language_model, language_twin])


def two_futures(build, seed, seq_len, known, **mask):
    """Outputs for two sequences that agree in the first `known` tokens and in no token after."""
    rng = np.random.default_rng(seed)
    layer = randomize(build(rng, **mask), rng)
    if isinstance(layer, BLM):
        seq = rng.integers(9, size=(2, seq_len))
        other = (seq + rng.integers(1, 9, size=seq.shape)) % 9
    else:
        seq, other = rng.normal(size=(2, 2, seq_len, 4)).astype(np.float32)
    other[:, :known] = seq[:, :known]
    return layer(seq).data, layer(other).data


@BUILDERS
@settings(max_examples=30, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), seq_len=st.integers(2, 8), data=st.data())
def test_later_tokens_leave_earlier_outputs_bit_for_bit_the_same(build, seed, seq_len, data):
    known = data.draw(st.integers(1, seq_len - 1))
    one, other = two_futures(build, seed, seq_len, known)
    np.testing.assert_array_equal(one[:, :known], other[:, :known])


@BUILDERS
def test_the_current_token_does_change_its_own_output(build):
    one, other = two_futures(build, 3, seq_len=6, known=5)
    assert np.abs(one[:, 5] - other[:, 5]).max() > 1e-5


@BUILDERS
def test_with_the_printed_constant_later_tokens_do_change_earlier_outputs(build):
    one, other = two_futures(build, 3, seq_len=6, known=1, mask_value=PRINTED)
    assert np.abs(one[:, 0] - other[:, 0]).max() > 1e-5  # far above a rounding of probabilities


def test_position_t_sees_the_positions_up_to_t():
    np.testing.assert_array_equal(causal_mask(3), [[1, 0, 0], [1, 1, 0], [1, 1, 1]])


def test_the_first_position_attends_to_itself_alone():
    rng = np.random.default_rng(0)
    layer = attention(rng)
    seq = rng.normal(size=(1, 5, 4)).astype(np.float32)
    np.testing.assert_allclose(layer(seq).data[:, 0], layer(seq[:, :1]).data[:, 0], rtol=0, atol=1e-5)
