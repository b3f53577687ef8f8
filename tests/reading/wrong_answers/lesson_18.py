"""Plausible wrong answers to the exercise of lesson 18, each with what the checker must say about it."""

import numpy as np


def _losses(logits, labels):
    z = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(labels)), labels]


def mean_of_exp(logits, labels):
    return float(np.exp(_losses(logits, labels)).mean())


def only_the_loss(logits, labels):
    return float(_losses(logits, labels).mean())


def overflowing(logits, labels):
    odds = np.exp(logits)
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    return float(np.exp(-np.log(probabilities[np.arange(len(labels)), labels]).mean()))


def _odds(z):
    return np.exp(z - z.max())


def _chosen(logits, odds, top_k):
    return odds if top_k is None else np.where(logits < np.sort(logits)[-min(top_k, len(logits))], 0, odds)


def times_temperature(logits, temperature=1.0, top_k=None):
    odds = _chosen(logits, _odds(logits * temperature), top_k)
    return odds / odds.sum()


def not_renormalized(logits, temperature=1.0, top_k=None):
    odds = _odds(logits / temperature)
    return _chosen(logits, odds / odds.sum(), top_k)


def the_least_likely(logits, temperature=1.0, top_k=None):
    odds = _odds(logits / temperature)
    if top_k is not None:
        odds = np.where(logits > np.sort(logits)[min(top_k, len(logits)) - 1], 0, odds)
    return odds / odds.sum()


def zeros_before_softmax(logits, temperature=1.0, top_k=None):
    odds = _odds(_chosen(logits, logits / temperature, top_k))  # a logit of 0 is a probability like any other
    return odds / odds.sum()


def shows_everything(next_logits, ids, count, max_len):
    ids = list(ids)
    for _ in range(count):
        ids.append(int(next_logits(ids).argmax()))
    return ids[len(ids) - count :]


def shows_the_first(next_logits, ids, count, max_len):
    ids = list(ids)
    for _ in range(count):
        ids.append(int(next_logits(ids[:max_len]).argmax()))
    return ids[len(ids) - count :]


def returns_the_beginning(next_logits, ids, count, max_len):
    ids = list(ids)
    for _ in range(count):
        ids.append(int(next_logits(ids[-max_len:]).argmax()))
    return ids


def appends_to_the_argument(next_logits, ids, count, max_len):
    for _ in range(count):
        ids.append(int(next_logits(ids[-max_len:]).argmax()))
    return ids[len(ids) - count :]


def forgets_what_it_wrote(next_logits, ids, count, max_len):
    return [int(next_logits(ids[-max_len:]).argmax()) for _ in range(count)]


WRONG = {
    "averages exp(loss)": ({"perplexity": mean_of_exp}, "errata 11"),
    "returns the loss": ({"perplexity": only_the_loss}, "gives the loss"),
    "overflows": ({"perplexity": overflowing}, "too large for a float"),
    "multiplies by the temperature": ({"next_probabilities": times_temperature}, "multiplies by the temperature"),
    "does not divide what top_k kept": ({"next_probabilities": not_renormalized}, "divided by its sum"),
    "keeps the k smallest": ({"next_probabilities": the_least_likely}, "the least likely"),
    "sets logits to 0 instead of probabilities": ({"next_probabilities": zeros_before_softmax}, "pieces above 0"),
    "shows more than max_len ids": ({"write": shows_everything}, "it can take only the last"),
    "shows the first ids": ({"write": shows_the_first}, "shows the first"),
    "returns the beginning too": ({"write": returns_the_beginning}, "returns the beginning too"),
    "changes the argument": ({"write": appends_to_the_argument}, "changes the list"),
    "forgets what it wrote": ({"write": forgets_what_it_wrote}, "everything written so far"),
}
