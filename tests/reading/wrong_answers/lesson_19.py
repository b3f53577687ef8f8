"""Plausible wrong answers to the exercise of lesson 19, each with what the checker must say about it."""

import numpy as np


def first_bit_highest(W):
    return np.packbits(W != 0, axis=0)


def along_the_rows(W):
    return np.packbits(W != 0, axis=-1 if W.shape[1] > 1 else 0, bitorder="little")


def whole_bytes_only(W):
    whole = len(W) // 8 * 8
    return np.packbits(W[:whole] != 0, axis=0, bitorder="little")


def wide_integers(W):
    return np.packbits(W != 0, axis=0, bitorder="little").astype(np.int64)


def sums_of_four(eight):
    sums = np.zeros(1, np.float32)
    for number in eight[:4]:
        sums = np.concatenate([sums, sums + number])
    return sums


def sums_from_the_other_end(eight):
    sums = np.zeros(1, np.float32)
    for number in eight[::-1]:
        sums = np.concatenate([sums, sums + number])
    return sums


def _sums(eight):
    return sums_from_the_other_end(eight[::-1])


def does_not_add(x, packed):
    filled = np.zeros(8 * len(packed), np.float32)
    filled[: len(x)] = x
    for eight, places in zip(filled.reshape(-1, 8), packed, strict=True):
        y = _sums(eight)[places]
    return y


def without_the_rest(x, packed):
    whole = len(x) // 8 * 8
    return sum(_sums(eight)[places] for eight, places in zip(x[:whole].reshape(-1, 8), packed, strict=False))


def expects_multiples_of_eight(x, packed):
    return sum(_sums(eight)[places] for eight, places in zip(x.reshape(-1, 8), packed, strict=True))


WRONG = {
    "puts the first input into the highest bit": ({"pack_columns": first_bit_highest}, "the first input must be bit 0"),
    "packs the outputs of an input": ({"pack_columns": along_the_rows}, "along the rows"),
    "rounds the number of bytes down": ({"pack_columns": whole_bytes_only}, "the ninth input"),
    "keeps each byte in 64 bits": ({"pack_columns": wide_integers}, "expected uint8"),
    "makes the table of the page, for four": ({"subset_sums": sums_of_four}, "the 16 sums of four numbers"),
    "reads positions from the other end": ({"subset_sums": sums_from_the_other_end}, "from the wrong end"),
    "overwrites the sum": ({"look_up_product": does_not_add}, "only what the last eight inputs add"),
    "forgets the inputs behind the last whole byte": ({"look_up_product": without_the_rest}, "leaves out the last"),
    "reshapes without filling up": ({"look_up_product": expects_multiples_of_eight}, "does not divide: fill x"),
}
