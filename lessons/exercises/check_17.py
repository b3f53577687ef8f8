"""The checker of lesson 17."""

import numpy as np

from minibnn.models import BCVNN
from minibnn.reading import Wrong, array_of, call, expect

SIZE = {"widths": (4, 4, 6, 6, 8), "units": (8, 6)}


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_pool(answer)
    _check_bncvl(answer)
    _check_bcvnn(answer)


def _check_pool(answer):
    pixels = np.array([[1, 5, -8, -7], [3, 2, -9, -6], [0, 0, 9, 1], [4, 0, 2, 2]], np.float64)[None, :, :, None]
    what = f"max_pool of the 4 x 4 pixels {pixels[0, :, :, 0].astype(int).tolist()}"
    found = array_of(call(answer, "max_pool", pixels.copy(), shown=what), what)
    if found.shape == (1, 3, 3, 1):
        raise Wrong("max_pool moves its window by one pixel, expected steps of two: (1, 4, 4, 1) -> (1, 2, 2, 1).")
    expect(
        array_of(found, what, (1, 2, 2, 1))[0, :, :, 0],
        [[5, -6], [4, 9]],
        what,
        ([[2.75, -7.5], [1, 3.5]], "That is the mean of each 2 x 2 pixels; take the largest value."),
        ([[1, -8], [0, 9]], "That is only the first pixel of each 2 x 2; take the largest value."),
        ([[5, 0], [4, 9]], "Of four negative pixels it makes 0; the largest of them is -6."),
        tolerance=1e-3,
    )
    odd = np.random.default_rng(0).normal(size=(2, 5, 7, 3))
    what, hint = "max_pool of an array of shape (2, 5, 7, 3)", "H and W may be odd; cut first."
    found = call(answer, "max_pool", odd.copy(), shown=what, hint=hint)
    blocks = [odd[:, i : i + 4 : 2, j : j + 6 : 2] for i in (0, 1) for j in (0, 1)]
    expect(array_of(found, what, (2, 2, 3, 3), hint=hint), np.maximum.reduce(blocks), what, tolerance=1e-3)


def _check_bncvl(answer):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 5, 6, 3))
    W, b = rng.integers(0, 2, (3, 3, 3, 4)).astype(float), np.array([1.0, 0, 0, 1])
    z = _convolved(x, W)
    expected = np.maximum(_normalized(z + b), 0)
    what = "bncvl of an x of shape (2, 5, 6, 3) and a kernel of shape (3, 3, 3, 4)"
    found = array_of(call(answer, "bncvl", x.copy(), W.copy(), b.copy(), shown=what), what, expected.shape)
    relu_first = _normalized(np.maximum(z + b, 0))
    expect(
        found,
        expected,
        what,
        (_normalized(z + b), "It has no relu at its end, expected max(0, z)."),
        (relu_first, "It takes the relu before Normalize, expected Normalize first (lines 9 and 10)."),
        (np.maximum(z + b, 0), "It leaves out Normalize (line 9)."),
        (np.maximum(_normalized(z), 0), "It leaves out the bias."),
        (np.maximum(_normalized(z) + b, 0), "It adds the bias after Normalize, expected before it (line 8)."),
        (
            np.maximum(_normalized(z + b, (1, 2, 3)), 0),
            "It normalizes over all of an example, expected over the channels of each pixel.",
        ),
        tolerance=1e-3,
    )


def _check_bcvnn(answer):
    model = BCVNN(3, 5, **SIZE, rng=np.random.default_rng(2))
    bits = [(p.data > p.data.mean()).astype(float) for p in model.parameters()]
    rng = np.random.default_rng(3)
    bits[1::2] = [rng.integers(0, 2, b.shape).astype(float) for b in bits[1::2]]  # new biases are all 0
    layers = list(zip(bits[::2], bits[1::2], strict=True))
    image = rng.uniform(-1, 1, (2, 32, 32, 3))
    expected = _logits(image, layers)
    odds = np.exp(expected - expected.max(-1, keepdims=True))
    what = "bcvnn of two images of 32 x 32 pixels"
    expect(
        array_of(call(answer, "bcvnn", image.copy(), layers, shown=what), what, expected.shape),
        expected,
        what,
        (odds / odds.sum(-1, keepdims=True), "It ends in a softmax, expected the logits before it."),
        (np.maximum(expected, 0), "It has a relu behind the last layer, expected Normalize only."),
        (
            _logits(image, layers, pools=(2, 4, 6, 8, 10)),
            "It pools behind the fifth block too, expected the average over all places there.",
        ),
        (
            _logits(image, layers, pools=(1, 3, 5, 7)),
            "It pools behind the first convolution of each block, expected behind the second.",
        ),
        (
            _logits(image, layers, hidden_relu=False),
            "It leaves out the relus of the two hidden fully connected layers.",
        ),
        (
            _logits(image, layers, mean=np.max),
            "It takes the largest value over all places on line 20, expected the average.",
        ),
        tolerance=1e-3,
    )


def _logits(image, layers, pools=(2, 4, 6, 8), hidden_relu=True, mean=np.mean):
    a = image
    for number, (W, b) in enumerate(layers[:10], start=1):
        a = np.maximum(_normalized(_convolved(a, W) + b), 0)
        if number in pools:
            a = np.maximum.reduce([a[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])
    a = mean(a, axis=(1, 2))
    for W, b in layers[10:]:
        a = _normalized(a @ W + b)
        a = np.maximum(a, 0) if hidden_relu and W is not layers[12][0] else a
    return a


def _convolved(x, W):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # (B, H, W, C, 3, 3)
    return np.einsum("bhwcij,ijcf->bhwf", patches, W)


def _normalized(z, axes=(-1,)):
    return (z - z.mean(axes, keepdims=True)) / np.sqrt(z.var(axes, keepdims=True) + 1e-5)
