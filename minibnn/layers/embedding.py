"""Algorithm 4: BEMBL, the binary token and position embedding."""

import numpy as np

from minibnn.errors import InputError
from minibnn.layers.choices import as_choices
from minibnn.layers.fully_connected import BNFCL
from minibnn.layers.module import Module, as_generator, check_positive
from minibnn.layers.one_hot import OneHot, check_ids


class BEMBL(Module):
    """Binary token and position embedding (Algorithm 4).

    `max_len`: longest sequence. `emb_dim`: D. `vocab_size`: V. `choices`: see `BNFCL`. `rng`: numpy.random.Generator.

    `positions`, `tokens`: the two BNFCL, (max_len -> D) and (V -> D). Called with integer ids (B, T), T <= max_len, it
    returns (B, T, D). Raises InputError for a longer sequence, an id outside 0 .. V - 1 or an empty batch.
    Differs from the paper in using only the first T positions when the sequence is shorter than max_len, and in looking
    rows up where the paper multiplies by one-hot vectors: the same numbers (see `OneHot`).
    """

    fully_connected: type[Module] = BNFCL

    def __init__(self, max_len, emb_dim, vocab_size, *, choices=None, rng=None):
        check_positive("BEMBL", max_len=max_len, emb_dim=emb_dim, vocab_size=vocab_size)
        self.choices, rng = as_choices(choices), as_generator(rng)
        self.max_len, self.vocab_size = max_len, vocab_size
        self.positions = self.fully_connected(max_len, emb_dim, choices=choices, rng=rng)
        self.tokens = self.fully_connected(vocab_size, emb_dim, choices=choices, rng=rng)

    def forward(self, seq, *, start=0):
        """seq (B, T) -> tk_pos_emb (B, T, D). `start`: position of the first token, where seq continues a sequence."""
        self._check_length(start + seq.shape[1])
        pos = np.arange(start, start + seq.shape[1])  # lines 1-2
        one_hot_pos = OneHot(pos, self.max_len)  # line 3
        pos_emb = self.positions(one_hot_pos)  # line 4: (T, D)
        one_hot_tk = OneHot(seq, self.vocab_size)  # line 5
        tk_emb = self.tokens(one_hot_tk)  # lines 6-7: (B, T, D)
        tk_pos_emb = tk_emb + pos_emb  # line 8
        return tk_pos_emb  # line 9

    def check(self, seq):
        """Raise unless seq is an integer array (B, T) of ids, with T <= max_len."""
        owner = type(self).__name__
        check_ids(owner, seq, self.vocab_size)
        if seq.ndim != 2 or seq.size == 0:
            raise InputError(f"{owner} expects token ids (B, T), at least one, and got shape {seq.shape}")
        self._check_length(seq.shape[1])

    def _check_length(self, seq_len):
        if seq_len > self.max_len:
            raise InputError(
                f"{type(self).__name__} expects sequences of at most max_len = {self.max_len} tokens, and got "
                f"{seq_len}; cut the sequence, or build the model with a larger max_len"
            )
