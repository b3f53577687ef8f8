"""Float weights on disk: all parameters of a model by name, in one NumPy `.npz` file.

These are the latent weights, 32 bits each, from which training can go on; for a binary model, the bits that remain
after training (Algorithm 2) would be 32 times smaller.
"""

import os
from pathlib import Path

import numpy as np

from minibnn.errors import InputError
from minibnn.files import replacing


def save_weights(model, path):
    """Write the named parameters of a model to a `.npz` file, whole or not at all.

    The file is written beside its destination, forced to the disk, and then renamed over it: a crash at any moment
    leaves the old file or the new one, never a part of one.

    Args:
        model: has `named_parameters()`, a list of (name, Tensor).
        path: destination, used as it is (no suffix is added). Its folder must exist.

    Raises:
        InputError: if the folder is missing or closed to us, or `path` is a folder itself.
    """
    arrays = {name: tensor.data for name, tensor in model.named_parameters()}
    with replacing(path) as draft, open(draft, "wb") as file:
        np.savez(file, **arrays)  # floats only, so nothing is pickled
        file.flush()
        os.fsync(file.fileno())


def load_weights(model, path):
    """Read the parameters of a model, in place, from a file made by `save_weights`.

    Everything is checked before anything is changed: after an error the model is as it was.

    Args:
        model: has `named_parameters()`; must have the names, shapes and dtypes of the one that was saved.
        path: the file.

    Raises:
        InputError: if the file is missing or damaged, or does not fit; names the first parameter that does not.
    """
    path = Path(path)
    arrays = _read(path)
    parameters = dict(model.named_parameters())
    _check_fit(parameters, arrays, path)
    for name, tensor in parameters.items():
        tensor.data[...] = arrays[name]


def _read(path):
    """Return the arrays of a .npz file by name; no pickles, so that a file from elsewhere cannot run code."""
    try:
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it is one array, not an archive of named arrays")
            with archive:
                return {name: archive[name] for name in archive.files}
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"there is no weights file {str(path)!r}") from None
    except PermissionError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except Exception as error:  # any: a damaged archive fails in zipfile, zlib, struct, tokenize, ..., each in its way
        raise InputError(f"{str(path)!r} is damaged or no weights file ({error}); save it again") from error


def _check_fit(parameters, arrays, path):
    if missing := [name for name in parameters if name not in arrays]:
        raise InputError(f"{str(path)!r} lacks {len(missing)} of the model's parameters, the first is {missing[0]!r}")
    if unknown := [name for name in arrays if name not in parameters]:
        raise InputError(f"{str(path)!r} has {len(unknown)} parameters the model lacks, the first is {unknown[0]!r}")
    for name, tensor in parameters.items():
        want, got = tensor.data, arrays[name]
        if want.shape != got.shape or want.dtype != got.dtype:
            raise InputError(
                f"{str(path)!r}: parameter {name!r} of the model is {want.dtype} of shape {want.shape}, "
                f"in the file it is {got.dtype} of shape {got.shape}; build the model with the saved configuration"
            )
        if not want.flags.writeable:
            raise InputError(f"parameter {name!r} of the model is read-only: it was built of ShapesOnly, to be counted")
