"""Algorithm 7: BCVNN, the binary convolutional classifier, and its 32-bit twin."""

import functools

from minibnn.autograd.ops import global_average_pool, max_pool
from minibnn.errors import InputError
from minibnn.layers.choices import as_choices
from minibnn.layers.convolution import BNCVL, check_images
from minibnn.layers.fully_connected import BNFCL
from minibnn.layers.module import Module, as_generator, check_positive, check_sizes
from minibnn.layers.standard import StandardCVL, StandardFCL

SMALLEST_IMAGE = 16  # four times halved, one pixel is left


class BCVNN(Module):
    """Binary convolutional classifier (Algorithm 7): ten convolutions in five blocks, then three connected layers.

    `kernel_size`: f. `num_classes`: V. `widths`: filters of the five blocks; `units`: of the two hidden fully connected
    layers. The defaults have exactly the 5,132,165 (f = 3) and 13,505,925 (f = 5) parameters that the paper reports;
    the widths it prints, (32, 64, 64, 128, 256) with units (256, 256), have 1,403,653 and 3,617,029 (errata 1).
    `normalize_over`: see `BNCVL`. `choices`: see `BNFCL`. `rng`: numpy.random.Generator for the latent weights.

    Called with images (B, H, W, 3) in [-1, 1], H and W at least 16, it returns probabilities (B, V).
    """

    def __init__(
        self,
        kernel_size=3,
        num_classes=101,
        *,
        widths=(32, 64, 128, 256, 512),
        units=(512, 256),
        normalize_over="channels",
        choices=None,
        rng=None,
    ):
        widths, units = check_sizes("BCVNN", "widths", widths, 5), check_sizes("BCVNN", "units", units, 2)
        check_positive("BCVNN", kernel_size=kernel_size, num_classes=num_classes)
        self.choices, options = as_choices(choices), {"choices": choices, "rng": as_generator(rng)}
        conv = functools.partial(
            self.convolution, kernel_size=kernel_size, activation="relu", normalize_over=normalize_over, **options
        )
        self.conv1a, self.conv1b = conv(3, widths[0]), conv(widths[0], widths[0])
        self.conv2a, self.conv2b = conv(widths[0], widths[1]), conv(widths[1], widths[1])
        self.conv3a, self.conv3b = conv(widths[1], widths[2]), conv(widths[2], widths[2])
        self.conv4a, self.conv4b = conv(widths[2], widths[3]), conv(widths[3], widths[3])
        self.conv5a, self.conv5b = conv(widths[3], widths[4]), conv(widths[4], widths[4])
        self.fc1 = self.fully_connected(widths[4], units[0], "relu", **options)
        self.fc2 = self.fully_connected(units[0], units[1], "relu", **options)
        self.fc3 = self.fully_connected(units[1], num_classes, "softmax", **options)
        self.num_classes = num_classes

    def convolution(self, n_channels, n_filters, **options):
        """The convolutional layer that the model is built of."""
        return BNCVL(n_channels, n_filters, **options)

    def fully_connected(self, n_in, n_units, activation, **options):
        """The fully connected layer that the model is built of."""
        return BNFCL(n_in, n_units, activation, **options)

    def forward(self, image, *, activate=True):
        """image (B, H, W, 3) -> prob (B, V); with `activate=False` it stops before the softmax of line 24.

        The shapes in the comments are those of the default widths and units.
        """
        a1 = self.conv1a(image)  # line 2: (B, H, W, 3) -> (B, H, W, 32)
        a1 = self.conv1b(a1)  # line 3
        a1 = max_pool(a1)  # line 4: -> (B, H/2, W/2, 32)
        a2 = self.conv2a(a1)  # line 6: -> (B, H/2, W/2, 64)
        a2 = self.conv2b(a2)  # line 7
        a2 = max_pool(a2)  # line 8: -> (B, H/4, W/4, 64)
        a3 = self.conv3a(a2)  # line 10: -> (B, H/4, W/4, 128)
        a3 = self.conv3b(a3)  # line 11
        a3 = max_pool(a3)  # line 12: -> (B, H/8, W/8, 128)
        a4 = self.conv4a(a3)  # line 14: -> (B, H/8, W/8, 256)
        a4 = self.conv4b(a4)  # line 15
        a4 = max_pool(a4)  # line 16: -> (B, H/16, W/16, 256)
        a5 = self.conv5a(a4)  # line 18: -> (B, H/16, W/16, 512)
        a5 = self.conv5b(a5)  # line 19
        a6 = global_average_pool(a5)  # line 20: -> (B, 512)
        a7 = self.fc1(a6)  # line 22: -> (B, 512)
        a8 = self.fc2(a7)  # line 23: -> (B, 256)
        prob = self.fc3(a8, activate=activate)  # line 24: -> (B, V)
        return prob  # line 25

    def logits(self, image):
        """image (B, H, W, 3) -> the values before the last softmax, (B, V)."""
        return self(image, activate=False)

    def check(self, image):
        """Raise unless image is (B, H, W, 3) with H and W at least 16."""
        check_images(type(self).__name__, image, 3, SMALLEST_IMAGE)

    def output_shape(self, name, image_size):
        """Shape of the output, for one image of `image_size` squared, of the layer of that name."""
        layer = getattr(self, name)
        units = (layer.W if hasattr(layer, "W") else layer.W_q).shape[-1]
        if name.startswith("fc"):
            return (units,)
        side = image_size >> (int(name[4]) - 1)  # each block halves it
        return (side, side, units)

    @staticmethod
    def standard(*arguments, **options):
        """The 32-bit twin of BCVNN(...): a `StandardCVNN`, which also takes `normalize` and `dropout`."""
        return StandardCVNN(*arguments, **options)


class StandardCVNN(BCVNN):
    """Float convolutional classifier, the 32-bit twin of `BCVNN`, with the same arguments, shapes and parameter count.

    `normalize`: whether Normalize stands before each activation, as in the binary model; the paper does not say whether
    its standard model has it (errata 13), so comparisons show both. `dropout`: rates after the first and the second
    fully connected layer.
    """

    def __init__(self, *arguments, normalize=False, dropout=(0.4, 0.3), **options):
        _check_rates(dropout)
        self.normalize = normalize
        super().__init__(*arguments, **options)
        self.fc1.dropout, self.fc2.dropout = dropout

    def convolution(self, n_channels, n_filters, **options):
        """A float convolutional layer."""
        return StandardCVL(n_channels, n_filters, normalize=self.normalize, **options)

    def fully_connected(self, n_in, n_units, activation, **options):
        """A float fully connected layer."""
        return StandardFCL(n_in, n_units, activation, normalize=self.normalize, **options)


def _check_rates(dropout):
    if not isinstance(dropout, (tuple, list)) or len(dropout) != 2 or not all(0 <= rate < 1 for rate in dropout):
        raise InputError(f"BCVNN.standard: dropout expects two rates of at least 0 and below 1, and got {dropout!r}")
