"""A solution of lesson 6."""

import numpy as np


def quant(p):
    """Eq. 1: 1 where an element of `p` is larger than the mean of all elements, 0 elsewhere."""
    bits = p > p.mean()
    if bits.all():  # impossible in exact arithmetic: the mean was rounded down
        bits = p > p.min()
    return bits.astype(p.dtype)


def flip_points(W, i):
    """The values of `W[i]` at which some bit of W flips while `W[i]` moves from far left to far right."""
    others = np.delete(W, i)
    own = others.mean()  # W[i] = (W[i] + S) / n
    theirs = len(W) * others - others.sum()  # W[j] = (W[i] + S) / n
    return np.sort(np.r_[own, theirs])
