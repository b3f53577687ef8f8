"""Learning rates that change with the step: a short warm-up, then a decay."""

import math
from numbers import Integral, Real

from minibnn.errors import InputError

SHAPES = ("constant", "linear", "cosine", "exponential", "inverse")


class WarmupDecay:
    """A learning rate that climbs to `peak` in `warmup_steps` steps and then decays.

    Called with the number of the step, counted from 0, it returns the learning rate of that step:

        step < warmup_steps      lr = peak (step + 1) / warmup_steps         never 0, so no step is wasted
        afterwards               x  = (step - warmup_steps) / decay_steps    0 at first, 1 at the end of the decay

            "constant"           lr = peak
            "linear"             lr = peak + (floor - peak) min(x, 1)
            "cosine"             lr = floor + (peak - floor) (1 + cos(pi min(x, 1))) / 2
            "exponential"        lr = peak (floor / peak)^min(x, 1)          needs floor > 0
            "inverse"            lr = max(peak / (1 + x), floor)             halved at x = 1, and goes on falling

    So the last step of the warm-up and the first one after it both run at `peak`, `warmup_steps + decay_steps` steps
    all have a learning rate above `floor`, and from then on it stays at `floor` ("inverse" reaches it when it does).

    Args:
        peak: the highest learning rate, > 0.
        warmup_steps: how many optimizer steps the warm-up takes, >= 0.
        decay_steps: how many optimizer steps the decay takes, >= 1.
        shape: one of "constant", "linear", "cosine", "exponential", "inverse".
        floor: the lowest learning rate after the warm-up, from 0 to `peak`.

    Raises:
        InputError: if an argument is out of its range.

    Source: the paper's Table 1 (warm-up of 20 steps to 1e-4, then a decay, 1100 decay steps): `WarmupDecay(1e-4, 20,
    1100)`. The shape is not given (errata 9). The paper runs 1000 epochs of over 1100 batches each, so a shape that
    ends at 0 after 1100 batches cannot be meant: for long runs give a `floor`, or "inverse", or more decay steps.
    """

    def __init__(self, peak, warmup_steps, decay_steps, shape="cosine", floor=0.0):
        if shape not in SHAPES:
            raise InputError(f"shape: expected one of {', '.join(SHAPES)}, got {shape!r}")
        if not _is_number(peak) or peak <= 0:
            raise InputError(f"peak: expected a finite learning rate > 0, got {peak!r}")
        if not _is_number(floor) or not 0 <= floor <= peak:
            raise InputError(f"floor: expected a learning rate from 0 to the peak {peak!r}, got {floor!r}")
        if shape == "exponential" and floor == 0:
            raise InputError("floor: an exponential decay never reaches 0; give a floor > 0, for instance peak / 100")
        self.peak, self.floor, self.shape = float(peak), float(floor), shape
        self.warmup_steps = _steps("warmup_steps", warmup_steps, at_least=0)
        self.decay_steps = _steps("decay_steps", decay_steps, at_least=1)

    def __call__(self, step):
        """Return the learning rate (float) of step number `step`, counted from 0."""
        step = _steps("step", step, at_least=0)
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        x = (step - self.warmup_steps) / self.decay_steps
        if self.shape == "inverse":
            return max(self.peak / (1 + x), self.floor)
        x = min(x, 1.0)
        if self.shape == "linear":
            return self.peak + (self.floor - self.peak) * x
        if self.shape == "cosine":
            return self.floor + (self.peak - self.floor) * (1 + math.cos(math.pi * x)) / 2
        if self.shape == "exponential":
            return self.peak * (self.floor / self.peak) ** x
        return self.peak

    def __repr__(self):
        return (
            f"WarmupDecay(peak={self.peak:g}, warmup_steps={self.warmup_steps}, decay_steps={self.decay_steps}, "
            f"shape={self.shape!r}, floor={self.floor:g})"
        )


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _steps(name, value, at_least):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < at_least:
        raise InputError(f"{name}: expected a whole number >= {at_least}, got {value!r}")
    return int(value)
