"""The training loop, one for images and text, for binary networks and their 32-bit twins.

`_train_epoch` is the whole of training: take a batch, compute the loss, propagate it backward, update the latent
weights. The rest of the file measures, reports, and cleans up.
"""

import math
from collections.abc import Callable
from numbers import Integral

import numpy as np

from minibnn.errors import InputError, InputTypeError
from minibnn.layers.module import Module, evaluating
from minibnn.training.examples import Examples
from minibnn.training.interrupt import unbroken
from minibnn.training.losses import cross_entropy
from minibnn.training.memory import keep_freed_memory
from minibnn.training.metrics import RunningAverage, accuracy, perplexity
from minibnn.training.optimizers import Optimizer
from minibnn.training.progress import ProgressBar, Stopwatch
from minibnn.training.state import TrainingState

ORDER, AUGMENT = 1_001, 1_002  # what a generator is for; the weights' own have small numbers


class DivergedError(RuntimeError):
    """The loss is no longer a finite number: training has failed, and going on would not mend it."""


def fit(
    model,
    train,
    validation=None,
    *,
    optimizer,
    epochs,
    seed=0,
    batch_size=64,
    schedule=None,
    augment=None,
    report=None,
    history=None,
    max_steps=None,
    progress=True,
    state=None,
    after_step=None,
):
    """Train a model, and evaluate it after every epoch.

    Args:
        model: Module with `logits(x) -> Tensor (..., V)`. A part of it that is not `trainable` stays as it is; if
            nothing is, that is an error. `trainable` is left as it came everywhere, also after an error or Ctrl-C.
        train: Examples to learn from, reshuffled every epoch; the smaller last batch is kept.
        validation: Examples to evaluate on after every epoch, or None.
        optimizer: SGD, Adam or AdamW over `model.parameters()`.
        epochs: how many epochs the run has *in total*, counting those already in `history`.
        seed: whole number >= 0, from which come the order of the examples in each epoch and the generator of `augment`
            in each step. The same seed, model and data give the same run.
        batch_size: examples in a batch. The paper: 64 for images.
        schedule: `schedule(step) -> learning rate`, with the step counted from 0 over the whole run; None keeps
            `optimizer.lr`.
        augment: `augment(inputs, rng) -> inputs`, for training batches only; see `Examples.batch`.
        report: called as soon as an epoch is complete with its record, and with a dict of its times: `epoch`, `step`,
            `seconds` (with evaluation), `examples_per_second` (training only), `waiting` (share of the training time
            in which data was prepared). For instance `metrics_writer(path)`.
        history: list of records to go on from and to append to; a new one if None. Pass your own, and after Ctrl-C it
            holds the finished epochs.
        max_steps: stop after so many steps in total; the epoch cut short is evaluated and recorded like the others.
        progress: True shows a progress bar on stderr.
        state: TrainingState of this model and optimizer to go on from, instead of `history`; it is kept up to date.
            After Ctrl-C it is that of the last whole step, and another `fit` goes on there.
        after_step: called with the TrainingState after every step, for instance to save it.

    Returns:
        list of dict, the history: one record an epoch, all values plain numbers:
        `epoch` (from 1), `step` (steps so far), `lr` (of the last step), `train_loss`, `train_accuracy`,
        `val_loss`, `val_accuracy`, `train_perplexity` and `val_perplexity` (text only; exp of the mean loss per token),
        `flip_ratio` (share of bits that differ from those before the epoch; None without bits). The `train_` figures
        are means over the epoch's batches as they were met, with dropout on and the weights moving; the `val_` figures
        are of the model as it stands at the end of the epoch. There are no times in it, so equal runs have equal ones.

    Raises:
        DivergedError: if a loss is not finite; names the step and the learning rate, and what to try.
        InputError, InputTypeError: if an argument cannot be used.

    Source: the training recipes of the paper's Tables 1 and 4.
    """
    _check_types(model=model, train=train, validation=validation, optimizer=optimizer, after_step=after_step)
    _check_types(schedule=schedule, augment=augment, report=report, history=history, state=state)
    _check_counts(epochs=epochs, seed=seed, max_steps=0 if max_steps is None else max_steps)
    state = TrainingState(model, optimizer, history) if state is None else state
    if state.history and state.history[-1]["epoch"] == state.epoch:
        state.history.pop()  # of an epoch that was cut short, and goes on now
    batches = train.num_batches(batch_size)
    keep_freed_memory()
    while state.epoch <= epochs and (max_steps is None or state.step < max_steps or state.batch):
        watch, first = Stopwatch(), state.batch
        last = batches if max_steps is None else min(batches, max(first, first + max_steps - state.step))
        order = train.order(batch_size, _generator(seed, ORDER, state.epoch))
        with ProgressBar(f"epoch {state.epoch}/{epochs}", first, last, state.flips, enabled=progress) as bar:
            _train_epoch(state, train, order[first:last], schedule, augment, seed, after_step, watch, bar)
            bar.evaluating()
            record = _record(state, train, validation, batch_size)
            times = watch.times(state)
            bar.finish(record, times)
        with unbroken():
            if last == batches:
                state.end_epoch(record)
            else:  # cut short, and not at its end: it may yet go on, and then gets another record
                state.history.append(record)
            if report is not None:
                report(record, times)
        if last < batches:
            break
    return state.history


def _train_epoch(state, train, order, schedule, augment, seed, after_step, watch, bar):
    """Make a step with each batch of `order`, a list of arrays of the examples' indices."""
    model, optimizer = state.model, state.optimizer
    # An overflow shows in the loss, and _check_finite says so once, instead of a page of NumPy warnings.
    with np.errstate(over="ignore", invalid="ignore"):
        for chosen in order:
            with watch.waiting():
                rng = None if augment is None else _generator(seed, AUGMENT, state.step)
                x, labels = train.batch(chosen, augment, rng)
            if schedule is not None:
                optimizer.lr = schedule(state.step)
            logits = model.logits(x)
            loss = cross_entropy(logits, labels, ignore=train.ignore)
            _check_finite(float(loss.data), "training", state.step, optimizer.lr)
            optimizer.zero_grad()
            loss.backward()
            hits, count = accuracy(logits, labels, train.ignore), _count(labels, train.ignore)
            with unbroken():  # Ctrl-C finds the state of before this step or that of after it
                optimizer.step()
                state.count_step(float(loss.data), hits, count)
            watch.count(len(labels))
            bar.update(state.losses.mean, state.accuracies.mean, optimizer.lr, watch.speed)
            del logits, loss  # they hold this step's whole graph; the next step builds its own
            if after_step is not None:
                after_step(state)
    watch.end_training()


def _record(state, train, validation, batch_size):
    """The figures of the epoch so far; see `fit`."""
    trained = _figures(state.losses.mean, state.accuracies.mean, train.is_text)
    record = {"epoch": state.epoch, "step": state.step, "lr": state.optimizer.lr}
    record |= {f"train_{name}": value for name, value in trained.items()} | {"flip_ratio": state.flips.so_far()}
    if validation is not None:
        found = evaluate(state.model, validation, batch_size)
        _check_finite(found["loss"], "validation", state.step - 1, state.optimizer.lr)
        record |= {f"val_{name}": value for name, value in found.items()}
    return record


def _generator(seed, purpose, number):
    """The generator for one purpose in one epoch or step: it needs no state, so that a run can go on anywhere."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, number)))


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
    "schedule": (Callable | None, "a function of the step, such as WarmupDecay(...), or None"),
    "augment": (Callable | None, "a function of (inputs, rng), or None"),
    "report": (Callable | None, "a function of a record and its times, such as metrics_writer(path), or None"),
    "after_step": (Callable | None, "a function of a TrainingState, or None"),
    "history": (list | None, "a list of records, or None"),
    "state": (TrainingState | None, "a TrainingState, or None"),
}


def _check_types(**arguments):
    for name, value in arguments.items():
        kind, expected = _TYPES[name]
        if not isinstance(value, kind):
            raise InputTypeError(f"{name}: expected {expected}, got {type(value).__name__}")


def _check_counts(**numbers):
    for name, number in numbers.items():
        if not isinstance(number, Integral) or isinstance(number, bool) or number < 0:
            raise InputError(f"{name}: expected a whole number >= 0, got {number!r}")
