"""A solution of lesson 10."""

import numpy as np


def weight_gradient(x, z, g, eps=1e-5):
    """The gradient of the loss with respect to W_q, in a layer of z = x @ W_q + b_q and y = Normalize(z)."""
    sigma = np.sqrt(z.var(axis=1, keepdims=True) + eps)
    y = (z - z.mean(axis=1, keepdims=True)) / sigma
    g_z = (g - g.mean(axis=1, keepdims=True) - y * (g * y).mean(axis=1, keepdims=True)) / sigma
    return x.T @ g_z  # (n_in, B) @ (B, U) -> (n_in, U)


def first_adam_drift(g, lr):
    """How much the sum of each row of a weight changes in Adam's very first step."""
    return -lr * np.sign(g).sum(axis=1)
