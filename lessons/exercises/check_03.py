"""Checks the exercise of lesson 3."""

import numpy as np

from minibnn.reading import Wrong

BROADCASTS = (  # shape before, shape after, hint
    ((3,), (3,), "Nothing was copied, so nothing is summed."),
    ((3,), (4, 3), "It was copied to 4 rows: sum over the new axis at the front."),
    ((3,), (2, 4, 3), "There are two new axes at the front, and both are summed."),
    ((1, 3), (4, 3), "An axis of length 1 was stretched: sum over it, and keep it with length 1."),
    ((4, 1), (4, 3), "An axis of length 1 was stretched: sum over it, and keep it with length 1."),
    ((1, 1), (4, 3), "Both axes of length 1 were stretched."),
    ((2, 1, 3), (2, 4, 3), "Only the middle axis was stretched."),
    ((4, 1), (2, 4, 3), "One new axis at the front, and one that was stretched: axis 1 of shape is axis 2 of g."),
    ((), (4, 3), "A single number was copied to every place: sum over all axes."),
    ((4, 1), (4, 1), "Nothing was copied, so nothing changes."),
    ((3, 3), (3, 3, 3), "Sum over the new axis at the front, not over any other of the same length."),
)


def check(answer):
    """Raise Wrong with a sentence about the first fault of the reader's module; return None if all is right."""
    for shape, repeated, hint in BROADCASTS:
        check_broadcast(answer, shape, repeated, hint)
    check_product(answer, (4, 3), "x (4, 3) @ W (3, 2)")
    check_product(answer, (3, 3), "x (3, 3) @ W (3, 3), where every transpose fits", units=3)
    check_product(answer, (3,), "x (3,) @ W (3, 2), a single row")
    check_product(answer, (2, 4, 3), "x (2, 4, 3) @ W (3, 2), as in a transformer")
    check_product(answer, (3, 3, 3), "x (3, 3, 3) @ W (3, 3), where every transpose fits", units=3)
    check_product(answer, (2, 1, 4, 3), "x (2, 1, 4, 3) @ W (3, 2)")


def check_broadcast(answer, shape, repeated, hint):
    """One way of repeating an operand."""
    g = np.random.default_rng(3).integers(-9, 10, repeated).astype(float)
    before = g.copy()
    where = f"unbroadcast(g, {shape}) with g of shape {repeated}"
    got = call(answer, "unbroadcast", where, hint, g, shape)
    want = np.zeros(shape)  # add up the copies one by one: np.broadcast_to knows where they are
    places = np.broadcast_to(np.arange(want.size).reshape(shape), repeated)
    np.add.at(want.reshape(-1), places.reshape(-1), g.reshape(-1))
    unchanged(g, before, where, "g")
    got = numbers(got, want.shape, where, hint)
    if not close(got, want):
        with np.errstate(all="ignore"):
            copies = g.size // want.size
        if copies > 1 and close(got * copies, want):
            hint = "That is the mean over the copies: each copy has its own effect on the loss, so they are added up."
        raise Wrong(f"{where} gives {short(got)}, expected {short(want)}. {hint}")


def check_product(answer, shape, where, units=2):
    """Both gradients of one product, against the sum over all elements one by one."""
    rng = np.random.default_rng(4)
    x, W = rng.normal(size=shape), rng.normal(size=(3, units))
    g = rng.normal(size=(*shape[:-1], units))
    before = [a.copy() for a in (g, x, W)]
    flatten = "x and g may have any number of axes before the last: make one axis of them by reshape(-1, length)."
    got = call(answer, "matmul_vjp", where, flatten, g, x, W)
    for name, array, old in zip("gxW", (g, x, W), before, strict=True):
        unchanged(array, old, where, name)
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise Wrong(f"for {where}, matmul_vjp should return two arrays, (gradient of x, gradient of W).")
    g_x, g_W = np.zeros(x.shape), np.zeros(W.shape)
    for place in np.ndindex(g.shape):
        g_x[place[:-1]] += g[place] * W[:, place[-1]]
        g_W[:, place[-1]] += g[place] * x[place[:-1]]
    for name, value, want, hint in (
        ("x", got[0], g_x, "It is g @ W.T: each element of g times the weights that it came through."),
        ("W", got[1], g_W, f"W was used for every row of x, here {x.size // 3}, and the gradient is the sum over all."),
    ):
        value = numbers(value, want.shape, f"for {where}, the gradient of {name}", hint)
        if not close(value, want):
            raise Wrong(f"for {where}, the gradient of {name} is {short(value)}, expected {short(want)}. {hint}")


def call(answer, name, where, hint, *arguments):
    """What the reader's function returns; whatever else it raises becomes a sentence."""
    function = getattr(answer, name, None)
    if not callable(function):
        raise Wrong(f"lesson_03.py has no function {name}.")
    try:
        with np.errstate(all="ignore"):
            return function(*arguments)
    except NotImplementedError:
        raise
    except Exception as error:
        raise Wrong(f"for {where}, {name} stopped with {type(error).__name__}: {error}. {hint}") from error


def numbers(value, shape, where, hint):
    """`value` as an array, if it is real numbers of this shape."""
    if not isinstance(value, (np.ndarray, np.floating, float)):
        kind = "nothing (None)" if value is None else f"a value of type {type(value).__name__}"
        raise Wrong(f"{where} should be an array, and is {kind}.")
    value = np.asarray(value)
    if value.dtype.kind not in "fiu":
        raise Wrong(f"{where} should hold real numbers, and holds {value.dtype}.")
    if value.shape != shape:
        raise Wrong(f"{where} has shape {value.shape}, expected {shape}. {hint}")
    return value


def unchanged(array, before, where, name):
    """A vjp may not write into what it was given: others hold the same array."""
    if (array != before).any():
        raise Wrong(f"{where} changed the array {name} that it was given; others still need it, so make a new one.")


def close(got, want):
    """Whether all elements agree to rounding; nan never does."""
    return bool((np.abs(got - want) <= 1e-9).all())


def short(array):
    """An array in at most a line."""
    return np.array2string(array, precision=3, threshold=10, edgeitems=2, suppress_small=True).replace("\n", "")
