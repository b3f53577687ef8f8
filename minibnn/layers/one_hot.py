"""One-hot vectors, stored as the place of their one."""

import numpy as np

from minibnn.autograd import Tensor
from minibnn.errors import InputError, InputTypeError
from minibnn.layers.module import check_positive


class OneHot:
    """ToCategorical(ids, depth) of Algorithm 4: vectors (..., depth) that are 1 at `ids` (...) and 0 elsewhere.

    Only the ids are stored. A one-hot row times a matrix is one row of the matrix, so `one_hot @ W` looks rows up, and
    its vjp adds each gradient to the row that was looked up: the same numbers as the product, without `depth`
    multiplications by zero for each of them. A test holds the two equal.

    Raises InputTypeError unless ids are integers, InputError for an id outside 0 .. depth - 1.
    """

    def __init__(self, ids, depth):
        check_positive("ToCategorical", depth=depth)
        self.ids = check_ids("ToCategorical", ids, depth)
        self.depth = depth

    shape = property(lambda self: (*self.ids.shape, self.depth), doc="(..., depth), as if the vectors were there.")

    def __matmul__(self, W):
        """(..., depth) @ (depth, D) -> (..., D), as a row lookup."""
        return W[self.ids] if isinstance(W, Tensor) else NotImplemented  # a matrix of bits looks up its own rows

    def dense(self, dtype=np.float32):
        """The vectors themselves, an array (..., depth)."""
        return np.eye(self.depth, dtype=dtype)[self.ids]


def check_ids(owner, ids, depth):
    """`ids` again; raises unless they are an integer array of numbers from 0 to depth - 1."""
    if not isinstance(ids, np.ndarray) or ids.dtype.kind not in "iu":
        raise InputTypeError(
            f"{owner} expects a NumPy array of integer ids, and got {getattr(ids, 'dtype', type(ids).__name__)}"
        )
    if ids.size and (ids.min() < 0 or ids.max() >= depth):
        first = tuple(int(i) for i in np.argwhere((ids < 0) | (ids >= depth))[0])
        raise InputError(f"{owner} expects ids from 0 to {depth - 1}, and got {ids[first]} at index {first}")
    return ids
