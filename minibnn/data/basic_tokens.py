"""BERT's uncased rules: from raw text to the lower-case words and punctuation marks that WordPiece then cuts up.

Five steps, in this order: clean, isolate Chinese characters, decompose and strip accents, lower-case, split on
punctuation. The rules are those of BERT (Devlin et al., arXiv 1810.04805) as the `tokenizers` package applies them.

This is the specification, to be read and to test against. Encoding does not call it but walks through a table that was
made from it once, see `minibnn.data.unicode_table`: what a character *is* comes from `unicodedata` here, and so follows
the Unicode version of the running Python. `tokenizers` carries older tables still. The two differ on some 800 rare
characters, none of which occurs in BERT's vocabulary; tests/data/test_tokenizers.py lists all of them:

- combining marks, format characters and punctuation that were added after Unicode 8 (2015), such as U+2E43 to U+2E5D or
  U+1ABF to U+1ACE: here they have their proper category, there they are ordinary letters;
- U+166D, U+1734 and a few others, whose category was changed by Unicode since;
- capital letters younger than Unicode 14, which `tokenizers` already makes small;
- U+2B820 to U+2B91F, 256 rare ideographs that BERT isolates and `tokenizers` does not (its range begins at U+2B920).
"""

import unicodedata

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CHINESE_RANGES = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
ASCII_SYMBOLS = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def basic_tokens(text):
    """Words and punctuation marks of `text` (str) by BERT's uncased rules, as a list of str.

    `basic_tokens("Naïve  cats: 東京!")` is `["naive", "cats", ":", "東", "京", "!"]`.
    """
    tokens = []
    for word in isolate_chinese(clean(text)).split():
        tokens += split_on_punctuation(lower_case(strip_accents(word)))
    return tokens


def clean(text):
    """Drop NUL, U+FFFD (the mark of undecodable bytes) and control characters; white space becomes a space."""
    kept = (c for c in text if c not in "\0\ufffd" and not is_control(c))
    return "".join(" " if c.isspace() else c for c in kept)


def isolate_chinese(text):
    """Put a space on each side of every Chinese character, which makes each a word of its own."""
    return "".join(f" {c} " if is_chinese(c) else c for c in text)


def strip_accents(text):
    """Decompose (NFD) and drop the non-spacing marks: "é" becomes "e"."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def lower_case(text):
    """Lower-case each character by itself.

    `text.lower()` would turn a capital sigma at the end of a word into a final sigma, which BERT's rules do not know.
    """
    return text.lower() if text.isascii() else "".join(c.lower() for c in text)


def split_on_punctuation(word):
    """Cut `word` so that every punctuation mark stands alone."""
    tokens, start = [], 0
    for i, c in enumerate(word):
        if is_punctuation(c):
            tokens += [word[start:i], c]
            start = i + 1
    tokens.append(word[start:])
    return [token for token in tokens if token]


def is_control(c):
    """Whether `c` is removed: category C* except tab and line ends, which are space, and except unassigned (Cn).

    An unassigned code point stays: it may be a letter that is younger than the tables of this Python.
    """
    return c not in "\t\n\r" and unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs")


def is_chinese(c):
    """Whether `c` lies in one of the CJK ideograph blocks that BERT isolates (not kana, not hangul)."""
    return c >= "\u3400" and any(first <= ord(c) <= last for first, last in CHINESE_RANGES)


def is_punctuation(c):
    """Whether `c` is an ASCII symbol (also "$", "+", "^" and the like) or of a Unicode category P*."""
    return c in ASCII_SYMBOLS or unicodedata.category(c).startswith("P")
