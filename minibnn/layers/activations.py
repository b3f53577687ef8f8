"""The activations that a layer may end in, by name."""

import difflib

from minibnn.autograd import ops
from minibnn.errors import InputError


def linear(z):
    """The activation None: z itself."""
    return z


ACTIVATIONS = {None: linear, "relu": ops.relu, "gelu": ops.gelu, "softmax": ops.softmax}


def activation_named(name):
    """The activation function of that name. Raises InputError, with the nearest name, for one that does not exist."""
    if name is None or (isinstance(name, str) and name in ACTIVATIONS):
        return ACTIVATIONS[name]
    near = difflib.get_close_matches(str(name), [n for n in ACTIVATIONS if n], 1)
    raise InputError(
        f"activation expects None, 'relu', 'gelu' or 'softmax', and got {name!r}"
        + (f"; did you mean {near[0]!r}?" if near else "")
    )


def name_of_activation(function):
    """The name under which `activation_named` knows this function."""
    return next(name for name, known in ACTIVATIONS.items() if known is function)
