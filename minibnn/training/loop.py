"""The training loop, one for images and text, for binary networks and their 32-bit twins.

`_train_epoch` is the whole of training: take a batch, compute the loss, propagate it backward, update the latent
weights. The rest of the file measures, reports, and cleans up.
"""

import math
import time
from collections.abc import Callable
from numbers import Integral

import numpy as np

from minibnn.errors import InputError, InputTypeError
from minibnn.layers.module import Module, evaluating
from minibnn.training.examples import Examples
from minibnn.training.losses import cross_entropy
from minibnn.training.memory import keep_freed_memory
from minibnn.training.metrics import FlipCounter, RunningAverage, accuracy, perplexity
from minibnn.training.optimizers import Optimizer
from minibnn.training.progress import ProgressBar


class DivergedError(RuntimeError):
    """The loss is no longer a finite number: training has failed, and going on would not mend it."""


def fit(
    model,
    train,
    validation=None,
    *,
    optimizer,
    epochs,
    rng,
    batch_size=64,
    schedule=None,
    augment=None,
    report=None,
    history=None,
    max_steps=None,
    progress=True,
):
    """Train a model, and evaluate it after every epoch.

    Args:
        model: Module with `logits(x) -> Tensor (..., V)`. A part of it that is not `trainable` stays as it is; if
            nothing is, that is an error. `trainable` is left as it came everywhere, also after an error or Ctrl-C.
        train: Examples to learn from, reshuffled every epoch; the smaller last batch is kept.
        validation: Examples to evaluate on after every epoch, or None.
        optimizer: SGD, Adam or AdamW over `model.parameters()`.
        epochs: how many epochs the run has *in total*, counting those already in `history`.
        rng: numpy.random.Generator for the order of the examples and for `augment`. The same seed, model and data give
            the same run.
        batch_size: examples in a batch. The paper: 64 for images.
        schedule: `schedule(step) -> learning rate`, with the step counted from 0 over the whole run; None keeps
            `optimizer.lr`.
        augment: `augment(inputs, rng) -> inputs`, for training batches only; see `Examples.batches`.
        report: called with the record of each epoch as soon as it is complete, for instance `metrics_writer(path)`.
        history: list of records to go on from and to append to; a new one if None. Pass your own, and after Ctrl-C it
            holds the finished epochs.
        max_steps: stop after so many steps in total; the epoch cut short is evaluated and recorded like the others.
        progress: True shows a progress bar on stderr.

    Returns:
        list of dict, the history: one record an epoch, all values plain numbers:
        `epoch` (from 1), `step` (steps so far), `lr` (of the last step), `train_loss`, `train_accuracy`,
        `val_loss`, `val_accuracy`, `train_perplexity` and `val_perplexity` (text only; exp of the mean loss per token),
        `flip_ratio` (share of bits that differ from those before the epoch; None without bits),
        `examples_per_second` (training only), `seconds` (with evaluation). The `train_` figures are means over the
        epoch's batches as they were met, with dropout on and the weights moving; the `val_` figures are of the model as
        it stands at the end of the epoch.

    Raises:
        DivergedError: if a loss is not finite; names the step and the learning rate, and what to try.
        InputError, InputTypeError: if an argument cannot be used.

    Source: the training recipes of the paper's Tables 1 and 4.
    """
    _check_types(model=model, train=train, validation=validation, optimizer=optimizer, rng=rng)
    _check_types(schedule=schedule, augment=augment, report=report, history=history)
    _check_count("epochs", epochs)
    _check_count("max_steps", 0 if max_steps is None else max_steps)
    history = [] if history is None else history
    keep_freed_memory()
    epoch, step = _end_of(history)
    flips = FlipCounter(model)
    while epoch < epochs and (max_steps is None or step < max_steps):
        epoch, started = epoch + 1, time.perf_counter()
        steps = train.num_batches(batch_size)
        if max_steps is not None:
            steps = min(steps, max_steps - step)
        batches = train.batches(batch_size, rng, augment)
        with ProgressBar(f"epoch {epoch}/{epochs}", steps, flips, enabled=progress) as bar:
            record = _train_epoch(model, train, batches, range(step, step + steps), optimizer, schedule, bar)
            step += steps
            record = {"epoch": epoch, "step": step, **record, "flip_ratio": flips.ratio()}
            if validation is not None:
                found = evaluate(model, validation, batch_size)
                _check_finite(found["loss"], "validation", step - 1, optimizer.lr)
                record |= {f"val_{name}": value for name, value in found.items()}
            bar.finish(record)
        record["seconds"] = time.perf_counter() - started
        history.append(record)
        if report is not None:
            report(record)
    return history


def _train_epoch(model, train, batches, steps, optimizer, schedule, bar):
    """Run the given steps, and return the `train_` figures, the last learning rate, and the speed."""
    losses, accuracies = RunningAverage(), RunningAverage()
    examples, started = 0, time.perf_counter()
    # An overflow shows in the loss, and _check_finite says so once, instead of a page of NumPy warnings.
    with np.errstate(over="ignore", invalid="ignore"):
        for step, (x, labels) in zip(steps, batches, strict=False):  # max_steps may end the epoch early
            if schedule is not None:
                optimizer.lr = schedule(step)
            logits = model.logits(x)
            loss = cross_entropy(logits, labels, ignore=train.ignore)
            _check_finite(float(loss.data), "training", step, optimizer.lr)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

            count = _count(labels, train.ignore)
            losses.add(loss.data, count)
            accuracies.add(accuracy(logits, labels, train.ignore), count)
            examples += len(labels)
            bar.update(losses.mean, accuracies.mean, optimizer.lr, examples)
            del logits, loss  # they hold this step's whole graph; the next step builds its own
    speed = examples / (time.perf_counter() - started)
    found = _figures(losses.mean, accuracies.mean, train.is_text)
    return {"lr": optimizer.lr, **{f"train_{k}": v for k, v in found.items()}, "examples_per_second": speed}


def evaluate(model, examples, batch_size=64):
    """Measure a model on examples, with its bits alone: no dropout, no gradients, nothing shuffled or augmented.

    Args:
        model: as in `fit`, or anything with `logits`. While it is measured, nothing in it is `trainable`.
        examples: Examples; labels equal to `examples.ignore` do not count.
        batch_size: examples computed at a time. It does not change the result beyond rounding: every label counts the
            same, however uneven the batches.

    Returns:
        dict of float: `loss` (nats, the mean over all counted labels), `accuracy`, and for text `perplexity`.

    Raises:
        InputError, InputTypeError: if the examples do not suit the model.
    """
    _check_types(examples=examples)
    losses, accuracies = RunningAverage(), RunningAverage()
    with evaluating(model):
        for x, labels in examples.batches(batch_size):
            logits = model.logits(x)
            count = _count(labels, examples.ignore)
            losses.add(cross_entropy(logits, labels, ignore=examples.ignore).data, count)
            accuracies.add(accuracy(logits, labels, examples.ignore), count)
    return _figures(losses.mean, accuracies.mean, examples.is_text)


def _figures(loss, accuracy, is_text):
    figures = {"loss": loss, "accuracy": accuracy}
    return figures | {"perplexity": perplexity(loss)} if is_text else figures


def _count(labels, ignore):
    return labels.size if ignore is None else int(np.count_nonzero(labels != ignore))


def _check_finite(loss, kind, step, lr):
    if not math.isfinite(loss):
        raise DivergedError(
            f"the {kind} loss is {loss} at step {step} (learning rate {lr:.3g}): training has diverged. "
            "Try a learning rate 3 to 10 times lower, or a longer warm-up (WarmupDecay(peak, warmup_steps, ...)); "
            "at step 0 look at the inputs and the weights instead: one of them is already not finite."
        )


_TYPES = {
    "model": (Module, "a Module such as BCVNN or BLM"),
    "train": (Examples, "Examples(inputs, labels, ...)"),
    "validation": (Examples | None, "Examples(inputs, labels, ...) or None"),
    "examples": (Examples, "Examples(inputs, labels, ...)"),
    "optimizer": (Optimizer, "SGD, Adam or AdamW over model.parameters()"),
    "rng": (np.random.Generator, "a numpy.random.Generator, such as np.random.default_rng(0)"),
    "schedule": (Callable | None, "a function of the step, such as WarmupDecay(...), or None"),
    "augment": (Callable | None, "a function of (inputs, rng), or None"),
    "report": (Callable | None, "a function of a record, such as metrics_writer(path), or None"),
    "history": (list | None, "a list of records, or None"),
}


def _check_types(**arguments):
    for name, value in arguments.items():
        kind, expected = _TYPES[name]
        if not isinstance(value, kind):
            raise InputTypeError(f"{name}: expected {expected}, got {type(value).__name__}")


def _is_count(number):
    return isinstance(number, Integral) and not isinstance(number, bool) and number >= 0


def _check_count(name, number):
    if not _is_count(number):
        raise InputError(f"{name}: expected a whole number >= 0, got {number!r}")


def _end_of(history):
    """The (epoch, step) at which the last record of a history ends; (0, 0) if it has none."""
    last = history[-1] if history else {"epoch": 0, "step": 0}
    if not isinstance(last, dict) or not all(_is_count(last.get(key)) for key in ("epoch", "step")):
        raise InputError(f"history: expected records of fit, with whole numbers 'epoch' and 'step', got {last!r} last")
    return last["epoch"], last["step"]
