"""`minibnn sweep`, with real runs of a few seconds: stopped, killed and gone on with, in one table at the end."""

import csv
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time

import pytest

from minibnn.training.checkpoints import saved_steps
from minibnn.training.run_folder import load_run
from minibnn.training.sweep import sweep_plan
from minibnn.training.sweep_folder import SweepFolder, read_plan
from minibnn.training.sweep_jobs import train_command, train_sweep

SMALL = {
    "data.classes": 3,
    "data.per_class": 4,
    "data.validation_per_class": 2,
    "data.image_size": 16,
    "model.widths": [8] * 5,
    "model.units": [8, 8],
    "train.batch_size": 4,
    "train.epochs": 2,
}
LONG = SMALL | {"train.epochs": 100, "train.checkpoint_every": 10}


def given(settings):
    return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """These runs are far too small for two; and BLAS starts quicker."""
    for name in ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """metrics.jsonl of the LONG run of seed 0 that nothing disturbs."""
    path = tmp_path_factory.mktemp("unbroken") / "run"
    words = [sys.executable, "-m", "minibnn", "train", "image", *given(LONG), "--out-dir", path]
    environment = os.environ | {"NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run([str(word) for word in words], check=True, capture_output=True, env=environment)
    return (path / "metrics.jsonl").read_bytes()


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def test_a_grid_in_one_table_with_a_cell_that_diverges(minibnn, tmp_path):
    """In it, an ordinary run for each cell and seed; once it is done, the table is there at once."""
    path, vary = tmp_path / "sweep", ["--vary", "train.lr=1e30,1e-3"]
    twin = {"standard": "true", "train.optimizer": "sgd", "train.warmup_steps": 0}
    arguments = ["image/tiny", *given(SMALL | twin), *vary, "--out-dir", path, "--jobs", 2]
    status, out, err = minibnn("sweep", *arguments)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"2 runs in {path}; 2 at a time, 1 thread each"
    assert sorted(line[:3] for line in lines[1:3]) == ["1/2", "2/2"]
    assert any("lr=1e+30,seed=0: failed: the training loss is" in line for line in lines[1:3])
    assert any("lr=0.001,seed=0: val accuracy" in line for line in lines[1:3])
    rows = list(csv.DictReader((path / "table.csv").read_text().splitlines()))
    assert [(row["train.lr"], row["runs"], row["failed"]) for row in rows] == [("1e+30", "0", "1"), ("0.001", "1", "0")]
    accuracy = float(rows[1]["best_val_accuracy_mean"])
    assert load_run(path / "lr=0.001,seed=0").figures["accuracy"] == accuracy
    assert f"{accuracy:.1%}" in out
    assert (path / "table.txt").read_text() in out
    assert minibnn("compare", path / "lr=0.001,seed=0", "--out", tmp_path / "c.svg")[0] == 0
    began = time.monotonic()
    assert minibnn("sweep", *arguments)[:2] == (0, "\n".join(lines[4:]) + "\n")
    assert minibnn("sweep", "--resume", path)[:2] == (0, "\n".join(lines[4:]) + "\n")
    assert time.monotonic() - began < 5


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_killed_run_is_told_and_goes_on_from_its_checkpoint(minibnn, tmp_path, unbroken):
    plan = sweep_plan("image", settings=LONG, seeds=[0])

    def command(run, path):
        return ["sh", "-c", 'echo $$ > "$0/pid"; exec "$@"', str(path), *train_command(run, path)]

    with SweepFolder.open(tmp_path / "sweep", plan) as folder:
        run = folder.path / "seed=0"

        def kill():
            wait_for(lambda: saved_steps(run))
            os.kill(int((run / "pid").read_text()), signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        (outcome,) = train_sweep(folder, command=command)
        thread.join()
        assert (outcome.state, outcome.reason) == ("failed", "killed by SIGKILL, perhaps for lack of memory")
    steps = max(saved_steps(run))
    assert minibnn("sweep", "--resume", tmp_path / "sweep")[0] == 0
    assert f"going on from step {steps}" in (run / "log.txt").read_text()
    assert (run / "metrics.jsonl").read_bytes() == unbroken


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_ctrl_c_and_the_end_of_the_sweep_itself_keep_the_run(minibnn, tmp_path, unbroken):
    path = tmp_path / "sweep"
    run = path / "seed=0"
    sweep = [sys.executable, "-m", "minibnn", "sweep"]
    arguments = ["image/tiny", *given(LONG), "--out-dir", str(path)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*sweep, *arguments], **options) as process:
        wait_for(lambda: saved_steps(run))
        process.send_signal(signal.SIGINT)
        began, (_, err) = time.monotonic(), process.communicate(timeout=60)
        assert time.monotonic() - began < 10  # two, unless the machine is busy
    again = f"minibnn sweep --resume {shlex.quote(str(path))}"
    assert (process.returncode, err) == (130, f"\nminibnn: stopped with 0 of 1 run done; go on with: {again}\n")
    first = max(saved_steps(run))
    with subprocess.Popen([*sweep, "--resume", str(path)], **options) as process:
        wait_for(lambda: max(saved_steps(run)) > first)
        process.kill()
        process.communicate()
    status, out, _ = minibnn("sweep", "--resume", path)  # the run, which saves its state yet, is waited for
    assert status == 0
    assert "1/1  seed=0: val accuracy" in out
    *_, last = re.findall(r"going on from step (\d+) of (\d+)", (run / "log.txt").read_text())
    assert first < int(last[0]) < int(last[1])
    assert (run / "metrics.jsonl").read_bytes() == unbroken


def test_a_file_of_options(minibnn, tmp_path, monkeypatch):
    """Its seed is that of the sweep unless --seeds are given, and paths are kept so that they lead there for good."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.toml").write_text('kind = "text"\npreset = "small"\nseed = 4\n[train]\nlr = 0.5\nepochs = 7\n')
    arguments = [
        "base.toml",
        "--vary",
        "data.folder=nowhere,elsewhere",
        "--set",
        "train.epochs=3",
        "--out-dir",
        "sweep",
    ]
    status, out, err = minibnn("sweep", *arguments, "--out-dir", "sweep")
    assert status == 1
    assert err == "minibnn: error: 2 runs failed, as told above; to try again: minibnn sweep --resume sweep\n"
    assert out.count("nowhere: expected a folder that holds wiki.train.raw") == 2  # at its end, and below the table
    plan = read_plan("sweep")
    assert (plan.kind, plan.preset, plan.seeds) == ("text", "small", (4,))
    assert plan.settings == {"train.lr": 0.5, "train.epochs": 3}
    assert plan.vary == {"data.folder": (str(tmp_path / "nowhere"), str(tmp_path / "elsewhere"))}


WRONG = {
    "no such file": (["nothing.toml"], "there is no file 'nothing.toml'; expected a TOML file, or a preset such as"),
    "no such preset": (["image/tinny"], "Did you mean 'tiny'?"),
    "no kind": (["empty.toml"], 'does not say what is trained: begin it with kind = "image", or "text"'),
    "key": (["image", "--vary", "model.normalise_over=example"], "did you mean model.normalize_over?"),
    "key of the other kind": (["text", "--vary", "model.normalize_over=example"], "there is no option"),
    "list": (["image", "--vary", "model.units=8,16"], "write a list in brackets: model.units=[...],[...]"),
    "twice": (["image", "--vary", "train.lr=1", "--vary", "train.lr=2"], "--vary train.lr is given twice"),
    "both": (["image", "--vary", "train.lr=1", "--set", "train.lr=2"], "train.lr is both set and varied"),
    "seeds": (["image", "--seeds", "2", "--set", "seed=2"], "both choose seeds"),
    "seeds that are none": (["image", "--seeds", "some"], "expected a number of seeds, such as 3"),
    "resume with more": (["--resume", "x", "--seeds", "2"], "a sweep goes on as it was planned"),
    "resume of nothing": (["--resume", "nowhere"], "there is no folder nowhere"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_arguments_are_told_in_one_line_before_anything_is_made(minibnn, tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.toml").write_text("seed = 1\n")
    arguments, message = WRONG[what]
    status, out, err = minibnn("sweep", *arguments)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["empty.toml"]


def test_without_arguments_it_says_what_it_does(minibnn):
    assert minibnn("sweep")[:2] == (0, minibnn("sweep", "--help")[1])
    assert minibnn("sweep", "image", "--jobs", "0")[0] == 2
