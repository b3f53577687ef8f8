"""What the library warns of, as a command says it: in one line, not as a place in the code."""

import sys
import warnings
from contextlib import contextmanager

from minibnn.errors import InputError
from minibnn.figures import NEEDS_PLOTS


@contextmanager
def cache_warnings_as_notes():
    """Print a CacheWarning that comes within it as one line on standard error, the same one once."""
    from minibnn.data.cache import CacheWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default", CacheWarning)
        yield
    for told in dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, CacheWarning)):
        note(told)
    for other in caught:
        if not issubclass(other.category, CacheWarning):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)


def printable(text):
    """Text that came from a file or the command line as a terminal may be given it: without control characters."""
    return "".join(character if character.isprintable() else "?" for character in str(text))


def picture_or_note(save, path):
    """A line that says where the picture is, saved by `save()`; or, where matplotlib is missing, how to get one.

    Raises InputError if it cannot be written at `path`, with what to do instead.
    """
    from minibnn.training.run_folder import has_matplotlib

    if not has_matplotlib():
        return f"For a picture: {NEEDS_PLOTS}"
    with placed_by_out(path):
        save()
    return f"The picture: {path}"


@contextmanager
def placed_by_out(path):
    """Turn the error of a picture that cannot be written at `path` into a sentence that names --out."""
    try:
        yield
    except (OSError, InputError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(cause, OSError):
            raise
        reason = cause.strerror or cause
        raise InputError(f"cannot write {path} ({reason}): name another place with --out") from error


def note(text):
    """Print what a user should know, and what is no error, as one line on standard error."""
    print(f"minibnn: note: {text}", file=sys.stderr)
