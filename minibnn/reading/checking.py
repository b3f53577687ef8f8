"""Checking a reader's answer to an exercise from the outside: in a process of its own, in limited time."""

from dataclasses import dataclass
from pathlib import Path

from minibnn.errors import InputError
from minibnn.reading.places import number_of, shown_path
from minibnn.reading.separate import run_apart

SECONDS = 30  # for an answer; a checker takes under 3, and kernels may have to be compiled first
GRACE = 15  # more, for Python to start and to tell where the answer was


@dataclass
class Verdict:
    """What a checker thinks. `status`: "right" or what is the matter (`exercise.verdict`); `message`: a sentence."""

    status: str
    message: str

    @property
    def right(self):
        """Whether the answer is right."""
        return self.status == "right"


def exercises_in(folder):
    """The numbers of the lessons that have a checker in `folder`/exercises, ascending."""
    return sorted(int(path.stem[6:]) for path in (folder / "exercises").glob("check_[0-9][0-9].py"))


def exercise_named(word, folder):
    """The number of the lesson that a reader names by `word`; raises InputError if it has no exercise."""
    if not (known := exercises_in(folder)):
        raise InputError(f"there are no checkers such as check_01.py in {folder / 'exercises'}")
    return number_of(word, known)


def stub_of(number, folder):
    """The file in which a reader writes the answer to lesson `number`, as a Path."""
    return folder / "exercises" / f"lesson_{number:02}.py"


def check_answer(number, folder, answer=None, *, seconds=SECONDS, quiet=False):
    """Check the answer to the exercise of a lesson.

    Args:
        number: of the lesson, one of `exercises_in(folder)`.
        folder: of the lessons.
        answer: the reader's file; None takes `stub_of(number, folder)`.
        seconds: how long it may take.
        quiet: whether what the answer prints is kept back.

    Returns:
        a Verdict.

    Raises:
        InputError: if there is no such file.
    """
    answer = Path(stub_of(number, folder) if answer is None else answer).resolve()
    if not answer.is_file():
        what = "it is a folder" if answer.is_dir() else "there is no such file"
        raise InputError(f"cannot check {shown_path(answer)}: {what}; expected a Python file with your answer")
    checker = (folder / "exercises" / f"check_{number:02}.py").resolve()
    arguments = [checker, answer, seconds]
    report, why = run_apart("exercise", arguments, Path.cwd(), seconds + GRACE, quiet=quiet)
    if report is None:
        return Verdict("error", f"{shown_path(answer)} could not be checked: {why}.")
    return Verdict(**report)
