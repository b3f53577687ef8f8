"""A whole run in one call: data and a configuration in, a trained model and its history out."""

import hashlib
from dataclasses import dataclass

import numpy as np

from minibnn.data import random_flips, sentence_rows, to_float, token_blocks
from minibnn.errors import InputError
from minibnn.models.image_classifier import SMALLEST_IMAGE
from minibnn.training.config import Config
from minibnn.training.examples import Examples
from minibnn.training.loop import fit
from minibnn.training.optimizers import SGD, Adam, AdamW
from minibnn.training.schedules import WarmupDecay
from minibnn.training.state import TrainingState


@dataclass
class Run:
    """A model in training: what `Run.fit` needs, and what it leaves.

    `config`: Config. `state`: TrainingState, which holds the model, the optimizer and the history. `train`,
    `validation`: Examples. `class_names`: tuple of str, of an image run; else None. `wordpiece`: WordPiece, of a text
    run; else None.
    """

    config: Config
    state: TrainingState
    train: Examples
    validation: Examples
    class_names: tuple | None = None
    wordpiece: object = None

    @property
    def model(self):
        """The model: BCVNN, BLM or a twin."""
        return self.state.model

    @property
    def optimizer(self):
        """The optimizer."""
        return self.state.optimizer

    @property
    def history(self):
        """The records of the epochs so far; see `fit`."""
        return self.state.history

    def fit(self, *, report=None, max_steps=None, progress=True, after_step=None):
        """Train to the end, or `max_steps` if that is less, from where the state is; return the history. See `fit`."""
        config = self.config.train
        flips = self.config.kind == "image" and self.config.data.flips
        return fit(
            self.model,
            self.train,
            self.validation,
            optimizer=self.optimizer,
            epochs=config.epochs,
            seed=self.config.seed,
            batch_size=config.batch_size,
            schedule=self.schedule(),
            augment=random_flips if flips else None,
            report=report,
            max_steps=min(self.last_step(), max_steps or self.last_step()),
            progress=progress,
            state=self.state,
            after_step=after_step,
        )

    def schedule(self):
        """The learning rate of each step.

        The paper does not give the shape of the decay (errata 9); the default, a cosine to 0 over the steps of all
        epochs, needs no tuning.
        """
        config = self.config.train
        rest = max(1, self.last_step_of_all_epochs() - config.warmup_steps)
        return WarmupDecay(config.lr, config.warmup_steps, config.decay_steps or rest, config.decay, config.floor)

    def last_step(self):
        """How many steps the whole run has."""
        steps = self.last_step_of_all_epochs()
        return min(steps, self.config.train.max_steps or steps)

    def last_step_of_all_epochs(self):
        """How many steps its epochs have, whatever max_steps is."""
        return self.config.train.epochs * self.train.num_batches(self.config.train.batch_size)

    def data_facts(self):
        """What identifies its data, as JSON can hold it: how many examples, their labels in sum, and their names."""
        digest = hashlib.sha256()
        for part in (self.train, self.validation):
            digest.update(np.ascontiguousarray(part.labels))
        facts = {"training": len(self.train), "validation": len(self.validation), "labels": digest.hexdigest()}
        if self.class_names is not None:
            return facts | {"class_names": list(self.class_names)}
        return facts | {"vocabulary": hashlib.sha256("\n".join(self.wordpiece.tokens).encode()).hexdigest()}


def image_run(train, validation, config):
    """A BCVNN, or its 32-bit twin, about to learn to tell classes of pictures apart.

    Args:
        train, validation: ImageSet with the same classes.
        config: Config of kind "image"; of its `data`, only `flips` matters here. The same seed gives the same run, on
            the same machine with the same library versions and as many threads (matrix products add up in another
            order with more).

    Returns a Run. Raises InputError if the pictures are too small, or the classes too few or different.
    """
    _check_kind(config, "image")
    if train.images.shape[1] < SMALLEST_IMAGE:
        side = train.images.shape[1]
        raise InputError(f"image_size must be at least {SMALLEST_IMAGE} (four times halved, one pixel), and is {side}")
    if len(train.class_names) < 2:
        raise InputError(f"a classifier needs at least two classes to tell apart, and got {train.class_names}")
    if train.class_names != validation.class_names:
        raise InputError(f"training and validation classes differ: {train.class_names}, {validation.class_names}")
    model = config.build(len(train.class_names))
    examples = [Examples(pictures.images, pictures.labels, to_float) for pictures in (train, validation)]
    return Run(config, _state(model, config), *examples, class_names=tuple(train.class_names))


def text_run(train_rows, validation_rows, wordpiece, config):
    """A BLM, or its 32-bit twin, about to learn to predict the next token.

    Args:
        train_rows, validation_rows: ids (N, T + 1) from `running_rows` or `padded_sentences`; padding does not count
            (unless the configuration wants it), and rows that are padded are taken by length, so that little time goes
            into it.
        wordpiece: their WordPiece.
        config: Config of kind "text"; of its `data`, only `count_padding` matters here. Seed: see `image_run`.

    Returns a Run.
    """
    _check_kind(config, "text")
    model = config.build(len(wordpiece))
    ignore = None if config.data.count_padding else wordpiece.pad_id
    examples = []
    for rows in (train_rows, validation_rows):
        # What is cut off must not be seen: with the mask that the paper prints, it would be.
        is_padded = ignore is not None and bool((rows == ignore).any())
        by_length = is_padded and model.hides_later_tokens
        examples.append(Examples(rows[:, :-1], rows[:, 1:], ignore=ignore, by_length=by_length))
    return Run(config, _state(model, config), *examples, wordpiece=wordpiece)


def _check_kind(config, kind):
    if not isinstance(config, Config) or config.kind != kind:
        raise InputError(
            f"expected a configuration of {kind} runs, such as configuration({kind!r}, 'tiny'), got {config!r}"
        )


def _state(model, config):
    return TrainingState(model, _optimizer(model.parameters(), config.train))


def _optimizer(parameters, config):
    betas = (config.beta1, config.beta2)
    if config.optimizer == "adam":
        return Adam(parameters, config.lr, betas, config.adam_epsilon)
    if config.optimizer == "adamw":
        return AdamW(parameters, config.lr, betas, config.adam_epsilon, config.weight_decay)
    return SGD(parameters, config.lr, config.momentum)


def running_rows(text, wordpiece, length):
    """Running text (str) as rows of length + 1 ids, cut wherever a row is full."""
    return token_blocks(wordpiece.encode(text), length)


def padded_sentences(texts, wordpiece, length):
    """Sentences (list of str) as rows of length + 1 ids: [CLS] sentence [SEP] [PAD] ..., the paper's way."""
    ids = [ids for ids in wordpiece.encode_batch(texts) if ids]
    return sentence_rows(ids, length, wordpiece.pad_id, wordpiece.cls_id, wordpiece.sep_id)
