"""What a trained model gets right and wrong, in more detail than `evaluate`: per class, and per byte of text."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from minibnn.errors import InputError
from minibnn.layers.module import evaluating
from minibnn.training.losses import cross_entropy
from minibnn.training.metrics import RunningAverage, accuracy, perplexity, top_k_accuracy


@dataclass(frozen=True, eq=False)
class ImageFigures:
    """What `measure_images` found.

    `loss`: mean cross entropy in nats. `accuracy`: share of examples whose class has the largest logit. `top_k`: share
    whose class is among the `k` largest. `confusion`: int64 (C, C), how many examples of the class of the row were
    taken for the class of the column.
    """

    loss: float
    accuracy: float
    k: int
    top_k: float
    confusion: np.ndarray

    @property
    def class_accuracy(self):
        """Share of each class that is recognized, float64 (C,); nan for a class without examples."""
        return shares_of_rows(self.confusion).diagonal()

    def worst_confusions(self, count=5):
        """The largest shares of a class that were taken for one other class, the largest first.

        `count`: how many at most. Returns a list of (true class, predicted class, examples, share of the true class).
        """
        shares = shares_of_rows(self.confusion)
        np.fill_diagonal(shares, 0)
        order = np.argsort(-np.nan_to_num(shares), axis=None, kind="stable")[:count]
        pairs = zip(*np.unravel_index(order, shares.shape), strict=True)
        return [(int(t), int(p), int(self.confusion[t, p]), float(shares[t, p])) for t, p in pairs if shares[t, p] > 0]


@dataclass(frozen=True)
class TextFigures:
    """What `measure_text` found.

    `loss`: mean cross entropy in nats per counted token. `accuracy`: share of these that are the most likely one.
    `tokens`: how many tokens counted. `padded`: the same figures with the padding counted too, or None where the rows
    have none.
    """

    loss: float
    accuracy: float
    tokens: int
    padded: "TextFigures | None" = None

    @property
    def perplexity(self):
        """exp of the mean loss."""
        return perplexity(self.loss)

    def bits_per_byte(self, num_bytes):
        """The bits that the model needs to tell the text, for each of its bytes: a figure that vocabularies share.

            loss (nats per token) * tokens / ln 2 / num_bytes

        `num_bytes`: UTF-8 bytes of the text that the counted tokens stand for; see `bytes_of_running_text` and
        `bytes_of_sentences`. Returns a float; infinity if there are none.
        """
        return self.loss * self.tokens / math.log(2) / num_bytes if num_bytes else math.inf


def shares_of_rows(confusion):
    """Counts (C, C) as shares of their row, float64; a row without examples is nan."""
    totals = confusion.sum(axis=1, keepdims=True)
    return np.divide(confusion, totals, out=np.full(confusion.shape, np.nan), where=totals > 0)


def measure_images(model, examples, batch_size=64, k=5):
    """Measure a classifier, float or packed, without dropout and gradients.

    Args:
        model: anything with `logits(images) -> Tensor (B, C)`.
        examples: Examples with a label for each picture.
        batch_size: pictures computed at a time; it does not change the result beyond rounding.
        k: how many guesses count for `top_k`; with few classes one less than there are, since all of them always hit.

    Returns ImageFigures. Raises InputError, InputTypeError if the examples do not suit the model.
    """
    if examples.is_text:
        raise InputError("measure_images expects one label for each example, and got one for each token")
    losses, hits, top_hits = RunningAverage(), RunningAverage(), RunningAverage()
    confusion = None
    with evaluating(model):
        for x, labels in examples.batches(batch_size):
            logits = model.logits(x)
            classes = logits.shape[-1]
            if confusion is None:
                k, confusion = max(1, min(k, classes - 1)), np.zeros((classes, classes), np.int64)
            losses.add(cross_entropy(logits, labels).data, len(labels))
            hits.add(accuracy(logits, labels), len(labels))
            top_hits.add(top_k_accuracy(logits, labels, k), len(labels))
            np.add.at(confusion, (labels, logits.data.argmax(axis=-1)), 1)
    return ImageFigures(losses.mean, hits.mean, k, top_hits.mean, confusion)


def measure_text(model, examples, batch_size=16):
    """Measure a language model, float or packed, without gradients; and, of padded rows, with the padding counted too.

    Counting the padding is what makes figures incomparable: its share of the rows decides what they say. The paper does
    not tell whether its figures count it (errata 3).

    Args:
        model: anything with `logits(ids) -> Tensor (B, T, V)`.
        examples: Examples with a label for each token; those equal to `ignore` are padding.
        batch_size: rows computed at a time; it does not change the result beyond rounding.

    Returns TextFigures. Raises InputError, InputTypeError if the examples do not suit the model.
    """
    if not examples.is_text:
        raise InputError("measure_text expects a label for each token, and got one for each example")
    padding = 0 if examples.ignore is None else int((examples.labels == examples.ignore).sum())
    whole_rows = dataclasses.replace(examples, by_length=False)  # the padding that is cut off shall be counted
    kept, padded = (RunningAverage(), RunningAverage()), (RunningAverage(), RunningAverage())
    with evaluating(model):
        for ids, labels in (whole_rows if padding else examples).batches(batch_size):
            logits = model.logits(ids)
            _add(kept, logits, labels, examples.ignore)
            if padding:
                _add(padded, logits, labels, None)
    with_padding = _text_figures(padded) if padding else None
    return dataclasses.replace(_text_figures(kept), padded=with_padding)


def _add(averages, logits, labels, ignore):
    count = labels.size if ignore is None else int(np.count_nonzero(labels != ignore))
    losses, hits = averages
    losses.add(cross_entropy(logits, labels, ignore=ignore).data, count)
    hits.add(accuracy(logits, labels, ignore), count)


def _text_figures(averages):
    losses, hits = averages
    return TextFigures(losses.mean, hits.mean, losses.count)


def bytes_of_running_text(text, wordpiece, length):
    """The bytes of running text that its tokens after the first stand for, as `running_rows` makes targets of them.

    Each token stands for the UTF-8 bytes of the text, as it is written, from the end of the token before it to its own
    end: the space before a word is the word's. The first token is given and not predicted, and up to `length - 1` at
    the end are left over by `running_rows`; their bytes do not count. A word that became [UNK] counts no bytes, though
    its bits count: otherwise a vocabulary that knows no word at all would need no bits. Capitals and accents are bytes
    of the text that the model, whose vocabulary has none, need not tell: compare with models of such vocabularies.

    `text`: str. `wordpiece`: WordPiece. `length`: T. Returns (bytes, how many of the targets are [UNK]), two int.
    """
    ids, sizes = _token_bytes(text, wordpiece)
    targets = slice(1, 1 + (len(ids) - 1) // length * length)
    return _known_bytes(ids[targets], sizes[targets], wordpiece)


def bytes_of_sentences(texts, wordpiece, length):
    """The same for sentences as `padded_sentences` makes rows of them.

    The first token counts, since it is predicted from [CLS]. A sentence of more than `length - 1` tokens counts up to
    where it is cut. The bits for [SEP], that the sentence ends here, count, and it stands for no byte.

    `texts`: list of str. `wordpiece`: WordPiece. `length`: T. Returns (bytes, how many of the targets are [UNK]).
    """
    found = [_token_bytes(text, wordpiece) for text in texts]
    counts = [_known_bytes(ids[: length - 1], sizes[: length - 1], wordpiece) for ids, sizes in found]
    return sum(bytes_ for bytes_, _ in counts), sum(unknown for _, unknown in counts)


def _token_bytes(text, wordpiece):
    """(ids, UTF-8 bytes from the end of the token before to the end of each), two integer arrays (n,)."""
    ids, offsets = wordpiece.encode_with_offsets(text)
    code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    widths = 1 + (code_points > 0x7F) + (code_points > 0x7FF) + (code_points > 0xFFFF)
    ends_of_characters = np.concatenate([[0], np.cumsum(widths)])
    ends = ends_of_characters[np.array([end for _, end in offsets], np.int64)]
    return np.array(ids, np.int64), np.diff(ends, prepend=0)


def _known_bytes(ids, sizes, wordpiece):
    unknown = ids == wordpiece.unknown_id
    return int(sizes[~unknown].sum()), int(unknown.sum())
