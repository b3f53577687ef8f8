"""BLM (Algorithm 8) in float32, one token at a time: as lean as plain NumPy and PyTorch let it be.

They are the rivals of the packed model: the same zeros and ones, unpacked to float32, and a preallocated key-value
cache. gelu is exact in both; NumPy lacks the error function, so it takes minibnn's.
"""

import math

import numpy as np

from minibnn.kernels import normal_cdf

BLOCK = ("attention.query", "attention.key", "attention.value", "attention.projection", "ff_in", "ff_out")


class NumPyDecoder:
    """The logits (1, V) behind one more token.

    `parameters`: dict of dotted name to float32 array. `keys`, `values`: of each block an array (N, max_len, K).
    """

    def __init__(self, parameters, num_heads, keys, values):
        self.num_heads, self.keys, self.values = num_heads, keys, values
        layers = {name.removesuffix(".W") for name in parameters if name.endswith(".W")}
        self.layers = {name: (parameters[f"{name}.W"], parameters[f"{name}.b"]) for name in layers}
        self.names = [[f"blocks.{i}.{part}" for part in BLOCK] for i in range(len(keys))]

    def __call__(self, token, position):
        """`position`: how many tokens came before, of which the cache holds keys and values."""
        x = normalize(self._row("embed.tokens", token) + self._row("embed.positions", position))
        for names, keys, values in zip(self.names, self.keys, self.values, strict=True):
            x = self._block(x, names, keys, values, position)
        return self._layer(gelu(self._layer(gelu(self._layer(x, "mlp1")), "mlp2")), "output")

    def _block(self, x, names, keys, values, position):
        q, k, v = (self._layer(x, name).reshape(self.num_heads, 1, -1) for name in names[:3])
        keys[:, position : position + 1], values[:, position : position + 1] = k, v
        scores = q @ keys[:, : position + 1].transpose(0, 2, 1) * np.float32(1 / math.sqrt(q.shape[2]))
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        attended = (scores @ values[:, : position + 1]).reshape(1, -1)
        x = normalize(x + self._layer(attended, names[3]))
        return normalize(x + self._layer(gelu(self._layer(x, names[4])), names[5]))

    def _layer(self, x, name):
        W, b = self.layers[name]
        return normalize(x @ W + b)

    def _row(self, name, number):
        W, b = self.layers[name]
        return normalize(W[number : number + 1] + b)


def normalize(z):
    """Normalize over the last axis, without a parameter."""
    z = z - z.mean(-1, keepdims=True)
    return z / np.sqrt((z * z).mean(-1, keepdims=True) + np.float32(1e-5))


def gelu(z):
    """z (1, n) times the normal distribution's cdf at z."""
    cdf = np.empty_like(z)
    normal_cdf(z[0], cdf[0])
    return z * cdf


class TorchDecoder:
    """`NumPyDecoder` in PyTorch: F.linear with each kernel in PyTorch's layout, and its fused attention."""

    def __init__(self, torch, parameters, num_heads, keys, values):
        self.F, self.num_heads = torch.nn.functional, num_heads
        self.keys, self.values = ([torch.from_numpy(array)[None] for array in arrays] for arrays in (keys, values))
        names = [name.removesuffix(".W") for name in parameters if name.endswith(".W")]
        tensors = {name: torch.from_numpy(array) for name, array in parameters.items()}
        self.rows = {name: (tensors[f"{name}.W"], tensors[f"{name}.b"]) for name in names if name.startswith("embed")}
        self.layers = {
            name: (tensors[f"{name}.W"].T.contiguous(), tensors[f"{name}.b"]) for name in names if name not in self.rows
        }
        self.names = [[f"blocks.{i}.{part}" for part in BLOCK] for i in range(len(keys))]

    def __call__(self, token, position):
        x = self._normalize(self._row("embed.tokens", token) + self._row("embed.positions", position))
        for names, keys, values in zip(self.names, self.keys, self.values, strict=True):
            x = self._block(x, names, keys, values, position)
        gelu = self.F.gelu
        return self._layer(gelu(self._layer(gelu(self._layer(x, "mlp1")), "mlp2")), "output")

    def _block(self, x, names, keys, values, position):
        q, k, v = (self._layer(x, name).reshape(1, self.num_heads, 1, -1) for name in names[:3])
        keys[:, :, position : position + 1], values[:, :, position : position + 1] = k, v
        known = slice(position + 1)
        attended = self.F.scaled_dot_product_attention(q, keys[:, :, known], values[:, :, known]).reshape(1, -1)
        x = self._normalize(x + self._layer(attended, names[3]))
        return self._normalize(x + self._layer(self.F.gelu(self._layer(x, names[4])), names[5]))

    def _layer(self, x, name):
        return self._normalize(self.F.linear(x, *self.layers[name]))

    def _row(self, name, number):
        W, b = self.rows[name]
        return self._normalize(W[number : number + 1] + b)

    def _normalize(self, z):
        return self.F.layer_norm(z, z.shape[-1:])
