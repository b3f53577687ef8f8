"""Writing an archive: the same bytes on every machine and on every day."""

import hashlib
import os
import zlib

import numpy as np

from minibnn.archive.layout import (
    CENTRAL_ENTRY,
    DIGEST_SIZE,
    END_RECORD,
    LARGEST_HEADER,
    LOCAL_ENTRY,
    RESERVED,
    ZIP_END,
    ZIP_START,
    checked_dict,
    from_json,
    npy_start,
    to_json,
)
from minibnn.errors import InputError
from minibnn.files import replacing

ZIP_VERSION, UNIX, FIRST_OF_1980, RIGHTS = 20, 3, 33, 0o644 << 16


def write_archive(path, kind, header, arrays):
    """Write a header and named arrays to one file, whole or not at all, and forced to the disk.

    Args:
        path: destination, used as it is (no suffix is added). Its folder must exist.
        kind: Format.
        header: dict of what JSON can hold (tuples come back as lists), without the keys format, version and arrays.
        arrays: dict of name to (entry, get): what the header tells of the array, and a function without arguments that
            returns it as `kind.stored` says. It is called twice, so that only one array needs to be in memory.

    Raises:
        InputError: for a header that JSON cannot hold, or a path that cannot be written.
        InputTypeError: for what is no dict.
    """
    sums = {name: _sums(get()) for name, (_, get) in arrays.items()}
    entries = {name: {**entry, "sha256": sums[name][0]} for name, (entry, _) in arrays.items()}
    text = np.frombuffer(_header_text(kind, header, entries), np.uint8)
    with replacing(path) as draft, open(draft, "wb") as file:
        writer = _Writer(file)
        writer.add("header", text, _sums(text)[1])
        for name, (_, get) in arrays.items():
            writer.add(name, get(), sums[name][1])
        writer.finish()
        file.flush()
        os.fsync(file.fileno())


def _header_text(kind, header, entries):
    """The bytes of the header, checked by reading them back."""
    if reserved := [key for key in RESERVED if key in checked_dict("header", header)]:
        raise InputError(f"the header of a {kind.noun} already has its own {reserved[0]!r}; choose another key")
    try:
        text = to_json({"format": kind.name, "version": kind.version, **header, "arrays": entries})
        from_json(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"the header of a {kind.noun} must be what JSON can hold ({error}); use finite numbers, text, lists, "
            "dicts with text as keys, True, False and None"
        ) from error
    if len(text) > LARGEST_HEADER:
        raise InputError(f"the header of a {kind.noun} may have {LARGEST_HEADER:,} bytes, and has {len(text):,}")
    return text


def _bytes_of(array):
    """The bytes of an array as they stand in a file."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return array.reshape(-1).view(np.uint8).data if array.size else b""


def _sums(array):
    """(SHA-256 of the array's bytes, CRC-32 of its .npy member)."""
    octets = _bytes_of(array)
    return hashlib.sha256(octets).hexdigest(), zlib.crc32(octets, zlib.crc32(npy_start(array.shape, array.dtype)))


class _Writer:
    """A zip, member by member, the same bytes on every machine and on every day; Python's own changes above 2 GiB."""

    def __init__(self, file):
        self._file, self._digest, self._size, self._directory = file, hashlib.sha256(), 0, []

    def add(self, name, array, crc):
        """Add an array as a member."""
        start, octets, name = npy_start(array.shape, array.dtype), _bytes_of(array), f"{name}.npy".encode()
        size = len(start) + len(octets)
        common = (0, 0, 0, FIRST_OF_1980, crc, size, size, len(name), 0)  # no flags, stored, midnight; no extra field
        entry = CENTRAL_ENTRY.pack(
            b"PK\x01\x02", ZIP_VERSION, UNIX, ZIP_VERSION, 0, *common, 0, 0, 0, RIGHTS, self._size
        )
        self._directory.append(entry + name)
        self._write(LOCAL_ENTRY.pack(ZIP_START, ZIP_VERSION, *common) + name)
        self._write(start)
        self._write(octets)

    def finish(self):
        """Add the directory, and the checksum of all."""
        directory, offset, count = b"".join(self._directory), self._size, len(self._directory)
        self._write(directory)
        self._write(END_RECORD.pack(ZIP_END, 0, 0, count, count, len(directory), offset, DIGEST_SIZE))
        self._file.write(self._digest.hexdigest().encode())

    def _write(self, octets):
        self._file.write(octets)
        self._digest.update(octets)
        self._size += len(octets)
