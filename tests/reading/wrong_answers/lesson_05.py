"""Plausible wrong answers to the exercise of lesson 5."""

import numpy as np


def without_correction(p, g, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return p - lr * m / (np.sqrt(v) + eps), m, v


def m_corrected_only(p, g, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return p - lr * m / (1 - beta1**t) / (np.sqrt(v) + eps), m, v


def corrected_means_returned(p, g, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    m = (beta1 * m + (1 - beta1) * g) / (1 - beta1**t)
    v = (beta2 * v + (1 - beta2) * g * g) / (1 - beta2**t)
    return p - lr * m / (np.sqrt(v) + eps), m, v


def eps_in_the_root(p, g, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return p - lr * m / (1 - beta1**t) / np.sqrt(v / (1 - beta2**t) + eps), m, v


def eps_before_the_correction(p, g, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return p - lr * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + eps), m, v


def t_from_zero(p, g, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return p - lr * m / (1 - beta1 ** (t - 1)) / (np.sqrt(v / (1 - beta2 ** (t - 1))) + eps), m, v


def mean_without_square(p, g, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g
    return p - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def momentum_instead_of_a_mean(p, g, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + g
    v = beta2 * v + (1 - beta2) * g * g
    return p - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


def in_place(p, g, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g * g
    p -= lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return p, m, v


def shares_of(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def overflowing(logits, labels):
    shares = shares_of(logits)
    rows = np.arange(len(labels))
    loss = -np.log(shares[rows, labels]).mean()
    shares[rows, labels] -= 1
    return loss, shares / len(labels)


def infinite(logits, labels):
    return overflowing(logits - logits.max(axis=1, keepdims=True), labels)


def summed_gradient(logits, labels):
    loss, gradient = overflowing(logits, labels)
    return loss, gradient * len(labels)


def gradient_of_the_right_class_only(logits, labels):
    loss, gradient = overflowing(logits, labels)
    return loss, gradient * np.eye(logits.shape[1])[labels]


def turned_gradient(logits, labels):
    loss, gradient = overflowing(logits, labels)
    return loss, -gradient


def gradient_along_the_shares(logits, labels):
    shares = shares_of(logits)
    one_hot = np.eye(logits.shape[1])[labels]
    return overflowing(logits, labels)[0], -one_hot / shares / len(labels)


def loss_of_the_sum(logits, labels):
    loss, gradient = overflowing(logits, labels)
    return loss * len(labels), gradient


def loss_of_all_classes(logits, labels):
    return -np.log(shares_of(logits)).mean(), overflowing(logits, labels)[1]


def loss_of_all_labels(logits, labels):
    return -np.log(shares_of(logits)[:, labels]).mean(), overflowing(logits, labels)[1]


WRONG = {
    "leaves out the corrections": ({"adam_step": without_correction}, "Neither mean is corrected"),
    "corrects m alone": ({"adam_step": m_corrected_only}, "v is not corrected"),
    "keeps the corrected means": ({"adam_step": corrected_means_returned}, "but return m"),
    "puts eps inside the root": ({"adam_step": eps_in_the_root}, "inside the root"),
    "adds eps before the correction": ({"adam_step": eps_before_the_correction}, "before the correction"),
    "counts t from 0": ({"adam_step": t_from_zero}, "t counts from 1"),
    "forgets the square": ({"adam_step": mean_without_square}, "mean of squares"),
    "adds up as momentum does": ({"adam_step": momentum_instead_of_a_mean}, "should be a mean"),
    "works in place": ({"adam_step": in_place}, "changed the array p"),
    "overflows": ({"cross_entropy": overflowing}, "overflows"),
    "takes the logarithm of 0": ({"cross_entropy": infinite}, "log(0) is infinite"),
    "does not divide the gradient by B": ({"cross_entropy": summed_gradient}, "divided by B"),
    "knows a slope of the right class only": (
        {"cross_entropy": gradient_of_the_right_class_only},
        "The wrong classes have slopes",
    ),
    "turns the sign of the gradient": ({"cross_entropy": turned_gradient}, "The sign is turned"),
    "stops at the shares": ({"cross_entropy": gradient_along_the_shares}, "go on through softmax"),
    "sums over the batch": ({"cross_entropy": loss_of_the_sum}, "take the mean"),
    "takes every label from every row": ({"cross_entropy": loss_of_all_labels}, "one of each row"),
    "averages over all classes": ({"cross_entropy": loss_of_all_classes}, "only the share of the right class"),
}
