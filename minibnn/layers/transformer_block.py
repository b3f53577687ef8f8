"""Algorithm 5: BTFB, the binary transformer block."""

import math

from minibnn.layers.attention import BATL, check_sequences
from minibnn.layers.choices import as_choices
from minibnn.layers.fully_connected import BNFCL
from minibnn.layers.module import Module, as_generator, check_positive


class BTFB(Module):
    """Binary transformer block (Algorithm 5): attention, then two fully connected layers, each added to its input.

    `emb_dim`: D. `num_heads`: N. `ff_dim`: units of the first fully connected layer. `mask_value`: see `BATL`.
    `choices`: see `BNFCL`; without Normalize, lines 3 and 7 have none either. `rng`: numpy.random.Generator.

    `attention`: BATL. `ff_in`, `ff_out`: BNFCL (D -> ff_dim, gelu) and (ff_dim -> D). Called with seq (B, T, D), it
    returns (B, T, D). Line 2 is printed as BNFCL in the paper; the text says BATL (errata 6).
    """

    fully_connected: type[Module] = BNFCL
    attention_layer: type[BATL] = BATL

    def __init__(self, emb_dim, num_heads, ff_dim, *, mask_value=-math.inf, choices=None, rng=None):
        check_positive("BTFB", emb_dim=emb_dim, num_heads=num_heads, ff_dim=ff_dim)
        self.choices, rng = as_choices(choices), as_generator(rng)
        self.attention = self.attention_layer(emb_dim, num_heads, mask_value=mask_value, choices=choices, rng=rng)
        self.normalize_attention = self.normalization(emb_dim)
        self.ff_in = self.fully_connected(emb_dim, ff_dim, "gelu", choices=choices, rng=rng)
        self.ff_out = self.fully_connected(ff_dim, emb_dim, choices=choices, rng=rng)
        self.normalize_ffn = self.normalization(emb_dim)

    def normalization(self, features):
        """Normalize as lines 3 and 7 use it: a plain function here, a layer with parameters in the 32-bit twin."""
        return self.choices.normalization()

    def forward(self, seq, *, past=None):
        """seq (B, T, D) -> output (B, T, D). `past`: the attention's KeyValueCache, see `BATL.forward`."""
        attention_output = self.attention(seq, seq, seq, past=past)  # lines 1-2
        add_norm = self.normalize_attention(seq + attention_output)  # line 3
        ffn_output = self.ff_in(add_norm)  # lines 4-5: (B, T, D) -> (B, T, ff_dim)
        ffn_output = self.ff_out(ffn_output)  # line 6: (B, T, ff_dim) -> (B, T, D)
        output = self.normalize_ffn(add_norm + ffn_output)  # line 7
        return output  # line 8

    def check(self, seq):
        """Raise unless seq is (B, T, D)."""
        check_sequences(type(self).__name__, seq, self.attention.emb_dim)
