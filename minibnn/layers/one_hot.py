"""One-hot vectors, stored as the place of their one."""

import numpy as np

from minibnn.errors import InputError, InputTypeError


class OneHot:
    """ToCategorical(ids, depth) of Algorithm 4: vectors (..., depth) that are 1 at `ids` (...) and 0 elsewhere.

    Only the ids are stored. A one-hot row times a matrix is one row of the matrix, so `one_hot @ W` looks rows up, and
    its vjp adds each gradient to the row that was looked up: the same numbers as the product, without `depth`
    multiplications by zero for each of them. A test holds the two equal.

    Raises InputTypeError unless ids are integers, InputError for an id outside 0 .. depth - 1.
    """

    def __init__(self, ids, depth):
        self.ids = check_ids("ToCategorical", ids, depth)
        self.depth = depth

    shape = property(lambda self: (*self.ids.shape, self.depth), doc="(..., depth), as if the vectors were there.")

    def __matmul__(self, W):
        """(..., depth) @ (depth, D) -> (..., D), as a row lookup."""
        return W[self.ids]

    def dense(self, dtype=np.float32):
        """The vectors themselves, an array (..., depth)."""
        return np.eye(self.depth, dtype=dtype)[self.ids]


def check_ids(owner, ids, depth):
    """`ids` as an integer array; raises unless they are integers from 0 to depth - 1."""
    ids = np.asarray(ids)
    if ids.dtype.kind not in "iu":
        raise InputTypeError(f"{owner} expects an array of integer ids, and got {ids.dtype}")
    if ids.size and (ids.min() < 0 or ids.max() >= depth):
        first = tuple(int(i) for i in np.argwhere((ids < 0) | (ids >= depth))[0])
        raise InputError(f"{owner} expects ids from 0 to {depth - 1}, and got {ids[first]} at index {first}")
    return ids
