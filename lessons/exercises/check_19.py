"""The checker of lesson 19."""

import numpy as np

from minibnn.reading import array_of, call, expect, unchanged

KERNELS = ((16, 5), (24, 33), (11, 4), (100, 48))  # (n_in, U): two that eight divides, two that it does not


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_packing(answer)
    _check_sums(answer)
    for number, shape in enumerate(KERNELS):
        _check_product(answer, *_example(number, shape))


def _example(number, shape):
    rng = np.random.default_rng(number)
    return rng.integers(-9, 10, shape[0]).astype(np.float32), rng.integers(0, 2, shape).astype(np.float32)


def _packed(W):
    """The bytes of each column, one bit at a time."""
    packed = np.zeros((-(-len(W) // 8), W.shape[1]), np.uint8)
    for i, row in enumerate(W):
        packed[i // 8] += (row * 2 ** (i % 8)).astype(np.uint8)
    return packed


def _check_packing(answer):
    column = np.array([1, 0, 1, 1, 0, 0, 0, 0, 1], np.float32)[:, None]
    for W in (column[:8], column):
        what = f"pack_columns of the column {W[:, 0].astype(int).tolist()}"
        found = array_of(call(answer, "pack_columns", W.copy(), shown=what), what)
        expected = _packed(W)
        ninth = "Nine bits take two bytes, 13 and 1, and the ninth input is lost: round the number of bytes up."
        highest = "176 has the first input in the highest bit; the first input must be bit 0, the one that counts 1. "
        expect(
            array_of(found, what, expected.shape, hint=ninth if len(W) == 9 else ""),
            expected,
            what,
            (np.array([[176], [128]])[: len(expected)], f"{highest}Look at `bitorder`."),
        )
        hint = "The values are right, but one byte for each was the point."
        array_of(found, what, dtype="uint8", hint=hint)
    for number, shape in enumerate(KERNELS):
        W = _example(number, shape)[1]
        what = f"pack_columns of a kernel of shape {shape}"
        found = array_of(call(answer, "pack_columns", W.copy(), shown=what), what)
        hint = "Eight inputs of one column make a byte."
        if found.shape == (shape[0], -(-shape[1] // 8)):
            hint = "It packs along the rows, expected eight inputs of one column in a byte, so axis 0."
        expected = _packed(W)
        expect(array_of(found, what, expected.shape, hint=hint), expected, what)


def _check_sums(answer):
    eight = np.array([1, 10, 100, 1000, 2, 20, 200, 2000], np.float32)
    what = f"subset_sums of {eight.astype(int).tolist()}"
    chosen = np.array([[i >> j & 1 for j in range(8)] for i in range(256)])  # (256, 8)
    found = array_of(call(answer, "subset_sums", eight.copy(), shown=what), what)
    hint = "Expected the 256 sums of all eight."
    if found.shape == (16,):
        hint = "These are the 16 sums of four numbers, expected the 256 sums of all eight."
    turned = (
        "It counts the bits of a position from the wrong end: position 1 holds eight[7] there, expected eight[0]. "
        "Bit 0 of the position belongs to eight[0]."
    )
    found = array_of(found, what, (256,), hint=hint)
    expect(found, chosen @ eight, what, (chosen[:, ::-1] @ eight, turned), tolerance=1e-3)


def _check_product(answer, x, W):
    what = f"look_up_product of an x of shape {x.shape} and a kernel of shape {W.shape}"
    given, expected, n_in, hint = x.copy(), x @ W, len(x), ""
    if n_in % 8:
        hint = f"{n_in} is a number that eight does not divide: fill x up with zeros to {8 * -(-n_in // 8)}."
    found = call(answer, "look_up_product", given, _packed(W), shown=what, hint=hint)
    unchanged(given, x, "look_up_product changes x", "it belongs to the caller: fill up a copy")
    whole = n_in // 8 * 8
    rest = f"It leaves out the last {n_in - whole} inputs. {hint}"
    last = "That is only what the last eight inputs add: expected the sum over all bytes of a column (`+=`)."
    expect(
        array_of(found, what, expected.shape),
        expected,
        what,
        (x[:whole] @ W[:whole], rest),
        (x[whole - 8 : whole] @ W[whole - 8 : whole], last),
        tolerance=1e-3,
    )
