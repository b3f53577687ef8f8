"""What follows the product in a layer as one operation: the bias, Normalize and the activation."""

import numpy as np

from minibnn import kernels
from minibnn.autograd.ops.elementwise import relu
from minibnn.autograd.ops.normalization import normalize
from minibnn.autograd.tensor import operation


def finish(z, b, eps=1e-5, activation=None):
    """activation(normalize(z + b, eps=eps)), with the same bits, in one pass through memory instead of three.

    `z`: tensor (..., n). `b`: tensor (n,). `activation`: None or a function of a tensor. Returns a tensor (..., n).
    Only `relu` is a part of the pass. Other arrays than the fast path's take the three operations one after another.
    """
    if b.shape != z.shape[-1:] or not kernels.fast(z.data, b.data):
        return _activated(normalize(z + b, eps=eps), activation)
    if activation is relu:
        return _in_one_pass(z, b, eps, True)
    return _activated(_in_one_pass(z, b, eps, False), activation)


def _activated(y, activation):
    return y if activation is None else activation(y)


def _in_one_pass(z, b, eps, with_relu):
    rows, parts = z.data.reshape(-1, b.size), kernels.parts(z.size)
    y, inverse_sigma = np.empty_like(rows), np.empty(len(rows), np.float32)
    a = np.empty_like(rows) if with_relu else y
    kernels.add_and_normalize_rows(rows, b.data, eps, with_relu, y, a, inverse_sigma, parts)

    def vjp(g):  # one after another: together they are no faster, since rows of 32 features are short for so many loops
        g = np.ascontiguousarray(g).reshape(rows.shape)
        slopes, gz, g_bias = g, np.empty_like(rows), np.empty_like(b.data)
        if with_relu:
            slopes = np.empty_like(rows)
            kernels.relu_vjp(g.reshape(-1), y.reshape(-1), slopes.reshape(-1), parts)
        kernels.normalize_rows_vjp(slopes, y, inverse_sigma, gz, parts)
        kernels.column_sums(gz, g_bias, parts)
        return gz.reshape(z.shape), g_bias

    return operation("finish", a.reshape(z.shape), (z, b), vjp)
