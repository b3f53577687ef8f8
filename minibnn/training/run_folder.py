"""The folder that keeps a run, so that it can be looked at, repeated, and read again: `RunFolder` and `load_run`."""

import dataclasses
import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import minibnn
from minibnn.data import WordPiece
from minibnn.errors import InputError
from minibnn.files import readable, replacing
from minibnn.layers.module import Module
from minibnn.models.presets import ImagePreset, TextPreset
from minibnn.training.curves import save_curves
from minibnn.training.progress import metrics_writer
from minibnn.training.weights import load_weights, save_weights

PRESETS = {"image": ImagePreset, "text": TextPreset}
MODEL_OPTIONS = {"image": {"normalize": bool, "dropout": tuple}, "text": {"mask_value": float}}  # of `preset.build`


class RunFolder:
    """Where a run is kept: config.json, metrics.jsonl, weights.npz, curves.png, and for text vocab.txt.

    `path`: the folder; created with its parents. `config`: dict, for config.json, of what JSON can hold; `load_run`
    needs what `Run.config` has. Raises InputError when the folder already holds a run, or cannot be written.
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


@dataclass
class LoadedRun:
    """A run as its folder kept it.

    `model`: BCVNN, BLM or a twin, with the saved weights; `trainable`, as a new one. `kind`: "image" or "text".
    `preset`: ImagePreset or TextPreset. `class_names`: tuple of str, of an image run; else None. `wordpiece`:
    WordPiece, of a text run; else None. `config`: dict, all of config.json.
    """

    model: Module
    kind: str
    preset: ImagePreset | TextPreset
    class_names: tuple | None
    wordpiece: WordPiece | None
    config: dict


def load_run(path):
    """Read a run again from its folder, as a LoadedRun.

    `path`: a folder that RunFolder wrote with the `config` of a Run. Raises InputError if the folder is missing, holds
    no run or no weights yet, if config.json is no JSON or does not describe a model, and if weights or vocabulary are
    missing, damaged or of another model. What config.json has beside the description of the model is not looked at.
    """
    path = Path(path)
    _check_is_run(path)
    config_path = path / "config.json"
    with _naming(config_path):
        config = _read_json(config_path)
        kind, preset, options = _description(config)
        class_names = _class_names(config) if kind == "image" else None
    wordpiece = WordPiece.from_file(path / "vocab.txt") if kind == "text" else None
    with _naming(config_path):
        model = preset.build(len(class_names or wordpiece), rng=np.random.default_rng(0), **options)
    load_weights(model, path / "weights.npz")
    return LoadedRun(model, kind, preset, class_names, wordpiece, config)


def _check_is_run(path):
    """Raise InputError, with what to do instead, unless `path` is a folder with a configuration and weights."""
    expected = "expected the folder of a run, as minibnn train makes it"
    if not path.is_dir():
        raise InputError(f"{path} is a file; {expected}" if path.exists() else f"there is no folder {path}; {expected}")
    if not (path / "config.json").exists():
        runs = sorted(str(found.parent) for found in path.glob("*/config.json"))
        hint = f"; there are runs in it: {', '.join(runs[:5])}" if runs else ""
        raise InputError(f"{path} holds no run, because it has no config.json; {expected}{hint}")
    if not (path / "weights.npz").exists():
        raise InputError(
            f"the run in {path} has no weights.npz, as when it stopped before its first step: train it again"
        )


@contextmanager
def _naming(path):
    """Put the name of the file in front of an InputError inside the `with`."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read_json(path):
    try:
        with readable(path):
            return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # an InputError is a ValueError, too
        if isinstance(error, InputError):
            raise
        raise InputError(f"it is damaged, no JSON ({error}); train again, or mend it") from None


def _description(config):
    """(kind, preset, options of its `build`) of what config.json holds; raises InputError for what cannot be meant."""
    if not isinstance(config, dict):
        raise InputError(f"it must hold an object, {{...}}, and holds {_short(config)}")
    parts = {"kind": str, "standard": bool, "preset": dict, "model_options": dict}
    kind, standard, preset, options = _typed("", {k: v for k, v in config.items() if k in parts}, parts).values()
    if kind not in PRESETS:
        raise InputError(f"kind must be 'image' or 'text', and is {kind!r}")
    fields = {field.name: field.type for field in dataclasses.fields(PRESETS[kind])}
    preset = PRESETS[kind](**_typed("preset.", preset, fields))
    allowed = MODEL_OPTIONS[kind] if standard or kind == "text" else {}
    options = _typed("model_options.", options, allowed, needed=False)
    return kind, preset, {"standard": standard, **options}


def _class_names(config):
    names = config.get("class_names")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"class_names must be a list of names, at least one, and is {_short(names)}")
    return tuple(names)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# What JSON can hold in the place of a Python type: a check, and what the error calls it.
JSON_KINDS = {
    str: (lambda value: isinstance(value, str), "a text"),
    bool: (lambda value: isinstance(value, bool), "true or false"),
    int: (lambda value: _is_number(value) and isinstance(value, int), "a whole number"),
    float: (_is_number, "a number"),
    tuple: (lambda value: isinstance(value, list) and all(map(_is_number, value)), "a list of numbers"),
    dict: (lambda value: isinstance(value, dict), "an object, {...}"),
}


def _typed(prefix, values, kinds, *, needed=True):
    """`values` (dict) in the order of `kinds` (dict from name to type), lists as tuples.

    Raises InputError for a name that is not in `kinds`, a missing one if all are `needed`, and a value of another type.
    """
    if unknown := [name for name in values if name not in kinds]:
        raise InputError(f"unknown {prefix}{unknown[0]}; {prefix or 'it '}has {', '.join(kinds) or 'nothing here'}")
    typed = {}
    for name, kind in kinds.items():
        if name not in values:
            if needed:
                raise InputError(f"{prefix}{name} is missing; was the run made by another version of minibnn?")
            continue
        fits, expected = JSON_KINDS[kind]
        if not fits(values[name]):
            raise InputError(f"{prefix}{name} must be {expected}, and is {_short(values[name])}")
        typed[name] = tuple(values[name]) if kind is tuple else values[name]
    return typed


def _short(value):
    """A value as JSON shows it, not too much of it."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]} ..."


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
