"""A whole run in one call: data and a preset in, a trained model and its history out."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from minibnn.data import random_flips, sentence_rows, to_float, token_blocks
from minibnn.errors import InputError
from minibnn.models.image_classifier import SMALLEST_IMAGE
from minibnn.training.examples import Examples
from minibnn.training.loop import fit
from minibnn.training.optimizers import Adam, AdamW
from minibnn.training.schedules import WarmupDecay


@dataclass
class Run:
    """A model in training: what `Run.fit` needs, and what it leaves.

    `model`: the model. `train`, `validation`: Examples. `preset`: ImagePreset or TextPreset with the recipe (epochs,
    batch_size, lr, warmup_steps). `optimizer`: Adam for images, AdamW for text, as in the paper. `rng`: the generator
    that made the model and then shuffles and augments. `augment`: see `Examples.batches`. `history`: the records.
    `config`: dict, what config.json must hold for `load_run` to build the model again (see `RunFolder`).
    """

    model: object
    train: Examples
    validation: Examples
    preset: object
    optimizer: object
    rng: np.random.Generator
    augment: object = None
    history: list = dataclasses.field(default_factory=list)
    config: dict = dataclasses.field(default_factory=dict)

    def fit(self, *, report=None, max_steps=None, progress=True):
        """Train to the end of the preset's epochs (or `max_steps`); return the history."""
        recipe = self.preset
        steps = recipe.epochs * self.train.num_batches(recipe.batch_size)
        # The paper does not give the shape of the decay (errata 9); a cosine to 0 over the whole run needs no tuning.
        schedule = WarmupDecay(recipe.lr, recipe.warmup_steps, max(1, steps - recipe.warmup_steps), "cosine")
        return fit(
            self.model,
            self.train,
            self.validation,
            optimizer=self.optimizer,
            epochs=recipe.epochs,
            rng=self.rng,
            batch_size=recipe.batch_size,
            schedule=schedule,
            augment=self.augment,
            report=report,
            history=self.history,
            max_steps=max_steps,
            progress=progress,
        )


def image_run(train, validation, preset, *, standard=False, seed=0, **twin_options):
    """A BCVNN, or its 32-bit twin, about to learn to tell classes of pictures apart.

    `train`, `validation`: ImageSet with the same classes. `preset`: ImagePreset. `standard`: build the twin;
    `twin_options`: its `normalize` and `dropout`. `seed`: int; the same seed gives the same run, on the same machine
    with the same library versions and as many threads (matrix products add up in another order with more).
    """
    if train.images.shape[1] < SMALLEST_IMAGE:
        side = train.images.shape[1]
        raise InputError(f"image_size must be at least {SMALLEST_IMAGE} (four times halved, one pixel), and is {side}")
    if len(train.class_names) < 2:
        raise InputError(f"a classifier needs at least two classes to tell apart, and got {train.class_names}")
    if train.class_names != validation.class_names:
        raise InputError(f"training and validation classes differ: {train.class_names}, {validation.class_names}")
    if standard and not twin_options.get("normalize"):
        preset = dataclasses.replace(preset, lr=preset.standard_lr)
    rng = np.random.default_rng(seed)
    model = preset.build(len(train.class_names), standard=standard, rng=rng, **twin_options)
    examples = [Examples(pictures.images, pictures.labels, to_float) for pictures in (train, validation)]
    config = _config("image", preset, standard, twin_options) | {"class_names": list(train.class_names)}
    optimizer = Adam(model.parameters(), preset.lr)
    return Run(model, *examples, preset, optimizer, rng, augment=random_flips, config=config)


def text_run(train_rows, validation_rows, wordpiece, preset, *, standard=False, seed=0, **model_options):
    """A BLM, or its 32-bit twin, about to learn to predict the next token.

    `train_rows`, `validation_rows`: ids (N, T + 1) from `running_rows` or `padded_sentences`; padding does not count,
    and rows that are padded are taken by length, so that little time goes into it.
    `wordpiece`: their WordPiece. `preset`: TextPreset. `standard`: build the twin; `model_options`: `mask_value`.
    `seed`: int; the same seed gives the same run (see `image_run`).
    """
    if standard:
        preset = dataclasses.replace(preset, lr=preset.standard_lr)
    rng = np.random.default_rng(seed)
    model = preset.build(len(wordpiece), standard=standard, rng=rng, **model_options)
    examples = []
    for rows in (train_rows, validation_rows):
        # What is cut off must not be seen: with the mask that the paper prints, it would be.
        by_length = bool((rows == wordpiece.pad_id).any()) and model.hides_later_tokens
        examples.append(Examples(rows[:, :-1], rows[:, 1:], ignore=wordpiece.pad_id, by_length=by_length))
    config = _config("text", preset, standard, model_options)
    return Run(model, *examples, preset, AdamW(model.parameters(), preset.lr), rng, config=config)


def _config(kind, preset, standard, model_options):
    return {
        "kind": kind,
        "standard": bool(standard),
        "preset": dataclasses.asdict(preset),
        "model_options": model_options,
    }


def running_rows(text, wordpiece, length):
    """Running text (str) as rows of length + 1 ids, cut wherever a row is full."""
    return token_blocks(wordpiece.encode(text), length)


def padded_sentences(texts, wordpiece, length):
    """Sentences (list of str) as rows of length + 1 ids: [CLS] sentence [SEP] [PAD] ..., the paper's way."""
    ids = [ids for ids in wordpiece.encode_batch(texts) if ids]
    return sentence_rows(ids, length, wordpiece.pad_id, wordpiece.cls_id, wordpiece.sep_id)
