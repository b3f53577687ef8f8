"""Learning curves: as a figure where matplotlib is installed, as text in the terminal everywhere."""

import math
from itertools import pairwise

from minibnn.errors import InputError
from minibnn.figures import INK, QUIET, colours_of, figure, label_ends

TITLES = {
    "loss": "Loss (nats)",
    "accuracy": "Accuracy (%)",
    "perplexity": "Perplexity (log scale)",
    "flip_ratio": "Bits flipped an epoch (%)",
    "lr": "Learning rate",
}
PERCENT = ("accuracy", "flip_ratio")
MARKERS = "*o+x#@%&"
MOST_COLUMNS = 3  # panels side by side
# A run of one epoch is a dot: filled or hollow.
VALIDATION = {"linestyle": "solid", "linewidth": 2.2, "markersize": 7}
TRAINING = {"linestyle": (0, (2.2, 1.6)), "linewidth": 1.4, "markersize": 7, "markerfacecolor": "white"}


def drawable_metrics(histories):
    """The names that `save_curves` takes of what some record of the histories (dict) holds, without the learning rate.

    So the flip ratio is among them for runs that have bits, and perplexity for runs on text.
    """
    drawable = [name for name in TITLES if any(_series(h, key) for h in histories.values() for key in _keys(name))]
    return [name for name in drawable if name != "lr"]


def save_curves(histories, path, title=None, metrics=("loss", "accuracy")):
    """Draw the learning curves of one or more runs, a panel for each metric: validation solid, training dashed.

    Args:
        histories: dict from the name of a run to its history (the list of records of `fit`, or of `read_metrics`).
        path: where to write, .png, .svg or .pdf.
        title: text above the panels, or None.
        metrics: names without their `train_` and `val_`: "loss", "accuracy", "perplexity"; or a whole key of the
            records, such as "flip_ratio" or "lr".

    Raises:
        InputError: if matplotlib is missing (then use `text_curve`), there is no metric, no run has one of them, or the
            path cannot be used.
    """
    if not metrics:
        raise InputError("metrics: expected the name of at least one metric, such as 'loss', and got none")
    for metric in metrics:
        if not any(_series(history, key) for history in histories.values() for key in _keys(metric)):
            raise InputError(
                f"no record of the {len(histories)} runs has the metric {metric!r} or {_keys(metric)[0]!r}"
            )
    longest = max(len(name) for name in histories)
    columns = 2 if len(metrics) == 4 else min(len(metrics), MOST_COLUMNS)
    rows = -(-len(metrics) // columns)
    width = columns * (3.9 + (0.085 * longest if len(histories) > 1 else 0))
    with figure(path, width, rows * 3.2 + (0.3 if title else 0)) as canvas:
        if title:
            canvas.suptitle(title, x=0.01, ha="left", fontsize=14, fontweight="bold", parse_math=False)
        canvas.get_layout_engine().set(wspace=0.08, hspace=0.08)
        has_key = False
        for number, metric in enumerate(metrics, start=1):
            axis = canvas.add_subplot(rows, columns, number)
            axis.set_title(TITLES.get(metric, metric), fontsize=11)
            _draw(axis, histories, metric)
            has_key = has_key or _style_key(axis, histories, metric)


def save_comparison(image_histories, text_histories, sizes, path):
    """Draw the project in one figure: how the one-bit networks and their twins learn, and the memory each needs.

    Left the validation accuracy on images, in the middle the validation perplexity on text, right the bytes of the
    weights. A name has the same colour in all panels.

    Args:
        image_histories: dict from the name of a run, for instance "one bit" and "32-bit", to its history.
        text_histories: the same for text, under the same names.
        sizes: dict from a group ("images", "text") to a dict from the name of a run to the bytes of its weights.
        path: where to write, .png, .svg or .pdf.

    Raises:
        InputError: if matplotlib is missing, a run lacks its metric, or the path cannot be used.
    """
    names = list(dict.fromkeys([*image_histories, *text_histories, *(n for group in sizes.values() for n in group)]))
    colours = colours_of(names)
    for histories, key in ((image_histories, "val_accuracy"), (text_histories, "val_perplexity")):
        for name, history in histories.items():
            if not _series(history, key):
                raise InputError(f"run {name!r}: no record has {key!r}; was it trained with validation examples?")
    with figure(path, 11, 3.2) as canvas:
        images, text, memory = canvas.subplots(1, 3, width_ratios=(1, 1, 0.95))
        canvas.get_layout_engine().set(wspace=0.06)
        images.set_title("Images: validation accuracy (%)")
        _draw(images, image_histories, "accuracy", colours, with_train=False)
        text.set_title("Text: validation perplexity (log)")
        _draw(text, text_histories, "perplexity", colours, with_train=False)
        memory.set_title("Bytes of the weights")
        _draw_sizes(memory, sizes, colours)


def text_curve(histories, metric="val_loss", width=60, height=12):
    """Draw one metric of one or more runs as text, for a terminal.

    Args:
        histories: dict from the name of a run to its history, at most eight runs.
        metric: key of the records, for instance "val_loss" or "train_accuracy".
        width: columns of the drawing, without the numbers at its left; at least 10.
        height: its rows; at least 3.

    Returns:
        str of several lines; the last one says which mark is which run, and its last value.

    Raises:
        InputError: if no run has the metric, there are more than eight runs, or the size is too small.
    """
    runs = {name: points for name, history in histories.items() if (points := _series(history, metric))}
    if not runs:
        raise InputError(f"no record of the {len(histories)} runs has the metric {metric!r}")
    if len(runs) > len(MARKERS) or width < 10 or height < 3:
        raise InputError(f"expected at most {len(MARKERS)} runs, width >= 10 and height >= 3")
    xs = [x for points in runs.values() for x, _ in points]
    ys = [y for points in runs.values() for _, y in points]
    rows = [[" "] * width for _ in range(height)]
    for mark, points in zip(MARKERS, runs.values(), strict=False):
        for column in range(width) if max(xs) > min(xs) else (width // 2,):
            x = min(xs) + (max(xs) - min(xs)) * column / (width - 1)
            if points[0][0] <= x <= points[-1][0]:
                row = _scale(_value_at(points, x), min(ys), max(ys), height - 1)
                rows[height - 1 - row][column] = mark
    labels = [f"{max(ys):.4g}", *[""] * (height - 2), f"{min(ys):.4g}"]
    margin = max(map(len, labels))
    lines = [f"{label:>{margin}} |{''.join(row).rstrip()}" for label, row in zip(labels, rows, strict=True)]
    ends = f"{min(xs):g}{max(xs):>{width - len(f'{min(xs):g}')}g}"
    if max(xs) == min(xs):
        ends = f"{'':{width // 2}}{min(xs):g}"
    key = "   ".join(
        f"{mark} {name} {points[-1][1]:.4g}" for mark, (name, points) in zip(MARKERS, runs.items(), strict=False)
    )
    return "\n".join([metric, *lines, f"{'':{margin}} +{'-' * width}", f"{'epoch':>{margin}}  {ends}", key])


def _keys(metric):
    """The record keys of a metric: (validation, training), or the key itself."""
    return (f"val_{metric}", f"train_{metric}", metric)


def _series(history, key):
    """The (epoch, value) points of a history that have a finite value."""
    return [(r["epoch"], r[key]) for r in history if r.get(key) is not None and math.isfinite(r[key])]


def _value_at(points, x):
    """Linear interpolation between points of ascending x."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[-1][1]


def _scale(value, low, high, steps):
    return round((value - low) / (high - low) * steps) if high > low else steps // 2


def _draw(axis, histories, metric, colours=None, with_train=True):
    """Draw one metric of all runs, and name each line at its end."""
    colours = colours or colours_of(histories)
    factor = 100 if metric in PERCENT else 1
    validation_key, train_key, own_key = _keys(metric)
    ends = []
    for name, history in histories.items():
        solid = _series(history, validation_key) or _series(history, own_key)
        dashed = _series(history, train_key) if with_train else []
        for points, look in ((dashed, TRAINING), (solid, VALIDATION)):
            if points:
                epochs, values = zip(*points, strict=True)
                values = [factor * value for value in values]
                marker = "o" if len(points) == 1 else None
                axis.plot(epochs, values, color=colours[name], marker=marker, **look)
        if points := solid or dashed:
            last = factor * points[-1][1]
            label = name if with_train else f"{name}  {last:.3g}"  # with the value where there is room for it
            ends.append((label, points[-1][0], last, colours[name]))
    _set_epochs(axis, {x for line in axis.lines for x in line.get_xdata()})
    _set_scales(axis, metric)
    axis.get_figure().draw_without_rendering()  # the limits are final only now
    if len(histories) > 1 or not with_train:
        label_ends(axis, ends)


def _set_scales(axis, metric):
    from matplotlib.ticker import LogLocator, NullFormatter

    if metric == "perplexity":
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
    elif metric in PERCENT:
        axis.set_ylim(0, 1.06 * axis.dataLim.y1 or 1)  # the whole of a dot at the top; 1 % where all are 0


def _set_epochs(axis, epochs):
    """Whole numbers below the axis; around a single epoch as much room as there is from one to the next."""
    from matplotlib.ticker import MaxNLocator

    axis.set_xlabel("epoch")
    axis.margins(x=0.02)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7, steps=[1, 2, 5, 10]))
    if len(epochs) == 1:
        (only,) = epochs
        axis.set_xlim(only - 0.5, only + 0.5)
        axis.margins(y=0.12)  # the whole of each dot
        axis.set_xticks([only])


def _style_key(axis, histories, metric):
    """Say what solid and dashed mean, in grey, if both are there; returns whether they are."""
    from matplotlib.lines import Line2D

    validation_key, train_key, _ = _keys(metric)
    if not all(any(_series(h, key) for h in histories.values()) for key in (validation_key, train_key)):
        return False
    looks = {"validation": VALIDATION, "training": TRAINING}
    marker = "o" if all(len(line.get_xdata()) == 1 for line in axis.lines) else None
    if marker:
        looks = {label: look | {"linestyle": "none"} for label, look in looks.items()}
    handles = [Line2D([], [], color=QUIET, marker=marker, label=label, **look) for label, look in looks.items()]
    axis.legend(handles=handles, frameon=False, fontsize=9, labelcolor=QUIET, handlelength=2.2)
    return True


def _draw_sizes(axis, sizes, colours):
    """Horizontal bars of bytes, from zero so that their lengths can be compared, each with its size written out."""
    largest = max(size for group in sizes.values() for size in group.values())
    place, middles = 0.0, []
    for runs in sizes.values():
        first = place
        for name, size in runs.items():
            axis.barh(place, size, height=0.72, color=colours[name])
            ratio = max(runs.values()) / size
            smaller = f"  {ratio:.2g}\N{MULTIPLICATION SIGN} smaller" if ratio > 1 else ""
            note = axis.annotate(
                format_bytes(size), (size, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9.5
            )
            axis.annotate(
                smaller, (1, 0.5), xycoords=note, va="center", fontsize=9.5, color=colours[name], fontweight="bold"
            )
            place += 0.85
        middles.append((first + place - 0.85) / 2)
        place += 0.55
    axis.set_yticks(middles, list(sizes), color=INK)
    axis.invert_yaxis()
    axis.set_xlim(0, largest * 1.45)
    axis.set_xticks([])
    axis.grid(False)
    axis.spines["bottom"].set_visible(False)


def format_bytes(size):
    """Write a number of bytes for people, in decimal units: 20528660 is "20.5 MB"."""
    for unit in ("bytes", "kB", "MB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
