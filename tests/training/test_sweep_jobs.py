"""The folder of a sweep, and its processes, which here only pretend to train."""

import json
import os
import signal
import sys
import threading
import time

import pytest
from training.small_runs import IMAGES

from minibnn.errors import InputError
from minibnn.training.checkpoints import saved_steps
from minibnn.training.config import config_text, configuration
from minibnn.training.loop import DivergedError, _check_finite
from minibnn.training.sweep import sweep_plan
from minibnn.training.sweep_folder import DIVERGED, FAILED, SweepFolder
from minibnn.training.sweep_jobs import threads_of_each, train_sweep
from minibnn.training.sweep_table import table_rows

PRETEND = """
import json, os, pathlib, signal, sys, time
path, task = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
if "until" in task:
    def stop(*_):
        (path / "checkpoints").mkdir(exist_ok=True)
        (path / "checkpoints" / "step-00000001.npz").write_text("saved")
        sys.exit(130)
    signal.signal(signal.SIGINT, stop if task["until"] == "Ctrl-C" else signal.SIG_IGN)
    (path / "ready").touch()
    time.sleep(60)
(path / "began").touch()
pattern, count = task.get("awaits", ["began", 1])
while len(list(path.parent.glob(f"*/{pattern}"))) < count:
    time.sleep(0.01)
for name, content in task.get("files", {}).items():
    (path / name).write_text(content)
names = ["NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
(path / "threads").write_text(json.dumps([os.environ[name] for name in names]))
print(task.get("says", ""))
if "signal" in task:
    os.kill(os.getpid(), task["signal"])
sys.exit(task.get("status", 0))
"""
ONE_EPOCH = {"train.epochs": 1}


def done(run, accuracy=0.5):
    record = {"epoch": 1, "step": 1, "val_accuracy": accuracy}
    return {
        "config.toml": config_text(run.config),
        "about.json": '{"parameters": 8}',
        "metrics.jsonl": json.dumps(record) + "\n",
    }


def pretending(tasks):
    """A command for `train_sweep`, and the list of the seeds it is asked for; `tasks`: {seed: dict of what it does}."""
    asked = []

    def command(run, path):
        asked.append(run.seed)
        task = {"files": done(run)} | tasks.get(run.seed, {})
        return [sys.executable, "-S", "-c", PRETEND, str(path), json.dumps(task)]

    return command, asked


def small_sweep(path, seeds):
    return SweepFolder.open(path, sweep_plan("image", settings=ONE_EPOCH, seeds=range(seeds)))


def message_of_divergence():
    with pytest.raises(DivergedError) as told:
        _check_finite(float("nan"), "training", 3, 1.0)
    return str(told.value)


def test_what_failed_stops_no_other_and_is_tried_again_unless_it_diverged(tmp_path):
    message = message_of_divergence()
    tasks = {
        0: {"status": 1, "says": f"kept in ...\nminibnn: error: {message}", "files": {}},
        1: {"signal": signal.SIGKILL, "files": {}},
        2: {"status": 1, "says": "minibnn: error: no space left", "files": {}},
        3: {"files": {}, "status": 3, "says": "Traceback\nOops"},
        4: {"files": {}},
    }
    command, asked = pretending(tasks)
    seen = []
    with small_sweep(tmp_path / "sweep", 6) as folder:
        outcomes = train_sweep(folder, ended=lambda outcome, seconds: seen.append(outcome), command=command)
        assert [o.state for o in outcomes] == ["diverged", "failed", "failed", "failed", "failed", "finished"]
        reasons = [message, "killed by SIGKILL", "no space left", "ended with status 3: Oops", "ended with status 0"]
        for outcome, reason in zip(outcomes, reasons, strict=False):
            assert outcome.reason.startswith(reason)
        assert seen == outcomes
        assert DIVERGED in message
        assert asked == [0, 1, 2, 3, 4, 5]
        command, asked = pretending({})
        outcomes = train_sweep(folder, command=command)
        assert asked == [1, 2, 3, 4]
        assert [o.state for o in outcomes] == ["diverged", *["finished"] * 5]
        assert train_sweep(folder, command=lambda *_: pytest.fail("nothing is left to train")) == outcomes


def test_so_many_at_a_time_with_their_share_of_the_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(12), raising=False)
    for name in ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    command, asked = pretending({seed: {"awaits": ["began", 3]} for seed in range(7)})
    shares, ended, in_training = [], [], []

    def counting(run, path):
        in_training.append(len(asked) + 1 - len(ended))
        return command(run, path)

    with small_sweep(tmp_path / "sweep", 7) as folder:
        train_sweep(folder, 3, command=counting, progress=shares.append, ended=lambda *end: ended.append(end))
    assert len(ended) == 7
    assert max(in_training) == 3
    assert all(json.loads((folder.path / f"seed={n}" / "threads").read_text()) == ["4", "4"] for n in range(7))
    assert 0 <= min(shares) <= max(shares) <= 7


def test_threads_of_each(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    for name in ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert [threads_of_each(jobs) for jobs in (0, 1, 2, 3, 8, 100)] == [8, 8, 4, 2, 1, 1]
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert [threads_of_each(jobs) for jobs in (1, 2, 4)] == [3, 3, 2]


def press(path, runs, numbers):
    """Send this process signals, 0.3 s apart, as soon as so many runs are ready."""

    def wait_and_press():
        while len(list(path.glob("*/ready"))) < runs:
            time.sleep(0.01)
        for number in numbers:
            os.kill(os.getpid(), number)
            time.sleep(0.3)

    thread = threading.Thread(target=wait_and_press)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_lets_all_runs_save(number, tmp_path):
    command, asked = pretending({seed: {"until": "Ctrl-C"} for seed in range(3)})
    before = signal.getsignal(number)
    if before is signal.SIG_IGN:
        pytest.skip("this signal is ignored here, as under nohup, and so it stays")
    with small_sweep(tmp_path / "sweep", 3) as folder:
        thread = press(folder.path, 2, [number])
        with pytest.raises(KeyboardInterrupt):
            train_sweep(folder, 2, command=command)
        thread.join()
        assert [len(saved_steps(folder.path / f"seed={seed}")) for seed in range(3)] == [1, 1, 0]
        assert asked == [0, 1]
        assert {outcome.state for outcome in folder.outcomes()} == {"open"}
        assert not list(folder.path.glob(f"*/{FAILED}"))
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_ends_a_run_that_hangs(tmp_path):
    command, _ = pretending({0: {"until": "never"}})
    with small_sweep(tmp_path / "sweep", 1) as folder:
        thread, began = press(folder.path, 1, [signal.SIGINT, signal.SIGINT]), time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            train_sweep(folder, command=command)
        assert time.monotonic() - began < 10
        thread.join()


def test_a_fault_of_the_caller_leaves_no_process_behind(tmp_path):
    command, _ = pretending({0: {"awaits": ["ready", 1]}, 1: {"until": "Ctrl-C"}})

    def ended(outcome, seconds):
        raise ZeroDivisionError

    with small_sweep(tmp_path / "sweep", 2) as folder, pytest.raises(ZeroDivisionError):
        train_sweep(folder, 2, command=command, ended=ended)
    assert len(saved_steps(tmp_path / "sweep" / "seed=1")) == 1


def test_a_run_that_another_process_still_trains_is_waited_for(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    command, asked = pretending({})
    with small_sweep(tmp_path, 2) as folder:
        (tmp_path / "seed=0").mkdir()
        for name, content in done(folder.plan.runs[0]).items():
            (tmp_path / "seed=0" / name).write_text(content)
        held = os.open(tmp_path / "seed=0", os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        assert [outcome.state for outcome in folder.outcomes()] == ["in training", "open"]
        train_sweep(folder, command=command, ended=lambda *_: os.close(held) if asked == [1] else None)
    assert asked == [1, 0]


def test_a_folder_with_another_plan_or_other_runs_is_refused(tmp_path):
    plan = sweep_plan("image", settings=ONE_EPOCH, seeds=range(2))
    SweepFolder.open(tmp_path / "sweep", plan).close()
    assert SweepFolder.open(tmp_path / "sweep").plan == plan
    other = sweep_plan("image", settings=ONE_EPOCH, seeds=range(3))
    with pytest.raises(InputError, match=r"holds another sweep \(seeds: 0, 1 there, 0, 1, 2 here\)"):
        SweepFolder.open(tmp_path / "sweep", other)
    run = tmp_path / "sweep" / "seed=1"
    run.mkdir()
    (run / "config.toml").write_text(config_text(configuration("image", "tiny", IMAGES | {"seed": 1})))
    with pytest.raises(InputError, match=r"is not the one that is planned \(model.widths differs\)"):
        SweepFolder.open(tmp_path / "sweep", plan)
    with pytest.raises(InputError, match="holds a run, and no sweep"):
        SweepFolder.open(run, plan)
    for nothing in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=r"expected a folder that minibnn sweep made"):
            SweepFolder.open(nothing)


def test_two_processes_do_not_work_on_one_sweep(tmp_path):
    pytest.importorskip("fcntl")
    with small_sweep(tmp_path, 1), pytest.raises(InputError, match="another process works on the sweep"):
        SweepFolder.open(tmp_path)
    SweepFolder.open(tmp_path).close()


def test_damaged_runs_and_figures_that_are_not_finite_count_as_failed(tmp_path):
    with small_sweep(tmp_path, 3) as folder:
        for run, accuracy in zip(folder.plan.runs, (0.5, None, 0.5), strict=True):
            (tmp_path / run.name).mkdir()
            for name, content in done(run, accuracy).items():
                (tmp_path / run.name / name).write_text(content)
        (tmp_path / "seed=2" / "metrics.jsonl").write_text("{\n{}\n")
        states = [outcome.state for outcome in folder.outcomes()]
        assert states == ["finished", "diverged", "failed"]
        assert "is not JSON" in folder.outcomes()[2].reason
        (row,) = table_rows(folder.plan, folder.outcomes())
        assert (row.n, row.failed, row.open, row.best.mean) == (1, 2, 0, 0.5)
