"""The loss of both models of the paper: categorical cross entropy."""

import numpy as np

from minibnn.autograd import Tensor, ops
from minibnn.errors import InputError, InputTypeError


def cross_entropy(logits, labels, *, ignore=None):
    """Mean cross entropy, in nats, between the softmax of the logits and the right classes.

        loss = - mean over all counted labels of log softmax(logits)[label]

    It takes logits and not probabilities, because log(softmax(z)) computed in one go neither overflows nor takes the
    logarithm of 0. Chance level is log(V): 4.62 for 101 classes, 10.33 for 30,522 tokens.

    Args:
        logits: Tensor (..., V), float; (B, V) for images, (B, T, V) for text.
        labels: integer array (...), each from 0 to V - 1 or equal to `ignore`.
        ignore: labels with this value are left out of the sum and of the count, and their logits get no gradient. For
            text this is the id of the padding token: counting it changes every figure, and flatters a model that
            has learned it (errata 3).

    Returns:
        Tensor: the loss, shape (), dtype of the logits.

    Raises:
        InputTypeError: if the labels are not integers, or the logits no Tensor.
        InputError: if the shapes do not fit, a label is out of range, or no label is left to count.

    Source: section 3.1 and 4.2 of the paper.
    """
    if not isinstance(logits, Tensor):
        raise InputTypeError(
            f"logits: expected a Tensor (..., V), got {type(logits).__name__}; "
            "pass model.logits(x), or Tensor(array) for an array"
        )
    labels = np.asarray(labels)
    kept = check_labels(logits.data, labels, ignore)
    if kept is None:
        return ops.softmax_cross_entropy(logits, labels).mean()
    losses = ops.softmax_cross_entropy(logits, np.where(kept, labels, 0))  # (..., V), (...) -> (...)
    share = kept.astype(logits.data.dtype) / logits.data.dtype.type(np.count_nonzero(kept))
    return (losses * Tensor(share)).sum()


def check_labels(logits, labels, ignore=None):
    """Check that integer labels (...) fit an array of logits (..., V), and say which of them count.

    Args:
        logits: array (..., V).
        labels: array (...).
        ignore: value of labels that do not count, or None.

    Returns:
        bool array (...), True where a label counts; None where all of them do.

    Raises:
        InputTypeError, InputError: as `cross_entropy`.
    """
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputTypeError(f"labels: expected integers, got dtype {labels.dtype}; class numbers, not one-hot rows")
    if logits.ndim == 0 or logits.shape[:-1] != labels.shape:
        raise InputError(
            f"labels: expected shape {logits.shape[:-1]}, one for each row of logits {logits.shape}, got {labels.shape}"
        )
    if labels.size == 0:
        raise InputError(
            f"the batch is empty: logits {logits.shape}, labels {labels.shape}; there is no mean of nothing"
        )
    kept = None if ignore is None else labels != ignore
    if kept is not None and not kept.any():
        raise InputError(f"all {labels.size} labels equal ignore={ignore!r}: no label is left to average over")
    n_classes = logits.shape[-1]
    wrong = (labels < 0) | (labels >= n_classes)
    if kept is not None:
        wrong &= kept
    if wrong.any():
        position = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = f" at position {list(position)}" if position else ""
        raise InputError(
            f"label {int(labels[position])}{place} is out of range: expected 0 to {n_classes - 1} "
            f"for {n_classes} classes (last axis of logits {logits.shape})"
        )
    return kept if kept is not None and not kept.all() else None
