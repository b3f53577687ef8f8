"""A solution of lesson 7."""

import numpy as np

from minibnn.autograd import no_gradient, quant


def line_2(W):
    """W_q = W + NoGradient(Quant(W) - W), as the paper prints it."""
    return W + no_gradient(quant(W) - W)


def surrogate_slopes(loss, W0, step=1e-3):
    """The slopes of the frozen-offset surrogate at W0, by central differences."""
    W_q = quant(W0).data  # W0 + C, so W + C is the bits plus however far W has moved from W0
    slopes = np.zeros_like(W0)
    for index in np.ndindex(W0.shape):
        move = np.zeros_like(W0)
        move[index] = step
        slopes[index] = (loss(W_q + move) - loss(W_q - move)) / (2 * step)
    return slopes
