"""Files read and written so that a failure is told in one sentence, and nothing is left half written."""

import os
from contextlib import contextmanager
from pathlib import Path

from minibnn.errors import InputError


@contextmanager
def readable(path):
    """Turn an OSError inside the `with` into an InputError that names the file (or `path`), why, and the mend."""
    try:
        yield
    except OSError as error:
        raise cannot_read(path, error) from error


def cannot_read(path, error):
    """The InputError for an OSError that came when `path` was read."""
    mend = "check the path and the disk"
    if isinstance(error, PermissionError):
        mend = "give yourself the right to read it (chmod -R u+rX), or copy it to a folder of your own"
    return InputError(f"cannot read {error.filename or path}: {error.strerror or error}; {mend}")


@contextmanager
def writing(path):
    """Guard what writes a file: gives `path` as a Path.

    Raises InputError if it is a folder, or its folder is missing or closed to us.
    """
    path = Path(path)
    try:
        if not path.parent.is_dir():
            raise InputError(f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}; create it first")
        if path.is_dir():
            raise InputError(f"cannot write {str(path)!r}: it is a folder; add the name of a file")
        yield path
    except PermissionError as error:
        raise InputError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


@contextmanager
def replacing(path):
    """Give a draft to write, beside `path`; it is renamed over `path` at the end, or removed after an error.

    Raises InputError as `writing` does.
    """
    with writing(path) as destination:
        draft = destination.with_name(f".{destination.name}.{os.getpid()}.tmp")
        try:
            yield draft
            os.replace(draft, destination)
        finally:
            draft.unlink(missing_ok=True)
