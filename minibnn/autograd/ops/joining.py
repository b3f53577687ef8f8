"""Several tensors into one."""

import numpy as np

from minibnn.autograd.tensor import check_tensor, operation
from minibnn.errors import InputError


def concatenate(tensors, axis=0):
    """Tensors of equal shape, but for the length of `axis`, joined along it."""
    tensors = tuple(tensors)
    if not tensors:
        raise InputError("concatenate expects at least one tensor, and got none")
    check_tensor("concatenate", *tensors)
    try:
        joined = np.concatenate([t.data for t in tensors], axis)
    except (ValueError, TypeError):
        shapes = ", ".join(str(t.shape) for t in tensors)
        raise InputError(
            f"concatenate along axis {axis} expects that axis in all shapes, and no other difference; got {shapes}"
        ) from None
    ends = np.cumsum([t.shape[axis] for t in tensors])

    def vjp(g):
        return tuple(np.split(g, ends[:-1], axis))

    return operation("concatenate", joined, tensors, vjp)
