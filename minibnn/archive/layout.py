"""What an archive is made of: its kinds, its names, its header, and the zip and .npy records around the arrays."""

import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minibnn.errors import InputTypeError

LARGEST_HEADER = 1 << 20  # bytes of JSON
LARGEST_INT = 1 << 63
RESERVED = ("format", "version", "arrays")
NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
LONGEST_NAME = 200

ZIP_START = b"PK\x03\x04"
ZIP_END = b"PK\x05\x06"
LOCAL_ENTRY = struct.Struct("<4s5H3L2H")  # ZIP_START, version, flags, method, time, date, crc, size twice, name, extra
CENTRAL_ENTRY = struct.Struct("<4s4B4H3L5H2L")
END_RECORD = struct.Struct("<4s4H2LH")  # ZIP_END, 2 disk numbers, members twice, size and offset of directory, comment
DIGEST_SIZE = 64


@dataclass(frozen=True)
class Format:
    """One kind of archive: how it calls itself, how large it may be, and what its header tells of an array.

    `name`, `version`: stand in the header. `noun`: what an error calls such a file. `mend`: what an error advises for a
    damaged one; `remake`: for one that cannot be copied again. `largest_file`: in bytes, below 4 GiB. `stored`: called
    with the dict of names and entries, returns {name: (dtype, shape)} of the .npy members, or raises InputError.
    `told`: words for what an entry holds.
    """

    name: str
    version: int
    noun: str
    mend: str
    remake: str
    largest_file: int
    stored: Callable
    told: str


def is_name(name):
    """Whether an array may have this name: words of letters, digits and "_", joined by dots; not "header"."""
    fits = isinstance(name, str) and len(name) <= LONGEST_NAME and NAME.fullmatch(name)
    return bool(fits) and name != "header" and not name.endswith(".npy")  # NumPy takes "x.npy" for another name of "x"


def checked_dict(what, value):
    """`value`, which must be a dict; raises InputTypeError that calls it `what` otherwise."""
    if not isinstance(value, dict):
        raise InputTypeError(f"{what} must be a dict, and is a {type(value).__name__}")
    return value


def to_json(header):
    """A header as the bytes of its JSON, or some TypeError, ValueError or RecursionError."""
    return json.dumps(header, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


def from_json(text):
    """The value of a JSON text (bytes), or some ValueError or RecursionError."""
    value = json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_int=_small)
    to_json(value)  # what could not be written is not accepted: nan and infinities, and halves of characters
    return value


def _unique(pairs):
    if len(value := dict(pairs)) < len(pairs):
        raise ValueError("the same key stands twice in one object")
    return value


def _small(digits):
    if abs(number := int(digits)) >= LARGEST_INT:
        raise ValueError("a whole number needs more than 64 bits")
    return number


def npy_start(shape, dtype="u1"):
    """What stands before the bytes of an array in a .npy file, in one fixed spelling of format 1.0."""
    descr = np.dtype(dtype).newbyteorder("<").str
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"  # the array begins at a multiple of 64 bytes
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
