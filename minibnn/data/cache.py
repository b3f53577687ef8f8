"""Arrays that took long to make, kept on disk and memory-mapped the next time: decoded photos, the ids of a text.

An array is filed under a key: the SHA-256 of all that it depends on, the path, size and time of every file among it.
So a changed source has another key, and no file of the cache is ever changed. A file is written under a name of its
own and renamed when it is whole; two processes that make the same one at once both succeed, and one kept after a kill
is only a draft that the next writer removes. There is no lock that could be left behind.

A cached file is an .npy file, followed by a SHA-256 over the key and the sums of its blocks. What does not fit is made
again. Where the folder cannot be written, everything works as without a cache, with one line of warning.
"""

import hashlib
import json
import os
import re
import sys
import time
import uuid
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np

from minibnn import __version__

SEAL = hashlib.sha256().digest_size
BLOCK = 1 << 20  # bytes summed up at a time
MOST_CHECKED = 1 << 10  # blocks: 1 GB is summed up in a fraction of a second; of more, as many at even distances
DRAFT_LIFE = 24 * 3600  # seconds after which a draft is taken for left behind
_OURS = re.compile(r"(?:photos|tokens)-[0-9a-f]{32}\.npy|\.[0-9a-f]{32}\.draft")


class CacheWarning(UserWarning):
    """The cache could not be used, which costs time and nothing else."""


def cache_folder():
    """The folder of the cache (Path): $MINIBNN_CACHE, or minibnn in the platform's folder for caches."""
    if given := os.environ.get("MINIBNN_CACHE"):
        return Path(given).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "minibnn"


def cached_array(kind, source, build):
    """`build()`, kept: the next call with the same kind and source, in any process, maps the array from disk.

    Args:
        kind: "photos" or "tokens".
        source: what the array depends on, of values that JSON can hold; see `file_state` for files.
        build: function of no arguments that returns a NumPy array of any shape, of numbers.

    Returns the array. From disk, it is mapped: its pages are read when they are needed, and what is written to them is
    seen by this process only.
    Warns with CacheWarning, once, if the cache cannot be written.
    """
    key = hashlib.sha256(json.dumps([__version__, kind, source], sort_keys=True).encode()).hexdigest()[:32]
    path = cache_folder() / f"{kind}-{key}.npy"
    array = _load(path, key)
    if array is None:
        array = np.asarray(build(), order="C")
        try:
            _save(path, key, array)
        except OSError as error:
            why = f"{error.strerror or error}"
            warnings.warn(f"not cached in {path.parent}: {why}; MINIBNN_CACHE names another folder", CacheWarning, 2)
    return array


def file_state(path):
    """[path, bytes, time of the last change in ns] of a file: another state means other contents. Raises OSError."""
    found = os.stat(path)
    return [os.path.abspath(path), found.st_size, found.st_mtime_ns]


def cached_files():
    """{path: bytes} of what the cache holds; other files in its folder are not looked at."""
    try:
        entries = sorted(cache_folder().iterdir())
        return {path: path.stat().st_size for path in entries if _OURS.fullmatch(path.name)}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def clear_cache():
    """Remove what the cache holds, and its folder if it is empty then; returns what was removed, as `cached_files`."""
    found = cached_files()
    for path in found:
        path.unlink(missing_ok=True)
    with suppress(OSError):  # the folder is missing, or holds something else
        cache_folder().rmdir()
    return found


def _load(path, key):
    """The array kept in `path`, or None if there is none, or a damaged one."""
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, fortran, dtype = read_header[version](file)
            offset, size = file.tell(), os.fstat(file.fileno()).st_size
        if fortran or dtype.hasobject or offset + dtype.itemsize * int(np.prod(shape, dtype=object)) + SEAL != size:
            return None
        stored = np.memmap(path, np.uint8, mode="c")
        if _seal(key, stored[:-SEAL]) != stored[-SEAL:].tobytes():
            return None
        # As a plain array: a selection of a np.memmap would be called one too, and is not mapped.
        return np.asarray(stored)[offset:-SEAL].view(dtype).reshape(shape)
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _save(path, key, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_old_drafts(path.parent)
    draft = path.with_name(f".{uuid.uuid4().hex}.draft")
    try:
        with draft.open("wb") as file:
            np.lib.format.write_array(file, array, allow_pickle=False)
            file.flush()
            seal = _seal(key, np.memmap(draft, np.uint8, mode="r"))
            file.write(seal)
            file.flush()
            os.fsync(file.fileno())  # the name must not be there before the bytes are, even if the power fails
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _seal(key, content):
    """SHA-256 (bytes) over the key, the length and the sums of blocks of `content` (uint8 (n,)).

    A sum of 64-bit words is read at the speed of memory, and sees every damage that does not undo itself.
    """
    digest = hashlib.sha256(f"{key} {len(content)}".encode())
    count = -(-len(content) // BLOCK)
    for number in sorted({int(i) for i in np.linspace(0, count - 1, min(count, MOST_CHECKED))}):
        block = content[number * BLOCK : (number + 1) * BLOCK]
        words = len(block) // 8 * 8
        digest.update(block[:words].view(np.uint64).sum().tobytes() + block[words:].tobytes())
    return digest.digest()


def _remove_old_drafts(folder):
    for path in folder.glob(".*.draft"):
        with suppress(OSError):  # another process was faster
            if _OURS.fullmatch(path.name) and time.time() - path.stat().st_mtime > DRAFT_LIFE:
                path.unlink()
