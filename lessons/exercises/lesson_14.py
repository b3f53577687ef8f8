"""Exercise of lesson 14: the gradient of a lookup, and how similar two rows of bits are.

Check it with `minibnn check 14`.
"""


def row_gradient(g, ids, vocab_size):
    """The vjp of `W[ids]` for the matrix W (V, D), without building one-hot vectors.

    `g`: float array (..., D), the gradient of each looked-up row. `ids`: integer array (...), such as (T,) or (B, T),
    from 0 to vocab_size - 1; an id may occur several times, or not at all. `vocab_size`: V.
    Returns a float array (V, D): for each row of W the sum of the gradients of all places where it was looked up.

    Example: row_gradient(np.array([[1.0], [10.0], [100.0]]), np.array([2, 0, 2]), 3) is [[10.], [0.], [101.]].
    """
    raise NotImplementedError("lesson 14: write this function")


def similarity(distance, ones, D):
    """The cosine similarity of two rows of bits after Normalize (take its epsilon as 0).

    `distance`: number of places at which the two rows differ. `ones`: number of ones in each of the two rows, the same
    in both, from 1 to D - 1. `D`: length of the rows.
    Returns a float from -1 to 1: the product of the two normalized rows, summed over the D places and divided by D
    (after Normalize each row has the length sqrt(D)).

    Example: similarity(0, 384, 768) is 1.0, similarity(384, 384, 768) is 0.0 and similarity(768, 384, 768) is -1.0.
    A hint: if both rows have as many ones, half of the places where they differ are a 1 in the first.
    """
    raise NotImplementedError("lesson 14: write this function")
