"""The checker of lesson 20."""

import math

import numpy as np

from minibnn.reading import Wrong, call, kind, number_of, truth_of


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_perplexity(answer)
    _check_difference(answer)
    _check_unbeaten(answer)


def _check_perplexity(answer):
    for losses, counts in (([2.0, 2.0], [64, 64]), ([1.0, 4.0], [300, 100]), ([5.1, 4.9, 6.2], [1024, 1024, 17])):
        what = f"losses {losses} and counts {counts}"
        shown = f"perplexity of {what}"
        found = number_of(call(answer, "perplexity", np.array(losses), np.array(counts), shown=shown), shown)
        mean = sum(loss * count for loss, count in zip(losses, counts, strict=True)) / sum(counts)
        if math.isclose(found, math.exp(mean), rel_tol=1e-6):
            continue
        equal, exps = np.mean(losses), np.exp(losses)
        mistakes = {
            "averages exp(loss) over the batches, expected exp of the average loss (errata 11)": (
                np.mean(exps),
                np.average(exps, weights=counts),
            ),
            "lets each batch count the same, expected each token: a batch of 300 counts three times one of 100": (
                np.exp(equal),
            ),
            "returns the mean loss, expected exp of it": (mean, equal),
            "adds the losses up, expected their mean": (np.exp(sum(losses)),),
        }
        for mistake, values in mistakes.items():
            if any(math.isclose(found, value, rel_tol=1e-6) for value in values):
                raise Wrong(f"perplexity {mistake}. It gives {found:.5g} for {what}, and not {math.exp(mean):.5g}.")
        raise Wrong(f"perplexity gives {found:.5g} for {what}, expected {math.exp(mean):.5g}.")


def _check_difference(answer):
    cases = (
        (0.508, 0.484, 1247, "1.2 standard errors of the difference"),
        (0.508, 0.364, 1247, "7.3 standard errors of the difference"),
        (0.364, 0.508, 1247, "7.3 standard errors of the difference; which is larger does not matter"),
        (0.47, 0.44, 1247, "2.1 standard errors of one accuracy, but only 1.5 of the difference"),
        (0.5, 0.44, 1247, "3.0 standard errors of the difference"),
        (0.508, 0.484, 25250, "5.4 standard errors of the difference, since there are many photos"),
        (0.7, 0.5, 20, "1.3 standard errors of the difference, since there are few photos"),
    )
    for a, b, n, reason in cases:
        error = math.sqrt((a * (1 - a) + b * (1 - b)) / n)
        expected = abs(a - b) > 2 * error
        found = truth_of(call(answer, "clearly_different", a, b, n), f"clearly_different({a}, {b}, {n})")
        if found != expected:
            raise Wrong(
                f"clearly_different says {found} for {a}, {b} and n = {n}, expected {expected}: the accuracies "
                f"differ by {reason}."
            )


def _check_unbeaten(answer):
    cases = (
        ([("a", 10, 3.0), ("b", 20, 2.0), ("c", 30, 2.5)], ["a", "b"], "b beats c"),
        ([("c", 30, 2.5), ("b", 20, 2.0), ("a", 10, 3.0)], ["a", "b"], "the smallest comes first"),
        ([("a", 10, 2.0), ("b", 10, 3.0), ("c", 5, 4.0)], ["c", "a"], "b is as large as a and worse"),
        ([("a", 10, 2.0), ("b", 12, 2.0)], ["a"], "b has the same loss as a and is larger"),
        ([("a", 10, 2.0), ("b", 10, 2.0)], ["a", "b"], "two equal models do not beat each other"),
        ([("a", 10, 2.0)], ["a"], "nobody is there to beat it"),
        ([("x", 9, 9.0), ("y", 10, 1.0), ("z", 11, 2.0), ("w", 12, 0.5)], ["x", "y", "w"], "y beats z"),
    )
    for models, expected, reason in cases:
        found = call(answer, "unbeaten", list(models))
        if not isinstance(found, (list, tuple)):
            raise Wrong(f"unbeaten of {models} should be the list {expected}, and is {kind(found)}.")
        found = list(found)
        if found and isinstance(found[0], tuple):
            raise Wrong(f"unbeaten returns whole models for {models}, expected only their names: {expected}.")
        if found == expected or (len(models) == 2 and sorted(map(str, found)) == expected):
            continue
        if sorted(map(str, found)) == sorted(expected):
            raise Wrong(f"unbeaten returns {found} for {models}, expected the smallest model first: {expected}.")
        raise Wrong(f"unbeaten returns {found} for {models}, expected {expected}: {reason}.")
