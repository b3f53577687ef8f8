"""What happens to latent weights: how far they are from the threshold, and which bits flipped between two moments."""

from dataclasses import dataclass

import numpy as np

from minibnn.autograd.straight_through import bits_of
from minibnn.errors import InputError


@dataclass(frozen=True, eq=False)
class Spread:
    """The latent weights of one parameter around their threshold.

    `distances`: float array (n,), value minus threshold: the bit is 1 where it is positive. `near`: share of weights
    that are at most one optimizer step away from the threshold, so that their bit may flip at the next one.
    """

    distances: np.ndarray
    near: float


def spread_around_threshold(weights, step, thresholds=None):
    """How far the latent weights of each parameter are from where their bit flips.

    Args:
        weights: dict from the name of a parameter to its latent weights, float arrays of any shape.
        step: how far one step of the optimizer moves a weight, above 0. For Adam this is about the learning rate:
            its step is lr * m / sqrt(v), and |m| is at most about sqrt(v).
        thresholds: dict from the name of a parameter to "mean", that of its weights (Eq. 1), or "zero", such as
            `Module.latent_thresholds()` gives; the mean where a name is missing, or for None.

    Returns:
        dict from the name to its Spread.
    """
    spreads = {}
    for name, values in weights.items():
        values = values.reshape(-1).astype(np.float64)
        distances = values - (values.mean() if _threshold(name, thresholds) == "mean" else 0)
        spreads[name] = Spread(distances, float((np.abs(distances) <= step).mean()))
    return spreads


def flips_between(before, after, thresholds=None):
    """Which bits differ between two sets of latent weights.

    Args:
        before, after: dicts from the name of a parameter to its latent weights, float arrays.
        thresholds: as in `spread_around_threshold`.

    Returns:
        dict from the name to an int8 array of its shape: 1 where the bit went from 0 to 1, -1 from 1 to 0, else 0.

    Raises:
        InputError: if the two do not hold the same parameters.
    """
    for name in [*before, *(name for name in after if name not in before)]:
        shapes = [weights[name].shape if name in weights else None for weights in (before, after)]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"the two checkpoints are of different models: {name} has shape {shapes[0] or 'none'} in the first and "
                f"{shapes[1] or 'none'} in the second"
            )
    flips = {}
    for name in before:
        old, new = (bits_of(weights[name], _threshold(name, thresholds)) for weights in (before, after))
        flips[name] = new.astype(np.int8) - old.astype(np.int8)
    return flips


def share_of_flips(flips):
    """Share of the bits that flipped, float from 0 to 1. `flips`: arrays of -1, 0 and 1."""
    flips = list(flips)
    return sum(int(np.count_nonzero(array)) for array in flips) / sum(array.size for array in flips)


def _threshold(name, thresholds):
    return (thresholds or {}).get(name, "mean")
