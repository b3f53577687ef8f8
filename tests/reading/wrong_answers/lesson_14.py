"""Plausible wrong answers of lesson 14, and a phrase of the sentence that each must get."""

import numpy as np


def overwriting(g, ids, vocab_size):
    gradient = np.zeros((vocab_size, g.shape[-1]))
    gradient[ids] += g
    return gradient


def averaging(g, ids, vocab_size):
    gradient = np.zeros((vocab_size, g.shape[-1]))
    np.add.at(gradient, ids, g)
    return gradient / np.maximum(1, np.bincount(ids.ravel(), minlength=vocab_size))[:, None]


def only_rows_that_occur(g, ids, vocab_size):
    return np.array([g[ids == i].sum(axis=0) for i in np.unique(ids)])


def looking_up(g, ids, vocab_size):
    return g[ids % len(g)]


def one_axis_only(g, ids, vocab_size):
    gradient = np.zeros((vocab_size, g.shape[-1]))
    for place, i in enumerate(ids.ravel()):
        gradient[i] += g.reshape(-1, g.shape[-1])[min(place, len(g) - 1)]
    return gradient


def as_for_half(distance, ones, D):
    return 1 - 2 * distance / D


def of_the_bits(distance, ones, D):
    return (ones - distance / 2) / ones


def share_of_equal_places(distance, ones, D):
    return 1 - distance / D


def distance_not_halved(distance, ones, D):
    p = ones / D
    return ((ones - distance) / D - p * p) / (p * (1 - p))


def not_divided(distance, ones, D):
    p = ones / D
    return ((ones - distance / 2) - D * p * p) / (p * (1 - p))


WRONG = {
    "writes equal ids once": ({"row_gradient": overwriting}, "np.add.at"),
    "averages": ({"row_gradient": averaging}, "not averaged"),
    "leaves out rows that do not occur": ({"row_gradient": only_rows_that_occur}, "every token of the vocabulary"),
    "looks up instead of adding": ({"row_gradient": looking_up}, "every token of the vocabulary"),
    "takes one axis for granted": ({"row_gradient": one_axis_only}, "several axes"),
    "takes half of the bits to be ones": ({"similarity": as_for_half}, "if half of the bits are ones"),
    "compares the bits": ({"similarity": of_the_bits}, "takes the mean out"),
    "counts equal places": ({"similarity": share_of_equal_places}, "agreement only"),
    "does not halve the distance": ({"similarity": distance_not_halved}, "one half is a 1 in the first row"),
    "forgets to divide by D": ({"similarity": not_divided}, "where both are 1"),
}
