"""Let a language model write: the loop that reads and draws, and the choices of what may be drawn."""

import functools
from numbers import Integral, Real

import numpy as np

from minibnn.errors import InputError, InputTypeError
from minibnn.layers.module import check_positive, evaluating
from minibnn.layers.one_hot import check_ids


def generate(model, ids, count, rng=None, *, temperature=1.0, top_k=None, top_p=None, not_first=()):
    """Iterate over `count` token ids, each drawn from the model's distribution after the tokens before it.

    `model`: a BLM or its twin. `ids`: the beginning, a non-empty sequence of token ids. `rng`: numpy.random.Generator,
    not needed at temperature 0. `temperature`: the logits are divided by it; 0 takes the most likely token, whatever
    `top_k` and `top_p`. `top_k`: of these, draw only from the k most likely, and from all that are as likely as the
    last of them. `top_p`: of these, draw only from the smallest set of most likely tokens whose probabilities, which
    sum to 1 after `top_k`, sum to at least top_p, in (0, 1]. They act in this order: temperature, top_k, top_p.
    `not_first`: sequence of ids that the first of the new tokens must not be, such as pieces that continue a word where
    there is none yet; they are left out before all other choices, and may come later.

    What the model sees is a window of at most `max_len` tokens: at first the last max_len of the beginning, then these
    and what was written, until they are more than max_len. Their positions would now have to shift, and everything that
    was computed of them would be wrong; so the window begins anew with its newer half, its last (max_len + 1) // 2
    tokens, which are read again in one pass. All other tokens cost one position each (see `BLM.new_cache`), unless the
    model sees later tokens (`hides_later_tokens`): then the whole window is read for every token.

    What was computed of earlier tokens is kept, so a model that is changed between two tokens writes with a mixture of
    what it was and is. Its flag `trainable` is as it came whenever a token is out.
    Raises InputError, at once, for an empty beginning, an id outside 0 .. V - 1, a negative temperature, count or
    top_k, a top_p outside (0, 1], a `not_first` that leaves no token, or another kind of rng (None too, unless
    temperature is 0: whoever draws a text shall be able to draw it again).
    """
    ids = _beginning(ids, model.vocab_size)
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 0:
        raise InputError(f"generate expects a whole count of at least 0, and got {count!r}")
    if isinstance(temperature, bool) or not isinstance(temperature, Real) or not temperature >= 0:
        raise InputError(f"generate expects a temperature of at least 0, and got {temperature!r}")
    if top_k is not None:
        check_positive("generate", top_k=top_k)
    if top_p is not None and (isinstance(top_p, bool) or not isinstance(top_p, Real) or not 0 < top_p <= 1):
        raise InputError(f"generate expects a top_p above 0 and up to 1, and got {top_p!r}")
    if not isinstance(rng, np.random.Generator) and (rng is not None or temperature != 0):
        raise InputTypeError(f"rng expects a numpy.random.Generator, such as np.random.default_rng(0), and got {rng!r}")
    draw = functools.partial(_draw, rng, temperature, top_k, top_p)
    return _tokens(model, ids, count, draw, _left_out(not_first, model.vocab_size))


def _beginning(ids, vocab_size):
    """`ids` as a new list; raises InputError unless they are one sequence of ids below `vocab_size`."""
    ids = ids.tolist() if isinstance(ids, np.ndarray) else ids
    if not isinstance(ids, (list, tuple)) or not ids or not all(isinstance(token, Integral) for token in ids):
        raise InputError(f"generate expects a sequence of at least one token id to begin with, and got {ids!r}")
    return check_ids("generate", np.array(ids), vocab_size).tolist()


def _left_out(not_first, vocab_size):
    """Ids as an array; raises InputError unless they are below `vocab_size` and leave some out."""
    if not len(not_first):
        return []
    ids = check_ids("generate, not_first,", np.asarray(not_first), vocab_size)
    if len(np.unique(ids)) == vocab_size:
        raise InputError(f"generate: not_first leaves none of the {vocab_size} tokens to begin with")
    return ids


def _tokens(model, ids, count, draw, not_first):
    """The loop of `generate`. `draw`: a function from logits (V,) to a token id."""
    window, unread = ids[-model.max_len :], None  # unread: the tokens that the cache lacks; None without a cache
    for number in range(count):
        if len(window) > model.max_len:
            window, unread = window[-((model.max_len + 1) // 2) :], None
        if unread is None:
            unread, past = window, model.new_cache() if model.hides_later_tokens else None
        with evaluating(model):
            logits = model.logits(np.array([unread]), past=past, last_only=True).data[0, -1]
        if number == 0 and len(not_first):
            logits = logits.copy()
            logits[not_first] = -np.inf
        token = draw(logits)
        window = [*window, token]
        unread = None if past is None else [token]
        yield token


def _draw(rng, temperature, top_k, top_p, logits):
    """One token id from logits (V,)."""
    if temperature == 0:
        return int(logits.argmax())
    with np.errstate(over="ignore"):  # a tiny temperature leaves the most likely at 0 and the others at -inf
        logits = (logits.astype(np.float64) - logits.max()) / temperature
    if top_k is not None:
        logits = keep_top_k(logits, top_k)
    if top_p is not None:
        logits = keep_top_p(logits, top_p)
    return int((logits + rng.gumbel(size=logits.shape)).argmax())  # the Gumbel trick: a draw from softmax(logits)


def keep_top_k(logits, top_k):
    """Logits (V,) with minus infinity for all that are below the k-th largest."""
    if top_k >= len(logits):
        return logits
    return np.where(logits < np.partition(logits, -top_k)[-top_k], -np.inf, logits)


def keep_top_p(logits, top_p):
    """Logits (V,) with minus infinity outside the nucleus of the distribution softmax(logits).

    The nucleus is the smallest set of most likely tokens whose probabilities sum to at least `top_p`; where tokens are
    equally likely, the lower id comes first. Source: Holtzman et al., arXiv 1904.09751, section 3.1.
    """
    order = np.argsort(-logits, kind="stable")
    weights = np.exp(logits - logits.max())
    sums = np.cumsum(weights[order])
    count = np.searchsorted(sums, top_p * sums[-1]) + 1  # the first place where the sum is large enough
    kept = np.full_like(logits, -np.inf)
    kept[order[:count]] = logits[order[:count]]
    return kept
