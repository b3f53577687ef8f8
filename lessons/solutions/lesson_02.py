"""A solution of lesson 2."""

from collections import Counter


def paths(root, leaf):
    """How many ways lead from `root` back to `leaf`."""
    ways = Counter({root: 1})
    for node in _order(root):
        for parent in node.parents:
            ways[parent] += ways[node]
    return ways[leaf]


def tangent(root, leaf):
    """The slope of `root` with respect to `leaf`, computed from the leaf to the root."""
    slopes = {}
    for node in reversed(_order(root)):  # parents before what was computed from them
        if node.vjp is None:
            slopes[node] = 1.0 if node is leaf else 0.0
        else:
            slopes[node] = sum(s * slopes[p] for p, s in zip(node.parents, node.vjp(1.0), strict=True))
    return slopes[root]


def _order(root):
    """All numbers below `root`, each after everything that was computed from it."""
    uses, found = Counter(), [root]
    while found:
        for parent in found.pop().parents:
            if parent not in uses:
                found.append(parent)
            uses[parent] += 1
    ordered, ready = [], [root]
    while ready:
        ordered.append(ready.pop())
        for parent in ordered[-1].parents:
            uses[parent] -= 1
            if uses[parent] == 0:
                ready.append(parent)
    return ordered
