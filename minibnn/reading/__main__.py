"""What runs in the process of its own that `separate.py` starts: one lesson, or the checker of one exercise."""

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from minibnn.reading import exercise
from minibnn.reading.drawing import DRAWINGS
from minibnn.reading.lesson import read_lesson, run_lesson


def lesson(report, page, figures=""):
    """Run the lesson in the file `page`; draw its figures into the folder `figures`, or nowhere."""
    warnings.filterwarnings("error", module=r"(lesson_\d\d|minibnn\b.*)$")  # a page that warns is not finished
    DRAWINGS.folder = Path(figures) if figures else None
    began = time.process_time(), time.monotonic()
    found = [(difference.line, difference.message) for difference in run_lesson(read_lesson(page))]
    seconds = min(time.process_time() - began[0], time.monotonic() - began[1])  # others, or several threads, count not
    _write(report, {"differences": found, "figures": DRAWINGS.numbers, "seconds": seconds})


def check(report, checker, answer, seconds):
    """Run the checker in one file on the answer in another."""
    _write(report, exercise.verdict(Path(checker), Path(answer), float(seconds), lambda found: _write(report, found)))


def _write(report, content):
    Path(report).write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    verbs: dict[str, Callable] = {"lesson": lesson, "exercise": check}
    verbs[sys.argv[1]](*sys.argv[2:])
