import math

import numpy as np
import pytest

from minibnn.autograd import Tensor
from minibnn.errors import InputError, InputTypeError
from minibnn.training import cross_entropy

LOGITS = np.random.default_rng(0).normal(size=(3, 4, 7)) * 3
LABELS = np.random.default_rng(1).integers(0, 7, size=(3, 4))


def oracle(logits, labels, ignore=None):
    """Loss and gradient, one label at a time, from exactly summed probabilities."""
    losses, slopes = [], np.zeros(logits.shape)
    kept = [position for position in np.ndindex(labels.shape) if labels[position] != ignore]
    for position in kept:
        exps = [math.exp(z) for z in logits[position]]
        p = np.array(exps) / math.fsum(exps)
        losses.append(-math.log(p[labels[position]]))
        slopes[position] = (p - np.eye(len(p))[labels[position]]) / len(kept)
    return math.fsum(losses) / len(kept), slopes


@pytest.mark.parametrize("ignore", [None, 3, 99])
def test_value_and_gradient_equal_the_definition(ignore):
    labels = LABELS.copy()
    if ignore is not None:
        labels[0, 0] = labels[2, 1] = ignore
    logits = Tensor(LOGITS, requires_grad=True)
    loss = cross_entropy(logits, labels, ignore=ignore)
    loss.backward()
    value, slopes = oracle(LOGITS, labels, ignore)
    assert loss.shape == ()
    assert float(loss.data) == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(logits.grad, slopes, rtol=1e-12, atol=1e-14)
    if ignore is not None:
        assert not logits.grad[0, 0].any()


@pytest.mark.parametrize("ignore", [None, -100])
def test_float32_stays_float32(ignore):
    logits = Tensor(LOGITS.astype(np.float32), requires_grad=True)
    labels = LABELS.astype(np.uint8) if ignore is None else np.where(LABELS > 2, LABELS, ignore)
    loss = cross_entropy(logits, labels, ignore=ignore)
    loss.backward()
    assert loss.dtype == np.float32
    assert logits.grad.dtype == np.float32


def test_equal_logits_give_chance_level():
    assert float(cross_entropy(Tensor(np.zeros((2, 101))), [5, 100]).data) == pytest.approx(math.log(101))


@pytest.mark.parametrize(
    ("logits", "labels", "ignore", "error", "message"),
    [
        (np.zeros((2, 3)), [0.0, 1.0], None, InputTypeError, "expected integers, got dtype float64"),
        (np.zeros((2, 3)), [True, False], None, InputTypeError, "bool"),
        (np.zeros((2, 3)), [0, 1, 2], None, InputError, r"expected shape \(2,\).*got \(3,\)"),
        (np.zeros((2, 3)), [[0], [1]], None, InputError, r"got \(2, 1\)"),
        (np.zeros(()), 0, None, InputError, "expected shape"),
        (np.zeros((2, 3)), [0, 3], None, InputError, r"label 3 at position \[1\] is out of range: expected 0 to 2"),
        (np.zeros((1, 2, 3)), [[0, -1]], None, InputError, r"label -1 at position \[0, 1\]"),
        (np.zeros((2, 3)), [-100, 9], -100, InputError, r"label 9 at position \[1\]"),
        (np.zeros((0, 3)), np.zeros(0, int), None, InputError, "the batch is empty"),
        (np.zeros((2, 3)), [1, 1], 1, InputError, "all 2 labels equal ignore=1"),
    ],
)
def test_what_cannot_be_used_is_refused(logits, labels, ignore, error, message):
    with pytest.raises(error, match=message):
        cross_entropy(Tensor(logits), labels, ignore=ignore)


def test_logits_must_be_a_tensor():
    with pytest.raises(InputTypeError, match="expected a Tensor"):
        cross_entropy(np.zeros((1, 2)), [0])
