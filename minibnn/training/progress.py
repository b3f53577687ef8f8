"""What is seen of training while it runs: the progress bar, how long things take, and the file of metrics."""

import json
import math
import os
import sys
import threading
import time
from contextlib import contextmanager

from minibnn.errors import InputError
from minibnn.files import writing
from minibnn.terminal import columns

SLOW = 3.0  # seconds of a first step, in which kernels are compiled, or read from their cache


class ProgressBar:
    """One epoch's progress bar on stderr: loss, accuracy, learning rate, examples per second, flip ratio.

    Use as a context manager. The flip ratio (of the bits before the epoch against now) costs a pass over all latent
    weights, so it is renewed about 20 times an epoch, and every half second at most. Where the first step of a process
    takes long, the bar says why. Where stderr is no terminal (a log file), the bar is left out,
    and each epoch is one line; where stderr is closed, nothing is shown.

    Args:
        title: text before the bar.
        first, last: how many steps of the epoch are done, and how many there will be at the end.
        flips: FlipCounter.
        enabled: False shows nothing and costs nothing.
    """

    _has_stepped = False  # in this process, so that its kernels are compiled

    def __init__(self, title, first, last, flips, enabled=True):
        self._title, self._first, self._last, self._flips = title, first, last, flips
        self._enabled = enabled and not getattr(sys.stderr, "closed", True)  # None if closed from the start
        self._bar, self._timer = None, None
        self._flip_text, self._renew_at, self._renew_step = "", 0.0, first

    def __enter__(self):
        if self._enabled and sys.stderr.isatty():
            from tqdm import tqdm  # here, so that `import minibnn.training` stays quick

            layout = "{desc} {bar:8} {n_fmt}/{total_fmt}{postfix}"  # fits in 80 columns
            self._bar = tqdm(total=self._last, initial=self._first, desc=self._title, bar_format=layout, leave=False)
            if not ProgressBar._has_stepped:
                self._timer = threading.Timer(SLOW, self._say, ["compiling the kernels, once: a minute or two"])
                self._timer.daemon = True
                self._timer.start()
        return self

    def __exit__(self, *error):
        self._stop_timer()
        if self._bar is not None:
            self._bar.close()

    def _say(self, text):
        self._bar.set_postfix_str(text, refresh=True)

    def _stop_timer(self):
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()  # what it says must not come after what is shown next
            self._timer = None

    def evaluating(self):
        """Show that the steps are done, and the model is evaluated."""
        if self._bar is not None:
            self._say("evaluating ...")

    def finish(self, record, times):
        """Print what the epoch came to as one line, validation first, in place of the bar."""
        if not self._enabled:
            return
        if self._bar is not None:
            self._bar.close()
        print(_summary(self._title, record, times, columns(sys.stderr)), file=sys.stderr, flush=True)

    def update(self, loss, accuracy, lr, speed):
        """Show one step more.

        Args:
            loss: mean loss of the epoch so far.
            accuracy: mean accuracy of the epoch so far, from 0 to 1.
            lr: learning rate.
            speed: examples per second.
        """
        if self._bar is None:
            return
        self._stop_timer()
        ProgressBar._has_stepped = True
        now, step = time.perf_counter(), self._bar.n + 1
        if (now >= self._renew_at and step >= self._renew_step) or step == self._last:
            ratio = self._flips.so_far()
            self._flip_text = "" if ratio is None else f" flips {ratio:.1%}"
            self._renew_at, self._renew_step = now + 0.5, step + self._last / 20
        self._bar.set_postfix_str(
            f"loss {loss:.2f} acc {accuracy:.1%} lr {lr:.0e} {speed:.0f} ex/s{self._flip_text}", refresh=False
        )
        self._bar.update()


class Stopwatch:
    """The times of one epoch, from when it is made: how fast its examples came, and how long training waited for them.

    Only what is trained from now on counts, where a run goes on in the middle of an epoch. A slow first step, in which
    kernels may have been compiled, does not count as soon as there is another.
    """

    def __init__(self):
        self._started = self._started_counting = time.perf_counter()
        self._ended = None
        self._examples, self._waited, self._steps = 0, 0.0, 0
        self._left_out = None

    @contextmanager
    def waiting(self):
        """Count the time inside the `with` as waiting for data."""
        before = time.perf_counter()
        yield
        self._waited += time.perf_counter() - before

    def count(self, examples):
        """Count so many examples as trained on."""
        self._examples += examples
        self._steps += 1
        if self._steps == 1 and time.perf_counter() - self._started > SLOW:
            self._left_out = (time.perf_counter(), self._examples, self._waited)
        elif self._steps == 2 and self._left_out is not None:
            self._started_counting, done, waited = self._left_out
            self._examples -= done
            self._waited -= waited

    def end_training(self):
        """From now on the model is evaluated."""
        self._ended = time.perf_counter()

    def _training_time(self):
        return max((self._ended or time.perf_counter()) - self._started_counting, 1e-9)

    @property
    def speed(self):
        """Examples per second (float)."""
        return self._examples / self._training_time()

    def times(self, state):
        """The dict of times that `fit` reports at the end of the epoch that `state` is in."""
        return {
            "epoch": state.epoch,
            "step": state.step,
            "seconds": time.perf_counter() - self._started,
            "examples_per_second": self.speed,
            "waiting": self._waited / self._training_time(),
        }


def _summary(title, record, times, width=None):
    """One epoch's record in a line: the figures on validation examples, then those on training examples.

    `width`: columns of the terminal; what does not fit at the end is left out. None keeps all.
    """
    measure = "perplexity" if "train_perplexity" in record else "accuracy"
    short = {"perplexity": "ppl", "accuracy": "acc"}[measure]
    facts = []
    if "val_loss" in record:
        facts.append(f"val {short} {_shown(record, 'val', measure)}, loss {record['val_loss']:.3f}")
        facts.append(f"train {_shown(record, 'train', measure)}, {record['train_loss']:.3f}")
    else:
        facts.append(f"train {short} {_shown(record, 'train', measure)}, loss {record['train_loss']:.3f}")
    if record["flip_ratio"] is not None:
        facts.append(f"flips {record['flip_ratio']:{'.2%' if record['flip_ratio'] < 0.01 else '.1%'}}")
    facts.append(f"{times['examples_per_second']:.0f} ex/s")
    while width is not None and len(facts) > 1 and len(f"{title}: {'; '.join(facts)}") > width:
        facts.pop()
    return f"{title}: {'; '.join(facts)}"


def _shown(record, part, measure):
    """The accuracy or the perplexity in a record as text, of few letters however large it is."""
    value = record[f"{part}_{measure}"]
    return f"{value:.1%}" if measure == "accuracy" else f"{value:.1f}" if value < 1e4 else f"{value:.2g}"


def metrics_writer(path):
    """Return a `report` for `fit` that appends each record to a file, one JSON object a line.

    Every line is on its way to the disk before training goes on, so a run that dies keeps all of its finished epochs.
    JSON knows no infinity and no nan: such values become null.

    Args:
        path: the file, for instance `metrics.jsonl`; its folder must exist. An existing file is continued, after taking
            off a last line that was cut off in the middle of writing.

    Raises:
        InputError: if the folder is missing, or the file is a folder itself or closed to us; also when it is written.
    """
    with writing(path):
        _cut_unfinished_line(path)

    def write(record, times=None):
        with writing(path), open(path, "a", encoding="utf-8") as file:  # closing it flushes
            file.write(line_of(record))

    return write


def line_of(record):
    """A record (dict of plain values) as a line of JSON, infinities and nan as null."""
    finite = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in record.items()}
    return json.dumps(finite, allow_nan=False) + "\n"


def read_metrics(path):
    """Read the records that `metrics_writer` wrote, as a list of dict; what `fit` takes as `history`.

    A last line that was cut off in the middle of writing is left out.

    Raises:
        InputError: if the file is missing or cannot be read, or a line that was not cut off is no JSON object.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        raise InputError(f"there is no file {os.fspath(path)!r}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {os.fspath(path)!r}: {error}") from error
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError as error:
            if number == len(lines):
                break
            raise InputError(f"line {number} of {os.fspath(path)!r} is not JSON: {error}") from error
        if not isinstance(record, dict):  # nor was it cut off: no part of an object is JSON by itself
            raise InputError(f"line {number} of {os.fspath(path)!r} is no JSON object: {line!r}")
        records.append(record)
    return records


def _cut_unfinished_line(path):
    if os.path.exists(path):
        with open(path, "r+b") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
