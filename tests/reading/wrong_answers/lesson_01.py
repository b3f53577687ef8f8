"""Plausible wrong answers to the exercise of lesson 1."""

import numpy as np


def forward_slope(f, x, h):
    return (f(x + h) - f(x)) / h


def slope_over_h(f, x, h):
    return (f(x + h) - f(x - h)) / h


def slope_with_own_step(f, x, h):
    return (f(x + 1e-6) - f(x - 1e-6)) / 2e-6


def forward_gradient(f, w):
    w = np.array(w, dtype=float)
    slopes = np.zeros_like(w)
    for index in np.ndindex(w.shape):
        nudged = w.copy()
        nudged[index] += 1e-4
        slopes[index] = (f(nudged) - f(w)) / 1e-4
    return slopes


def gradient_with_tiny_step(f, w):
    w = np.array(w, dtype=float)
    return _in_place(f, w, 1e-12)


def gradient_of_all_together(f, w):
    w = np.array(w, dtype=float)
    return np.full(w.shape, (f(w + 1e-5) - f(w - 1e-5)) / 2e-5)


def gradient_that_leaves_nudges(f, w):
    slopes = np.zeros(w.shape)
    for index in np.ndindex(w.shape):
        w[index] += 1e-5
        after = f(w)
        w[index] -= 2e-5
        slopes[index] = (after - f(w)) / 2e-5
    return slopes


def gradient_that_rounds_w(f, w):
    slopes = np.zeros(w.shape)
    for index in np.ndindex(w.shape):
        w[index] += 1e-5
        after = f(w)
        w[index] -= 2e-5
        slopes[index] = (after - f(w)) / 2e-5
        w[index] += 1e-5
    return slopes


def gradient_of_vectors_only(f, w):
    w = np.array(w, dtype=float)
    nudges = 1e-5 * np.eye(len(w))
    return np.array([(f(w + nudge) - f(w - nudge)) / 2e-5 for nudge in nudges])


def gradient_in_the_dtype_of_w(f, w):
    return _in_place(f, w, 1e-5)


def _in_place(f, w, h):
    slopes = np.zeros(w.shape)
    for index in np.ndindex(w.shape):
        before = w[index]
        w[index] = before + h
        after = f(w)
        w[index] = before - h
        slopes[index] = (after - f(w)) / (2 * h)
        w[index] = before
    return slopes


def gradient_with_relative_step(f, w):
    w = np.array(w, dtype=float)
    slopes = np.zeros_like(w)
    for index in np.ndindex(w.shape):
        nudge = np.zeros_like(w)
        nudge[index] = 1e-5 * abs(w[index])
        slopes[index] = (f(w + nudge) - f(w - nudge)) / (2 * nudge[index])
    return slopes


def gradient_in_a_flat_view(f, w):
    w = w.astype(float)  # keeps the memory order, so that reshape copies a transposed array
    flat = w.reshape(-1)
    slopes = np.zeros(flat.size)
    for i, before in enumerate(flat.tolist()):
        flat[i] = before + 1e-5
        after = f(w)
        flat[i] = before - 1e-5
        slopes[i] = (after - f(w)) / 2e-5
        flat[i] = before
    return slopes.reshape(w.shape)


def gradient_at_a_flat_array(f, w):
    flat = np.array(w, dtype=float).ravel()
    nudges = 1e-5 * np.eye(flat.size)
    return np.array([(f(flat + nudge) - f(flat - nudge)) / 2e-5 for nudge in nudges]).reshape(w.shape)


WRONG = {
    "steps to the right only": ({"slope": forward_slope}, "forward difference"),
    "divides by h": ({"slope": slope_over_h}, "twice too much"),
    "ignores the step that it is given": ({"slope": slope_with_own_step}, "use the step h that is given"),
    "takes forward differences of every element": ({"gradient": forward_gradient}, "which step has an error below"),
    "takes a step as small as it can": ({"gradient": gradient_with_tiny_step}, "which step has an error below"),
    "nudges all elements together": ({"gradient": gradient_of_all_together}, "one at a time"),
    "does not put the nudged element back": ({"gradient": gradient_that_leaves_nudges}, "not put back"),
    "puts it back by adding and subtracting": ({"gradient": gradient_that_rounds_w}, "rounding"),
    "knows only vectors": ({"gradient": gradient_of_vectors_only}, "(3, 2)"),
    "takes steps in proportion to w": ({"gradient": gradient_with_relative_step}, "where w is 0"),
    "nudges what may be a copy": ({"gradient": gradient_in_a_flat_view}, "may copy"),
    "gives f a flat array": ({"gradient": gradient_at_a_flat_array}, "in its own shape"),
    "nudges integers, which cannot hold the nudge": ({"gradient": gradient_in_the_dtype_of_w}, "integers cannot hold"),
}
