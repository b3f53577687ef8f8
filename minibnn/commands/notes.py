"""What the library warns of, as a command says it: in one line, not as a place in the code."""

import sys
import warnings
from contextlib import contextmanager


@contextmanager
def cache_warnings_as_notes():
    """Print a CacheWarning that comes within it as one line on standard error, the same one once."""
    from minibnn.data.cache import CacheWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default", CacheWarning)
        yield
    for told in dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, CacheWarning)):
        print(f"minibnn: note: {told}", file=sys.stderr)
    for other in caught:
        if not issubclass(other.category, CacheWarning):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
