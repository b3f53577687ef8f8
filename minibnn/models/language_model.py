"""Algorithm 8: BLM, the binary language model, and its 32-bit twin."""

import math

from minibnn.layers.choices import as_choices
from minibnn.layers.embedding import BEMBL
from minibnn.layers.fully_connected import BNFCL
from minibnn.layers.key_value_cache import stored_positions_of_blocks
from minibnn.layers.module import Module, as_generator, check_positive, check_sizes
from minibnn.layers.standard import ScaledNormalize, StandardEMBL, StandardFCL, StandardTFB
from minibnn.layers.transformer_block import BTFB


class BLM(Module):
    """Binary language model (Algorithm 8): embedding, transformer blocks, and a head of three fully connected layers.

    `max_len`: longest sequence. `emb_dim`: D. `num_heads`: N. `vocab_size`: V. `mlp_units`: units of the two hidden
    layers of the head. `num_blocks`: number of transformer blocks. `mask_value`: see `BATL`; -1e-10 builds what the
    paper prints, which sees the token it must predict (errata 2). `choices`: see `BNFCL`; without Normalize, line 2 and
    the blocks have none either. `rng`: numpy.random.Generator for the latent weights.

    Called with token ids (B, T), T <= max_len, it returns, for each position, the probabilities of the next token,
    (B, T, V). The paper's small model is BLM(256, 768, 16, 30522, (4096, 2048), 12), with 154,406,714 parameters.
    """

    embedding: type[BEMBL] = BEMBL
    block: type[BTFB] = BTFB
    fully_connected: type[Module] = BNFCL

    def __init__(
        self,
        max_len,
        emb_dim,
        num_heads,
        vocab_size,
        mlp_units,
        num_blocks,
        *,
        mask_value=-math.inf,
        choices=None,
        rng=None,
    ):
        check_positive("BLM", max_len=max_len, emb_dim=emb_dim, vocab_size=vocab_size, num_blocks=num_blocks)
        mlp_units = check_sizes("BLM", "mlp_units", mlp_units, 2)
        options = {"choices": choices, "rng": as_generator(rng)}
        self.max_len, self.vocab_size, self.choices = max_len, vocab_size, as_choices(choices)
        self.embed = self.embedding(max_len, emb_dim, vocab_size, **options)
        self.normalize_embs = self.normalization(emb_dim)
        self.blocks = [
            self.block(emb_dim, num_heads, 2 * emb_dim, mask_value=mask_value, **options) for _ in range(num_blocks)
        ]
        self.mlp1 = self.fully_connected(emb_dim, mlp_units[0], "gelu", **options)
        self.mlp2 = self.fully_connected(mlp_units[0], mlp_units[1], "gelu", **options)
        self.output = self.fully_connected(mlp_units[1], vocab_size, "softmax", **options)

    def normalization(self, features):
        """Normalize as line 2 uses it: a plain function here, a layer with parameters in the 32-bit twin."""
        return self.choices.normalization()

    def forward(self, seq, *, activate=True, past=None, last_only=False):
        """seq (B, T) -> probs (B, T, V); with `activate=False` it stops before the softmax of line 10.

        `last_only`: lines 7 to 11 for the last token alone, (B, 1, V), which is all that writing on needs.
        `past`: what `new_cache` gave. `seq` then holds only the tokens that follow those already read with it, the
        result is for these, and the caches hold them too afterwards: the numbers are those of one pass over all tokens.
        """
        start = 0 if past is None else stored_positions_of_blocks(self, past, seq.shape[1])
        caches = past or [None] * len(self.blocks)
        embs = self.embed(seq, start=start)  # line 1: (B, T) -> (B, T, D)
        x = self.normalize_embs(embs)  # line 2
        for block, cache in zip(self.blocks, caches, strict=True):  # lines 3-4
            x = block(x, past=cache)  # line 5
        x = x[:, -1:] if last_only else x
        features = self.mlp1(x)  # lines 7-8: (B, T, D) -> (B, T, mlp_units_0)
        features = self.mlp2(features)  # line 9: -> (B, T, mlp_units_1)
        probs = self.output(features, activate=activate)  # lines 10-11: -> (B, T, V)
        return probs  # line 12

    def logits(self, seq, *, past=None, last_only=False):
        """seq (B, T) -> the values before the last softmax, (B, T, V). `past`, `last_only`: see `forward`."""
        return self(seq, activate=False, past=past, last_only=last_only)

    def new_cache(self, batch_size=1):
        """An empty `past` for `batch_size` sequences of up to max_len tokens: a list of one KeyValueCache per block.

        For writing, not for training: `forward` refuses it while the model is trainable (see `evaluating`), and it
        belongs to the weights as they are now. Raises InputError for a model that does not hide later tokens.
        """
        check_positive("new_cache", batch_size=batch_size)
        return [block.attention.new_cache(batch_size, self.max_len) for block in self.blocks]

    @property
    def hides_later_tokens(self):
        """Whether no output depends on a later token, as it should be; not so with the mask that the paper prints."""
        return all(block.attention.mask_value == -math.inf for block in self.blocks)

    def check(self, seq):
        """Raise unless seq is an integer array (B, T) of ids below V, with T <= max_len."""
        self.embed.check(seq)

    def output_shape(self, name, seq_len):
        """Shape of the output, for one sequence of `seq_len` tokens, of the layer of that dotted name."""
        layer = dict(self.named_modules())[name]
        return (seq_len, (layer.W if hasattr(layer, "W") else layer.W_q).shape[-1])

    @staticmethod
    def standard(*arguments, **options):
        """The 32-bit twin of BLM(...): a `StandardLM`, with the same arguments."""
        return StandardLM(*arguments, **options)


class StandardLM(BLM):
    """Float language model, the 32-bit twin of `BLM`: the same arguments and shapes.

    A conventional transformer: Normalize stands where Algorithms 5 and 8 print it, with a trainable scale and shift per
    feature; its fully connected layers have none inside.
    """

    embedding, block, fully_connected = StandardEMBL, StandardTFB, StandardFCL

    def normalization(self, features):
        """Normalize with parameters."""
        return ScaledNormalize(features, self.choices.epsilon)
