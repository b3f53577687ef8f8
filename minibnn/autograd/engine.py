"""The reverse pass: in which order the vjps run, and how their results add up.

Every tensor that came out of an operation remembers its `parents` and a `vjp` (vector-Jacobian product): a function
that takes the gradient of the loss with respect to the tensor and returns one gradient for each parent. Nothing else
is needed to differentiate a whole network, if two rules are kept:

* A tensor used in several places receives the *sum* of what these places return. The vjps do not add anything up; only
  `backpropagate` does.
* A tensor passes its gradient on only when that sum is complete. In the diamond `y = x * 2; z = y + y * y` a walk that
  followed the first path at once would pass a part of y's gradient on to x, and later the whole sum: the first part
  would count twice. `topological_order` is the order in which this cannot happen.
"""

from collections import Counter

import numpy as np

from minibnn import kernels
from minibnn.errors import InputError


def topological_order(root):
    """All tensors that `root` was computed from, itself first, each after everything that was computed from it.

    Two loops and no recursion, so that the depth of a graph is limited by memory and not by Python's call stack.
    """
    uses = Counter()
    unvisited = [root]
    while unvisited:
        tensor = unvisited.pop()
        for parent in tensor.parents:
            if id(parent) not in uses:
                unvisited.append(parent)
            uses[id(parent)] += 1

    order, ready = [], [root]
    while ready:
        tensor = ready.pop()
        order.append(tensor)
        for parent in tensor.parents:
            uses[id(parent)] -= 1
            if uses[id(parent)] == 0:  # whatever used this parent has reported: its gradient is complete
                ready.append(parent)
    return order


def backpropagate(root, grad):
    """Add d(sum(root * grad)) / d(leaf) to `leaf.grad` of every leaf below `root` that requires a gradient.

    `grad` has the shape and dtype of `root`. Only leaves keep their gradient: they are what an optimizer moves, and a
    gradient kept by each intermediate tensor would double the memory of a step.
    """
    grads = {id(root): grad}
    for tensor in topological_order(root):
        g = grads.pop(id(tensor), None)
        if g is None or not tensor.requires_grad:
            continue
        if tensor.vjp is None:
            tensor.grad = _copy(g) if tensor.grad is None else tensor.grad + g
            continue
        for parent, contribution in zip(tensor.parents, tensor.vjp(g), strict=True):
            if contribution is None or not parent.requires_grad:
                continue
            contribution = _fitting(contribution, parent, tensor)
            earlier = grads.get(id(parent))
            # Not in place: a vjp may return the very array that it was given, or one array for two parents.
            grads[id(parent)] = contribution if earlier is None else earlier + contribution


def _copy(g):
    """A copy of g: a vjp may return one array for two parents, and each leaf shall own its gradient."""
    if not kernels.fast(g):
        return g.copy()
    copy = np.empty_like(g)
    kernels.copy(g.reshape(-1), copy.reshape(-1), kernels.parts(g.size))
    return copy


def _fitting(contribution, parent, tensor):
    """The contribution in its parent's dtype; an operation whose vjp returns a wrong shape is named at once."""
    contribution = np.asarray(contribution, dtype=parent.dtype)
    if contribution.shape != parent.shape:
        raise InputError(
            f"the vjp of '{tensor.operation}' returned a gradient of shape {contribution.shape} for a parent of shape "
            f"{parent.shape}; it must return one gradient of each parent's own shape"
        )
    return contribution
