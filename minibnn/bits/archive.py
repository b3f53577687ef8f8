"""The packed file: named BitTensors and a small header in one file, which any program with NumPy can read.

It is an archive as `minibnn.archive` describes, an uncompressed zip with checksums, that holds

- `name.npy`, for each tensor: uint8 (*shape[:-1], shape[-1] / 8 rounded up), rows packed by np.packbits along the last
  axis with bitorder="little"; unused bits of the last byte of a row are 0.
- `header.npy`: JSON: {"format": "minibnn packed model", "version": 1, then what the caller's header holds, then
  "arrays": {name: {"shape": sizes in bits, "sha256": of the array's bytes}}}.

One array, with NumPy alone:

    archive = np.load(path, allow_pickle=False)
    shape = json.loads(archive["header"].tobytes())["arrays"][name]["shape"]
    bits = np.unpackbits(archive[name], axis=-1, count=shape[-1], bitorder="little")
"""

import math
import reprlib

import numpy as np

from minibnn import archive
from minibnn.archive import checked_dict, is_name
from minibnn.archive.layout import LARGEST_HEADER, LONGEST_NAME
from minibnn.bits.bit_tensor import BitTensor, byte_rows_shape, checked_shape, words_per_row
from minibnn.errors import InputError, InputTypeError

LARGEST_FILE = 1 << 30  # bytes
LARGEST_TENSORS = LARGEST_FILE - 4 * LARGEST_HEADER  # bytes of memory; what zip adds is less than 3 headers
MEND = "copy the file again, or pack the run again"


def write_archive(path, header, tensors):
    """Write a header and named tensors to a packed file, whole or not at all.

    Args:
        path: destination, used as it is (no suffix is added). Its folder must exist.
        header: dict of what JSON can hold (tuples come back as lists), without the keys format, version and arrays.
        tensors: dict of name (words of letters, digits and "_", joined by dots; not "header") to BitTensor.

    Raises:
        InputError: for a header, a name or a size that a packed file cannot have, or a path that cannot be written.
        InputTypeError: for what is no dict, or no BitTensor.
    """
    for name, tensor in checked_dict("tensors", tensors).items():
        if not is_name(name):
            raise InputError(
                f"a packed file cannot hold a tensor named {name!r}; use letters, digits and '_', joined by dots, "
                f"up to {LONGEST_NAME} characters, and not 'header'"
            )
        if not isinstance(tensor, BitTensor):
            raise InputTypeError(
                f"tensor {name!r} must be a BitTensor, and is a {type(tensor).__name__}; pack it first"
            )
    _check_memory([tensor.shape for tensor in tensors.values()])
    arrays = {name: ({"shape": tensor.shape}, tensor.byte_rows) for name, tensor in tensors.items()}
    archive.write_archive(path, FORMAT, header, arrays)


def read_archive(path):
    """Read a packed file: (header, tensors), the dicts that `write_archive` was given.

    Raises InputError, which names the file, what is wrong with it and the mend, if there is no such file, or it is
    damaged, or not made by `write_archive`. What is wrong is found before memory is taken for it.
    """
    return archive.read_archive(path, FORMAT, _decode)


def _check_memory(shapes):
    """Raise InputError if tensors of these shapes need more memory than a packed file may ask for."""
    needed = sum(8 * words_per_row(shape) * math.prod(shape[:-1]) for shape in shapes)
    if needed > LARGEST_TENSORS:
        raise InputError(
            f"its tensors need {needed:,} bytes, pad bits included, and a packed file may hold {LARGEST_TENSORS:,}; "
            "split the model"
        )


def _stored(entries):
    """{name: (dtype, shape)} of the members of all tensors, by their entries in the header."""
    shapes = {name: _checked_shape(name, entry) for name, entry in entries.items()}
    _check_memory(shapes.values())
    return {name: (np.dtype(np.uint8), byte_rows_shape(shape)) for name, shape in shapes.items()}


def _checked_shape(name, entry):
    if entry.keys() != {"shape", "sha256"}:
        raise InputError(f"its header does not give {FORMAT.told} of array {name!r}, and no more; {MEND}")
    shape = entry["shape"]
    if not isinstance(shape, list) or not all(type(size) is int for size in shape):
        raise InputError(f"its header gives array {name!r} the shape {reprlib.repr(shape)}; {MEND}")
    try:
        return checked_shape(shape)
    except InputError:
        raise InputError(f"no BitTensor has the shape of array {name!r}, {reprlib.repr(shape)}; {MEND}") from None


def _decode(name, entry, rows):
    try:
        return BitTensor.from_bytes_rows(rows, checked_shape(entry["shape"]))
    except InputError as error:
        raise InputError(f"its array {name!r} is not as it was packed ({error}); {MEND}") from None


FORMAT = archive.Format(
    name="minibnn packed model",
    version=1,
    noun="packed model",
    mend=MEND,
    remake="pack the run again",
    largest_file=LARGEST_FILE,
    stored=_stored,
    told="the shape and the sha256",
)
