"""The checker of lesson 4."""

import math

import numpy as np

from minibnn.reading import Wrong, call, number_of, truth_of, unchanged


def softmax(x):
    """Each row as positive shares that add up to 1."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_vjp(g, x):
    """y (g - sum(g y))."""
    return softmax(x) * (g - (g * softmax(x)).sum(axis=1, keepdims=True))


def normalize(x):
    """Each row to mean 0 and standard deviation 1."""
    return (x - x.mean(axis=1, keepdims=True)) / sigma(x)


def normalize_vjp(g, x):
    """(g - mean(g) - y mean(g y)) / sigma."""
    y = normalize(x)
    return (g - g.mean(axis=1, keepdims=True) - y * (g * y).mean(axis=1, keepdims=True)) / sigma(x)


def sigma(x):
    """The standard deviation of each row."""
    return np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)


def gelu(x):
    """x times the normal distribution's cdf."""
    return x * cdf(x)


def cdf(x):
    """The normal distribution's cdf."""
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def gelu_vjp(g, x):
    """cdf(x) + x pdf(x)."""
    return g * (cdf(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))


def slope_of_tanh_gelu(x):
    """The slope of another function, gelu's approximation by tanh; it is nearly the same."""
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    t = np.tanh(inner)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)


def rows_twice(x):
    """Each row looked up twice: (B, U) -> (2 B, U)."""
    return x[np.arange(2 * len(x)) // 2]


def rows_twice_vjp(g, x):
    """The sum over both places."""
    return g[0::2] + g[1::2]


def rows_twice_once(g, x):
    """The planted bug of NumPy's += with repeated indices."""
    gradient = np.zeros_like(x)
    gradient[np.arange(2 * len(x)) // 2] += g
    return gradient


def erase_g(g, x):
    """Relu's vjp, written into g."""
    g[x <= 0] = 0
    return g


def erase_x(g, x):
    """Relu's vjp; x is lost."""
    np.maximum(x, 0, out=x)
    return g * (x > 0)


RIGHT = (  # name, forward, vjp, why it may have been accused
    ("tanh", np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), "Is your measured slope good enough?"),
    (
        "relu",
        lambda x: np.maximum(x, 0),
        lambda g, x: g * (x > 0),
        "At its kink, 0, there is no slope to measure: keep all numbers farther from 0 than your step goes.",
    ),
    ("gelu", gelu, gelu_vjp, "Is your measured slope good enough?"),
    (
        "column sums, (B, U) -> (U,)",
        lambda x: x.sum(axis=0),
        lambda g, x: np.repeat(g[None], len(x), axis=0),
        "g must have the shape of the result, which is not the shape of x.",
    ),
    (
        "the sum of all, a single number",
        lambda x: x.sum(),
        lambda g, x: np.full(x.shape, g),
        "Its result is a single number, and then g is one, too: np.shape(forward(x)) is ().",
    ),
    ("x @ x.T, (B, U) -> (B, B)", lambda x: x @ x.T, lambda g, x: (g + g.T) @ x, "g has the shape of the result."),
    ("softmax of each row", softmax, softmax_vjp, "Is your measured slope good enough?"),
    ("Normalize of each row", normalize, normalize_vjp, "Is your measured slope good enough?"),
    ("each row twice, (B, U) -> (2 B, U)", rows_twice, rows_twice_vjp, "g must have the shape of the result."),
    (
        "1,000,000 x ** 3",
        lambda x: 1e6 * x**3,
        lambda g, x: 3e6 * g * x * x,
        "Its slopes are in the millions, and so is their rounding: the tolerance must grow with the slopes.",
    ),
    (
        "x times 0",
        lambda x: x * 0.0,
        lambda g, x: g * 0.0,
        "All of its slopes are 0, measured and returned; a tolerance relative to them must not be 0.",
    ),
)
WRONG = (  # name, forward, vjp, what one must try to find the bug
    ("tanh with 1 - y", np.tanh, lambda g, x: g * (1 - np.tanh(x)), "Compare the vjp with the measured slopes."),
    (
        "relu with >=",
        lambda x: np.maximum(x, 0),
        lambda g, x: g * (np.maximum(x, 0) >= 0),
        "Its gradient is wrong only for negative numbers: do you try any?",
    ),
    (
        "abs with the slope -1",
        np.abs,
        lambda g, x: -g,
        "Its gradient is wrong only for positive numbers: do you try any?",
    ),
    (
        "Normalize without its last term",
        normalize,
        lambda g, x: (g - g.mean(axis=1, keepdims=True)) / sigma(x),
        "The sum of its result is always 0, so that the slopes of the plain sum say nothing: use random weights g.",
    ),
    (
        "softmax with mean(g)",
        softmax,
        lambda g, x: softmax(x) * (g - g.mean(axis=1, keepdims=True)),
        "The sum of its result is always the same, so the slopes of the plain sum say nothing: use random weights g.",
    ),
    (
        "x @ x.T with 2 g x",
        lambda x: x @ x.T,
        lambda g, x: 2 * g @ x,
        "It is right if g is symmetric: use random weights g.",
    ),
    (
        "x.T with g.reshape, (B, U) -> (U, B)",
        lambda x: x.T,
        lambda g, x: g.reshape(x.shape),
        "It is right if g is the same everywhere: use random weights g.",
    ),
    (
        "column sums, copied along the wrong axis",
        lambda x: x.sum(axis=0),
        lambda g, x: np.repeat(g[:, None], len(x), axis=1),
        "For a square x its gradient has the right shape: try a shape that is not square, and random weights.",
    ),
    (
        "column sums, not copied at all",
        lambda x: x.sum(axis=0),
        lambda g, x: g,
        "It returns the shape (U,) for an x of shape (B, U), and NumPy broadcasts that silently: compare the shapes.",
    ),
    (
        "a product that fits square matrices only",
        lambda x: (x @ x.T @ x).sum(axis=1),
        lambda g, x: x * g,
        "For an x that is not square it raises an exception, and that is wrong, too.",
    ),
    (
        "tanh with 1 - x ** 2",
        np.tanh,
        lambda g, x: g * (1 - x * x),
        "It is nearly right for small numbers: try larger ones, between -3 and 3.",
    ),
    (
        "gelu with the slope of its approximation",
        gelu,
        lambda g, x: g * slope_of_tanh_gelu(x),
        "It is off by up to a thousandth only: in float64 one can be stricter than that.",
    ),
    (
        "x ** 2 / 1,000,000 without the factor 2",
        lambda x: 1e-6 * x * x,
        lambda g, x: 1e-6 * g * x,
        "Its slopes are small, but the vjp is off by half of them: the tolerance must shrink with the slopes.",
    ),
    (
        "relu that returns nan for negative numbers",
        lambda x: np.maximum(x, 0),
        lambda g, x: np.where(x > 0, g, np.nan),
        "nan > tolerance is False, and so is nan < tolerance: ask so that nan is not right.",
    ),
    (
        "each row twice, with gradient[ids] += g",
        rows_twice,
        rows_twice_once,
        "Of two gradients for one row only one arrives: use random weights g.",
    ),
    (
        "the mean of each row, with g / 3",
        lambda x: x.mean(axis=1),
        lambda g, x: np.repeat(g[:, None] / 3, x.shape[1], axis=1),
        "It is right if a row has three elements: try several shapes.",
    ),
    (
        "relu that writes into g",
        lambda x: np.maximum(x, 0),
        erase_g,
        "What it returns is right, but others still need that g: compare g before and after.",
    ),
    (
        "relu that writes into x",
        lambda x: np.maximum(x, 0),
        erase_x,
        "What it returns is right, but others still need that x: compare x before and after.",
    ),
)


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    check_mismatch(answer)
    for name, forward, vjp, hint in RIGHT:
        if not verdict(answer, name, forward, vjp):
            raise Wrong(f"is_right accuses a vjp that is right: {name}. {hint}")
    for name, forward, vjp, hint in WRONG:
        if verdict(answer, name, forward, vjp):
            raise Wrong(f"is_right misses a bug: {name}. {hint}")


def check_mismatch(answer):
    """Cases in which the difference is known."""
    x, g = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]]), np.array([[1.0, 5.0, 2.0], [0.0, 1.0, -1.0]])
    got = difference(answer, "vjp(g, x) = g * x for x ** 2", lambda x: x * x, lambda g, x: g * x, x, g)
    if not abs(got - 10) <= 1e-5:
        hint = " It is 6 for a g of ones: weigh the elements of the result by g." if abs(got - 6) < 1e-4 else ""
        raise Wrong(
            f"mismatch gives {got:.6g} for x ** 2 with vjp(g, x) = g * x, at x = {x.tolist()}, g = {g.tolist()}; the "
            f"largest difference, |g x|, is 10.{hint}"
        )
    got = difference(answer, "the right vjp of x ** 2", lambda x: x * x, lambda g, x: 2 * g * x, x, g)
    if not got < 1e-6:
        raise Wrong(f"mismatch gives {got:.2g} for the right vjp of x ** 2, expected less than 1e-6: see lesson 1.")
    got = difference(answer, "column sums", lambda x: x.sum(axis=0), lambda g, x: g, x, g[0])
    if not got > 1e300:
        raise Wrong(
            f"mismatch gives {got:.2g} where the vjp returns shape (3,) for an x of shape (2, 3), expected infinity: "
            "NumPy broadcasts the one against the other, so compare the shapes first."
        )
    got = difference(answer, "a vjp that gives nan", lambda x: x * x, lambda g, x: g * np.nan, x, g)
    if not got > 1e300:
        raise Wrong(f"mismatch gives {got:.2g} where the vjp returns nan, expected infinity.")
    difference(answer, "a vjp that writes into g", lambda x: np.maximum(x, 0), erase_g, x, g)
    difference(answer, "a vjp that writes into x", lambda x: np.maximum(x, 0), erase_x, x, g)


def difference(answer, where, forward, vjp, x, g):
    """What the reader's `mismatch` returns, if it is a number and x and g are as before."""
    given_x, given_g = x.copy(), g.copy()
    what = f"mismatch with {where}"
    got = number_of(call(answer, "mismatch", forward, vjp, given_x, given_g, shown=what), what, finite=False)
    for name, before, after in (("x", x, given_x), ("g", g, given_g)):
        unchanged(after, before, f"{what} changed {name}", "nudge a copy, and give copies to the vjp")
    return got


def verdict(answer, name, forward, vjp):
    """What the reader's `is_right` says, if it is True or False."""
    what, hint = f"is_right of {name}", "A wrong vjp may raise; then the answer is False."
    return truth_of(call(answer, "is_right", forward, vjp, shown=what, hint=hint), what)
