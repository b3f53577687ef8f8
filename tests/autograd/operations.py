"""The registry: every operation of the engine, with a Hypothesis strategy that draws shapes and memory layouts for it.

A strategy draws a `Case`: shapes, layouts and options. Its numbers are made from these by a seeded generator, so that
Hypothesis spends its examples on what can go wrong.
"""

import math
import zlib
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from minibnn.autograd import ops, straight_through


@dataclass(frozen=True)
class Case:
    """One gradient check: `function` of inputs of these shapes, in these layouts, with numbers of this kind."""

    function: object = field(repr=False)
    shapes: tuple
    layouts: tuple
    numbers: object = field(repr=False)
    options: object = None
    latent: tuple = ()

    def inputs(self):
        rng = np.random.default_rng(zlib.crc32(repr(self).encode()))
        return [lay_out(self.numbers(rng, s), layout) for s, layout in zip(self.shapes, self.layouts, strict=True)]


LAYOUTS = ("contiguous", "fortran", "reversed", "strided", "repeated")


def lay_out(array, layout):
    """Equal numbers (but for "repeated") in another memory layout."""
    if array.ndim == 0:
        return array
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "reversed":
        back = (slice(None, None, -1),) * array.ndim
        return array[back].copy()[back]
    if layout == "strided":
        wide = np.full(tuple(2 * n for n in array.shape), np.nan)
        every_second = (slice(None, None, 2),) * array.ndim
        wide[every_second] = array
        return wide[every_second]
    if layout == "repeated" and array.shape[0]:
        return np.broadcast_to(array[:1], array.shape)  # stride 0, read-only
    return array


def smooth(rng, shape):
    return rng.normal(size=shape)


def positive(rng, shape):
    return rng.uniform(0.5, 2.0, shape)


def distinct(rng, shape):
    """No two equal, none near 0: finite differences stay clear of the kinks of relu and max."""
    n = math.prod(shape)
    return ((rng.permutation(n) - n // 2 + 0.5) * (4 / max(n, 1))).reshape(shape)


sizes = st.integers(0, 4)
positive_sizes = st.integers(1, 4)
layouts = st.sampled_from(LAYOUTS)
unrepeated = st.sampled_from(LAYOUTS[:-1])  # where equal numbers would be a tie


def shapes(min_dims=0, max_dims=4, side=sizes):
    return st.lists(side, min_size=min_dims, max_size=max_dims).map(tuple).filter(lambda s: math.prod(s) <= 48)


@st.composite
def unary(draw, function, numbers=smooth, layouts=layouts, options=None, latent=()):
    shape, option = draw(shapes()), None if options is None else draw(options)
    return Case(
        function if option is None else lambda x: function(x, option),
        (shape,),
        (draw(layouts),),
        numbers,
        option,
        latent,
    )


@st.composite
def broadcast(draw, function, numbers=smooth):
    shape = draw(shapes())
    pair = []
    for _ in range(2):  # each operand drops leading axes and has some of length 1
        kept = shape[draw(st.integers(0, len(shape))) :]
        pair.append(tuple(1 if draw(st.booleans()) else n for n in kept))
    return Case(function, tuple(pair), (draw(layouts), draw(layouts)), numbers)


@st.composite
def matmul(draw):
    n, m, k = draw(st.tuples(sizes, sizes, sizes))
    batch = draw(st.lists(positive_sizes, max_size=2).map(tuple))
    left = batch if draw(st.booleans()) else tuple(1 for _ in batch)
    right = batch[draw(st.integers(0, len(batch))) :]
    row = draw(st.integers(0, 5)) == 0
    pair = ((k,) if row else (*left, n, k)), (*right, k, m)
    return Case(lambda x, y: x @ y, pair, (draw(layouts), draw(layouts)), smooth)


@st.composite
def reduction(draw, function, numbers=smooth, layouts=layouts, side=sizes):
    shape = draw(shapes(side=side))
    axes = st.none() | st.permutations(range(len(shape))).flatmap(
        lambda order: st.integers(0, len(shape)).map(lambda n: tuple(order[:n]))
    )
    axis, keepdims = draw(axes), draw(st.booleans())
    return Case(lambda x: function(x, axis, keepdims), (shape,), (draw(layouts),), numbers, (axis, keepdims))


@st.composite
def reshape(draw):
    shape = draw(shapes())
    to = tuple(draw(st.permutations(shape)))
    to = draw(st.sampled_from([to, (*to, 1), (math.prod(shape),)]))
    return Case(lambda x: x.reshape(to), (shape,), (draw(layouts),), smooth, to)


@st.composite
def permute(draw):
    shape = draw(shapes())
    axes = tuple(draw(st.permutations(range(len(shape)))))
    return Case(lambda x: x.permute(axes), (shape,), (draw(layouts),), smooth, axes)


@st.composite
def index(draw):
    shape = draw(shapes(1, 4, positive_sizes))
    n = shape[0]
    rows = st.lists(st.integers(-n, n - 1), max_size=6).map(lambda ids: np.array(ids, int))
    tables = st.lists(st.lists(st.integers(0, n - 1), min_size=2, max_size=2), min_size=1, max_size=3).map(np.array)
    slices = st.slices(n).map(lambda s: (s, ..., None))
    masks = st.lists(st.booleans(), min_size=n, max_size=n).map(np.array)
    key = draw(st.integers(-n, n - 1) | slices | rows | tables | masks)
    return Case(lambda x: x[key], (shape,), (draw(layouts),), smooth, repr(key))


@st.composite
def concatenate(draw):
    shape = draw(shapes(1, 3))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    lengths = draw(st.lists(sizes, min_size=1, max_size=3))
    parts = []
    for length in lengths:
        part = list(shape)
        part[axis] = length
        parts.append(tuple(part))
    drawn = tuple(draw(layouts) for _ in parts)
    return Case(lambda *x: ops.concatenate(x, axis), tuple(parts), drawn, smooth, axis)


@st.composite
def along_axis(draw, function):
    shape = draw(shapes(1, 4, positive_sizes) | shapes(1, 3, positive_sizes).map(lambda s: (0, *s)))
    axis = draw(st.integers(-len(shape), len(shape) - 1).filter(lambda a: shape[a] > 0))
    return Case(lambda x: function(x, axis), (shape,), (draw(layouts),), smooth, axis)


@st.composite
def cross_entropy(draw):
    shape = (*draw(shapes(0, 3)), draw(st.integers(1, 6)))
    labels = np.random.default_rng(draw(st.integers(0, 3))).integers(0, shape[-1], shape[:-1])
    return Case(lambda x: ops.softmax_cross_entropy(x, labels), (shape,), (draw(layouts),), smooth, repr(labels))


@st.composite
def normalize(draw):
    leading, trailing = draw(shapes(0, 2)), draw(shapes(1, 3, st.integers(1, 4)))
    axes = tuple(range(-len(trailing), 0))
    axes = draw(st.sampled_from([axes, -1] if len(trailing) == 1 else [axes]))
    # Spread out, because near constant features the slope of Normalize changes too fast for finite differences.
    return Case(lambda x: ops.normalize(x, axes), ((*leading, *trailing),), (draw(unrepeated),), distinct, axes)


@st.composite
def finish(draw):
    """In float64 it is the three operations that test_fast_path.py compares the one pass with, bit for bit.

    The large epsilon keeps finite differences exact where features happen to be nearly equal.
    """
    leading, n, activation = draw(shapes(0, 2)), draw(st.integers(1, 4)), draw(st.sampled_from([None, ops.gelu]))
    layouts = draw(unrepeated), "contiguous"
    return Case(lambda z, b: ops.finish(z, b, 1.0, activation), ((*leading, n), (n,)), layouts, distinct, activation)


@st.composite
def conv2d(draw):
    batch, height, width, channels, filters = draw(st.tuples(*[st.integers(0, 3)] * 5))
    k_height, k_width = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    pair = (batch, height, width, channels), (k_height, k_width, channels, filters)
    return Case(ops.conv2d, pair, (draw(layouts), draw(layouts)), smooth)


@st.composite
def images(draw, function, numbers, layouts, smallest):
    shape = draw(st.tuples(st.integers(0, 2), st.integers(smallest, 5), st.integers(smallest, 5), st.integers(0, 3)))
    return Case(function, (shape,), (draw(layouts),), numbers)


def where(x, y):
    shape = np.broadcast_shapes(x.shape, y.shape)
    return ops.where(np.arange(math.prod(shape)).reshape(shape) % 2 == 0, x, y)


def dropout(x, rate):
    return ops.dropout(x, rate, np.random.default_rng(1))


OPERATIONS = {
    "add": broadcast(lambda x, y: x + y),
    "subtract": broadcast(lambda x, y: x - y),
    "multiply": broadcast(lambda x, y: x * y),
    "divide": broadcast(lambda x, y: x / y, positive),
    "where": broadcast(where),
    "negate": unary(lambda x: -x),
    "power": unary(lambda x, n: x**n, positive, options=st.sampled_from([-2, -1, -0.5, 0, 0.5, 1, 2, 3])),
    "exp": unary(ops.exp),
    "log": unary(ops.log, positive),
    "sqrt": unary(ops.sqrt, positive),
    "tanh": unary(ops.tanh),
    "relu": unary(ops.relu, distinct),
    "gelu": unary(ops.gelu),
    "dropout": unary(dropout, options=st.sampled_from([0.0, 0.3, 0.9])),
    "straight_through": unary(straight_through, latent=(0,)),
    "matmul": matmul(),
    "sum": reduction(lambda x, axis, keepdims: x.sum(axis, keepdims)),
    "mean": reduction(lambda x, axis, keepdims: x.mean(axis, keepdims), side=positive_sizes),
    "max": reduction(lambda x, axis, keepdims: x.max(axis, keepdims), distinct, unrepeated, positive_sizes),
    "reshape": reshape(),
    "permute": permute(),
    "index": index(),
    "concatenate": concatenate(),
    "softmax": along_axis(ops.softmax),
    "log_softmax": along_axis(ops.log_softmax),
    "softmax_cross_entropy": cross_entropy(),
    "normalize": normalize(),
    "finish": finish(),
    "conv2d": conv2d(),
    "max_pool": images(ops.max_pool, distinct, unrepeated, 2),
    "global_average_pool": images(ops.global_average_pool, smooth, layouts, 1),
}
