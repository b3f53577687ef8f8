"""Algorithm 6: BATL, the binary multi-head attention layer."""

import math

import numpy as np

from minibnn.autograd import Tensor, ops
from minibnn.errors import InputError
from minibnn.layers.choices import as_choices
from minibnn.layers.fully_connected import BNFCL, check_features
from minibnn.layers.key_value_cache import KeyValueCache, stored_positions
from minibnn.layers.module import Module, as_generator, check_float, check_positive


class BATL(Module):
    """Binary multi-head attention (Algorithm 6).

    `emb_dim`: D. `num_heads`: N, a divisor of D; each head has keys of K = D / N features. `mask_value`: the score of
    a position that must not be seen. Minus infinity hides it; the -1.0e-10 that the paper prints does not, since to a
    softmax it is a score of 0 like any other (errata 2). `choices`: see `BNFCL`. `rng`: numpy.random.Generator.

    `query`, `key`, `value`, `projection`: the four BNFCL (D -> D). Called with query, key, value (B, T, D), and
    optionally a mask (T, T) that is 0 where a position must not be seen (default: causal), it returns (B, T, D).
    Raises InputError for other shapes.
    """

    fully_connected: type[Module] = BNFCL

    def __init__(self, emb_dim, num_heads, *, mask_value=-math.inf, choices=None, rng=None):
        check_positive("BATL", emb_dim=emb_dim, num_heads=num_heads)
        if emb_dim % num_heads:
            raise InputError(f"BATL: emb_dim must be a multiple of num_heads, and {emb_dim} is not one of {num_heads}")
        if not isinstance(mask_value, (int, float)) or math.isnan(mask_value):
            raise InputError(f"BATL: mask_value must be a number, such as -math.inf, and is {mask_value!r}")
        self.choices, rng = as_choices(choices), as_generator(rng)
        self.emb_dim, self.num_heads, self.mask_value = emb_dim, num_heads, mask_value
        self.query = self.fully_connected(emb_dim, emb_dim, choices=choices, rng=rng)
        self.key = self.fully_connected(emb_dim, emb_dim, choices=choices, rng=rng)
        self.value = self.fully_connected(emb_dim, emb_dim, choices=choices, rng=rng)
        self.projection = self.fully_connected(emb_dim, emb_dim, choices=choices, rng=rng)

    def forward(self, query, key, value, mask=None, *, past=None):
        """query, key, value (B, T, D) -> projection (B, T, D).

        `past`: a KeyValueCache; the inputs are then T tokens that follow those it holds, and are stored too. They see
        all that is stored, and the default mask is causal among them; a mask of your own is (T, stored + T).
        """
        start = stored_positions(self, past)
        mask = causal_mask(query.shape[-2], start) if mask is None else checked_mask(mask, query.shape[-2], start)
        num_key = self.emb_dim // self.num_heads  # line 1
        Q = self.query(query)  # lines 2-3
        K = self.key(key)  # line 4
        V = self.value(value)  # line 5
        seq_len = query.shape[-2]  # line 6
        Q = Q.reshape(-1, seq_len, self.num_heads, num_key)  # lines 7-8: (B, T, D) -> (B, T, N, K)
        K = K.reshape(-1, seq_len, self.num_heads, num_key)  # line 9
        V = V.reshape(-1, seq_len, self.num_heads, num_key)  # line 10
        Q = Q.permute(0, 2, 1, 3)  # lines 11-12: (B, T, N, K) -> (B, N, T, K)
        K = K.permute(0, 2, 1, 3)  # line 13
        V = V.permute(0, 2, 1, 3)  # line 14
        K, V = (K, V) if past is None else past.append(K, V)  # the stored ones first: (B, N, start + T, K)
        scale_dot = Q @ K.permute(0, 1, 3, 2) / math.sqrt(num_key)  # lines 15-16: (B, N, T, start + T)
        scale_dot = ops.where(mask == 0, self.mask_value, scale_dot)  # line 17
        attn_prob = ops.softmax(scale_dot, axis=-1)  # line 18
        A = attn_prob @ V  # line 19: (B, N, T, K)
        A = A.permute(0, 2, 1, 3)  # lines 20-21: (B, N, T, K) -> (B, T, N, K)
        A = A.reshape(-1, seq_len, self.num_heads * num_key)  # line 22: (B, T, N, K) -> (B, T, D)
        projection = self.projection(A)  # line 23
        return projection  # line 24

    def new_cache(self, batch_size, max_len):
        """An empty KeyValueCache for sequences of up to `max_len` tokens.

        Raises InputError unless the mask hides later tokens for good: if they were seen, each new token would change
        what the layers above compute of all earlier ones, and what is stored would be wrong.
        """
        if self.mask_value != -math.inf:
            raise InputError(
                f"a cache needs mask_value = -math.inf, which hides later tokens, and mask_value is {self.mask_value}; "
                "read all tokens anew for each one that is written (past=None)"
            )
        dtype = next((tensor.dtype for tensor in self.parameters()), np.dtype(np.float32))  # of bits: float32
        return KeyValueCache(batch_size, self.num_heads, max_len, self.emb_dim // self.num_heads, dtype)

    def check(self, query, key, value, mask=None):
        """Raise unless the three are (B, T, D)."""
        owner = type(self).__name__
        for name, x in (("query", query), ("key", key), ("value", value)):
            check_sequences(f"{owner}, {name},", x, self.emb_dim)
        if not query.shape == key.shape == value.shape:
            raise InputError(
                f"{owner} expects query, key and value of one shape (B, T, {self.emb_dim}), and got "
                f"{query.shape}, {key.shape} and {value.shape}"
            )


def check_sequences(owner, x, emb_dim):
    """Raise InputError unless `x` is a Tensor (B, T, emb_dim) with at least one token."""
    check_float(owner, x, f"sequences (B, T, {emb_dim})")
    check_features(owner, x, emb_dim)
    if x.ndim != 3:
        raise InputError(f"{owner} expects sequences (B, T, {emb_dim}), and got shape {x.shape}")


def checked_mask(mask, seq_len, start=0):
    """The mask (T, start + T) as an array; raises InputError for another shape, or a position that may see nothing."""
    mask = mask.data if isinstance(mask, Tensor) else np.asarray(mask)
    if mask.shape != (shape := (seq_len, start + seq_len)):
        raise InputError(f"BATL expects a mask {shape}, and got shape {mask.shape}")
    if (blind := (mask == 0).all(-1)).any():
        raise InputError(f"BATL: row {blind.argmax()} of the mask is all 0; each position must see at least one")
    return mask


def causal_mask(seq_len, start=0):
    """(T, start + T) of zeros and ones: row t is 1 for the positions 0 .. start + t, which that position may see."""
    return np.tril(np.ones((seq_len, start + seq_len), np.uint8), start)
