"""Inputs and options of another kind than expected, which NumPy or Python would take, or refuse in its own words."""

import numpy as np
import pytest
from layers.test_bad_input import RNG, SEQ, SIZE_NAMES, TINY, assert_refused, draw, layers, normal

from minibnn.autograd import Tensor
from minibnn.errors import InputError
from minibnn.layers import BATL, BNCVL, BNFCL
from minibnn.layers.one_hot import OneHot
from minibnn.models import BCVNN, BLM, IMAGE_PRESETS, preset_named


def attend(mask, **options):
    return BATL(4, 2, rng=np.random.default_rng(0), **options)(SEQ, SEQ, SEQ, mask)


def with_dropout(rates):
    return BCVNN.standard(1, 4, **TINY, dropout=rates, rng=RNG)


@pytest.mark.parametrize(
    "mask",
    [
        np.tril(np.ones((3, 3), np.float32)),
        np.tril(np.ones((3, 3))).tolist(),
        Tensor(np.tril(np.ones((3, 3)))),
    ],
    ids=["float array", "list", "Tensor"],
)
def test_a_mask_of_another_kind_masks_or_is_refused(mask):
    """A comparison of such a mask with 0 could be a plain False, and every position would see the future."""
    try:
        masked = attend(mask).data
    except InputError:
        return
    np.testing.assert_array_equal(masked, attend(np.tril(np.ones((3, 3), np.uint8))).data)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: attend(np.array([[0, 0, 0], [1, 1, 0], [1, 1, 1]])), ["mask", "0"]),  # softmax of nothing: nan
        (lambda: attend(None, mask_value="x"), ["mask_value", "'x'"]),
        (lambda: attend(None, mask_value=None), ["mask_value", "None"]),
        (lambda: attend(None, mask_value=float("nan")), ["mask_value", "nan"]),
        (lambda: layers()["attention"](SEQ, SEQ, SEQ, mask=np.ones((4, 4), int)), ["mask", "(3, 3)", "(4, 4)"]),
        (lambda: layers()["attention"](SEQ, SEQ, SEQ, mask=1), ["mask", "(3, 3)", "()"]),
        (lambda: layers()["attention"](*[OneHot(np.zeros((1, 2), int), 4)] * 3), ["query", "OneHot"]),
    ],
)
def test_attention_refuses_what_it_cannot_use(call, says):
    assert_refused(call, says=says)


@pytest.mark.parametrize("layer", ["embed", "lm"])
@pytest.mark.parametrize("ids", [[[1, 2], [3]], ((1, 2), (3,))], ids=repr)
def test_ragged_ids_are_refused(layer, ids):
    assert_refused(lambda: layers()[layer](ids), says=["integer ids"])


@pytest.mark.parametrize("layer", ["embed", "lm"])
def test_ids_in_a_list_are_taken_or_refused(layer):
    module = layers()[layer]
    try:
        output = module([[1, 2]]).data
    except InputError:
        return
    np.testing.assert_array_equal(output, module(np.array([[1, 2]])).data)


@pytest.mark.parametrize("ids", [np.ones((1, 2), np.float32), Tensor(np.ones((1, 2)))], ids=["array", "Tensor"])
def test_float_ids_are_called_float(ids):
    assert_refused(lambda: layers()["embed"](ids), says=["integer ids", "float"])


@pytest.mark.parametrize(("build", "name"), SIZE_NAMES)
def test_true_is_no_size(build, name):
    assert_refused(lambda: build(True), says=[name, "whole number", "True"])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: BNFCL(4, 3, ["relu"]), ["activation", "['relu']"]),
        (lambda: BNCVL(3, 4, 3, normalize_over=["channels"]), ["normalize_over", "['channels']"]),
        (lambda: BCVNN(widths=5), ["widths", "5"]),
        (lambda: BLM(6, 4, 2, 9, 5, 1), ["mlp_units", "5"]),
        (lambda: BLM(6, 4, 2, 9, (5, 0), 1), ["mlp_units"]),
        (lambda: with_dropout(0.4), ["dropout", "0.4"]),
        (lambda: with_dropout((0.4, 1.5)), ["dropout", "1.5"]),
        (lambda: with_dropout((0.4, 0.3, 0.2)), ["dropout", "0.2"]),
        (lambda: preset_named(7, IMAGE_PRESETS), ["unknown preset", "7"]),
        (lambda: OneHot(np.array([0]), 2.5), ["depth", "2.5"]),
    ],
)
def test_an_option_of_another_kind_is_refused(call, says):
    assert_refused(call, says=says)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: draw([1], 3, RNG, temperature=float("nan")), ["temperature", "nan"]),
        (lambda: draw([1], 3, RNG, top_k=1.5), ["top_k", "1.5"]),
        (lambda: draw([1], 3, RNG, top_k=True), ["top_k", "True"]),
        (lambda: draw([1], 2.5, RNG), ["count", "2.5"]),
        (lambda: draw([1], -3, RNG), ["count", "-3"]),
        (lambda: draw([1], 3, 7), ["rng", "7"]),
        (lambda: draw(7, 3, RNG), ["token", "7"]),
    ],
)
def test_generate_refuses_what_it_cannot_draw_with(call, says):
    assert_refused(call, says=says)


def test_the_block_refuses_in_its_own_name():
    assert_refused(lambda: layers()["block"](normal(2, 3, 5)), says=["BTFB"])
