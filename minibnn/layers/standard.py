"""The 32-bit twins of the binary layers: the same configuration with float kernels and biases, for comparison.

Where a binary layer uses bits, its twin uses W and b as they are. The convolutional twin has dropout after its first
two fully connected layers; the language twin's Normalize has a trainable scale and shift. Whether the convolutional
twin normalizes after every linear map, as the binary layers must, the paper does not say (errata 13): `normalize`
chooses. Of `Choices`, epsilon and bias apply.
"""

import numpy as np

from minibnn.autograd import Tensor, no_gradient, ops
from minibnn.layers.activations import activation_named
from minibnn.layers.attention import BATL
from minibnn.layers.choices import as_float_choices
from minibnn.layers.convolution import check_images, normalize_axes
from minibnn.layers.embedding import BEMBL
from minibnn.layers.fully_connected import check_features
from minibnn.layers.module import Module, as_generator, check_positive, glorot_uniform
from minibnn.layers.transformer_block import BTFB


class StandardLayer(Module):
    """What the float layers share: a kernel and a bias that stop receiving gradients when `trainable` is False.

    `choices`: `Choices` of epsilon and bias, None for the defaults. Raises InputError for the choice of a threshold or
    of no Normalize, see `as_float_choices`.
    """

    def __init__(self, kernel_shape, activation, choices, rng):
        self.choices = as_float_choices(choices)
        self.activation = activation_named(activation)
        self.W = Tensor(glorot_uniform(as_generator(rng), kernel_shape), requires_grad=True)
        self.b = Tensor(np.zeros(kernel_shape[-1], np.float32), requires_grad=True) if self.choices.bias else None

    def weights(self):
        """W and b (0 without one), cut off from the backward pass unless `trainable`."""
        b = 0 if self.b is None else self.b if self.trainable else no_gradient(self.b)
        return (self.W if self.trainable else no_gradient(self.W)), b


class StandardFCL(StandardLayer):
    """Float fully connected layer: activation(x @ W + b), the twin of `BNFCL`, with the same arguments and shapes.

    `normalize`: whether Normalize stands before the activation, as in Algorithm 1. `dropout`: share of the outputs set
    to 0 while `trainable`.
    """

    def __init__(self, n_in, n_units, activation=None, *, normalize=False, dropout=0.0, choices=None, rng=None):
        check_positive("StandardFCL", n_in=n_in, n_units=n_units)
        rng = as_generator(rng)
        super().__init__((n_in, n_units), activation, choices, rng)
        self.normalize, self.dropout = normalize, dropout
        self.dropout_rng = rng.spawn(1)[0]  # its own, so that the kernels do not depend on how much was dropped

    def forward(self, x, *, activate=True):
        """x (..., n_in) -> a (..., U); with `activate=False` it stops before the activation."""
        W, b = self.weights()
        z = x @ W + b
        if self.normalize:
            z = ops.normalize(z, eps=self.choices.epsilon)
        a = self.activation(z) if activate else z
        if self.dropout and self.trainable:
            a = ops.dropout(a, self.dropout, self.dropout_rng)
        return a

    def check(self, x):
        """Raise unless x is (..., n_in)."""
        check_features(type(self).__name__, x, self.W.shape[0])


class StandardCVL(StandardLayer):
    """Float convolutional layer: activation(conv2d(x, W) + b), the twin of `BNCVL`, with the same arguments and shapes.

    `normalize`: whether Normalize stands before the activation, over the axes that `normalize_over` names.
    """

    def __init__(
        self,
        n_channels,
        n_filters,
        kernel_size,
        activation=None,
        *,
        normalize=False,
        normalize_over="channels",
        choices=None,
        rng=None,
    ):
        check_positive("StandardCVL", n_channels=n_channels, n_filters=n_filters, kernel_size=kernel_size)
        super().__init__((kernel_size, kernel_size, n_channels, n_filters), activation, choices, rng)
        self.normalize, self.axes = normalize, normalize_axes(normalize_over)

    def forward(self, x):
        """x (B, H, W, C) -> a (B, H, W, F)."""
        W, b = self.weights()
        z = ops.conv2d(x, W) + b
        if self.normalize:
            z = ops.normalize(z, self.axes, self.choices.epsilon)
        return self.activation(z)

    def check(self, x):
        """Raise unless x is (B, H, W, C)."""
        check_images(type(self).__name__, x, self.W.shape[2])


class ScaledNormalize(Module):
    """Normalize over the last axis, then a trainable scale and shift per feature.

    `features`: length n of the last axis. `epsilon`: inside the root of Normalize. `scale`: (n,), ones at first.
    `shift`: (n,), zeros. (..., n) -> (..., n).
    """

    def __init__(self, features, epsilon=1e-5):
        check_positive("ScaledNormalize", features=features)
        self.epsilon = epsilon
        self.scale = Tensor(np.ones(features, np.float32), requires_grad=True)
        self.shift = Tensor(np.zeros(features, np.float32), requires_grad=True)

    def forward(self, x):
        """x (..., n) -> (..., n)."""
        scale, shift = self.scale, self.shift
        if not self.trainable:
            scale, shift = no_gradient(scale), no_gradient(shift)
        return ops.normalize(x, eps=self.epsilon) * scale + shift

    def check(self, x):
        """Raise unless x is (..., n)."""
        check_features(type(self).__name__, x, self.scale.shape[0])


class StandardEMBL(BEMBL):
    """Float token and position embedding, the twin of `BEMBL`."""

    fully_connected = StandardFCL


class StandardATL(BATL):
    """Float multi-head attention, the twin of `BATL`."""

    fully_connected = StandardFCL


class StandardTFB(BTFB):
    """Float transformer block, the twin of `BTFB`; its Normalize has a trainable scale and shift."""

    fully_connected, attention_layer = StandardFCL, StandardATL

    def normalization(self, features):
        """Normalize with parameters."""
        return ScaledNormalize(features, self.choices.epsilon)
