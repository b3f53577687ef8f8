"""Let a language model write."""

import numpy as np

from minibnn.errors import InputError
from minibnn.layers.module import as_generator, check_positive


def generate(model, ids, count, rng, *, temperature=1.0, top_k=None):
    """Iterate over `count` token ids, each drawn from the model's distribution after all tokens before it.

    `model`: a BLM or its twin. `ids`: the beginning, a non-empty sequence of token ids; the model sees the last
    `max_len` tokens. `rng`: numpy.random.Generator. `temperature`: the logits are divided by it; 0 takes the most
    likely token. `top_k`: draw only from the k most likely.
    Raises InputError, at once, for an empty beginning, a negative temperature, count or top_k, or another kind of rng.
    """
    if not isinstance(ids, (list, tuple, np.ndarray)) or len(ids) == 0:
        raise InputError(f"generate expects a sequence of at least one token to begin with, and got {ids!r}")
    if not isinstance(count, (int, np.integer)) or count < 0:
        raise InputError(f"generate expects a whole count of at least 0, and got {count!r}")
    if not temperature >= 0:
        raise InputError(f"generate expects a temperature of at least 0, and got {temperature!r}")
    if top_k is not None:
        check_positive("generate", top_k=top_k)
    return _tokens(model, list(ids), count, as_generator(rng), temperature, top_k)


def _tokens(model, ids, count, rng, temperature, top_k):
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
