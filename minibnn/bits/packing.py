"""`pack`: a trained binary model turned into one that holds its bits and nothing else."""

import numpy as np

from minibnn.autograd import Tensor
from minibnn.autograd.straight_through import bits_of
from minibnn.bits.bit_tensor import BitTensor
from minibnn.bits.packed_layers import (
    PackedBATL,
    PackedBCVNN,
    PackedBEMBL,
    PackedBLM,
    PackedBNCVL,
    PackedBNFCL,
    PackedBTFB,
    PackedModule,
)
from minibnn.errors import InputError, InputTypeError
from minibnn.layers import BATL, BEMBL, BNCVL, BNFCL, BTFB, Module
from minibnn.layers.activations import name_of_activation
from minibnn.layers.convolution import name_of_axes
from minibnn.models import BCVNN, BLM

PACKED_KINDS = {BEMBL: PackedBEMBL, BATL: PackedBATL, BTFB: PackedBTFB, BCVNN: PackedBCVNN, BLM: PackedBLM}


def pack(model, *, activation_bits=None):
    """The model after training (Algorithm 2): each parameter becomes its bit (Eq. 1), and the floats are not kept.

    `model`: a binary layer or model: BNFCL, BNCVL, BEMBL, BATL, BTFB, BCVNN, BLM, or a Module of your own made of them.
    `activation_bits`: None for exact products; 2 to 16 for integer arithmetic, see `BitMatrix`.
    Returns a packed module of the same structure, called in the same way; its outputs are those of the model with
    `trainable = False` to float32 rounding. Later changes of the model do not reach it.
    Raises InputError if the model, or a part of it, holds float parameters, as the 32-bit twins do.
    """
    if isinstance(model, PackedModule):
        raise InputError(f"this {type(model).__name__} is packed already")
    if not isinstance(model, Module):
        raise InputTypeError(f"pack expects a model or layer of minibnn, and got {type(model).__name__}")
    parameters, thresholds = dict(model.named_parameters()), model.latent_thresholds()
    if not parameters:
        raise InputError(f"pack expects a model with parameters, and this {type(model).__name__} has none")
    packed = assemble(model, lambda name: BitTensor.from_array(bits_of(parameters[name].data, thresholds[name])))
    packed.activation_bits = activation_bits
    return packed


def assemble(model, bits, name=""):
    """The packed form of a model, with the BitTensor `bits(name)` for the parameter of that dotted name.

    Of the model only its structure is used: it may be built with `rng=ShapesOnly()`.
    """
    prefix = f"{name}." if name else ""
    if type(model) in (BNFCL, BNCVL):
        return _packed_layer(model, bits, prefix)
    packed = object.__new__(_packed_kind(type(model)))
    for key, value in vars(model).items():
        if isinstance(value, Tensor):
            raise InputError(
                f"pack accepts binary models, and {prefix}{key} of {type(model).__name__} is a float parameter; build "
                "the model of binary layers (BNFCL, BNCVL, ...)"
            )
        if _hides_layers(value):
            raise InputError(
                f"pack finds layers in attributes and in lists, and {prefix}{key} of {type(model).__name__} is a "
                f"{type(value).__name__} with layers or tensors in it; keep the layers in a list"
            )
        if isinstance(value, Module):
            value = assemble(value, bits, f"{prefix}{key}")
        elif isinstance(value, list):
            value = [
                assemble(item, bits, f"{prefix}{key}.{i}") if isinstance(item, Module) else item
                for i, item in enumerate(value)
            ]
        if not key.startswith("_"):  # not whether it was trainable or called
            vars(packed)[key] = value
    return packed


def _packed_layer(layer, bits, prefix):
    """A BNFCL or BNCVL of bits."""
    kernel, bias = bits(f"{prefix}W"), bits(f"{prefix}b") if layer.choices.bias else None
    activation = name_of_activation(layer.activation)
    if type(layer) is BNFCL:
        return PackedBNFCL(kernel, bias, activation, choices=layer.choices)
    over = name_of_axes(layer.axes)
    return PackedBNCVL(kernel, bias, activation, normalize_over=over, choices=layer.choices)


def random_packed(model, rng):
    """The packed form of a model with random bits, for measuring: of `model` only its structure is used."""
    shapes = {name: tensor.shape for name, tensor in model.named_parameters()}
    return assemble(model, lambda name: random_bits(shapes[name], rng))


def random_bits(shape, rng):
    """A BitTensor of that shape of zeros and ones, equally likely. `rng`: numpy.random.Generator."""
    return BitTensor.from_array(rng.integers(0, 2, shape, dtype=np.uint8))


def _hides_layers(value, *, visible=(list,)):
    """Whether layers or tensors are in `value` where `Module.named_modules` does not look: it looks into a list."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple, set)) else ()
    return any(
        isinstance(item, Tensor)
        or (isinstance(item, Module) and not isinstance(value, visible))
        or _hides_layers(item, visible=())
        for item in items
    )


def _packed_kind(kind):
    """The packed class for a kind of module; one is made for a Module of the reader's own."""
    return PACKED_KINDS.get(kind) or type(f"Packed{kind.__name__}", (PackedModule, kind), {"__doc__": kind.__doc__})
