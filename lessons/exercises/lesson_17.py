"""Exercise of lesson 17: Algorithm 7 for bits alone. Check it with `minibnn check 17`."""

import numpy as np


def convolve(x, W):
    """Given: x (B, H, W, C) convolved with a kernel (3, 3, C, F), stride 1, padding 'same': (B, H, W, F)."""
    height, width = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return sum(padded[:, i : i + height, j : j + width] @ W[i, j] for i in range(3) for j in range(3))


def normalize(z):
    """Given: the last axis of z to mean 0 and standard deviation 1 (population variance plus 1e-5 inside the root)."""
    return (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)


def max_pool(a):
    """The largest value of each 2 x 2 pixels, in steps of 2.

    `a`: (B, H, W, F). Returns (B, H // 2, W // 2, F); where H or W is odd, the last row or column is left out.
    Example: the pixels 1, 5 above 3, 2 of one channel become 5.
    """
    raise NotImplementedError("lesson 17: write this function")


def bncvl(x, W, b):
    """Algorithm 3 after training: convolution with bits, Normalize over the channels of each pixel, relu.

    `x`: (B, H, W, C). `W`: zeros and ones (3, 3, C, F). `b`: zeros and ones (F,). Returns (B, H, W, F).
    """
    raise NotImplementedError("lesson 17: write this function")


def bcvnn(image, layers):
    """Algorithm 7 after training, up to its logits.

    `image`: (B, H, W, 3). `layers`: list of 13 pairs (W, b) of zeros and ones, in the order of the paper: ten
    convolutions, W (3, 3, C, F), and three fully connected layers, W (n_in, U). Two convolutions make a block;
    max-pooling stands behind each block but the last, and the average over all places behind the last. Every layer has
    Normalize and a relu, except that the very last one has Normalize only. Returns the logits (B, V).
    """
    raise NotImplementedError("lesson 17: write this function")
