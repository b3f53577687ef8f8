"""Plausible wrong answers to the exercise of lesson 2."""

from collections import Counter, deque
from functools import lru_cache


def paths_by_following_each(root, leaf):
    return (root is leaf) + sum(paths_by_following_each(parent, leaf) for parent in root.parents)


def paths_by_remembering(root, leaf):
    @lru_cache(None)
    def ways(node):
        return (node is leaf) + sum(ways(parent) for parent in node.parents)

    return ways(root)


def paths_over_different_parents(root, leaf):
    @lru_cache(None)
    def ways(node):
        return (node is leaf) + sum(ways(parent) for parent in set(node.parents))

    return ways(root)


def paths_in_order_of_distance(root, leaf):
    ways, found = Counter({root: 1}), deque([root])
    while found:
        node = found.popleft()
        for parent in node.parents:
            if parent not in ways:
                found.append(parent)
            ways[parent] += ways[node]
    return ways[leaf]


def paths_that_never_start(root, leaf):
    ways, found = Counter(), [root]
    while found:
        node = found.pop()
        for parent in node.parents:
            found.append(parent)
            ways[parent] += 1
    return ways[leaf]


def tangent_of_all_leaves(root, leaf):
    @lru_cache(None)
    def slope(node):
        if node.vjp is None:
            return 1.0
        return sum(share * slope(parent) for share, parent in zip(node.vjp(1.0), node.parents, strict=True))

    return slope(root)


def tangent_along_one_parent(root, leaf):
    slope, node = 1.0, root
    while node.vjp is not None:
        slope *= node.vjp(1.0)[-1]
        node = node.parents[-1]
    return slope if node is leaf else 0.0


def tangent_by_recursion(root, leaf):
    if root.vjp is None:
        return float(root is leaf)
    shares = zip(root.vjp(1.0), root.parents, strict=True)
    return sum(share * tangent_by_recursion(parent, leaf) for share, parent in shares)


def tangent_in_grad(root, leaf):
    def pass_on(node, g):
        node.grad += g
        for parent, share in zip(node.parents, node.vjp(g) if node.vjp else (), strict=True):
            pass_on(parent, share)

    pass_on(root, 1.0)
    return leaf.grad


def tangent_backward(root, leaf):
    uses, found = Counter(), [root]
    while found:
        for parent in found.pop().parents:
            if parent not in uses:
                found.append(parent)
            uses[parent] += 1
    sums, ready = Counter({root: 1.0}), [root]
    while ready:
        node = ready.pop()
        for parent, share in zip(node.parents, node.vjp(sums[node]) if node.vjp else (), strict=True):
            sums[parent] += share
            uses[parent] -= 1
            if uses[parent] == 0:
                ready.append(parent)
    return sums[leaf]


def paths_to_any_leaf(root, leaf):
    return sum(paths_to_any_leaf(parent, leaf) for parent in root.parents) if root.parents else 1


WRONG = {
    "follows every path": ({"paths": paths_by_following_each}, "follows every path"),
    "remembers, but recurses": ({"paths": paths_by_remembering}, "calls itself"),
    "counts a parent that stands twice once": ({"paths": paths_over_different_parents}, "stands twice"),
    "goes by distance from the root": ({"paths": paths_in_order_of_distance}, "only when all"),
    "has no way to start with": ({"paths": paths_that_never_start}, "there is one way: stay"),
    "gives every leaf the slope 1": ({"tangent": tangent_of_all_leaves}, "the leaf 2 has 0"),
    "follows one parent only": ({"tangent": tangent_along_one_parent}, "Only x is nudged"),
    "computes the slope path by path": ({"tangent": tangent_by_recursion}, "follows every path"),
    "goes backward": ({"tangent": tangent_backward}, "go forward from the leaf"),
    "counts the ways to all leaves": ({"paths": paths_to_any_leaf}, "other leaf, 2"),
    "goes backward, in .grad": ({"tangent": tangent_in_grad}, "changed .grad"),
}
