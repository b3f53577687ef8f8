"""What the two layers that hold bits share, Algorithms 1 and 3: latent weights, and what makes bits of them."""

import numpy as np

from minibnn import kernels
from minibnn.autograd import Tensor, ops, quant, straight_through
from minibnn.layers.activations import activation_named, linear
from minibnn.layers.choices import as_choices
from minibnn.layers.module import Module, as_generator, glorot_uniform


class BinaryLayer(Module):
    """A kernel `W` and a bias `b` of latent weights, an activation, and the choices of `Choices`.

    `kernel_shape`: of W; its last length is that of b. `activation`, `choices`, `rng`: see `BNFCL`.
    """

    binary = True  # W and b are latent weights: the forward pass uses their bits

    def __init__(self, kernel_shape, activation, choices, rng):
        self.choices = as_choices(choices)
        self.activation, self.normalize = activation_named(activation), self.choices.normalization()
        self.W = Tensor(glorot_uniform(as_generator(rng), kernel_shape), requires_grad=True)
        self.b = Tensor(np.zeros(kernel_shape[-1], np.float32), requires_grad=True) if self.choices.bias else None

    @property
    def in_one_pass(self):
        """Whether bias, Normalize and activation take one pass through memory (`finish`), if Normalize is over U."""
        return self.choices.normalize and self.b is not None and kernels.fast(self.b.data)

    def finish(self, product, b_q, activate=True):
        """The activations (..., U) of a product (..., U): the rest of line 8 and lines 9 and 10, with the same bits."""
        activation = self.activation if activate and self.activation is not linear else None
        return ops.finish(product, b_q, float(self.choices.epsilon), activation)

    def straight_through(self, p):
        """The bits of a latent weight, by the chosen threshold, for training; 0 for the bias of a layer without."""
        return 0 if p is None else straight_through(p, self.choices.threshold)

    def quant(self, p):
        """The same bits without a gradient."""
        return 0 if p is None else quant(p, self.choices.threshold)
