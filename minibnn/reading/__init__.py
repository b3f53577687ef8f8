"""What runs, checks and renders the lessons. It knows files only: the lessons themselves import the rest of minibnn."""

from minibnn.reading.drawing import draw
from minibnn.reading.exercise import Wrong
from minibnn.reading.lesson import Block, Difference, Lesson, find_lessons, read_lesson, run_lesson

__all__ = ["Block", "Difference", "Lesson", "Wrong", "draw", "find_lessons", "read_lesson", "run_lesson"]
