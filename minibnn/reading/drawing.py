"""Figures of the lessons: drawn in one style where matplotlib is installed, and skipped where it is not.

A lesson says `with draw("07-rounding") as axes:` and plots. The numbers that it plotted are kept in the SVG too,
rounded to three digits, so that `changed` can tell whether a committed figure still shows what its lesson computes.
"""

import html
import json
import math
import re
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from minibnn.files import readable

MOST = 300  # numbers that are kept of one line, evenly spread
TOLERANCE = 1e-2  # of what is drawn, which nobody can see


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

    def __getitem__(self, index):
        return self

    def __iter__(self):
        return iter(())


@contextmanager
def draw(name, *, columns=1, width=7.0, height=3.2):
    """Give matplotlib Axes in the project's style to draw one figure of a lesson on.

    `name`: of the figure, `NN-word`; the lesson shows it as `figures/NN-word.svg`. `columns`: how many Axes stand side
    by side; 1 gives the Axes itself, more give a tuple of them. `width`, `height`: of the whole figure, in inches.
    Without matplotlib, what is given takes every call and draws nothing. In a notebook the figure is shown.
    """
    if find_spec("matplotlib") is None:
        yield _Nothing() if columns == 1 else (_Nothing(),) * columns
        return
    from minibnn.figures import blank_figure, figure

    metadata = {"Date": None, "Creator": "minibnn"}  # nothing that changes from day to day
    with _folder() as folder:
        path = folder and folder / f"{name}.svg"
        with figure(path, width, height, metadata) if path else nullcontext(blank_figure(width, height)) as canvas:
            axes = tuple(canvas.subplots(1, columns, squeeze=False)[0])
            yield axes[0] if columns == 1 else axes
            DRAWINGS.numbers[name] = [shown(each) for each in axes]
            metadata["Description"] = json.dumps(DRAWINGS.numbers[name])
        _show(path)


@contextmanager
def _folder():
    """Where a figure goes: the folder of DRAWINGS; in a notebook without one, a folder for the moment; else None."""
    if DRAWINGS.folder is None and _in_notebook():
        with TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        yield DRAWINGS.folder


def _in_notebook():
    return "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None


def _show(path):
    """Show a figure below its cell, where a notebook runs us."""
    if _in_notebook():
        from IPython.display import SVG, display

        display(SVG(filename=path))


def shown(axes):
    """What an Axes shows, as lists of numbers of three digits: lines, points, bars (width, height), pictures."""
    lines = [(line.get_xdata(orig=False), line.get_ydata(orig=False)) for line in axes.get_lines()]
    points = [zip(*_points(collection), strict=True) for collection in axes.collections]
    bars = [patch for patch in axes.patches if hasattr(patch, "get_height")]
    return {
        "lines": [[_numbers(along) for along in line] for line in lines],
        "points": [[_numbers(along) for along in each] for each in points],
        "bars": [_numbers(getattr(bar, side)() for bar in bars) for side in ("get_width", "get_height")],
        "pictures": [_numbers(picture.get_array().ravel()) for picture in axes.images],
    }


def _points(collection):
    """The points of a scatter; of areas and bundles of lines, which stand at no point of their own, their corners."""
    placed = list(collection.get_offsets())
    outlines = [corner for path in collection.get_paths() for corner in path.vertices]
    return placed if any(map(any, placed)) or not outlines else outlines


def _numbers(values):
    values = list(values)
    step = math.ceil(len(values) / MOST) or 1
    return [float(f"{float(value):.3g}") for value in values[::step]]


def numbers_in(path):
    """The numbers kept in an SVG that `draw` wrote, as `shown` gave them for each Axes; None if it holds none."""
    with readable(path):
        kept = re.search(r"<dc:description>(.*?)</dc:description>", Path(path).read_text(encoding="utf-8"), re.DOTALL)
    try:
        return json.loads(html.unescape(kept[1])) if kept else None
    except ValueError:
        return None


def changed(old, new, scale=0.0):
    """Whether two figures, as `numbers_in` and `shown` tell of them, differ by more than a reader could see.

    `old`, `new`: dicts, lists and numbers. `scale`: the size of the numbers that they are drawn beside, which decides
    whether a difference between two numbers near zero can be seen.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() != new.keys() or any(changed(old[name], new[name]) for name in old)
    if isinstance(old, list) and isinstance(new, list):
        size = max((abs(value) for value in new if isinstance(value, float) and math.isfinite(value)), default=0.0)
        return len(old) != len(new) or any(changed(*pair, size) for pair in zip(old, new, strict=True))
    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
        same = math.isclose(old, new, rel_tol=TOLERANCE, abs_tol=TOLERANCE * scale / 10)
        return not (same or (math.isnan(old) and math.isnan(new)))
    return True
