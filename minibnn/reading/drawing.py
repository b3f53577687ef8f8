"""Figures of the lessons: drawn in one style where matplotlib is installed, and skipped where it is not.

A lesson says `with draw("07-rounding") as axes:` and plots. What it plotted is remembered, rounded to three digits, and
written into the SVG, so that a test can tell whether the committed figure still shows what the lesson computes.
"""

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path


@dataclass
class Drawings:
    """Where figures go while a lesson runs: `folder`, or nowhere for None. `numbers`: what each of them shows."""

    folder: Path | None = None
    numbers: dict = field(default_factory=dict)


DRAWINGS = Drawings()


class _Nothing:
    """Stands in for matplotlib's Axes where matplotlib is missing: takes every call, and does nothing."""

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **options):
        return self

    def __iter__(self):
        return iter(())


@contextmanager
def draw(name, *, columns=1, width=7.0, height=3.2):
    """Give matplotlib Axes in the project's style to draw one figure of a lesson on.

    `name`: of the figure, `NN-word`; the lesson shows it as `figures/NN-word.svg`. `columns`: how many Axes stand side
    by side; 1 gives the Axes itself, more give a tuple of them. `width`, `height`: of the whole figure, in inches.
    Without matplotlib, what is given takes every call and draws nothing.
    """
    if find_spec("matplotlib") is None:
        yield _Nothing() if columns == 1 else (_Nothing(),) * columns
        return
    from minibnn.figures import blank_figure, figure

    path = None if DRAWINGS.folder is None else DRAWINGS.folder / f"{name}.svg"
    with figure(path, width, height) if path else nullcontext(blank_figure(width, height)) as canvas:
        axes = tuple(canvas.subplots(1, columns, squeeze=False)[0])
        yield axes[0] if columns == 1 else axes
        DRAWINGS.numbers[name] = [shown(each) for each in axes]


def shown(axes):
    """What an Axes shows, as lists of numbers of three digits: its lines, and the heights of its bars."""
    lines = [[_three_digits(line.get_xdata()), _three_digits(line.get_ydata())] for line in axes.get_lines()]
    return {"lines": lines, "bars": _three_digits([bar.get_height() for bar in axes.patches])}


def _three_digits(values):
    return [float(f"{float(value):.3g}") for value in values]
