"""Algorithm 1: BNFCL, the binary normalized fully connected layer."""

from minibnn.errors import InputError
from minibnn.layers.binary import BinaryLayer
from minibnn.layers.module import check_float, check_positive
from minibnn.layers.one_hot import OneHot


class BNFCL(BinaryLayer):
    """Binary normalized fully connected layer (Algorithm 1).

    `n_in`, `n_units`: number of input features and of units U. `activation`: None, "relu", "gelu" or "softmax".
    `choices`: `Choices` of what the paper leaves open, None for the defaults. `rng`: numpy.random.Generator for the
    Glorot-uniform latent kernel.

    `W`: latent kernel (n_in, U). `b`: latent bias (U,), zeros at first, so that Eq. 1 makes it all 0 bits; None where
    there shall be none.
    Called with x (..., n_in), or a `OneHot` of that depth, it returns (..., U).
    Raises InputError for another number of features. Differs from the paper in line 2, which is exact here (errata 7 in
    lessons/errata.md), and in writing x @ W_q for the W_q x of line 8, because examples are rows (errata 8). Line 7 of
    the paper is the `end` of its `if`.
    """

    def __init__(self, n_in, n_units, activation=None, *, choices=None, rng=None):
        check_positive("BNFCL", n_in=n_in, n_units=n_units)
        super().__init__((n_in, n_units), activation, choices, rng)

    def forward(self, x, *, activate=True):
        """x (..., n_in) -> a (..., U); with `activate=False` it stops before line 10."""
        if self.trainable:  # line 1
            W_q = self.straight_through(self.W)  # line 2
            b_q = self.straight_through(self.b)  # line 3
        else:  # line 4
            W_q = self.quant(self.W)  # line 5
            b_q = self.quant(self.b)  # line 6
        if self.in_one_pass:  # all of this at once
            return self.finish(x @ W_q, b_q, activate)
        z = x @ W_q + b_q  # line 8: (..., n_in) @ (n_in, U) + (U,) -> (..., U)
        z = self.normalize(z)  # line 9: over the U features
        a = self.activation(z) if activate else z  # line 10
        return a  # line 11

    def check(self, x):
        """Raise unless x is (..., n_in)."""
        check_features(type(self).__name__, x, self.W.shape[0])


def check_features(owner, x, n_in):
    """Raise InputError unless `x` is a Tensor or OneHot of shape (..., n_in) with at least one example."""
    if not isinstance(x, OneHot):
        check_float(owner, x, f"features (..., {n_in})")
    if len(x.shape) < 1 or x.shape[-1] != n_in:
        raise InputError(f"{owner} expects {n_in} features, (..., {n_in}), and got an input of shape {x.shape}")
    if 0 in x.shape:
        raise InputError(f"{owner} expects at least one example, and got an empty input of shape {x.shape}")
