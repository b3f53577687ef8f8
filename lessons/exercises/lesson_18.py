"""Exercise of lesson 18: a writer in three parts. Check it with `minibnn check 18`."""

import numpy as np  # noqa: F401


def perplexity(logits, labels):
    """Exp of the mean loss per label: as if choosing among so many equally likely pieces.

    `logits`: (N, V), of any size, also 1000. `labels`: (N,) int, the right piece of each row. Returns a float.
    The loss of a row is -log of the probability that softmax(logits) gives its label. Equal logits give V.
    """
    raise NotImplementedError("lesson 18: write this function")


def next_probabilities(logits, temperature=1.0, top_k=None):
    """The probabilities to draw the next piece from.

    `logits`: (V,), of any size, also 1000; not changed. `temperature`: above 0; the logits are divided by it. `top_k`:
    None, or the number of likeliest pieces that are kept (no two logits are equal); all others get probability 0.
    Returns (V,) of sum 1.
    """
    raise NotImplementedError("lesson 18: write this function")


def write(next_logits, ids, count, max_len):
    """Write on, always with the likeliest piece.

    `next_logits`: a function that takes a list of at least 1 and at most `max_len` ids and returns logits (V,) for the
    piece behind them. `ids`: list of int, the beginning; not changed. `count`: how many pieces to write.
    Returns the list of the `count` new ids. The function sees as many of the last pieces as it can take.
    """
    raise NotImplementedError("lesson 18: write this function")
