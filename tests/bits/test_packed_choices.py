"""Packed models honour what was chosen: in memory, token by token, and in the packed file, old ones too."""

import dataclasses
import re

import numpy as np
import pytest
from bits.test_packed_file import ANY, ONE, config, hostile, outputs
from bits.test_packed_layers import assert_holds_bits_only
from hypothesis import given, settings
from hypothesis import strategies as st
from layers.choices import COMBINATIONS, choices, describe
from layers.parameters import randomize

from minibnn import kernels
from minibnn.autograd.straight_through import bits_of
from minibnn.bits import BitTensor, load_packed, pack, save_packed
from minibnn.bits.archive import read_archive, write_archive
from minibnn.bits.packed_file import KINDS, description, structure_of
from minibnn.bits.picture import picture_of, picture_of_all
from minibnn.errors import InputError
from minibnn.layers import BTFB, Choices, Module
from minibnn.layers.module import evaluating
from minibnn.models import BCVNN, BLM, generate, summary

seeds = st.integers(0, 2**32 - 1)
each_combination = pytest.mark.parametrize("chosen", COMBINATIONS, ids=describe)
NOT_MEAN = Choices("zero", 0.25, normalize=False, bias=False)
STORED = {"threshold": "zero", "epsilon": 0.25, "normalize": False, "bias": False}


def model_of(kind, arguments, chosen, seed=0):
    """A float model whose parameters, biases too, are not at their start, and the same packed."""
    rng = np.random.default_rng(seed)
    model = randomize(KINDS[kind].build(**arguments, choices=chosen, rng=rng), rng)
    model.trainable = False
    return model, pack(model)


@pytest.mark.parametrize("kind", ["BNFCL", "BNCVL", "BEMBL", "BATL", "BTFB"])
@each_combination
def test_a_packed_layer(kind, chosen):
    rng = np.random.default_rng(0)
    arguments = {
        "BNFCL": {"n_in": 40, "n_units": 33, "activation": "gelu"},
        "BNCVL": {
            "n_channels": 9,
            "n_filters": 20,
            "kernel_size": 3,
            "activation": "relu",
            "normalize_over": "example",
        },
        "BEMBL": {"max_len": 7, "emb_dim": 33, "vocab_size": 29},
        "BATL": {"emb_dim": 12, "num_heads": 3},
        "BTFB": {"emb_dim": 12, "num_heads": 3, "ff_dim": 50},
    }
    inputs = {
        "BNFCL": [rng.normal(size=(5, 40))],
        "BNCVL": [rng.normal(size=(2, 7, 6, 9))],
        "BEMBL": [rng.integers(29, size=(3, 5))],
        "BATL": [0.3 * rng.normal(size=(2, 6, 12))] * 3,
        "BTFB": [0.3 * rng.normal(size=(2, 6, 12))],
    }
    model, packed = model_of(kind, arguments[kind], chosen)
    x = [part.astype(np.float32) if part.dtype == float else part for part in inputs[kind]]
    expected, found = model(*x).data, packed(*x).data
    assert np.abs(found - expected).max() <= 1e-5 * max(1, np.abs(expected).max())
    assert packed.num_bits() == model.num_parameters()
    for name, bits in packed.named_bits():
        latent = dict(model.named_parameters())[name].data
        np.testing.assert_array_equal(bits.unpack(bool), bits_of(latent, chosen.threshold))
    assert [name for name, _ in packed.named_bits()] == [name for name, _ in model.named_parameters()]
    assert_holds_bits_only(packed)


@each_combination
def test_a_packed_classifier_tells_the_same_classes(chosen):
    sizes = {"kernel_size": 3, "num_classes": 6, "widths": (8, 9, 10, 11, 12), "units": (9, 8)}
    model, packed = model_of("BCVNN", sizes, chosen)
    x = np.random.default_rng(1).uniform(-1, 1, (24, 17, 20, 3)).astype(np.float32)
    expected, found = model.logits(x).data, packed.logits(x).data
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    np.testing.assert_array_equal(found.argmax(-1), expected.argmax(-1))


TEXT = {"max_len": 8, "emb_dim": 12, "num_heads": 3, "vocab_size": 23, "mlp_units": (24, 20), "num_blocks": 2}


@each_combination
def test_a_packed_language_model_writes_the_same_tokens_with_a_cache_and_without(chosen):
    model, packed = model_of("BLM", TEXT, chosen)
    seq = np.random.default_rng(1).integers(23, size=(1, 8))
    expected = model.logits(seq).data
    past = packed.new_cache()
    parts = [packed.logits(seq[:, i : i + 1], past=past).data for i in range(8)]
    for found in (packed.logits(seq).data, np.concatenate(parts, axis=1)):
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
        np.testing.assert_array_equal(found.argmax(-1), expected.argmax(-1))
    for beginning in ([1], [3, 1, 4], list(range(20))):
        greedy = list(generate(model, beginning, 20, temperature=0))
        assert list(generate(packed, beginning, 20, temperature=0)) == greedy
    written, window = list(generate(packed, [1], 7, temperature=0)), [1]
    for token in written:  # without a cache
        assert token == packed.logits(np.array([window])).data[0, -1].argmax()
        window.append(token)


@pytest.mark.parametrize(
    ("chosen", "calls"),
    [
        (Choices(), 2),
        (Choices("zero"), 2),  # bits are bits, however they were made
        (Choices(epsilon=1e-6), 0),
        (Choices(normalize=False), 0),
        (Choices(bias=False), 0),
    ],
)
def test_one_call_per_block_is_for_what_the_call_knows(chosen, calls, monkeypatch):
    _, packed = model_of("BLM", TEXT, chosen)
    counted, decode_block = [], kernels.decode_block
    monkeypatch.setattr(kernels, "decode_block", lambda *a: counted.append(len(a)) or decode_block(*a))
    packed.logits(np.array([[3]]), past=packed.new_cache())
    assert len(counted) == calls


def test_a_block_with_choices_of_its_own_decodes_with_them():
    model, _ = model_of("BLM", TEXT, Choices())
    rng = np.random.default_rng(0)
    model.blocks[1] = randomize(BTFB(12, 3, 24, choices=Choices(epsilon=2.0), rng=rng), rng)
    model.trainable = False
    packed, seq = pack(model), rng.integers(23, size=(1, 8))
    past = packed.new_cache()
    found = np.concatenate([packed.logits(seq[:, i : i + 1], past=past).data for i in range(8)], axis=1)
    expected = model.logits(seq).data
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


# The packed file.


@settings(max_examples=60)
@given(ANY, choices, seeds)
def test_the_same_model_comes_back(tmp_path_factory, drawn, chosen, seed):
    kind, arguments = drawn
    path = tmp_path_factory.getbasetemp() / "chosen.npz"
    _, packed = model_of(kind, arguments, chosen, seed)
    save_packed(packed, path)
    loaded = load_packed(path)
    stored = {} if chosen == Choices() else {"choices": dataclasses.asdict(chosen)}
    assert description(loaded) == description(packed) == (kind, arguments | stored)
    assert loaded.named_bits() == packed.named_bits()
    assert {module.choices for _, module in loaded.named_modules()} == {chosen}
    assert loaded.num_bits() == packed.num_bits()
    if np.isfinite(expected := outputs(packed)).all():
        np.testing.assert_array_equal(outputs(loaded), expected)
    save_packed(loaded, path.with_name("again.npz"))
    assert path.with_name("again.npz").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("kind", ONE)
def test_a_file_without_choices_has_the_defaults(tmp_path, kind):
    """As all were written before; and so a file of the defaults can be read by whoever does not know of choices."""
    _, packed = model_of(kind, ONE[kind], None)
    path = tmp_path / "model.npz"
    save_packed(packed, path)
    header, tensors = read_archive(path)
    assert header["config"].keys() == ONE[kind].keys()
    assert load_packed(path).choices == Choices()
    header["config"]["choices"] = dataclasses.asdict(Choices())
    write_archive(tmp_path / "told.npz", header, tensors)
    told = load_packed(tmp_path / "told.npz")
    assert told.choices == Choices()
    np.testing.assert_array_equal(outputs(told), outputs(packed))


def test_a_structure_has_the_choices():
    _, packed = model_of("BLM", TEXT, NOT_MEAN)
    structure = structure_of(packed)
    shapes = {name: tensor.shape for name, tensor in structure.named_parameters()}
    assert shapes == {name: bits.shape for name, bits in packed.named_bits()}
    assert structure.choices == NOT_MEAN
    assert summary(structure, 8).splitlines()[-1].split()[2] == f"{packed.num_bits():,}"


def told(**values):
    return config(choices=STORED | values)


EXPECTED = "must be an object of threshold, 'mean' or 'zero', epsilon, a number above 0, normalize and bias, .*, and is"
HOSTILE = {
    "null": (config(choices=None), EXPECTED),
    "a list": (config(choices=["zero"]), EXPECTED),
    "text": (config(choices="zero"), EXPECTED),
    "empty": (config(choices={}), EXPECTED),
    "one key less": (config(choices={key: STORED[key] for key in ("threshold", "epsilon", "bias")}), EXPECTED),
    "one key more": (told(dropout=0.1), EXPECTED),
    "threshold unknown": (told(threshold="median"), EXPECTED),
    "threshold a list": (told(threshold=["zero"]), EXPECTED),
    "threshold null": (told(threshold=None), EXPECTED),
    "epsilon 0": (told(epsilon=0), EXPECTED),
    "epsilon negative": (told(epsilon=-1e-5), EXPECTED),
    "epsilon text": (told(epsilon="1e-5"), EXPECTED),
    "epsilon true": (told(epsilon=True), EXPECTED),
    "epsilon a list": (told(epsilon=[1]), EXPECTED),
    "normalize 1": (told(normalize=1), EXPECTED),
    "normalize null": (told(normalize=None), EXPECTED),
    "bias 0": (told(bias=0), EXPECTED),
    "bias text": (told(bias="no"), EXPECTED),
    "a bias too many": (told(), "array 2 of its BNFCL must be none, and is 'b' of shape"),
    "long": (told(threshold="x" * 100_000), EXPECTED),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_choices_that_lie_give_one_sentence(tmp_path, name):
    change, message = HOSTILE[name]
    path = hostile(tmp_path / "model.npz", "BNFCL", change)
    with pytest.raises(InputError, match=f"^cannot use {re.escape(repr(str(path)))}: .*{message}") as caught:
        load_packed(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_bias_too_few_is_told(tmp_path):
    _, packed = model_of("BLM", ONE["BLM"], NOT_MEAN)
    save_packed(packed, tmp_path / "model.npz")
    header, tensors = read_archive(tmp_path / "model.npz")
    assert header["config"]["choices"] == STORED
    del header["config"]["choices"]
    write_archive(tmp_path / "model.npz", header, tensors)
    with pytest.raises(InputError, match=r"array 2 of its BLM must be 'embed.positions.b' of shape \(8,\), and is"):
        load_packed(tmp_path / "model.npz")


@pytest.mark.parametrize(
    ("part", "wrong"),
    [("fc1", Choices(epsilon=0.5)), ("conv2b", Choices("zero")), ("", {"bias": True}), ("", None)],
)
def test_a_layer_with_choices_of_its_own_is_not_saved(tmp_path, part, wrong):
    _, packed = model_of("BCVNN", ONE["BCVNN"], Choices())
    (getattr(packed, part) if part else packed).choices = wrong
    with pytest.raises(InputError, match=f"'{part}' of this one is another" if part else "of this one is another"):
        save_packed(packed, tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_normalize_of_one_s_own_is_not_saved(tmp_path):
    _, packed = model_of("BTFB", ONE["BTFB"], Choices())
    packed.normalize_ffn = Choices(epsilon=0.5).normalization()
    with pytest.raises(InputError, match="of this one is another"):
        save_packed(packed, tmp_path / "model.npz")


# Modules of one's own, and pictures.


class Own(Module):
    def __init__(self, rng):
        self.layers = [BTFB(8, 2, 8, choices=Choices("zero", bias=False), rng=rng), BTFB(8, 2, 8, rng=rng)]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def test_each_layer_is_packed_by_its_own_threshold():
    rng = np.random.default_rng(0)
    model = randomize(Own(rng), rng)
    for tensor in model.parameters():
        tensor.data += 0.2
    packed, x = pack(model), rng.normal(size=(2, 3, 8)).astype(np.float32)
    with evaluating(model):
        np.testing.assert_allclose(packed(x).data, model(x).data, rtol=0, atol=1e-5)
    assert packed.num_bits() == model.num_parameters()


def test_pictures_without_biases():
    for kind, build in (("BLM", BLM), ("BCVNN", BCVNN)):
        model, packed = model_of(kind, ONE[kind], Choices(bias=False))
        assert isinstance(model, build)
        layers = dict(packed.named_modules())
        layers = {name: layers[name.removesuffix(".W")] for name, _ in packed.named_bits()}
        picture, words = picture_of_all(layers)
        assert picture.width > 0
        assert "bias" not in words
        name = next(iter(layers))
        without, words = picture_of(name, layers[name])
        assert "bias" not in words
        layers[name].b_q = BitTensor.from_array(np.ones(layers[name].W_q.shape[-1], bool))
        assert picture_of(name, layers[name])[0].height > without.height
