"""`generate`: what it draws, what it sees, and that it leaves the model as it was."""

import collections
import math

import numpy as np
import pytest
from layers.parameters import randomize

from minibnn.errors import InputError
from minibnn.layers import ShapesOnly
from minibnn.models import BLM, generate


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    return randomize(BLM(6, 8, 2, 11, (7, 9), 2, rng=rng), rng)


def text(model, ids=(1, 2), count=8, seed=0, **options):
    return list(generate(model, ids, count, np.random.default_rng(seed), **options))


def windows(ids, begin, max_len=6):
    """What the docstring says is seen before each token after the first `begin` of `ids`."""
    start = max(0, begin - max_len)
    for end in range(begin, len(ids)):
        if end - start > max_len:
            start = end - (max_len + 1) // 2
        yield ids[start:end]


@pytest.fixture
def passes(monkeypatch):
    """Every pass of a BLM: (number of tokens read, logits (V,) of the last)."""
    seen, logits = [], BLM.logits

    def spy(model, seq, **options):
        found = logits(model, seq, **options)
        seen.append((seq.shape[1], found.data[0, -1]))
        return found

    monkeypatch.setattr(BLM, "logits", spy)
    return seen


@pytest.mark.parametrize("begin", [1, 2, 5, 6, 7, 20])
@pytest.mark.parametrize("build", [BLM, BLM.standard])
@pytest.mark.parametrize("max_len", [1, 5, 6])
@pytest.mark.parametrize("mask_value", [-math.inf, -1e-10])
def test_each_step_sees_the_window_that_the_docstring_promises(passes, begin, build, max_len, mask_value):
    rng = np.random.default_rng(0)
    model = randomize(build(max_len, 8, 2, 11, (7, 9), 2, mask_value=mask_value, rng=rng), rng)
    ids = rng.integers(11, size=begin).tolist()
    ids += text(model, ids, 17)
    found = [logits for _, logits in passes]
    model.trainable = False
    for logits, window in zip(found, windows(ids, begin, max_len), strict=True):
        np.testing.assert_allclose(logits, model.logits(np.array([window])).data[0, -1], rtol=0, atol=1e-5)


def test_a_token_costs_one_position_until_the_window_is_full(model, passes):
    text(model, ids=(1, 2, 3, 4), count=12)
    assert [count for count, _ in passes] == [4, 1, 1, 3, 1, 1, 1, 3, 1, 1, 1, 3]
    passes.clear()
    text(model, ids=[1] * 9, count=3)
    assert [count for count, _ in passes] == [6, 3, 1]


@pytest.mark.parametrize("options", [{"temperature": 0}, {"top_k": 1}, {"temperature": 1e-6}, {"temperature": 1e-320}])
def test_greedy_takes_the_most_likely_token(model, options):
    written = text(model, **options)
    expected = [model.logits(np.array([window])).data[0, -1].argmax() for window in windows([1, 2, *written], 2)]
    assert written == expected


def test_without_drawing_no_generator_is_needed(model):
    assert list(generate(model, [1, 2], 8, temperature=0)) == text(model, temperature=0)


def test_the_same_seed_writes_the_same_text_and_another_seed_another(model):
    assert text(model, count=20, seed=1) == text(model, count=20, seed=1)
    assert text(model, count=20, seed=1) != text(model, count=20, seed=2)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_from_the_softmax_at_that_temperature(model, temperature, monkeypatch):
    found = model.logits(np.array([[3, 4]]))
    logits = found.data[0, -1].astype(np.float64) / temperature
    expected = np.exp(logits) / np.exp(logits).sum()
    monkeypatch.setattr(BLM, "logits", lambda model, seq, **options: found)  # computed once, drawn from often
    rng = np.random.default_rng(0)
    drawn = [next(generate(model, [3, 4], 1, rng, temperature=temperature)) for _ in range(1500)]
    counts = np.bincount(drawn, minlength=11) / len(drawn)
    assert np.abs(counts - expected).max() < 0.05


def test_top_k_draws_from_the_k_most_likely_only(model):
    likely = set(np.argsort(model.logits(np.array([[3]])).data[0, -1])[-3:].tolist())
    rng = np.random.default_rng(0)
    drawn = collections.Counter(next(generate(model, [3], 1, rng, top_k=3, temperature=5)) for _ in range(200))
    assert set(drawn) == likely


def test_top_k_of_the_whole_vocabulary_changes_nothing(model):
    assert text(model, top_k=11) == text(model, top_k=99) == text(model)


@pytest.mark.parametrize("flag", [True, False])
def test_trainable_is_restored_at_the_end_and_when_stopped_early(model, flag):
    model.trainable = flag
    text(model, count=2)
    assert model.trainable is flag
    stopped = generate(model, [1], 5, np.random.default_rng(0))
    next(stopped)
    stopped.close()
    assert model.trainable is flag


def test_trainable_is_restored_layer_by_layer_after_each_token(model):
    model.blocks[0].trainable = False
    before = [module.trainable for _, module in model.named_modules()]
    for _ in generate(model, [1], 3, np.random.default_rng(0)):
        assert [module.trainable for _, module in model.named_modules()] == before


def test_trainable_is_restored_after_an_error(model):
    model.mlp1.forward = lambda x: 1 / 0
    with pytest.raises(ZeroDivisionError):
        text(model)
    assert all(module.trainable for _, module in model.named_modules())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": [1, 11]}, "ids from 0 to 10, and got 11 at index"),
        ({"ids": [-1]}, "ids from 0 to 10, and got -1"),
        ({"ids": np.array([99])}, "ids from 0 to 10, and got 99"),
        ({"ids": [True]}, "integer ids, and got bool"),
        ({"ids": [2**70]}, "ids"),
        ({"ids": [1.0]}, "at least one token id"),
        ({"ids": ["a"]}, "at least one token id"),
        ({"ids": [[1, 2], [3]]}, "at least one token id"),
        ({"ids": np.array([[1, 2]])}, "at least one token id"),
        ({"ids": np.array(1)}, "at least one token id"),
        ({"count": True}, "whole count of at least 0, and got True"),
        ({"temperature": "a"}, "temperature of at least 0, and got 'a'"),
        ({"temperature": None}, "temperature of at least 0, and got None"),
        ({"temperature": True}, "temperature of at least 0, and got True"),
        ({"rng": ShapesOnly()}, "rng expects a numpy.random.Generator.*, and got <.*ShapesOnly"),
        ({"rng": None}, "rng expects a numpy.random.Generator.*, and got None"),
        ({"rng": 7, "temperature": 0}, "rng expects a numpy.random.Generator.*, and got 7"),
        ({"top_p": 0}, "top_p above 0 and up to 1, and got 0"),
        ({"top_p": 1.01}, "top_p above 0 and up to 1, and got 1.01"),
        ({"top_p": float("nan")}, "top_p above 0 and up to 1, and got nan"),
        ({"top_p": True}, "top_p above 0 and up to 1, and got True"),
        ({"top_p": "a"}, "top_p above 0 and up to 1, and got 'a'"),
    ],
)
def test_what_cannot_be_used_is_refused_at_once_and_not_at_the_first_token(model, changes, message):
    with pytest.raises(InputError, match=message):
        generate(model, **{"ids": [1], "count": 3, "rng": np.random.default_rng(0)} | changes)


def test_the_beginning_is_left_as_it_was_and_only_new_tokens_are_yielded(model):
    beginning = [1, 2, 3]
    written = text(model, ids=beginning, count=4)
    assert beginning == [1, 2, 3]
    assert len(written) == 4
    assert all(type(token) is int and 0 <= token < 11 for token in written)
