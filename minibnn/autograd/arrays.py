"""What the operations need to know of plain arrays: their dtype, their axes, and how broadcasting is undone."""

import numpy as np

from minibnn.errors import InputError, InputTypeError


def float_array(data):
    """`data` as a float32 or float64 array in native byte order; everything but floats of these sizes becomes float32.

    Raises InputTypeError for what is not real numbers, InputError for rows of different lengths.
    """
    try:
        array = np.asarray(data)
    except InputError:
        raise  # a Tensor, which says so itself
    except ValueError:
        raise InputError("a Tensor holds real numbers in a regular grid, and got rows of different lengths") from None
    if array.dtype.kind not in "bif" or array.dtype.itemsize > 8:
        raise InputTypeError(
            f"a Tensor holds real numbers (float32 or float64, or what converts to float32), and got {array.dtype}"
        )
    if array.dtype.kind == "f" and array.dtype.itemsize >= 4 and isinstance(data, (np.ndarray, np.generic)):
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    return array.astype(np.float32)


def check_broadcast(name, *shapes):
    """Raise InputError, naming the operation, unless arrays of these shapes broadcast against each other."""
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise InputError(
            f"{name}: shapes {' and '.join(map(str, shapes))} do not broadcast; counted from the last axis, lengths "
            "must be equal or 1"
        ) from None


def unbroadcast(g, shape):
    """`g` summed over the axes along which an operand of `shape` was repeated.

    Broadcasting copies one number to many places, so its gradient is the sum over these places.
    """
    if g.shape == shape:
        return g
    added = g.ndim - len(shape)
    stretched = tuple(i + added for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=(*range(added), *stretched), keepdims=True).reshape(shape)


def axes_of(shape, axis):
    """`axis` (an int, several, or None for all) as a tuple of ints from 0; raises unless they are axes of `shape`."""
    if axis is None:
        return tuple(range(len(shape)))
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    if not all(isinstance(a, (int, np.integer)) and not isinstance(a, bool) for a in axes):
        raise InputTypeError(f"axis expects an int, several ints or None, and got {axis!r}")
    for a in axes:
        if not -len(shape) <= a < len(shape):
            raise InputError(f"axis {a} is out of range for a tensor of shape {shape}")
    axes = tuple(int(a) % len(shape) for a in axes)
    if len(set(axes)) < len(axes):
        raise InputError(f"axis {axis} names an axis of shape {shape} twice")
    return axes


def with_kept_axes(g, axes, keepdims):
    """`g` with the axes that a reduction removed put back, with length 1."""
    return g if keepdims else np.expand_dims(g, axes)
