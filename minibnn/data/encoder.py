"""Text into word pieces, fast: UTF-8 bytes in, arrays of ids out, several threads at once.

What is computed say `minibnn.data.basic_tokens` (words) and `minibnn.data.wordpiece` (pieces). Here is how: the loops
are in `minibnn.kernels.word_pieces`; this file makes their tables and cuts text into slices for them. A slice ends
where a text ends or at white space, which no rule looks across, so neither slices nor threads change the result.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from minibnn import kernels
from minibnn.data.basic_tokens import ASCII_SYMBOLS
from minibnn.data.unicode_table import rules
from minibnn.errors import InputError, InputTypeError
from minibnn.kernels.word_tables import BLANK, NOTHING, PACKED, Pieces

SLICE = 1 << 18  # bytes that a thread encodes at a time: its buffers stay in the cache
GROUP = 1 << 22  # characters of text that are taken in at a time, so that nothing but the result grows with the text
_NO_SPANS = np.empty((0, 2), np.int64)
_SPACE = re.compile(rb"[ \n]")


class Encoder:
    """The look-up tables of a vocabulary.

    Args:
        ids: {piece: id} (dict), every id from 0 to V - 1 once.
        unknown_id: int, the id of [UNK].
    """

    def __init__(self, ids, unknown_id):
        self._pieces = make_pieces(ids, unknown_id)
        self._python_ids = np.array([*range(len(ids))], object)  # each id as an int that all results share

    def arrays(self, texts, threads=None):
        """Yield the ids of each text (iterable of str): int32 (n,); `threads` as in `checked_threads`."""
        threads = checked_threads(threads)
        for group in _groups(texts):
            ids, ends = self._encode(group, threads)
            yield from (ids[start:end] for start, end in pairwise(ends))

    def lists(self, texts, threads=None):
        """The same as lists of int."""
        threads = checked_threads(threads)
        for group in _groups(texts):
            ids, ends = self._encode(group, threads)
            ids = self._python_ids.take(ids).tolist()  # several times as fast as making an int of each id
            yield from (ids[start:end] for start, end in pairwise(ends))

    def spans(self, text):
        """(ids, spans) of one str: int32 (n,) and int64 (n, 2), the characters [start, end) that each id stands for."""
        data, bounds = _utf8([text])
        spans = np.empty((len(data), 2), np.int64)
        ids, _ = self._run(data, bounds, spans)
        spans = spans[: ids.size]
        if not text.isascii():  # from bytes to characters: count those that begin one
            spans = np.cumsum(np.frombuffer(data, np.uint8) & 0xC0 != 0x80)[spans] - 1
        return ids, spans + np.array([0, 1])

    def _encode(self, texts, threads):
        """All ids in one array, and where those of each text end (list of int, a 0 before it)."""
        data, bounds = _utf8(texts)
        stops = _stops(data, bounds)
        parts = [stops[first : last + 1] for first, last in pairwise(_slices(stops))]
        if min(threads, len(parts)) > 1:
            with ThreadPoolExecutor(threads) as pool:  # the kernel lets other threads run
                found = list(pool.map(lambda part: self._run(data, part), parts))
        else:
            found = [self._run(data, part) for part in parts]
        ids, counts = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        ends = np.cumsum(counts)[np.searchsorted(stops, bounds[1:]) - 1]
        return ids, [0, *ends.tolist()]

    def _run(self, data, bounds, spans=_NO_SPANS):
        """(ids, counts) of the texts or parts of texts between `bounds`."""
        ids = np.empty(bounds[-1] - bounds[0], np.int32)
        counts = np.empty(bounds.size - 1, np.int64)
        with np.errstate(over="ignore"):  # the wrap-around of a hash
            data = np.frombuffer(data, np.uint8)
            n = kernels.encode_texts(data, bounds, tuple(rules()), tuple(self._pieces), ids, spans, counts)
        return ids[:n].copy(), counts


def make_pieces(ids, unknown_id):
    """A `Pieces` of a vocabulary {piece: id}."""
    bare = [piece[2:] if piece.startswith("##") and len(piece) > 2 else piece for piece in ids]
    is_continuation = np.fromiter(map(len, bare), int) < np.fromiter(map(len, ids), int)
    letters = np.frombuffer("".join(bare).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    ends = np.cumsum([0, *map(len, bare)])
    edges = np.empty((0, 4), np.int32)
    with np.errstate(over="ignore"):  # the wrap-around of a hash
        nodes = letters.size  # more than there will be, so the trie is grown twice, the second time in what it needs
        for _ in range(2):
            edges = np.full((_power_of_two(1.5 * nodes), 4), NOTHING, np.int32)
            nodes = kernels.grow_trie(letters, ends, is_continuation, edges)
        words = _word_table(ids)
    marks = np.full(256, NOTHING, np.int32)
    for mark in ASCII_SYMBOLS:
        marks[ord(mark)] = ids.get(mark, unknown_id)
    marks[[ord(space) for space in " \t\n\r"]] = BLANK
    return Pieces(words, marks, edges, unknown_id)


def _word_table(ids):
    """`Pieces.words`: the pieces of at most PACKED ASCII letters and digits."""
    packed = [p for p in ids if len(p) <= PACKED and p.isascii() and p.isalnum()]
    filled = "".join(piece.rjust(PACKED, "\0") for piece in packed)
    letters = np.frombuffer(filled.encode("ascii"), ">u8").reshape(-1, 2).astype(np.uint64)[:, ::-1].copy()
    words = np.zeros((_power_of_two(1.5 * len(packed)), 3), np.uint64)
    kernels.add_words(letters, np.array([ids[piece] for piece in packed], np.int64), words)
    return words


def _power_of_two(size):
    return 1 << int(size + 1).bit_length()


def checked_threads(threads):
    """`threads` (int), or for None as many as kernels use: NUMBA_NUM_THREADS. InputError unless it is at least 1."""
    if threads is None:
        return kernels.default_threads()
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise InputError(f"threads is {threads!r}, expected an integer of at least 1, or None for all")
    return int(threads)


def _groups(texts):
    """Lists of neighbouring texts, of about GROUP characters or a single longer one each."""
    group, size = [], 0
    for n, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputTypeError(f"texts[{n}] is of type {type(text).__name__}, expected a str")
        group.append(text)
        size += len(text) + 1
        if size >= GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group


def _utf8(texts):
    """All texts (list of str) as one bytes object, with a space after each, and their bounds, int64 (texts + 1,)."""
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    bounds = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)) + 1, out=bounds[1:])
    return b" ".join([*parts, b""]), bounds


def _stops(data, bounds):
    """`bounds` with more places in long texts: after a space, about SLICE bytes from one to the next."""
    more = []
    for n in np.flatnonzero(np.diff(bounds) > SLICE):
        place, end = bounds[n : n + 2].tolist()
        while place + SLICE < end:
            place = _SPACE.search(data, place + SLICE).end()
            more.append(place)
    return np.union1d(bounds, np.array(more, np.int64)) if more else bounds


def _slices(stops):
    """Indices into `stops`, first and last among them, about SLICE bytes from one to the next."""
    return np.unique([*np.searchsorted(stops, np.arange(0, stops[-1], SLICE)), stops.size - 1])


def words(texts):
    """Yield lists of the words and marks (str) of `texts` (iterable of str), by BERT's uncased rules.

    A word that WordPiece gives up on, since it is longer than LONGEST_WORD, is left out.
    """
    for group in _groups(texts):
        data, bounds = _utf8(group)
        stops = _stops(data, bounds)
        for start, end in pairwise(stops[_slices(stops)]):
            letters = np.empty(2 * (end - start), np.int32)
            n = kernels.write_words(np.frombuffer(data[start:end], np.uint8), tuple(rules()), letters)
            yield letters[:n].astype("<u4").tobytes().decode("utf-32-le").split(" ")[:-1]
