"""`minibnn bench`: its threads, its tables, its file, whole or not at all, and one line for each mistake."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from minibnn.cli import main


@pytest.fixture
def threads(monkeypatch):
    """The command changes the environment, of this process too."""
    import numba

    from minibnn.threads import VARIABLES

    assert numba.config.NUMBA_NUM_THREADS > 0  # read by now, and not from what follows

    for name in VARIABLES:
        monkeypatch.setenv(name, "1")


def bench(capsys, *arguments):
    capsys.readouterr()
    try:
        status = main(["bench", *map(str, arguments)])
    except SystemExit as error:  # argparse
        status = error.code
    out = capsys.readouterr()
    return status, out.out, out.err


def test_a_small_run_prints_its_tables_and_keeps_its_figures(tmp_path):
    choices = ["--threads", "1", "--shapes", "small", "--rounds", "1", "--no-decode", "--no-torch"]
    code = f"""
import sys
from minibnn.cli import main
status = main(["bench", "packed", *{choices!r}, "--json", {str(tmp_path / "b.json")!r}])
import numba
assert numba.get_num_threads() == 1
sys.exit(status)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("1 thread;", "Products:", "worst of all shapes", "Convolution,", "BCVNN 3x3", "file of BLM small"):
        assert part in done.stdout
    assert "PyTorch  " not in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]
    results = json.loads((tmp_path / "b.json").read_text())
    assert list(results) == ["machine", "products", "convolution", "memory"]
    assert results["machine"]["threads"] == 1


MISTAKES = {
    "threads": (["packed", "--threads", "0"], 2, "expected a whole number of at least 1, and got '0'"),
    "rounds": (["packed", "--rounds", "few"], 2, "expected a whole number of at least 1, and got 'few'"),
    "shapes": (["packed", "--shapes", "big"], 2, "there is no 'big'"),
    "kind": (["speed"], 2, "there is no kind 'speed'"),
    "option": (["packed", "--fast"], 2, "there is no option '--fast'"),
    "folder": (["packed", "--json", "no/such/folder.json"], 1, "create it first"),
    "a folder as file": (["packed", "--json", "."], 1, "it is a folder"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_at_once_in_one_line(name, capsys, tmp_path, monkeypatch, threads):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minibnn.bench.packed.run", lambda *arguments, **options: pytest.fail("it measured"))
    arguments, expected, message = MISTAKES[name]
    status, printed, err = bench(capsys, *arguments)
    assert (status, printed) == (expected, "")
    assert message in err.splitlines()[-1]


def test_a_run_that_fails_leaves_no_file_and_the_old_one_as_it_was(capsys, tmp_path, monkeypatch, threads):
    def fail(*arguments, **options):
        raise RuntimeError("the logits of NumPy differ")

    monkeypatch.setattr("minibnn.bench.packed.run", fail)
    (tmp_path / "b.json").write_text("old")
    assert bench(capsys, "packed", "--json", tmp_path / "b.json")[0] == 1
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"b.json": "old"}


def test_all_choices_reach_the_library(capsys, monkeypatch, threads):
    calls = []
    monkeypatch.setattr("minibnn.bench.packed.run", lambda *arguments, **options: calls.append((arguments, options)))
    bench(capsys, "packed")
    bench(capsys, "packed", "--threads", 3, "--rounds", 7, "--shapes", "small", "--no-decode", "--no-torch")
    assert [arguments for arguments, _ in calls] == [(2, 5, "all"), (3, 7, "small")]
    assert [(o["decode"], o["with_torch"]) for _, o in calls] == [(True, True), (False, False)]
    assert os.environ["OPENBLAS_NUM_THREADS"] == os.environ["NUMBA_NUM_THREADS"] == "3"


def test_without_a_kind_it_shows_what_there_is(capsys):
    status, printed, _ = bench(capsys)
    assert status == 0
    assert "products, convolutions and text with one bit per weight" in printed


def test_ctrl_c_ends_it_with_one_line_and_no_file(tmp_path):
    command = [
        sys.executable,
        "-m",
        "minibnn",
        "bench",
        "packed",
        "--rounds",
        "100000",
        "--json",
        str(tmp_path / "b.json"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()  # the machine: it measures from now on
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == "minibnn: stopped"
    assert list(tmp_path.iterdir()) == []
