"""The packed model file: what `save_packed` writes, `load_packed` and anyone with NumPy can read.

`minibnn.bits.archive` describes the container: named arrays of bits, and a header in JSON, to which this module adds

    "kind": "BLM", "config": {...}, "activation_bits": null, "about": {...}

- kind: the class that the model was packed from: BNFCL, BNCVL, BEMBL, BATL, BTFB, BCVNN or BLM.
- config: exactly the arguments that build it, by name. `mask_value` is a number or, because JSON has no infinity, the
  text "-inf" (or "inf").
- activation_bits: null for exact products, or 2 to 16; see `BitMatrix`.
- about: what the writer wanted to add. `minibnn pack` writes class_names and image_size, or vocabulary (a list of
  pieces), preset, and validation.

The arrays are the kernel and the bias of each layer, `name.W` and `name.b`, in forward order. Their names and shapes
follow from kind and config, and a file that holds anything else is refused before a model is built.
"""

import itertools
import math
import numbers
import reprlib
import types
from collections.abc import Callable
from typing import NamedTuple

from minibnn.bits.archive import MEND, read_archive, write_archive
from minibnn.bits.packed_layers import PackedBNCVL, PackedBNFCL, PackedLayer, PackedModule
from minibnn.bits.packing import PACKED_KINDS, assemble
from minibnn.errors import InputError, InputTypeError
from minibnn.layers import BATL, BEMBL, BNCVL, BNFCL, BTFB, Module, ShapesOnly
from minibnn.layers.activations import ACTIVATIONS, name_of_activation
from minibnn.layers.convolution import NORMALIZE_AXES, name_of_axes
from minibnn.models import BCVNN, BLM

PACKED = {BNFCL: PackedBNFCL, BNCVL: PackedBNCVL, **PACKED_KINDS}
HEADER = ("kind", "config", "activation_bits", "about")
INFINITIES = {"-inf": -math.inf, "inf": math.inf}
PLAIN = (numbers.Number, tuple, types.FunctionType)
UPDATE = "was it written by a newer minibnn? Then update this one"


def save_packed(packed, path, *, about=None):
    """Write a packed model to one file, whole or not at all.

    Args:
        packed: what `pack` returned: a packed BNFCL, BNCVL, BEMBL, BATL, BTFB, BCVNN or BLM, as that class builds it.
        path: destination, used as it is (no suffix is added). Its folder must exist.
        about: dict of anything that JSON can hold, such as the names of the classes; None for that of the model, which
            one that was loaded has.

    Raises:
        InputError: for a model of another class or of changed structure, for an `about` that JSON cannot hold, or a
            path that cannot be written.
        InputTypeError: for what is no packed model, or an `about` that is no dict.
    """
    about = getattr(packed, "about", {}) if about is None else about
    if not isinstance(about, dict):
        raise InputTypeError(f"about must be a dict, such as {{'class_names': [...]}}, and is a {type(about).__name__}")
    kind, config = description(packed)
    if config.get("mask_value") in INFINITIES.values():
        config["mask_value"] = str(config["mask_value"])
    header = {"kind": kind, "config": config, "activation_bits": _activation_bits(packed), "about": about}
    write_archive(path, header, dict(packed.named_bits()))


def load_packed(path):
    """Read a packed model again.

    `path`: a file that `save_packed` wrote. Returns a packed module as `pack` does, with the attribute `about`, a dict.
    Raises InputError, which names the file, what is wrong with it and the mend, if it is missing, damaged, written by a
    newer minibnn, or holds arrays other than those of the model that it describes.
    """
    header, tensors = read_archive(path)
    try:
        kind, config = _checked_header(header)
        _check_arrays(kind, config, tensors)
        packed = assemble(_structure(kind, config), tensors.pop)  # pop: each array is freed once it is in its order
    except InputError as error:
        raise InputError(f"cannot use {str(path)!r}: {error}") from None
    packed.activation_bits = header["activation_bits"]
    packed.about = header["about"]
    return packed


def description(packed):
    """(kind, config) of a packed model: the name of its class, and the dict of the arguments that build it.

    Raises InputError unless these build exactly this model, down to the activation of each layer.
    """
    kind = _kind_of(packed)
    try:
        config = KINDS[kind].config(packed)
        structure = _structure(kind, config)
    except (AttributeError, StopIteration, InputError) as error:  # no such layer, activation, or sizes
        raise _changed(kind, "a layer") from error
    _check_same(packed, structure, kind)
    return kind, config


def structure_of(packed):
    """The binary model of the same structure, for its shapes and names: it has no weights (see `ShapesOnly`)."""
    return _structure(*description(packed))


class Kind(NamedTuple):
    """How one class is kept: the class, its arguments and their checks, how a packed model tells them, its kernels."""

    build: type[Module]
    arguments: dict
    config: Callable
    kernels: Callable


class Argument(NamedTuple):
    """A value that a header may hold: whether it is one, and what an error calls it."""

    accepts: Callable
    expected: str


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


# The arguments that build a packed model anew.


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


def _embedding_kernels(max_len, emb_dim, vocab_size):
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


_EMBEDDING = {"max_len": SIZE, "emb_dim": SIZE, "vocab_size": SIZE}
_ATTENTION = {"emb_dim": SIZE, "num_heads": SIZE, "mask_value": MASK}
KINDS = {
    "BNFCL": Kind(
        BNFCL,
        {"n_in": SIZE, "n_units": SIZE, "activation": ACTIVATION},
        _fully_connected_config,
        lambda n_in, n_units, **_: [("", (n_in, n_units))],
    ),
    "BNCVL": Kind(
        BNCVL,
        dict.fromkeys(("n_channels", "n_filters", "kernel_size"), SIZE)
        | {"activation": ACTIVATION, "normalize_over": AXES},
        _convolution_config,
        lambda n_channels, n_filters, kernel_size, **_: [("", (kernel_size, kernel_size, n_channels, n_filters))],
    ),
    "BEMBL": Kind(BEMBL, _EMBEDDING, _embedding_config, _embedding_kernels),
    "BATL": Kind(BATL, _ATTENTION, _attention_config, _attention_kernels),
    "BTFB": Kind(BTFB, _ATTENTION | {"ff_dim": SIZE}, _block_config, _block_kernels),
    "BCVNN": Kind(
        BCVNN,
        {"kernel_size": SIZE, "num_classes": SIZE, "widths": _are_sizes(5), "units": _are_sizes(2)}
        | {"normalize_over": AXES},
        _classifier_config,
        _classifier_kernels,
    ),
    "BLM": Kind(
        BLM,
        _EMBEDDING | _ATTENTION | {"mlp_units": _are_sizes(2), "num_blocks": SIZE},
        _language_config,
        _language_kernels,
    ),
}


def _structure(kind, config):
    return KINDS[kind].build(**config, rng=ShapesOnly())


def _kind_of(packed):
    if not isinstance(packed, PackedModule):
        mend = "pack(model) first" if isinstance(packed, Module) else "expected what pack(model) returns"
        raise InputTypeError(f"a packed file holds the bits of a model, and this is a {type(packed).__name__}: {mend}")
    for kind, (build, *_) in KINDS.items():
        if type(packed) is PACKED[build]:
            return kind
    raise InputError(
        f"a packed file can hold a packed {', '.join(KINDS)}, and not a {type(packed).__name__}, a class that whoever "
        "reads the file may not have: save the parts that it is made of, each in a file"
    )


def _check_same(packed, structure, kind):
    """Raise InputError unless `packed` is, layer for layer, what `structure` would be packed to."""
    pairs = itertools.zip_longest(packed.named_modules(), structure.named_modules(), fillvalue=("", None))
    for (name, found), (expected_name, expected) in pairs:
        same_class = name == expected_name and type(found) is PACKED.get(type(expected))
        if not same_class or not _choices(expected).items() <= _choices(found).items():
            raise _changed(kind, repr(name or expected_name))


def _changed(kind, part):
    return InputError(
        f"a packed file can hold a {kind} as {kind}(...) builds it, and {part} of this one is another: save the parts "
        "that it is made of, each in a file"
    )


def _choices(module):
    """What was chosen when a module was built: plain values, activations, and the shape of its kernel."""
    kernel = getattr(module, "W_q", getattr(module, "W", None))
    values = {key: v for key, v in vars(module).items() if key[0] != "_" and isinstance(v, PLAIN)}
    return values | {"shape": getattr(kernel, "shape", None)}


def _activation_bits(packed):
    found = {layer.W_q.activation_bits for _, layer in packed.named_modules() if isinstance(layer, PackedLayer)}
    if len(found) > 1:
        raise InputError(
            f"a packed file has one activation_bits for all layers, and these have {', '.join(map(str, found))}: set "
            "activation_bits of the whole model"
        )
    return found.pop()


def _checked_header(header):
    """(kind, config as the class takes it) of a header; raises InputError for what this version cannot read."""
    _check_keys("its header", header, HEADER)
    kind, config, bits, about = (header[key] for key in HEADER)
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"its kind is {reprlib.repr(kind)}, and this minibnn reads {', '.join(KINDS)}; {UPDATE}")
    if bits is not None and (type(bits) is not int or not 2 <= bits <= 16):
        raise InputError(f"its activation_bits must be null or 2 to 16, and is {reprlib.repr(bits)}; {MEND}")
    if not isinstance(about, dict):
        raise InputError(f"its 'about' must be an object, {{...}}, and is {reprlib.repr(about)}; {MEND}")
    arguments = KINDS[kind].arguments
    _check_keys(f"the configuration of its {kind}", config, arguments)
    for name, (accepts, expected) in arguments.items():
        if not accepts(config[name]):
            raise InputError(f"{name} of its {kind} must be {expected}, and is {reprlib.repr(config[name])}; {MEND}")
    if config.get("mask_value") in INFINITIES:
        config = config | {"mask_value": INFINITIES[config["mask_value"]]}
    return kind, config


def _check_keys(what, found, expected):
    if not isinstance(found, dict):
        raise InputError(f"{what} must be an object, {{...}}, and is {reprlib.repr(found)}; {MEND}")
    if unknown := [key for key in found if key not in expected]:
        raise InputError(f"{what} has {reprlib.repr(unknown[0])}, which this minibnn does not know; {UPDATE}")
    if missing := [key for key in expected if key not in found]:
        raise InputError(f"{what} lacks {missing[0]!r}; {MEND}")


def _check_arrays(kind, config, tensors):
    """Raise InputError unless the arrays are those of this model: name, shape and order."""
    expected = (
        (f"{name}.{key}" if name else key, shape if key == "W" else shape[-1:])
        for name, shape in KINDS[kind].kernels(**config)
        for key in "Wb"
    )
    found = ((name, tensor.shape) for name, tensor in tensors.items())
    for number, (array, due) in enumerate(itertools.zip_longest(found, expected), 1):
        if array != due:
            due, array = (f"{pair[0]!r} of shape {pair[1]}" if pair else "none" for pair in (due, array))
            raise InputError(f"array {number} of its {kind} must be {due}, and is {array}; {MEND}")
