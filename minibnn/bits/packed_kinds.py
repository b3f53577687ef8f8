"""What a packed file can hold: of each class the arguments that build it, their checks, and the kernels that follow."""

import itertools
import math
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import NamedTuple

from minibnn.autograd.straight_through import THRESHOLDS
from minibnn.layers import BATL, BEMBL, BNCVL, BNFCL, BTFB, Choices, Module
from minibnn.layers.activations import ACTIVATIONS, name_of_activation
from minibnn.layers.choices import DEFAULT, is_epsilon
from minibnn.layers.convolution import NORMALIZE_AXES, name_of_axes
from minibnn.models import BCVNN, BLM

INFINITIES = {"-inf": -math.inf, "inf": math.inf}


class Kind(NamedTuple):
    """How one class is kept: the class, its arguments and their checks, how a packed model tells them, its kernels."""

    build: type[Module]
    arguments: dict
    config: Callable
    kernels: Callable


class Argument(NamedTuple):
    """A value that a header may hold: whether it is one, what an error calls it, and whether it must be there."""

    accepts: Callable
    expected: str
    required: bool = True


def _is_size(value):
    return type(value) is int and value >= 1  # a bool is none


def _are_sizes(count):
    def accepts(value):
        return isinstance(value, list) and len(value) == count and all(map(_is_size, value))

    return Argument(accepts, f"a list of {count} whole numbers of at least 1")


SIZE = Argument(_is_size, "a whole number of at least 1")
ACTIVATION = Argument(lambda value: value in list(ACTIVATIONS), "null, 'relu', 'gelu' or 'softmax'")
AXES = Argument(lambda value: value in list(NORMALIZE_AXES), "'channels' or 'example'")
MASK = Argument(lambda value: type(value) in (int, float) or value in list(INFINITIES), "a number or '-inf'")


def _are_choices(value):
    return (
        isinstance(value, dict)
        and value.keys() == {field.name for field in fields(Choices)}
        and value["threshold"] in list(THRESHOLDS)
        and is_epsilon(value["epsilon"])
        and type(value["normalize"]) is type(value["bias"]) is bool
    )


CHOICES = Argument(
    _are_choices,
    "an object of threshold, 'mean' or 'zero', epsilon, a number above 0, normalize and bias, true or false",
    required=False,  # files that were written before there were choices, and those of the defaults, have none
)


def choices_config(packed):
    """The choices of a packed model as a file has them: nothing where they are the defaults."""
    return {} if packed.choices == DEFAULT else {"choices": asdict(packed.choices)}


# The arguments that build a packed model anew, but for the choices.


def _fully_connected_config(layer):
    n_in, n_units = layer.W_q.shape
    return {"n_in": n_in, "n_units": n_units, "activation": name_of_activation(layer.activation)}


def _convolution_config(layer):
    kernel_size, _, n_channels, n_filters = layer.W_q.shape
    sizes = {"n_channels": n_channels, "n_filters": n_filters, "kernel_size": kernel_size}
    return sizes | {"activation": name_of_activation(layer.activation), "normalize_over": name_of_axes(layer.axes)}


def _embedding_config(layer):
    return {"max_len": int(layer.max_len), "emb_dim": _units(layer.tokens), "vocab_size": int(layer.vocab_size)}


def _attention_config(layer):
    sizes = {"emb_dim": int(layer.emb_dim), "num_heads": int(layer.num_heads)}
    return sizes | {"mask_value": float(layer.mask_value)}


def _block_config(block):
    return _attention_config(block.attention) | {"ff_dim": _units(block.ff_in)}


def _classifier_config(model):
    blocks = (model.conv1a, model.conv2a, model.conv3a, model.conv4a, model.conv5a)
    return {
        "kernel_size": model.conv1a.W_q.shape[0],
        "num_classes": int(model.num_classes),
        "widths": [_units(convolution) for convolution in blocks],
        "units": [_units(model.fc1), _units(model.fc2)],
        "normalize_over": name_of_axes(model.conv1a.axes),
    }


def _language_config(model):
    head = {"mlp_units": [_units(model.mlp1), _units(model.mlp2)], "num_blocks": len(model.blocks)}
    return _embedding_config(model.embed) | _attention_config(model.blocks[0].attention) | head


def _units(layer):
    return layer.W_q.shape[-1]


# Name and shape of each kernel, by the arguments alone: a header that lies must not make us build what it claims. They
# come one by one, so that the first that is not in the file ends it.


def _embedding_kernels(max_len, emb_dim, vocab_size, **_):
    yield "positions", (max_len, emb_dim)
    yield "tokens", (vocab_size, emb_dim)


def _attention_kernels(emb_dim, **_):
    for name in ("query", "key", "value", "projection"):
        yield name, (emb_dim, emb_dim)


def _block_kernels(emb_dim, ff_dim, **_):
    yield from _below("attention", _attention_kernels(emb_dim))
    yield "ff_in", (emb_dim, ff_dim)
    yield "ff_out", (ff_dim, emb_dim)


def _classifier_kernels(kernel_size, num_classes, widths, units, **_):
    for number, (n_channels, width) in enumerate(itertools.pairwise((3, *widths)), 1):
        yield f"conv{number}a", (kernel_size, kernel_size, n_channels, width)
        yield f"conv{number}b", (kernel_size, kernel_size, width, width)
    for number, sizes in enumerate(itertools.pairwise((widths[-1], *units, num_classes)), 1):
        yield f"fc{number}", sizes


def _language_kernels(max_len, emb_dim, vocab_size, mlp_units, num_blocks, **_):
    yield from _below("embed", _embedding_kernels(max_len, emb_dim, vocab_size))
    for i in range(num_blocks):
        yield from _below(f"blocks.{i}", _block_kernels(emb_dim, 2 * emb_dim))
    sizes = itertools.pairwise((emb_dim, *mlp_units, vocab_size))
    yield from zip(("mlp1", "mlp2", "output"), sizes, strict=True)


def _below(name, kernels):
    return ((f"{name}.{layer}", shape) for layer, shape in kernels)


_CHOICES = {"choices": CHOICES}
_EMBEDDING = {"max_len": SIZE, "emb_dim": SIZE, "vocab_size": SIZE}
_ATTENTION = {"emb_dim": SIZE, "num_heads": SIZE, "mask_value": MASK}
KINDS = {
    "BNFCL": Kind(
        BNFCL,
        {"n_in": SIZE, "n_units": SIZE, "activation": ACTIVATION} | _CHOICES,
        _fully_connected_config,
        lambda n_in, n_units, **_: [("", (n_in, n_units))],
    ),
    "BNCVL": Kind(
        BNCVL,
        dict.fromkeys(("n_channels", "n_filters", "kernel_size"), SIZE)
        | {"activation": ACTIVATION, "normalize_over": AXES}
        | _CHOICES,
        _convolution_config,
        lambda n_channels, n_filters, kernel_size, **_: [("", (kernel_size, kernel_size, n_channels, n_filters))],
    ),
    "BEMBL": Kind(BEMBL, _EMBEDDING | _CHOICES, _embedding_config, _embedding_kernels),
    "BATL": Kind(BATL, _ATTENTION | _CHOICES, _attention_config, _attention_kernels),
    "BTFB": Kind(BTFB, _ATTENTION | {"ff_dim": SIZE} | _CHOICES, _block_config, _block_kernels),
    "BCVNN": Kind(
        BCVNN,
        {"kernel_size": SIZE, "num_classes": SIZE, "widths": _are_sizes(5), "units": _are_sizes(2)}
        | {"normalize_over": AXES}
        | _CHOICES,
        _classifier_config,
        _classifier_kernels,
    ),
    "BLM": Kind(
        BLM,
        _EMBEDDING | _ATTENTION | {"mlp_units": _are_sizes(2), "num_blocks": SIZE} | _CHOICES,
        _language_config,
        _language_kernels,
    ),
}
