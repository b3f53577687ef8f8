"""What runs, checks and renders the lessons. It knows files only: the lessons themselves import the rest of minibnn."""

from minibnn.reading.drawing import draw
from minibnn.reading.exercise import (
    Wrong,
    array_of,
    call,
    close,
    expect,
    kind,
    number_of,
    parts_of,
    short,
    truth_of,
    unchanged,
)
from minibnn.reading.lesson import Block, Difference, Lesson, find_lessons, read_lesson, run_lesson

__all__ = [
    "Block",
    "Difference",
    "Lesson",
    "Wrong",
    "array_of",
    "call",
    "close",
    "draw",
    "expect",
    "find_lessons",
    "kind",
    "number_of",
    "parts_of",
    "read_lesson",
    "run_lesson",
    "short",
    "truth_of",
    "unchanged",
]
