"""The picture of a confusion matrix: which classes are taken for which."""

import numpy as np

from minibnn.errors import InputError
from minibnn.figures import INK, QUIET, figure, plain_labels
from minibnn.training.evaluation import shares_of_rows

SHADES = ("#FFFFFF", "#D9E8F3", "#9CC7E3", "#4A98C9", "#0072B2", "#08306B")  # one hue, ever darker
MOST_NUMBERS = 20  # classes up to which every cell says its share


def save_confusion(confusion, class_names, path, title=None):
    """Draw a confusion matrix: a row for each true class, a column for each predicted one, as shares of the row.

    Args:
        confusion: integer (C, C), examples of the class of the row that were taken for the class of the column.
        class_names: C names.
        path: where to write, .png, .svg or .pdf.
        title: text above the matrix, or None.

    Raises:
        InputError: if matplotlib is missing, sizes do not fit, or the path cannot be used.
    """
    confusion = np.asarray(confusion)
    count = len(class_names)
    if confusion.shape != (count, count):
        raise InputError(f"expected a confusion matrix of {count} x {count} classes, and got shape {confusion.shape}")
    names = [name.replace("_", " ") for name in class_names]
    side = max(3.2, 0.42 * count) if count <= MOST_NUMBERS else max(8.4, 0.115 * count)
    margin = 0.085 * max(map(len, names)) if count <= MOST_NUMBERS else 1.1
    with plain_labels(), figure(path, side + margin + 1.8, side + margin + 0.5) as canvas:
        if title:
            canvas.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", parse_math=False)
        axis = canvas.add_subplot()
        image = _draw(axis, shares_of_rows(confusion), count)
        _name_classes(axis, names, confusion.sum(axis=1))
        ticks = (0, 0.01, 0.05, 0.1, 0.25, 0.5, 1)
        bar = canvas.colorbar(image, ax=axis, fraction=0.035, pad=0.02, shrink=0.7, ticks=ticks, format="{x:.0%}")
        bar.outline.set_visible(False)
        bar.set_label("share of the true class", fontsize=9)


def _draw(axis, shares, count):
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    shades = LinearSegmentedColormap.from_list("shares", SHADES).with_extremes(
        bad="#EDEFF1"
    )  # a class without examples
    scale = PowerNorm(0.5, 0, 1)  # the root: a confusion of a few percent must be seen
    image = axis.imshow(np.ma.masked_invalid(shares), cmap=shades, norm=scale, interpolation="nearest")
    axis.grid(False)
    axis.spines[:].set_visible(False)
    if count <= MOST_NUMBERS:
        for true, predicted in np.argwhere(np.nan_to_num(shares) >= 0.005):
            share = shares[true, predicted]
            weight = "bold" if true == predicted else "normal"
            colour = "white" if share > 0.35 else INK
            text = f"{100 * share:.0f}"
            axis.text(predicted, true, text, ha="center", va="center", fontsize=8.5, color=colour, fontweight=weight)
    for line in np.arange(0.5, count - 1):
        axis.axhline(line, color="#EEF0F2", linewidth=0.6)
        axis.axvline(line, color="#EEF0F2", linewidth=0.6)
    return image


def _name_classes(axis, names, totals):
    """Rows with the number of their examples where there is room, columns upright."""
    few = len(names) <= MOST_NUMBERS
    size = 9.5 if few else max(4.0, min(9.0, 560 / len(names)))
    rows = [f"{name}  {total:,}" for name, total in zip(names, totals, strict=True)] if few else names
    axis.set_yticks(range(len(names)), rows, fontsize=size, color=INK, parse_math=False)
    axis.set_xticks(range(len(names)), names, fontsize=size, color=INK, rotation=90, parse_math=False)
    axis.tick_params(length=0, pad=3)
    axis.set_ylabel("true class" + (", and its pictures" if few else ""), color=QUIET)
    axis.set_xlabel("taken for" + (" (%)" if few else ""), color=QUIET)
