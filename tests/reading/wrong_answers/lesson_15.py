"""Plausible wrong answers of lesson 15, and a phrase of the sentence that each must get."""

import numpy as np


def with_the_diagonal(weights):
    return float(np.triu(weights).sum(axis=-1).mean())


def below_the_diagonal(weights):
    return float(np.tril(weights, -1).sum(axis=-1).mean())


def as_a_sum(weights):
    return float(np.triu(weights, 1).sum())


def divided_by_tokens(weights):
    return float(np.triu(weights, 1).sum() / weights.shape[-1])


def mean_of_elements(weights):
    return float(np.triu(weights, 1).mean())


def _changed(ids, position, vocab_size):
    changed = ids.copy()
    changed[:, position] = (changed[:, position] + 1) % vocab_size
    return changed


def _tested(model, ids, vocab_size, positions, equal=np.array_equal, shift=0):
    before, ends = model(ids), [i + shift for i in positions]
    after = [model(_changed(ids, i, vocab_size)) for i in positions]
    return all(equal(outputs[:, :end], before[:, :end]) for outputs, end in zip(after, ends, strict=True))


def only_the_last(model, ids, vocab_size):
    return _tested(model, ids, vocab_size, [ids.shape[1] - 1])


def only_the_second(model, ids, vocab_size):
    return _tested(model, ids, vocab_size, [1])


def with_the_own_output(model, ids, vocab_size):
    return _tested(model, ids, vocab_size, range(1, ids.shape[1]), shift=1)


def all_outputs(model, ids, vocab_size):
    return _tested(model, ids, vocab_size, range(1, ids.shape[1]), shift=ids.shape[1])


def without_the_neighbour(model, ids, vocab_size):
    return _tested(model, ids, vocab_size, range(2, ids.shape[1]), shift=-1)


def nearly(model, ids, vocab_size):
    return _tested(model, ids, vocab_size, range(1, ids.shape[1]), np.allclose)


def only_the_guess(model, ids, vocab_size):
    def equal(a, b):
        return np.array_equal(a[..., 0], b[..., 0])

    return _tested(model, ids, vocab_size, range(1, ids.shape[1]), equal)


def in_place(model, ids, vocab_size):
    before = model(ids)
    for i in range(1, ids.shape[1]):
        ids[:, i] = (ids[:, i] + 1) % vocab_size
        if not np.array_equal(model(ids)[:, :i], before[:, :i]):
            return False
    return True


def with_an_invalid_token(model, ids, vocab_size):
    return np.array_equal(model(ids + np.eye(ids.shape[1], dtype=int)[-1])[:, :-1], model(ids)[:, :-1])


WRONG = {
    "counts the diagonal": ({"leak": with_the_diagonal}, "the diagonal does not belong"),
    "looks below the diagonal": ({"leak": below_the_diagonal}, "above the diagonal"),
    "adds up": ({"leak": as_a_sum}, "and not the sum"),
    "divides by the tokens of one head": ({"leak": divided_by_tokens}, "of all heads and texts"),
    "divides by all elements": ({"leak": mean_of_elements}, "then take the mean over the rows"),
    "changes the last token only": ({"is_causal": only_the_last}, "in the middle"),
    "changes the second token only": ({"is_causal": only_the_second}, "up to the last"),
    "compares the own output too": ({"is_causal": with_the_own_output}, "its own token"),
    "compares all outputs": ({"is_causal": all_outputs}, "*before*"),
    "leaves out the neighbour": ({"is_causal": without_the_neighbour}, "just before the changed token"),
    "compares with a tolerance": ({"is_causal": nearly}, "compare exactly"),
    "compares one feature": ({"is_causal": only_the_guess}, "all features"),
    "changes the caller's ids": ({"is_causal": in_place}, "work on a copy"),
    "makes a token that does not exist": ({"is_causal": with_an_invalid_token}, "must be a valid one"),
}
