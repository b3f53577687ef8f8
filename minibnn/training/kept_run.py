"""A run that is trained in its folder: checkpoints, metrics and the bits of the best epoch are kept as it goes.

After a stop of any kind, `KeptRun.restore` goes back to the last checkpoint, and what is then trained and written is,
byte for byte, what it would have been without the stop (except for times), on the same machine with as many threads.
"""

import hashlib
import json
import math
import os
import shlex
from contextlib import contextmanager

from minibnn.bits import pack, save_packed
from minibnn.errors import InputError
from minibnn.files import replacing, writing
from minibnn.training.checkpoints import (
    BEST,
    FOLDER,
    MEND,
    STEP,
    read_checkpoint,
    save_weights,
    saved_steps,
    write_checkpoint,
)
from minibnn.training.curves import drawable_metrics, save_curves
from minibnn.training.interrupt import CtrlC, unbroken
from minibnn.training.options import shown
from minibnn.training.progress import line_of, read_metrics
from minibnn.training.run_folder import CONFIG, METRICS, PACKED, TIMES, find_checkpoint, has_matplotlib, versions

KEPT_STEPS = 2
# What may change while a run stands still: where its data are, how far it goes, how often it is saved.
FREE = ("data.folder", "data.vocab", "train.max_steps", "train.checkpoint_every")


class KeptRun:
    """A Run and the RunFolder that keeps it.

    `notes`: list of str, what a user should know that is no error. `finished`: whether `restore` found a run that was
    trained and evaluated to its end: then `train` does nothing.
    """

    def __init__(self, run, folder):
        self.run, self.folder, self.notes, self.finished = run, folder, [], False
        self._metrics, self._times = MetricsFile(folder.path / METRICS), folder.path / TIMES
        self._data, self._versions = run.data_facts(), versions()
        self._saved_step, self._best = None, None
        self._metric = "perplexity" if run.train.is_text else "accuracy"
        self._ctrl_c = CtrlC()

    def restore(self, from_step=None):
        """Go back to the last checkpoint, or to the beginning if there is none.

        `from_step`: int, the step of an earlier checkpoint to go back to, or 0 for the beginning; what was kept of
        later steps is removed, and trained again to the same numbers.

        Raises InputError if there is no such checkpoint, or it is damaged, of other data, of another configuration or
        model, or beyond the last step, or if the metrics up to it are gone; no file is changed then.
        """
        steps, later = self._steps(from_step)
        if steps:
            *earlier, (self._saved_step, path) = steps.items()
            with self._or_go_back(path, [step for step, _ in earlier]):
                header, arrays = read_checkpoint(path)
            self._check_data(header, path)
            self._check_config(header, path)
            self.run.state.load(header, arrays, path)
            self._check_last_step(path)
            self._note_versions(header)
            mark = header.get("metrics")
            self._metrics.check(mark)
            self.finished = self._is_finished()
        else:
            mark = {"bytes": 0, "sha256": hashlib.sha256().hexdigest()}
        with self._told():
            for file in later:
                file.unlink(missing_ok=True)
        if not self.finished:
            self._metrics.cut(mark)
        history = read_metrics(self._metrics.path) if self._metrics.size or self.finished else []
        self.run.history[:] = history
        if self.finished:
            return
        self._cut_times(len(history))
        if (self.folder.path / FOLDER / BEST).exists():
            for record in history:
                self._is_best(record)

    def _steps(self, from_step):
        """({step: path} of the checkpoints up to `from_step`, the paths of later ones); None stands for the last."""
        steps = saved_steps(self.folder.path)
        if from_step:
            find_checkpoint(self.folder.path, from_step)
        last = max(steps, default=0) if from_step is None else from_step
        kept = {step: path for step, path in steps.items() if step <= last}
        return kept, [path for step, path in steps.items() if step > last]

    @contextmanager
    def _or_go_back(self, path, earlier):
        """Add to the error of a checkpoint that cannot be read how to go on from the one before; `earlier`: steps."""
        try:
            yield
        except InputError as error:
            step = earlier[-1] if earlier else 0
            place = f"step {step}" if step else "its beginning"
            removed = ", ".join(file.name for file in self._steps(step)[1])
            raise InputError(
                f"{str(error).removesuffix(f'; {MEND}')}; to go on from {place}: minibnn train --resume "
                f"{shlex.quote(str(self.folder.path))} --from-step {step} (removes {removed}, and trains what came "
                f"after {place} again)"
            ) from None

    def train(self, progress=True):
        """Train to the end, from where the state is; of a run that is finished, change nothing.

        After Ctrl-C the state is saved before KeyboardInterrupt goes on. Raises InputError, in one sentence, if the
        folder can no longer be written; the last checkpoint stays as it is.
        """
        if self.finished:
            return
        with self._ctrl_c:
            try:
                self.run.fit(report=self._report, after_step=self._after_step, progress=progress)
            except KeyboardInterrupt:
                with unbroken():
                    self.save()
                raise
            finally:
                with unbroken():
                    self._draw()

    def save(self):
        """Write a checkpoint of the state, unless it is there already, and remove all but the last two."""
        state = self.run.state
        if state.step in (0, self._saved_step):
            return
        path = self.folder.path / FOLDER / STEP.format(state.step)
        with self._told():
            header = self._header() | {"config": told_config(self.run.config), "metrics": self._metrics.mark()}
            write_checkpoint(path, header | state.header(), state.arrays())
            self._saved_step = state.step
            for old in list(saved_steps(self.folder.path).values())[:-KEPT_STEPS]:
                old.unlink(missing_ok=True)

    def _header(self):
        return {"kind": self.run.config.kind, "data": self._data, "versions": self._versions}

    def _after_step(self, state):
        every = self.run.config.train.checkpoint_every
        if state.step == self.run.last_step() or (every and state.step % every == 0):
            with unbroken():
                self.save()
        self._ctrl_c.check()

    def _report(self, record, times):
        """Keep what an epoch came to; `fit` calls it where Ctrl-C waits."""
        with self._told():
            if self._is_best(record):
                self._save_best(record)
            self._metrics.add(record)
            with writing(self._times), open(self._times, "a", encoding="utf-8") as file:
                file.write(line_of(times))

    def _is_best(self, record):
        """Whether no earlier record was as good as this one."""
        value = record.get(f"val_{self._metric}")
        if value is None:
            return False
        value = value if self._metric == "perplexity" else -value
        is_best = self._best is None or value < self._best
        self._best = value if is_best else self._best
        return is_best

    def _save_best(self, record):
        figures = validation_figures(record)
        header = self._header() | {"epoch": record["epoch"], "step": record["step"], "figures": figures}
        save_weights(self.run.model, self.folder.path / FOLDER / BEST, header)
        if not self.run.config.standard:
            about = packed_about(self.run.config, self.run.class_names, self.run.wordpiece, record["epoch"], figures)
            save_packed(pack(self.run.model), self.folder.path / PACKED, about=about)

    def _draw(self):
        """Draw the curves, where that is possible; what was learned matters more than its picture."""
        if not self.run.history or not has_matplotlib():
            return
        histories = {"": self.run.history}
        title = f"{self.run.config.kind}, {self.run.config.preset}, {self.run.config.name}"
        try:
            save_curves(histories, self.folder.path / "curves.png", title=title, metrics=drawable_metrics(histories))
        except (OSError, InputError) as error:
            self.notes.append(f"the curves could not be drawn: {error}")

    def _check_data(self, header, path):
        """Raise InputError if the checkpoint was trained on other data."""
        saved = header.get("data")
        saved = saved if isinstance(saved, dict) else {}
        words = {"training": "training examples", "validation": "validation examples", "class_names": "classes"}
        for key, value in self._data.items():
            if saved.get(key) != value:
                numbers = f" ({saved.get(key)} then, {value} now)" if type(value) is int else ""
                raise InputError(
                    f"cannot go on from {str(path)!r}: the {words.get(key, key)} are not those that it was trained on"
                    f"{numbers}; bring the data back, or train a new run"
                )

    def _check_config(self, header, path):
        """Raise InputError if the checkpoint is of a run with other options; those of before it knew them pass."""
        saved, now = header.get("config"), told_config(self.run.config)
        saved = saved if isinstance(saved, dict) else {}
        changed = [
            f"{key} ({shown(saved[key])} then, {shown(value)} now)"
            for key, value in now.items()
            if key in saved and saved[key] != value
        ]
        if changed:
            raise InputError(
                f"cannot go on from {str(path)!r}: {self.folder.path / CONFIG} was changed since: {', '.join(changed)}"
                "; set that back, or train a new run with --config"
            )

    def _check_last_step(self, path):
        step, last = self.run.state.step, self.run.last_step()
        if step > last:
            raise InputError(
                f"cannot stop at step {last:,} (--max-steps, or train.max_steps): the run is at step {step:,} already, "
                f"in {str(path)!r}"
            )

    def _is_finished(self):
        """Whether the last step is done, and the metrics end with its record."""
        if self.run.state.step != self.run.last_step():
            return False
        try:
            records = read_metrics(self._metrics.path)
        except InputError:  # what came after the checkpoint will be cut off
            return False
        whole = self._metrics.path.read_bytes().endswith(b"\n")
        return bool(records) and whole and records[-1].get("step") == self.run.state.step

    def _note_versions(self, header):
        saved = header.get("versions")
        saved = saved if isinstance(saved, dict) else {}
        changed = [f"{k} {saved.get(k)} then, {now} now" for k, now in self._versions.items() if saved.get(k) != now]
        if changed:
            self.notes.append(f"numbers may differ in the last digits from an unbroken run: {'; '.join(changed)}")

    def _cut_times(self, epochs):
        """Leave out the times of epochs that will be trained again, and a line that was cut off."""
        if not self._times.exists():
            return
        with self._told(), replacing(self._times) as draft:
            kept = [line_of(times) for times in read_metrics(self._times) if times.get("epoch", 0) <= epochs]
            draft.write_text("".join(kept), encoding="utf-8")

    @contextmanager
    def _told(self):
        """Turn the error of a full or closed disk into one sentence that says how the run goes on."""
        try:
            yield
        except (OSError, InputError) as error:
            reason = (
                str(error) if isinstance(error, InputError) else f"{error.filename or ''}: {error.strerror or error}"
            )
            raise InputError(
                f"the run cannot be kept any more ({reason.removeprefix(': ')}); its last checkpoint stays: mend that, "
                f"then go on with: minibnn train --resume {self.folder.path}"
            ) from error


class MetricsFile:
    """The file of records, with the checksum of what is in it, so that a checkpoint can say where it stood."""

    def __init__(self, path):
        self.path, self.size, self._digest = path, 0, hashlib.sha256()

    def add(self, record):
        """Append a record, forced to the disk."""
        line = line_of(record).encode("utf-8")
        with writing(self.path), open(self.path, "ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.size += len(line)
        self._digest.update(line)

    def mark(self):
        """What is in it: dict of its size and checksum."""
        return {"bytes": self.size, "sha256": self._digest.hexdigest()}

    def check(self, mark):
        """(content, size, digest) of the file and of what came before `mark`; raises InputError if that is gone."""
        size, expected = (mark.get(key) for key in ("bytes", "sha256")) if isinstance(mark, dict) else (None, None)
        content = self.path.read_bytes() if self.path.exists() else b""
        digest = hashlib.sha256(content[:size]) if type(size) is int and 0 <= size <= len(content) else None
        if digest is None or digest.hexdigest() != expected:
            raise InputError(
                f"{self.path} does not hold the records that were in it at the last checkpoint; bring it back, "
                "or train a new run"
            )
        return content, size, digest

    def cut(self, mark):
        """Take off what came after `mark`; raises InputError if what came before is not in the file any more."""
        content, size, digest = self.check(mark)
        if len(content) > size:
            os.truncate(self.path, size)
        self.size, self._digest = size, digest


def told_config(config):
    """The options of a Config that a run must keep, as JSON has them: {"train.lr": 0.001, ...}; infinity as a text."""
    kept = {key: value for key, value in config.settings().items() if key not in FREE}
    kept = {key: str(value) if isinstance(value, float) and math.isinf(value) else value for key, value in kept.items()}
    return json.loads(json.dumps(kept))


def validation_figures(record):
    """{"loss": ..., ...}: the figures on validation examples of an epoch's record; null for what is not finite."""
    names = [name for name in ("loss", "accuracy", "perplexity") if f"val_{name}" in record]
    return {name: value if math.isfinite(value := record[f"val_{name}"]) else None for name in names}


def packed_about(config, class_names, wordpiece, epoch, figures):
    """What the packed file of a run tells beside its bits: the names of classes or the vocabulary, and its figures."""
    if config.kind == "image":
        about = {"class_names": list(class_names), "image_size": config.data.image_size}
    else:
        about = {"vocabulary": wordpiece.tokens}
    about["preset"] = config.preset
    return about | ({"validation": {"epoch": epoch, **figures}} if figures else {})
