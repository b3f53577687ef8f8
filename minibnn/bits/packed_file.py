"""The packed model file: what `save_packed` writes, `load_packed` and anyone with NumPy can read.

`minibnn.bits.archive` describes the container: named arrays of bits, and a header in JSON, to which this module adds

    "kind": "BLM", "config": {...}, "activation_bits": null, "about": {...}

- kind: the class that the model was packed from: BNFCL, BNCVL, BEMBL, BATL, BTFB, BCVNN or BLM.
- config: exactly the arguments that build it, by name. `mask_value` is a number or, because JSON has no infinity, the
  text "-inf" (or "inf"). `choices` is an object of threshold, epsilon, normalize and bias (see `Choices`), and is left
  out where they are the defaults.
- activation_bits: null for exact products, or 2 to 16; see `BitMatrix`.
- about: what the writer wanted to add. `minibnn pack` writes class_names and image_size, or vocabulary (a list of
  pieces), preset, and validation.

The arrays are the kernel and, unless `choices` leaves it out, the bias of each layer, `name.W` and `name.b`, in
forward order. Their names and shapes follow from kind and config, and a file that holds anything else is refused before
a model is built.
"""

import itertools
import numbers
import reprlib
import types

from minibnn.bits.archive import MEND, read_archive, write_archive
from minibnn.bits.packed_kinds import INFINITIES, KINDS, choices_config
from minibnn.bits.packed_layers import PackedBNCVL, PackedBNFCL, PackedLayer, PackedModule
from minibnn.bits.packing import PACKED_KINDS, assemble
from minibnn.errors import InputError, InputTypeError
from minibnn.layers import BNCVL, BNFCL, Choices, Module, ShapesOnly
from minibnn.layers.choices import Normalize

PACKED = {BNFCL: PackedBNFCL, BNCVL: PackedBNCVL, **PACKED_KINDS}
HEADER = ("kind", "config", "activation_bits", "about")
PLAIN = (numbers.Number, tuple, types.FunctionType, Choices, Normalize)
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
        config = KINDS[kind].config(packed) | choices_config(packed)
        structure = _structure(kind, config)
    except (AttributeError, TypeError, StopIteration, InputError) as error:  # no such layer, activation, sizes, choices
        raise _changed(kind, "a layer") from error
    _check_same(packed, structure, kind)
    return kind, config


def structure_of(packed):
    """The binary model of the same structure, for its shapes and names: it has no weights (see `ShapesOnly`)."""
    return _structure(*description(packed))


def _structure(kind, config):
    choices = Choices(**config.get("choices", {}))
    return KINDS[kind].build(**config | {"choices": choices}, rng=ShapesOnly())


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
    _check_keys("its header", header, HEADER, HEADER)
    kind, config, bits, about = (header[key] for key in HEADER)
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"its kind is {reprlib.repr(kind)}, and this minibnn reads {', '.join(KINDS)}; {UPDATE}")
    if bits is not None and (type(bits) is not int or not 2 <= bits <= 16):
        raise InputError(f"its activation_bits must be null or 2 to 16, and is {reprlib.repr(bits)}; {MEND}")
    if not isinstance(about, dict):
        raise InputError(f"its 'about' must be an object, {{...}}, and is {reprlib.repr(about)}; {MEND}")
    arguments = KINDS[kind].arguments
    required = [name for name, argument in arguments.items() if argument.required]
    _check_keys(f"the configuration of its {kind}", config, arguments, required)
    for name, (accepts, expected, _) in arguments.items():
        if name in config and not accepts(config[name]):
            raise InputError(f"{name} of its {kind} must be {expected}, and is {reprlib.repr(config[name])}; {MEND}")
    if config.get("mask_value") in INFINITIES:
        config = config | {"mask_value": INFINITIES[config["mask_value"]]}
    return kind, config


def _check_keys(what, found, expected, required):
    if not isinstance(found, dict):
        raise InputError(f"{what} must be an object, {{...}}, and is {reprlib.repr(found)}; {MEND}")
    if unknown := [key for key in found if key not in expected]:
        raise InputError(f"{what} has {reprlib.repr(unknown[0])}, which this minibnn does not know; {UPDATE}")
    if missing := [key for key in required if key not in found]:
        raise InputError(f"{what} lacks {missing[0]!r}; {MEND}")


def _check_arrays(kind, config, tensors):
    """Raise InputError unless the arrays are those of this model: name, shape and order."""
    keys = "Wb" if config.get("choices", {}).get("bias", True) else "W"
    expected = (
        (f"{name}.{key}" if name else key, shape if key == "W" else shape[-1:])
        for name, shape in KINDS[kind].kernels(**config)
        for key in keys
    )
    found = ((name, tensor.shape) for name, tensor in tensors.items())
    for number, (array, due) in enumerate(itertools.zip_longest(found, expected), 1):
        if array != due:
            due, array = (f"{pair[0]!r} of shape {pair[1]}" if pair else "none" for pair in (due, array))
            raise InputError(f"array {number} of its {kind} must be {due}, and is {array}; {MEND}")
