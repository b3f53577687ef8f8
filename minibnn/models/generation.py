"""Let a language model write."""

import numpy as np

from minibnn.errors import InputError


def generate(model, ids, count, rng, *, temperature=1.0, top_k=None):
    """Yield `count` token ids, each drawn from the model's distribution after all tokens before it.

    `model`: a BLM or its twin. `ids`: the beginning, a non-empty sequence of token ids; the model sees the last
    `max_len` tokens. `rng`: numpy.random.Generator. `temperature`: the logits are divided by it; 0 takes the most
    likely token. `top_k`: draw only from the k most likely.
    Raises InputError for an empty beginning, a negative temperature or a top_k below 1.
    """
    ids = list(ids)
    if not ids:
        raise InputError("generate expects at least one token to begin with, and got none")
    if temperature < 0 or (top_k is not None and top_k < 1):
        raise InputError(f"generate expects temperature >= 0 and top_k >= 1, and got {temperature} and {top_k}")
    was_trainable, model.trainable = model.trainable, False
    try:
        for _ in range(count):
            logits = model.logits(np.array([ids[-model.max_len :]])).data[0, -1]
            ids.append(_draw(logits, rng, temperature, top_k))
            yield ids[-1]
    finally:
        model.trainable = was_trainable


def _draw(logits, rng, temperature, top_k):
    if temperature == 0:
        return int(logits.argmax())
    logits = logits.astype(np.float64) / temperature
    if top_k is not None and top_k < len(logits):
        logits[logits < np.partition(logits, -top_k)[-top_k]] = -np.inf
    return int((logits + rng.gumbel(size=logits.shape)).argmax())  # the Gumbel trick: a draw from softmax(logits)
