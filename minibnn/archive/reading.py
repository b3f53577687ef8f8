"""Reading an archive that anyone may have written: what is wrong with it is found before memory is taken for it."""

import hashlib
import math
import os
import reprlib
import stat
import zipfile
from pathlib import Path

import numpy as np

from minibnn.archive.layout import (
    DIGEST_SIZE,
    END_RECORD,
    LARGEST_HEADER,
    LOCAL_ENTRY,
    RESERVED,
    ZIP_END,
    ZIP_START,
    from_json,
    is_name,
    npy_start,
)
from minibnn.errors import InputError
from minibnn.files import cannot_read

ZIP64_LOCATOR = b"PK\x06\x07"
ZIP64_LOCATOR_SIZE = 20  # stands just before the end record
CHUNK = 1 << 20


def read_archive(path, kind, decode, wanted=None):
    """Read an archive: (header, arrays), as `write_archive` was given them.

    Args:
        path: the file.
        kind: Format.
        decode: called with name, entry and array of each member; what it returns is kept in the place of the array.
        wanted: function of a name that says whether to read that array; None for all. The whole file is checked anyway.

    Raises InputError, which names the file, what is wrong with it and the mend, if there is no such file, or it is
    damaged, or not made by `write_archive`. What is wrong is found before memory is taken for it.
    """
    try:
        path = Path(path)
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"it is a folder or a device, not a file; give the path of a {kind.noun}")
        with open(path, "rb") as file:
            return _read(file, kind, decode, wanted)
    except InputError as error:
        raise InputError(f"cannot use {str(path)!r}: {error}") from None
    except OSError as error:
        raise cannot_read(path, error) from error
    except MemoryError:
        raise
    except Exception as error:  # any: what zipfile, struct and json make of bytes that no one wrote for them
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(
            f"cannot use {str(path)!r}: it is damaged, or no {kind.noun} ({reason}); {kind.mend}"
        ) from error


def digest(file, size):
    """SHA-256 of the next `size` bytes of a file (fewer if it ends before), in hexadecimal."""
    found = hashlib.sha256()
    while size > 0 and (chunk := file.read(min(size, CHUNK))):
        found.update(chunk)
        size -= len(chunk)
    return found.hexdigest()


def _read(file, kind, decode, wanted):
    directory = _check_ends(file, os.fstat(file.fileno()).st_size, kind)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        header = _read_header(archive, infos, kind)
        entries = _checked_entries(header, kind)
        stored = kind.stored(entries)
        _check_members(infos, stored, directory, kind)
        arrays = {
            name: decode(name, entry, _read_array(archive, info, name, *stored[name], entry["sha256"], kind))
            for (name, entry), info in zip(entries.items(), infos[1:], strict=True)
            if wanted is None or wanted(name)
        }
    return {key: value for key, value in header.items() if key not in RESERVED}, arrays


def _check_ends(file, size, kind):
    """Check how the file begins and ends, and its checksum; return where the zip's directory begins."""
    noun, mend = kind.noun, kind.mend
    if size == 0:
        raise InputError(f"it is empty; {mend}")
    if size > kind.largest_file:
        raise InputError(f"it has {size:,} bytes, and a {noun} at most {kind.largest_file:,}; is it the right file?")
    if file.read(len(ZIP_START)) != ZIP_START:
        raise InputError(f"it does not begin as a {noun} does, which is a zip; is it the right file? If so, {mend}")
    file.seek(max(0, size - ZIP64_LOCATOR_SIZE - END_RECORD.size - DIGEST_SIZE))
    tail = file.read()
    record, found = tail[-END_RECORD.size - DIGEST_SIZE : -DIGEST_SIZE], tail[-DIGEST_SIZE:]
    if tail[-END_RECORD.size :].startswith(ZIP_END):
        raise InputError(f"it is a zip of another program, such as np.savez: no checksum at its end; {kind.remake}")
    if not record.startswith(ZIP_END) or len(record) < END_RECORD.size:
        raise InputError(f"it is cut short, or something was added at its end, or it is no {noun}; {mend}")
    file.seek(0)
    if digest(file, size - DIGEST_SIZE).encode() != found:
        raise InputError(f"it is damaged: its content does not fit the checksum at its end; {mend}")
    return _checked_directory(record, size, tail.startswith(ZIP64_LOCATOR), kind)


def _checked_directory(record, size, zip64, kind):
    """Where the directory begins, by the end record of the zip; ZIP64, which would tell it elsewhere, is refused."""
    _, *counts, length, offset, comment = END_RECORD.unpack(record)
    ends_right = (offset + length, comment) == (size - END_RECORD.size - DIGEST_SIZE, DIGEST_SIZE)
    if counts != [0, 0, counts[2], counts[2]] or not ends_right or length > LARGEST_HEADER or zip64:
        raise InputError(f"its zip directory is not that of a {kind.noun}; {kind.mend}")
    return offset


def _read_header(archive, infos, kind):
    """The JSON of the first member."""
    if not infos or infos[0].orig_filename != "header.npy":
        raise InputError(f"its first member is not 'header.npy'; {kind.mend}")
    _check_plain(infos[0], kind)
    length = infos[0].file_size - len(npy_start((0,)))  # as long for any n, because padded
    if not 0 <= length <= LARGEST_HEADER:
        raise InputError(f"its header has {length:,} bytes, and may have {LARGEST_HEADER:,}; {kind.mend}")
    with archive.open(infos[0]) as member:
        _check_npy_start(member, "header", np.dtype("u1"), (length,), kind)
        text = member.read()
    try:
        return from_json(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"its header cannot be read ({error}); {kind.mend}") from None


def _checked_entries(header, kind):
    """The entries of a header, by name; raises InputError unless this version can read what it describes."""
    if not isinstance(header, dict) or header.get("format") != kind.name:
        raise InputError(f"its header does not say that it is a {kind.name}; {kind.mend}")
    version = header.get("version")
    if type(version) is not int or version < 1:
        raise InputError(f"its header has no version that there ever was: {reprlib.repr(version)}; {kind.mend}")
    if version > kind.version:
        raise InputError(
            f"it was written by a newer minibnn (version {version} of the format, this minibnn reads {kind.version}); "
            f"update minibnn, or {kind.remake}"
        )
    entries = header.get("arrays")
    if not isinstance(entries, dict):
        raise InputError(f"its header does not list its arrays; {kind.mend}")
    for name, entry in entries.items():
        if not is_name(name):
            raise InputError(f"its header has an array of the odd name {reprlib.repr(name)}; {kind.mend}")
        if not isinstance(entry, dict) or "sha256" not in entry:
            raise InputError(f"its header does not give {kind.told} of array {name!r}, and no more; {kind.mend}")
    return entries


def _check_members(infos, stored, directory, kind):
    """Raise InputError unless the members are the listed arrays, each of its size, with nothing between or besides."""
    expected = ["header.npy", *(f"{name}.npy" for name in stored)]
    got = [info.orig_filename for info in infos]
    if missing := set(expected) - set(got):
        raise InputError(f"it lacks {min(missing)!r}, which its header lists; {kind.mend}")
    if unknown := set(got) - set(expected):
        raise InputError(f"it holds {reprlib.repr(min(unknown))}, which its header does not list; {kind.mend}")
    if got != expected:
        raise InputError(f"it holds a member twice, or in another order than its header lists them; {kind.mend}")
    for info, (dtype, shape) in zip(infos[1:], stored.values(), strict=True):
        _check_plain(info, kind)
        if info.file_size != len(npy_start(shape, dtype)) + math.prod(shape) * dtype.itemsize:
            raise InputError(
                f"{info.filename!r} has {info.file_size:,} bytes, too few or many for its shape; {kind.mend}"
            )
    _check_places(infos, directory, kind)


def _check_places(infos, directory, kind):
    position = 0
    for info in infos:
        if info.header_offset != position:
            raise InputError(f"{info.filename!r} does not begin where the member before it ends; {kind.mend}")
        position += LOCAL_ENTRY.size + len(info.filename) + info.file_size
    if position != directory:
        raise InputError(f"there are bytes between its last member and its directory; {kind.mend}")


def _check_plain(info, kind):
    """Raise InputError unless the member is stored as it is."""
    name = reprlib.repr(info.filename)
    if info.flag_bits:
        raise InputError(f"its member {name} is encrypted, or stored in another uncommon way; {kind.mend}")
    if info.compress_type != zipfile.ZIP_STORED:
        raise InputError(f"its member {name} is compressed, and a {kind.noun}'s are not; {kind.mend}")
    if info.extra or info.comment or info.compress_size != info.file_size:
        raise InputError(f"its member {name} has more in the zip's directory than a {kind.noun}'s; {kind.mend}")


def _check_npy_start(member, name, dtype, shape, kind):
    """Raise InputError unless the .npy header is exactly ours: its text, free to claim anything, is never parsed."""
    expected = npy_start(shape, dtype)
    if (start := member.read(len(expected))) != expected:
        raise InputError(
            f"its array {name!r} should be {dtype.name} of shape {shape} in C order, in the .npy format 1.0, and "
            f"begins as {reprlib.repr(start[10:])}; {kind.mend}"
        )


def _read_array(archive, info, name, dtype, shape, expected, kind):
    """Read a member twice: to check it a piece at a time, and only then as a whole."""
    with archive.open(info) as member:
        _check_npy_start(member, name, dtype, shape, kind)
        if digest(member, info.file_size) != expected:
            raise InputError(f"its array {name!r} does not fit its checksum; {kind.mend}")
    with archive.open(info) as member:
        member.read(len(npy_start(shape, dtype)))
        return np.frombuffer(member.read(), dtype.newbyteorder("<")).reshape(shape)
