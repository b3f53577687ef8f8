"""The token ids of a text, kept as one memory-mapped array."""

import hashlib
from pathlib import Path

import numpy as np

from minibnn.data.cache import cached_array, file_state
from minibnn.data.wikitext import find_file, read_wikitext, running_text
from minibnn.files import readable


def wikitext_ids(root_or_file, split, wordpiece):
    """The ids of one split of WikiText as running text, int32 (n,); encoded once, then mapped from the cache.

    Args:
        root_or_file, split: as in `read_wikitext`.
        wordpiece: WordPiece.

    Raises InputError as `read_wikitext` does. Warns with CacheWarning if the cache cannot be written.
    """
    with readable(root_or_file):
        path = find_file(Path(root_or_file), split)
        source = [file_state(path), hashlib.sha256("\n".join(wordpiece.tokens).encode()).hexdigest()]

    def encoded():
        return np.asarray(wordpiece.encode(running_text(read_wikitext(path))), np.int32)

    return cached_array("tokens", source, encoded)
