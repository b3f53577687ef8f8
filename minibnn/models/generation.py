"""Let a language model write."""

from numbers import Integral, Real

import numpy as np

from minibnn.errors import InputError, InputTypeError
from minibnn.layers.module import check_positive, evaluating
from minibnn.layers.one_hot import check_ids


def generate(model, ids, count, rng, *, temperature=1.0, top_k=None):
    """Iterate over `count` token ids, each drawn from the model's distribution after all tokens before it.

    `model`: a BLM or its twin. `ids`: the beginning, a non-empty sequence of token ids; the model sees the last
    `max_len` tokens. `rng`: numpy.random.Generator. `temperature`: the logits are divided by it; 0 takes the most
    likely token. `top_k`: draw only from the k most likely.
    The model may be trained or changed between two tokens: it is `trainable` as it came whenever a token is out.
    Raises InputError, at once, for an empty beginning, an id outside 0 .. V - 1, a negative temperature, count or
    top_k, or another kind of rng (None too: whoever draws a text shall be able to draw it again).
    """
    ids = _beginning(ids, model.vocab_size)
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 0:
        raise InputError(f"generate expects a whole count of at least 0, and got {count!r}")
    if isinstance(temperature, bool) or not isinstance(temperature, Real) or not temperature >= 0:
        raise InputError(f"generate expects a temperature of at least 0, and got {temperature!r}")
    if top_k is not None:
        check_positive("generate", top_k=top_k)
    if not isinstance(rng, np.random.Generator):
        raise InputTypeError(f"rng expects a numpy.random.Generator, such as np.random.default_rng(0), and got {rng!r}")
    return _tokens(model, ids, count, rng, temperature, top_k)


def _beginning(ids, vocab_size):
    """`ids` as a new list; raises InputError unless they are one sequence of ids below `vocab_size`."""
    ids = ids.tolist() if isinstance(ids, np.ndarray) else ids
    if not isinstance(ids, (list, tuple)) or not ids or not all(isinstance(token, Integral) for token in ids):
        raise InputError(f"generate expects a sequence of at least one token id to begin with, and got {ids!r}")
    return check_ids("generate", np.array(ids), vocab_size).tolist()


def _tokens(model, ids, count, rng, temperature, top_k):
    for _ in range(count):
        with evaluating(model):
            logits = model.logits(np.array([ids[-model.max_len :]])).data[0, -1]
        ids.append(_draw(logits, rng, temperature, top_k))
        yield ids[-1]


def _draw(logits, rng, temperature, top_k):
    if temperature == 0:
        return int(logits.argmax())
    logits = logits.astype(np.float64) / temperature
    if top_k is not None and top_k < len(logits):
        logits[logits < np.partition(logits, -top_k)[-top_k]] = -np.inf
    return int((logits + rng.gumbel(size=logits.shape)).argmax())  # the Gumbel trick: a draw from softmax(logits)
