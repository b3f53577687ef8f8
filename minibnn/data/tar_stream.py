"""A .tar.gz read from its beginning to its end as it arrives, in little memory whatever it says of itself.

`tarfile` could walk such a stream too, but it keeps a record of every member, and reads a long name of any length that
the archive declares. Here a member is a name, a size and at most the bytes that the caller asks for.
"""

import tarfile
import zlib
from dataclasses import dataclass

from minibnn.errors import InputError

RECORD = 512  # bytes: a tar is made of headers and contents in records of this size
CHUNK = 1 << 20  # unpacked bytes at a time
LONGEST_NAME = 1 << 16  # bytes of an extended header
MOST_GROWTH, FREE_GROWTH = 20, 1 << 24  # photos do not shrink when packed; what grows 20-fold is made to fill a disk
MEND = "run the same command again, or name a mirror with --url"


class DamagedArchiveError(InputError):
    """The bytes that came are no archive of photos, whatever they were meant to be."""


@dataclass(frozen=True)
class Member:
    """What an archive says of a member: `name` (str), `size` (int, bytes), and whether it is a plain file."""

    name: str
    size: int
    is_file: bool


class TarStream:
    """The members of a .tar.gz in their order: iterate, and call `read` for the contents of the one at hand.

    Args:
        blocks: iterator over bytes, the archive in pieces of any size.

    Raises InputError, in iterating and reading, if the archive is damaged, ends too early, or grows without bounds.
    """

    def __init__(self, blocks):
        self._bytes, self._left, self._padding = _Unpacked(blocks), 0, 0

    def __iter__(self):
        while (member := self._next_member()) is not None:
            yield member

    def read(self):
        """The contents (bytes) of the member that iteration gave last; once."""
        count, self._left = self._left, 0
        return self._bytes.exactly(count)

    @property
    def position(self):
        """The bytes (int) of the packed archive that were read."""
        return self._bytes.count_in

    def finish(self):
        """Read what follows the last member: an archive that is whole ends well, and its checksum is complete."""
        while self._bytes.more():
            pass

    def _next_member(self):
        extended = {}
        while True:
            self._bytes.skip(self._left + self._padding)
            self._left = self._padding = 0
            info = _header(self._bytes.exactly(RECORD, or_nothing=True))
            if info is None:
                return None
            size = int(extended.get("size", info.size))
            if size < 0:
                raise _damaged(f"a member of {size} bytes")
            is_special = info.type in tarfile.SUPPORTED_TYPES and not info.isreg()
            if info.type in _EXTENDED:
                extended |= self._extended_header(info)
                continue
            if info.type == tarfile.GNUTYPE_SPARSE:
                raise _damaged("a sparse file, which Food-101 does not hold")
            self._left = 0 if is_special else size  # a link or a folder has no contents, whatever size it declares
            self._padding = -self._left % RECORD
            return Member(extended.get("path", info.name), self._left, info.isreg())

    def _extended_header(self, info):
        if info.size > LONGEST_NAME:
            raise _damaged(f"a name of {info.size:,} bytes")
        content = self._bytes.exactly(info.size)
        self._bytes.skip(-info.size % RECORD)
        if info.type == tarfile.GNUTYPE_LONGNAME:
            return {"path": content.rstrip(b"\0").decode("utf-8", "surrogateescape")}
        return _pax_fields(content) if info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE) else {}


_EXTENDED = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.XGLTYPE,
)


def _header(record):
    """The TarInfo in a header record (bytes), or None at the end of the archive."""
    try:
        return tarfile.TarInfo.frombuf(record, "utf-8", "surrogateescape") if record.strip(b"\0") else None
    except (tarfile.HeaderError, ValueError) as error:
        raise _damaged(f"a header is wrong ({error})") from error


def _pax_fields(content):
    """The path and the size in an extended header: lines "<length of the line> <key>=<value>"."""
    fields = {}
    try:
        while content.strip(b"\0"):
            length = int(content[: content.index(b" ")])
            key, value = content[:length].decode("utf-8", "surrogateescape").split(" ", 1)[1].rstrip("\n").split("=", 1)
            if key in ("path", "size"):
                fields[key] = int(value) if key == "size" else value
            if not 0 < length <= len(content):
                raise ValueError
            content = content[length:]
    except (ValueError, IndexError) as error:
        raise _damaged("an extended header is wrong") from error
    return fields


class _Unpacked:
    """The unpacked bytes of gzip blocks, read in order."""

    def __init__(self, blocks):
        self._blocks, self._inflate, self._packed = blocks, zlib.decompressobj(wbits=31), b""
        self._chunk, self._at = b"", 0
        self._begun, self.count_in, self._count_out = False, 0, 0

    def exactly(self, count, or_nothing=False):
        """The next `count` bytes; b"" at the very end if `or_nothing`."""
        pieces, missing = [], count
        while missing:
            if self._at == len(self._chunk) and not self.more():
                if or_nothing and missing == count:
                    return b""
                raise _damaged("it ends too early")
            piece = self._chunk[self._at : self._at + missing]
            self._at += len(piece)
            missing -= len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def skip(self, count):
        """Leave out `count` bytes."""
        while count:
            if self._at == len(self._chunk) and not self.more():
                raise _damaged("it ends too early")
            step = min(count, len(self._chunk) - self._at)
            self._at += step
            count -= step

    def more(self):
        """Whether there were more bytes; they take the place of those at hand."""
        self._chunk, self._at = b"", 0
        while not self._chunk:
            if not self._packed:
                self._packed = next(self._blocks, b"")
                self.count_in += len(self._packed)
                if not self._packed:
                    if self._begun:
                        raise _damaged("it ends too early")
                    return False
            if not self._begun:  # zeros may fill the last block, as on a tape
                self._packed = self._packed.lstrip(b"\0")
            self._chunk = self._unpack() if self._packed else b""
        self._count_out += len(self._chunk)
        if self._count_out > MOST_GROWTH * self.count_in + FREE_GROWTH:
            raise _damaged(f"it unpacks to more than {MOST_GROWTH} times its size, as one made to fill a disk")
        return True

    def _unpack(self):
        self._begun = True
        try:
            chunk = self._inflate.decompress(self._packed, CHUNK)
        except zlib.error as error:
            raise _damaged(str(error)) from error
        self._packed = self._inflate.unconsumed_tail
        if self._inflate.eof:  # another gzip member may follow
            self._packed = self._inflate.unused_data
            self._inflate, self._begun = zlib.decompressobj(wbits=31), False
        return chunk


def _damaged(what):
    return DamagedArchiveError(f"the archive is damaged: {what}; {MEND}")
