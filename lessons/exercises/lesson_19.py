"""Exercise of lesson 19: multiply by packed bits, eight at a time. Check it with `minibnn check 19`."""

import numpy as np  # noqa: F401


def pack_columns(W):
    """Pack each column of a kernel, eight inputs to a byte.

    `W`: zeros and ones, (n_in, U), of any dtype. Returns uint8 (n_in / 8 rounded up, U): bit j of byte k of column u is
    the bit of input 8 k + j and output u; bit 0 is the one that counts 1. Where n_in is no multiple of 8, the inputs
    that are missing count as bits 0.

    Example: the column 1, 0, 1, 1, 0, 0, 0, 0, 1 (nine inputs) becomes the bytes 13 and 1.
    """
    raise NotImplementedError("lesson 19: write this function")


def subset_sums(eight):
    """All sums of a choice of eight numbers.

    `eight`: (8,) float32. Returns float32 (256,): the number at position i is the sum of those `eight[j]` for which bit
    j of i is 1. Position 0 holds 0, position 1 `eight[0]`, position 2 `eight[1]`, position 3 `eight[0] + eight[1]`.
    """
    raise NotImplementedError("lesson 19: write this function")


def look_up_product(x, packed):
    """One row of numbers times packed bits, by looking up one sum for each byte.

    `x`: (n_in,) float32. `packed`: what `pack_columns` returned for a kernel (n_in, U), so (n_in / 8 rounded up, U)
    uint8. Returns float32 (U,), equal to `x @ W` up to rounding. `x` is not changed.
    """
    raise NotImplementedError("lesson 19: write this function")
