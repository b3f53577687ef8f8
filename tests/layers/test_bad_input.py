"""Whatever a layer or model cannot use is refused with one InputError that says what was expected and what came."""

import re

import numpy as np
import pytest

from minibnn.autograd import Tensor
from minibnn.errors import InputError, InputTypeError
from minibnn.layers import BATL, BEMBL, BNCVL, BNFCL, BTFB
from minibnn.layers.one_hot import OneHot
from minibnn.layers.standard import StandardFCL
from minibnn.models import BCVNN, BLM, generate

RNG = np.random.default_rng(0)
TINY = {"widths": (3, 3, 3, 3, 3), "units": (3, 3)}


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def layers():
    """Built anew for each case: the first call is special."""
    return {
        "dense": BNFCL(4, 3, rng=RNG),
        "conv": BNCVL(3, 4, 3, rng=RNG),
        "embed": BEMBL(6, 4, 9, rng=RNG),
        "attention": BATL(4, 2, rng=RNG),
        "block": BTFB(4, 2, 8, rng=RNG),
        "lm": BLM(6, 4, 2, 9, (5, 5), 1, rng=RNG),
        "classifier": BCVNN(1, 4, **TINY, rng=RNG),
        "twin": BCVNN.standard(1, 4, **TINY, rng=RNG),
    }


def with_value(x, index, value):
    x[index] = value
    return x


SEQ = normal(2, 3, 4)
INPUTS = [  # layer, inputs, type of the error, what its message says
    ("dense", [normal(2, 5)], InputError, ["BNFCL", "4 features", "(2, 5)"]),
    ("dense", [normal(0, 4)], InputError, ["at least one example", "(0, 4)"]),
    ("dense", [np.array(1.0, np.float32)], InputError, ["4 features", "()"]),
    ("dense", [[[1.0, 2, 3, 4]]], InputTypeError, ["float32 or float64", "list"]),
    ("dense", [np.ones((2, 4), np.int64)], InputTypeError, ["float32 or float64", "int64"]),
    ("dense", [np.ones((2, 4), bool)], InputTypeError, ["float32 or float64", "bool"]),
    ("dense", [np.ones((2, 4), complex)], InputTypeError, ["float32 or float64", "complex128"]),
    ("dense", [np.ones((2, 4), object)], InputTypeError, ["float32 or float64", "object"]),
    ("dense", [None], InputTypeError, ["float32 or float64", "NoneType"]),
    ("dense", [OneHot(np.array([1]), 9)], InputError, ["4 features", "(1, 9)"]),
    ("dense", [np.array([[1, 2, np.nan, np.inf]])], InputError, ["first call", "2 of 4", "(0, 2)", "nan"]),
    ("conv", [np.ones((1, 4, 4, 3), np.uint8)], InputTypeError, ["BNCVL", "float32 or float64", "uint8"]),
    ("conv", [normal(4, 4, 3)], InputError, ["(B, H, W, 3)", "(4, 4, 3)"]),
    ("conv", [normal(1, 3, 4, 4)], InputError, ["(B, H, W, 3)", "(1, 3, 4, 4)"]),
    ("conv", [normal(0, 4, 4, 3)], InputError, ["at least one image", "(0, 4, 4, 3)"]),
    ("conv", [normal(1, 0, 4, 3)], InputError, ["at least 1 x 1 pixels", "(1, 0, 4, 3)"]),
    ("conv", [with_value(normal(2, 3, 3, 3), (1, 2, 0, 1), np.inf)], InputError, ["1 of 54", "(1, 2, 0, 1)", "inf"]),
    ("classifier", [np.ones((1, 16, 16, 3), np.uint8)], InputTypeError, ["BCVNN", "uint8"]),
    ("classifier", [normal(1, 15, 16, 3)], InputError, ["16 x 16 pixels", "(1, 15, 16, 3)"]),
    ("classifier", [normal(1, 16, 16, 1)], InputError, ["(B, H, W, 3)", "(1, 16, 16, 1)"]),
    ("classifier", [with_value(normal(1, 16, 16, 3), (0, 5, 6, 2), np.nan)], InputError, ["(0, 5, 6, 2)", "nan"]),
    ("twin", [normal(16, 16, 3)], InputError, ["StandardCVNN", "(16, 16, 3)"]),
    ("embed", [np.array([[0, -1]])], InputError, ["BEMBL", "0 to 8", "-1", "(0, 1)"]),
    ("embed", [np.array([[0, 1], [9, 0]])], InputError, ["0 to 8", "got 9", "(1, 0)"]),
    ("embed", [np.ones((1, 2), bool)], InputTypeError, ["integer ids", "bool"]),
    ("embed", [np.ones((1, 2))], InputTypeError, ["integer ids"]),
    ("embed", [np.array([1, 2])], InputError, ["(B, T)", "(2,)"]),
    ("embed", [np.zeros((0, 3), int)], InputError, ["at least one", "(0, 3)"]),
    ("embed", [np.zeros((2, 0), int)], InputError, ["at least one", "(2, 0)"]),
    ("embed", [np.zeros((1, 7), int)], InputError, ["max_len = 6", "got 7"]),
    ("embed", ["abc"], InputTypeError, ["integer ids"]),
    ("lm", [np.array([[0, 99]])], InputError, ["0 to 8", "got 99"]),
    ("lm", [np.ones((1, 3), np.float32)], InputTypeError, ["integer ids"]),
    ("lm", [np.zeros((3, 9), int)], InputError, ["max_len = 6", "got 9"]),
    ("lm", [None], InputTypeError, ["integer ids"]),
    (
        "attention",
        [SEQ, SEQ, normal(2, 3, 5)],
        InputError,
        ["value", "4 features", "(2, 3, 5)"],
    ),
    ("attention", [SEQ, normal(2, 5, 4), normal(2, 5, 4)], InputError, ["one shape", "(2, 5, 4)"]),
    ("attention", [normal(3, 4)] * 3, InputError, ["(B, T, 4)", "(3, 4)"]),
    ("attention", [SEQ] * 3 + [np.ones((4, 4), int)], InputError, ["mask", "(3, 3)", "(4, 4)"]),
    ("attention", [[[[1.0] * 4]]] + [normal(1, 1, 4)] * 2, InputTypeError, ["query", "list"]),
    ("block", [normal(2, 3, 5)], InputError, ["4 features", "(2, 3, 5)"]),
    ("block", [normal(3, 4)], InputError, ["(B, T, 4)", "(3, 4)"]),
    ("block", [normal(0, 3, 4)], InputError, ["at least one example", "(0, 3, 4)"]),
    ("block", [with_value(normal(1, 2, 4), (0, 1, 3), -np.inf)], InputError, ["BTFB", "(0, 1, 3)", "-inf"]),
]


@pytest.mark.parametrize(("layer", "inputs", "error", "says"), INPUTS)
@pytest.mark.parametrize("trainable", [True, False])
def test_a_bad_input_is_refused_by_name(layer, inputs, error, says, trainable):
    module = layers()[layer]
    module.trainable = trainable
    assert_refused(lambda: module(*inputs), error, says)


def assert_refused(call, error=None, says=()):
    with pytest.raises(InputError) as raised:
        call()
    assert error is None or raised.type is error
    for part in says:
        assert re.search(rf"(?<!\w){re.escape(part)}", str(raised.value)), f"{part!r} is not in: {raised.value}"


SIZE_NAMES = [
    (lambda n: BNFCL(n, 3), "n_in"),
    (lambda n: BNFCL(3, n), "n_units"),
    (lambda n: StandardFCL(3, n), "n_units"),
    (lambda n: BNCVL(n, 3, 3), "n_channels"),
    (lambda n: BNCVL(3, n, 3), "n_filters"),
    (lambda n: BNCVL(3, 3, n), "kernel_size"),
    (lambda n: BEMBL(n, 3, 3), "max_len"),
    (lambda n: BEMBL(3, n, 3), "emb_dim"),
    (lambda n: BEMBL(3, 3, n), "vocab_size"),
    (lambda n: BATL(4, n), "num_heads"),
    (lambda n: BTFB(4, 2, n), "ff_dim"),
    (lambda n: BCVNN(n), "kernel_size"),
    (lambda n: BCVNN(1, n, **TINY), "num_classes"),
    (lambda n: BCVNN(1, 3, widths=(1, 2, n, 4, 5)), "widths[2]"),
    (lambda n: BCVNN.standard(1, 3, units=(1, n)), "units[1]"),
    (lambda n: BLM(6, 4, 2, 9, (5, 5), n), "num_blocks"),
    (lambda n: BLM(n, 4, 2, 9, (5, 5), 1), "max_len"),
    (lambda n: BLM(6, 4, n, 9, (5, 5), 1), "num_heads"),
]


@pytest.mark.parametrize("size", [0, -1, 2.0, "3", None, (3,), float("nan")])
@pytest.mark.parametrize(("build", "name"), SIZE_NAMES)
def test_a_size_that_is_no_positive_whole_number_is_refused(build, name, size):
    assert_refused(lambda: build(size), InputError, [name, "whole number of at least 1", repr(size)])


OPTIONS = [
    (lambda: BNFCL(4, 3, "rleu"), InputError, ["activation", "'relu'", "'rleu'", "did you mean 'relu'"]),
    (lambda: BNFCL(4, 3, ""), InputError, ["activation", "''"]),
    (lambda: BNCVL(3, 4, 3, normalize_over="channel"), InputError, ["normalize_over", "'channels'", "'channel'"]),
    (lambda: BCVNN(normalize_over=-1, **TINY), InputError, ["normalize_over", "-1"]),
    (lambda: BATL(4, 3), InputError, ["multiple of num_heads", "4", "3"]),
    (lambda: BLM(6, 4, 3, 9, (5, 5), 1), InputError, ["multiple of num_heads", "4", "3"]),
    (lambda: BLM(6, 4, 2, 9, (5,), 1), InputError, ["mlp_units", "2 sizes", "(5,)"]),
    (lambda: BCVNN(widths=(1, 2)), InputError, ["widths", "5 sizes", "(1, 2)"]),
    (lambda: BNFCL(4, 3, rng=7), InputTypeError, ["rng", "numpy.random.Generator", "7"]),
    (lambda: BLM(6, 4, 2, 9, (5, 5), 1, rng=np.random), InputTypeError, ["rng", "numpy.random.Generator"]),
    (lambda: OneHot(np.array([0.5]), 3), InputTypeError, ["integer ids", "float64"]),
    (lambda: OneHot(np.array([3]), 3), InputError, ["0 to 2", "3"]),
]


@pytest.mark.parametrize(("build", "error", "says"), OPTIONS)
def test_a_bad_option_is_refused_by_name(build, error, says):
    assert_refused(build, error, says)


def draw(*arguments, **options):
    return list(generate(layers()["lm"], *arguments, **options))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: draw([], 3, RNG), ["at least one token"]),
        (lambda: draw([1], 3, RNG, temperature=-1), ["temperature of at least 0", "-1"]),
        (lambda: draw([1], 3, RNG, top_k=0), ["top_k", "at least 1", "0"]),
        (lambda: draw([99], 3, RNG), ["0 to 8", "99"]),
    ],
)
def test_generate_refuses_what_it_cannot_use(call, says):
    assert_refused(call, InputError, says)


def test_values_that_are_not_finite_are_looked_for_in_the_first_call_only():
    """It costs a pass over the data; a pipeline that is broken is broken at once."""
    layer = BNFCL(4, 3, rng=RNG)
    bad = with_value(normal(2, 4), (1, 0), np.nan)
    for _ in range(2):
        assert_refused(lambda: layer(bad), InputError, ["first call", "(1, 0)"])
    layer(normal(2, 4))
    assert np.isnan(layer(bad).data[1]).all()


def test_other_float_and_integer_widths_are_taken():
    dense, embed = layers()["dense"], layers()["embed"]
    x, ids = normal(2, 4), np.array([[1, 2]])
    np.testing.assert_array_equal(dense(x.astype(">f4")).data, dense(x).data)
    np.testing.assert_array_equal(dense(np.asfortranarray(x)).data, dense(x).data)
    np.testing.assert_array_equal(dense(Tensor(x)).data, dense(x).data)
    for kind in (np.int8, np.uint8, np.int32, np.uint64):
        np.testing.assert_array_equal(embed(ids.astype(kind)).data, embed(ids).data)
