"""A data set as training sees it: inputs and labels that are taken out in batches."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from minibnn.data import batches_by_length
from minibnn.errors import InputError, InputTypeError


@dataclass
class Examples:
    """Inputs with their labels; the same for images and for text.

    Args:
        inputs: N inputs: images (N, H, W, C), ids (N, T), or anything else that has a length and takes an integer array
            as index, so that it may be a memory map or read its files when asked.
        labels: integer array (N,) for images, (N, T) for text.
        prepare: turns a batch as stored into what the model takes, for instance uint8 pixels into float32 from -1 to 1;
            None if they are the same. It sees one batch at a time, so that the data can stay small.
        ignore: labels with this value (the padding token) count neither in the loss nor in a metric; None for no such.
        by_length: puts texts of about the same length into a batch, and cuts off the columns that are padding in all of
            them. In a causal model the other tokens' outputs stay the same, since none looks at what comes after it.

    Raises:
        InputTypeError: if the labels are not integers.
        InputError: if there are no examples, inputs and labels are not equally many, some example has no label that
            counts, or there is `by_length` without text whose padding is at the end.
    """

    inputs: Any
    labels: np.ndarray
    prepare: Callable | None = None
    ignore: int | None = None
    by_length: bool = False

    def __post_init__(self):
        self.labels = np.asarray(self.labels)
        if self.labels.ndim == 0 or len(self.labels) == 0:
            raise InputError(f"labels: expected one entry for each of at least one example, got {self.labels.shape}")
        if not np.issubdtype(self.labels.dtype, np.integer):
            raise InputTypeError(f"labels: expected integers, got dtype {self.labels.dtype}")
        if len(self.inputs) != len(self.labels):
            raise InputError(f"expected as many inputs as labels, got {len(self.inputs)} and {len(self.labels)}")
        counts = self.counts()
        if not counts.all():
            raise InputError(
                f"example {int(np.argmin(counts))} has no label that counts (all equal ignore={self.ignore!r}); "
                "leave such examples out"
            )
        if self.by_length and not (self.is_text and self._padding_is_last(counts)):
            raise InputError("by_length is for text with its padding (labels equal to ignore) at the end of each row")

    def __len__(self):
        return len(self.labels)

    @property
    def is_text(self):
        """True if every example has a label for each of its tokens; then perplexity is reported."""
        return self.labels.ndim > 1

    def counts(self, indices=slice(None)):
        """How many labels count in each of the examples at `indices`: an integer array, one entry an example."""
        labels = self.labels[indices]
        kept = np.ones(labels.shape, dtype=bool) if self.ignore is None else labels != self.ignore
        return kept.reshape(len(labels), -1).sum(axis=1)

    def _padding_is_last(self, counts):
        columns = np.arange(self.labels.shape[1])
        return np.array_equal(self.labels != self.ignore, columns < counts[:, None])  # (N, T)

    def batches(self, batch_size, rng=None, augment=None):
        """Yield (inputs, labels) batch by batch, every example once; the last batch may be smaller.

        Args:
            batch_size: examples in a batch, >= 1.
            rng: numpy.random.Generator that shuffles the examples (and serves `augment`); None keeps their order.
            augment: `augment(inputs, rng)` returns changed inputs, for instance mirrored images. It gets the batch as
                stored, before `prepare`. None for no change.

        Raises:
            InputError: if batch_size is no whole number >= 1, or there is an `augment` without an `rng`.
        """
        if augment is not None and rng is None:
            raise InputError("augment needs an rng: pass numpy.random.default_rng(seed)")
        for chosen in self.order(batch_size, rng):
            yield self.batch(chosen, augment, rng)

    def batch(self, chosen, augment=None, rng=None):
        """One batch, (inputs, labels): the examples at the indices `chosen`; `augment` and `rng` as in `batches`."""
        inputs, labels = self.inputs[chosen], self.labels[chosen]
        if self.by_length:
            longest = self.counts(chosen).max()
            inputs, labels = inputs[:, :longest], labels[:, :longest]  # (B, T) -> (B, longest)
        if augment is not None:
            inputs = augment(inputs, rng)
        if self.prepare is not None:
            inputs = self.prepare(inputs)
        return inputs, labels

    def order(self, batch_size, rng=None):
        """The indices of the examples of each batch, a list of integer arrays; shuffled by `rng`, if there is one.

        Raises InputError if batch_size is no whole number >= 1.
        """
        _check_batch_size(batch_size)
        if self.by_length:
            return batches_by_length(self.counts(), batch_size, rng)
        order = np.arange(len(self)) if rng is None else rng.permutation(len(self))
        return [order[start : start + batch_size] for start in range(0, len(self), batch_size)]

    def num_batches(self, batch_size):
        """How many batches `batches(batch_size)` yields."""
        _check_batch_size(batch_size)
        return -(-len(self) // batch_size)


def _check_batch_size(batch_size):
    if isinstance(batch_size, bool) or not isinstance(batch_size, Integral) or batch_size < 1:
        raise InputError(f"batch_size: expected a whole number >= 1, got {batch_size!r}")
