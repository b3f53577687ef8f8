"""Runs as a list shows them: what each was, how far it came, what it reached; read without building the models."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from minibnn.errors import InputError
from minibnn.files import readable
from minibnn.training.checkpoints import saved_steps
from minibnn.training.config import Config, read_config
from minibnn.training.progress import read_metrics
from minibnn.training.run_folder import CONFIG, METRICS, PACKED, check_is_run

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True)
class RunSummary:
    """What a list of runs tells of one.

    `path`: its folder. `config`: Config. `history`: its records, one an epoch. `parameters`: how many the model has.
    `packed_bytes`: size of its packed file, or None. `step`: the last that a record or a checkpoint tells of.
    `state`: "finished", "stopped", or "in training", where a process holds the folder. `last_step`: how many steps the
    whole run has, or None where about.json does not tell.
    """

    path: Path
    config: Config
    history: list
    parameters: int
    packed_bytes: int | None
    step: int
    state: str
    last_step: int | None = None

    @property
    def awaits_evaluation(self):
        """Whether it stopped when all steps were done, and the last epoch was not evaluated and recorded."""
        return self.state == "stopped" and self.last_step is not None and self.step >= self.last_step

    @property
    def metric(self):
        """The figure by which runs of its kind are compared: "accuracy" or "perplexity"."""
        return "accuracy" if self.config.kind == "image" else "perplexity"

    @property
    def epoch(self):
        """The last recorded epoch (int); 0 before the first."""
        return self.history[-1]["epoch"] if self.history else 0

    @property
    def best(self):
        """The record with the best validation figure, the first of equals; None where no record has one."""
        key = f"val_{self.metric}"
        records = [record for record in self.history if record.get(key) is not None]
        choose = max if self.metric == "accuracy" else min
        return choose(records, key=lambda record: record[key]) if records else None

    @property
    def weight_bytes(self):
        """Bytes that its parameters need after training: a bit each, or four bytes each in the 32-bit twin."""
        return 4 * self.parameters if self.config.standard else -(-self.parameters // 8)


def run_summary(path):
    """The RunSummary of the run in the folder `path`.

    Raises InputError if there is none, or its configuration, records or about.json are missing or damaged.
    """
    path = Path(path)
    check_is_run(path)
    config = read_config(path / CONFIG)
    history = _records(path / METRICS)
    step = max([record["step"] for record in history[-1:]] + list(saved_steps(path)), default=0)
    packed = path / PACKED
    packed_bytes = packed.stat().st_size if packed.is_file() else None
    parameters, examples = _facts(path)
    state, last_step = _state(path, config, history), _last_step(config, examples)
    return RunSummary(path, config, history, parameters, packed_bytes, step, state, last_step)


def find_runs(folder):
    """The folders of runs in `folder` and two levels below it, sorted. Raises InputError if there is no such folder."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; minibnn train makes runs/ with its first run")
    with readable(folder):
        found = {path.parent for pattern in ("", "*/", "*/*/") for path in folder.glob(f"{pattern}{CONFIG}")}
    return sorted(found)


def _records(path):
    """The records of metrics.jsonl, none before the first epoch; each must tell its epoch and step."""
    records = read_metrics(path) if path.exists() else []
    for number, record in enumerate(records, start=1):
        for key in ("epoch", "step"):
            if type(record.get(key)) is not int:
                raise InputError(f"line {number} of {path} has no whole number {key!r}: it is damaged")
        for key, value in record.items():
            if not isinstance(value, (int, float, type(None))):
                raise InputError(f"line {number} of {path}: {key!r} must be a number, and is {value!r:.40}")
    return records


def _facts(path):
    """(how many parameters the model has, and how many training examples there are or None), from about.json."""
    about = path / "about.json"
    try:
        with readable(about):
            facts = json.loads(about.read_text(encoding="utf-8"))
        count, data = facts["parameters"], facts.get("data")
        examples = data.get("training") if isinstance(data, dict) else None
        if type(count) is int and count > 0:
            return count, examples if type(examples) is int and examples > 0 else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
    raise InputError(f"{about} does not say how many parameters the model has: it is damaged")


def _last_step(config, examples):
    """How many steps a run has, by its configuration and the number of its training examples; see `Run.last_step`."""
    train = config.train
    if examples is None:
        return train.max_steps or None
    steps = train.epochs * -(-examples // train.batch_size)
    return min(steps, train.max_steps or steps)


def _state(path, config, history):
    if _is_held(path):
        return "in training"
    train, last = config.train, history[-1] if history else {"epoch": 0, "step": 0}
    # A last step that has a checkpoint and no record is not evaluated yet.
    return "finished" if last["epoch"] >= train.epochs or 0 < train.max_steps <= last["step"] else "stopped"


def _is_held(path):
    """Whether a process trains the run: it then holds a lock on the folder."""
    if fcntl is None:
        return False
    folder = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # folders cannot be locked here
        return False
    finally:
        os.close(folder)  # and with it the lock
    return False
