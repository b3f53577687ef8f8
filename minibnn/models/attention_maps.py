"""Where a language model looks: the attention probabilities of one block, for looking at, not for computing with."""

import math

from minibnn.autograd import ops
from minibnn.errors import InputError
from minibnn.layers.attention import causal_mask
from minibnn.layers.module import evaluating


def attention_maps(model, ids, block=0):
    """attn_prob of Algorithm 6 (line 18) in one transformer block: how much each token takes from each.

    The model runs up to the block as it always does; of the block's attention layer, lines 1 to 18 are computed here
    once more from its parts, so that the algorithm itself need not hand out what it keeps to itself.

    Args:
        model: BLM, its twin, or a packed one.
        ids: integer array (T,), the tokens.
        block: number of the block, from 0.

    Returns:
        float array (N, T, T): for each head, in row t what token t takes from each; every row has the sum 1.

    Raises:
        InputError: if there is no such block, or the model cannot read the ids.
    """
    if not 0 <= block < len(model.blocks):
        raise InputError(f"there is no block {block}: the model has {len(model.blocks)}, counted from 0")
    with evaluating(model):
        seq = ids[None]  # (T,) -> (1, T)
        model.check(seq)
        x = model.normalize_embs(model.embed(seq))
        for before in model.blocks[:block]:
            x = before(x)
        return _probabilities(model.blocks[block].attention, x).data[0]


def _probabilities(attention, x):
    """x (B, T, D) -> attn_prob (B, N, T, T) of BATL."""
    num_key, seq_len = attention.emb_dim // attention.num_heads, x.shape[1]
    Q, K = (
        layer(x).reshape(-1, seq_len, attention.num_heads, num_key).permute(0, 2, 1, 3)  # (B, T, D) -> (B, N, T, K)
        for layer in (attention.query, attention.key)
    )
    scale_dot = Q @ K.permute(0, 1, 3, 2) / math.sqrt(num_key)  # (B, N, T, T)
    return ops.softmax(ops.where(causal_mask(seq_len) == 0, attention.mask_value, scale_dot), axis=-1)
