"""The cache of arrays: the same again and at once, never wrong, never in the way."""

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibnn.data import cache
from minibnn.data.cache import CacheWarning, cache_folder, cached_array, cached_files, clear_cache


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache, which does not exist yet."""
    monkeypatch.setenv("MINIBNN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Made:
    """A function that returns `array` and counts its calls."""

    def __init__(self, array):
        self.array, self.calls = array, 0

    def __call__(self):
        self.calls += 1
        return self.array.copy()


ARRAY = np.random.default_rng(0).integers(0, 256, (700, 60, 60, 3), np.uint8)


@pytest.mark.parametrize(
    "array",
    [
        ARRAY,
        np.arange(12, dtype=np.int32),
        np.zeros((0, 4), np.int64),
        np.array(3.5, np.float32),
        np.arange(24).reshape(4, 6).T,
        np.arange((1 << 17) + 3, dtype=np.int64),
    ],
)
def test_the_second_time_it_is_not_made(array):
    make = Made(array)
    first, second = (cached_array("photos", [1], make) for _ in range(2))
    assert make.calls == 1
    for kept in (first, second):
        assert type(kept) is np.ndarray
        assert (kept.dtype, kept.shape) == (array.dtype, array.shape)
        assert (kept == array).all()


def test_what_is_written_to_a_mapped_array_stays_in_this_process():
    make = Made(ARRAY)
    for _ in range(3):
        kept = cached_array("photos", [1], make)
        assert (kept == ARRAY).all()
        kept[:] = 0
        kept.sort(axis=0)
    assert make.calls == 1


def test_kind_and_source_are_the_key():
    calls = [
        cached_array(kind, source, Made(np.array([number])))[0]
        for number, (kind, source) in enumerate(
            [("photos", [1]), ("tokens", [1]), ("photos", [2]), ("photos", ["1"]), ("photos", {"a": 1, "b": 2})]
        )
    ]
    assert calls == list(range(5))
    assert cached_array("photos", {"b": 2, "a": 1}, Made(np.array([9])))[0] == 4


def test_it_goes_where_the_environment_says(tmp_path, monkeypatch):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("MINIBNN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for platform, expected in (
        ("linux", "xdg/minibnn"),
        ("darwin", "home/Library/Caches/minibnn"),
        ("win32", "local/minibnn"),
    ):
        monkeypatch.setattr(cache.sys, "platform", platform)
        assert cache_folder() == tmp_path / expected
    monkeypatch.setattr(cache.sys, "platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / "home" / ".cache" / "minibnn"


def damaged(path, how):
    content = bytearray(path.read_bytes())
    if how == "cut off":
        content = content[:-5000]
    elif how == "cut to nothing":
        content = b""
    elif how == "longer":
        content += b"x"
    elif how == "zeros at the end":
        content[-200_000:] = bytes(200_000)
    elif how == "another header":
        content[:128] = content[:128].replace(b"(700, 60,", b"(60, 700,")
    elif how == "text":
        content = b"not an array" * 1000
    else:
        place = {"one bit at first": 128, "one bit amid": len(content) // 2, "one bit of the seal": len(content) - 3}
        content[place[how]] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "how",
    [
        "cut off",
        "cut to nothing",
        "longer",
        "zeros at the end",
        "another header",
        "text",
        "one bit at first",
        "one bit amid",
        "one bit of the seal",
    ],
)
def test_damage_is_noticed_and_mended(how):
    make = Made(ARRAY)
    cached_array("photos", [1], make)
    (path,) = cached_files()
    damaged(path, how)
    for _ in range(2):
        assert (cached_array("photos", [1], make) == ARRAY).all()
    assert make.calls == 2


def test_a_file_under_the_name_of_another_is_not_taken():
    cached_array("photos", [1], Made(ARRAY))
    (path,) = cached_files()
    cached_array("photos", [2], Made(ARRAY + 1))
    (other,) = set(cached_files()) - {path}
    path.replace(other)
    assert (cached_array("photos", [2], Made(ARRAY + 1)) == ARRAY + 1).all()


def test_a_pickle_is_never_loaded(folder):
    cached_array("photos", [1], Made(ARRAY))
    (path,) = cached_files()
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    assert (cached_array("photos", [1], Made(ARRAY)) == ARRAY).all()


@given(st.integers(0, 3 * (1 << 10)), st.data())
def test_the_seal_sees_every_single_change(length, data):
    content = np.arange(length, dtype=np.uint32).astype(np.uint8)
    before = cache._seal("key", content)
    assert before != cache._seal("kez", content)
    assert before != cache._seal("key", np.append(content, np.uint8(0)))
    if length:
        changed = content.copy()
        changed[data.draw(st.integers(0, length - 1))] ^= 1 << data.draw(st.integers(0, 7))
        assert before != cache._seal("key", changed)


def test_of_a_very_large_file_blocks_at_even_distances_are_checked(monkeypatch):
    monkeypatch.setattr(cache, "MOST_CHECKED", 4)
    monkeypatch.setattr(cache, "BLOCK", 64)
    content = np.arange(6400, dtype=np.uint32).astype(np.uint8)
    before, seen = cache._seal("key", content), 0
    for block in range(100):
        changed = content.copy()
        changed[block * 64] ^= 1
        seen += cache._seal("key", changed) != before
    assert seen == 4


@pytest.mark.parametrize("why", ["read-only", "a file", "full"])
def test_without_a_place_to_write_it_works_with_one_warning(folder, monkeypatch, why):
    make = Made(ARRAY)
    if why == "a file":
        folder.write_text("")
    elif why == "full":
        folder.mkdir()
        monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    else:
        monkeypatch.setattr(
            Path, "mkdir", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
        )
    with pytest.warns(CacheWarning, match=r"not cached in .*cache: .*; MINIBNN_CACHE names another folder") as caught:
        assert (cached_array("photos", [1], make) == ARRAY).all()
    assert len(caught) == 1
    if folder.is_dir():
        assert list(folder.iterdir()) == []


def test_a_file_that_must_not_be_read_is_made_again(folder, monkeypatch):
    cached_array("photos", [1], Made(ARRAY))
    opened = Path.open

    def refuse(path, mode="r", **options):
        if path.suffix == ".npy":
            raise PermissionError(13, "Permission denied")
        return opened(path, mode, **options)

    monkeypatch.setattr(Path, "open", refuse)
    assert (cached_array("photos", [1], Made(ARRAY)) == ARRAY).all()


WRITER = """
import sys, time
import numpy as np
from minibnn.data.cache import cached_array
print("ready", flush=True)
sys.stdin.readline()
array = cached_array("photos", [1], lambda: np.random.default_rng(0).integers(0, 256, (700, 60, 60, 3), np.uint8))
print(int(array.sum()))
"""


def writer():
    process = subprocess.Popen([sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_several_processes_that_make_the_same_at_once_all_succeed(folder):
    processes = [writer() for _ in range(3)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert {process.communicate(timeout=60)[0] for process in processes} == {f"{int(ARRAY.sum())}\n"}
    assert [path.suffix for path in folder.iterdir()] == [".npy"]
    make = Made(ARRAY)
    assert (cached_array("photos", [1], make) == ARRAY).all()
    assert make.calls == 0


KILLED = """
import os, signal, sys
import numpy as np
from minibnn.data import cache
array = np.random.default_rng(0).integers(0, 256, (700, 60, 60, 3), np.uint8)
stop, stops = sys.argv[1], {}
def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if stop == "amid":
    write = np.lib.format.write_array
    def half(file, array, **options):
        write(file, array, **options)
        file.truncate(1_000_000)
        file.flush()
        kill()
    np.lib.format.write_array = half
elif stop == "unsealed":
    cache._seal = kill
elif stop == "unsynced":
    cache.os.fsync = kill
elif stop == "unnamed":
    cache.os.replace = kill
else:
    cache.Path.unlink = kill
cache.cached_array("photos", [1], lambda: array)
"""


@pytest.mark.parametrize("moment", ["amid", "unsealed", "unsynced", "unnamed", "named"])
def test_a_kill_at_any_moment_leaves_nothing_that_is_taken_for_whole(folder, moment):
    done = subprocess.run([sys.executable, "-c", KILLED, moment])
    assert done.returncode == -signal.SIGKILL
    left = sorted(path.suffix for path in folder.iterdir())
    assert left == ([".npy"] if moment == "named" else [".draft"])
    make = Made(ARRAY)
    assert (cached_array("photos", [1], make) == ARRAY).all()
    assert make.calls == (moment != "named")
    for path in folder.glob(".*.draft"):
        os.utime(path, (time.time() - 90_000,) * 2)
    cached_array("photos", [2], make)
    assert [path for path in folder.iterdir() if path.suffix == ".draft"] == []


def test_clearing_removes_what_is_ours_and_nothing_else(folder):
    assert clear_cache() == {}
    cached_array("photos", [1], Made(ARRAY))
    cached_array("tokens", [1], Made(ARRAY))
    (folder / f".{'0' * 32}.draft").write_bytes(b"left over")
    (folder / "mine.npy").write_bytes(b"mine")
    (folder / "photos-mine.npy").write_bytes(b"mine")
    assert len(cached_files()) == 3
    assert len(clear_cache()) == 3
    assert sorted(path.name for path in folder.iterdir()) == ["mine.npy", "photos-mine.npy"]
    for path in folder.iterdir():
        path.unlink()
    assert clear_cache() == {}
    assert not folder.exists()


def test_a_large_set_is_there_in_under_a_second(tmp_path):
    """20,000 photos' worth of bytes at 64 pixels a side: 246 MB."""
    make = Made(np.zeros((20_000, 64, 64, 3), np.uint8))
    cached_array("photos", [1], make)
    began = time.perf_counter()
    kept = cached_array("photos", [1], make)
    assert time.perf_counter() - began < 1
    assert (make.calls, kept.shape) == (1, (20_000, 64, 64, 3))


def test_no_warning_where_all_is_well(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cached_array("photos", [1], Made(ARRAY))
        cached_array("photos", [1], Made(ARRAY))
