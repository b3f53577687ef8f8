"""Plausible wrong answers of lesson 7, and a phrase of the sentence that each must get."""

import numpy as np

from minibnn import Tensor
from minibnn.autograd import no_gradient, quant


def only_quant(W):
    return quant(W)


def everything_inside(W):
    return no_gradient(W + (quant(W) - W))


def bracket_too_small(W):
    return W + no_gradient(quant(W)) - W


def bracket_around_w_only(W):
    return W + (quant(W) - no_gradient(W)) + (W - no_gradient(W))


def of_the_data(W):
    return W.data + (quant(W).data - W.data)


def forgets_quant(W):
    return W + no_gradient(W - W)


def _slopes(W0, surrogate, step):
    slopes = np.zeros_like(W0)
    for index in np.ndindex(W0.shape):
        move = np.zeros_like(W0)
        move[index] = step
        slopes[index] = (surrogate(W0 + move) - surrogate(W0 - move)) / (2 * step)
    return slopes


def _bits(W):
    return quant(Tensor(W)).data


def staircase(loss, W0, step=1e-3):
    return _slopes(W0, lambda W: loss(_bits(W)), step)


def without_the_offset(loss, W0, step=1e-3):
    return _slopes(W0, loss, step)


def offset_with_the_wrong_sign(loss, W0, step=1e-3):
    return _slopes(W0, lambda W: loss(W + (W0 - _bits(W0))), step)


def offset_not_frozen(loss, W0, step=1e-3):
    return _slopes(W0, lambda W: loss(W + (_bits(W) - W)), step)


def one_sided(loss, W0, step=1e-3):
    C = _bits(W0) - W0
    slopes = np.zeros_like(W0)
    for index in np.ndindex(W0.shape):
        moved = W0.copy()
        moved[index] += step
        slopes[index] = (loss(moved + C) - loss(W0 + C)) / step
    return slopes


def divided_by_one_step(loss, W0, step=1e-3):
    return 2 * _slopes(W0, lambda W: loss(W + (_bits(W0) - W0)), step)


def in_place(loss, W0, step=1e-3):
    C = _bits(W0) - W0
    slopes = np.zeros_like(W0)
    for index in np.ndindex(W0.shape):
        before = loss(W0 + C)
        W0[index] += step
        slopes[index] = (loss(W0 + C) - before) / step
    return slopes


WRONG = {
    "returns the bits without a gradient": ({"line_2": only_quant}, "no gradient can reach W"),
    "puts everything into NoGradient": ({"line_2": everything_inside}, "no gradient can reach W"),
    "leaves W out of the bracket": ({"line_2": bracket_too_small}, "the whole bracket"),
    "passes the gradient on twice": ({"line_2": bracket_around_w_only}, "exactly once outside"),
    "works on arrays": ({"line_2": of_the_data}, "must return a Tensor"),
    "forgets Quant": ({"line_2": forgets_quant}, "gives W itself"),
    "measures the staircase": ({"surrogate_slopes": staircase}, "slope of the staircase"),
    "does not freeze the offset": ({"surrogate_slopes": offset_not_frozen}, "slope of the staircase"),
    "forgets the offset": ({"surrogate_slopes": without_the_offset}, "add the frozen offset"),
    "turns the offset round": ({"surrogate_slopes": offset_with_the_wrong_sign}, "the wrong sign"),
    "takes one-sided differences": ({"surrogate_slopes": one_sided}, "central differences"),
    "divides by one step": ({"surrogate_slopes": divided_by_one_step}, "2 times what was expected"),
    "leaves W0 moved": ({"surrogate_slopes": in_place}, "changed W0"),
}
