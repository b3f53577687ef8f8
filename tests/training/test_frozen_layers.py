"""`trainable` layer by layer: what is frozen stays frozen, and measuring or writing leaves every flag as it was."""

import numpy as np
import pytest

from minibnn.errors import InputError
from minibnn.layers.module import evaluating
from minibnn.models import BLM
from minibnn.training import AdamW, Examples, evaluate, fit


@pytest.fixture
def model():
    return BLM(8, 16, 2, 20, (8, 8), 2, rng=np.random.default_rng(0))


@pytest.fixture
def examples():
    ids = np.random.default_rng(1).integers(0, 20, size=(6, 9))
    return Examples(ids[:, :-1], ids[:, 1:])


def flags(model):
    return {name: module.trainable for name, module in model.named_modules()}


def weights(module):
    return np.concatenate([tensor.data.ravel() for tensor in module.parameters()])


def train(model, examples, **options):
    optimizer = AdamW(model.parameters(), lr=0.01)
    return fit(model, examples, examples, optimizer=optimizer, epochs=2, progress=False, **options)


FREEZE = [
    lambda model: setattr(model.blocks[0], "trainable", False),
    lambda model: setattr(model.blocks[1].attention.key, "trainable", False),
    lambda model: [setattr(model, "trainable", False), setattr(model.mlp1, "trainable", True)],
    lambda model: setattr(model, "trainable", False),
    lambda model: None,
]


@pytest.mark.parametrize("freeze", FREEZE)
def test_evaluate_leaves_every_flag_as_it_was(model, examples, freeze):
    freeze(model)
    before = flags(model)
    evaluate(model, examples)
    assert flags(model) == before


def test_inside_evaluating_nothing_is_trainable_and_afterwards_all_is_as_before_also_after_an_error(model):
    model.blocks[0].trainable = False
    before = flags(model)

    def stopped():
        with evaluating(model):
            assert not any(flags(model).values())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert flags(model) == before


def test_what_is_no_module_has_nothing_to_freeze_and_can_be_evaluated(model, examples):
    class BitsOnly:
        logits = staticmethod(model.logits)

    assert evaluate(BitsOnly(), examples) == evaluate(model, examples)


def test_fit_leaves_a_frozen_block_alone_and_trains_the_others(model, examples):
    model.blocks[0].trainable = False
    before, frozen, free = flags(model), weights(model.blocks[0]), weights(model.blocks[1])
    train(model, examples)
    assert np.array_equal(weights(model.blocks[0]), frozen)
    assert not np.array_equal(weights(model.blocks[1]), free)
    assert flags(model) == before


def test_fit_leaves_every_flag_as_it_was_after_an_error(model, examples):
    model.blocks[0].trainable = False
    before = flags(model)

    def report(record, times):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(model, examples, report=report)
    assert flags(model) == before


def test_fit_refuses_a_model_that_is_frozen_as_a_whole(model, examples):
    model.trainable = False
    with pytest.raises(InputError, match=r"set model\.trainable = True"):
        train(model, examples)
    assert not any(flags(model).values())
