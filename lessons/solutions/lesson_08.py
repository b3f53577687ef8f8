"""A solution of lesson 8."""

import numpy as np


def normalize(z, eps=1e-5):
    """Normalize: (z - mean) / sqrt(variance + eps), of each example over its units."""
    mean = z.mean(axis=-1, keepdims=True)
    variance = z.var(axis=-1, keepdims=True)
    return (z - mean) / np.sqrt(variance + eps)


def bits(p):
    """Eq. 1."""
    return (p > p.mean()).astype(p.dtype)


def bnfcl(x, W, b, activation):
    """The output of a binary normalized fully connected layer (Algorithm 1), from its latent weights."""
    W_q, b_q = bits(W), bits(b)  # lines 1 to 7
    z = x @ W_q + b_q  # line 8: (B, n_in) @ (n_in, U) + (U,) -> (B, U)
    z = normalize(z)  # line 9
    a = activation(z)  # line 10
    return a  # line 11
