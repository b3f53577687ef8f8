"""Plausible wrong answers of lesson 10, and a phrase of the sentence that each must get."""

import numpy as np


def _parts(z, eps, axis=1):
    sigma = np.sqrt(z.var(axis=axis, keepdims=True) + eps)
    return (z - z.mean(axis=axis, keepdims=True)) / sigma, sigma


def _mean(values, axis=1):
    return values.mean(axis=axis, keepdims=True)


def as_if_not_normalized(x, z, g, eps=1e-5):
    return x.T @ g


def without_the_mean(x, z, g, eps=1e-5):
    y, sigma = _parts(z, eps)
    return x.T @ ((g - y * _mean(g * y)) / sigma)


def without_the_second_term(x, z, g, eps=1e-5):
    _, sigma = _parts(z, eps)
    return x.T @ ((g - _mean(g)) / sigma)


def z_for_y(x, z, g, eps=1e-5):
    _, sigma = _parts(z, eps)
    return x.T @ ((g - _mean(g) - z * _mean(g * z)) / sigma)


def without_sigma(x, z, g, eps=1e-5):
    y, _ = _parts(z, eps)
    return x.T @ (g - _mean(g) - y * _mean(g * y))


def without_eps(x, z, g, eps=1e-5):
    y, _ = _parts(z, eps)
    return x.T @ ((g - _mean(g) - y * _mean(g * y)) / z.std(axis=1, keepdims=True))


def eps_outside_the_root(x, z, g, eps=1e-5):
    sigma = z.std(axis=1, keepdims=True) + eps
    y = (z - _mean(z)) / sigma
    return x.T @ ((g - _mean(g) - y * _mean(g * y)) / sigma)


def sum_of_gy(x, z, g, eps=1e-5):
    y, sigma = _parts(z, eps)
    return x.T @ ((g - _mean(g) - y * (g * y).sum(axis=1, keepdims=True)) / sigma)


def over_the_batch(x, z, g, eps=1e-5):
    y, sigma = _parts(z, eps, axis=0)
    return x.T @ ((g - _mean(g, 0) - y * _mean(g * y, 0)) / sigma)


def transposed(x, z, g, eps=1e-5):
    y, sigma = _parts(z, eps)
    return ((g - _mean(g) - y * _mean(g * y)) / sigma).T @ x


def mean_over_the_examples(x, z, g, eps=1e-5):
    y, sigma = _parts(z, eps)
    return x.T @ ((g - _mean(g) - y * _mean(g * y)) / sigma) / len(x)


def one_mean_for_all(x, z, g, eps=1e-5):
    y, sigma = _parts(z, eps)
    return x.T @ ((g - g.mean() - y * _mean(g * y)) / sigma)


def as_sgd(g, lr):
    return -lr * g.sum(axis=1)


def uphill(g, lr):
    return lr * np.sign(g).sum(axis=1)


def columns(g, lr):
    return -lr * np.sign(g).sum(axis=0)


def without_lr(g, lr):
    return -np.sign(g).sum(axis=1)


def mean_of_the_row(g, lr):
    return -lr * np.sign(g).mean(axis=1)


def zero_by_zero(g, lr):
    with np.errstate(invalid="ignore"):
        return -lr * (g / np.abs(g)).sum(axis=1)


WRONG = {
    "forgets Normalize": ({"weight_gradient": as_if_not_normalized}, "as if Normalize were not there"),
    "forgets mean(g)": ({"weight_gradient": without_the_mean}, "mean(g) is missing"),
    "forgets the second term": ({"weight_gradient": without_the_second_term}, "y * mean(g * y) is missing"),
    "takes z for y": ({"weight_gradient": z_for_y}, "z where y"),
    "forgets sigma": ({"weight_gradient": without_sigma}, "division by sigma is missing"),
    "forgets eps in sigma": ({"weight_gradient": without_eps}, "eps is missing"),
    "adds eps to the standard deviation": ({"weight_gradient": eps_outside_the_root}, "inside the root"),
    "takes the sum for the second mean": ({"weight_gradient": sum_of_gy}, "the sum of g * y"),
    "takes means over the batch": ({"weight_gradient": over_the_batch}, "over the examples"),
    "returns the transpose": ({"weight_gradient": transposed}, "transpose"),
    "takes the mean over the examples": ({"weight_gradient": mean_over_the_examples}, "their sum"),
    "takes one mean of the whole gradient": ({"weight_gradient": one_mean_for_all}, "must add up to 0"),
    "does what SGD does": ({"first_adam_drift": as_sgd}, "what SGD does"),
    "goes uphill": ({"first_adam_drift": uphill}, "against its gradient"),
    "adds up the columns": ({"first_adam_drift": columns}, "sum over axis 1"),
    "forgets the learning rate": ({"first_adam_drift": without_lr}, "learning rate is missing"),
    "takes the mean of a row": ({"first_adam_drift": mean_of_the_row}, "its sum was asked for"),
    "divides 0 by 0": ({"first_adam_drift": zero_by_zero}, "0 / 0"),
}
