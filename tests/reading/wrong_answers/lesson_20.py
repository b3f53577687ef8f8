"""Plausible wrong answers to the exercise of lesson 20, each with what the checker must say about it."""

import numpy as np


def mean_of_exp(losses, counts):
    return float(np.exp(losses).mean())


def weighted_mean_of_exp(losses, counts):
    return float(np.average(np.exp(losses), weights=counts))


def batches_count_the_same(losses, counts):
    return float(np.exp(np.mean(losses)))


def with_one_error(a, b, n):
    return bool(abs(a - b) > 2 * np.sqrt(a * (1 - a) / n))


def with_one_standard_error_of_the_difference(a, b, n):
    return bool(abs(a - b) > np.sqrt((a * (1 - a) + b * (1 - b)) / n))


def with_a_sign(a, b, n):
    return bool(a - b > 2 * np.sqrt((a * (1 - a) + b * (1 - b)) / n))


def without_n(a, b, n):
    return bool(abs(a - b) > 0.04)


def only_strictly(models):
    kept = [m for m in models if not any(s < m[1] and loss < m[2] for _, s, loss in models)]
    return [name for name, *_ in sorted(kept, key=lambda m: m[1:])]


def in_their_order(models):
    def beaten(model):
        return any(s <= model[1] and o <= model[2] and (s, o) != model[1:] for _, s, o in models)

    return [model[0] for model in models if not beaten(model)]


def by_loss_alone(models):
    return [min(models, key=lambda m: m[2])[0]]


def drops_equals(models):
    def beaten(i):
        return any(j != i and m[1] <= models[i][1] and m[2] <= models[i][2] for j, m in enumerate(models))

    kept = [model for i, model in enumerate(models) if not beaten(i)]
    return [name for name, *_ in sorted(kept, key=lambda m: m[1:])]


WRONG = {
    "averages exp(loss)": ({"perplexity": mean_of_exp}, "errata 11"),
    "averages exp(loss) over tokens": ({"perplexity": weighted_mean_of_exp}, "errata 11"),
    "forgets that batches differ in size": ({"perplexity": batches_count_the_same}, "each batch count the same"),
    "takes the error of one accuracy": ({"clearly_different": with_one_error}, "of one accuracy"),
    "takes one standard error for two": (
        {"clearly_different": with_one_standard_error_of_the_difference},
        "1.2 standard errors",
    ),
    "forgets the sign of the difference": ({"clearly_different": with_a_sign}, "does not matter"),
    "forgets the number of photos": ({"clearly_different": without_n}, "many photos"),
    "asks for better in both": ({"unbeaten": only_strictly}, "expected"),
    "keeps the order that was given": ({"unbeaten": in_their_order}, "smallest model first"),
    "returns the best loss only": ({"unbeaten": by_loss_alone}, "b beats c"),
    "lets equal models beat each other": ({"unbeaten": drops_equals}, "two equal models"),
}
