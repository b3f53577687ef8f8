"""Pictures of what training left: where attention looks, how latent weights lie, which bits flipped."""

import textwrap

import numpy as np

from minibnn.figures import COLOURS, INK, QUIET, figure, plain_labels

ATTENTION = ("#FFFFFF", "#9CC7E3", "#0072B2", "#08306B")  # 0 to 1
HIDDEN = "#EDEFF1"  # what a token must not see
BELOW, ABOVE, STEP = "#E9C46A", "#0F4C81", "#D55E00"  # weights whose bit is 0; 1; those within a step of the threshold
UP, DOWN, SAME = "#0072B2", "#D55E00", "#F1F3F5"  # bits that went from 0 to 1; from 1 to 0; neither
MOST_DOTS = 700  # a side of a picture of flips


def save_attention(maps, tokens, path, title, *, causal=True, metadata=None):
    """Draw what each token takes from each, a panel for each head.

    Args:
        maps: float array (N, T, T), as `attention_maps` gives.
        tokens: T texts.
        path: where to write, .png, .svg or .pdf.
        title: text above the panels.
        causal: whether what comes later is hidden, and drawn as such.
        metadata: see `minibnn.figures.figure`.

    Raises:
        InputError: if matplotlib is missing or the path cannot be used.
    """
    heads, count = maps.shape[:2]
    columns = min(heads, 4)
    rows = -(-heads // columns)
    side = min(5.0, max(1.9, 0.2 * count))
    label = 0.075 * max(map(len, tokens))
    with (
        plain_labels(),
        figure(path, max(columns * side + label + 1.4, 5), rows * (side + 0.3) + label + 0.5, metadata) as canvas,
    ):
        canvas.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", parse_math=False)
        axes = canvas.subplots(rows, columns, squeeze=False)
        for number, axis in enumerate(axes.flat):
            if number >= heads:
                axis.set_visible(False)
                continue
            image = _draw_attention(axis, maps[number], causal)
            axis.set_title(f"head {number}", fontsize=10, pad=5)
            last_row = number + columns >= heads
            _label_tokens(axis, tokens, rows=number % columns == 0, columns=last_row, size=_label_size(side, count))
        bar = canvas.colorbar(image, ax=list(axes.flat), fraction=0.03, pad=0.015, format="{x:.0%}")
        bar.outline.set_visible(False)
        told = "share of attention; each row has the sum 100 %"
        bar.set_label(textwrap.fill(told, int(13 * rows * side)), fontsize=9)  # 13 letters an inch


def _draw_attention(axis, probabilities, causal):
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("attention", ATTENTION).with_extremes(bad=HIDDEN)
    later = np.triu(np.ones(probabilities.shape, bool), 1)
    shown = np.ma.masked_array(probabilities, later & causal)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    return axis.imshow(shown, cmap=shades, vmin=0, vmax=1, interpolation="nearest")


def _label_size(side, count):
    return max(3.5, min(9.0, 60 * side / count))


def _label_tokens(axis, tokens, *, rows, columns, size):
    places = range(len(tokens))
    look = {"fontsize": size, "color": INK, "parse_math": False}
    axis.set_yticks(places, tokens, **look) if rows else axis.set_yticks([])
    axis.set_xticks(places, tokens, rotation=90, **look) if columns else axis.set_xticks([])
    axis.tick_params(length=0, pad=2)


def save_latent(spreads, step, path, title, *, metadata=None):
    """Draw how the latent weights lie around the threshold, a histogram for each parameter.

    Args:
        spreads: dict from the name of a parameter to its Spread.
        step: how far one step of the optimizer goes; marked on both sides of the threshold.
        path, title, metadata: as in `save_attention`.

    Raises:
        InputError: if matplotlib is missing or the path cannot be used.
    """
    columns = min(4, len(spreads))
    rows = -(-len(spreads) // columns)
    with figure(path, max(6.0, 3.0 * columns), 1.75 * rows + 1.0, metadata) as canvas:
        canvas.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", parse_math=False)
        axes = canvas.subplots(rows, columns, squeeze=False)
        for axis, (name, spread) in zip(axes.flat, spreads.items(), strict=False):
            _draw_spread(axis, spread, step)
            axis.set_title(name, fontsize=10, pad=4)
            axis.set_title(f"{spread.near:.1%}", loc="right", fontsize=9.5, pad=4, color=STEP)
        for axis in axes.flat[len(spreads) :]:
            axis.set_visible(False)
        told = "latent weight minus its threshold: the bit is 0 left of the line, 1 right of it"
        told += f"; above, the share of weights within a step of {step:.2g}"
        canvas.supxlabel(textwrap.fill(told, 38 * columns), fontsize=9.5, color=QUIET)


def _draw_spread(axis, spread, step):
    from matplotlib.ticker import MaxNLocator

    distances = spread.distances
    reach = max(np.percentile(np.abs(distances), 99.8), 4 * step, 1e-12)
    counts, edges = np.histogram(distances, bins=60, range=(-reach, reach))  # but for a few far ones
    sides = [ABOVE if left >= 0 else BELOW for left in edges[:-1] + 1e-15]
    axis.bar(edges[:-1], counts / len(distances), np.diff(edges), align="edge", color=sides)
    axis.axvspan(-step, step, color=STEP, alpha=0.25, linewidth=0)
    axis.axvline(0, color=INK, linewidth=1)
    axis.set_yticks([])
    axis.xaxis.set_major_locator(MaxNLocator(nbins=4, symmetric=True))
    axis.ticklabel_format(axis="x", style="plain", useOffset=False)
    axis.set_xlim(-reach, reach)


def save_flips(shares, name, flips, path, title, *, metadata=None):
    """Draw how many bits flipped in each parameter, and which of them in one.

    Args:
        shares: dict from the name of a parameter to the share of its bits that flipped.
        name: the parameter that is drawn bit by bit.
        flips: int8 array of its shape, as `flips_between` gives.
        path, title, metadata: as in `save_attention`.

    Raises:
        InputError: if matplotlib is missing or the path cannot be used.
    """
    height = max(4.2, 0.21 * len(shares) + 1.4)
    with figure(path, 11, height, metadata) as canvas:
        canvas.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", parse_math=False)
        bars, picture = canvas.subplots(1, 2, width_ratios=(1, 1.15))
        canvas.get_layout_engine().set(wspace=0.06)
        _draw_shares(bars, shares, name)
        _draw_flips(picture, name, flips)


def _draw_shares(axis, shares, name):
    axis.set_title("Share of the bits that flipped", fontsize=11)
    places, values = range(len(shares)), [100 * share for share in shares.values()]
    axis.barh(places, values, height=0.7, color=[COLOURS[0] if key == name else COLOURS[1] for key in shares])
    for place, value in zip(places, values, strict=True):
        axis.annotate(f"{value:.2g} %", (value, place), (4, 0), textcoords="offset points", va="center", fontsize=8.5)
    axis.set_yticks(places, list(shares), fontsize=9, color=INK)
    axis.invert_yaxis()
    axis.set_xlim(0, max([*values, 0.01]) * 1.2)
    axis.set_xticks([])
    axis.grid(False)
    axis.spines["bottom"].set_visible(False)


def _draw_flips(axis, name, flips):
    from matplotlib.patches import Patch

    dots, told = flip_dots(flips)
    axis.imshow(dots, interpolation="nearest" if max(dots.shape) <= MOST_DOTS else "antialiased", aspect="auto")
    axis.set_title(f"{name}: which", fontsize=11)
    axis.set_xlabel(told, fontsize=9)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    ups, downs = int((flips > 0).sum()), int((flips < 0).sum())
    keys = [Patch(color=UP, label=f"0 to 1: {ups:,}"), Patch(color=DOWN, label=f"1 to 0: {downs:,}")]
    keys.append(Patch(color=SAME, label=f"the same: {flips.size - ups - downs:,}"))
    axis.legend(handles=keys, loc="upper left", bbox_to_anchor=(0, -0.07), ncols=3, frameon=False, fontsize=9)


def flip_dots(flips):
    """(pixels (rows, columns, 3), what they are) of flips (n_in, U), (k, k, C, F) or (U,), a dot for each bit."""
    if flips.ndim == 4:
        size, _, channels, filters = flips.shape
        told = (
            f"a column for each of {filters} filters, a row for each of {channels} channels, {size} x {size} dots each"
        )
        flips = flips.transpose(2, 0, 3, 1).reshape(channels * size, filters * size)
    else:
        flips = np.atleast_2d(flips)
        told = f"a row for each of {flips.shape[0]} inputs, a column for each of {flips.shape[1]} units"
    table = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (SAME, UP, DOWN)], np.uint8)
    return table[flips], told  # index -1 is the last
