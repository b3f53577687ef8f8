"""`minibnn data` and the scripts beside it, as a newcomer meets them."""

import dataclasses
import hashlib
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from data.food_archive import lists, packed, photos, remote
from data.local_server import Served, dead_url, running_server

from minibnn.cli import main
from minibnn.data import sources
from minibnn.data.cache import cached_array

SCRIPTS = Path(__file__).parents[2] / "data_scripts"
ARCHIVE = packed(photos(), lists())


def run(capsys, *arguments):
    """(exit status, standard output, standard error) of `minibnn ARGUMENTS`."""
    try:
        status = main([str(a) for a in arguments])
    except SystemExit as error:  # argparse
        status = error.code
    out = capsys.readouterr()
    return status, out.out, out.err


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server with the three data sets, which the commands take for the real ones; and a folder to work in."""
    monkeypatch.chdir(tmp_path)
    with running_server() as server:
        food = remote(server, ARCHIVE)
        monkeypatch.setattr(sources, "FOOD101", food)
        server.files["/food"] = Served(ARCHIVE)
        yield server


def test_food101_ends_with_the_next_command_which_works(capsys, server, tmp_path):
    status, printed, err = run(capsys, "data", "food101", "--classes", "pizza,sushi", "--per-class", 2, "--size", 16)
    assert status == 0
    assert "sha256" in err
    assert "licence  " in err
    first, following = printed.splitlines()
    assert first == "data/food-101: 4 training and 4 test photos of 2 classes, 16 x 16 pixels"
    assert following == "next: minibnn train image --data data/food-101"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    command = shlex.split(following.removeprefix("next: minibnn "))
    assert run(capsys, *command, "--epochs", 1, "--max-steps", 1, "--image-size", 16)[0] == 0


def test_a_second_run_does_nothing_and_says_so(capsys, server):
    command = ["data", "food101", "--out-dir", "my food"]
    assert run(capsys, *command)[0] == 0
    asked = len(server.requests)
    status, printed, _ = run(capsys, *command)
    assert (status, len(server.requests)) == (0, asked)
    assert printed.splitlines()[0] == "my food is there already, made of the same choice: nothing to do"
    assert printed.splitlines()[1] == "next: minibnn train image --data 'my food'"
    status, _, err = run(capsys, *command, "--size", 32)
    assert status == 1
    assert err.splitlines()[-1].endswith("or make this one anew with --replace")
    assert run(capsys, *command, "--size", 32, "--replace")[0] == 0


def test_a_run_that_stopped_early_says_that_nothing_was_compared(capsys, server, monkeypatch):
    monkeypatch.setattr("minibnn.data.food101_stream.WORTH_READING", -1)
    content = packed(lists(), photos())
    server.files["/food"] = Served(content)
    monkeypatch.setattr(sources, "FOOD101", remote(server, content))
    _, printed, _ = run(capsys, "data", "food101", "--classes", "pizza", "--keep-archive")
    assert "not compared" not in printed
    _, printed, _ = run(capsys, "data", "food101", "--classes", "pizza", "--out-dir", "elsewhere/food")
    assert "so the checksum of the whole archive was not compared" in printed


def test_wikitext_and_vocab(capsys, server, monkeypatch, real_data):
    from data.test_text_download import GOOD

    server.files["/wiki"] = Served(GOOD)
    known = {"size": len(GOOD), "sha256": hashlib.sha256(GOOD).hexdigest()}
    monkeypatch.setitem(sources.WIKITEXT, "2", dataclasses.replace(sources.WIKITEXT["2"], **known))
    url = ("--url", server.url("/wiki"))
    status, printed, _ = run(capsys, "data", "wikitext", "--articles", 2, *url)
    assert status == 0
    assert printed.splitlines()[0].startswith("data/wikitext-2-raw: ")
    assert printed.splitlines()[-1] == "next: minibnn train text --data data/wikitext-2-raw"
    assert run(capsys, "data", "wikitext", "--megabytes", "0.5", "--out-dir", "w", *url)[0] == 0
    server.files["/vocab"] = Served((real_data / "bert-base-uncased" / "vocab.txt").read_bytes())
    for ending in ("", ", there already"):
        _, printed, _ = run(capsys, "data", "vocab", "--url", server.url("/vocab"))
        assert printed.splitlines()[0] == f"data/bert-base-uncased/vocab.txt: 30,522 word pieces{ending}"
        assert printed.splitlines()[-1].startswith("next: minibnn train text --")


def test_a_mirror_takes_the_place_of_the_source(capsys, server):
    server.files["/mirror"] = server.files.pop("/food")
    status, _, err = run(capsys, "data", "food101", "--url", dead_url(), "--url", server.url("/mirror"))
    assert status == 0
    assert "no server answers there; trying" in err or "no server answers there; again" in err
    assert {path for path, *_ in server.requests} == {"/mirror"}


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["food101", "--classes", "piza"], 1, "'pizza', the nearest name"),
        (["food101", "--classes", "200"], 1, "ask for at most 101"),
        (["food101", "--per-class", "0"], 2, "expected a whole number of at least 1, and got '0'"),
        (["food101", "--size", "big"], 2, "expected a whole number of at least 1, and got 'big'"),
        (["food101", "--url", "nonsense"], 1, "expected an address such as https://host/path/to/file"),
        (["wikitext", "--articles", "5", "--megabytes", "1"], 2, "not allowed with argument"),
        (["wikitext", "--edition", "3"], 2, "there is no '3'"),
        (["vocab", "--out-dir", "file"], 1, "cannot write"),
        (["fod101"], 2, "there is no command 'fod101'; did you mean food101?"),
    ],
)
def test_a_mistake_is_told_in_one_line(capsys, server, tmp_path, arguments, status, message):
    (tmp_path / "file").touch()
    server.files["/v"] = Served(b"x")
    if arguments[0] == "vocab":
        arguments = [*arguments, "--url", server.url("/v")]
        server.files["/v"] = Served(bytes(231_508))
    got, _, err = run(capsys, "data", *arguments)
    assert got == status
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_a_network_one_line_says_so(capsys, server, tmp_path):
    status, printed, err = run(capsys, "data", "wikitext", "--url", dead_url())
    assert (status, printed) == (1, "")
    last = err.splitlines()[-1]
    assert last.startswith("minibnn: error: cannot fetch wikitext-2-raw-v1.zip: 127.0.0.1:")
    assert last.endswith("check the network and run the same command again, or name a mirror with --url")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "facts"),
    [
        ("food101", ["4,996,278,331", "85eeb15f3717b99a5da872d97d918f87", "d97d15e438b7f449", "research use only"]),
        ("wikitext", ["4,721,645", "191,984,949", "ef7edb566e3e2b2d", "91c00ae287f0d699", "CC BY-SA 3.0"]),
        ("vocab", ["231,508", "07eced375cec144d", "Apache-2.0", "huggingface.co/google-bert/bert-base-uncased"]),
    ],
)
def test_help_and_list_name_sources_sizes_checksums_and_licences(capsys, command, facts):
    assert run(capsys, "data", command, "--help")[0] == 0
    run(capsys, "data", command, "--help")
    helped, listed = run(capsys, "data", command, "--help")[1], run(capsys, "data", "list")[1]
    for fact in facts:
        assert fact in helped
        assert fact in listed
    assert helped.count(facts[0]) == 1


def test_clean_removes_the_cache_and_says_what(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIBNN_CACHE", str(tmp_path / "cache"))
    cached_array("photos", [1], lambda: np.zeros(1_000_000, np.uint8))
    assert "cache: 1 file, 1.0 MB, in" in run(capsys, "data", "list")[1]
    assert run(capsys, "data", "clean")[1] == f"removed from the cache {tmp_path / 'cache'}: 1 file, 1.0 MB\n"
    assert run(capsys, "data", "clean")[1] == f"removed from the cache {tmp_path / 'cache'}: 0 files, 0 bytes\n"
    assert list(tmp_path.iterdir()) == []


def test_training_uses_the_cache_and_works_without(capsys, server, tmp_path, monkeypatch):
    run(capsys, "data", "food101", "--out-dir", "food")
    monkeypatch.setenv("MINIBNN_CACHE", str(tmp_path / "cache"))
    command = ["train", "image", "--data", "food", "--image-size", 16, "--epochs", 1, "--max-steps", 1]
    results = [run(capsys, *command) for _ in range(2)]
    assert len(list((tmp_path / "cache").glob("photos-*.npy"))) == 2
    (tmp_path / "file").touch()
    monkeypatch.setenv("MINIBNN_CACHE", str(tmp_path / "file"))
    results.append(run(capsys, *command))
    assert [status for status, *_ in results] == [0, 0, 0]
    losses = [next(line for line in out.splitlines() if line.startswith("epoch 1")) for _, out, _ in results]
    assert losses[0] == losses[1] == losses[2]
    notes = [[line for line in err.splitlines() if "note" in line] for *_, err in results]
    assert notes[:2] == [[], []]
    assert len(notes[2]) == 1
    assert notes[2][0].startswith(f"minibnn: note: not cached in {tmp_path / 'file'}: ")


def test_data_alone_shows_what_there_is(capsys):
    status, printed, _ = run(capsys, "data")
    assert status == 0
    for name in ("food101", "wikitext", "vocab", "list", "clean"):
        assert name in printed


def test_no_command_needs_numpy_for_its_help():
    code = "import sys; from minibnn.cli import main; main([]); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_script_does_what_the_command_does(tmp_path):
    """All three at once, since each waits before it tries a dead server again."""
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS.parent)}

    def started(name, *arguments):
        command = [sys.executable, SCRIPTS / f"{name}.py", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=environment, **pipes)

    names, wrong = ["get_food101", "get_wikitext", "get_bert_vocab"], ["--url", dead_url(), "--out-dir"]
    for process in [started(name, "--help") for name in names]:
        helped, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        assert "sha256" in helped
        assert "--out-dir" in helped
    for process in [started(name, *wrong, tmp_path / name) for name in names]:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "no server answers there" in err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_is_one_line_and_status_130(tmp_path):
    with running_server() as server:
        server.files["/v"] = Served(bytes(231_508), silence=[30])
        command = [sys.executable, "-m", "minibnn", "data", "vocab", "--out-dir", tmp_path / "v"]
        process = subprocess.Popen([*command, "--url", server.url("/v")], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not server.requests:
            time.sleep(0.02)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=10)[1]
    assert process.returncode == 130
    assert err.splitlines()[-1] == "minibnn: stopped"
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
