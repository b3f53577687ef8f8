"""Exercise of lesson 15: how much attention leaks, and whether a model sees the future.

Check it with `minibnn check 15`.
"""


def leak(weights):
    """The share of attention that goes to later tokens.

    `weights`: float array (..., T, T), such as (T, T) or (B, N, T, T); row t holds the shares of token t, which add up
    to 1, and column s what goes to token s.
    Returns a float from 0 to 1: the share that goes to columns s > t, as the mean over all rows.

    Example: leak(np.array([[0.2, 0.8], [0.5, 0.5]])) is 0.4: the first token gives 0.8 to the later one, the second
    has none after it.
    """
    raise NotImplementedError("lesson 15: write this function")


def is_causal(model, ids, vocab_size):
    """Whether no output of a model depends on a later token, tested from outside.

    `model`: a function that takes ids, an integer array (B, T) of numbers from 0 to vocab_size - 1, and returns a float
    array (B, T, V): an output for each position. The same ids always give exactly the same outputs.
    `ids`: such an array, with T at least 2; it must be as before when you return. `vocab_size`: at least 2.
    Returns True if, for each position, changing its token in `ids` leaves all outputs *before* it exactly as they were,
    and False if some earlier output changes, however little.
    """
    raise NotImplementedError("lesson 15: write this function")
