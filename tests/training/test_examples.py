"""Texts of different lengths in batches with little padding: every text once, and the same numbers."""

import numpy as np
import pytest

from minibnn.data import sentence_rows
from minibnn.errors import InputError
from minibnn.models import BLM
from minibnn.training import Examples, evaluate


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return sentence_rows([rng.integers(4, 20, n) for n in rng.integers(1, 30, 60)], 24, pad_id=0, cls_id=2, sep_id=3)


def test_batches_hold_every_text_once_and_are_as_wide_as_their_longest(rows):
    examples = Examples(rows[:, :-1], rows[:, 1:], ignore=0, by_length=True)
    batches = list(examples.batches(8, np.random.default_rng(1)))
    assert len(batches) == examples.num_batches(8) == 8
    found = []
    for inputs, labels in batches:
        assert inputs.shape == labels.shape
        assert labels[:, -1].any()
        found += [(*row[row != 0].tolist(),) for row in labels]
    assert sorted(found) == sorted((*row[row != 0].tolist(),) for row in rows[:, 1:])
    places = sum(labels.size for _, labels in batches)
    used = np.count_nonzero(rows[:, 1:])
    assert used <= places < 1.2 * used < rows[:, 1:].size
    widths = [labels.shape[1] for _, labels in batches]
    assert widths != sorted(widths)
    again = list(examples.batches(8, np.random.default_rng(1)))
    assert [x.tolist() for x, _ in again] == [x.tolist() for x, _ in batches]


def test_the_loss_is_the_same(rows):
    model = BLM(24, 8, 2, 20, (8, 8), 1, rng=np.random.default_rng(0))
    plain, grouped = (Examples(rows[:, :-1], rows[:, 1:], ignore=0, by_length=by_length) for by_length in (False, True))
    assert evaluate(model, grouped, 8) == pytest.approx(evaluate(model, plain, 8), rel=1e-5)


@pytest.mark.parametrize(("labels", "ignore"), [([1, 2], None), ([[0, 1], [1, 1]], 0), ([[1, 0, 1], [1, 1, 0]], 0)])
def test_only_for_text_with_its_padding_at_the_end(labels, ignore):
    with pytest.raises(InputError, match="by_length is for text with its padding"):
        Examples(labels, labels, ignore=ignore, by_length=True)
