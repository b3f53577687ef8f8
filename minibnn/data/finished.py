"""Folders that are there whole or not at all: made beside their place, stamped with what they were made from, renamed.

A folder that is being made is called .<name>.<8 letters>.part. What an interrupted run left is removed by the next one.
"""

import glob
import json
import os
import shutil
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path

from minibnn.data.download import hold, telling_full_disk
from minibnn.errors import InputError
from minibnn.files import readable

STAMP, ALIVE = "minibnn-data.json", "alive"


def is_finished(folder, made_from, replace=False):
    """Whether an earlier call made `folder` (path) from the same; False if it is missing or empty.

    Args:
        made_from: dict that JSON can hold: everything that the contents of the folder depend on.
        replace: count as missing what an earlier call made from something else, or what was changed since.

    Raises InputError if something else is there, which is never overwritten.
    """
    folder = Path(folder)
    with readable(folder):
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return False
        stamp = _read_stamp(folder)
        if stamp is None:
            raise InputError(f"{folder} holds something else already; choose another folder with --out-dir")
        if replace:
            return False
        if stamp["made_from"] != made_from:
            raise InputError(
                f"{folder} holds another choice already ({_difference(stamp['made_from'], made_from)}); choose another "
                "folder with --out-dir, or make this one anew with --replace"
            )
        if stamp["contents"] != _contents(folder):
            raise InputError(f"{folder} was changed since it was made; make it anew with --replace")
    return True


@contextmanager
def new_folder(folder, made_from, replace=False):
    """Give an empty folder (Path) to fill; at the end it is stamped and becomes `folder`, or is removed after an error.

    Args:
        made_from, replace: as in `is_finished`, which is asked again at the end: of two runs at once, the first makes
            the folder, and the work of the second is dropped.

    Raises InputError if the folder cannot be written, if the disk is full, or as `is_finished` does.
    """
    place = Path(os.path.realpath(folder))
    parent_is_new = not place.parent.exists()
    draft = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.part")
    with telling_full_disk(folder):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            _remove_left_over(place)
            draft.mkdir()
            with _marked_as_alive(draft):
                yield draft
            stamp = {"made_from": made_from, "contents": _contents(draft)}
            (draft / STAMP).write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
            if not is_finished(folder, made_from, replace):
                _swap(draft, place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            if parent_is_new:
                with suppress(OSError):  # it holds the folder now, or something else
                    place.parent.rmdir()


def _swap(draft, place):
    """Rename `draft` to `place`; what was there goes away."""
    old = draft.with_suffix(".old")
    if place.exists():
        os.replace(place, old)
    os.replace(draft, place)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _marked_as_alive(draft):
    """Hold the file ALIVE in `draft` open and locked; the system lets go of it when the process ends in any way."""
    with (draft / ALIVE).open("wb") as mark:
        hold(mark)
        yield
    (draft / ALIVE).unlink()


def _remove_left_over(place):
    """Remove the drafts of `place` whose process has ended."""
    for draft in place.parent.glob(f".{glob.escape(place.name)}.????????.part"):
        with suppress(OSError):  # locked by a run that goes on, or removed by another
            with (draft / ALIVE).open("wb") as mark:
                hold(mark)
            (draft / ALIVE).unlink()  # Windows, where `hold` does nothing, removes no open file
            shutil.rmtree(draft, ignore_errors=True)


def _contents(folder):
    """[number of files, bytes in all] below a folder, but for the stamp."""
    sizes = [entry.stat().st_size for entry in _files(folder) if entry.name != STAMP]
    return [len(sizes), sum(sizes)]


def _files(folder):
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            else:
                yield entry


def _read_stamp(folder):
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) and {"made_from", "contents"} <= stamp.keys() else None


def _difference(old, new):
    """What differs, as "size 64 instead of 32"."""
    keys = [key for key in new if not isinstance(old, dict) or old.get(key) != new[key]]
    return ", ".join(f"{key} {old.get(key) if isinstance(old, dict) else '?'} instead of {new[key]}" for key in keys)
