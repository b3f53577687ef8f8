"""Checkpoints: files of named arrays and a header, from which training goes on, or a model is read.

A checkpoint is an archive as `minibnn.archive` describes, so NumPy alone can read it: `np.load(path)["model.fc1.W"]`.
It holds `model.<name>` for each parameter; one that training goes on from holds also `optimizer.<name>` for what the
optimizer keeps and `flips.<number>` for the bits at the beginning of the epoch, and its header says where the run is
(see `TrainingState`). What was changed by a single bit, or cut short, is refused.
"""

import math
import reprlib
from pathlib import Path

import numpy as np

from minibnn.archive import Format, is_name, read_archive, write_archive
from minibnn.errors import InputError, InputTypeError

FOLDER, BEST, STEP = "checkpoints", "best.npz", "step-{:08d}.npz"
LARGEST_FILE = (1 << 32) - (1 << 22)  # bytes: what a zip of the plain kind can hold
DTYPES = {"float32", "float64", "int64", "uint8"}
MEND = "take another checkpoint of the run, or train again"


def write_checkpoint(path, header, arrays):
    """Write a checkpoint, whole or not at all, and forced to the disk.

    Args:
        path: destination. Its folder must exist.
        header: dict of what JSON can hold, without the keys format, version and arrays.
        arrays: dict of name (words of letters, digits and "_", joined by dots) to array of float32, float64, int64 or
            uint8.

    Raises:
        InputError: for a name, a header or a path that cannot be used, or more than 4 GB of arrays.
        InputTypeError: for an array of another dtype.
    """
    for name, array in arrays.items():
        if not is_name(name):
            raise InputError(f"a checkpoint cannot hold an array named {name!r}; use words joined by dots")
        if array.dtype.name not in DTYPES:
            raise InputTypeError(f"a checkpoint cannot hold {name!r}, an array of {array.dtype}; convert it")
    if (needed := sum(array.nbytes for array in arrays.values())) > LARGEST_FILE - (1 << 22):
        raise InputError(
            f"a checkpoint holds at most 4 GB, and this model needs {needed / 1e9:.1f}; take a smaller one"
        )
    entries = {
        name: ({"dtype": array.dtype.name, "shape": array.shape}, lambda array=array: array)
        for name, array in arrays.items()
    }
    write_archive(path, FORMAT, header, entries)


def read_checkpoint(path, wanted=None):
    """Read a checkpoint: (header, arrays), as `write_checkpoint` was given them; the arrays cannot be written to.

    `wanted`: function of a name that says whether to read that array; None for all.
    Raises InputError, which names the file, if it is missing, damaged, or no checkpoint.
    """
    return read_archive(path, FORMAT, lambda name, entry, array: array, wanted)


def save_weights(model, path, header=None):
    """Write the named parameters of a model to a checkpoint of its weights alone, whole or not at all.

    Args:
        model: has `named_parameters()`, a list of (name, Tensor).
        path: destination, used as it is (no suffix is added). Its folder must exist.
        header: dict of what JSON can hold, to be kept with them; None for nothing.

    Raises:
        InputError: if the folder is missing or closed to us, or `path` is a folder itself.
    """
    write_checkpoint(path, header or {}, weights_of(model))


def weights_of(model):
    """The parameters of a model as a checkpoint names them: {"model.<name>": array}."""
    return {f"model.{name}": tensor.data for name, tensor in model.named_parameters()}


def read_weights(path):
    """The float weights in a checkpoint: {name: array}, names as in `model.named_parameters()`.

    Raises InputError, which names the file, if it is missing, damaged, or no checkpoint.
    """
    _, arrays = read_checkpoint(path, wanted=lambda name: name.startswith("model."))
    return {name.removeprefix("model."): array for name, array in arrays.items()}


def load_weights(model, path):
    """Read the parameters of a model, in place, from a checkpoint.

    Everything is checked before anything is changed: after an error the model is as it was.

    Args:
        model: has `named_parameters()`; must have the names, shapes and dtypes of the one that was saved.
        path: the file.

    Raises:
        InputError: if the file is missing or damaged, or does not fit; names the first parameter that does not.
    """
    set_weights(model, read_weights(path), path)


def set_weights(model, arrays, path):
    """Copy arrays {name: array}, which come from the file `path`, to the parameters of a model; see `load_weights`."""
    parameters = dict(model.named_parameters())
    _check_fit(parameters, arrays, str(path))
    for name, tensor in parameters.items():
        tensor.data[...] = arrays[name]


def saved_steps(folder):
    """{step: path} of the checkpoints in the folder of a run that training can go on from, the first step first."""
    found = {}
    for path in (Path(folder) / FOLDER).glob("step-*.npz"):
        digits = path.stem.removeprefix("step-")
        if digits.isascii() and digits.isdigit():
            found[int(digits)] = path
    return dict(sorted(found.items()))


def _check_fit(parameters, arrays, path):
    if missing := [name for name in parameters if name not in arrays]:
        raise InputError(f"{path!r} lacks {len(missing)} of the model's parameters, the first is {missing[0]!r}")
    if unknown := [name for name in arrays if name not in parameters]:
        raise InputError(f"{path!r} has {len(unknown)} parameters the model lacks, the first is {unknown[0]!r}")
    for name, tensor in parameters.items():
        want, got = tensor.data, arrays[name]
        if want.shape != got.shape or want.dtype != got.dtype:
            raise InputError(
                f"{path!r}: parameter {name!r} of the model is {want.dtype} of shape {want.shape}, "
                f"in the file it is {got.dtype} of shape {got.shape}; build the model with the saved configuration"
            )
        if not want.flags.writeable:
            raise InputError(f"parameter {name!r} of the model is read-only: it was built of ShapesOnly, to be counted")


def _stored(entries):
    """{name: (dtype, shape)} of all arrays, by their entries in the header."""
    return {name: _checked_entry(name, entry) for name, entry in entries.items()}


def _checked_entry(name, entry):
    if entry.keys() != {"dtype", "shape", "sha256"}:
        raise InputError(f"its header does not give {FORMAT.told} of array {name!r}, and no more; {MEND}")
    dtype, shape = entry["dtype"], entry["shape"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise InputError(f"its header gives array {name!r} the dtype {reprlib.repr(dtype)}; {MEND}")
    sizes = shape if isinstance(shape, list) and len(shape) <= 32 else [None]
    if not all(type(size) is int and 0 <= size < 1 << 40 for size in sizes) or math.prod(sizes) > LARGEST_FILE:
        raise InputError(f"its header gives array {name!r} the shape {reprlib.repr(shape)}; {MEND}")
    return np.dtype(dtype), tuple(shape)


FORMAT = Format(
    name="minibnn checkpoint",
    version=1,
    noun="checkpoint",
    mend=MEND,
    remake="train again",
    largest_file=LARGEST_FILE,
    stored=_stored,
    told="dtype, shape and sha256",
)
