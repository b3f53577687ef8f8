"""Downloads that are stopped, or run out of disk: nothing half-written under a final name, and the next run goes on."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from data.local_server import CONTENT, QUICK, Served, files_of, remote, running_server

from minibnn.data.download import blocks, fetch
from minibnn.errors import InputError


@pytest.fixture
def server():
    with running_server() as server:
        yield server


def test_a_disk_without_room_is_noticed_before_anything_is_fetched(server, tmp_path):
    server.files["/file"] = Served(CONTENT)
    with pytest.raises(InputError, match=r"no room in .*: expected 1000000\d*\.0 GB free, and there are .*--out-dir"):
        fetch(remote(server, size=10**18), tmp_path / "f", **QUICK)
    assert server.requests == []


def test_a_disk_that_fills_up_is_told_and_the_next_run_continues(server, tmp_path):
    """A limit on the size of a file, as the operating system sets it, stands for the disk."""
    server.files["/file"] = Served(CONTENT)
    code = f"""
import resource, signal
from minibnn.data.download import fetch
from minibnn.data.sources import RemoteFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
try:
    fetch({remote(server)!r}, {str(tmp_path / "f")!r})
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"no room left for {tmp_path / 'f'}.part (File too large); free some, or choose a")
    assert files_of(tmp_path) == ["f.part"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 600_000
    fetch(remote(server), tmp_path / "f", **QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert int(server.ranges()[-1].removeprefix("bytes=").rstrip("-")) > 100_000


def test_a_full_disk_is_told(server, tmp_path, monkeypatch):
    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def fileno(self):
            return self.file.fileno()

        def write(self, _):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    server.files["/file"] = Served(CONTENT)
    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, mode: Full(opened(path, mode)) if "a" in mode else opened(path, mode)
    )
    with pytest.raises(InputError, match=r"no room left for .*f\.part \(No space left on device\); free some"):
        fetch(remote(server), tmp_path / "f", **QUICK)


def test_a_folder_that_must_not_be_written_is_named(server, tmp_path):
    server.files["/file"] = Served(CONTENT)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write .*; choose another folder with --out-dir"):
        fetch(remote(server), tmp_path / "file" / "below" / "f", **QUICK)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_download_has_no_final_name_and_is_continued(server, tmp_path, how):
    server.files["/file"] = Served(CONTENT, drops=[500_000])
    code = f"""
from minibnn.data.download import fetch
from minibnn.data.sources import RemoteFile
fetch({remote(server)!r}, {str(tmp_path / "f")!r}, pauses=(60,))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    part, deadline = tmp_path / "f.part", time.monotonic() + 30
    while time.monotonic() < deadline and not (part.exists() and part.stat().st_size > 100_000):
        time.sleep(0.02)
    process.send_signal(how)
    process.wait(30)
    assert files_of(tmp_path) == ["f.part"]
    fetch(remote(server), tmp_path / "f", **QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert server.ranges()[-1].startswith("bytes=")


def test_of_two_runs_that_fetch_the_same_file_the_second_says_so(server, tmp_path):
    server.files["/file"] = Served(CONTENT)
    first = blocks(remote(server), keep=tmp_path / "f", **QUICK)
    next(first)
    with pytest.raises(InputError, match=r"f\.part is being written by another run; wait for its end, or choose"):
        fetch(remote(server), tmp_path / "f", **QUICK)
    for _ in first:
        pass
    assert (tmp_path / "f").read_bytes() == CONTENT
