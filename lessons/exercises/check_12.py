"""The checker of lesson 12."""

import numpy as np

from minibnn.reading import Wrong, array_of, call, unchanged

CASES = (  # shape of the picture, k, stride
    ((1, 2, 1), 3, 1),
    ((3, 4, 2), 3, 1),
    ((4, 3, 3), 5, 1),
    ((3, 3, 2), 1, 1),
    ((1, 3, 1), 3, 2),
    ((5, 4, 2), 3, 2),
    ((4, 7, 1), 3, 3),
)


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    for case in CASES:
        _check_im2col(answer, *case)
    for case in CASES:
        _check_col2im(answer, *case)


def _check_im2col(answer, shape, k, stride):
    x = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    before, places = x.copy(), _places(shape, k, stride)
    what = f"im2col of a picture {shape} with k = {k} and stride = {stride}"
    hint = "There is a row for each stop, a column for each number of a patch."
    got = array_of(call(answer, "im2col", x, k, stride, shown=what), what, places.shape, hint=hint)
    unchanged(x, before, f"{what} changed the picture", "copy its numbers and leave it as it is")
    expected = np.r_[0.0, x.ravel()][places + 1]
    if not np.array_equal(got, expected):
        row = int(np.flatnonzero((got != expected).any(1))[0])
        raise Wrong(
            f"{what}, its numbers 1, 2, 3, ...: row {row} is {_shown(got[row])}, and {_shown(expected[row])} was "
            f"expected: {_hint_im2col(got, expected, shape, k, stride)}."
        )


def _hint_im2col(got, expected, shape, k, stride):
    stops = -(-shape[0] // stride), -(-shape[1] // stride)
    patches, wanted = (array.reshape(*stops, k, k, shape[2]) for array in (got, expected))
    if np.array_equal(patches, wanted.transpose(0, 1, 3, 2, 4)):
        return "rows and columns of each patch are swapped"
    if np.array_equal(patches, wanted[:, :, ::-1, ::-1]):
        return "the patch is turned around; network libraries do not do that"
    if np.array_equal(got, wanted.transpose(0, 1, 4, 2, 3).reshape(got.shape)):
        return "the channel comes last within a row, as in a kernel (k, k, C), and not first"
    if np.array_equal(got, wanted.transpose(1, 0, 2, 3, 4).reshape(got.shape)):
        return "first come all stops in the first row of pixels, then those in the next"
    if not (got == 0).any() and (expected == 0).any():
        return "outside the picture there are zeros, and not its own numbers again"
    if stride > 1:
        return "the first stop is at pixel (0, 0), and each next one is `stride` pixels on"
    return "the pixel itself stands in the middle of its patch, with zeros wherever that reaches out of the picture"


def _check_col2im(answer, shape, k, stride):
    places = _places(shape, k, stride)
    columns = np.arange(1.0, 1 + places.size).reshape(places.shape)
    before, expected = columns.copy(), np.zeros(np.prod(shape) + 1)
    np.add.at(expected, places + 1, columns)
    expected = expected[1:].reshape(shape)
    what = f"col2im of columns {places.shape} to a picture {shape} with k = {k} and stride = {stride}"
    hint = "It is the picture, without its border of zeros."
    got = array_of(call(answer, "col2im", columns, shape, k, stride, shown=what), what, shape, hint=hint)
    unchanged(columns, before, f"{what} changed its columns", "leave them as they are")
    if not np.allclose(got, expected):
        index = tuple(int(i) for i in np.argwhere(~np.isclose(got, expected))[0])
        raise Wrong(
            f"{what}: element {index} is {got[index]:.6g}, and {expected[index]:.6g} was expected: "
            f"{_hint_col2im(got, expected, columns, places, stride)}."
        )


def _hint_col2im(got, expected, columns, places, stride):
    counts = np.bincount(places[places >= 0], minlength=got.size).reshape(got.shape)
    if np.allclose(got * counts, expected):
        return "the gradients of the copies are added up, and not averaged: this is no inverse of im2col"
    if stride > 1:
        return "row by row, the patch belongs `stride` pixels further on; what was copied nowhere gets 0"
    middle = places.shape[1] // got.shape[2] // 2
    if np.allclose(got, columns.reshape(*got.shape[:2], -1, got.shape[2])[:, :, middle]):
        return "this is the middle of each patch alone; each pixel was copied to its neighbours' patches too"
    if all(value in set(columns[places == place]) for place, value in enumerate(got.ravel())):
        return "of several gradients for one number, one is kept; all must be added, with +="
    return "for each number add the elements of all patches that it was copied to, just where im2col has put it"


def _places(shape, k, stride):
    """Which number of the picture each element of the columns is: its flat index, or -1 on the border."""
    height, width, channels = shape
    i, j, ki, kj, c = np.indices((-(-height // stride), -(-width // stride), k, k, channels))
    y, x = i * stride + ki - k // 2, j * stride + kj - k // 2
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    return np.where(inside, (y * width + x) * channels + c, -1).reshape(-1, k * k * channels)


def _shown(row):
    return "[" + ", ".join(f"{value:g}" for value in row[:27]) + (", ..." if len(row) > 27 else "") + "]"
