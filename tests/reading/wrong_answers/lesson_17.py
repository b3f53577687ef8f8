"""Plausible wrong answers to the exercise of lesson 17, each with what the checker must say about it."""

import numpy as np


def _convolve(x, W):
    height, width = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return sum(padded[:, i : i + height, j : j + width] @ W[i, j] for i in range(3) for j in range(3))


def _normalize(z, axes=-1):
    return (z - z.mean(axes, keepdims=True)) / np.sqrt(z.var(axes, keepdims=True) + 1e-5)


def _pool(a):
    return np.maximum.reduce([a[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])


def one_pixel_steps(a):
    return np.maximum.reduce([a[:, i : a.shape[1] - 1 + i, j : a.shape[2] - 1 + j] for i in (0, 1) for j in (0, 1)])


def averages(a):
    batch, height, width, channels = a.shape
    return a.reshape(batch, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))


def even_sizes_only(a):
    batch, height, width, channels = a.shape
    return a.reshape(batch, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def relu_first(x, W, b):
    return _normalize(np.maximum(_convolve(x, W) + b, 0))


def over_the_example(x, W, b):
    return np.maximum(_normalize(_convolve(x, W) + b, (1, 2, 3)), 0)


def without_relu(x, W, b):
    return _normalize(_convolve(x, W) + b)


def _model(image, layers, pools, last):
    a = image
    for number, (W, b) in enumerate(layers[:10], start=1):
        a = np.maximum(_normalize(_convolve(a, W) + b), 0)
        a = _pool(a) if number in pools else a
    a = a.mean(axis=(1, 2))
    for W, b in layers[10:]:
        a = _normalize(a @ W + b)
        a = a if W is layers[12][0] and not last else np.maximum(a, 0)
    return a


def relu_at_the_end(image, layers):
    return _model(image, layers, (2, 4, 6, 8), last=True)


def five_pools(image, layers):
    return _model(image, layers, (2, 4, 6, 8, 10), last=False)


def probabilities(image, layers):
    odds = np.exp(_model(image, layers, (2, 4, 6, 8), last=False))
    return odds / odds.sum(-1, keepdims=True)


WRONG = {
    "moves the window by one pixel": ({"max_pool": one_pixel_steps}, "by one pixel"),
    "takes the mean of a window": ({"max_pool": averages}, "the mean"),
    "pools even sizes only": ({"max_pool": even_sizes_only}, "may be odd"),
    "takes the relu before Normalize": ({"bncvl": relu_first}, "before Normalize"),
    "normalizes over the example (errata 4)": ({"bncvl": over_the_example}, "the channels of each pixel"),
    "forgets the relu of a convolution": ({"bncvl": without_relu}, "no relu"),
    "has a relu behind the last layer": ({"bcvnn": relu_at_the_end}, "behind the last layer"),
    "pools five times": ({"bcvnn": five_pools}, "the fifth block"),
    "returns probabilities": ({"bcvnn": probabilities}, "softmax"),
}
