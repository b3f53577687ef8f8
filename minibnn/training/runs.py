"""A whole run in one call: data and a preset in, a trained model and its history out; and the folder that keeps it."""

import dataclasses
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import minibnn
from minibnn.data import random_flips, sentence_rows, to_float, token_blocks
from minibnn.errors import InputError
from minibnn.files import replacing
from minibnn.models.image_classifier import SMALLEST_IMAGE
from minibnn.training.curves import save_curves
from minibnn.training.examples import Examples
from minibnn.training.loop import fit
from minibnn.training.optimizers import Adam, AdamW
from minibnn.training.progress import metrics_writer
from minibnn.training.schedules import WarmupDecay
from minibnn.training.weights import save_weights


@dataclass
class Run:
    """A model in training: what `Run.fit` needs, and what it leaves.

    `model`: the model. `train`, `validation`: Examples. `preset`: ImagePreset or TextPreset with the recipe (epochs,
    batch_size, lr, warmup_steps). `optimizer`: Adam for images, AdamW for text, as in the paper. `rng`: the generator
    that made the model and then shuffles and augments. `augment`: see `Examples.batches`. `history`: the records.
    """

    model: object
    train: Examples
    validation: Examples
    preset: object
    optimizer: object
    rng: np.random.Generator
    augment: object = None
    history: list = dataclasses.field(default_factory=list)

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
    if train.class_names != validation.class_names:
        raise InputError(f"training and validation classes differ: {train.class_names}, {validation.class_names}")
    if standard and not twin_options.get("normalize"):
        preset = dataclasses.replace(preset, lr=preset.standard_lr)
    rng = np.random.default_rng(seed)
    model = preset.build(len(train.class_names), standard=standard, rng=rng, **twin_options)
    examples = [Examples(pictures.images, pictures.labels, to_float) for pictures in (train, validation)]
    return Run(model, *examples, preset, Adam(model.parameters(), preset.lr), rng, augment=random_flips)


def text_run(train_rows, validation_rows, wordpiece, preset, *, standard=False, seed=0, **model_options):
    """A BLM, or its 32-bit twin, about to learn to predict the next token.

    `train_rows`, `validation_rows`: ids (N, T + 1) from `running_rows` or `padded_sentences`; padding does not count.
    `wordpiece`: their WordPiece. `preset`: TextPreset. `standard`: build the twin; `model_options`: `mask_value`.
    `seed`: int; the same seed gives the same run (see `image_run`).
    """
    if standard:
        preset = dataclasses.replace(preset, lr=preset.standard_lr)
    rng = np.random.default_rng(seed)
    model = preset.build(len(wordpiece), standard=standard, rng=rng, **model_options)
    examples = [Examples(r[:, :-1], r[:, 1:], ignore=wordpiece.pad_id) for r in (train_rows, validation_rows)]
    return Run(model, *examples, preset, AdamW(model.parameters(), preset.lr), rng)


def running_rows(text, wordpiece, length):
    """Running text (str) as rows of length + 1 ids, cut wherever a row is full."""
    return token_blocks(wordpiece.encode(text), length)


def padded_sentences(texts, wordpiece, length):
    """Sentences (list of str) as rows of length + 1 ids: [CLS] sentence [SEP] [PAD] ..., the paper's way."""
    ids = [ids for ids in wordpiece.encode_batch(texts) if ids]
    return sentence_rows(ids, length, wordpiece.pad_id, wordpiece.cls_id, wordpiece.sep_id)


class RunFolder:
    """Where a run is kept: config.json, metrics.jsonl, weights.npz, curves.png, and for text vocab.txt.

    `path`: the folder; created with its parents. `config`: dict, for config.json, of what JSON can hold.
    Raises InputError when the folder already holds a run, or cannot be written.
    """

    def __init__(self, path, config):
        self.path = new_folder(path)
        if (self.path / "config.json").exists():
            raise InputError(f"{path} already holds a run; choose another folder, or move that one away")
        self.write_text("config.json", json.dumps(config | _versions(), indent=2) + "\n")
        self.report = metrics_writer(self.path / "metrics.jsonl")

    def write_text(self, name, text):
        """Write a small text file whole or not at all."""
        with replacing(self.path / name) as draft:
            draft.write_text(text, encoding="utf-8")

    def save(self, run, title):
        """Write the weights, if a step was taken, and the curves; return the names of the files that are there."""
        if run.optimizer.steps.any():
            save_weights(run.model, self.path / "weights.npz")
        metrics = ("loss", "accuracy", "perplexity") if run.train.is_text else ("loss", "accuracy")
        if run.history and has_matplotlib():
            save_curves({"": run.history}, self.path / "curves.png", title=title, metrics=metrics)
        return sorted(path.name for path in self.path.iterdir() if not path.name.startswith("."))


def new_folder(path):
    """`path` as a Path, created with its parents unless it is there. Raises InputError if files cannot go there."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".{os.getpid()}.tmp"  # now, and not after minutes of training
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"cannot write to the folder {path}: {error.strerror or error}") from None
    return path


def free_folder(path):
    """`path`, or `path`-2, `path`-3, ...: the first that does not hold a run yet."""
    path, number = Path(path), 1
    while (candidate := path if number == 1 else path.with_name(f"{path.name}-{number}")).exists():
        number += 1
    return candidate


def has_matplotlib():
    """Whether the extra `plots` is installed."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def _versions():
    import platform

    return {
        "minibnn": minibnn.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "started": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
