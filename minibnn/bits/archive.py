"""The packed file: named BitTensors and a small header in one file, which any program with NumPy can read.

It is an uncompressed zip of `.npy` members, NumPy's `.npz`:

- `name.npy`, for each tensor: uint8 (*shape[:-1], shape[-1] / 8 rounded up), rows packed by np.packbits along the last
  axis with bitorder="little"; unused bits of the last byte of a row are 0.
- `header.npy`, the first member: uint8 (n,), UTF-8 JSON: {"format": "minibnn packed model", "version": 1, then what
  the caller's header holds, then "arrays": {name: {"shape": sizes in bits, "sha256": of the array's bytes}}}.
- the comment of the zip, the last 64 bytes of the file: the SHA-256, in hexadecimal, of all bytes before it. So a
  change of any bit is found, also of those, like a time stamp, that nothing else would notice.

Equal content in equal order gives equal bytes: time stamps and rights are fixed. One array, with NumPy alone:

    archive = np.load(path, allow_pickle=False)
    shape = json.loads(archive["header"].tobytes())["arrays"][name]["shape"]
    bits = np.unpackbits(archive[name], axis=-1, count=shape[-1], bitorder="little")

A checksum finds accidents, not intentions: whoever changes a file on purpose can compute it anew. So the reader trusts
nothing that it reads. It never unpickles, and takes no memory for what a file only declares.
"""

import hashlib
import json
import math
import os
import re
import reprlib
import stat
import struct
import zipfile
from pathlib import Path

import numpy as np

from minibnn.bits.bit_tensor import BitTensor, byte_rows_shape, checked_shape, words_per_row
from minibnn.errors import InputError, InputTypeError
from minibnn.files import cannot_read, replacing

FORMAT = "minibnn packed model"
VERSION = 1
LARGEST_FILE = 1 << 30  # bytes
LARGEST_HEADER = 1 << 20  # bytes of JSON
LARGEST_TENSORS = LARGEST_FILE - 4 * LARGEST_HEADER  # bytes of memory; what zip adds is less than 3 headers
LARGEST_INT = 1 << 63
RESERVED = ("format", "version", "arrays")
NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
LONGEST_NAME = 200
MEND = "copy the file again, or pack the run again"

ZIP_START = b"PK\x03\x04"
ZIP_END = b"PK\x05\x06"
ZIP64_LOCATOR = b"PK\x06\x07"
ZIP64_LOCATOR_SIZE = 20  # stands just before the end record
END_RECORD = struct.Struct("<4s4H2LH")  # ZIP_END, 2 disk numbers, members twice, size and offset of directory, comment
ENTRY_SIZE = 30  # of the record before a member, without its name
DIGEST_SIZE = 64
CHUNK = 1 << 20


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
    _check_tensors(tensors)
    text = _header_text(header, tensors)
    with replacing(path) as draft, open(draft, "w+b") as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.comment = bytes(DIGEST_SIZE)  # its size is part of what is summed, so it is set first
            _add(archive, "header", np.frombuffer(text, np.uint8))
            for name, tensor in tensors.items():
                _add(archive, name, tensor.byte_rows())
        _seal(file)
        file.flush()
        os.fsync(file.fileno())


def read_archive(path):
    """Read a packed file: (header, tensors), the dicts that `write_archive` was given.

    Raises InputError, which names the file, what is wrong with it and the mend, if there is no such file, or it is
    damaged, or not made by `write_archive`. What is wrong is found before memory is taken for it.
    """
    try:
        path = Path(path)
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError("it is a folder or a device, not a file; give the path of a packed model")
        with open(path, "rb") as file:
            return _read(file)
    except InputError as error:
        raise InputError(f"cannot use {str(path)!r}: {error}") from None
    except OSError as error:
        raise cannot_read(path, error) from error
    except MemoryError:
        raise
    except Exception as error:  # any: what zipfile, struct and json make of bytes that no one wrote for them
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"cannot use {str(path)!r}: it is damaged, or no packed model ({reason}); {MEND}") from error


def _check_tensors(tensors):
    for name, tensor in _dict("tensors", tensors).items():
        if not _is_name(name):
            raise InputError(
                f"a packed file cannot hold a tensor named {name!r}; use letters, digits and '_', joined by dots, "
                f"up to {LONGEST_NAME} characters, and not 'header'"
            )
        if not isinstance(tensor, BitTensor):
            raise InputTypeError(
                f"tensor {name!r} must be a BitTensor, and is a {type(tensor).__name__}; pack it first"
            )
    _check_memory(tensor.shape for tensor in tensors.values())


def _is_name(name):
    fits = isinstance(name, str) and len(name) <= LONGEST_NAME and NAME.fullmatch(name)
    return bool(fits) and name != "header" and not name.endswith(".npy")  # NumPy takes "x.npy" for another name of "x"


def _check_memory(shapes):
    """Raise InputError if tensors of these shapes need more memory than a packed file may ask for."""
    needed = sum(8 * words_per_row(shape) * math.prod(shape[:-1]) for shape in shapes)
    if needed > LARGEST_TENSORS:
        raise InputError(
            f"its tensors need {needed:,} bytes, pad bits included, and a packed file may hold {LARGEST_TENSORS:,}; "
            "split the model"
        )


def _dict(what, value):
    if not isinstance(value, dict):
        raise InputTypeError(f"{what} must be a dict, and is a {type(value).__name__}")
    return value


def _header_text(header, tensors):
    """The bytes of the header, checked by reading them back."""
    if reserved := [key for key in RESERVED if key in _dict("header", header)]:
        raise InputError(f"the header of a packed file already has its own {reserved[0]!r}; choose another key")
    arrays = {
        name: {"shape": tensor.shape, "sha256": hashlib.sha256(tensor.byte_rows()).hexdigest()}
        for name, tensor in tensors.items()
    }
    try:
        text = _to_json({"format": FORMAT, "version": VERSION, **header, "arrays": arrays})
        _from_json(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"the header of a packed file must be what JSON can hold ({error}); use finite numbers, text, lists, "
            "dicts with text as keys, True, False and None"
        ) from error
    if len(text) > LARGEST_HEADER:
        raise InputError(f"the header of a packed file may have {LARGEST_HEADER:,} bytes, and has {len(text):,}")
    return text


def _to_json(header):
    return json.dumps(header, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")


def _from_json(text):
    """The value of a JSON text (bytes), or some ValueError or RecursionError."""
    value = json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_int=_small)
    _to_json(value)  # what could not be written is not accepted: nan and infinities, and halves of characters
    return value


def _unique(pairs):
    if len(value := dict(pairs)) < len(pairs):
        raise ValueError("the same key stands twice in one object")
    return value


def _small(digits):
    if abs(number := int(digits)) >= LARGEST_INT:
        raise ValueError("a whole number needs more than 64 bits")
    return number


def _add(archive, name, array):
    """Add a uint8 array as a member, byte for byte the same on every machine and on every day."""
    start = _npy_start(array.shape)
    info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
    info.create_system = 3  # Unix, of which the rights are
    info.external_attr = 0o644 << 16
    info.file_size = len(start) + array.nbytes
    with archive.open(info, "w") as member:
        member.write(start)
        member.write(np.ascontiguousarray(array).data.cast("B") if array.size else b"")


def _npy_start(shape):
    """What stands before the bytes of a uint8 array in a .npy file, in one fixed spelling of format 1.0."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"  # the array begins at a multiple of 64 bytes
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def _seal(file):
    """Write the checksum of the whole over the comment that keeps its place."""
    size = file.seek(0, os.SEEK_END) - DIGEST_SIZE
    file.seek(0)
    digest = _digest(file, size)
    file.seek(size)
    file.write(digest.encode())


def _digest(file, size):
    """SHA-256 of the next `size` bytes of a file (fewer if it ends before), in hexadecimal."""
    digest = hashlib.sha256()
    while size > 0 and (chunk := file.read(min(size, CHUNK))):
        digest.update(chunk)
        size -= len(chunk)
    return digest.hexdigest()


def _read(file):
    directory = _check_ends(file, os.fstat(file.fileno()).st_size)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        header = _read_header(archive, infos)
        arrays = _checked_arrays(header)
        _check_members(infos, arrays, directory)
        tensors = {
            name: _read_tensor(archive, info, name, *arrays[name]) for name, info in zip(arrays, infos[1:], strict=True)
        }
    return {key: value for key, value in header.items() if key not in RESERVED}, tensors


def _check_ends(file, size):
    """Check how the file begins and ends, and its checksum; return where the zip's directory begins."""
    if size == 0:
        raise InputError(f"it is empty; {MEND}")
    if size > LARGEST_FILE:
        raise InputError(f"it has {size:,} bytes, and a packed model at most {LARGEST_FILE:,}; is it the right file?")
    if file.read(len(ZIP_START)) != ZIP_START:
        raise InputError(
            f"it does not begin as a packed model does, which is a zip; is it the right file? If so, {MEND}"
        )
    file.seek(max(0, size - ZIP64_LOCATOR_SIZE - END_RECORD.size - DIGEST_SIZE))
    tail = file.read()
    record, digest = tail[-END_RECORD.size - DIGEST_SIZE : -DIGEST_SIZE], tail[-DIGEST_SIZE:]
    if tail[-END_RECORD.size :].startswith(ZIP_END):
        raise InputError("it is a zip of another program, such as np.savez: no checksum at its end; pack the run again")
    if not record.startswith(ZIP_END) or len(record) < END_RECORD.size:
        raise InputError(f"it is cut short, or something was added at its end, or it is no packed model; {MEND}")
    file.seek(0)
    if _digest(file, size - DIGEST_SIZE).encode() != digest:
        raise InputError(f"it is damaged: its content does not fit the checksum at its end; {MEND}")
    return _checked_directory(record, size, zip64=tail.startswith(ZIP64_LOCATOR))


def _checked_directory(record, size, zip64):
    """Where the directory begins, by the end record of the zip; ZIP64, which would tell it elsewhere, is refused."""
    _, *counts, length, offset, comment = END_RECORD.unpack(record)
    ends_right = (offset + length, comment) == (size - END_RECORD.size - DIGEST_SIZE, DIGEST_SIZE)
    if counts != [0, 0, counts[2], counts[2]] or not ends_right or length > LARGEST_HEADER or zip64:
        raise InputError(f"its zip directory is not that of a packed model; {MEND}")
    return offset


def _read_header(archive, infos):
    """The JSON of the first member."""
    if not infos or infos[0].orig_filename != "header.npy":
        raise InputError(f"its first member is not 'header.npy'; {MEND}")
    _check_plain(infos[0])
    length = infos[0].file_size - len(_npy_start((0,)))  # as long for any n, because padded
    if not 0 <= length <= LARGEST_HEADER:
        raise InputError(f"its header has {length:,} bytes, and may have {LARGEST_HEADER:,}; {MEND}")
    with archive.open(infos[0]) as member:
        _check_npy_start(member, "header", (length,))
        text = member.read()
    try:
        return _from_json(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"its header cannot be read ({error}); {MEND}") from None


def _checked_arrays(header):
    """{name: (shape, digest)} of a header; raises InputError unless this version can read what it describes."""
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise InputError(f"its header does not say that it is a {FORMAT}; {MEND}")
    version = header.get("version")
    if type(version) is not int or version < 1:
        raise InputError(f"its header has no version that there ever was: {reprlib.repr(version)}; {MEND}")
    if version > VERSION:
        raise InputError(
            f"it was written by a newer minibnn (version {version} of the format, this minibnn reads {VERSION}); "
            "update minibnn, or pack the run again"
        )
    arrays = header.get("arrays")
    if not isinstance(arrays, dict):
        raise InputError(f"its header does not list its arrays; {MEND}")
    checked = {name: _checked_entry(name, entry) for name, entry in arrays.items()}
    _check_memory(shape for shape, _ in checked.values())
    return checked


def _checked_entry(name, entry):
    if not _is_name(name):
        raise InputError(f"its header has an array of the odd name {reprlib.repr(name)}; {MEND}")
    if not isinstance(entry, dict) or entry.keys() != {"shape", "sha256"}:
        raise InputError(f"its header does not give the shape and the sha256 of array {name!r}, and no more; {MEND}")
    shape = entry["shape"]
    if not isinstance(shape, list) or not all(type(size) is int for size in shape):
        raise InputError(f"its header gives array {name!r} the shape {reprlib.repr(shape)}; {MEND}")
    try:
        return checked_shape(shape), entry["sha256"]
    except InputError:
        raise InputError(f"no BitTensor has the shape of array {name!r}, {reprlib.repr(shape)}; {MEND}") from None


def _check_members(infos, arrays, directory):
    """Raise InputError unless the members are the listed arrays, each of its size, with nothing between or besides."""
    expected = ["header.npy", *(f"{name}.npy" for name in arrays)]
    got = [info.orig_filename for info in infos]
    if missing := set(expected) - set(got):
        raise InputError(f"it lacks {min(missing)!r}, which its header lists; {MEND}")
    if unknown := set(got) - set(expected):
        raise InputError(f"it holds {reprlib.repr(min(unknown))}, which its header does not list; {MEND}")
    if got != expected:
        raise InputError(f"it holds a member twice, or in another order than its header lists them; {MEND}")
    for info, (shape, _) in zip(infos[1:], arrays.values(), strict=True):
        _check_plain(info)
        if info.file_size != len(_npy_start(byte_rows_shape(shape))) + math.prod(byte_rows_shape(shape)):
            raise InputError(f"{info.filename!r} has {info.file_size:,} bytes, too few or many for its shape; {MEND}")
    _check_places(infos, directory)


def _check_places(infos, directory):
    position = 0
    for info in infos:
        if info.header_offset != position:
            raise InputError(f"{info.filename!r} does not begin where the member before it ends; {MEND}")
        position += ENTRY_SIZE + len(info.filename) + info.file_size
    if position != directory:
        raise InputError(f"there are bytes between its last member and its directory; {MEND}")


def _check_plain(info):
    """Raise InputError unless the member is stored as it is."""
    name = reprlib.repr(info.filename)
    if info.flag_bits:
        raise InputError(f"its member {name} is encrypted, or stored in another uncommon way; {MEND}")
    if info.compress_type != zipfile.ZIP_STORED:
        raise InputError(f"its member {name} is compressed, and a packed model's are not; {MEND}")
    if info.extra or info.comment or info.compress_size != info.file_size:
        raise InputError(f"its member {name} has more in the zip's directory than a packed model's; {MEND}")


def _check_npy_start(member, name, shape):
    """Raise InputError unless the .npy header is exactly ours: its text, free to claim anything, is never parsed."""
    expected = _npy_start(shape)
    if (start := member.read(len(expected))) != expected:
        raise InputError(
            f"its array {name!r} should be uint8 of shape {shape} in C order, in the .npy format 1.0, and begins as "
            f"{reprlib.repr(start[10:])}; {MEND}"
        )


def _read_tensor(archive, info, name, shape, digest):
    """Read a member twice: to check it a piece at a time, and only then as a whole."""
    rows = byte_rows_shape(shape)
    with archive.open(info) as member:
        _check_npy_start(member, name, rows)
        if _digest(member, info.file_size) != digest:
            raise InputError(f"its array {name!r} does not fit its checksum; {MEND}")
    with archive.open(info) as member:
        member.read(len(_npy_start(rows)))
        packed = np.frombuffer(member.read(), np.uint8).reshape(rows)
    try:
        return BitTensor.from_bytes_rows(packed, shape)
    except InputError as error:
        raise InputError(f"its array {name!r} is not as it was packed ({error}); {MEND}") from None
