"""`KeyValueCache`: what an attention layer keeps of the tokens it has read, so that a text can grow token by token.

The mask hides later tokens, so the keys and values of a token never change once it is read. Whoever writes a text token
by token need not compute them again for all tokens at each step: the new token brings its own, and looks at the stored.
"""

import numpy as np

from minibnn.autograd import Tensor
from minibnn.errors import InputError, InputTypeError
from minibnn.layers.module import check_positive


class KeyValueCache:
    """The keys and values that one attention layer has computed so far, for B sequences of equal length.

    `batch_size`: B. `num_heads`: N. `max_len`: positions that there is room for. `num_key`: K, features of a key in one
    head. `dtype`: float32 or float64, that of the layer. `BLM.new_cache` makes one for each block.

    `keys`, `values`: arrays (B, N, max_len, K), allocated once. `length`: positions stored so far; what lies beyond is
    not meant to be read.
    """

    def __init__(self, batch_size, num_heads, max_len, num_key, dtype=np.float32):
        check_positive("KeyValueCache", batch_size=batch_size, num_heads=num_heads, max_len=max_len, num_key=num_key)
        self.keys = np.zeros((batch_size, num_heads, max_len, num_key), dtype)
        self.values = np.zeros_like(self.keys)
        self.length = 0

    def append(self, K, V):
        """Store the keys and values of new tokens; return those of all tokens so far.

        `K`, `V`: Tensors (B, N, T, K). Returns two Tensors (B, N, length, K): views of the arrays, cut off from the
        graph. Raises InputError, and stores nothing, for another batch size, shape or dtype, and when there is no room
        for T more positions.
        """
        self._check(K, V)
        end = self.length + K.shape[2]
        self.keys[:, :, self.length : end] = K.data
        self.values[:, :, self.length : end] = V.data
        self.length = end
        return Tensor(self.keys[:, :, :end]), Tensor(self.values[:, :, :end])

    def check_room(self, count):
        """Raise InputError unless `count` more positions can be stored."""
        max_len = self.keys.shape[2]
        if self.length + count > max_len:
            raise InputError(
                f"the cache has room for max_len = {max_len} tokens, holds {self.length}, and {count} more came; read "
                "the last ones again with a new cache (model.new_cache()), or build the model with a larger max_len"
            )

    def _check(self, K, V):
        (batch_size, num_heads, _, num_key), dtype = self.keys.shape, self.keys.dtype
        expected = f"keys and values {(batch_size, num_heads, 'T', num_key)} of {dtype}".replace("'", "")
        for x in (K, V):
            if x.ndim != 4 or x.shape != K.shape or (*x.shape[:2], x.shape[3]) != (batch_size, num_heads, num_key):
                raise InputError(
                    f"the cache holds {expected}, and got {K.shape} and {V.shape}; make one for as many sequences "
                    "and for this model: model.new_cache(batch_size)"
                )
            if x.dtype != dtype:
                raise InputError(
                    f"the cache holds {expected}, and got {x.dtype}; make it with the model as it is now: "
                    "model.new_cache(batch_size)"
                )
        self.check_room(K.shape[2])

    def __repr__(self):
        batch_size, _, max_len, _ = self.keys.shape
        return f"KeyValueCache({self.length} of {max_len} positions, {batch_size} x {self.keys.dtype})"


def stored_positions(layer, past):
    """Number of positions that `past`, a KeyValueCache or None, holds: the position of the first new token.

    Raises InputTypeError for anything else, and InputError while `layer` is trainable: what is stored has no graph, so
    that the gradients of earlier tokens would be missing without a word.
    """
    if past is None:
        return 0
    owner = type(layer).__name__
    if not isinstance(past, KeyValueCache):
        raise InputTypeError(f"{owner}: past expects a KeyValueCache, and got {type(past).__name__}")
    if layer.trainable:
        raise InputError(
            f"{owner} is trainable, and gradients do not reach what a cache holds: use the cache inside "
            "`with evaluating(model):`, or set model.trainable = False"
        )
    return past.length


def stored_positions_of_blocks(model, past, count):
    """The number of positions that each of a model's caches holds, once it is sure that `count` more tokens fit.

    `past`: what `BLM.new_cache` returned. Raises InputTypeError for anything else, and InputError while the model is
    trainable, if the caches hold different numbers of positions, or have no room.
    """
    if not isinstance(past, (list, tuple)) or len(past) != len(model.blocks):
        raise InputTypeError(
            f"{type(model).__name__}: past expects a list of {len(model.blocks)} caches, one per block, as "
            f"model.new_cache() makes it, and got {past!r}"
        )
    lengths = [stored_positions(model, cache) for cache in past]
    if None in past or len(set(lengths)) > 1:
        raise InputError(f"the caches of a model must all hold as many positions, and hold {past}; make new ones")
    past[0].check_room(count)
    return lengths[0]
