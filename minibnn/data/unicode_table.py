"""BERT's rules for a single character, as a table that stays the same whatever Unicode version Python knows.

`unicodedata` moves: Python 3.11 knows Unicode 14, 3.12 knows 15, 3.13 knows 15.1, and a vocabulary that was trained
under one would cut a few texts differently under another. So `unicode_table.npz` holds what the rules of
`minibnn.data.basic_tokens` make of each code point under Unicode 14.0, and encoding reads nothing else. A code point
that Unicode 14.0 does not assign is a letter.

Python 3.11 makes the file anew (`write_table`), and a test compares it with what that Python says.
"""

import functools
import unicodedata
from importlib.resources import files

import numpy as np

from minibnn.data.basic_tokens import clean, is_chinese, is_punctuation, lower_case, strip_accents
from minibnn.errors import InputError
from minibnn.files import replacing
from minibnn.kernels.word_tables import (
    ALONE,
    BY_ITSELF,
    CLASS_SHIFT,
    DROPPED,
    FIRST_SPELLING,
    HANGUL,
    PLAIN,
    SPACE,
    STOP,
    Rules,
)

UNICODE_VERSION = "14.0.0"
TABLE = files("minibnn.data") / "unicode_table.npz"
NUM_CODE_POINTS = 0x110000


@functools.cache
def rules():
    """The table, as `Rules`: what each code point becomes."""
    with TABLE.open("rb") as file, np.load(file) as arrays:
        return Rules(*(arrays[name] for name in Rules._fields))


def derive():
    """`Rules` made from the `unicodedata` of the running Python."""
    kinds, spellings = np.empty(NUM_CODE_POINTS, np.uint16), {}
    for i in range(NUM_CODE_POINTS):
        kinds[i] = kind_of(chr(i), spellings)
    rows, blocks = np.unique(kinds.reshape(-1, 256), axis=0, return_inverse=True)
    ends = np.cumsum([0, *map(len, spellings)])
    letters = [letter for spelling in spellings for letter in spelling]
    return Rules(blocks.reshape(-1).astype(np.uint8), rows, ends.astype(np.int32), np.array(letters, np.int32))


def kind_of(c, spellings):
    """The kind (int, see `minibnn.kernels.word_tables`) of a character; `spellings`: {tuple of letters: number}, grows.

    Each character by itself is enough, since the rules look at no neighbours, with one exception: NFD orders marks by
    their combining class. Hence the class in each letter, and STOP for what is dropped but ends a run of marks.
    """
    cleaned = clean(c)
    if not cleaned or cleaned.isspace():
        return SPACE if cleaned else DROPPED
    if "\uac00" <= c <= "\ud7a3":
        return HANGUL
    spelling = tuple(_letter(x, is_chinese(c)) for x in lower_case(strip_accents(c)))
    if not spelling:
        classes = map(unicodedata.combining, unicodedata.normalize("NFD", c))
        return DROPPED if all(classes) else STOP
    if spelling == (ord(c),):
        return PLAIN
    if spelling == (ord(c) | BY_ITSELF,):
        return ALONE
    return FIRST_SPELLING + spellings.setdefault(spelling, len(spellings))


def _letter(c, chinese):
    alone = BY_ITSELF if chinese or is_punctuation(c) else 0
    return ord(c) | alone | unicodedata.combining(c) << CLASS_SHIFT


def write_table():
    """Write the file that is part of the package; InputError unless the running Python has the right Unicode."""
    if unicodedata.unidata_version != UNICODE_VERSION:
        raise InputError(
            f"this Python has Unicode {unicodedata.unidata_version}, expected {UNICODE_VERSION}: use Python 3.11"
        )
    with replacing(str(TABLE)) as draft, draft.open("wb") as file:
        np.savez_compressed(file, **derive()._asdict())
