"""Plausible wrong answers to the exercise of lesson 3."""

import numpy as np


def front_axes_only(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


def until_the_shape_fits(g, shape):
    while g.ndim > len(shape):
        g = g.sum(axis=-1)
    for axis, length in enumerate(shape):
        if length == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


def without_the_axes_of_length_1(g, shape):
    new_axes = g.ndim - len(shape)
    stretched = tuple(axis + new_axes for axis, length in enumerate(shape) if length == 1)
    return g.sum(axis=(*range(new_axes), *stretched))


def axes_counted_from_the_front(g, shape):
    stretched = tuple(axis for axis, length in enumerate(shape) if length == 1)
    g = g.sum(axis=stretched, keepdims=True)
    return g.sum(axis=tuple(range(g.ndim - len(shape)))).reshape(shape)


def mean_over_the_copies(g, shape):
    new_axes = g.ndim - len(shape)
    stretched = tuple(axis + new_axes for axis, length in enumerate(shape) if length == 1)
    return g.mean(axis=(*range(new_axes), *stretched), keepdims=True).reshape(shape)


def first_of_the_copies(g, shape):
    return g[(0,) * (g.ndim - len(shape))]


def one_new_axis(g, shape):
    if g.ndim > len(shape):
        g = g.sum(axis=0)
    return g


def no_transpose_of_W(g, x, W):
    rows, slopes = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
    return g @ (W if W.shape[0] == W.shape[1] else W.T), rows.T @ slopes


def all_axes_turned(g, x, W):
    return g @ W.T, x.T @ g if x.ndim > 1 else np.outer(x, g)


def one_matrix_per_sentence(g, x, W):
    return g @ W.T, x.swapaxes(-1, -2) @ g if x.ndim > 1 else np.outer(x, g)


def mean_over_the_batch(g, x, W):
    rows, slopes = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
    return g @ W.T, rows.T @ slopes / len(rows)


def in_place(g, x, W):
    rows, slopes = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
    x[...] = g @ W.T
    return x, rows.T @ slopes


WRONG = {
    "sums over new axes only": ({"unbroadcast": front_axes_only}, "was stretched"),
    "sums over the last axes": ({"unbroadcast": until_the_shape_fits}, "at the front"),
    "drops the axes of length 1": ({"unbroadcast": without_the_axes_of_length_1}, "keep it with length 1"),
    "counts axes from the front": ({"unbroadcast": axes_counted_from_the_front}, "axis 1 of shape is axis 2 of g"),
    "takes the mean": ({"unbroadcast": mean_over_the_copies}, "mean over the copies"),
    "takes one of the copies": ({"unbroadcast": first_of_the_copies}, "sum over the new axis"),
    "expects one new axis": ({"unbroadcast": one_new_axis}, "two new axes"),
    "forgets a transpose where the shapes do not show it": ({"matmul_vjp": no_transpose_of_W}, "It is g @ W.T"),
    "turns all axes with .T": ({"matmul_vjp": all_axes_turned}, "make one axis of them"),
    "returns one gradient for each sentence": ({"matmul_vjp": one_matrix_per_sentence}, "sum over all"),
    "takes the mean over the batch": ({"matmul_vjp": mean_over_the_batch}, "sum over all"),
    "writes into x": ({"matmul_vjp": in_place}, "changed the array x"),
}
