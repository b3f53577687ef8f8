"""The folder that keeps a run, so that it can be looked at, gone on with, and read again: `RunFolder` and `load_run`.

config.toml                          every choice that was made (`minibnn.training.config`)
about.json                           versions, threads, start, number of parameters, the data
metrics.jsonl                        a record of each epoch, without times: equal runs have equal files
times.jsonl                          how long each epoch took, and waited for its data
vocab.txt                            the vocabulary, of a text run
checkpoints/step-00000400.npz        the last two, to go on from (`minibnn.training.checkpoints`)
checkpoints/best.npz                 the weights of the epoch with the best validation accuracy or perplexity
packed.npz                           the bits of these, of a binary model
curves.png                           the curves, where matplotlib is installed
"""

import json
import os
import platform
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

import minibnn
from minibnn import kernels
from minibnn.data import WordPiece
from minibnn.errors import InputError
from minibnn.files import replacing
from minibnn.layers.module import Module
from minibnn.models.presets import ImagePreset, TextPreset
from minibnn.training.checkpoints import BEST, FOLDER, read_checkpoint, saved_steps, set_weights
from minibnn.training.config import Config, config_text, read_config

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

CONFIG, METRICS, TIMES, VOCABULARY, PACKED = "config.toml", "metrics.jsonl", "times.jsonl", "vocab.txt", "packed.npz"


class RunFolder:
    """The folder of one run, held by this process until `close`, or the end of a `with`.

    `path`: Path of the folder. Made by `create` or `open_again`.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._lock = _hold(self.path)
        remove_drafts(self.path)

    @classmethod
    def create(cls, path, run):
        """A new folder, with its parents, that says what `run` (Run) is.

        Raises InputError when the folder already holds a run or runs, cannot be written, or another process holds it.
        """
        check_is_free(path)
        folder = cls(new_folder(path))
        new_folder(folder.path / FOLDER)
        if run.wordpiece is not None:
            run.wordpiece.save(folder.path / VOCABULARY)
        facts = {"started": time.strftime("%Y-%m-%d %H:%M:%S"), "parameters": run.model.num_parameters()}
        folder.write_text("about.json", json.dumps(facts | versions() | {"data": run.data_facts()}, indent=1) + "\n")
        folder.write_config(run.config)  # last: only with it the folder is one of a run
        return folder

    @classmethod
    def open_again(cls, path):
        """The folder of a run, to go on with it; drafts of a process that was killed are removed.

        Raises InputError if it holds no run, cannot be written, or another process holds it.
        """
        check_is_run(path)
        folder = cls(new_folder(path))
        new_folder(folder.path / FOLDER)
        return folder

    def write_config(self, config):
        """Keep a Config as that of the run."""
        self.write_text(CONFIG, config_text(config))

    def write_text(self, name, text):
        """Write a small text file whole or not at all, and forced to the disk."""
        with replacing(self.path / name) as draft, open(draft, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def close(self):
        """Let go of the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


@dataclass
class LoadedRun:
    """A run as its folder kept it.

    `model`: BCVNN, BLM or a twin, with the saved weights; `trainable`, as a new one. `kind`: "image" or "text".
    `preset`: ImagePreset or TextPreset with the run's sizes and recipe. `class_names`: tuple of str, of an image run;
    else None. `wordpiece`: WordPiece, of a text run; else None. `config`: Config. `checkpoint`: Path that the weights
    are from. `epoch`, `step`: where training was then. `figures`: dict of the validation figures of that epoch, such as
    {"loss": ..., "accuracy": ...}; empty for a checkpoint that is not "best".
    """

    model: Module
    kind: str
    preset: ImagePreset | TextPreset
    class_names: tuple | None
    wordpiece: WordPiece | None
    config: Config
    checkpoint: Path
    epoch: int
    step: int
    figures: dict


def load_run(path, which="best"):
    """Read a run again from its folder, as a LoadedRun.

    Args:
        path: the folder.
        which: "best" for the weights of the best epoch (of the last checkpoint, where no epoch is complete yet), "last"
            for those of the last checkpoint, a step (int) of a checkpoint that is there, or the path of one.

    Raises:
        InputError: if the folder is missing, holds no run or no such checkpoint, or if configuration, vocabulary or
            checkpoint are missing, damaged, or do not fit each other.
    """
    path = Path(path)
    check_is_run(path)
    config = read_config(path / CONFIG)
    checkpoint = find_checkpoint(path, which)
    header, arrays = read_checkpoint(checkpoint, wanted=lambda name: name.startswith("model."))
    wordpiece = WordPiece.from_file(path / VOCABULARY) if config.kind == "text" else None
    class_names = None if wordpiece else _class_names(header, checkpoint)
    with _naming(path / CONFIG):
        model = config.build(len(class_names or wordpiece))
    set_weights(model, {name.removeprefix("model."): array for name, array in arrays.items()}, checkpoint)
    epoch, step, figures = header.get("epoch"), header.get("step"), header.get("figures", {})
    if type(epoch) is not int or type(step) is not int or not isinstance(figures, dict):
        raise InputError(f"cannot use {str(checkpoint)!r}: it does not say of which epoch and step it is; train again")
    return LoadedRun(
        model, config.kind, config.as_preset(), class_names, wordpiece, config, checkpoint, epoch, step, figures
    )


def find_checkpoint(path, which="best"):
    """The Path of a checkpoint of the run in folder `path`; `which` as in `load_run`."""
    steps, best = saved_steps(path), Path(path) / FOLDER / BEST
    if which == "best" and best.exists():
        return best
    if not steps and not best.exists():
        raise InputError(
            f"the run in {path} has no checkpoint, as when it stopped before its first: minibnn train --resume {path}"
        )
    if which in ("best", "last"):
        return list(steps.values())[-1] if steps else best
    if type(which) is int:
        if which in steps:
            return steps[which]
        there = ", ".join(map(str, steps)) or "none but the best"
        raise InputError(f"the run in {path} has no checkpoint of step {which}; it has {there}")
    if not Path(which).is_file():
        raise InputError(f"there is no checkpoint {which}; give 'best', 'last', a step, or the path of a checkpoint")
    return Path(which)


def check_is_run(path):
    """Raise InputError, with what to do instead, unless `path` is a folder with a configuration."""
    path, expected = Path(path), "expected the folder of a run, as minibnn train makes it"
    if not path.is_dir():
        raise InputError(f"{path} is a file; {expected}" if path.exists() else f"there is no folder {path}; {expected}")
    if not (path / CONFIG).exists():
        runs = sorted(str(found.parent) for found in path.glob(f"*/{CONFIG}"))
        hint = f"; there are runs in it: {', '.join(runs[:5])}" if runs else ""
        raise InputError(f"{path} holds no run, because it has no {CONFIG}; {expected}{hint}")


def check_is_free(path):
    """Raise InputError if a new run cannot be kept in the folder `path`; nothing is made or written."""
    path = Path(path)
    if (path / CONFIG).exists():
        raise InputError(
            f"{path} already holds a run; go on with it (minibnn train --resume {path}), or choose another folder"
        )
    if any(path.glob(f"*/{CONFIG}")):
        raise InputError(f"{path} holds runs: choose a new folder in it, such as {path / 'NAME'}")
    there = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise InputError(f"cannot write to the folder {path}: {there} is a file; choose another folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to the folder {path}: {there} is closed to you; choose another folder")


@contextmanager
def _naming(path):
    """Put the name of the file in front of an InputError inside the `with`."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _class_names(header, checkpoint):
    data = header.get("data")
    names = data.get("class_names") if isinstance(data, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"cannot use {str(checkpoint)!r}: it does not name the classes; is it of a text run?")
    return tuple(names)


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


def _hold(path):
    """Lock a folder (an open descriptor) until it is closed, which the system does when a process ends in any way.

    Raises InputError if another process holds it. None where folders cannot be locked: on Windows and some networks.
    """
    if fcntl is None:
        return None
    lock = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise InputError(f"another process is training the run in {path}; wait for its end, or stop it") from None
    except OSError:
        os.close(lock)
        return None
    return lock


def remove_drafts(path):
    """Remove what killed processes left half written in a run's folder: `.NAME.PROCESS.tmp`, if PROCESS is gone."""
    for folder in (path, path / FOLDER):
        for draft in folder.glob(".*.tmp"):
            process = draft.suffixes[-2].removeprefix(".") if len(draft.suffixes) > 1 else draft.stem.removeprefix(".")
            if process.isascii() and process.isdigit() and not _runs(int(process)):
                draft.unlink(missing_ok=True)


def _runs(process):
    """Whether a process of that number runs, other than this one, which has begun no draft yet."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is someone else's
        return True
    return True


def has_matplotlib():
    """Whether the extra `plots` is installed."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def versions():
    """What a run's numbers depend on beside its configuration: versions, threads, and the path of the kernels."""
    threads = {"numba": kernels.num_threads(), "blas": os.environ.get("OPENBLAS_NUM_THREADS") or os.cpu_count()}
    fast = kernels.fast(np.zeros(1, np.float32))
    return {
        "minibnn": minibnn.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": version("numba"),
        "threads": ", ".join(f"{name} {count}" for name, count in threads.items()),
        "kernels": "fast" if fast else "reference",
    }
