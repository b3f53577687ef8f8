"""Lines that a terminal is too narrow for are cut at spaces; a file gets them whole."""

import sys

import pytest

from minibnn.terminal import columns, folded

LONG = "kept in runs/a-folder-of-a-run-with-a-long-name: " + ", ".join(
    f"checkpoints/step-{n:08d}.npz" for n in range(9)
)


def test_lines_are_folded_at_spaces_in_a_terminal_alone(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert (columns(), folded(LONG)) == (None, LONG)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    lines = folded(f"short\n{LONG}").split("\n")
    assert columns() == 80
    assert lines[0] == "short"
    assert max(map(len, lines)) <= 80
    assert all(line.startswith("  checkpoints/") for line in lines[2:])
    assert " ".join(line.strip() for line in lines[1:]) == LONG


@pytest.mark.parametrize("width", ["1", "20", "40"])
def test_a_path_is_never_cut(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert folded(LONG).split() == LONG.split()
    assert folded("a-" * 50) == "a-" * 50


@pytest.mark.parametrize("stream", [None, "closed"])
def test_without_a_stream_there_is_no_terminal(stream, monkeypatch, tmp_path):
    file = open(tmp_path / "file", "w")  # noqa: SIM115
    file.close()
    monkeypatch.setattr(sys, "stdout", None if stream is None else file)
    assert (columns(), folded(LONG)) == (None, LONG)
