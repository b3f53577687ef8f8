"""What may be drawn: top-k and top-p against plain loops, alone and one after the other."""

import collections
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibnn.autograd import Tensor
from minibnn.models import generate
from minibnn.models.generation import keep_top_k, keep_top_p

# Whole and half numbers, so that ties are common; minus infinity is what an earlier choice left out.
LOGITS = st.lists(st.integers(-8, 8).map(lambda n: n / 2), min_size=1, max_size=12).flatmap(
    lambda values: st.permutations([*values, -math.inf])
)
SHARES = st.one_of(st.floats(0, 1, exclude_min=True), st.sampled_from([0.5, 0.9, 1.0]))


def slow_nucleus(logits, top_p):
    """Ids from the most likely on, each taken as long as those before it do not sum to the share yet."""
    weights = [math.exp(x - max(logits)) for x in logits]
    ids = sorted(range(len(logits)), key=lambda i: (-logits[i], i))
    total = 0.0
    for i in ids:
        total += weights[i]
    taken, mass = [], 0.0
    for i in ids:
        taken.append(i)
        mass += weights[i]
        if mass >= top_p * total:
            break
    return set(taken)


def kept(logits):
    return set(np.flatnonzero(np.isfinite(logits)).tolist())


@given(logits=LOGITS, top_p=SHARES)
def test_top_p_keeps_what_the_loop_takes(logits, top_p):
    found = keep_top_p(np.array(logits), top_p)
    assert kept(found) == slow_nucleus(logits, top_p) - {i for i, x in enumerate(logits) if x == -math.inf}
    assert all(found[i] == logits[i] for i in kept(found))


@given(logits=LOGITS, top_k=st.integers(1, 15))
def test_top_k_keeps_all_that_fewer_than_k_are_above(logits, top_k):
    expected = {i for i, x in enumerate(logits) if x > -math.inf and sum(y > x for y in logits) < top_k}
    assert kept(keep_top_k(np.array(logits), top_k)) == expected


class Fixed:
    """A language model whose next token never depends on anything."""

    max_len, hides_later_tokens = 4, False

    def __init__(self, probabilities):
        self.row, self.vocab_size = np.log(np.array(probabilities, np.float32)), len(probabilities)

    def logits(self, seq, past=None, last_only=False):
        return Tensor(np.broadcast_to(self.row, (*seq.shape, self.vocab_size)))


def drawn(probabilities, count=1500, **options):
    return collections.Counter(generate(Fixed(probabilities), [0], count, np.random.default_rng(0), **options))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"top_p": 0.4}, {0}),
        ({"top_p": 0.6}, {0, 1}),
        ({"top_p": 0.8}, {0, 1, 2}),
        ({"top_p": 1.0}, {0, 1, 2, 3}),
        ({"top_k": 2, "top_p": 0.6}, {0}),  # 0.4 of the 0.65 that the first two make up is enough
        ({"top_k": 2, "top_p": 0.62}, {0, 1}),
        ({"temperature": 4, "top_p": 0.6}, {0, 1, 2}),  # flatter: 0.288, 0.256, 0.242, 0.214
        ({"temperature": 0.25, "top_p": 0.8}, {0}),  # steeper: 0.813 for the first
    ],
)
def test_temperature_comes_first_then_top_k_then_top_p(options, expected):
    assert set(drawn([0.4, 0.25, 0.2, 0.15], **options)) == expected


def test_what_is_left_is_drawn_in_proportion():
    counts = drawn([0.4, 0.2, 0.3, 0.1], top_p=0.8)
    assert {i: n / 1500 for i, n in counts.items()} == pytest.approx({0: 4 / 9, 1: 2 / 9, 2: 3 / 9}, abs=0.04)
