"""What is measured beside the loss: accuracy, perplexity, and how many bits change.

All figures here are plain floats, computed outside the graph of derivatives.
"""

import math
from numbers import Integral

import numpy as np

from minibnn.autograd.straight_through import bits_of
from minibnn.errors import InputError, InputTypeError
from minibnn.training.losses import check_labels


def accuracy(logits, labels, ignore=None):
    """Share of the counted labels whose class has the largest logit; among equal logits the first one wins.

    Args:
        logits: Tensor or array (..., V).
        labels: integer array (...).
        ignore: labels with this value do not count, or None.

    Returns:
        float from 0 to 1.

    Raises:
        InputTypeError, InputError: as `cross_entropy`.
    """
    logits, labels, kept = _counted(logits, labels, ignore)
    hits = logits.argmax(axis=-1) == labels
    return float(hits.mean() if kept is None else hits[kept].mean())


def top_k_accuracy(logits, labels, k, ignore=None):
    """Share of the counted labels whose class is among the k largest logits; among equal logits the first ones win.

    With k = 1 it is `accuracy`. A logit that is not a number is never a hit.

    Args:
        logits: Tensor or array (..., V).
        labels: integer array (...).
        k: how many guesses count, from 1 to V.
        ignore: labels with this value do not count, or None.

    Returns:
        float from 0 to 1.

    Raises:
        InputTypeError, InputError: as `cross_entropy`, or if k is out of range.
    """
    logits, labels, kept = _counted(logits, labels, ignore)
    n_classes = logits.shape[-1]
    if isinstance(k, bool) or not isinstance(k, Integral) or not 1 <= k <= n_classes:
        raise InputError(f"k: expected a whole number from 1 to the {n_classes} classes, got {k!r}")
    if kept is not None:
        logits, labels = logits[kept], labels[kept]
    index = labels[..., None]
    own = np.take_along_axis(logits, index, axis=-1)  # (..., V), (..., 1) -> (..., 1)
    earlier_equal = (logits == own) & (np.arange(n_classes) < index)
    rank = (~(logits <= own) | earlier_equal).sum(axis=-1)  # how many classes come before; nan compares as False
    return float((rank < k).mean())


def perplexity(mean_loss):
    """exp of the mean loss per token: how many equally likely tokens the model is, in effect, choosing from.

    The mean must be over *tokens*, and exp comes last. The mean of exp(loss) over batches is another, larger figure
    (Jensen's inequality), which may be why the paper's Table 5 does not satisfy perplexity = exp(loss) (errata 11).

    Args:
        mean_loss: mean cross entropy per token, in nats.

    Returns:
        float; infinite when exp overflows (a mean loss above 709).
    """
    try:
        return math.exp(mean_loss)
    except OverflowError:
        return math.inf


def unigram_perplexity(train_ids, validation_ids, vocab_size, ignore=None):
    """Perplexity on the validation tokens of a model that only knows how often each token occurs.

    The bar every language model must clear: it ignores the context altogether. The frequencies are smoothed by adding
    one, so that a token never seen in training has a probability:

        p(token) = (count in train + 1) / (number of train tokens + V)

    Args:
        train_ids: integer array of any shape.
        validation_ids: likewise.
        vocab_size: V.
        ignore: ids with this value do not count in either, or None. V stays as it is.

    Returns:
        float, at least 1.

    Raises:
        InputTypeError: if the ids are not integers.
        InputError: if an id is out of range, or no id is left to count.
    """
    train = _checked_ids("train_ids", train_ids, vocab_size, ignore)
    validation = _checked_ids("validation_ids", validation_ids, vocab_size, ignore)
    counts = np.bincount(train, minlength=vocab_size) + 1
    log_p = np.log(counts / counts.sum())
    return perplexity(-log_p[validation].mean())


class RunningAverage:
    """The mean of means: batches of unequal size are weighted by how many labels each holds."""

    def __init__(self):
        self.total = 0.0
        self.count = 0

    def add(self, mean, count):
        """Take in the mean (float) of `count` more items."""
        self.total += float(mean) * count
        self.count += count

    @property
    def mean(self):
        """Mean over all items so far (float); nan before the first."""
        return self.total / self.count if self.count else math.nan


class FlipCounter:
    """Counts which bits of a model change while it trains: the flip ratio.

    An update moves the latent weights a little; a bit changes only when its weight crosses the mean (Eq. 1), or zero,
    where that was chosen. The flip ratio says how alive training is: near 0 the network stands still whatever the loss
    does, and a high ratio late in training means that bits swing to and fro. Because it compares two moments, a bit
    that flips twice in between counts as unchanged.

    The bits of the last call are kept packed, eight to a byte: 0.6 MB for the 5.1 million of the default BCVNN.

    Args:
        model: anything with `named_latent_weights()`, a list of (name, Tensor). The threshold is the mean unless its
            `latent_thresholds()`, which a Module has, names another.

    Source: the flip ratio of the Larq library (there between steps; here between any two calls).
    """

    def __init__(self, model):
        self._model = model
        self._packed = self._pack()

    @property
    def before(self):
        """The bits to compare with, packed: a list of uint8 arrays, one for each latent weight. May be set."""
        return self._packed

    @before.setter
    def before(self, packed):
        self._packed = list(packed)

    def ratio(self):
        """Share of the bits that differ from the last call of `ratio` (at first: from construction), and start anew.

        Returns:
            float from 0 to 1; None for a model without bits (the 32-bit twins).
        """
        packed = self._pack()
        changed = self._compare(packed)
        self._packed = packed
        return changed

    def so_far(self):
        """As `ratio`, without starting anew."""
        return self._compare(self._pack())

    def _pack(self):
        weights = [(name, tensor.data) for name, tensor in self._model.named_latent_weights()]
        thresholds = getattr(self._model, "latent_thresholds", dict)()
        self._num_bits = sum(weight.size for _, weight in weights)
        return [np.packbits(bits_of(weight, thresholds.get(name, "mean")), axis=None) for name, weight in weights]

    def _compare(self, packed):
        if self._num_bits == 0:
            return None
        pairs = zip(self._packed, packed, strict=True)
        return sum(int(np.bitwise_count(old ^ new).sum()) for old, new in pairs) / self._num_bits


def _counted(logits, labels, ignore):
    logits = np.asarray(getattr(logits, "data", logits)) if not isinstance(logits, np.ndarray) else logits
    labels = np.asarray(labels)
    return logits, labels, check_labels(logits, labels, ignore)


def _checked_ids(name, ids, vocab_size, ignore):
    ids = np.asarray(ids).reshape(-1)
    if ids.size and not np.issubdtype(ids.dtype, np.integer):
        raise InputTypeError(f"{name}: expected integers, got dtype {ids.dtype}")
    if ignore is not None:
        ids = ids[ids != ignore]
    if ids.size == 0:
        raise InputError(f"{name}: no token is left to count")
    if ids.min() < 0 or ids.max() >= vocab_size:
        raise InputError(f"{name}: expected ids from 0 to {vocab_size - 1}, got {ids.min()} to {ids.max()}")
    return ids
