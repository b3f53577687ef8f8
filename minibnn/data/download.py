"""Files from the network, whatever the network does: continued where the line broke, compared with their checksum.

While a file comes it is called <name>.part; it gets its own name when it is whole, and a later call continues the part.
"""

import errno
import hashlib
import itertools
import os
import shutil
import time
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from minibnn.data.connection import Connection, Refusal, Trouble, Unreachable, check_url
from minibnn.data.progress import Silence, byte_count
from minibnn.errors import InputError
from minibnn.files import readable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PAUSES = (1, 2, 4, 8, 15, 30)  # seconds before each new attempt; from the first again as soon as bytes have come
TIMEOUT = 30  # seconds of silence after which the line counts as lost
BLOCK = 1 << 20  # of files on disk
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DamagedPartError(InputError):
    """The part kept from an earlier run does not fit: it has been removed, and the same call starts clean."""


class RemoteStream:
    """The bytes of a remote file, once, in order: a broken line is taken up at the byte where it broke.

    Args:
        remote: RemoteFile.
        start: the byte to begin with.
        urls: addresses in place of `remote.urls`.
        progress: Progress that hears of every new attempt; None is silent.
        pauses: seconds before each attempt that follows one which brought no byte; after the last the next address is
            tried, at the same byte.
        timeout: seconds of silence after which the line counts as lost.

    Raises InputError if an address is none, and in `read` when no address gives the next byte.
    """

    def __init__(self, remote, start=0, *, urls=None, progress=None, pauses=PAUSES, timeout=TIMEOUT):
        self.remote, self.position, self.size = remote, start, remote.size
        self._urls = list(urls or remote.urls)
        for url in self._urls:
            check_url(url)
        self._progress, self._pauses, self._timeout = progress or Silence(), pauses, timeout
        self._connection, self._attempts, self._failures = None, 0, []

    def read(self):
        """The next bytes, as soon as there are any; b"" after the last."""
        while self.position != self.size:
            try:
                if self._connection is None:
                    self._connection = Connection(self._urls[0], self.position, self.size, self._timeout)
                    self.size = self._connection.size
                block = self._connection.read()
                self._check_beginning(block)
            except (Trouble, Refusal) as error:
                self._recover(error)
                continue
            if block:
                self.position += len(block)
                self._attempts = 0
            return block
        return b""

    def close(self):
        """Leave the server."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _check_beginning(self, block):
        begins = self.remote.begins
        if self.position == 0 and block and not block.startswith(begins[: len(block)]):
            raise Refusal(f"not such a file: expected it to begin with {begins!r}, and it begins with {block[:8]!r}")

    def _recover(self, error):
        """After a pause the next `read` tries again; or with the next address; or there is nothing left to try."""
        self.close()
        host = urlsplit(self._urls[0]).netloc
        if isinstance(error, Trouble) and self._attempts < len(self._pauses[: self._patience(error)]):
            pause = self._pauses[self._attempts]
            self._attempts += 1
            at = f", at {byte_count(self.position)}" if self.position else ""
            self._progress.say(f"{host}: {error}{at}; again in {pause:g} s")
            time.sleep(pause)
            return
        self._failures.append(f"{host}: {error}")
        self._urls.pop(0)
        self._attempts = 0
        if not self._urls:
            raise InputError(self._told(error)) from error
        self._progress.say(f"{host}: {error}; trying {self._urls[0]}")

    def _patience(self, error):
        """A server that was never reached is most likely not going to be: one more attempt, then say so."""
        return 1 if isinstance(error, Unreachable) and self.position == 0 else None

    def _told(self, error):
        if isinstance(error, Trouble):
            mend = "check the network and run the same command again, or name a mirror with --url"
        else:
            mend = "name a mirror with --url, or fetch it in another way from the addresses that --help shows"
        return f"cannot fetch {self.remote.name}: {'; '.join(dict.fromkeys(self._failures))}; {mend}"


def fetch(remote, path, *, progress=None, **network):
    """Fetch `remote` (RemoteFile) into the file `path`, whose folder is made if it is missing.

    If the file is there already, it is compared with the checksum and nothing is fetched. What has come of a file that
    is not whole is kept as <path>.part and continued by the next call.

    Args:
        progress: Progress, or None to be silent.
        network: `urls`, `pauses`, `timeout` as in RemoteStream.

    Returns True if the file was fetched, False if it was there.
    Raises InputError if it cannot be fetched or written, or if another file of that name is there.
    """
    path = Path(path)
    is_there = path.exists()
    try:
        _drain(blocks(remote, keep=path, progress=Silence() if is_there else progress, **network))
    except DamagedPartError as error:
        (progress or Silence()).say(str(error))
        _drain(blocks(remote, keep=path, progress=progress, **network))
    return not is_there


def blocks(remote, *, keep=None, progress=None, **network):
    """Yield the bytes of `remote` (RemoteFile) in order; after the last, compare them with its size and checksum.

    With `keep` (path) they are also written to <keep>.part, which becomes `keep` when they are whole. Whatever of
    either is on disk is read from there. A consumer may close the generator early: then nothing is compared, and the
    part stays.

    Raises InputError as `fetch` does, and DamagedPartError if what was kept of an earlier call does not fit.
    """
    keep, part = (None, None) if keep is None else (Path(keep), Path(f"{keep}.part"))
    is_whole = keep is not None and keep.exists()
    old = keep if is_whole else _usable_part(remote, part)
    stream = None if is_whole else RemoteStream(remote, _size(old), progress=progress, **network)
    progress, digest, count = progress or Silence(), hashlib.sha256(), 0
    progress.start(remote.name, remote.size)
    try:
        for block in itertools.chain(_blocks_on_disk(old), _blocks_from(stream, part)):
            digest.update(block)
            count += len(block)
            progress.advance(len(block))
            yield block
    finally:
        progress.stop()
    _compare(remote, count, digest.hexdigest(), keep if is_whole else None, part, old)
    if part and not is_whole:
        os.replace(part, keep)


@contextmanager
def telling_full_disk(path):
    """Turn the OSError of a disk that is full, or of a folder closed to us, into an InputError about `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise InputError(
                f"no room left for {path} ({error.strerror}); free some, or choose a folder on another disk with "
                "--out-dir, and run the same command again"
            ) from error
        raise InputError(
            f"cannot write {error.filename or path}: {error.strerror or error}; choose another folder with --out-dir"
        ) from error


def hold(file):
    """Lock an open file until it is closed, which the system does when a process ends in any way.

    Raises BlockingIOError if another holds it. Does nothing on Windows, and on disks that know no locks.
    """
    if fcntl:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            pass


def require_room(folder, count):
    """Raise InputError if the disk of `folder` (path, which need not exist yet) has no room for `count` bytes."""
    folder = next((parent for parent in (folder, *folder.absolute().parents) if parent.is_dir()), Path())
    free = shutil.disk_usage(folder).free
    if count > free:
        raise InputError(
            f"no room in {folder}: expected {byte_count(count)} free, and there are {byte_count(free)}; free some, or "
            "choose a folder on another disk with --out-dir"
        )


def _drain(iterator):
    for _ in iterator:
        pass


def _size(path):
    return path.stat().st_size if path else 0


def _usable_part(remote, part):
    """`part` (path or None), if it is there and can be continued; one that cannot is removed."""
    if part is None:
        return None
    with telling_full_disk(part):
        came = part.stat().st_size if part.exists() else 0
        if came and (remote.sha256 is None or came > (remote.size or came)):  # nothing would notice a part of another
            part.unlink()
            came = 0
        require_room(part.parent, (remote.size or 0) - came)
        return part if came else None


def _blocks_on_disk(path):
    if path:
        with readable(path), path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block


def _blocks_from(stream, part):
    """The rest from the network, written to the end of `part` (path or None) as it comes."""
    if stream is None:
        return
    with closing(stream), telling_full_disk(part):
        block = stream.read()  # first, so that an address that gives nothing leaves nothing behind
        with _appended(part) if part else nullcontext() as file:
            while block:
                if file:
                    file.write(block)
                yield block
                block = stream.read()


@contextmanager
def _appended(part):
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as file:
        try:
            hold(file)
        except BlockingIOError:
            raise InputError(
                f"{part} is being written by another run; wait for its end, or choose another folder with --out-dir"
            ) from None
        yield file
        file.flush()
        os.fsync(file.fileno())  # the name must not be there before the bytes are, even if the power fails


def _compare(remote, count, digest, whole, part, old):
    """Raise InputError unless `count` bytes with the SHA-256 `digest` are the file.

    They were read from `whole` (path), or `old` (path or None) is where the first of them were, and `part` has them.
    """
    if count == (count if remote.size is None else remote.size) and digest == (remote.sha256 or digest):
        return
    came = f"expected {remote.size or count:,} bytes with sha256 {remote.sha256}, came {count:,} with {digest}"
    if whole:
        raise InputError(f"{whole} is another file: {came}; move it away, or choose another folder with --out-dir")
    if part:
        part.unlink()
    if old:
        raise DamagedPartError(f"{old}, kept from an earlier run, was damaged and is removed; start again")
    raise InputError(f"{remote.name} came damaged: {came}; run the same command again, or name a mirror with --url")
