"""The tables by which text becomes word pieces: what each character becomes, and the pieces of a vocabulary.

Only their layout is here, and nothing is compiled, so that they can be made and read without Numba.
"""

from typing import NamedTuple

import numpy as np

LONGEST_WORD = 100  # characters; BERT does not try to cut up anything longer

# PLAIN: a letter of a word, as it is. DROPPED: as if it were not there. SPACE: between words. STOP: dropped too, but
# marks do not change places across it. ALONE: a word by itself, as it is. HANGUL: a syllable, spelled by arithmetic.
# From FIRST_SPELLING on: spelling number kind - FIRST_SPELLING.
PLAIN, DROPPED, SPACE, STOP, ALONE, HANGUL, FIRST_SPELLING = range(7)

# A letter of a spelling is a code point with two facts in the bits above it.
CODE_POINT = (1 << 21) - 1
BY_ITSELF = 1 << 21  # the letter is a word of its own
CLASS_SHIFT = 22  # its canonical combining class: NFD puts marks that follow each other in the order of their classes


class Rules(NamedTuple):
    """What each of the 0x110000 code points becomes; made by `minibnn.data.unicode_table`."""

    blocks: np.ndarray  # uint8 (0x1100,), which row of `kinds` describes a block of 256 code points
    kinds: np.ndarray  # uint16 (rows, 256)
    ends: np.ndarray  # int32 (spellings + 1,), spelling s is letters[ends[s]:ends[s + 1]]
    letters: np.ndarray  # int32, all spellings one after another


NOTHING, BLANK = -1, -2  # in place of a node or an id: none; white space
PACKED = 16  # letters of the longest word that fits into two uint64


class Pieces(NamedTuple):
    """The pieces of a vocabulary; made by `minibnn.data.encoder`.

    A table of 2^n rows is hashed: a key stands in the first free row from the place on that its hash names.
    """

    words: np.ndarray  # uint64 (2^n, 3): a piece of ASCII letters, the first in the lowest bits (0: free row); its id
    marks: np.ndarray  # int32 (256,), the id of each ASCII punctuation mark, BLANK for white space, else NOTHING
    edges: np.ndarray  # int32 (2^n, 4), a trie: parent (NOTHING: free row), letter, child, id of the piece or NOTHING
    unknown: int  # the id of [UNK]
