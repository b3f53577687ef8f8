"""The packed file: the same model comes back, whatever its kind, and a header that lies gives one sentence."""

import hashlib
import math
import re
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibnn.bits import BitTensor, load_packed, pack, packed_file, save_packed
from minibnn.bits.archive import read_archive, write_archive
from minibnn.bits.packed_file import KINDS, description, structure_of
from minibnn.errors import InputError, InputTypeError
from minibnn.layers import BATL, BEMBL, BNCVL, BNFCL, BTFB, Module, ShapesOnly
from minibnn.models import BCVNN, BLM

ABOUT = {"class_names": ["Crème brûlée", "pie"], "image_size": 32, "validation": {"loss": 1.5, "best": None}}

size = st.integers(1, 70)
few = st.integers(1, 4)
heads = st.tuples(few, few).map(lambda pair: {"emb_dim": pair[0] * pair[1], "num_heads": pair[0]})
activation = st.sampled_from([None, "relu", "gelu", "softmax"])
over = st.sampled_from(["channels", "example"])
mask = st.sampled_from([-math.inf, -1e-10, -1000, 0.0]) | st.floats(-1e6, 1e6)


def merged(*dicts):
    return st.tuples(*dicts).map(lambda parts: {key: value for part in parts for key, value in part.items()})


ARGUMENTS = {
    "BNFCL": st.fixed_dictionaries({"n_in": size, "n_units": size, "activation": activation}),
    "BNCVL": st.fixed_dictionaries(
        {"n_channels": few, "n_filters": size, "kernel_size": few, "activation": activation, "normalize_over": over}
    ),
    "BEMBL": st.fixed_dictionaries({"max_len": few, "emb_dim": size, "vocab_size": size}),
    "BATL": merged(heads, st.fixed_dictionaries({"mask_value": mask})),
    "BTFB": merged(heads, st.fixed_dictionaries({"ff_dim": size, "mask_value": mask})),
    "BCVNN": st.fixed_dictionaries(
        {
            "kernel_size": few,
            "num_classes": size,
            "widths": st.lists(few, min_size=5, max_size=5),
            "units": st.lists(few, min_size=2, max_size=2),
            "normalize_over": over,
        }
    ),
    "BLM": merged(
        heads,
        st.fixed_dictionaries(
            {
                "max_len": few,
                "vocab_size": size,
                "mlp_units": st.lists(few, min_size=2, max_size=2),
                "num_blocks": st.integers(1, 3),
                "mask_value": mask,
            }
        ),
    ),
}
ANY = st.sampled_from(sorted(ARGUMENTS)).flatmap(lambda kind: st.tuples(st.just(kind), ARGUMENTS[kind]))
ONE = {
    "BNFCL": {"n_in": 5, "n_units": 9, "activation": "relu"},
    "BNCVL": {"n_channels": 3, "n_filters": 5, "kernel_size": 2, "activation": None, "normalize_over": "example"},
    "BEMBL": {"max_len": 6, "emb_dim": 8, "vocab_size": 11},
    "BATL": {"emb_dim": 8, "num_heads": 2, "mask_value": -1e-10},
    "BTFB": {"emb_dim": 8, "num_heads": 2, "ff_dim": 9, "mask_value": -math.inf},
    "BCVNN": {"kernel_size": 2, "num_classes": 5, "widths": [2, 3, 4, 5, 6], "units": [7, 8]}
    | {"normalize_over": "channels"},
    "BLM": {"max_len": 6, "emb_dim": 8, "num_heads": 2, "vocab_size": 11, "mlp_units": [7, 9], "num_blocks": 2}
    | {"mask_value": -math.inf},
}  # fmt: skip


def packed_of(kind, seed=0, **arguments):
    """A packed model with random bits in its biases, too."""
    rng = np.random.default_rng(seed)
    model = KINDS[kind].build(**arguments or ONE[kind], rng=rng)
    for tensor in model.parameters():
        tensor.data[...] = rng.normal(size=tensor.shape)
    return pack(model)


def outputs(packed):
    """What a model computes of some input that it takes."""
    rng = np.random.default_rng(1)
    kind, config = description(packed)
    if kind in ("BEMBL", "BLM"):
        ids = rng.integers(config["vocab_size"], size=(2, config["max_len"]))
        return (packed if kind == "BEMBL" else packed.logits)(ids).data
    shape = {"BNFCL": (3, config.get("n_in")), "BCVNN": (1, 16, 17, 3), "BNCVL": (2, 3, 4, config.get("n_channels"))}
    x = rng.normal(size=shape.get(kind, (2, 3, config.get("emb_dim")))).astype(np.float32)
    x = [x] * 3 if kind == "BATL" else [x]
    return (packed.logits if kind == "BCVNN" else packed)(*x).data


@given(ANY)
@settings(max_examples=60)
def test_the_same_model_comes_back(tmp_path_factory, drawn):
    kind, arguments = drawn
    path = tmp_path_factory.getbasetemp() / "any.npz"
    packed = packed_of(kind, **arguments)
    save_packed(packed, path, about=ABOUT)
    loaded = load_packed(path)
    assert type(loaded) is type(packed)
    assert loaded.named_bits() == packed.named_bits()
    assert loaded.about == ABOUT
    assert description(loaded) == (kind, arguments)
    np.testing.assert_array_equal(outputs(loaded), outputs(packed))


@given(ANY)
def test_names_and_shapes_by_arithmetic_are_those_of_the_model(drawn):
    kind, arguments = drawn
    model = KINDS[kind].build(**arguments, rng=ShapesOnly())
    kernels = [(f"{name}.W" if name else "W", shape) for name, shape in KINDS[kind].kernels(**arguments)]
    assert kernels == [(name, tensor.shape) for name, tensor in model.named_parameters() if name.endswith("W")]


def test_the_number_of_activation_bits_comes_back(tmp_path):
    packed = packed_of("BLM")
    packed.activation_bits = 8
    save_packed(packed, tmp_path / "model.npz")
    loaded = load_packed(str(tmp_path / "model.npz"))
    assert loaded.activation_bits == 8
    assert (loaded.about, loaded.trainable) == ({}, False)
    np.testing.assert_array_equal(outputs(loaded), outputs(packed))
    assert loaded.hides_later_tokens


def test_what_a_loaded_model_is_about_is_kept_when_it_is_saved_again(tmp_path):
    save_packed(packed_of("BNFCL"), tmp_path / "first.npz", about=ABOUT)
    loaded = load_packed(tmp_path / "first.npz")
    save_packed(loaded, tmp_path / "second.npz")
    assert (tmp_path / "second.npz").read_bytes() == (tmp_path / "first.npz").read_bytes()
    save_packed(loaded, tmp_path / "third.npz", about={})
    assert load_packed(tmp_path / "third.npz").about == {}


def test_sizes_that_are_numpys_are_kept(tmp_path):
    sizes = {name: np.int64(size) if type(size) is int else size for name, size in ONE["BLM"].items()}
    save_packed(packed_of("BLM", **sizes), tmp_path / "model.npz")
    assert description(load_packed(tmp_path / "model.npz")) == ("BLM", ONE["BLM"])


def test_the_header_is_what_is_documented(tmp_path):
    packed = packed_of("BLM")
    save_packed(packed, tmp_path / "model.npz", about=ABOUT)
    header, tensors = read_archive(tmp_path / "model.npz")
    assert header == {
        "kind": "BLM",
        "config": {**ONE["BLM"], "mask_value": "-inf"},
        "activation_bits": None,
        "about": ABOUT,
    }
    assert list(tensors.items()) == packed.named_bits()
    assert list(tensors)[:6:5] == ["embed.positions.W", "blocks.0.attention.query.b"]
    for key in [*header, "-inf", "name.W"]:
        assert key in packed_file.__doc__


def test_the_papers_classifier_with_the_names_of_its_classes_takes_little_more_than_its_bits(tmp_path):
    model = BCVNN(3, 101, rng=np.random.default_rng(0))
    names = [f"a_long_name_of_a_dish_{number:03}" for number in range(101)]  # Food-101's longest has 23 letters
    save_packed(pack(model), tmp_path / "model.npz", about={"class_names": names, "image_size": 256})
    assert (tmp_path / "model.npz").stat().st_size <= 660_000
    loaded = load_packed(tmp_path / "model.npz")
    assert (loaded.num_bits(), loaded.about["class_names"]) == (5_132_165, names)


def test_the_vocabulary_of_bert_fits(tmp_path, real_data):
    tokens = (real_data / "bert-base-uncased" / "vocab.txt").read_text(encoding="utf-8").splitlines()
    names = {f"blocks.{i}.attention.projection.W": BitTensor.from_array([1]) for i in range(154)}
    assert len(tokens) == 30_522
    write_archive(tmp_path / "model.npz", {"about": {"vocabulary": tokens}}, names)
    assert read_archive(tmp_path / "model.npz")[0]["about"]["vocabulary"] == tokens


def test_a_structure_has_no_weights():
    for kind in ONE:
        packed = packed_of(kind)
        shapes = {name: tensor.shape for name, tensor in structure_of(packed).named_parameters()}
        assert shapes == {name: bits.shape for name, bits in packed.named_bits()}


# What cannot be saved.


class TwoLayers(Module):
    def __init__(self):
        self.first, self.second = BNFCL(3, 4, rng=np.random.default_rng(0)), BNFCL(4, 2, rng=np.random.default_rng(1))

    def forward(self, x):
        return self.second(self.first(x))


class OwnBLM(BLM):
    pass


def changed(kind, change):
    packed = packed_of(kind)
    change(packed)
    return packed


def set_mask(packed):
    packed.blocks[1].attention.mask_value = -1e-10


def set_heads(packed):
    packed.blocks[1].attention.num_heads = 4


def set_bits(packed):
    packed.mlp2.W_q.activation_bits = 8


def add_block(packed):
    packed.extra = packed.blocks[0]


def with_part(**parts):
    return lambda packed: vars(packed).update(parts)


FCL = {"n_in": 7, "n_units": 8}
UNSAVED = {
    "a float model": (lambda: BNFCL(2, 3), InputTypeError, r"this is a BNFCL: pack\(model\) first"),
    "an array": (lambda: np.zeros(3), InputTypeError, r"this is a ndarray: expected what pack\(model\) returns"),
    "a module of one's own": (
        lambda: pack(TwoLayers()),
        InputError,
        "can hold a packed BNFCL, BNCVL, BEMBL, BATL, BTFB, BCVNN, BLM, and not a PackedTwoLayers.*: save the parts",
    ),
    "a subclass": (lambda: pack(OwnBLM(*list(ONE["BLM"].values())[:2], 2, 11, (3, 3), 1)), InputError, "PackedOwnBLM"),
    "another activation": (
        lambda: changed("BCVNN", with_part(fc1=packed_of("BNFCL", n_in=6, n_units=7, activation="gelu"))),
        InputError,
        r"as BCVNN\(...\) builds it, and 'fc1' of this one is another",
    ),
    "another shape": (
        lambda: changed("BCVNN", with_part(fc2=packed_of("BNFCL", **FCL | {"n_in": 9}, activation="relu"))),
        InputError,
        "'fc2' of this one is another",
    ),
    "another axis": (
        lambda: changed("BCVNN", lambda packed: vars(packed.conv3b).update(axes=(-3, -2, -1))),
        InputError,
        "'conv3b' of this one is another",
    ),
    "an activation of one's own": (
        lambda: changed("BNFCL", with_part(activation=abs)),
        InputError,
        "a layer of this one is another",
    ),
    "a layer of one's own": (
        lambda: changed("BCVNN", with_part(fc2=pack(TwoLayers()))),
        InputError,
        "a layer of this one is another",
    ),
    "a mask for each block": (lambda: changed("BLM", set_mask), InputError, "'blocks.1.attention' of this one"),
    "heads for each block": (lambda: changed("BLM", set_heads), InputError, "'blocks.1.attention' of this one"),
    "another vocabulary": (lambda: changed("BLM", with_part(vocab_size=12)), InputError, "BLM .* is another"),
    "a block more": (lambda: changed("BLM", add_block), InputError, "'extra' of this one is another"),
    "bits for each layer": (lambda: changed("BLM", set_bits), InputError, "one activation_bits for all layers"),
}


@pytest.mark.parametrize("name", UNSAVED)
def test_what_would_not_come_back_as_it_is_is_not_saved(tmp_path, name):
    build, error, message = UNSAVED[name]
    with pytest.raises(error, match=message):
        save_packed(build(), tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("about", "error", "message"),
    [
        (["pie"], InputTypeError, "about must be a dict, such as .*, and is a list"),
        ({"loss": math.inf}, InputError, "must be what JSON can hold"),
        ({"names": np.zeros(2)}, InputError, "must be what JSON can hold"),
    ],
)
def test_an_about_that_cannot_be_kept_is_refused(tmp_path, about, error, message):
    with pytest.raises(error, match=message):
        save_packed(packed_of("BNFCL"), tmp_path / "model.npz", about=about)
    assert list(tmp_path.iterdir()) == []


# Files that are whole, with headers that lie.


def config(**values):
    return lambda header, tensors: header["config"].update(values)


def header(**values):
    return lambda header, tensors: header.update(values)


def without(*keys):
    def change(header, tensors):
        for key in keys[:-1]:
            header = header[key]
        del header[keys[-1]]

    return change


def arrays(change):
    return lambda header, tensors: change(tensors)


def swapped(tensors, one, other):
    tensors[one], tensors[other] = tensors[other], tensors[one]


def swap_names(tensors):
    items = [(name, tensors.pop(name)) for name in list(tensors)]
    items[0], items[2] = items[2], items[0]
    tensors.update(items)


def ones(*shape):
    return BitTensor.from_array(np.ones(shape, bool))


HUGE = 2**62
HOSTILE = {
    "kind unknown": ("BLM", header(kind="BXLM"), "its kind is 'BXLM', and this minibnn reads BNFCL, .*newer minibnn"),
    "kind a list": ("BLM", header(kind=["BLM"]), r"its kind is \['BLM'\]"),
    "kind null": ("BLM", header(kind=None), "its kind is None"),
    "kind long": ("BLM", header(kind="x" * 500_000), r"its kind is 'xxxx.{,60}', and"),
    "kind of another model": ("BLM", header(kind="BEMBL"), "has 'num_heads', which this minibnn does not know"),
    "kind alike": ("BATL", header(kind="BTFB"), "configuration of its BTFB lacks 'ff_dim'; copy the file again"),
    "kind missing": ("BLM", without("kind"), "its header lacks 'kind'; copy the file again"),
    "config missing": ("BLM", without("config"), "its header lacks 'config'"),
    "config a list": ("BLM", header(config=[1]), r"configuration of its BLM must be an object, \{...\}, and is \[1\]"),
    "config null": ("BLM", header(config=None), "must be an object"),
    "config empty": ("BLM", header(config={}), "lacks 'max_len'"),
    "about missing": ("BLM", without("about"), "its header lacks 'about'"),
    "about a list": ("BLM", header(about=[]), "its 'about' must be an object"),
    "about null": ("BLM", header(about=None), "its 'about' must be an object"),
    "a key more": ("BLM", header(quantum=1), "its header has 'quantum', which .*; was it written by a newer minibnn"),
    "an argument more": ("BLM", config(dropout=0.1), "BLM has 'dropout', which .*; was it written by a newer minibnn"),
    "an argument less": ("BLM", without("config", "emb_dim"), "BLM lacks 'emb_dim'"),
    "rng": ("BLM", config(rng=None), "BLM has 'rng', which"),
    "bits 1": ("BLM", header(activation_bits=1), "activation_bits must be null or 2 to 16, and is 1"),
    "bits 17": ("BLM", header(activation_bits=17), "activation_bits must be null"),
    "bits true": ("BLM", header(activation_bits=True), "activation_bits must be null"),
    "bits 8.0": ("BLM", header(activation_bits=8.0), "activation_bits must be null"),
    "bits a list": ("BLM", header(activation_bits=[8]), "activation_bits must be null"),
    "size 0": ("BLM", config(emb_dim=0), "emb_dim of its BLM must be a whole number of at least 1, and is 0"),
    "size negative": ("BLM", config(vocab_size=-11), "vocab_size of its BLM must be"),
    "size text": ("BLM", config(emb_dim="8"), "must be a whole number .* and is '8'"),
    "size float": ("BLM", config(emb_dim=8.0), "must be a whole number .* and is 8.0"),
    "size true": ("BNFCL", config(n_in=True), "must be a whole number .* and is True"),
    "size null": ("BLM", config(emb_dim=None), "must be a whole number"),
    "size a list": ("BLM", config(emb_dim=[8]), "must be a whole number"),
    "size an object": ("BLM", config(emb_dim={}), "must be a whole number"),
    "sizes one number": ("BLM", config(mlp_units=7), "mlp_units of its BLM must be a list of 2 whole numbers"),
    "sizes too many": ("BLM", config(mlp_units=[7, 9, 9]), "must be a list of 2 whole numbers"),
    "sizes with text": ("BLM", config(mlp_units=[7, "9"]), "must be a list of 2 whole numbers"),
    "sizes an object": ("BLM", config(mlp_units={"0": 7, "1": 9}), "must be a list of 2 whole numbers"),
    "widths too few": ("BCVNN", config(widths=[2, 3, 4, 5]), "widths of its BCVNN must be a list of 5 whole numbers"),
    "a width 0": ("BCVNN", config(widths=[2, 3, 4, 5, 0]), "must be a list of 5 whole numbers of at least 1"),
    "activation unknown": ("BNFCL", config(activation="tanh"), "null, 'relu', 'gelu' or 'softmax', and is 'tanh'"),
    "activation a list": ("BNFCL", config(activation=["relu"]), "must be null, 'relu'"),
    "activation a number": ("BNFCL", config(activation=0), "must be null, 'relu'"),
    "axis unknown": ("BNCVL", config(normalize_over="pixels"), "must be 'channels' or 'example', and is 'pixels'"),
    "axis an object": ("BCVNN", config(normalize_over={}), "must be 'channels' or 'example'"),
    "mask text": ("BLM", config(mask_value="0"), "mask_value of its BLM must be a number or '-inf', and is '0'"),
    "mask nan": ("BLM", config(mask_value="nan"), "must be a number or '-inf'"),
    "mask true": ("BLM", config(mask_value=True), "must be a number or '-inf'"),
    "mask null": ("BLM", config(mask_value=None), "must be a number or '-inf'"),
    "mask a list": ("BATL", config(mask_value=["-inf"]), "must be a number or '-inf'"),
    "heads that do not divide": ("BLM", config(num_heads=3), "emb_dim must be a multiple of num_heads"),
    "heads without end": ("BLM", config(num_heads=HUGE), "emb_dim must be a multiple of num_heads"),
    "blocks too many": ("BLM", config(num_blocks=3), "array 29 of its BLM must be 'blocks.2.attention.query.W'"),
    "blocks too few": ("BLM", config(num_blocks=1), "array 17 of its BLM must be 'mlp1.W'"),
    "blocks without end": ("BLM", config(num_blocks=HUGE), "array 29 of its BLM must be 'blocks.2.attention.query.W'"),
    "max_len without end": ("BLM", config(max_len=HUGE), r"array 1 of its BLM must be 'embed.positions.W'"),
    "vocab_size without end": ("BLM", config(vocab_size=HUGE), "array 3 of its BLM must be 'embed.tokens.W'"),
    "emb_dim without end": ("BLM", config(emb_dim=HUGE, num_heads=1), "array 1 of its BLM must be"),
    "units without end": ("BLM", config(mlp_units=[7, HUGE]), "array 31 of its BLM must be 'mlp2.W'"),
    "ff_dim without end": ("BTFB", config(ff_dim=HUGE), "array 9 of its BTFB must be 'ff_in.W'"),
    "n_units without end": ("BNFCL", config(n_units=HUGE), r"must be 'W' of shape \(5, 4611686018427387904\)"),
    "n_in without end": ("BNFCL", config(n_in=HUGE), "array 1 of its BNFCL must be 'W'"),
    "kernel_size without end": ("BNCVL", config(kernel_size=HUGE), "array 1 of its BNCVL must be 'W'"),
    "classes without end": ("BCVNN", config(num_classes=HUGE), "array 25 of its BCVNN must be 'fc3.W'"),
    "classes one more": ("BCVNN", config(num_classes=6), r"'fc3.W' of shape \(8, 6\), and is .* \(8, 5\)"),
    "n_in and n_units changed": ("BNFCL", config(n_in=9, n_units=5), r"of shape \(9, 5\), and is .* \(5, 9\)"),
    "an array less": ("BLM", arrays(lambda t: t.pop("output.b")), "array 34 of its BLM must be 'output.b' .* is none"),
    "no arrays": ("BLM", arrays(lambda t: t.clear()), "array 1 of its BLM must be 'embed.positions.W' .* and is none"),
    "an array more": ("BLM", arrays(lambda t: t.update(extra=ones(3))), "array 35 .* must be none, and is 'extra'"),
    "arrays of other shapes": (
        "BLM",
        arrays(lambda t: swapped(t, "mlp1.W", "mlp2.W")),
        r"array 29 of its BLM must be 'mlp1.W' of shape \(8, 7\), and is 'mlp1.W' of shape \(7, 9\)",
    ),
    "arrays in another order": ("BLM", arrays(swap_names), "array 1 of its BLM must be 'embed.positions.W'"),
    "an array of another axis": ("BNFCL", arrays(lambda t: t.update(W=ones(45))), r"and is 'W' of shape \(45,\)"),
    "a bias of another size": ("BNFCL", arrays(lambda t: t.update(b=ones(10))), r"must be 'b' of shape \(9,\)"),
    "no bits": (
        "BNFCL",
        lambda header, t: (header["config"].update(n_in=0), t.update(W=ones(0, 9))),
        "n_in of its BNFCL must be a whole number of at least 1",
    ),
}  # fmt: skip


def hostile(path, kind, change):
    save_packed(packed_of(kind), path, about=ABOUT)
    header, tensors = read_archive(path)
    change(header, tensors)
    write_archive(path, header, tensors)
    return path


@pytest.mark.parametrize("name", HOSTILE)
def test_a_header_that_lies_gives_one_sentence_soon_and_costs_no_memory(tmp_path, name):
    kind, change, message = HOSTILE[name]
    path = hostile(tmp_path / "model.npz", kind, change)
    tracemalloc.start()
    try:
        started = time.perf_counter()
        with pytest.raises(InputError, match=f"^cannot use {re.escape(repr(str(path)))}: .*{message}") as caught:
            load_packed(path)
        seconds, peak = time.perf_counter() - started, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert seconds < 1
    assert peak < 10e6


def test_the_bits_that_a_file_claims_beside_a_few_real_ones_are_never_made(tmp_path):
    """The largest header that can be written, of blocks that are there, of a model that is not."""
    names = [f"blocks.{i}.attention.query.W" for i in range(8000)]
    header = {"kind": "BLM", "config": {**ONE["BLM"], "mask_value": "-inf", "num_blocks": 8000}, "about": {}}
    write_archive(tmp_path / "model.npz", header | {"activation_bits": None}, dict.fromkeys(names, ones(8, 8)))
    for traced in (False, True):  # apart, because tracing makes it several times slower
        if traced:
            tracemalloc.start()
        started = time.perf_counter()
        with pytest.raises(InputError, match=r"array 1 of its BLM must be 'embed.positions.W'"):
            load_packed(tmp_path / "model.npz")
        assert traced or time.perf_counter() - started < 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6


def test_a_mask_of_plus_infinity_is_kept_as_text(tmp_path):
    save_packed(packed_of("BATL", emb_dim=2, num_heads=1, mask_value=math.inf), tmp_path / "model.npz")
    assert read_archive(tmp_path / "model.npz")[0]["config"]["mask_value"] == "inf"
    assert load_packed(tmp_path / "model.npz").mask_value == math.inf


def test_arrays_that_were_exchanged_in_the_file_are_found(tmp_path):
    """Two arrays of one shape change places, and the checksum of the whole is made anew; that of each array is not."""
    path, one, other = tmp_path / "model.npz", "blocks.0.ff_in.W.npy", "blocks.1.ff_in.W.npy"
    save_packed(packed_of("BLM"), path)
    with zipfile.ZipFile(path) as file:
        members = {info.filename: file.read(info) for info in file.infolist()}
    members[one], members[other] = members[other], members[one]
    with zipfile.ZipFile(path, "w") as file:
        file.comment = bytes(64)
        for name, content in members.items():
            file.writestr(name, content)
    content = path.read_bytes()[:-64]
    path.write_bytes(content + hashlib.sha256(content).hexdigest().encode())
    with pytest.raises(InputError, match=r"array 'blocks.0.ff_in.W' does not fit its checksum"):
        load_packed(path)


def test_a_missing_file_and_an_archive_of_other_things_are_told(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*nowhere.npz"):
        load_packed(tmp_path / "nowhere.npz")
    write_archive(tmp_path / "other.npz", {"seed": 1}, {"W": ones(3)})
    with pytest.raises(InputError, match="its header has 'seed', which this minibnn does not know"):
        load_packed(tmp_path / "other.npz")
    write_archive(tmp_path / "empty.npz", {}, {})
    with pytest.raises(InputError, match="its header lacks 'kind'"):
        load_packed(tmp_path / "empty.npz")


def test_an_argument_and_its_check_for_each_of_the_constructors():
    import inspect

    for kind, build in {"BNFCL": BNFCL, "BNCVL": BNCVL, "BEMBL": BEMBL, "BATL": BATL, "BTFB": BTFB}.items():
        assert set(inspect.signature(build).parameters) == {*KINDS[kind].arguments, "rng"}
    for kind, build in {"BCVNN": BCVNN, "BLM": BLM}.items():
        assert set(inspect.signature(build).parameters) == {*KINDS[kind].arguments, "rng"}
