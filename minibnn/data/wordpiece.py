"""WordPiece: text as a list of numbers, each standing for a word or a piece of one.

A word that the vocabulary does not hold is cut into pieces that it does: "unwanted" becomes "un", "##want", "##ed",
where "##" marks a piece that continues a word. Cutting takes the longest piece that fits, then the longest that fits
the rest, and so on; if at some point none fits, or the word has more than 100 characters, it becomes [UNK] as a whole.
What a word is, `minibnn.data.basic_tokens` says; how all this is made fast, `minibnn.data.encoder`.
"""

import functools
import operator
import re
from pathlib import Path

from minibnn.data.basic_tokens import SPECIAL_TOKENS
from minibnn.data.encoder import Encoder
from minibnn.data.wordpiece_training import train_pieces
from minibnn.errors import InputError, InputTypeError
from minibnn.files import replacing


class WordPiece:
    """A WordPiece vocabulary: `encode` turns text into ids by BERT's uncased rules, `decode` turns ids into text.

    Args:
        tokens: list of V str, the piece of each id; holds [PAD] and [UNK], no empty and no duplicate entry.

    Attributes:
        tokens: the same list.
        pad_id, unknown_id: int, the ids of [PAD] and [UNK].

    Raises InputError if `tokens` is empty, repeats an entry, or lacks [PAD] or [UNK]; InputTypeError for a non-str.
    Source: Wu et al., arXiv 1609.08144, section 4.1, and BERT (arXiv 1810.04805).
    """

    def __init__(self, tokens):
        self.tokens = list(tokens)
        self._name = "the vocabulary"  # in errors
        self._ids = _index(self.tokens)
        self.pad_id = self._special("[PAD]")
        self.unknown_id = self._special("[UNK]")
        self._special_ids = {self._ids[token] for token in SPECIAL_TOKENS if token in self._ids}

    @classmethod
    def from_file(cls, vocab_path):
        """Read a vocabulary of one piece per line (UTF-8), where line n (from 0) holds the piece with id n.

        Raises InputError if the file is missing, is not UTF-8, is empty, or is not a vocabulary (see the class).
        """
        try:
            text = Path(vocab_path).read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{vocab_path} is not UTF-8 text: bad byte at offset {error.start}; save it as UTF-8"
            ) from None
        except OSError as error:
            raise InputError(
                f"cannot read the vocabulary {vocab_path} ({error.strerror}); expected a text file with one piece "
                "per line, such as the vocab.txt of bert-base-uncased"
            ) from None
        lines = text.removesuffix("\n").split("\n") if text else []
        try:
            wordpiece = cls(line.removesuffix("\r") for line in lines)
        except InputError as error:
            raise InputError(f"{vocab_path}: {error}") from None
        wordpiece._name = f"the vocabulary file {vocab_path}"
        return wordpiece

    @classmethod
    def train(cls, texts, vocab_size):
        """Build a vocabulary of at most `vocab_size` pieces from `texts` (a str, or an iterable of str).

        The rules, the smallest size and what is raised: see `minibnn.data.wordpiece_training.train_pieces`.
        """
        return cls(train_pieces(texts, vocab_size))

    def save(self, path):
        """Write the vocabulary to `path`, one piece per line; a reader never sees a half-written file.

        Raises InputError if the folder does not exist or cannot be written.
        """
        with replacing(path) as draft:
            draft.write_bytes("".join(f"{token}\n" for token in self.tokens).encode("utf-8"))

    def __len__(self):
        return len(self.tokens)

    def __repr__(self):
        return f"WordPiece({len(self)} pieces, {' '.join(self.tokens[i] for i in sorted(self._special_ids))})"

    @property
    def cls_id(self):
        """The id (int) of [CLS], which begins a sentence; InputError if the vocabulary has none."""
        return self._special("[CLS]")

    @property
    def sep_id(self):
        """The id (int) of [SEP], which ends a sentence; InputError if the vocabulary has none."""
        return self._special("[SEP]")

    def encode(self, text):
        """The ids of `text` (str) as a list of int in [0, V); adds no special tokens.

        The name of a special token in `text` is text like any other: "[SEP]" gives the pieces of "[", "sep" and "]".
        Raises InputTypeError if `text` is not a str.
        """
        return self.encode_batch([_checked_text(text)])[0]

    def encode_batch(self, texts, *, threads=None):
        """`encode` of every text, as a list of lists of int (no padding, no special tokens).

        Args:
            texts: iterable of str.
            threads: int, how many threads share the work; None for NUMBA_NUM_THREADS, as many as there are cores. The
                ids do not depend on it.

        Raises InputTypeError if a text is not a str, InputError if `threads` is not a positive int.
        """
        return list(self._encoder.lists(_checked_texts(texts), threads))

    def encode_arrays(self, texts, *, threads=None):
        """The same as a list of int32 arrays (n,): less memory, and less time where the ids go on into an array."""
        return list(self._encoder.arrays(_checked_texts(texts), threads))

    def encode_with_offsets(self, text):
        """The ids of `text` (str), and for each the place in `text` that it stands for.

        Returns (ids, offsets): a list of int as `encode` gives, and a list of (start, end), int, such that
        `text[start:end]` is what became the piece: its first to its last character, in the spelling of the text and
        with what was dropped between them. Pieces of one character, such as the letters of a Hangul syllable, have
        the same place.
        Raises InputTypeError if `text` is not a str.
        """
        ids, spans = self._encoder.spans(_checked_text(text))
        return ids.tolist(), [*zip(*spans.T.tolist(), strict=True)]

    @functools.cached_property
    def _encoder(self):
        return Encoder(self._ids, self.unknown_id)

    def decode(self, ids, *, keep_special=False):
        """Text (str) of `ids` (iterable of int, or an integer array (T,)).

        Joins "##" pieces to the word before them and sets punctuation as English does ("cats , dogs" becomes
        "cats, dogs"). Special tokens ([PAD], [UNK], [CLS], [SEP], [MASK]) are left out unless `keep_special`. Capitals,
        accents and the original spacing are gone for good; encoding the result gives the same ids again wherever
        `ids` came from `encode`, apart from [UNK].

        Raises InputError for an id outside [0, V), InputTypeError for one that is not an integer.
        """
        words = []
        for position, i in enumerate(ids):
            i = self._checked_id(i, position)
            token = self.tokens[i]
            if i in self._special_ids:
                words += [token] if keep_special else []
            elif token.startswith("##") and len(token) > 2 and words:
                words[-1] += token[2:]
            else:
                words.append(token)
        return tidy_spaces(" ".join(words))

    def _special(self, token):
        if token not in self._ids:
            raise InputError(
                f"{self._name} has no {token} among its {len(self)} pieces; add a line {token} at its end, or take a "
                "vocabulary that has it, such as the vocab.txt of bert-base-uncased"
            )
        return self._ids[token]

    def _checked_id(self, i, position):
        try:
            i = operator.index(i)
        except TypeError:
            raise InputTypeError(f"ids[{position}] is {i!r}, expected an integer; decode takes one text") from None
        if not 0 <= i < len(self):
            raise InputError(f"ids[{position}] is {i}, expected 0 to {len(self) - 1} (the vocabulary's pieces)")
        return i


def _checked_text(text):
    if not isinstance(text, str):
        raise InputTypeError(f"encode expects a str, got {type(text).__name__}; for several texts use encode_batch")
    return text


def _checked_texts(texts):
    if isinstance(texts, str):
        raise InputTypeError("encode_batch expects a list of str, got one str; use encode for a single text")
    return texts


def _index(tokens):
    """{piece: id}, after checking that `tokens` is a vocabulary."""
    if not tokens:
        raise InputError("the vocabulary is empty; expected one piece per line, [PAD] and [UNK] among them")
    ids = {}
    for i, token in enumerate(tokens):
        if not isinstance(token, str):
            raise InputTypeError(f"vocabulary entry {i} is {token!r}, expected a str")
        if not token or "\n" in token:
            raise InputError(f"vocabulary entry {i} (line {i + 1}) is {token!r}, expected a piece on a line of its own")
        if token in ids:
            raise InputError(f"vocabulary entries {ids[token]} and {i} are both {token!r}; every piece has one id")
        ids[token] = i
    return ids


_SPACING = (
    (re.compile(r" ([.,!?;:%)\]}])"), r"\1"),
    (re.compile(r"([(\[{]) "), r"\1"),
    (re.compile(r"(?<=\d)([.:]) (?=\d)|(?<=\d)(,) (?=\d{3}\b)"), r"\1\2"),
    (re.compile(r"(?<=\w) (['\u2019]) (?=(?:s|t|d|m|re|ve|ll)\b)"), r"\1"),
    (re.compile(r"(?<=\w) - (?=\w)"), "-"),
    (re.compile(r'" ([^"]*?) "'), r'"\1"'),
)


def tidy_spaces(text):
    """Undo the spaces that splitting put around punctuation: "don ' t , he said ( 3 . 5 )" to "don't, he said (3.5)".

    Only spaces next to a punctuation mark go, so the tokens of the text stay what they were.
    """
    for pattern, replacement in _SPACING:
        text = pattern.sub(replacement, text)
    return text
