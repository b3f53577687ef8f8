"""Plausible wrong answers of lesson 6, and a phrase of the sentence that each must get."""

import numpy as np


def quant_with_ties(p):
    return (p >= p.mean()).astype(p.dtype)


def quant_by_sign(p):
    return (p > 0).astype(p.dtype)


def quant_by_median(p):
    return (p > np.median(p)).astype(p.dtype)


def quant_by_column(p):
    return (p > p.mean(axis=0)).astype(p.dtype)


def quant_trusting_the_mean(p):
    return (p > p.mean()).astype(p.dtype)


def quant_with_a_tolerance(p):
    return (p > p.mean() + 1e-8).astype(p.dtype)


def quant_with_isclose(p):
    return ((p > p.mean()) & ~np.isclose(p, p.mean())).astype(p.dtype)


def quant_with_a_relative_tolerance(p):
    return ((p > p.mean()) & ~np.isclose(p, p.mean(), atol=0)).astype(p.dtype)


def quant_as_booleans(p):
    return p > (p.mean() if np.ptp(p) else p.max())


def quant_in_float64(p):
    return np.where(p > p.mean(), 1.0, 0.0) * (np.ptp(p) > 0)


def quant_in_place(p):
    p[...] = p > p.mean()
    return p


def only_the_own_bit(W, i):
    return np.array([np.delete(W, i).mean()])


def only_the_others(W, i):
    others = np.delete(W, i)
    return np.sort(len(W) * others - others.sum())


def sum_of_all(W, i):
    others = np.delete(W, i)
    return np.sort(np.r_[others.mean(), len(W) * others - W.sum()])


def own_at_the_present_mean(W, i):
    others = np.delete(W, i)
    return np.sort(np.r_[W.mean(), len(W) * others - others.sum()])


def unsorted(W, i):
    others = np.delete(W, i)
    return np.r_[others.mean(), len(W) * others - others.sum()]


WRONG = {
    "gives a tie the bit 1": ({"quant": quant_with_ties}, "a tie gives 0"),
    "takes the sign": ({"quant": quant_by_sign}, "the mean is 0.25"),
    "takes the median": ({"quant": quant_by_median}, "not 0 or the middle value"),
    "takes a mean per column": ({"quant": quant_by_column}, "over the whole array"),
    "trusts the rounded mean of equal weights": ({"quant": quant_trusting_the_mean}, "0.09999999999999999"),
    "adds a tolerance to the mean": ({"quant": quant_with_a_tolerance}, "must not use a tolerance"),
    "takes what is close for a tie": ({"quant": quant_with_isclose}, "a billion times smaller"),
    "takes what is relatively close for a tie": ({"quant": quant_with_a_relative_tolerance}, "far from 0"),
    "returns booleans": ({"quant": quant_as_booleans}, "True and False"),
    "forgets the dtype": ({"quant": quant_in_float64}, "the dtype of p"),
    "overwrites its input": ({"quant": quant_in_place}, "changed its input"),
    "knows only the weight's own bit": ({"flip_points": only_the_own_bit}, "share one threshold"),
    "forgets the weight's own bit": ({"flip_points": only_the_others}, "its own included"),
    "counts the moving weight in the sum": ({"flip_points": sum_of_all}, "all weights but W[i]"),
    "compares the weight with the present mean": ({"flip_points": own_at_the_present_mean}, "all weights but W[i]"),
    "does not sort": ({"flip_points": unsorted}, "np.sort"),
}
