"""Kills a run at random moments, again and again: `python -m training.kills FOLDER KILLS SEED` prints what it found.

Each life of the run is a process of its own, forked from this one, which has imported and compiled everything, and is
ended by SIGKILL.
"""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from training.small_runs import MAKERS, contents, resume, train_new

from minibnn.training import kept_run
from minibnn.training.checkpoints import BEST, FOLDER, read_checkpoint, saved_steps
from minibnn.training.run_folder import CONFIG

CHANGES = {"train.epochs": 30, "train.checkpoint_every": 3}
KINDS = ("image twin with dropout", "text", "image")
STRAY = 3  # exit status


def live(make, path):
    """Train or go on, in this process; ends it."""
    try:
        begun = (path / CONFIG).exists()
        (resume if begun else train_new)(make, path, CHANGES, lambda kept: check_no_drafts(path))
    except SystemExit:
        raise
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        os._exit(1)
    os._exit(0)


def check_no_drafts(path):
    if found := list(path.rglob(".*.tmp")):
        print(f"stray files after the start: {found}", flush=True)
        os._exit(STRAY)


def killed(make, path, delay):
    """Whether one life of the run was ended by a kill after `delay` seconds; raises if it failed by itself."""
    process = os.fork()
    if process == 0:
        live(make, path)
    time.sleep(delay)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, f"the run in {path} ended with status {os.WEXITSTATUS(status)}"
    return False


def check_checkpoints(path, before):
    """The steps of the checkpoints, all of them whole; none but older ones may have gone since `before`."""
    steps = saved_steps(path)
    for file in [*steps.values(), *(path / FOLDER).glob(BEST)]:
        read_checkpoint(file)
    assert max(steps, default=0) >= max(before, default=0), f"checkpoints {list(before)} became {list(steps)}"
    assert len(steps) >= min(2, len(before)), f"checkpoints {list(before)} became {list(steps)}"
    return steps


def main(folder, kills, seed):
    """Kill runs of each kind in turn until there were so many kills; each ends as the unbroken one."""
    kept_run.has_matplotlib = lambda: False
    rng, done, finished = np.random.default_rng(seed), 0, 0
    expected, lasted = {}, {}
    for kind in KINDS:
        train_new(MAKERS[kind], folder / "warm-up" / kind, CHANGES)  # compiles
        started = time.perf_counter()
        train_new(MAKERS[kind], folder / "whole" / kind, CHANGES)
        lasted[kind] = time.perf_counter() - started
        expected[kind] = contents(folder / "whole" / kind)
    while done < kills:
        kind = KINDS[finished % len(KINDS)]
        path, steps = folder / f"run-{finished}", {}
        while done < kills and killed(MAKERS[kind], path, rng.uniform(0, 0.4 * lasted[kind])):
            done += 1
            steps = check_checkpoints(path, steps) if path.exists() else steps
        if done >= kills:
            assert not killed(MAKERS[kind], path, 20 * lasted[kind] + 5), "the last life did not end"
        assert contents(path) == expected[kind], f"{path} is not as the unbroken run"
        assert not list(path.rglob(".*")), "stray files at the end"
        finished += 1
    print(f"{done} kills in {finished} runs: every checkpoint whole, none lost, nothing stray, every end the same")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
