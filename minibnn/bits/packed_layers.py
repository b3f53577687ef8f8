"""Algorithm 2: the layers after training. The floats are gone; bits are all that is left, and they compute.

A packed layer or model is called like the one it was packed from and gives the same numbers, 32 times smaller. It has
no latent weights and no backward. Only the two layers that hold parameters are new here; those that are made of layers
(Algorithms 4 to 8) keep their `forward`.
"""

import functools

import numpy as np

from minibnn import kernels
from minibnn.autograd import Tensor, ops
from minibnn.bits.bit_matrix import FLOAT32, BitKernel, BitMatrix, numbers_of
from minibnn.bits.bit_tensor import BitTensor
from minibnn.errors import InputError
from minibnn.layers import BATL, BEMBL, BNFCL, BTFB, normalize
from minibnn.layers.activations import activation_named
from minibnn.layers.convolution import check_images, normalize_axes
from minibnn.layers.fully_connected import check_features
from minibnn.layers.key_value_cache import KeyValueCache, stored_positions_of_blocks
from minibnn.layers.module import Module, ShapesOnly
from minibnn.models import BCVNN, BLM

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
        return sum(layer.W_q.nbytes + layer.b_q.nbytes for layer in self._layers())

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
    """A layer that holds bits itself: `W_q`, a BitMatrix or BitKernel, and `b_q`, a BitTensor (U,)."""

    def own_bits(self):
        """Pairs (name, BitTensor) of the kernel and the bias."""
        return [("W", self.W_q.tensor()), ("b", self.b_q)]

    def num_own_bits(self):
        """Number of bits of the kernel and the bias."""
        return int(np.prod(self.W_q.shape)) + self.b_q.size


class PackedBNFCL(PackedLayer):
    """`BNFCL` after training (Algorithm 2): bits only.

    `kernel`: BitTensor (n_in, U). `bias`: BitTensor (U,). `activation`: None, "relu", "gelu" or "softmax".
    Called with x (..., n_in), or a `OneHot` of that depth, it returns (..., U), float32.
    """

    def __init__(self, kernel, bias, activation=None):
        self.activation = activation_named(activation)
        self.W_q, self.b_q = BitMatrix(kernel), _checked_bias(bias, kernel)

    def forward(self, x, *, activate=True):
        """x (..., n_in) -> a (..., U); with `activate=False` it stops before line 3."""
        z = x @ self.W_q + self.b_q.unpack(np.float32)  # line 1: (..., n_in) @ (n_in, U) + (U,) -> (..., U)
        z = normalize(z)  # line 2: over the U features
        a = self.activation(z) if activate else z  # line 3
        return a  # line 4

    def check(self, x):
        """Raise unless x is (..., n_in)."""
        check_features(type(self).__name__, x, self.W_q.shape[0])


class PackedBNCVL(PackedLayer):
    """`BNCVL` after training: Algorithm 3 simplified in the way Algorithm 2 simplifies Algorithm 1.

    `kernel`: BitTensor (k, k, C, F). `bias`: BitTensor (F,). `activation`, `normalize_over`: see `BNCVL`.
    Called with images (B, H, W, C), it returns (B, H, W, F), float32.
    """

    def __init__(self, kernel, bias, activation=None, *, normalize_over="channels"):
        self.activation = activation_named(activation)
        self.axes = normalize_axes(normalize_over)
        self.W_q, self.b_q = BitKernel(kernel), _checked_bias(bias, kernel)

    def forward(self, x):
        """x (B, H, W, C) -> a (B, H, W, F)."""
        z = Tensor(self.W_q.convolve(numbers_of(x))) + self.b_q.unpack(np.float32)  # line 1
        z = normalize(z, self.axes)  # line 2
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
        """Whether the layers are those that BLM(...) builds: another may have been put in the place of one."""
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


def _checked_bias(bias, kernel):
    if not isinstance(bias, BitTensor) or bias.shape != kernel.shape[-1:]:
        raise InputError(
            f"a packed layer of kernel {kernel.shape} expects a bias {kernel.shape[-1:]}, and got {bias!r}"
        )
    return bias
