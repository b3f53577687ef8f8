"""Exercise of lesson 13: count the parameters of Algorithm 8, and ask a report of them what it means.

Check it with `minibnn check 13`.
"""


def blm_parameters(max_len, emb_dim, vocab_size, mlp_units, num_blocks, biases=True):
    """The number of parameters of the language model of Algorithm 8.

    `max_len`: positions. `emb_dim`: D. `vocab_size`: V. `mlp_units`: pair of int, units of the two layers of lines 7 to
    9. `num_blocks`: transformer blocks. `biases`: whether biases are counted beside the weights.
    Returns an int. Every parameter belongs to a fully connected layer, from n to U units, with n * U weights and U
    biases (Algorithms 4, 5, 6 and 8):
    - the embedding: one from max_len, one from vocab_size, both to D;
    - each block: attention has four from D to D (query, key, value, projection), then come D to 2 D and 2 D to D;
    - the head: D to mlp_units[0], to mlp_units[1], to vocab_size.

    Example: blm_parameters(4, 2, 5, (3, 6), 1) is 136.
    """
    raise NotImplementedError("lesson 13: write this function")


def blocks_that_fit(millions, max_len, emb_dim, vocab_size, mlp_units, biases=True, rounded=False):
    """The numbers of transformer blocks with which a model has as many parameters as a report says.

    `millions`: the report, in millions with one decimal, such as 154.4. `rounded`: whether that decimal was rounded to
    the nearest; otherwise what follows it was cut off. The others are those of `blm_parameters`.
    Returns a list of the numbers from 1 to 100 that agree with the report, in ascending order; it may be empty.

    Example: 13,987,654 parameters agree with a report of 13.9 (cut off), or of 14.0 (rounded).
    """
    raise NotImplementedError("lesson 13: write this function")
