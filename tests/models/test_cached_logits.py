"""A text read in parts, with a cache, has the logits of the text read at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers.parameters import randomize

from minibnn.errors import InputError, InputTypeError
from minibnn.layers.module import evaluating
from minibnn.models import BLM

SIZES = (8, 16, 4, 23, (24, 20), 2)
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
BUILDS = pytest.mark.parametrize("build", [BLM, BLM.standard])


def language_model(build=BLM, dtype=np.float32, seed=0, **options):
    rng = np.random.default_rng(seed)
    model = randomize(build(*SIZES, rng=rng, **options), rng, dtype)
    model.trainable = False
    return model


def in_parts(model, seq, cuts):
    """(logits (B, T, V) of `seq` read in parts that end at `cuts`, the caches)."""
    past = model.new_cache(len(seq))
    parts = [model.logits(part, past=past).data for part in np.split(seq, cuts, axis=1)]
    return np.concatenate(parts, axis=1), past


@BUILDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=st.integers(0, 2**32 - 1), batch_size=st.integers(1, 3), seq_len=st.integers(1, 8), data=st.data())
def test_logits_of_parts_are_those_of_the_whole(build, dtype, seed, batch_size, seq_len, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, seq_len - 1)))) if seq_len > 1 else []
    model = language_model(build, dtype, seed)
    seq = np.random.default_rng(seed).integers(23, size=(batch_size, seq_len))
    expected = model.logits(seq).data
    found, past = in_parts(model, seq, cuts)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * np.abs(expected).max())
    assert [cache.length for cache in past] == [seq_len] * 2
    assert [cache.keys.shape for cache in past] == [(batch_size, 4, 8, 4)] * 2


@BUILDS
def test_token_by_token_up_to_max_len(build):
    model, seq = language_model(build), np.arange(8)[None] % 5
    found, past = in_parts(model, seq, range(1, 8))
    np.testing.assert_allclose(found, model.logits(seq).data, rtol=0, atol=1e-5)
    with pytest.raises(InputError, match="room for max_len = 8 tokens, holds 8, and 1 more came"):
        model.logits(seq[:, :1], past=past)


def test_probabilities_too():
    model, seq = language_model(), np.array([[3, 1, 4, 1]])
    past = model.new_cache()
    parts = [model(seq[:, :3], past=past).data, model(seq[:, 3:], past=past).data]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), model(seq).data, rtol=1e-5)


def test_a_cached_token_is_the_work_of_one_position():
    model, shapes = language_model(), []
    past = model.new_cache()
    model.logits(np.array([[1, 2, 3]]), past=past)
    for _, layer in model.named_modules():
        forward = layer.forward
        layer.forward = lambda *x, forward=forward, **o: shapes.append(forward(*x, **o)) or shapes[-1]
    model.logits(np.array([[4]]), past=past)
    assert {y.shape[:-1] for y in shapes} == {(1, 1), (1,)}  # (1,): the embedding of the positions


def test_a_model_that_trains_takes_no_cache():
    model = language_model()
    past, seq = model.new_cache(), np.array([[1]])
    model.trainable = True
    with pytest.raises(InputError, match=r"BLM is trainable.*evaluating\(model\)"):
        model.logits(seq, past=past)
    with evaluating(model):
        model.logits(seq, past=past)
    assert past[0].length == 1


def test_what_is_no_cache_of_this_model_is_refused():
    model, seq = language_model(), np.array([[1, 2]])
    one, other = model.new_cache(), model.new_cache()
    model.logits(seq, past=other)
    for past, error, says in (
        ([], InputTypeError, r"a list of 2 caches, one per block, as model.new_cache\(\) makes it, and got \[\]"),
        (one[0], InputTypeError, "and got KeyValueCache"),
        (one[:1], InputTypeError, "a list of 2 caches"),
        ([one[0], None], InputError, "must all hold as many positions"),
        ([1, 2], InputTypeError, "expects a KeyValueCache, and got int"),
        ([one[0], other[1]], InputError, r"as many positions, and hold \[KeyValueCache\(0 of 8"),
        (model.new_cache(3), InputError, r"model.new_cache\(batch_size\)"),
        (language_model(dtype=np.float64).new_cache(), InputError, "float64, and got float32"),
    ):
        with pytest.raises(error, match=says):
            model.logits(seq, past=past)
    assert [cache.length for cache in one] == [0, 0]


def test_the_printed_mask_lets_later_tokens_be_seen_so_there_is_no_cache():
    assert language_model().hides_later_tokens
    model = language_model(mask_value=-1e-10)
    assert not model.hides_later_tokens
    with pytest.raises(InputError, match="mask_value is -1e-10"):
        model.new_cache()
