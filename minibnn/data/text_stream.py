"""Text that is shown while it is written: each part as soon as nothing that may still come can change it."""

import itertools

from minibnn.data.basic_tokens import SPECIAL_TOKENS
from minibnn.data.wordpiece import tidy_spaces

# What may follow can change spaces at the end of the text, in the ways that `tidy_spaces` knows. One continuation
# stands for each: none; digits that make "1 , 0" a thousand, or no longer one; a letter that makes "don ' l" a
# contraction, or no longer one; a word after an apostrophe or a hyphen; and a quote that closes an open one.
CONTINUATIONS = ("", "0", "00", "e", "l", " t", ' t "')


class TextStream:
    """`WordPiece.decode` for ids that come one by one.

    `wordpiece`: a WordPiece. What `add` returns for all ids, and then `rest`, are together `wordpiece.decode(ids)`.
    Most pieces are settled as they come. What follows an opening quote is not before the closing one: only a closed
    quotation loses the spaces inside its marks.
    """

    def __init__(self, wordpiece):
        self.wordpiece = wordpiece
        self._words = ""  # words with a space between any two, from a place on where all before is settled
        self._shown = 0  # characters of its tidied form that were returned

    def add(self, i):
        """The text (str, often empty) that id `i` (int) settles: no later id can change it."""
        token = self.wordpiece.tokens[i]
        if token in SPECIAL_TOKENS:
            return ""
        if token.startswith("##") and len(token) > 2 and self._words:
            self._words += token[2:]
        else:
            self._words += f" {token}" if self._words else token
        variants = [tidy_spaces(self._words + more) for more in CONTINUATIONS]
        alike = itertools.takewhile(lambda characters: len(set(characters)) == 1, zip(*variants, strict=False))
        settled = sum(1 for _ in alike)
        new, self._shown = variants[0][self._shown : settled], settled
        if variants[-1] == f'{variants[-2]} "':  # no quote is open
            self._forget()
        return new

    def rest(self):
        """The text (str) that was held back, because more could have come; to be called once, at the end."""
        return tidy_spaces(self._words)[self._shown :]

    def _forget(self):
        """Between two words of letters a space stays, whatever follows: what is before it is settled and done with."""
        before, _, last = self._words.rpartition(" ")
        if last.isalpha() and before[-1:].isalpha():
            self._words, self._shown = last, len(last)
