"""A run's configuration: every choice that changes a result has its name, its default and a line about it, here.

A preset gives the values to start from, a TOML file and single settings, such as "train.lr", change them:

    config = configuration("image", "tiny", {"train.lr": 1e-3, "standard": True})
    config.train.lr, config.model.widths, config.settings()["train.lr"]

Where the paper leaves a choice open, the line says which of its errata (lessons/errata.md) tells of it.
"""

import dataclasses
import difflib
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minibnn.errors import InputError
from minibnn.files import readable
from minibnn.layers.choices import Choices
from minibnn.models.presets import IMAGE_PRESETS, TEXT_PRESETS, preset_named
from minibnn.training.options import (
    ANY_NUMBER,
    FLAG,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    TEXT,
    checked,
    list_of,
    names_or_count,
    one_of,
    option,
    shown,
    whole,
)
from minibnn.training.schedules import SHAPES
from minibnn.training.toml import to_toml

SIZE = whole(1, 1_000_000)
COUNT = whole(0, 2**62)
PRESETS = {"image": IMAGE_PRESETS, "text": TEXT_PRESETS}


@dataclass(frozen=True)
class _Open:
    """What the paper leaves open in both models; see `Choices`."""

    threshold: str = option(
        "mean", "what a latent weight is compared with: its tensor's mean, or zero", one_of("mean", "zero")
    )
    epsilon: float = option(1e-5, "added to the variance inside the root of Normalize (errata 5)", POSITIVE)
    normalize: bool = option(True, "whether the binary layers normalize", FLAG)
    bias: bool = option(True, "whether the layers have biases", FLAG)


@dataclass(frozen=True)
class ImageModel(_Open):
    """Of the classifier, BCVNN; the `twin_` options are for its 32-bit twin."""

    kernel_size: int = option(3, "side of the convolutions' filters", whole(1, 99))
    widths: tuple = option((32, 64, 128, 256, 512), "filters of the five blocks (errata 1)", list_of(5, SIZE))
    units: tuple = option((512, 256), "units of the two hidden fully connected layers", list_of(2, SIZE))
    normalize_over: str = option("channels", "axes of Normalize (errata 4)", one_of("channels", "example"))
    twin_normalize: bool = option(False, "whether the 32-bit twin normalizes (errata 13)", FLAG)
    twin_dropout: tuple = option(
        (0.4, 0.3), "dropout of the 32-bit twin's first two connected layers", list_of(2, SHARE)
    )


@dataclass(frozen=True)
class TextModel(_Open):
    """Of the language model, BLM."""

    max_len: int = option(64, "tokens of a sequence", whole(2, 1_000_000))
    emb_dim: int = option(128, "features of a token", SIZE)
    num_heads: int = option(4, "heads of the attention, a divisor of emb_dim", SIZE)
    mlp_units: tuple = option((256, 128), "units of the two hidden layers of the head", list_of(2, SIZE))
    num_blocks: int = option(2, "transformer blocks", SIZE)
    mask_value: float = option(
        -math.inf, "score of a token that must not be seen; -1e-10 is as printed (errata 2)", ANY_NUMBER
    )


@dataclass(frozen=True)
class ImageData:
    """What a classifier is trained on."""

    folder: str = option("", "Food-101 folder; empty for drawn dishes", TEXT)
    image_size: int = option(64, "pixels of a side", whole(16, 10_000))
    classes: tuple | int = option((), "names of the classes, or the first so many; empty for all", names_or_count())
    per_class: int = option(0, "training pictures per class at most; 0 for all (of drawn dishes 300)", COUNT)
    validation_per_class: int = option(0, "validation pictures per class; 0 for all (of drawn dishes 60)", COUNT)
    flips: bool = option(True, "whether training pictures are mirrored at random", FLAG)


@dataclass(frozen=True)
class TextData:
    """What a language model is trained on."""

    folder: str = option("", "WikiText folder; empty for Python's help texts", TEXT)
    vocab: str = option("", "file of a WordPiece vocabulary; empty to build one from the training text", TEXT)
    vocab_size: int = option(2048, "word pieces of the vocabulary that is built", whole(109, 1_000_000))
    sentences: bool = option(False, "padded sentences, the paper's way, instead of running text", FLAG)
    count_padding: bool = option(False, "whether padding counts in the loss and the figures (errata 3)", FLAG)


@dataclass(frozen=True)
class Training:
    """How a model is trained."""

    epochs: int = option(10, "passes over the training data", whole(1, 10_000_000))
    max_steps: int = option(0, "stop after so many steps; 0 for all epochs", COUNT)
    batch_size: int = option(32, "examples of a step", SIZE)
    optimizer: str = option("adam", "how gradients become changes", one_of("adam", "adamw", "sgd"))
    lr: float = option(1e-3, "highest learning rate", POSITIVE)
    warmup_steps: int = option(20, "steps in which the learning rate climbs", COUNT)
    decay: str = option("cosine", "shape of the learning rate's decay (errata 9)", one_of(*SHAPES))
    decay_steps: int = option(0, "steps of the decay; 0 for those that are left after the warm-up", COUNT)
    floor: float = option(0.0, "lowest learning rate after the warm-up", NOT_NEGATIVE)
    beta1: float = option(0.9, "of adam and adamw: decay of the mean gradient", SHARE)
    beta2: float = option(0.999, "of adam and adamw: decay of the mean squared gradient", SHARE)
    adam_epsilon: float = option(1e-8, "of adam and adamw: added to the root in the denominator", POSITIVE)
    weight_decay: float = option(0.01, "of adamw: share of a weight, times lr, that each step takes away", NOT_NEGATIVE)
    momentum: float = option(0.0, "of sgd: share of the last step that is taken again", SHARE)
    checkpoint_every: int = option(200, "steps between two checkpoints; 0 for one at the end", COUNT)


TABLES = {
    "image": {"model": ImageModel, "data": ImageData, "train": Training},
    "text": {"model": TextModel, "data": TextData, "train": Training},
}
TOP = {
    "seed": (0, "of the weights, the order of the examples and what is drawn", COUNT),
    "standard": (False, "train the 32-bit twin instead", FLAG),
}
BY_KIND = {"image": {}, "text": {"train.optimizer": "adamw"}}  # where the paper's two recipes differ (Tables 1 and 4)


@dataclass(frozen=True)
class Config:
    """All choices of a run: `kind` ("image" or "text"), `preset` (name it began with), `seed`, `standard`, and tables.

    `model`: ImageModel or TextModel. `data`: ImageData or TextData. `train`: Training. Made by `configuration`.
    """

    kind: str
    preset: str
    seed: int
    standard: bool
    model: ImageModel | TextModel
    data: ImageData | TextData
    train: Training

    def settings(self):
        """All choices but kind and preset as a flat dict: {"seed": 0, ..., "model.widths": (...), "train.lr": ...}."""
        flat = {"seed": self.seed, "standard": self.standard}
        for table in TABLES[self.kind]:
            flat |= {f"{table}.{key}": value for key, value in dataclasses.asdict(getattr(self, table)).items()}
        return flat

    def changed(self, settings):
        """Another Config, with some settings (flat dict) changed and all else as it is; raises as `configuration`."""
        return _assembled(self.kind, self.preset, self.settings() | _checked_settings(self.kind, settings))

    def build(self, size, rng=None):
        """The model, or its 32-bit twin, for `size` classes or word pieces. `rng`: for the weights; None: the seed."""
        preset, model = self.as_preset(), self.model
        twin = {"normalize": model.twin_normalize, "dropout": model.twin_dropout} if self._is_image_twin else {}
        options = twin if self.kind == "image" else {"mask_value": model.mask_value}
        choices = Choices(model.threshold, model.epsilon, model.normalize, model.bias)
        rng = np.random.default_rng(self.seed) if rng is None else rng
        return preset.build(size, standard=self.standard, choices=choices, rng=rng, **options)

    def as_preset(self):
        """The sizes and the recipe as an ImagePreset or a TextPreset."""
        kind = type(next(iter(PRESETS[self.kind].values())))
        values = {key.rpartition(".")[2]: value for key, value in self.settings().items()}
        values["standard_lr"] = self.train.lr
        return kind(**{field.name: values[field.name] for field in dataclasses.fields(kind)})

    @property
    def _is_image_twin(self):
        return self.standard and self.kind == "image"

    @property
    def name(self):
        """What distinguishes its model: "binary", "standard" or "standard-normalize"."""
        twin = "standard-normalize" if self._is_image_twin and self.model.twin_normalize else "standard"
        return twin if self.standard else "binary"


def configuration(kind, preset="tiny", settings=None):
    """The configuration that a preset and some settings make.

    Args:
        kind: "image" or "text".
        preset: the name of a preset of that kind.
        settings: flat dict such as {"train.lr": 1e-3, "seed": 1}; later ones of equal names were meant to win already.

    Returns:
        Config. Without a setting "train.lr", a 32-bit twin gets the preset's `standard_lr` (an image twin that
        normalizes the `lr` of the binary model).

    Raises:
        InputError: for an unknown kind, preset or key, with the nearest known name, or a value that cannot be used.
    """
    if not isinstance(kind, str) or kind not in PRESETS:
        raise InputError(f"kind must be 'image' or 'text', and is {shown(kind)}")
    given = _checked_settings(kind, settings or {})
    found = preset_named(preset, PRESETS[kind])
    values = known_options(kind, "default") | _of_preset(kind, found) | given
    if "train.lr" not in given and values["standard"] and not values.get("model.twin_normalize"):
        values["train.lr"] = found.standard_lr
    return _assembled(kind, preset, values)


def read_settings(path):
    """(kind or None, preset or None, settings) of a TOML file. Raises InputError, with the path, if it is none."""
    try:
        with readable(path):
            values = tomllib.loads(Path(path).read_bytes().decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: it is damaged, or no TOML ({error}); mend that line") from None
    kind, preset = (values.pop(name, None) for name in ("kind", "preset"))
    flat = {}
    for key, value in values.items():
        flat |= {f"{key}.{name}": item for name, item in value.items()} if isinstance(value, dict) else {key: value}
    return kind, preset, flat


def read_config(path):
    """The Config that a file such as RUN/config.toml holds. Raises InputError, which names the file."""
    kind, preset, settings = read_settings(path)
    try:
        if kind is None:
            raise InputError("it does not say its kind, 'image' or 'text'")
        return configuration(kind, "tiny" if preset is None else preset, settings)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def parse_setting(text):
    """(key, value) of a text such as "train.lr=1e-3": the value as TOML has it, or else as a text."""
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise InputError(f"expected a setting such as train.lr=1e-3, and got {text!r}")
    try:
        found = tomllib.loads(f"value = {value}")
    except (tomllib.TOMLDecodeError, RecursionError):
        found = {}
    return key.strip(), found["value"] if list(found) == ["value"] else value.strip()


def config_text(config, comments=False):
    """The configuration as TOML, which `read_config` reads; with `comments`, a line about each choice."""
    values = {"kind": config.kind, "preset": config.preset, "seed": config.seed, "standard": config.standard}
    values |= {table: dataclasses.asdict(getattr(config, table)) for table in TABLES[config.kind]}
    return to_toml(values, known_options(config.kind, "about") if comments else None)


def known_options(kind, what):
    """{"table.key": its default, "about" (a line) or "kind" (what it may be)} of all options of "image" or "text"."""
    place = ("default", "about", "kind").index(what)
    found = {key: entry[place] for key, entry in TOP.items()}
    for table, fields in TABLES[kind].items():
        for field in dataclasses.fields(fields):
            found[f"{table}.{field.name}"] = field.default if what == "default" else field.metadata[what]
    return found | (BY_KIND[kind] if what == "default" else {})


def _of_preset(kind, preset):
    """What a preset says, as settings: each of its fields is the option of that name in one of the tables."""
    by_name = {key.rpartition(".")[2]: key for key in known_options(kind, "about")}
    return {by_name[name]: value for name, value in vars(preset).items() if name in by_name}


def _checked_settings(kind, settings):
    kinds = known_options(kind, "kind")
    for key in settings:
        if key not in kinds:
            known = _nearest(str(key), kinds) or f"minibnn train {kind} --options lists all of them"
            raise InputError(f"there is no option {shown(key)} of {kind} runs; {known}")
    return {key: checked(key, value, kinds[key]) for key, value in settings.items()}


def _nearest(key, known):
    """What may have been meant by an unknown key, one of (nearly) that name in any table, as a question; or None."""
    name = key.rpartition(".")[2]
    same_name = [other for other in known if other.rpartition(".")[2] == name]
    near = (
        same_name
        or difflib.get_close_matches(key, known, 1)
        or [other for other in known if difflib.get_close_matches(name, [other.rpartition(".")[2]], 1)]
    )
    return f"did you mean {near[0]}?" if near else None


def _assembled(kind, preset, values):
    tables = {
        table: fields(**{field.name: values[f"{table}.{field.name}"] for field in dataclasses.fields(fields)})
        for table, fields in TABLES[kind].items()
    }
    config = Config(kind, preset, values["seed"], values["standard"], **tables)
    _check_together(config)
    return config


def _check_together(config):
    """Raise InputError for choices that exclude each other."""
    train, model = config.train, config.model
    if config.kind == "text":
        _check_heads(model.num_heads, model.emb_dim)
    if train.floor > train.lr:
        raise InputError(f"train.floor must be at most train.lr, {train.lr:g}, and is {train.floor:g}")
    if train.decay == "exponential" and train.floor == 0:
        raise InputError("an exponential decay never reaches 0: give train.floor, for instance a hundredth of train.lr")
    if config.standard and (model.threshold != "mean" or not model.normalize):
        raise InputError(
            "model.threshold and model.normalize are of binary layers: leave them out with standard = true"
        )
    if config.kind == "image" and model.twin_normalize and not config.standard:
        raise InputError(
            "model.twin_normalize is of the 32-bit twin: use it with standard = true (bits have model.normalize)"
        )


def _check_heads(heads, width):
    """Raise InputError, with the nearest that do, unless so many heads divide the width of a token."""
    if width % heads:
        divisors = [count for count in range(1, width + 1) if width % count == 0]
        near = [max(n for n in divisors if n < heads), *(n for n in divisors if n > heads)][:2]
        raise InputError(
            f"model.num_heads must divide model.emb_dim, and {heads} does not divide {width}: take "
            + " or ".join(map(str, near))
        )
