"""Building a WordPiece vocabulary: start from single characters, then merge the best pair of neighbours, many times.

The score of a pair is how often it occurs in the corpus, as in the `tokenizers` package. The other score in use,
freq(pair) / (freq(first) * freq(second)), prefers pieces that occur only together, hence rare ones: with 2,000 pieces
from 400,000 characters of WikiText it needs 2.2 times as many tokens for the same text (256,123 instead of 116,313).
"""

import heapq
from collections import Counter, defaultdict
from itertools import pairwise

from minibnn.data.basic_tokens import ASCII_SYMBOLS, SPECIAL_TOKENS
from minibnn.data.encoder import words
from minibnn.errors import InputError
from minibnn.kernels.word_tables import LONGEST_WORD

MIN_FREQUENCY = 2  # what was seen once is no pattern
LETTERS_AND_DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789"
BASE_ALPHABET = sorted([*ASCII_SYMBOLS, *LETTERS_AND_DIGITS, *(f"##{c}" for c in LETTERS_AND_DIGITS)])


def train_pieces(texts, vocab_size):
    """The pieces of a WordPiece vocabulary for `texts`: a list of at most `vocab_size` str, [PAD] first.

    Order: [PAD] [UNK] [CLS] [SEP] [MASK]; the alphabet, sorted; the merged pieces, as they were found. The alphabet
    holds every ASCII character (letters and digits also with "##"), so that ASCII words of up to 100 characters never
    become [UNK], then the most frequent other characters that occur at least twice, in at most half of the places left.
    Each step merges the pair of neighbouring pieces with the highest count; of equal counts, the first in alphabetical
    order. The result is shorter than `vocab_size` if no pair is left that occurs twice. The same texts always give the
    same pieces.

    Args:
        texts: a str or an iterable of str, read once.
        vocab_size: int, at least 109 (special tokens and ASCII).

    Raises InputError if `vocab_size` is too small or the texts hold no word, InputTypeError for a text that is not str.
    """
    smallest = len(SPECIAL_TOKENS) + len(BASE_ALPHABET)
    if not isinstance(vocab_size, int) or vocab_size < smallest:
        raise InputError(f"vocab_size is {vocab_size!r}, expected an integer of at least {smallest}")
    counts = Counter()
    for found in words([texts] if isinstance(texts, str) else texts):
        counts.update(found)
    if not counts:
        raise InputError(f"the texts to train on hold no word of at most {LONGEST_WORD} characters; expected some text")
    pieces = [*SPECIAL_TOKENS, *alphabet(counts, (vocab_size - smallest) // 2)]
    known = set(pieces)
    spelled = {word: count for word, count in counts.items() if known.issuperset(characters(word))}
    for piece in merges(spelled):
        if len(pieces) == vocab_size:
            break
        if piece not in known:  # two different pairs can spell the same piece
            known.add(piece)
            pieces.append(piece)
    return pieces


def characters(word):
    """A word as pieces of one character: "cat" gives ["c", "##a", "##t"]."""
    return [word[0], *(f"##{c}" for c in word[1:])]


def alphabet(counts, room):
    """Sorted pieces of one character: all of ASCII and the `room` most frequent others that occur often enough."""
    seen = Counter()
    for word, count in counts.items():
        for piece in characters(word):
            seen[piece] += count
    others = [piece for piece in seen.keys() - set(BASE_ALPHABET) if seen[piece] >= MIN_FREQUENCY]
    others.sort(key=lambda piece: (-seen[piece], piece))
    return sorted(BASE_ALPHABET + others[:room])


def merges(counts):
    """Yield merged pieces, best pair first, until no pair occurs twice; `counts` is {word: occurrences}.

    Counting all pairs anew after every merge would read the whole corpus thousands of times. Only words that hold the
    merged pair change, so `where` remembers them and only their pairs are counted again. The heap may hold outdated
    counts: an entry is checked against `pair_counts` when it comes up.
    """
    words = [characters(word) for word in counts]
    weights = list(counts.values())
    pair_counts, where = Counter(), defaultdict(set)
    for i, word in enumerate(words):
        for pair in pairwise(word):
            pair_counts[pair] += weights[i]
            where[pair].add(i)
    heap = [(-count, pair) for pair, count in pair_counts.items()]
    heapq.heapify(heap)
    while heap:
        negative, pair = heapq.heappop(heap)
        if pair_counts[pair] < MIN_FREQUENCY:
            continue
        if pair_counts[pair] != -negative:
            heapq.heappush(heap, (-pair_counts[pair], pair))
            continue
        piece = pair[0] + pair[1].removeprefix("##")
        for grown in _merge_in_words(pair, piece, words, weights, pair_counts, where):
            heapq.heappush(heap, (-pair_counts[grown], grown))
        yield piece


def _merge_in_words(pair, piece, words, weights, pair_counts, where):
    """Merge `pair` in every word that holds it; returns the pairs that occur more often than before."""
    change = Counter()
    for i in where.pop(pair):
        for old in pairwise(words[i]):
            change[old] -= weights[i]
        words[i] = merge_pair(words[i], pair, piece)
        for new in pairwise(words[i]):
            change[new] += weights[i]
            where[new].add(i)
    pair_counts.update(change)
    del pair_counts[pair]
    return [changed for changed, count in change.items() if count > 0]


def merge_pair(word, pair, piece):
    """`word` (list of pieces) with each occurrence of `pair`, from left to right, replaced by `piece`."""
    merged, i = [], 0
    while i < len(word):
        if i + 1 < len(word) and (word[i], word[i + 1]) == pair:
            merged.append(piece)
            i += 2
        else:
            merged.append(word[i])
            i += 1
    return merged
