import math

import numpy as np
import pytest

from minibnn.autograd import Tensor
from minibnn.errors import InputError, InputTypeError
from minibnn.training import (
    FlipCounter,
    RunningAverage,
    accuracy,
    perplexity,
    top_k_accuracy,
    unigram_perplexity,
)


def test_accuracy_counts_the_first_of_equal_logits():
    logits = np.array([[0.0, 2, 1], [1, 1, 0], [1, 1, 0], [0, 0, 5]])
    assert accuracy(logits, [1, 0, 1, 0]) == 0.5
    assert accuracy(Tensor(logits), np.array([1, 0, 1, 0]), ignore=0) == 0.5


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_top_k_agrees_with_a_stable_sort(k):
    rng = np.random.default_rng(0)
    logits = rng.integers(0, 4, size=(200, 5)).astype(np.float32)  # many ties
    labels = rng.integers(0, 5, size=200)
    best = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    assert top_k_accuracy(logits, labels, k) == pytest.approx((best == labels[:, None]).any(axis=1).mean())
    kept = labels != 2
    assert top_k_accuracy(logits, labels, k, ignore=2) == pytest.approx(
        (best == labels[:, None]).any(axis=1)[kept].mean()
    )
    if k == 1:
        assert top_k_accuracy(logits, labels, 1) == accuracy(logits, labels)


def test_a_logit_that_is_no_number_is_no_hit():
    assert top_k_accuracy(np.array([[0.0, np.nan, 1.0]]), [1], 2) == 0


@pytest.mark.parametrize("k", [0, 4, 1.0, True])
def test_top_k_refuses_a_bad_k(k):
    with pytest.raises(InputError, match="k: expected a whole number from 1 to the 3 classes"):
        top_k_accuracy(np.zeros((1, 3)), [0], k)


def test_metrics_check_their_labels():
    with pytest.raises(InputError, match="out of range"):
        accuracy(np.zeros((1, 3)), [3])


def test_perplexity_is_exp_of_the_mean_loss_not_the_mean_of_exps():
    average = RunningAverage()
    average.add(1.0, 1)
    average.add(3.0, 3)
    assert perplexity(average.mean) == pytest.approx(math.exp(2.5))
    assert perplexity(1000) == math.inf


def test_running_average_weights_by_count_and_is_nan_when_empty():
    average = RunningAverage()
    assert math.isnan(average.mean)
    average.add(np.float32(1.0), 64)
    average.add(0.0, 1)
    assert average.mean == pytest.approx(64 / 65)


def test_unigram_perplexity_by_hand():
    # counts + 1 = [1, 3, 2, 1] of 7; the padding 0 counts nowhere
    expected = math.exp(-(math.log(3 / 7) + math.log(1 / 7)) / 2)
    assert unigram_perplexity([[1, 1], [2, 0]], [1, 3, 0], 4, ignore=0) == pytest.approx(expected)


def test_unigram_perplexity_of_uniform_tokens_is_the_vocabulary():
    assert unigram_perplexity(np.arange(8), np.arange(8), 8) == pytest.approx(8)


@pytest.mark.parametrize(
    ("train", "validation", "error", "message"),
    [
        ([0.5], [0], InputTypeError, "train_ids: expected integers"),
        ([0], [4], InputError, "validation_ids: expected ids from 0 to 3, got 4 to 4"),
        ([9], [0], InputError, "train_ids: no token is left"),
        ([0], [], InputError, "validation_ids: no token is left"),
    ],
)
def test_unigram_perplexity_refuses_bad_ids(train, validation, error, message):
    with pytest.raises(error, match=message):
        unigram_perplexity(train, validation, 4, ignore=9)


def test_flip_counter_counts_the_bits_that_differ(classifier):
    W = classifier.W.data
    W[...] = -1.0
    W[0] = 1.0  # 4 of 24 bits are 1, the mean is -2/3
    counter = FlipCounter(classifier)
    assert counter.ratio() == 0
    W[0, 0], W[1, 1], W[2, 2] = -1.0, 1.0, 1.0
    assert counter.so_far() == pytest.approx(3 / 24)
    assert counter.ratio() == pytest.approx(3 / 24)
    W += 5.0  # moves the mean along with the weights
    assert counter.ratio() == 0


def test_flip_counter_without_bits_gives_none(bigram):
    assert FlipCounter(bigram).ratio() is None
