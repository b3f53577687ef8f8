"""Algorithm 2: the layers after training. The floats are gone; bits are all that is left, and they compute.

A packed layer or model is called like the one it was packed from and gives the same numbers, 32 times smaller. It has
no latent weights and no backward. Only the two layers that hold parameters are new here; those that are made of layers
(Algorithms 4 to 8) keep their `forward`.
"""

import functools
from dataclasses import replace

import numpy as np

from minibnn import kernels
from minibnn.autograd import Tensor, ops
from minibnn.bits.bit_matrix import FLOAT32, BitKernel, BitMatrix, numbers_of
from minibnn.bits.bit_tensor import BitTensor
from minibnn.errors import InputError
from minibnn.layers import BATL, BEMBL, BNFCL, BTFB
from minibnn.layers.activations import activation_named, linear
from minibnn.layers.choices import DEFAULT, as_choices
from minibnn.layers.convolution import check_images, normalize_axes
from minibnn.layers.fully_connected import check_features
from minibnn.layers.key_value_cache import KeyValueCache, stored_positions_of_blocks
from minibnn.layers.module import Module, ShapesOnly
from minibnn.models import BCVNN, BLM

CHANNELS = normalize_axes("channels")
FLOORS = {linear: np.float32(-np.inf), ops.relu: np.float32(0)}  # below which these activations never are
LINEAR, GELU = 0, 2  # the activations of a language model, as `kernels.fully_connected_row` names them


class PackedModule(Module):
    """What all packed layers and models share: what they hold, counted, and how they multiply."""

    _trainable = False

    @property
    def trainable(self):
        """False: there is nothing left to train."""
        return False

    @trainable.setter
    def trainable(self, flag):
        if flag:
            raise InputError(
                f"{type(self).__name__} holds bits only and cannot be trained: train the model that it was packed from"
            )

    def named_bits(self):
        """Pairs (dotted name, BitTensor) of all kernels and biases, in forward order, as the packed file holds them."""
        layers = [(name, layer) for name, layer in self.named_modules() if isinstance(layer, PackedLayer)]
        return [(f"{name}.{key}" if name else key, bits) for name, layer in layers for key, bits in layer.own_bits()]

    def num_bits(self):
        """Number of parameters, one bit each."""
        return sum(layer.num_own_bits() for layer in self._layers())

    num_parameters = num_bits

    @property
    def nbytes(self):
        """Bytes that the bits take in memory, with what fills up their rows and blocks."""
        return sum(bits.nbytes for layer in self._layers() for bits in (layer.W_q, layer.b_q) if bits is not None)

    @property
    def activation_bits(self):
        """None, or the bits (2 to 16) that each layer rounds its input to; see `BitMatrix`. May be set at any time."""
        return next((layer.W_q.activation_bits for layer in self._layers()), None)

    @activation_bits.setter
    def activation_bits(self, bits):
        for layer in self._layers():
            layer.W_q.activation_bits = bits

    def _layers(self):
        return [layer for _, layer in self.named_modules() if isinstance(layer, PackedLayer)]

    def __repr__(self):
        return f"{type(self).__name__}({self.num_bits():,} bits in {self.nbytes:,} bytes)"


class PackedLayer(PackedModule):
    """A layer that holds bits itself: `W_q`, a BitMatrix or BitKernel, and `b_q`, a BitTensor (U,) or None.

    `kernel`, `bias`: the bits. `matrix`: the class of W_q. `choices`: see `Choices`; the threshold is the one that made
    the bits.
    """

    def __init__(self, matrix, kernel, bias, activation, choices):
        self.choices = as_choices(choices)
        self.activation, self.normalize = activation_named(activation), self.choices.normalization()
        self.W_q, self.b_q = matrix(kernel), _checked_bias(bias, kernel, self.choices.bias)

    def bias(self):
        """The bias as numbers, float32 (U,); 0 without one."""
        return 0 if self.b_q is None else self.b_q.unpack(np.float32)

    def in_one_pass(self, z, activate=True):
        """The activations (..., U), made in the place of z (..., U), a Tensor without its bias; None where not suited.

        Adding, normalizing and activating take as long as reading and writing memory does: once instead of three times.
        """
        floor = FLOORS.get(self.activation if activate else linear)
        as_printed = self.choices.normalize and self.b_q is not None
        if floor is None or not as_printed or not isinstance(z, Tensor) or not kernels.fast(z.data):
            return None
        rows = z.data.reshape(-1, z.shape[-1])
        kernels.finish_rows(rows, self.bias(), self.choices.epsilon, floor, kernels.parts(z.size))
        return z

    def own_bits(self):
        """Pairs (name, BitTensor) of the kernel and, if there is one, of the bias."""
        return [("W", self.W_q.tensor())] + ([] if self.b_q is None else [("b", self.b_q)])

    def num_own_bits(self):
        """Number of bits of the kernel and the bias."""
        return int(np.prod(self.W_q.shape)) + (0 if self.b_q is None else self.b_q.size)


class PackedBNFCL(PackedLayer):
    """`BNFCL` after training (Algorithm 2): bits only.

    `kernel`: BitTensor (n_in, U). `bias`: BitTensor (U,), or None where the choices say so. `activation`: None, "relu",
    "gelu" or "softmax". `choices`: see `PackedLayer`.
    Called with x (..., n_in), or a `OneHot` of that depth, it returns (..., U), float32.
    """

    def __init__(self, kernel, bias, activation=None, *, choices=None):
        super().__init__(BitMatrix, kernel, bias, activation, choices)

    def forward(self, x, *, activate=True):
        """x (..., n_in) -> a (..., U); with `activate=False` it stops before line 3."""
        z = x @ self.W_q  # (..., n_in) @ (n_in, U) -> (..., U)
        if (a := self.in_one_pass(z, activate)) is not None:  # all that follows, at once
            return a
        z = z + self.bias()  # line 1
        z = self.normalize(z)  # line 2: over the U features
        a = self.activation(z) if activate else z  # line 3
        return a  # line 4

    def check(self, x):
        """Raise unless x is (..., n_in)."""
        check_features(type(self).__name__, x, self.W_q.shape[0])


class PackedBNCVL(PackedLayer):
    """`BNCVL` after training: Algorithm 3 simplified in the way Algorithm 2 simplifies Algorithm 1.

    `kernel`: BitTensor (k, k, C, F). `bias`: BitTensor (F,), or None where the choices say so. `activation`,
    `normalize_over`: see `BNCVL`. `choices`: see `PackedLayer`.
    Called with images (B, H, W, C), it returns (B, H, W, F), float32.
    """

    def __init__(self, kernel, bias, activation=None, *, normalize_over="channels", choices=None):
        super().__init__(BitKernel, kernel, bias, activation, choices)
        self.axes = normalize_axes(normalize_over)

    def forward(self, x):
        """x (B, H, W, C) -> a (B, H, W, F)."""
        z = Tensor(self.W_q.convolve(numbers_of(x)))  # (B, H, W, C) -> (B, H, W, F)
        if self.axes == CHANNELS and (a := self.in_one_pass(z)) is not None:  # all that follows, at once
            return a
        z = z + self.bias()  # line 1
        z = self.normalize(z, self.axes)  # line 2
        a = self.activation(z)  # line 3
        return a  # line 4

    def check(self, x):
        """Raise unless x is (B, H, W, C)."""
        check_images(type(self).__name__, x, self.W_q.shape[2])


class PackedBEMBL(PackedModule, BEMBL):
    """`BEMBL` (Algorithm 4) of bits: a token's row of bits, looked up."""


class PackedBATL(PackedModule, BATL):
    """`BATL` (Algorithm 6) of bits."""


class PackedBTFB(PackedModule, BTFB):
    """`BTFB` (Algorithm 5) of bits."""


class PackedBCVNN(PackedModule, BCVNN):
    """`BCVNN` (Algorithm 7) of bits."""


class PackedBLM(PackedModule, BLM):
    """`BLM` (Algorithm 8) of bits. With a cache (see `BLM.new_cache`) a single new token takes one call per block."""

    def forward(self, seq, *, activate=True, past=None, last_only=False):
        """seq (B, T) -> probs (B, T, V); see `BLM.forward`."""
        if not self._fits(past) or seq.shape != (1, 1) or self.output.W_q.activation_bits is not None:
            return super().forward(seq, activate=activate, past=past, last_only=last_only)
        self.check(seq)
        logits = self._next_logits(int(seq[0, 0]), past)
        return ops.softmax(logits) if activate else logits

    def _next_logits(self, token, past):
        """The logits (1, 1, V) behind one more token; the caches then hold it too."""
        start, threads = stored_positions_of_blocks(self, past, 1), kernels.num_threads()
        tokens, positions = self.embed.tokens, self.embed.positions
        x = kernels.embed_token(token, start, _part_of(tokens), _part_of(positions), tokens.W_q.shape[1])
        for parts, cache in zip(self._parts, past, strict=True):
            x = kernels.decode_block(x, *parts, cache.keys[0], cache.values[0], start, threads)
        for cache in past:
            cache.length = start + 1
        for layer, activation in ((self.mlp1, GELU), (self.mlp2, GELU), (self.output, LINEAR)):
            x = kernels.fully_connected_row(x, *_part_of(layer), layer.W_q.shape[1], activation, threads)
        return Tensor(x[None])

    def _fits(self, past):
        """Whether `past` is that of one sequence and of such a model; where it is none, BLM.forward says why."""
        if not isinstance(past, (list, tuple)) or not self._is_as_built:
            return False
        attention = self.blocks[0].attention
        shape = (1, attention.num_heads, attention.emb_dim // attention.num_heads)
        return all(
            isinstance(cache, KeyValueCache)
            and cache.keys.shape[:2] + cache.keys.shape[3:] == shape
            and cache.keys.dtype == FLOAT32
            for cache in past
        )

    @functools.cached_property
    def _is_as_built(self):
        """Whether the layers are those that BLM(...) builds: another may have been put in the place of one.

        Nor does the fast way know of other choices than the defaults, but for the threshold, which the bits know.
        """
        if any(replace(module.choices, threshold="mean") != DEFAULT for _, module in self.named_modules()):
            return False
        attention, mlp_units = self.blocks[0].attention, (self.mlp1.W_q.shape[1], self.mlp2.W_q.shape[1])
        sizes = (self.max_len, attention.emb_dim, attention.num_heads, self.vocab_size, mlp_units, len(self.blocks))
        built = BLM(*sizes, rng=ShapesOnly()).named_modules()
        expected = {name: (layer.W.shape, layer.activation) for name, layer in built if isinstance(layer, BNFCL)}
        layers = [(name, layer) for name, layer in self.named_modules() if isinstance(layer, PackedLayer)]
        return expected == {name: (layer.W_q.shape, layer.activation) for name, layer in layers}

    def __getstate__(self):  # a copy finds its own `_parts`
        return {key: value for key, value in vars(self).items() if key != "_parts"}

    @functools.cached_property
    def _parts(self):
        """The bits of each block, as `kernels.decode_block` takes them."""
        blocks = [(b.attention, b) for b in self.blocks]
        layers = [(a.query, a.key, a.value, a.projection, b.ff_in, b.ff_out) for a, b in blocks]
        return [tuple(map(_part_of, six)) for six in layers]


def _part_of(layer):
    return layer.W_q.order, layer.b_q.words.view(np.uint32)[0]


def _checked_bias(bias, kernel, wanted):
    if not wanted:
        if bias is not None:
            raise InputError(f"a packed layer with Choices(bias=False) expects the bias None, and got {bias!r}")
        return None
    if not isinstance(bias, BitTensor) or bias.shape != kernel.shape[-1:]:
        raise InputError(
            f"a packed layer of kernel {kernel.shape} expects a bias {kernel.shape[-1:]}, and got {bias!r}"
        )
    return bias
