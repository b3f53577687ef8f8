"""Packed BCVNN and BLM: the same answers as the float models, token by token too, and nothing but bits in memory."""

import copy
import functools
import pickle

import numpy as np
import pytest
from bits.test_packed_layers import assert_holds_bits_only, assert_same, reachable
from hypothesis import example, given, settings
from hypothesis import strategies as st
from layers.parameters import randomize

from minibnn import kernels
from minibnn.bits import pack
from minibnn.bits.packed_layers import PackedBCVNN, PackedBLM
from minibnn.bits.packing import assemble, random_bits, random_packed
from minibnn.errors import InputError, InputTypeError
from minibnn.layers import BATL, BNFCL, ShapesOnly
from minibnn.layers.module import evaluating
from minibnn.models import BCVNN, BLM
from minibnn.models.generation import generate
from minibnn.training import Adam, cross_entropy

seeds = st.integers(0, 2**32 - 1)
TINY = {"widths": (3, 4, 5, 6, 7), "units": (9, 8)}

# (max_len, D, N, V, units of the head, blocks): D no multiple of 16, K = 1, one head, odd sizes
SIZES = st.sampled_from(
    [
        (8, 12, 3, 23, (24, 20), 2),
        (5, 7, 7, 11, (5, 3), 1),
        (6, 33, 1, 65, (31, 70), 3),
        (9, 40, 2, 130, (64, 17), 1),
        (1, 16, 4, 9, (16, 16), 1),
        (12, 66, 6, 300, (100, 50), 2),
    ]
)


def language_model(sizes=(8, 12, 3, 23, (24, 20), 2), seed=0, **options):
    """(the float model, the same packed), with biases of both bits."""
    rng = np.random.default_rng(seed)
    model = randomize(BLM(*sizes, rng=rng, **options), rng)
    model.trainable = False
    return model, pack(model)


def classifier(kernel_size=3, seed=0, **options):
    rng = np.random.default_rng(seed)
    model = randomize(BCVNN(kernel_size, 6, **(TINY | options), rng=rng), rng)
    model.trainable = False
    return model, pack(model)


def images(count, height=16, width=18, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, height, width, 3)).astype(np.float32)


def assert_near(found, expected):
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
@pytest.mark.parametrize("over", ["channels", "example"])
def test_a_packed_classifier(kernel_size, over):
    model, packed = classifier(kernel_size, normalize_over=over, widths=(8, 9, 10, 11, 12))
    x = images(3, 17, 20)
    assert isinstance(packed, PackedBCVNN)
    assert_near(packed.logits(x).data, model.logits(x).data)
    assert_same(packed, model, x)
    assert packed.num_bits() == model.num_parameters()
    assert_holds_bits_only(packed)


@settings(max_examples=40)
@given(seeds, SIZES, st.integers(1, 3), st.data())
def test_a_packed_language_model(seed, sizes, batch, data):
    model, packed = language_model(sizes, seed)
    seq = np.random.default_rng(seed).integers(sizes[3], size=(batch, data.draw(st.integers(1, sizes[0]))))
    assert isinstance(packed, PackedBLM)
    assert_near(packed.logits(seq).data, model.logits(seq).data)
    assert_same(packed, model, seq)


def test_a_language_model_holds_bits_only_also_after_writing():
    _, packed = language_model()
    assert_holds_bits_only(packed)
    list(generate(packed, [1, 2], 5, temperature=0))
    assert_holds_bits_only(packed)


def trained_classifier():
    """A BCVNN that has seen images of four colours a few times, and more of these images."""
    model = BCVNN(3, 4, widths=(8, 8, 16, 16, 32), units=(32, 32), rng=np.random.default_rng(0))
    labels = np.arange(48) % 4
    x = images(48) / 2 + np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, 0]], np.float32)[labels, None, None] / 2
    train(model, lambda: cross_entropy(model.logits(x[:16]), labels[:16]), 12)
    return model, x


def trained_language_model():
    model = BLM(16, 24, 3, 31, (40, 30), 2, rng=np.random.default_rng(0))
    seq = np.random.default_rng(1).integers(31, size=(4, 17))
    train(model, lambda: cross_entropy(model.logits(seq[:, :-1]), seq[:, 1:]), 15)
    return model


def train(model, loss, steps):
    optimizer = Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def test_a_trained_classifier_predicts_the_same_classes():
    model, x = trained_classifier()
    packed = pack(model)
    with evaluating(model):
        expected = model.logits(x).data
    np.testing.assert_array_equal(packed.logits(x).data.argmax(-1), expected.argmax(-1))
    assert len(set(expected.argmax(-1))) > 1
    packed.activation_bits = 14
    assert (packed.logits(x).data.argmax(-1) == expected.argmax(-1)).mean() > 0.9


def test_a_trained_language_model_writes_the_same_tokens():
    """Past the end of the window too, where it begins anew."""
    model = trained_language_model()
    packed = pack(model)
    for beginning in ([1], [3, 1, 4, 1, 5], list(range(30))):
        greedy = list(generate(model, beginning, 40, temperature=0))
        assert list(generate(packed, beginning, 40, temperature=0)) == greedy
        drawn = [
            list(generate(m, beginning, 20, np.random.default_rng(5), temperature=0.8, top_k=7, top_p=0.9))
            for m in (model, packed)
        ]
        assert drawn[0] == drawn[1]
    packed.activation_bits = 16
    assert len(list(generate(packed, [1], 20, temperature=0))) == 20


# token by token


@settings(max_examples=40)
@given(seeds, SIZES, st.data())
@example(0, (1, 16, 4, 9, (16, 16), 1), None)
def test_token_by_token_gives_the_logits_of_the_whole(seed, sizes, data):
    """A prompt of any length, then single tokens up to the full window; nothing is written beyond `length`."""
    model, packed = language_model(sizes, seed)
    max_len, vocab_size = sizes[0], sizes[3]
    seq = np.random.default_rng(seed).integers(vocab_size, size=(1, max_len))
    prompt = data.draw(st.integers(1, max_len)) if data else 1
    expected = model.logits(seq).data
    past = packed.new_cache()
    for cache in past:
        cache.keys[:], cache.values[:] = np.nan, np.nan
    found = [packed.logits(seq[:, :prompt], past=past).data]
    for i in range(prompt, max_len):
        assert {cache.length for cache in past} == {i}
        for cache in past:
            assert np.isfinite(cache.keys[:, :, :i]).all()
            assert np.isfinite(cache.values[:, :, :i]).all()
            assert np.isnan(cache.keys[:, :, i:]).all()
            assert np.isnan(cache.values[:, :, i:]).all()
        found.append(packed.logits(seq[:, i : i + 1], past=past).data)
    assert_near(np.concatenate(found, axis=1), expected)
    for cache, other in zip(past, filled_cache(packed, seq), strict=True):
        np.testing.assert_allclose(cache.keys, other.keys, rtol=0, atol=2e-5)
        np.testing.assert_allclose(cache.values, other.values, rtol=0, atol=2e-5)
    with pytest.raises(InputError, match=f"room for max_len = {max_len} tokens, holds {max_len}, and 1 more came"):
        packed.logits(seq[:, :1], past=past)
    assert {cache.length for cache in past} == {max_len}


def filled_cache(model, seq):
    past = model.new_cache(len(seq))
    model.logits(seq, past=past)
    return past


def test_probabilities_token_by_token():
    model, packed = language_model()
    past, seq = packed.new_cache(), np.array([[3, 1, 4]])
    found = [packed(seq[:, i : i + 1], past=past).data for i in range(3)]
    np.testing.assert_allclose(np.concatenate(found, axis=1), model(seq).data, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found[0].sum(), 1, rtol=1e-5)


@pytest.mark.parametrize(("batch", "activation_bits"), [(3, None), (1, 16), (2, 12)])
def test_several_sequences_and_rounded_inputs_take_the_general_way(batch, activation_bits, monkeypatch):
    _, packed = language_model()
    packed.activation_bits = activation_bits
    monkeypatch.setattr(kernels, "decode_block", None)
    seq = np.random.default_rng(0).integers(23, size=(batch, 8))
    past = packed.new_cache(batch)
    found = np.concatenate([packed.logits(seq[:, i : i + 1], past=past).data for i in range(8)], axis=1)
    # Rounded to a few bits, two sums that differ by a rounding of float32 may end in neighbouring integers.
    tolerance = 1e-5 if activation_bits is None else 30 * 2.0**-activation_bits
    assert np.abs(found - packed.logits(seq).data).max() <= tolerance * np.abs(found).max()


def test_a_single_token_takes_one_call_per_block(monkeypatch):
    _, packed = language_model()
    calls, decode_block = [], kernels.decode_block
    monkeypatch.setattr(kernels, "decode_block", lambda *a: calls.append(len(a)) or decode_block(*a))
    past = packed.new_cache()
    packed.logits(np.array([[1, 2]]), past=past)
    assert not calls
    packed.logits(np.array([[3]]), past=past)
    assert len(calls) == 2


def test_a_model_that_sees_later_tokens_has_no_cache_and_writes_all_the_same():
    model, packed = language_model(mask_value=-1e-10)
    assert not packed.hides_later_tokens
    with pytest.raises(InputError, match="mask_value is -1e-10"):
        packed.new_cache()
    seq = np.array([[3, 1, 4]])
    assert_near(packed.logits(seq).data, model.logits(seq).data)
    greedy = [list(generate(m, [5], 12, temperature=0)) for m in (model, packed)]
    assert greedy[0] == greedy[1]


@pytest.mark.parametrize(
    ("seq", "error", "says"),
    [
        (np.array([[23]]), InputError, "PackedBEMBL expects ids from 0 to 22, and got 23"),
        (np.array([[-1]]), InputError, "got -1"),
        (np.array([[1.0]]), InputTypeError, "integer ids"),
        (np.array([1]), InputError, r"token ids \(B, T\)"),
        ([[1]], InputTypeError, "NumPy array of integer ids, and got list"),
        (np.zeros((1, 0), int), InputError, "at least one"),
        (np.zeros((1, 9), int), InputError, "at most max_len = 8"),
    ],
)
def test_wrong_tokens_are_refused_and_nothing_is_stored(seq, error, says):
    _, packed = language_model()
    past = packed.new_cache()
    for cached in (None, past):
        with pytest.raises(error, match=says):
            packed.logits(seq, past=cached)
    assert [cache.length for cache in past] == [0, 0]


def test_a_cache_that_does_not_fit_is_refused_and_nothing_is_stored():
    """The call that decodes one token believes the cache's shape."""
    _, packed = language_model()
    one, other, token = packed.new_cache(), packed.new_cache(), np.array([[1]])
    packed.logits(np.array([[1, 2]]), past=other)
    wide, narrow = (BLM(8, size, heads, 23, (24, 20), 2, rng=ShapesOnly()) for size, heads in ((120, 3), (12, 2)))
    double = [BATL(12, 3).new_cache(1, 8) for _ in range(2)]
    for cache in double:
        cache.keys, cache.values = cache.keys.astype(np.float64), cache.values.astype(np.float64)
    for past, error, says in (
        (packed.new_cache(3), InputError, r"make one for as many sequences and for this model"),
        (wide.new_cache(), InputError, r"the cache holds keys and values \(1, 3, T, 40\)"),
        (narrow.new_cache(), InputError, r"the cache holds keys and values \(1, 2, T, 6\)"),
        (double, InputError, "float64, and got float32"),
        ([], InputTypeError, "a list of 2 caches, one per block"),
        (one[:1], InputTypeError, "a list of 2 caches"),
        (one[0], InputTypeError, "and got KeyValueCache"),
        ([one[0], None], InputError, "as many positions"),
        ([1, 2], InputTypeError, "expects a KeyValueCache, and got int"),
        ([one[0], other[1]], InputError, "as many positions"),
    ):
        with pytest.raises(error, match=says):
            packed.logits(token, past=past)
        if isinstance(past, list):
            assert all(getattr(cache, "length", 0) in (0, 2) for cache in past)
    assert [cache.length for cache in one] == [0, 0]
    packed.logits(token, past=tuple(one))  # a tuple of caches is as good as a list


def replaced(model, name):
    """The model with one layer that BLM would not have built."""
    rng = np.random.default_rng(1)
    if name == "ff_in":
        model.blocks[1].ff_in, model.blocks[1].ff_out = BNFCL(12, 9, "gelu", rng=rng), BNFCL(9, 12, rng=rng)
    elif name == "relu in a block":
        model.blocks[0].ff_in = BNFCL(12, 24, "relu", rng=rng)
    elif name == "mlp1":
        model.mlp1 = BNFCL(12, 24, "relu", rng=rng)
    else:
        model.blocks[0].attention.query = BNFCL(12, 12, "softmax", rng=rng)
    model.trainable = False
    return model


@pytest.mark.parametrize("name", ["ff_in", "relu in a block", "mlp1", "query"])
def test_a_model_with_other_layers_decodes_with_them(name):
    model = replaced(language_model()[0], name)
    packed, seq = pack(model), np.random.default_rng(0).integers(23, size=(1, 8))
    past = packed.new_cache()
    found = np.concatenate([packed.logits(seq[:, i : i + 1], past=past).data for i in range(8)], axis=1)
    assert_near(found, model.logits(seq).data)


# memory


def test_the_size_of_the_paper_s_classifier():
    packed = random_packed(BCVNN(rng=ShapesOnly()), np.random.default_rng(0))
    assert packed.num_bits() == packed.num_parameters() == 5_132_165
    assert packed.nbytes == sum(layer.W_q.order.nbytes + layer.b_q.words.nbytes for layer in packed._layers())
    assert packed.nbytes == buffers(packed)
    # Outputs are filled up to a multiple of 64, or without AVX-512 of 256.
    assert 5_132_165 / 8 <= packed.nbytes <= (1.05 if kernels.LANES == 16 else 1.1) * 5_132_165 / 8
    assert repr(packed) == f"PackedBCVNN(5,132,165 bits in {packed.nbytes:,} bytes)"


def buffers(packed):
    """The bytes of all different words that can be reached, without what aligns them."""
    words = {
        array.__array_interface__["data"][0]: array.nbytes
        for array in reachable(packed)
        if isinstance(array, np.ndarray) and array.dtype.itemsize > 1
    }
    return sum(words.values())


@pytest.mark.slow
def test_the_size_of_the_paper_s_language_model():
    packed = random_packed(BLM(256, 768, 16, 30522, (4096, 2048), 12, rng=ShapesOnly()), np.random.default_rng(0))
    assert packed.num_bits() == 154_406_714
    assert packed.nbytes <= 1.05 * 154_406_714 / 8
    past, seq = packed.new_cache(), np.random.default_rng(0).integers(30522, size=(1, 5))
    found = np.concatenate([packed.logits(seq[:, i : i + 1], past=past).data for i in range(5)], axis=1)
    expected = packed.logits(seq).data
    # Twelve blocks of random bits enlarge each rounding: two right ways to compute them differ by about 1.3e-5.
    assert np.abs(found - expected).max() <= 3e-5 * np.abs(expected).max()


def test_a_model_of_shapes_only():
    model = BLM(8, 12, 3, 23, (24, 20), 2, rng=ShapesOnly())
    packed = pack(model)
    assert packed.num_bits() == model.num_parameters()
    assert all(bits.count() == 0 for _, bits in packed.named_bits())
    rng = np.random.default_rng(0)
    filled = assemble(model, lambda name: random_bits(dict(model.named_parameters())[name].shape, rng))
    assert 0.4 < sum(bits.count() for _, bits in filled.named_bits()) / filled.num_bits() < 0.6
    assert np.isfinite(filled.logits(np.array([[1, 2]])).data).all()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("build", [language_model, functools.partial(classifier, kernel_size=2)])
def test_copies_compute_the_same(copied, build):
    _, packed = build()
    x = np.array([[1, 2, 3]]) if isinstance(packed, PackedBLM) else images(2)
    if isinstance(packed, PackedBLM):
        packed.logits(x[:, :1], past=packed.new_cache())
    other = copied(packed)
    np.testing.assert_array_equal(other.logits(x).data, packed.logits(x).data)
    assert (other.num_bits(), other.nbytes) == (packed.num_bits(), packed.nbytes)
    if isinstance(packed, PackedBLM):
        past = [model.new_cache() for model in (packed, other)]
        for token in x.T[:, None]:
            found = [m.logits(token, past=p).data for m, p in zip((packed, other), past, strict=True)]
            np.testing.assert_array_equal(*found)
    for layer in other._layers():
        assert layer.W_q.order.ctypes.data % 64 == 0
        assert not layer.W_q.order.flags.writeable
    assert_holds_bits_only(other)
