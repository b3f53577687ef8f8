"""Algorithm 3: BNCVL, the binary normalized convolutional layer."""

from minibnn.autograd.ops import conv2d
from minibnn.errors import InputError
from minibnn.layers.binary import BinaryLayer
from minibnn.layers.module import check_float, check_positive

CHANNELS = (-1,)
NORMALIZE_AXES = {"channels": CHANNELS, "example": (-3, -2, -1)}


class BNCVL(BinaryLayer):
    """Binary normalized convolutional layer (Algorithm 3): stride 1, padding 'same'.

    `n_channels`, `n_filters`: C and F. `kernel_size`: k, for a kernel of k x k. `activation`: None, "relu", "gelu" or
    "softmax". `normalize_over`: "channels" normalizes the F filters at each position, "example" all of (H, W, F); the
    paper does not say which, and with the second a binary network hardly learns (errata 4).
    `choices`: see `BNFCL`. `rng`: numpy.random.Generator for the Glorot-uniform latent kernel.

    `W`: latent kernel (k, k, C, F). `b`: latent bias (F,), or None.
    Called with images (B, H, W, C), it returns (B, H, W, F). Raises InputError for another number of axes or channels.
    """

    def __init__(
        self,
        n_channels,
        n_filters,
        kernel_size,
        activation=None,
        *,
        normalize_over="channels",
        choices=None,
        rng=None,
    ):
        check_positive("BNCVL", n_channels=n_channels, n_filters=n_filters, kernel_size=kernel_size)
        super().__init__((kernel_size, kernel_size, n_channels, n_filters), activation, choices, rng)
        self.axes = normalize_axes(normalize_over)

    def forward(self, x):
        """x (B, H, W, C) -> a (B, H, W, F)."""
        if self.trainable:  # line 1
            W_q = self.straight_through(self.W)  # line 2
            b_q = self.straight_through(self.b)  # line 3
        else:  # line 4
            W_q = self.quant(self.W)  # line 5
            b_q = self.quant(self.b)  # line 6
        if self.in_one_pass and self.axes == CHANNELS:  # all of this at once
            return self.finish(conv2d(x, W_q), b_q)
        z = conv2d(x, W_q) + b_q  # line 8
        z = self.normalize(z, self.axes)  # line 9
        a = self.activation(z)  # line 10
        return a  # line 11

    def check(self, x):
        """Raise unless x is (B, H, W, C)."""
        check_images(type(self).__name__, x, self.W.shape[2])


def normalize_axes(normalize_over):
    """The axes that Normalize runs over, by the name of the choice."""
    if not isinstance(normalize_over, str) or normalize_over not in NORMALIZE_AXES:
        raise InputError(f"normalize_over expects 'channels' or 'example', and got {normalize_over!r}")
    return NORMALIZE_AXES[normalize_over]


def name_of_axes(axes):
    """The name under which `normalize_axes` knows these axes."""
    return next(name for name, known in NORMALIZE_AXES.items() if known == axes)


def check_images(owner, x, channels, smallest=1):
    """Raise InputError unless `x` is a Tensor (B, H, W, channels) with B >= 1 and H, W >= smallest."""
    check_float(owner, x, f"images (B, H, W, {channels})")
    if x.ndim != 4 or x.shape[3] != channels:
        raise InputError(f"{owner} expects images (B, H, W, {channels}), and got shape {x.shape}")
    if x.shape[0] == 0:
        raise InputError(f"{owner} expects at least one image, and got an empty batch of shape {x.shape}")
    if min(x.shape[1:3]) < smallest:
        raise InputError(f"{owner} expects images of at least {smallest} x {smallest} pixels, and got shape {x.shape}")
