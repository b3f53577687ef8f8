"""Plausible wrong answers of lesson 9, and a phrase of the sentence that each must get."""

import numpy as np


def same_eps(S, s, eps):
    return (S + 1) / 2, (s + 1) / 2, eps


def four_times_eps(S, s, eps):
    return (S + 1) / 2, (s + 1) / 2, 4 * eps


def half_of_eps(S, s, eps):
    return (S + 1) / 2, (s + 1) / 2, eps / 2


def bias_kept(S, s, eps):
    return (S + 1) / 2, s, eps / 4


def bias_forgotten(S, s, eps):
    return (S + 1) / 2, np.zeros_like(s), eps / 4


def turned_round(S, s, eps):
    return (1 - S) / 2, (1 - s) / 2, eps / 4


def not_halved(S, s, eps):
    return S + 1, s + 1, eps / 4


def bits_only(S, s, eps):
    return (S + 1) / 2


def share_that_differs(z):
    return 1 - float((z.mean(axis=3).var(axis=(1, 2)) / z.var(axis=(1, 2, 3))).mean())


def own_share(z):
    return float(((z - z.mean(axis=3, keepdims=True)).var(axis=(1, 2, 3)) / z.var(axis=(1, 2, 3))).mean())


def all_examples_at_once(z):
    return float(z.mean(axis=3).var() / z.var())


def mean_of_the_variances(z):
    return float((z.var(axis=(1, 2)).mean(axis=1) / z.var(axis=(1, 2, 3))).mean())


def standard_deviations(z):
    return float((z.mean(axis=3).std(axis=(1, 2)) / z.std(axis=(1, 2, 3))).mean())


def quotient_of_means(z):
    return float(z.mean(axis=3).var(axis=(1, 2)).mean() / z.var(axis=(1, 2, 3)).mean())


def sum_of_the_filters(z):
    return float((z.sum(axis=3).var(axis=(1, 2)) / z.var(axis=(1, 2, 3))).mean())


WRONG = {
    "keeps epsilon": ({"to_bits": same_eps}, "eps = 0.02 becomes 0.02"),
    "turns the factor of epsilon round": ({"to_bits": four_times_eps}, "becomes 0.08"),
    "takes half of epsilon": ({"to_bits": half_of_eps}, "becomes 0.01"),
    "keeps the signs of the bias": ({"to_bits": bias_kept}, "b of to_bits contains -1"),
    "forgets the bias": ({"to_bits": bias_forgotten}, "s = 2 b - 1 too"),
    "gives -1 the bit 1": ({"to_bits": turned_round}, "turned round"),
    "forgets to halve": ({"to_bits": not_halved}, "contains 2"),
    "returns only the bits": ({"to_bits": bits_only}, "three values"),
    "returns the other share": ({"common_share": share_that_differs}, "expected 1"),
    "measures what filters have of their own": ({"common_share": own_share}, "expected 1"),
    "takes all examples at once": ({"common_share": all_examples_at_once}, "of each example"),
    "averages the variances of the filters": (
        {"common_share": mean_of_the_variances},
        "the mean over the filters first",
    ),
    "divides standard deviations": ({"common_share": standard_deviations}, "standard deviations"),
    "adds up the filters": ({"common_share": sum_of_the_filters}, "take their mean"),
    "divides the means": ({"common_share": quotient_of_means}, "share of each example"),
}
