"""Text for a language model: a text that is always there, its division into two, and its ids as rows to learn from."""

import re

import numpy as np

from minibnn.data.python_help import builtin_text
from minibnn.errors import InputError, InputTypeError

__all__ = [
    "batches_by_length",
    "builtin_text",
    "padding_share",
    "sentence_rows",
    "split_list",
    "split_text",
    "token_blocks",
]

LARGEST_ID = np.iinfo(np.int32).max  # beyond it an int32 would silently wrap around

# What a text is made of, from large to small: articles or sections, paragraphs, lines.
_UNITS = (
    (re.compile(r"\n(?:[ \t]*\n){2,}"), "\n\n\n"),
    (re.compile(r"\n(?:[ \t]*\n)+"), "\n\n"),
    (re.compile("\n"), "\n"),
)


def split_text(text, fraction=0.1):
    """Divide `text` (str) into training and validation text (two str), always in the same way.

    Every k-th unit goes to validation, k being 1 / `fraction`, so that both parts hold the same kinds of text; taking
    the end of the text would not give that. Units are counted in order of length, so that both parts also hold long and
    short ones alike, but keep their order within each part. A unit is an article or section (two empty lines between
    them, as in `builtin_text` and `running_text`) if there are at least 5 k of them, else a paragraph, else a line.
    `fraction` holds exactly for the number of units and nearly for characters.

    Raises InputError if `fraction` is not between 0 and 1 or the text has too few lines to divide; InputTypeError if
    `text` is not a str.
    """
    if not isinstance(text, str):
        raise InputTypeError(f"split_text expects a str, got {type(text).__name__}")
    _check_fraction(fraction)
    units, joint = _units(text, 5 / fraction)
    train, validation = split_list(units, fraction, "the text has {} line(s)")
    return joint.join(train), joint.join(validation)


def split_list(items, fraction=0.05, found="there are {} items"):
    """Divide texts or sequences of ids into training and validation items (two lists), always in the same way.

    Every k-th item goes to validation, k being 1 / `fraction` (0.05: the paper's 95 / 5), counted in order of length;
    each part keeps the order of `items`.

    Args:
        items: N objects that have a length, such as sentences (str) or their ids.
        fraction: float between 0 and 1, the share of validation items.
        found: str, says in errors how many there are.

    Raises InputError if `fraction` is not between 0 and 1 or there are too few items to divide.
    """
    _check_fraction(fraction)
    items = list(items)
    by_length = sorted(range(len(items)), key=lambda i: len(items[i]))  # a stable sort: the result is determined
    chosen = {i for n, i in enumerate(by_length) if int((n + 1) * fraction + 0.5) > int(n * fraction + 0.5)}
    if not 0 < len(chosen) < len(items):
        raise InputError(
            f"{found.format(len(items))}, too few to take {fraction} of them for validation; pass a longer text, or "
            "another fraction"
        )
    train = [item for i, item in enumerate(items) if i not in chosen]
    return train, [items[i] for i in sorted(chosen)]


def token_blocks(ids, length):
    """Cut running text into rows that overlap by one token: `blocks[:, :-1]` are inputs and `blocks[:, 1:]` targets.

    Each of the tokens after the first is a target exactly once; up to `length - 1` tokens at the end are left over.

    Args:
        ids: integers (n,), the token ids of the whole text.
        length: int, the tokens T that the model sees at a time.

    Returns an int32 array (N, T + 1) with N = (n - 1) // T.
    Raises InputError if there are fewer than T + 1 ids, an id is not from 0 to 2^31 - 1, or `length` is below 1;
    InputTypeError if ids are not integers.
    """
    length = _checked_length(length, 1)
    ids = _id_array(ids)
    count = (len(ids) - 1) // length
    if count < 1:
        raise InputError(
            f"the text has {len(ids)} tokens; one block of length {length} needs {length + 1}: pass a "
            "longer text, or a shorter length (max_len)"
        )
    return ids[np.arange(count)[:, None] * length + np.arange(length + 1)]  # (N, 1) + (T + 1,) -> (N, T + 1)


def sentence_rows(list_of_ids, length, pad_id, cls_id, sep_id):
    """One sentence per row, as in the paper: [CLS], the tokens, [SEP], then [PAD] to the end.

    A sentence of more than `length - 1` tokens loses its end; [CLS] and [SEP] stay. `rows[:, :-1]` are inputs and
    `rows[:, 1:]` targets, of which those equal to `pad_id` should not count in the loss.

    Args:
        list_of_ids: N sequences of integers, the ids of each sentence without special tokens.
        length: int >= 2, the tokens T that the model sees at a time.
        pad_id, cls_id, sep_id: int, from the `WordPiece` that made the ids.

    Returns an int32 array (N, T + 1).
    Raises InputError if there is no sentence, an id is not from 0 to 2^31 - 1, or `length` is below 2; InputTypeError
    if ids are not integers.
    """
    length = _checked_length(length, 2)
    list_of_ids = list(list_of_ids)
    if not list_of_ids:
        raise InputError("there are 0 sentences; expected at least one list of ids; pass a text with sentences in it")
    for name, i in (("pad_id", pad_id), ("cls_id", cls_id), ("sep_id", sep_id)):
        _check_range(name, i)
    rows = np.full((len(list_of_ids), length + 1), pad_id, dtype=np.int32)
    for n, (row, ids) in enumerate(zip(rows, list_of_ids, strict=True)):
        ids = _id_array(ids, f"list_of_ids[{n}]")[: length - 1]
        row[0] = cls_id
        row[1 : 1 + len(ids)] = ids
        row[1 + len(ids)] = sep_id
    return rows


def batches_by_length(lengths, batch_size, rng=None):
    """Batches of rows of about the same length: little padding is left when each is cut to its longest row.

    Args:
        lengths: integers (N,), how many tokens of each row are not padding.
        batch_size: int >= 1, rows in a batch; one batch may have fewer.
        rng: numpy.random.Generator that mixes rows of equal length and then the batches; None for the shortest first.

    Returns a list of integer arrays, the indices of the rows in each batch; every row is in one of them.
    Raises InputError if `batch_size` is below 1, InputTypeError if `lengths` is not a flat sequence of integers.
    """
    lengths = _length_array(lengths)
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise InputError(f"batch_size is {batch_size!r}, expected an integer of at least 1")
    order = np.arange(lengths.size) if rng is None else rng.permutation(lengths.size)
    order = order[np.argsort(lengths[order], kind="stable")]
    batches = [order[start : start + batch_size] for start in range(0, order.size, batch_size)]
    return batches if rng is None else [batches[i] for i in rng.permutation(len(batches))]


def padding_share(lengths, batches):
    """The share (float, 0 to 1) of padding in all batches, each being as wide as its longest row.

    `lengths`: integers (N,). `batches`: sequence of index arrays, as from `batches_by_length`; a single batch of all
    rows says how much padding there is without grouping.
    """
    lengths = _length_array(lengths)
    places = sum(int(lengths[batch].max()) * len(batch) for batch in batches)
    used = sum(int(lengths[batch].sum()) for batch in batches)
    return 1 - used / places if places else 0.0


def _units(text, wanted):
    """The units of the largest kind of which there are `wanted` (the smallest if none has so many), and their joint."""
    kinds = [([unit for unit in boundary.split(text) if unit.strip()], joint) for boundary, joint in _UNITS]
    return next((kind for kind in kinds if len(kind[0]) >= wanted), kinds[-1])


def _check_fraction(fraction):
    if not 0 < fraction < 1:
        raise InputError(f"fraction is {fraction!r}, expected a number between 0 and 1, such as 0.1")


def _checked_length(length, smallest):
    if not isinstance(length, (int, np.integer)) or length < smallest:
        raise InputError(
            f"length is {length!r}, expected an integer of at least {smallest}; choose a longer length (max_len)"
        )
    return int(length)


def _length_array(lengths):
    array = np.asarray(lengths)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InputTypeError(
            f"lengths: expected a flat sequence of integers, got shape {array.shape} of dtype {array.dtype}"
        )
    return array


def _id_array(ids, name="ids"):
    array = np.asarray(ids)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InputTypeError(
            f"expected a flat sequence of integer ids, got shape {array.shape} of dtype {array.dtype}; "
            "encode the text first"
        )
    wrong = np.flatnonzero((array < 0) | (array > LARGEST_ID))
    if wrong.size:
        _check_range(f"{name}[{wrong[0]}]", array[wrong[0]])
    return array.astype(np.int32)


def _check_range(name, i):
    if not 0 <= i <= LARGEST_ID:
        raise InputError(f"{name} is {i}, expected 0 to {LARGEST_ID}; take the ids that a WordPiece gives")
