"""All combinations of the choices, and the paper's algorithms with them in NumPy alone, as obvious as can be."""

import itertools
import math

import numpy as np
from hypothesis import strategies as st

from minibnn.layers import Choices

COMBINATIONS = [
    Choices(threshold, epsilon, normalize, bias)
    for (threshold, epsilon), normalize, bias in itertools.product(
        (("mean", 1e-5), ("zero", 1e-5), ("mean", 0.3), ("zero", 0.3)), (True, False), (True, False)
    )
]
choices = st.builds(
    Choices, st.sampled_from(["mean", "zero"]), st.sampled_from([1e-5, 1e-2, 3.0]), st.booleans(), st.booleans()
)


def describe(chosen):
    """A short name for a test."""
    normalize, bias = ("" if wanted else "no " for wanted in (chosen.normalize, chosen.bias))
    return f"{chosen.threshold}, {chosen.epsilon}, {normalize}Normalize, {bias}bias"


class Plain:
    """Algorithms 1 and 3 to 8 of a model's parameters `p`, a dict of float64 arrays by dotted name."""

    def __init__(self, p, chosen):
        self.p, self.chosen = p, chosen

    def bits(self, name):
        values = self.p[name]
        return (values > (values.mean() if self.chosen.threshold == "mean" else 0)).astype(float)

    def normalize(self, z, axes=-1):
        if not self.chosen.normalize:
            return z
        variance = z.var(axes, keepdims=True)
        return (z - z.mean(axes, keepdims=True)) / np.sqrt(variance + self.chosen.epsilon)

    def finish(self, z, name, activation, axes=-1):
        z = self.normalize(z + self.bits(f"{name}b") if self.chosen.bias else z, axes)
        return ACTIVATIONS[activation](z)

    def dense(self, x, name="", activation=None):
        return self.finish(x @ self.bits(f"{name}W"), name, activation)

    def convolve(self, x, name="", activation=None, axes=-1):
        W = self.bits(f"{name}W")
        size, (_, height, width, _) = len(W), x.shape
        before, after = (size - 1) // 2, size - 1 - (size - 1) // 2
        x = np.pad(x, [(0, 0), (before, after), (before, after), (0, 0)])
        shifts = itertools.product(range(size), repeat=2)
        z = sum(x[:, dy : dy + height, dx : dx + width] @ W[dy, dx] for dy, dx in shifts)
        return self.finish(z, name, activation, axes)

    def embed(self, ids, name=""):
        rows = [np.eye(len(self.p[f"{name}{part}.W"])) for part in ("tokens", "positions")]
        positions = self.dense(rows[1][: ids.shape[1]], f"{name}positions.")
        return self.dense(rows[0][ids], f"{name}tokens.") + positions

    def attend(self, x, heads, name=""):
        def split(part):
            return self.dense(x, f"{name}{part}.").reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)

        Q, K, V = split("query"), split("key"), split("value")
        scores = Q @ K.swapaxes(-1, -2) / math.sqrt(Q.shape[-1])
        scores[..., ~np.tri(x.shape[1], dtype=bool)] = -np.inf
        return self.dense((softmax(scores) @ V).swapaxes(1, 2).reshape(x.shape), f"{name}projection.")

    def block(self, x, heads, name=""):
        x = self.normalize(x + self.attend(x, heads, f"{name}attention."))
        return self.normalize(x + self.dense(self.dense(x, f"{name}ff_in.", "gelu"), f"{name}ff_out."))

    def language_model(self, ids, heads, blocks):
        x = self.normalize(self.embed(ids, "embed."))
        for i in range(blocks):
            x = self.block(x, heads, f"blocks.{i}.")
        return self.dense(self.dense(self.dense(x, "mlp1.", "gelu"), "mlp2.", "gelu"), "output.")

    def classifier(self, x, axes):
        for number in range(1, 6):
            for half in "ab":
                x = self.convolve(x, f"conv{number}{half}.", "relu", axes)
            if number < 5:
                height, width = (2 * (size // 2) for size in x.shape[1:3])
                corners = [x[:, y:height:2, z:width:2] for y in (0, 1) for z in (0, 1)]
                x = np.max(corners, axis=0)
        x = self.dense(self.dense(x.mean((1, 2)), "fc1.", "relu"), "fc2.", "relu")
        return self.dense(x, "fc3.")


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


ACTIVATIONS = {
    None: lambda z: z,
    "relu": lambda z: z * (z > 0),
    "gelu": lambda z: z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))) / 2,
    "softmax": softmax,
}
