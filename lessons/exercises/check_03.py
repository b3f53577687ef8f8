"""The checker of lesson 3."""

import numpy as np

from minibnn.reading import array_of, call, expect, parts_of, unchanged

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
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
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
    got = call(answer, "unbroadcast", g, shape, shown=where, hint=hint)
    want = np.zeros(shape)  # add up the copies one by one: np.broadcast_to knows where they are
    places = np.broadcast_to(np.arange(want.size).reshape(shape), repeated)
    np.add.at(want.reshape(-1), places.reshape(-1), g.reshape(-1))
    unchanged(g, before, f"{where} changed the array g")
    got = array_of(got, where, want.shape, hint=hint, finite=False)
    copies = g.size // want.size
    mean = "That is the mean over the copies: each copy has its own effect on the loss, so they are added up."
    misreadings = [(want / copies, mean)] if copies > 1 else []
    expect(got, want, where, *misreadings, hint=hint)


def check_product(answer, shape, where, units=2):
    """Both gradients of one product, against the sum over all elements one by one."""
    rng = np.random.default_rng(4)
    x, W = rng.normal(size=shape), rng.normal(size=(3, units))
    g = rng.normal(size=(*shape[:-1], units))
    before = [a.copy() for a in (g, x, W)]
    flatten = "x and g may have any number of axes before the last: make one axis of them by reshape(-1, length)."
    what = f"matmul_vjp of {where}"
    got = call(answer, "matmul_vjp", g, x, W, shown=what, hint=flatten)
    for name, array, old in zip("gxW", (g, x, W), before, strict=True):
        unchanged(array, old, f"{what} changed the array {name}")
    of_x, of_W = parts_of(got, ("gradient of x", "gradient of W"), what)
    g_x, g_W = np.zeros(x.shape), np.zeros(W.shape)
    for place in np.ndindex(g.shape):
        g_x[place[:-1]] += g[place] * W[:, place[-1]]
        g_W[:, place[-1]] += g[place] * x[place[:-1]]
    for name, value, want, hint in (
        ("x", of_x, g_x, "It is g @ W.T: each element of g times the weights that it came through."),
        ("W", of_W, g_W, f"W was used for every row of x, here {x.size // 3}, and the gradient is the sum over all."),
    ):
        named = f"the gradient of {name} that {what} gives"
        expect(array_of(value, named, want.shape, hint=hint, finite=False), want, named, hint=hint)
