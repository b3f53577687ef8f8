"""Algorithm 2: a packed layer gives the outputs of the float layer, holds bits only, and refuses what it cannot do."""

import types

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from layers.parameters import randomize

from minibnn.autograd import Tensor
from minibnn.autograd.ops import max_pool
from minibnn.autograd.straight_through import bits_of
from minibnn.bits import BitMatrix, BitTensor, pack
from minibnn.bits.packed_layers import PackedBNCVL, PackedBNFCL
from minibnn.errors import InputError, InputTypeError
from minibnn.kernels.paths import reference_path
from minibnn.layers import BATL, BEMBL, BNCVL, BNFCL, BTFB, Choices, Module
from minibnn.layers.one_hot import OneHot
from minibnn.layers.standard import StandardFCL

seeds = st.integers(0, 2**32 - 1)
activations = st.sampled_from([None, "relu", "gelu", "softmax"])


def reachable(root):
    """Every object that can be reached from `root` through attributes, slots, containers and views."""
    seen, waiting = {}, [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, (type, types.FunctionType, types.ModuleType, str, bytes)):
            continue
        seen[id(thing)] = thing
        if isinstance(thing, dict):
            waiting += [*thing.keys(), *thing.values()]
        elif isinstance(thing, (list, tuple, set, frozenset)):
            waiting += list(thing)
        elif isinstance(thing, np.ndarray):
            waiting.append(thing.base)
        elif type(thing).__module__.startswith("minibnn"):
            waiting += list(getattr(thing, "__dict__", {}).values())
            slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
            waiting += [getattr(thing, name) for name in slots if hasattr(thing, name)]
    return list(seen.values())


def assert_holds_bits_only(packed):
    found = reachable(packed)
    assert not [thing for thing in found if isinstance(thing, Tensor)]
    arrays = [thing for thing in found if isinstance(thing, np.ndarray)]
    assert {array.dtype.kind for array in arrays} == {"u"}  # words and bytes
    memory = {array.__array_interface__["data"][0]: array.nbytes for array in arrays if array.base is None}
    buffers = sum(memory.values())
    slack = 128 * 2 * len(packed.named_bits())  # what aligns the words and lies behind them
    assert packed.nbytes <= buffers <= packed.nbytes + slack


def normal(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def assert_same(packed, model, *inputs):
    """Within 1e-5 of the float model's largest output."""
    model.trainable = False
    expected, found = model(*inputs).data, packed(*inputs)
    assert isinstance(found, Tensor)
    assert not found.requires_grad
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found.data - expected).max() <= 1e-5 * max(1, np.abs(expected).max())


def spread(layer, x):
    """By how much Normalize enlarges a rounding of the sums: their size over their smallest spread."""
    z = x.astype(np.float64) @ bits_of(layer.W.data) + bits_of(layer.b.data)
    return np.abs(z).max() / np.sqrt(z.var(-1).min() + 1e-5)


@given(seeds, st.integers(1, 90), st.integers(1, 90), st.lists(st.integers(1, 4), max_size=2), activations)
@example(0, 1, 1, [], None)
@example(0, 40, 33, [20], "gelu")
def test_fully_connected(seed, n_in, n_units, axes, activation):
    rng = np.random.default_rng(seed)
    layer = randomize(BNFCL(n_in, n_units, activation, rng=rng), rng, ties=bool(seed % 2))
    packed, x = pack(layer), normal(rng, *axes, n_in)
    layer.trainable = False
    expected, found = layer(x).data, packed(x).data
    assert isinstance(packed, PackedBNFCL)
    tolerance = max(1e-5, 1e-6 * spread(layer, x))  # one or two units may all but have no spread
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max()))
    np.testing.assert_allclose(
        packed(x, activate=False).data, layer(x, activate=False).data, rtol=1e-5, atol=tolerance * 10
    )
    assert packed.num_bits() == packed.num_parameters() == layer.num_parameters()
    ids = rng.integers(0, n_in, (2, 3))
    assert_same(packed, layer, OneHot(ids, n_in))


@given(
    seeds,
    st.integers(1, 9),
    st.integers(8, 40),  # of two or three filters Normalize enlarges what was rounded, where they are almost equal
    st.sampled_from([1, 2, 3, 5]),
    activations,
    st.sampled_from(["channels", "example"]),
)
def test_convolution(seed, channels, filters, size, activation, over):
    rng = np.random.default_rng(seed)
    layer = BNCVL(channels, filters, size, activation, normalize_over=over, rng=rng)
    packed = pack(randomize(layer, rng))
    assert isinstance(packed, PackedBNCVL)
    assert packed.axes == layer.axes
    assert packed.num_bits() == layer.num_parameters()
    x = rng.uniform(0.5, 1.5, (2, 7, 6, channels)).astype(np.float32)
    assert_same(packed, layer, x)


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("over", ["channels", "example"])
def test_one_pass_gives_what_three_give(activation, over):
    rng = np.random.default_rng(0)
    bits = [BitTensor.from_array(rng.integers(0, 2, shape, np.uint8)) for shape in ((3, 3, 8, 32), (32,), (8, 32))]
    images, rows = (rng.normal(size=shape).astype(np.float32) for shape in ((2, 5, 4, 8), (40, 8)))
    convolution = PackedBNCVL(*bits[:2], activation, normalize_over=over)
    product = PackedBNFCL(bits[2], bits[1], activation)
    found = [convolution(images).data, product(rows).data, product.forward(Tensor(rows), activate=False).data]
    with reference_path():
        expected = [convolution(images).data, product(rows).data, product.forward(Tensor(rows), activate=False).data]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("value", [0, 0.1, -3e30])
@pytest.mark.parametrize("activation", [None, "gelu"])
def test_latent_weights_that_are_all_equal_become_zeros(value, activation):
    rng = np.random.default_rng(0)
    for layer, x in (
        (BNFCL(10, 7, activation, rng=rng), normal(rng, 4, 10)),
        (BNCVL(3, 7, 3, activation, rng=rng), normal(rng, 2, 5, 5, 3)),
    ):
        layer.W.data[...] = layer.b.data[...] = value
        packed = pack(layer)
        assert packed.W_q.tensor().count() == packed.b_q.count() == 0
        assert_same(packed, layer, x)


def test_the_composite_layers():
    rng = np.random.default_rng(0)
    for layer, inputs in (
        (BEMBL(7, 33, 29, rng=rng), [rng.integers(0, 29, (3, 5))]),
        (BATL(36, 3, rng=rng), [normal(rng, 2, 6, 36)] * 3),
        (BATL(36, 4, mask_value=-1e-10, rng=rng), [normal(rng, 2, 6, 36) for _ in range(3)]),
        (BTFB(36, 4, 50, rng=rng), [normal(rng, 2, 6, 36)]),
    ):
        packed = pack(randomize(layer, rng))
        assert type(packed).__name__ == f"Packed{type(layer).__name__}"
        assert isinstance(packed, type(layer))
        assert packed.num_bits() == layer.num_parameters()
        assert [name for name, _ in packed.named_bits()] == [name for name, _ in layer.named_parameters()]
        for name, bits in packed.named_bits():
            np.testing.assert_array_equal(bits.unpack(bool), bits_of(dict(layer.named_parameters())[name].data))
        assert_same(packed, layer, *inputs)
        assert_holds_bits_only(packed)


def test_attention_with_a_mask_of_ones_own():
    rng = np.random.default_rng(0)
    layer, x = randomize(BATL(24, 2, rng=rng), rng), normal(rng, 2, 5, 24)
    mask = np.tril(np.ones((5, 5), np.uint8))
    mask[4, 1:3] = 0
    assert_same(pack(layer), layer, x, x, x, mask)


class OfOnesOwn(Module):
    """A convolution, a pooling, and a list of layers."""

    def __init__(self, rng):
        self.convolution = BNCVL(3, 5, 3, "relu", normalize_over="example", rng=rng)
        self.pool = max_pool
        self.layers = [BNFCL(5, 9, "gelu", rng=rng), BNFCL(9, 4, rng=rng)]
        self.scale = 0.5

    def forward(self, x):
        x = self.pool(self.convolution(x)).mean((1, 2))
        for layer in self.layers:
            x = layer(x)
        return x * self.scale


def test_a_module_of_ones_own_is_packed_with_its_forward():
    rng = np.random.default_rng(0)
    model = randomize(OfOnesOwn(rng), rng)
    packed = pack(model)
    assert_same(packed, model, normal(rng, 3, 6, 8, 3))
    assert (type(packed).__name__, packed.num_bits()) == ("PackedOfOnesOwn", model.num_parameters())
    assert isinstance(packed, OfOnesOwn)
    assert [name for name, _ in packed.named_bits()][2:4] == ["layers.0.W", "layers.0.b"]
    assert_holds_bits_only(packed)
    assert repr(packed) == f"PackedOfOnesOwn({packed.num_bits():,} bits in {packed.nbytes:,} bytes)"


def test_later_changes_of_the_model_do_not_reach_the_packed_one():
    rng = np.random.default_rng(0)
    model, x = randomize(OfOnesOwn(rng), rng), normal(rng, 2, 6, 8, 3)
    packed = pack(model)
    before = packed(x).data
    for tensor in model.parameters():
        tensor.data *= -1
    model.layers[0], model.scale, model.trainable = BNFCL(5, 9, rng=rng), 7, True
    np.testing.assert_array_equal(packed(x).data, before)
    packed.layers[1].activation_bits = 8
    assert model.layers[1].trainable


def test_there_is_no_training():
    layer = BNFCL(5, 4, rng=np.random.default_rng(0))
    packed = pack(layer)
    assert layer.trainable
    assert not packed.trainable
    assert packed.parameters() == []
    packed.trainable = False
    with pytest.raises(InputError, match="PackedBNFCL holds bits only and cannot be trained: train the model"):
        packed.trainable = True
    outer = pack(OfOnesOwn(np.random.default_rng(0)))
    with pytest.raises(InputError, match="cannot be trained"):
        outer.trainable = True
    for wants, x in ((packed, np.ones((2, 5))), (outer, np.ones((2, 6, 8, 3)))):
        with pytest.raises(InputError, match="bits have no backward, and the input requires a gradient"):
            wants(Tensor(x, requires_grad=True))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (
            lambda rng: StandardFCL(5, 4, rng=rng),
            "pack accepts binary models, and W of StandardFCL is a float parameter",
        ),
        (
            lambda rng: mixed(rng),
            r"and layers.1.W of StandardFCL is a float parameter; build the model of binary layers",
        ),
        (lambda rng: pack(BNFCL(5, 4, rng=rng)), "this PackedBNFCL is packed already"),
        (lambda rng: Module(), "this Module has none"),
        (
            lambda rng: hidden(rng, {"a": BNFCL(5, 4, rng=rng)}),
            "extra of OfOnesOwn is a dict with layers or tensors in it",
        ),
        (lambda rng: hidden(rng, (1, BNFCL(5, 4, rng=rng))), "extra of OfOnesOwn is a tuple with layers"),
        (lambda rng: hidden(rng, [[BNFCL(5, 4, rng=rng)]]), "extra of OfOnesOwn is a list with layers"),
        (lambda rng: hidden(rng, [Tensor([1.0])]), "extra of OfOnesOwn is a list with layers or tensors"),
        (lambda rng: hidden(rng, Tensor([1.0])), "extra of OfOnesOwn is a float parameter"),
    ],
)
def test_what_holds_floats_is_refused_by_its_name(build, says):
    with pytest.raises(InputError, match=says):
        pack(build(np.random.default_rng(0)))


def mixed(rng):
    model = OfOnesOwn(rng)
    model.layers[1] = StandardFCL(9, 4, rng=rng)
    return model


def hidden(rng, extra):
    model = OfOnesOwn(rng)
    model.extra = extra
    return model


@pytest.mark.parametrize("model", [None, "model", BNFCL, np.ones(3)])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(InputTypeError, match="pack expects a model or layer of minibnn, and got"):
        pack(model)


def layer_and_input(kind):
    rng = np.random.default_rng(0)
    if kind == "BNFCL":
        return pack(BNFCL(12, 5, rng=rng)), normal(rng, 4, 12)
    if kind == "BNCVL":
        return pack(BNCVL(3, 5, 3, rng=rng)), normal(rng, 2, 6, 7, 3)
    return pack(BEMBL(6, 8, 20, rng=rng)), rng.integers(0, 20, (2, 5))


@pytest.mark.parametrize(
    ("kind", "x", "error", "says"),
    [
        ("BNFCL", np.ones((4, 11)), InputError, r"PackedBNFCL expects 12 features, \(..., 12\), and got .* \(4, 11\)"),
        ("BNFCL", np.ones(()), InputError, "expects 12 features"),
        ("BNFCL", np.ones((0, 12)), InputError, "at least one example, and got an empty input"),
        (
            "BNFCL",
            np.ones((4, 12), int),
            InputTypeError,
            "as a float32 or float64 array or a Tensor, and got an array of int",
        ),
        ("BNFCL", OneHot(np.array([3]), 13), InputError, "expects 12 features"),
        ("BNFCL", [[1.0] * 12], InputTypeError, "and got list"),
        (
            "BNCVL",
            np.ones((6, 7, 3)),
            InputError,
            r"PackedBNCVL expects images \(B, H, W, 3\), and got shape \(6, 7, 3\)",
        ),
        ("BNCVL", np.ones((2, 6, 7, 4)), InputError, r"images \(B, H, W, 3\)"),
        ("BNCVL", np.ones((0, 6, 7, 3)), InputError, "at least one image"),
        ("BNCVL", np.ones((2, 0, 7, 3)), InputError, "at least 1 x 1 pixels"),
        ("BNCVL", np.ones((2, 6, 7, 3), np.uint8), InputTypeError, "and got an array of uint8"),
        ("BEMBL", np.array([[20]]), InputError, r"PackedBEMBL expects ids from 0 to 19, and got 20 at index \(0, 0\)"),
        ("BEMBL", np.array([[-1]]), InputError, "got -1"),
        ("BEMBL", np.array([1, 2]), InputError, r"token ids \(B, T\)"),
        ("BEMBL", np.ones((1, 2)), InputTypeError, "integer ids"),
        ("BEMBL", np.zeros((1, 7), int), InputError, "at most max_len = 6 tokens, and got 7"),
        ("BEMBL", np.zeros((0, 3), int), InputError, "at least one"),
    ],
)
def test_bad_input_is_refused_with_one_clear_error(kind, x, error, says):
    packed, good = layer_and_input(kind)
    with pytest.raises(error, match=says):
        packed(x)
    packed(good)  # and afterwards it works


@pytest.mark.parametrize("kind", ["BNFCL", "BNCVL"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("activation_bits", [None, 8])
@pytest.mark.filterwarnings("ignore:invalid value encountered")  # NumPy's own, of infinity - infinity
def test_inputs_that_are_no_numbers(kind, wrong, activation_bits):
    """Refused by the first call, as by the float layers; later they become nan at most where they are seen."""
    packed, x = layer_and_input(kind)
    packed.activation_bits = activation_bits
    bad = x.copy()
    bad[0, ...] = wrong
    with pytest.raises(InputError, match=r"input of its first call has .* values that are not finite"):
        packed(bad)
    good, found = packed(x).data, packed(bad).data
    assert not np.isfinite(found[0]).any()
    np.testing.assert_array_equal(found[1:], good[1:])


@pytest.mark.parametrize("kind", ["BNFCL", "BNCVL"])
def test_float64_becomes_float32(kind):
    packed, x = layer_and_input(kind)
    found = packed(x.astype(np.float64))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.data, packed(x).data)


def test_a_bias_that_does_not_fit_is_refused():
    bits = BitTensor.from_array(np.ones((5, 4)))
    with pytest.raises(InputError, match=r"Choices\(bias=False\) expects the bias None, and got BitTensor"):
        PackedBNFCL(bits, BitTensor.from_array(np.ones(4)), choices=Choices(bias=False))
    for bias in (BitTensor.from_array(np.ones(5)), BitTensor.from_array(np.ones((1, 4))), np.ones(4), None):
        with pytest.raises(InputError, match=r"a packed layer of kernel \(5, 4\) expects a bias \(4,\), and got"):
            PackedBNFCL(bits, bias)


def test_activation_bits_reach_every_layer_and_may_change_at_any_time():
    rng = np.random.default_rng(0)
    model, x = OfOnesOwn(rng), normal(rng, 3, 6, 8, 3)
    packed = pack(model, activation_bits=8)
    matrices = [thing for thing in reachable(packed) if isinstance(thing, BitMatrix)]
    assert [matrix.activation_bits for matrix in matrices] == [8] * 3
    model.trainable = False
    exact, errors = model(x).data, []
    for bits in (4, 8, 12, None):
        packed.activation_bits = bits
        assert packed.activation_bits == bits
        errors.append(np.abs(packed(x).data - exact).max())
    assert errors[0] > errors[1] > errors[2] > errors[3]
    for bits in (1, 17, 0, True, 8.0, "8"):
        with pytest.raises(InputError, match=r"activation_bits must be None \(exact\) or a whole number from 2 to 16"):
            packed.activation_bits = bits
        with pytest.raises(InputError, match="activation_bits must be None"):
            pack(model, activation_bits=bits)
    assert packed.activation_bits is None
