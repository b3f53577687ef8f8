"""Helpers of the layer and model tests: parameters that are not at their start, and their gradients."""

import numpy as np


def randomize(module, rng, dtype=np.float32, *, ties=False):
    """Move every parameter by noise, so that no bias or shift is zero, and give all of them `dtype`.

    With `ties` the values are multiples of 1/4, so that some of them are exactly the mean.
    """
    for _, tensor in module.named_parameters():
        values = tensor.data + 0.1 * rng.normal(size=tensor.shape)
        tensor.data = (np.round(8 * values) / 4 if ties else values).astype(dtype)
        tensor.grad = None
    return module


def gradients(module):
    """Pairs of each parameter's dotted name and its gradient."""
    return {name: tensor.grad for name, tensor in module.named_parameters()}


def set_parameter(module, name, tensor):
    """Put `tensor` where the parameter of that dotted name was."""
    *path, last = name.split(".")
    for step in path:
        module = module[int(step)] if isinstance(module, list) else getattr(module, step)
    setattr(module, last, tensor)
