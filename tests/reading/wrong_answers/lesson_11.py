"""Plausible wrong answers of lesson 11, and a phrase of the sentence that each must get."""

import numpy as np


def _share(before, after, bits_before, bits_after):
    pairs = list(zip(before, after, strict=True))
    return sum((bits_before(a, b) != bits_after(a, b)).sum() for a, b in pairs) / sum(a.size for a, _ in pairs)


def of_floats(before, after):
    return _share(before, after, lambda a, b: a, lambda a, b: b)


def by_sign(before, after):
    return _share(before, after, lambda a, b: a > 0, lambda a, b: b > 0)


def by_the_old_mean(before, after):
    return _share(before, after, lambda a, b: a > a.mean(), lambda a, b: b > a.mean())


def with_ties_as_ones(before, after):
    return _share(before, after, lambda a, b: a >= a.mean(), lambda a, b: b >= b.mean())


def as_a_number(before, after):
    return sum(((a > a.mean()) != (b > b.mean())).sum() for a, b in zip(before, after, strict=True))


def as_a_mean_of_means(before, after):
    return np.mean([((a > a.mean()) != (b > b.mean())).mean() for a, b in zip(before, after, strict=True)])


def with_one_mean(before, after):
    a, b = (np.concatenate([each.ravel() for each in arrays]) for arrays in (before, after))
    return ((a > a.mean()) != (b > b.mean())).mean()


def unchanged_for_adam(lr, c, k, optimizer):
    return lr if optimizer == "adam" else lr * c / k


def by_c_squared(lr, c, k, optimizer):
    return lr * c**2 / (k if optimizer == "sgd" else 1)


def divided_by_c(lr, c, k, optimizer):
    return lr / c


def loss_forgotten(lr, c, k, optimizer):
    return lr * c


def loss_multiplied(lr, c, k, optimizer):
    return lr * c * (k if optimizer == "sgd" else 1)


def as_sgd(lr, c, k, optimizer):
    return lr * c / k


WRONG = {
    "compares floats": ({"flip_ratio": of_floats}, "compare the bits"),
    "takes the sign": ({"flip_ratio": by_sign}, "the mean and not 0"),
    "keeps the old mean": ({"flip_ratio": by_the_old_mean}, "each moment's own"),
    "gives a tie the bit 1": ({"flip_ratio": with_ties_as_ones}, "equal to their mean"),
    "counts instead of dividing": ({"flip_ratio": as_a_number}, "not their number"),
    "takes the mean of the tensors' ratios": ({"flip_ratio": as_a_mean_of_means}, "must not count as much"),
    "takes one mean for all tensors": ({"flip_ratio": with_one_mean}, "its own mean"),
    "thinks that Adam mends the scale": ({"same_training": unchanged_for_adam}, "neither SGD's nor Adam's"),
    "multiplies by c squared": ({"same_training": by_c_squared}, "c squared"),
    "divides by c": ({"same_training": divided_by_c}, "steps must be c times as long"),
    "forgets the loss": ({"same_training": loss_forgotten}, "divided by"),
    "multiplies by the loss's factor": ({"same_training": loss_multiplied}, "divided by"),
    "treats Adam as SGD": ({"same_training": as_sgd}, "Adam divides by the gradient's own size"),
}
