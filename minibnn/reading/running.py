"""Running a lesson from the outside: in a process of its own, and beside its committed figures."""

from dataclasses import dataclass, field

from minibnn.figures import need_matplotlib
from minibnn.reading.drawing import changed, numbers_in
from minibnn.reading.lesson import Difference
from minibnn.reading.separate import run_apart


@dataclass
class Outcome:
    """What running a lesson gave. `differences`: list of Difference; `figures`: what each shows; `seconds`: it took."""

    differences: list
    figures: dict = field(default_factory=dict)
    seconds: float = 0.0


def run_alone(lesson, *, redraw=False, seconds=None):
    """Run a lesson in a process of its own, in the folder that its page's folder is in.

    Args:
        lesson: a Lesson.
        redraw: whether to write its figures into `figures`, beside the page; else they are compared with those there.
        seconds: after which it is ended, which is a difference too; None waits as long as it takes.

    Returns:
        an Outcome; a page that tells the truth has no differences.

    Raises:
        InputError: if figures are to be drawn and matplotlib is missing.
    """
    page = lesson.path.resolve()
    figures = page.parent / "figures"
    if redraw:
        need_matplotlib()
        figures.mkdir(exist_ok=True)
    report, why = run_apart("lesson", [page, *([figures] if redraw else [])], page.parents[1], seconds)
    if report is None:
        return Outcome([Difference(lesson.path, 1, f"this lesson could not be run to its end: {why}")])
    differences = [Difference(lesson.path, *found) for found in report["differences"]]
    if not differences:
        differences = figure_differences(lesson, report["figures"])
    return Outcome(differences, report["figures"], report["seconds"])


def figure_differences(lesson, drawn):
    """Where the figures of a page are not what its code draws: a list of Difference.

    `drawn`: {name: what `shown` gave for each Axes}; empty where matplotlib is missing, and then nothing is compared.
    """
    differences = []
    for name, numbers in drawn.items():
        target = f"figures/{name}.svg"
        line = next((at for at, text in enumerate(lesson.lines, 1) if f"]({target})" in text), None)
        code = next((at for at, text in enumerate(lesson.lines, 1) if f'draw("{name}"' in text), 1)
        path = lesson.path.parent / target
        if line is None:
            message = f"the page does not show the figure that is drawn here: ![what it says]({target})"
        elif not path.is_file():
            message = f"there is no {target}; draw it: minibnn lessons {lesson.number} --figures"
        elif changed(numbers_in(path), numbers):
            message = f"{target} shows other numbers than the code draws; minibnn lessons {lesson.number} --figures"
        else:
            continue
        differences.append(Difference(lesson.path, line or code, message))
    return differences
