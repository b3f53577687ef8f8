"""Plausible wrong answers of lesson 12, and a phrase of the sentence that each must get."""

import numpy as np


def _patches(x, k, stride, mode="constant"):
    """(stops, stops, k, k, C)."""
    height, width, _ = x.shape
    border = k // 2
    padded = np.pad(x, ((border, border), (border, border), (0, 0)), mode)
    rows, columns = range(0, height, stride), range(0, width, stride)
    return np.array([[padded[i : i + k, j : j + k] for j in columns] for i in rows])


def _as_rows(patches):
    return patches.reshape(patches.shape[0] * patches.shape[1], -1)


def without_padding(x, k, stride=1):
    height, width, _ = x.shape
    inside = [(i, j) for i in range(0, height - k + 1, stride) for j in range(0, width - k + 1, stride)]
    return np.array([x[i : i + k, j : j + k].ravel() for i, j in inside])


def repeating_the_edge(x, k, stride=1):
    return _as_rows(_patches(x, k, stride, "edge"))


def turned_around(x, k, stride=1):
    return _as_rows(_patches(x, k, stride)[:, :, ::-1, ::-1])


def patch_transposed(x, k, stride=1):
    return _as_rows(_patches(x, k, stride).transpose(0, 1, 3, 2, 4))


def channels_first(x, k, stride=1):
    return _as_rows(_patches(x, k, stride).transpose(0, 1, 4, 2, 3))


def column_by_column(x, k, stride=1):
    return _as_rows(_patches(x, k, stride).transpose(1, 0, 2, 3, 4))


def padded_at_the_end(x, k, stride=1):
    padded = np.pad(x, ((0, k - 1), (0, k - 1), (0, 0)))
    stops = [(i, j) for i in range(0, x.shape[0], stride) for j in range(0, x.shape[1], stride)]
    return np.array([padded[i : i + k, j : j + k].ravel() for i, j in stops])


def without_stride(x, k, stride=1):
    return _as_rows(_patches(x, k, 1))


def rounding_down(x, k, stride=1):
    return _as_rows(_patches(x, k, stride)[: x.shape[0] // stride or 1, : x.shape[1] // stride or 1])


def first_stops_only(x, k, stride=1):
    patches = _patches(x, k, 1)
    return _as_rows(patches[: -(-x.shape[0] // stride), : -(-x.shape[1] // stride)])


def _back(columns, shape, k, stride, put):
    height, width, channels = shape
    padded = np.zeros((height + k - 1, width + k - 1, channels))
    for row, patch in enumerate(columns):
        i, j = divmod(row, -(-width // stride))
        i, j = i * stride, j * stride
        put(padded[i : i + k, j : j + k], patch.reshape(k, k, channels))
    return padded


def _inside(padded, shape, k):
    return padded[k // 2 : k // 2 + shape[0], k // 2 : k // 2 + shape[1]]


def _add(place, patch):
    place += patch


def _put(place, patch):
    place[...] = patch


def assigning(columns, shape, k, stride=1):
    return _inside(_back(columns, shape, k, stride, _put), shape, k)


def with_the_border(columns, shape, k, stride=1):
    return _back(columns, shape, k, stride, _add)


def without_the_shift(columns, shape, k, stride=1):
    return _back(columns, shape, k, stride, _add)[: shape[0], : shape[1]]


def averaging(columns, shape, k, stride=1):
    sums, counts = (_back(each, shape, k, stride, _add) for each in (columns, np.ones_like(columns)))
    return _inside(sums / np.maximum(counts, 1), shape, k)


def the_middle(columns, shape, k, stride=1):
    picture = np.zeros(shape)
    stops = picture[::stride, ::stride]
    stops[...] = columns.reshape(*stops.shape[:2], k, k, shape[2])[:, :, k // 2, k // 2]
    return picture


def back_without_stride(columns, shape, k, stride=1):
    wide = np.zeros((shape[0] * shape[1], columns.shape[1]))
    wide[: len(columns)] = columns
    return _inside(_back(wide, shape, k, 1, _add), shape, k)


WRONG = {
    "forgets the zeros around": ({"im2col": without_padding}, "a row for each stop"),
    "repeats the edge": ({"im2col": repeating_the_edge}, "not its own numbers again"),
    "turns the kernel around": ({"im2col": turned_around}, "turned around"),
    "swaps rows and columns of a patch": ({"im2col": patch_transposed}, "are swapped"),
    "puts the channel first": ({"im2col": channels_first}, "the channel comes last"),
    "goes down the columns": ({"im2col": column_by_column}, "then those in the next"),
    "puts the pixel into the corner of its patch": ({"im2col": padded_at_the_end}, "in the middle of its patch"),
    "stops at every pixel": ({"im2col": without_stride}, "a row for each stop"),
    "loses the last stop of an odd picture": ({"im2col": rounding_down}, "a row for each stop"),
    "stops often enough, but at neighbours": ({"im2col": first_stops_only}, "pixels on"),
    "assigns instead of adding": ({"col2im": assigning}, "with +="),
    "keeps the border": ({"col2im": with_the_border}, "without its border"),
    "cuts the border off at the wrong side": ({"col2im": without_the_shift}, "just where im2col has put it"),
    "averages, as an inverse would": ({"col2im": averaging}, "not averaged"),
    "reads only the middle of each patch": ({"col2im": the_middle}, "neighbours' patches"),
    "forgets the stride on the way back": ({"col2im": back_without_stride}, "pixels further on"),
}
