"""WordPiece: one look-up for a word that is a piece, and a walk through a trie for a word that is cut into several.

The wrap-around of the product that makes a hash is intended; as plain Python (NUMBA_DISABLE_JIT=1) it wants
`np.errstate(over="ignore")`.
"""

import numpy as np

from minibnn.kernels.jit import config, inner_kernel, kernel
from minibnn.kernels.unicode_words import LETTERS_OF_ONE, read_word
from minibnn.kernels.word_tables import BLANK, CODE_POINT, LONGEST_WORD, NOTHING, PACKED

WORD_START, CONTINUATION, FIRST_NODE = 0, 1, 2  # the trie's two roots: pieces that begin a word, pieces with "##"
PARENT, LETTER, CHILD, PIECE = range(4)  # the columns of `Pieces.edges`

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: a product with it spreads similar keys far apart
_EIGHT, _HALF, _HIGHEST = np.uint64(8), np.uint64(32), np.uint64(56)
_LOWER = np.array([ord(chr(c).lower()) if c < 128 and chr(c).isalnum() else 0 for c in range(256)], np.uint8)


def default_threads():
    """How many threads encode where nobody says: NUMBA_NUM_THREADS, as many as there are cores."""
    return int(config.NUMBA_NUM_THREADS)


@inner_kernel
def first_row(key, size):
    """Where in a table of `size` rows to look for a key (uint64): by the highest bits of a product, the best mixed."""
    return np.int64((key * _GOLDEN >> _HALF) * np.uint64(size) >> _HALF)


@inner_kernel
def word_row(low, high, words):
    """The row of `words` that holds these letters (uint64), or the free row where they would stand."""
    row, size = first_row(low ^ high * _GOLDEN, words.shape[0]), words.shape[0]
    while words[row, 0] and (words[row, 0] != low or words[row, 1] != high):
        row = (row + 1) & (size - 1)
    return row


@inner_kernel
def edge_row(node, letter, edges):
    """The row of the edge from `node` by `letter` (int64), or the free row where it would stand."""
    row, size = first_row(np.uint64(node << 21 | letter), edges.shape[0]), edges.shape[0]
    while edges[row, PARENT] != NOTHING and (edges[row, PARENT] != node or edges[row, LETTER] != letter):
        row = (row + 1) & (size - 1)
    return row


@kernel
def add_words(letters, ids, words):
    """Put pieces into the free table `words`; `letters`: uint64 (n, 2), `ids`: int64 (n,)."""
    for k in range(ids.size):
        row = word_row(letters[k, 0], letters[k, 1], words)
        words[row, 0], words[row, 1], words[row, 2] = letters[k, 0], letters[k, 1], ids[k]


@kernel
def grow_trie(letters, ends, is_continuation, edges):
    """Put the pieces of a vocabulary into the free table `edges`; returns the number of nodes.

    Piece p is letters[ends[p]:ends[p + 1]] (int64, code points, without "##"), not empty; its id is p.
    """
    nodes = FIRST_NODE
    for p in range(is_continuation.size):
        node, row = CONTINUATION if is_continuation[p] else WORD_START, 0
        for k in range(ends[p], ends[p + 1]):
            row = edge_row(node, letters[k], edges)
            if edges[row, PARENT] == NOTHING:
                edges[row, PARENT], edges[row, LETTER] = node, letters[k]
                edges[row, CHILD], edges[row, PIECE] = nodes, NOTHING
                nodes += 1
            node = np.int64(edges[row, CHILD])
        edges[row, PIECE] = p
    return nodes


@inner_kernel
def longest_piece(word, start, length, edges):
    """(id of the longest piece that word[start:length] begins with, where it ends); NOTHING if there is none."""
    node = CONTINUATION if start else WORD_START
    piece, end = NOTHING, start
    for k in range(start, length):
        row = edge_row(node, word[k] & CODE_POINT, edges)
        if edges[row, PARENT] == NOTHING:
            break
        node = np.int64(edges[row, CHILD])
        if edges[row, PIECE] != NOTHING:
            piece, end = np.int64(edges[row, PIECE]), k + 1
    return piece, end


@inner_kernel
def put(piece, first, last, ids, spans, n):
    """Write id number n and, if spans are wanted, where in the text its first and its last character begin."""
    ids[n] = piece
    if spans.size:
        spans[n, 0], spans[n, 1] = first, last
    return n + 1


@inner_kernel
def cut_word(word, sources, length, edges, unknown, ids, spans, n):
    """Greedy longest match: at each place the longest piece that fits, or [UNK] for the whole word."""
    start, before = 0, n
    while start < length <= LONGEST_WORD:
        piece, end = longest_piece(word, start, length, edges)
        if piece == NOTHING:
            break
        n = put(piece, sources[start], sources[end - 1], ids, spans, n)
        start = end
    if start < length:
        return put(unknown, sources[0], sources[min(length - 1, LONGEST_WORD)], ids, spans, before)
    return n


@inner_kernel
def pack(data, i):
    """(low, high, end): the ASCII letters and digits from data[i] on, lower-cased, at most PACKED."""
    low, high, end = np.uint64(0), np.uint64(0), i
    letter = _LOWER[data[i]]
    while letter and end - i < PACKED:
        high = high << _EIGHT | low >> _HIGHEST
        low = low << _EIGHT | np.uint64(letter)
        end += 1
        letter = _LOWER[data[end]]
    return low, high, end


@inner_kernel
def encode_ascii(data, i, end, pieces, word, sources, ids, spans, n):
    """Encode data[i:end] up to the first word that is long or holds more than ASCII; returns (its place, n)."""
    words, marks, edges, unknown = pieces
    while i < end:
        mark = marks[data[i]]
        if mark != NOTHING:
            if mark != BLANK:
                n = put(mark, i, i, ids, spans, n)
            i += 1
            continue
        low, high, after = pack(data, i)
        if after == i or marks[data[after]] == NOTHING:
            break
        row = word_row(low, high, words)
        if words[row, 0]:
            n = put(words[row, 2], i, after - 1, ids, spans, n)
        else:
            for k in range(i, after):
                word[k - i], sources[k - i] = _LOWER[data[k]], k
            n = cut_word(word, sources, after - i, edges, unknown, ids, spans, n)
        i = after + (marks[data[after]] == BLANK)
    return i, n


@kernel
def encode_texts(data, bounds, rules, pieces, ids, spans, counts):
    """Encode each text t = data[bounds[t]:bounds[t + 1]]; returns the number of ids of all.

    Args:
        data: uint8, UTF-8 (a lone surrogate is written like any other code point); each text ends in a space.
        bounds: int64 (texts + 1,).
        rules, pieces: what a `Rules` and a `Pieces` hold, as plain tuples: Numba's cache of compiled code would break
            if a class that is part of a signature moved.
        ids: int32, as many as bytes (there are never more), written.
        spans: int64 (as many, 2), written: where in `data` the first and the last character of each id begin; (0, 2)
            if that is not wanted.
        counts: int64 (texts,), written: how many ids each text has.
    """
    word, sources = np.empty(LONGEST_WORD + 1, np.int64), np.empty(LONGEST_WORD + 1, np.int64)
    spelling = np.empty(LETTERS_OF_ONE, np.int64)
    _, _, edges, unknown = pieces
    n = 0
    for t in range(counts.size):
        i, end, before = bounds[t], bounds[t + 1], n
        while i < end:
            i, n = encode_ascii(data, i, end, pieces, word, sources, ids, spans, n)
            i, length = read_word(data, i, end, rules, word, sources, spelling)
            if length:
                n = cut_word(word, sources, length, edges, unknown, ids, spans, n)
        counts[t] = n - before
    return n
