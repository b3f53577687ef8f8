"""A layer called with too few, too many or named inputs says what it takes; a mistake inside it is not covered up."""

import re

import numpy as np
import pytest

from minibnn.errors import InputTypeError
from minibnn.layers import BATL, BNFCL, Module

X = np.ones((1, 2, 4), np.float32)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: BNFCL(4, 3)(), "BNFCL takes (x, *, activate=True), inputs by position, and got 0 inputs"),
        (lambda: BNFCL(4, 3)(x=X), "BNFCL takes (x, *, activate=True), inputs by position, and got 0 inputs"),
        (lambda: BNFCL(4, 3)(X, X), "BNFCL takes (x, *, activate=True), inputs by position, and got 2 inputs"),
        (
            lambda: BATL(4, 2)(X),
            "BATL takes (query, key, value, mask=None, *, past=None), inputs by position, and got 1 input",
        ),
    ],
)
def test_a_call_with_other_inputs_says_what_the_layer_takes(call, says):
    with pytest.raises(InputTypeError, match=re.escape(says)):
        call()


def test_a_mistake_inside_forward_or_check_stays_what_it_is():
    class Broken(Module):
        def forward(self, x):
            return x + None

    class BrokenCheck(Broken):
        def check(self, x):
            len(None)

    for layer, message in ((Broken(), "unsupported operand|NoneType"), (BrokenCheck(), "has no len")):
        with pytest.raises(TypeError, match=message):
            layer(1)
