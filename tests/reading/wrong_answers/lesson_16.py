"""Plausible wrong answers of lesson 16, and a phrase of the sentence that each must get."""

import math

import numpy as np


def _logits(V, k, high, low):
    return np.r_[np.full(k, float(high)), np.full(V - k, float(low))]


def others_at_zero(V, k=1):
    return _logits(V, k, math.sqrt(V / k), 0)


def one_hot(V, k=1):
    return _logits(V, k, 1 - k / V, -k / V)


def by_the_sample_variance(V, k=1):
    return _logits(V, k, math.sqrt((V - k) / k), -math.sqrt(k / (V - k))) * math.sqrt((V - 1) / V)


def for_one_right_class(V, k=1):
    return _logits(V, 1, math.sqrt(V - 1), -1 / math.sqrt(V - 1))


def turned(V, k=1):
    return _logits(V, k, -math.sqrt((V - k) / k), math.sqrt(k / (V - k)))


def right_ones_last(V, k=1):
    return _logits(V, k, math.sqrt((V - k) / k), -math.sqrt(k / (V - k)))[::-1]


def _distance(V, k):
    return V / math.sqrt(k * (V - k))


def by_log(V, k=1):
    return math.log(k) + math.log(1 + (V - k) / k * math.exp(-_distance(V, k)))


def without_log_k(V, k=1):
    return math.log1p((V - k) / k * math.exp(-_distance(V, k)))


def right_logit_alone(V, k=1):
    return math.log(k + (V - k) * math.exp(-math.sqrt((V - k) / k)))


def one_wrong_class(V, k=1):
    return math.log(k) + math.log1p(math.exp(-_distance(V, k)))


def one_right_class(V, k=1):
    return math.log1p((V - k) * math.exp(-_distance(V, k)))


def the_probability(V, k=1):
    return 1 / (1 + (V - k) * math.exp(-_distance(V, k)))


def in_bits(V, k=1):
    return (math.log(k) + math.log1p((V - k) / k * math.exp(-_distance(V, k)))) / math.log(2)


WRONG = {
    "leaves the others at 0": ({"best_logits": others_at_zero}, "its mean is"),
    "forgets the scale": ({"best_logits": one_hot}, "its mean square is"),
    "divides by V - 1": ({"best_logits": by_the_sample_variance}, "Normalize divides by V"),
    "forgets k": ({"best_logits": for_one_right_class}, "must be equal"),
    "puts the right ones last": ({"best_logits": right_ones_last}, "the k right classes are the first k"),
    "makes the right ones small": ({"best_logits": turned}, "turn the sign"),
    "loses a tiny loss": ({"loss_floor": by_log}, "log1p"),
    "forgets log k": ({"loss_floor": without_log_k}, "log k is missing"),
    "takes the right logit for the distance": ({"loss_floor": right_logit_alone}, "not 0 but negative"),
    "counts one wrong class": ({"loss_floor": one_wrong_class}, "V - k wrong classes"),
    "counts one right class": ({"loss_floor": one_right_class}, "the k right classes are in the softmax's sum too"),
    "returns the probability": ({"loss_floor": the_probability}, "minus its logarithm"),
    "takes the logarithm to base 2": ({"loss_floor": in_bits}, "in nats"),
}
