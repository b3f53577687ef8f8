"""The container of packed models and of checkpoints: named arrays and a small header in one checked file.

It is an uncompressed zip of `.npy` members, NumPy's `.npz`:

- `name.npy`, for each array: as NumPy writes it, little-endian and in C order.
- `header.npy`, the first member: uint8 (n,), UTF-8 JSON: {"format": ..., "version": ..., then what the caller's header
  holds, then "arrays": {name: {what the format tells of an array, "sha256": of its bytes}}}.
- the comment of the zip, the last 64 bytes of the file: the SHA-256, in hexadecimal, of all bytes before it. So a
  change of any bit is found, also of those, like a time stamp, that nothing else would notice.

Equal content in equal order gives equal bytes: time stamps and rights are fixed. NumPy alone reads it:
`np.load(path, allow_pickle=False)[name]`.

A checksum finds accidents, not intentions: whoever changes a file on purpose can compute it anew. So the reader trusts
nothing that it reads. It never unpickles, and takes no memory for what a file only declares.
"""

from minibnn.archive.layout import Format, checked_dict, is_name
from minibnn.archive.reading import read_archive
from minibnn.archive.writing import write_archive

__all__ = ["Format", "checked_dict", "is_name", "read_archive", "write_archive"]
