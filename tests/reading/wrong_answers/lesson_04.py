"""Plausible wrong answers to the exercise of lesson 4."""

import numpy as np


def slopes(forward, x, g, h=1e-5):
    measured = np.empty_like(x)
    for index in np.ndindex(x.shape):
        right, left = x.copy(), x.copy()
        right[index] += h
        left[index] -= h
        measured[index] = ((forward(right) * g).sum() - (forward(left) * g).sum()) / (2 * h)
    return measured


def check_with(
    shapes=((3, 3), (2, 4)), draw=np.random.Generator.normal, weights=True, tolerance=1e-6, absolute=0.0, least=0.0
):
    """A check that can be made blind in one way at a time."""

    def is_right(forward, vjp):
        rng = np.random.default_rng(1)
        for shape in shapes:
            x = draw(rng, size=shape)
            result = np.asarray(forward(x))
            g = rng.normal(size=result.shape) if weights else np.ones(result.shape)
            given_g, given_x = g.copy(), x.copy()
            try:
                got = vjp(given_g, given_x)
            except Exception:
                return False
            want = slopes(forward, x, g)
            limit = absolute or tolerance * np.abs(want).max(initial=least) + 1e-9
            if np.shape(got) != x.shape or not np.abs(got - want).max() <= limit:
                return False
            if (given_g != g).any() or (given_x != x).any():
                return False
        return True

    return is_right


def negative(rng, size):
    return -rng.random(size)


def with_zeros(rng, size):
    return rng.integers(-2, 3, size).astype(float)


def blind_to_shapes(forward, vjp):
    rng = np.random.default_rng(1)
    for shape in ((3, 3), (2, 4)):
        x = rng.normal(size=shape)
        g = rng.normal(size=np.shape(forward(x)))
        want = slopes(forward, x, g)
        try:
            if not np.abs(vjp(np.array(g), x.copy()) - want).max() <= 1e-6 * np.abs(want).max() + 1e-9:
                return False
        except Exception:
            return False
    return True


def blind_to_writing(forward, vjp):
    rng = np.random.default_rng(1)
    for shape in ((3, 3), (2, 4)):
        x = rng.normal(size=shape)
        g = np.asarray(rng.normal(size=np.shape(forward(x))))
        want = slopes(forward, x, g)
        try:
            got = vjp(g.copy(), x.copy())
        except Exception:
            return False
        if np.shape(got) != shape or not np.abs(got - want).max() <= 1e-6 * np.abs(want).max() + 1e-9:
            return False
    return True


def lets_nan_pass(forward, vjp):
    rng = np.random.default_rng(1)
    for shape in ((3, 3), (2, 4)):
        x = rng.normal(size=shape)
        g = np.asarray(rng.normal(size=np.shape(forward(x))))
        want = slopes(forward, x, g)
        try:
            got = vjp(g.copy(), x.copy())
        except Exception:
            return False
        if np.shape(got) != shape or (np.abs(got - want) > 1e-6 * np.abs(want).max() + 1e-9).any():
            return False
    return True


def lets_exceptions_out(forward, vjp):
    x = np.random.default_rng(1).normal(size=(2, 4))
    g = np.random.default_rng(2).normal(size=np.shape(forward(x)))
    got = vjp(np.array(g), x.copy())
    return bool(
        np.shape(got) == x.shape and np.abs(got - slopes(forward, x, g)).max() < 1e-3 * np.abs(got).max() + 1e-9
    )


def mismatch_of_the_plain_sum(forward, vjp, x, g):
    ones = np.ones(np.shape(forward(x)))
    return float(np.abs(vjp(ones, x.copy()) - slopes(forward, x, ones)).max())


def mismatch_that_broadcasts(forward, vjp, x, g):
    return float(np.abs(vjp(g.copy(), x.copy()) - slopes(forward, x, g)).max())


def mismatch_that_gives_g_away(forward, vjp, x, g):
    measured = slopes(forward, x, g)
    got = vjp(g, x)
    return np.inf if np.shape(got) != x.shape or np.isnan(got).any() else float(np.abs(got - measured).max())


WRONG = {
    "mismatch weighs nothing": ({"mismatch": mismatch_of_the_plain_sum}, "weigh the elements of the result by g"),
    "mismatch broadcasts a wrong shape": ({"mismatch": mismatch_that_broadcasts}, "compare the shapes first"),
    "mismatch gives g itself to the vjp": ({"mismatch": mismatch_that_gives_g_away}, "give copies to the vjp"),
    "positive numbers only": ({"is_right": check_with(draw=np.random.Generator.random)}, "only for negative numbers"),
    "negative numbers only": ({"is_right": check_with(draw=negative)}, "only for positive numbers"),
    "always three columns": ({"is_right": check_with(((3, 3), (2, 3)))}, "several shapes"),
    "a tolerance for slopes of 1 at least": ({"is_right": check_with(tolerance=1e-5, least=1.0)}, "must shrink"),
    "numbers at the kink": ({"is_right": check_with(draw=with_zeros)}, "At its kink"),
    "the plain sum": ({"is_right": check_with(weights=False)}, "use random weights"),
    "the plain sum of a square": ({"is_right": check_with(((3, 3),), weights=False)}, "use random weights"),
    "one tolerance, strict": ({"is_right": check_with(absolute=1e-6)}, "must grow with the slopes"),
    "one tolerance, loose": ({"is_right": check_with(absolute=1e-3)}, "must shrink with the slopes"),
    "a relative tolerance of 1 %": ({"is_right": check_with(tolerance=1e-2)}, "one can be stricter"),
    "does not compare shapes": ({"is_right": blind_to_shapes}, "broadcasts that silently"),
    "lets nan pass": ({"is_right": lets_nan_pass}, "nan > tolerance is False"),
    "does not see who writes into g": ({"is_right": blind_to_writing}, "compare g before and after"),
    "lets exceptions out": ({"is_right": lets_exceptions_out}, "may raise"),
}
