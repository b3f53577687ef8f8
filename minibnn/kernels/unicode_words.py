"""From UTF-8 bytes to the words of BERT's uncased rules, one at a time.

What each character becomes is read from a table, see `minibnn.data.unicode_table`. A word is an array of code points,
because its length counts in characters, and so do the lengths of the vocabulary's pieces.
"""

import numpy as np

from minibnn.kernels.jit import inner_kernel, kernel
from minibnn.kernels.word_tables import (
    ALONE,
    BY_ITSELF,
    CLASS_SHIFT,
    CODE_POINT,
    FIRST_SPELLING,
    HANGUL,
    LONGEST_WORD,
    PLAIN,
    SPACE,
    STOP,
)

LETTERS_OF_ONE = 4  # no character is spelled with more


@inner_kernel
def decode(data, i):
    """(code point, index of the next one) at data[i]: valid UTF-8, or a lone surrogate written like it, uint8."""
    byte = np.int64(data[i])
    if byte < 0x80:
        return byte, i + 1
    if byte < 0xE0:
        return (byte & 0x1F) << 6 | (data[i + 1] & 0x3F), i + 2
    if byte < 0xF0:
        return (byte & 0x0F) << 12 | np.int64(data[i + 1] & 0x3F) << 6 | (data[i + 2] & 0x3F), i + 3
    high = (byte & 0x07) << 18 | np.int64(data[i + 1] & 0x3F) << 12
    return high | np.int64(data[i + 2] & 0x3F) << 6 | (data[i + 3] & 0x3F), i + 4


@inner_kernel
def spell(c, kind, ends, letters, spelling):
    """Write what code point `c` becomes to `spelling` (int64, at least 4); returns how many letters that is."""
    if kind in (PLAIN, ALONE):
        spelling[0] = c | (BY_ITSELF if kind == ALONE else 0)
        return 1
    if kind == HANGUL:  # a syllable is two or three letters, by arithmetic (the Unicode Standard, section 3.12)
        s = c - 0xAC00
        spelling[0], spelling[1], spelling[2] = 0x1100 + s // 588, 0x1161 + s % 588 // 28, 0x11A7 + s % 28
        return 3 if s % 28 else 2
    if kind < FIRST_SPELLING:
        return 0
    start, end = ends[kind - FIRST_SPELLING], ends[kind - FIRST_SPELLING + 1]
    for k in range(start, end):
        spelling[k - start] = letters[k]
    return end - start


@inner_kernel
def add_letter(letter, length, stop, word):
    """Put a letter at the end of the word, but before those marks from `stop` on that have a higher combining class.

    Beyond LONGEST_WORD only the length matters.
    """
    k = min(length, LONGEST_WORD)
    while k > stop and word[k - 1] >> CLASS_SHIFT > letter >> CLASS_SHIFT > 0:
        word[k] = word[k - 1]
        k -= 1
    word[k] = letter


@inner_kernel
def read_word(data, i, end, rules, word, sources, spelling):
    """Read the first word in data[i:end].

    Args:
        data: UTF-8, uint8; a lone surrogate is written like any other code point.
        rules: what a `Rules` holds, as a plain tuple.
        word: int64 (LONGEST_WORD + 1,), written: the letters of the word, as in `Rules.letters`.
        sources: the same, written: where in `data` the character begins that each letter comes from, in the order of
            the text. Of a word longer than LONGEST_WORD, the last entry is that of its last letter.
        spelling: int64 (LETTERS_OF_ONE,), scratch.

    Returns (where to read on, number of letters); without a letter only if no word is left.
    """
    blocks, kinds, ends, letters = rules
    length, stop = 0, 0
    while i < end:
        c, after = decode(data, i)
        kind = np.int64(kinds[blocks[c >> 8], c & 255])
        if kind == SPACE and length:
            break
        if kind == STOP:
            stop = length
        count = spell(c, kind, ends, letters, spelling)
        if count and spelling[0] & BY_ITSELF:
            if length:
                break
            word[0], sources[0] = spelling[0], i
            return after, 1
        for k in range(count):
            add_letter(spelling[k], length, stop, word)
            sources[min(length, LONGEST_WORD)] = i
            length += 1
        i = after
    return i, length


@kernel
def write_words(data, rules, letters):
    """Write every word of `data` (UTF-8, uint8), each followed by a space; returns how many letters that makes.

    `letters`: int32 (2 * data.size,) or more, written: code points. A word longer than LONGEST_WORD is left out.
    """
    word, sources = np.empty(LONGEST_WORD + 1, np.int64), np.empty(LONGEST_WORD + 1, np.int64)
    spelling = np.empty(LETTERS_OF_ONE, np.int64)
    i, n = 0, 0
    while i < data.size:
        i, length = read_word(data, i, data.size, rules, word, sources, spelling)
        if 0 < length <= LONGEST_WORD:
            for k in range(length):
                letters[n + k] = word[k] & CODE_POINT
            letters[n + length] = 32
            n += length + 1
    return n
