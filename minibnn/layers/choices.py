"""What the paper leaves open, or what one may want to leave out of it, as options of every binary layer and model."""

import sys
from dataclasses import dataclass

from minibnn.autograd import ops
from minibnn.autograd.straight_through import THRESHOLDS
from minibnn.errors import InputError, InputTypeError


def is_epsilon(value):
    """Whether `value` is a finite number above 0."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= sys.float_info.max


@dataclass(frozen=True)
class Choices:
    """How the binary layers quantize and normalize; the defaults are the paper's algorithms.

    `threshold`: what a latent weight is compared with in Eq. 1: "mean", that of its tensor, or "zero". Biases start at
    zeros, which is the bit 0 either way.
    `epsilon`: float above 0, added to the variance inside the root of Normalize, which the paper does not give
    (errata 5).
    `normalize`: whether Normalize is computed. If not, it is nowhere: neither in line 9 of Algorithms 1 and 3 (line 2
    of Algorithm 2), nor where Algorithm 5 (lines 3 and 7) and Algorithm 8 (line 2) add to a sequence. This is for
    seeing what Normalize is for: sums with bits grow from layer to layer, in the presets of BCVNN to 1e25 and more, in
    the smallest of BLM to 1e20, where its gradients are nan, and in the next, of 4 blocks, out of float32.
    `bias`: whether the layers have biases. If not, their `b` is None, and there is nothing to count, train or pack.

    Raises InputError, with the name of the field, for any other value.
    """

    threshold: str = "mean"
    epsilon: float = 1e-5
    normalize: bool = True
    bias: bool = True

    def __post_init__(self):
        if not isinstance(self.threshold, str) or self.threshold not in THRESHOLDS:
            raise InputError(f"Choices: threshold expects 'mean' or 'zero', and got {self.threshold!r}")
        if not is_epsilon(self.epsilon):
            raise InputError(f"Choices: epsilon expects a number above 0, such as 1e-5, and got {self.epsilon!r}")
        for name in ("normalize", "bias"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"Choices: {name} expects True or False, and got {getattr(self, name)!r}")

    def normalization(self):
        """The Normalize of these choices: a function of Tensors, see `Normalize`."""
        return Normalize(float(self.epsilon), self.normalize)


@dataclass(frozen=True)
class Normalize:
    """Normalize as it was chosen: called with z (..., n) and the axes of the mean, it returns (..., n).

    `epsilon`: inside the root. `wanted`: False makes it return z itself.
    """

    epsilon: float = 1e-5
    wanted: bool = True

    def __call__(self, z, axis=-1):
        return ops.normalize(z, axis, self.epsilon) if self.wanted else z


DEFAULT = Choices()


def as_choices(choices):
    """`choices`, or the default for None. Raises InputTypeError for anything else."""
    if choices is None:
        return DEFAULT
    if not isinstance(choices, Choices):
        raise InputTypeError(f"choices expects Choices(...), such as Choices(threshold='zero'), and got {choices!r}")
    return choices


def as_float_choices(choices):
    """As `as_choices`, for a 32-bit layer; raises InputError for what says nothing of it: threshold and normalize."""
    choices = as_choices(choices)
    if choices.threshold != DEFAULT.threshold:
        raise InputError(
            f"a 32-bit twin has no bits, so choices.threshold expects its default, 'mean', and is {choices.threshold!r}"
        )
    if not choices.normalize:
        raise InputError(
            "a 32-bit twin is told by its own option normalize whether it normalizes, so choices.normalize expects "
            "True, and is False"
        )
    return choices
