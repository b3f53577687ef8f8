"""One look for all figures of the project. Needs matplotlib, imported only when a figure is made."""

import warnings
from contextlib import contextmanager
from pathlib import Path

from minibnn.errors import InputError
from minibnn.files import replacing

NEEDS_PLOTS = "pip install 'minibnn[plots]' (in a clone: '.[plots]')"  # what brings matplotlib

# Okabe and Ito's palette, told apart by readers with any kind of colour blindness; without its yellow, which vanishes
# on white. The first two are the project's own: one bit and its 32-bit twin.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK, QUIET, GRID = "#1F2328", "#6B727B", "#E4E7EB"  # text; secondary text and axes; lines behind the data

_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Source Sans 3", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.labelsize": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.edgecolor": "#B8BEC6",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "xtick.major.size": 3,
    "lines.linewidth": 2.2,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "minibnn",
}


def need_matplotlib():
    """Raise InputError, which says how to get it, unless matplotlib is installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise InputError(f"figures need matplotlib: {NEEDS_PLOTS}") from error


@contextmanager
def figure(path, width, height, metadata=None):
    """Give an empty matplotlib Figure in the project's style, and write it to `path` at the end of the block.

    No window is opened and no global setting stays changed.

    Args:
        path: where to write; the suffix (.png, .svg, .pdf) chooses the format. Its folder must exist.
        width: in inches.
        height: in inches.
        metadata: dict that the file keeps, as matplotlib names it for its format; may be filled until the end.

    Raises:
        InputError: if matplotlib is not installed, the suffix is not a format of matplotlib, the folder is missing or
            closed to us, or `path` is a folder itself.
    """
    path = Path(path)
    need_matplotlib()
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    known = FigureCanvasAgg.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in known:
        raise InputError(f"figure {path.name!r}: expected a suffix of .png, .svg or .pdf, got {path.suffix!r}")
    with rc_context(_STYLE), replacing(path) as draft:
        canvas = blank_figure(width, height)
        yield canvas
        canvas.savefig(draft, dpi=200, format=path.suffix.lstrip("."), metadata=metadata)


def blank_figure(width, height):
    """A matplotlib Figure of so many inches that belongs to no window and no file."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


@contextmanager
def plain_labels():
    """Within it, a letter that the font does not have is drawn as a box without a warning: labels may be any text."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def colours_of(names):
    """Give each name its colour, in order; a dict. More than seven names begin the palette again."""
    return {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}


def label_ends(axis, ends, gap=0.075):
    """Write the name of each line at its right end, in its colour, moved apart where they would overlap.

    Args:
        axis: a matplotlib Axes whose limits are final.
        ends: list of (text, x, y, colour), one for each line; x and y in data units.
        gap: smallest distance between two labels, as a share of the axis' height.
    """
    to_share = axis.transData + axis.transAxes.inverted()
    heights = [to_share.transform((x, y))[1] for _, x, y, _ in ends]
    order = sorted(range(len(ends)), key=heights.__getitem__)
    for index, place in zip(order, spread([heights[i] for i in order], gap), strict=True):
        text, _, _, colour = ends[index]
        axis.annotate(
            text,
            (1, place),
            xycoords="axes fraction",
            xytext=(7, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            fontweight="bold",
            fontsize=9.5,
            annotation_clip=False,
            parse_math=False,
        )


def spread(places, gap):
    """Move ascending numbers apart until neighbours differ by `gap`, each group staying about its own middle."""
    groups = []  # (middle, size): as wide as its members need
    for place in places:
        group = (place, 1)
        while groups and groups[-1][0] + groups[-1][1] * gap / 2 > group[0] - group[1] * gap / 2:
            middle, size = groups.pop()
            total = size + group[1]
            group = ((middle * size + group[0] * group[1]) / total, total)
        groups.append(group)
    return [middle + (i - (size - 1) / 2) * gap for middle, size in groups for i in range(size)]
