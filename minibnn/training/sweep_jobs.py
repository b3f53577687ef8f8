"""Training the runs of a sweep: each in a process of its own, some at a time.

Such a process is `minibnn train` (see `minibnn.training.sweep_child`), so that a run which is stopped, killed or fails
disturbs no other, and goes on as every run does.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from minibnn.errors import InputError
from minibnn.files import replacing
from minibnn.threads import VARIABLES
from minibnn.training.checkpoints import saved_steps
from minibnn.training.progress import read_metrics
from minibnn.training.run_folder import CONFIG, METRICS, new_folder
from minibnn.training.sweep_folder import FAILED, LOG
from minibnn.training.toml import to_toml

PACKAGE = Path(__file__).parents[1]
TICK = 0.05  # seconds between two looks at the processes
SOON, AT_LAST = 1.5, 10.0  # seconds after Ctrl-C: when a process that has saved its state is killed, and any other one


def train_sweep(folder, jobs=1, *, ended=None, progress=None, command=None):
    """Train what is left of a sweep, several runs at a time, and return the Outcome of each run of its plan.

    A run that fails stops no other; one that failed before is tried again, unless it diverged. One that another process
    still trains, as when the process of this sweep was killed, is waited for. After Ctrl-C all runs save their state
    before KeyboardInterrupt goes on; after a second one they are killed, and keep their last checkpoint.

    Args:
        folder: SweepFolder.
        jobs: how many runs at a time, at least 1. Each gets its share of the processor's cores.
        ended: called with the Outcome of each run that ends, and the seconds that it took.
        progress: called every second with how many runs are done (float: those in training count in part).
        command: function of a PlannedRun and the Path of its folder that gives the command to train it, or to go on
            with it, as a list of texts; None for `train_command`.
    """
    left = [outcome.run for outcome in folder.outcomes() if not outcome.is_settled]
    workers = _Workers(folder, threads_of_each(min(jobs, len(left))), command or train_command)
    done, tick = len(folder.plan.runs) - len(left), time.monotonic()
    with _stop_signals() as pressed, workers.stopped_at_the_end(pressed):
        while left or workers.running:
            while len(workers.running) < jobs and (run := _startable(folder, left)):
                left.remove(run)
                workers.start(run)
            time.sleep(TICK)
            if pressed:
                raise KeyboardInterrupt
            for outcome, seconds in workers.collect():
                done += 1
                if ended is not None:
                    ended(outcome, seconds)
            if progress is not None and time.monotonic() >= tick:
                progress(done + sum(_share_done(folder.path / run.name, run) for run in workers.runs()))
                tick = time.monotonic() + 1
    return folder.outcomes()


def threads_of_each(jobs):
    """How many threads each of `jobs` processes may use: its share of the cores, or less where a variable says so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [int(value) for name in VARIABLES[:2] if (value := os.environ.get(name, "")).isdecimal() and int(value)]
    return max(1, min([cores // max(1, jobs), *limits]))


def train_command(run, path):
    """The command that trains a PlannedRun in the folder `path`, or goes on with it, as a list of texts.

    It is `minibnn train` with the run's choices, in a process that ends, as by Ctrl-C, when this one has ended.
    """
    start = [sys.executable, "-P", "-m", "minibnn.training.sweep_child", str(os.getpid()), "train"]
    if (path / CONFIG).exists():
        return [*start, "--resume", str(path)]
    settings = []
    for key, value in run.config.settings().items():
        settings += ["--set", f"{key}={to_toml({'value': value}).removeprefix('value = ').strip()}"]
    return [*start, run.config.kind, "--preset", run.config.preset, *settings, "--out-dir", str(path)]


def _startable(folder, left):
    """The first run that no other process trains, or None."""
    return next((run for run in left if folder.outcome(run).state != "in training"), None)


class _Workers:
    """The processes of a sweep."""

    def __init__(self, folder, threads, command):
        self.folder, self.running, self._command = folder, {}, command
        paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | dict.fromkeys(VARIABLES, str(threads))

    def runs(self):
        """The runs in training."""
        return [run for run, _ in self.running.values()]

    def start(self, run):
        """Begin to train a run, or go on with it; apart from our terminal, so that Ctrl-C comes from us alone."""
        path = new_folder(self.folder.path / run.name)
        (path / FAILED).unlink(missing_ok=True)
        with open(path / LOG, "ab") as log:
            process = subprocess.Popen(
                self._command(run, path),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        self.running[process] = run, time.monotonic()

    def collect(self):
        """[(Outcome, seconds)] of the runs that have ended since the last call; why they failed is kept."""
        ended = [process for process in self.running if process.poll() is not None]
        found = []
        for process in ended:
            run, started = self.running.pop(process)
            found.append((self._outcome(run, process.returncode), time.monotonic() - started))
        return found

    def _outcome(self, run, status):
        path = self.folder.path / run.name
        outcome = self.folder.outcome(run)
        if status == 0 and outcome.is_settled:
            return outcome
        reason = outcome.reason or why_it_ended(status, path / LOG)
        with replacing(path / FAILED) as draft:
            draft.write_text(f"{reason}\n", encoding="utf-8")
        return self.folder.outcome(run)

    @contextmanager
    def stopped_at_the_end(self, pressed):
        """Stop all processes at the end of the `with`; `pressed`: list that grows with each Ctrl-C."""
        try:
            yield
        finally:
            since, wall = time.monotonic(), time.time()
            _signal(self.running, signal.SIGINT)
            while self.running:
                waited = time.monotonic() - since
                late = [process for process, (run, _) in self.running.items() if self._is_late(run, waited, wall)]
                _signal(self.running if len(pressed) > 1 else late, getattr(signal, "SIGKILL", signal.SIGTERM))
                for process in [process for process in self.running if process.poll() is not None]:
                    del self.running[process]
                time.sleep(TICK if self.running else 0)

    def _is_late(self, run, waited, wall):
        """Whether a run need not be waited for: its state is saved, and it only draws its curves, or it hangs."""
        if waited < SOON:
            return False
        steps = saved_steps(self.folder.path / run.name).values()
        return waited > AT_LAST or any(path.stat().st_mtime >= wall for path in steps if path.exists())


def why_it_ended(status, log):
    """Why a process did not finish its run, in one line: from its exit status, and the last line that it printed."""
    if status < 0:
        with suppress(ValueError):
            name = signal.Signals(-status).name
            return f"killed by {name}" + (", perhaps for lack of memory" if name == "SIGKILL" else "")
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.path.getsize(log) - 10_000))
            lines = file.read().decode("utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    if status == 130:
        return "stopped by Ctrl-C"
    last = lines[-1].removeprefix("minibnn: error: ") if lines else "it printed nothing"
    return last if status == 1 else f"ended with status {status}: {last}"


def _signal(processes, number):
    for process in processes:
        if os.name != "posix":
            process.terminate()
        else:
            process.send_signal(number)


def _share_done(path, run):
    """How much of a run is done, from 0 to 1, by the last epoch that is recorded."""
    with suppress(InputError, LookupError, TypeError):
        last, train = read_metrics(path / METRICS)[-1], run.config.train
        return min(1.0, max(last["epoch"] / train.epochs, last["step"] / train.max_steps if train.max_steps else 0.0))
    return 0.0


@contextmanager
def _stop_signals():
    """Inside the `with`, Ctrl-C and the signals to end are only counted: gives the list that grows with each.

    So none comes in the middle of starting a process. What is ignored, such as Ctrl-C in the background of a shell,
    or the end of the terminal under nohup, stays without effect.
    """
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}
    for number, handler in before.items():
        ignored = handler is signal.SIG_IGN
        # Not left at SIG_IGN, which our processes would inherit.
        signal.signal(number, (lambda *_: None) if ignored else (lambda number, _: pressed.append(number)))
    try:
        yield pressed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
