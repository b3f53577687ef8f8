"""Algorithms 1 and 3 to 8 in PyTorch, written from the paper's lines: NCHW inside, literal one-hot products.

`p` is a dict of torch tensors by dotted name. Line 2 of Algorithm 1 keeps its bits exact: p - NoGradient(p) is 0.
"""

import math

import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional


def below(p, name):
    return {key.removeprefix(name + "."): value for key, value in p.items() if key.startswith(name + ".")}


def quant(p):
    p = p.detach()
    return (p.double() > p.double().mean()).to(p.dtype)


def one_bit(p, trainable):
    return quant(p) + (p - p.detach()) if trainable else quant(p)


def normalize(z, dims=(-1,)):
    variance, mean = torch.var_mean(z, dims, correction=0, keepdim=True)
    return (z - mean) / torch.sqrt(variance + 1e-5)


ACTIVATIONS = {None: lambda z: z, "relu": F.relu, "gelu": F.gelu, "softmax": lambda z: F.softmax(z, -1)}


def bnfcl(p, x, activation=None, trainable=True):
    W_q, b_q = one_bit(p["W"], trainable), one_bit(p["b"], trainable)
    return ACTIVATIONS[activation](normalize(x @ W_q + b_q))


def standard_fcl(p, x, activation=None, trainable=True, normalized=False):
    z = x @ p["W"] + p["b"]
    return ACTIVATIONS[activation](normalize(z) if normalized else z)


def conv(x, W, b):
    """NHWC in and out; 'same' padding with (k - 1) // 2 before and the rest after."""
    k = W.shape[0]
    before, after = (k - 1) // 2, k - 1 - (k - 1) // 2
    padded = F.pad(x.permute(0, 3, 1, 2), (before, after, before, after))
    return F.conv2d(padded, W.permute(3, 2, 0, 1), b).permute(0, 2, 3, 1)


AXES = {"channels": (-1,), "example": (-3, -2, -1)}


def bncvl(p, x, activation=None, normalize_over="channels", trainable=True):
    z = conv(x, one_bit(p["W"], trainable), one_bit(p["b"], trainable))
    return ACTIVATIONS[activation](normalize(z, AXES[normalize_over]))


def standard_cvl(p, x, activation=None, normalize_over="channels", trainable=True, normalized=False):
    z = conv(x, p["W"], p["b"])
    return ACTIVATIONS[activation](normalize(z, AXES[normalize_over]) if normalized else z)


def max_pool(x):
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def scaled_normalize(p, z):
    return normalize(z) * p["scale"] + p["shift"]


def plain_normalize(p, z):
    return normalize(z)


def bembl(p, seq, max_len, vocab_size, dense=bnfcl, trainable=True):
    dtype = p["tokens.W"].dtype
    one_hot_pos = F.one_hot(torch.arange(max_len), max_len).to(dtype)
    pos_emb = dense(below(p, "positions"), one_hot_pos, trainable=trainable)
    one_hot_tk = F.one_hot(seq, vocab_size).to(dtype)
    tk_emb = dense(below(p, "tokens"), one_hot_tk, trainable=trainable)
    return tk_emb + pos_emb[: seq.shape[1]]


def batl(p, query, key, value, num_heads, mask_value=-math.inf, dense=bnfcl, trainable=True):
    batch, seq_len, emb_dim = query.shape
    heads = []
    for name, x in (("query", query), ("key", key), ("value", value)):
        features = dense(below(p, name), x, trainable=trainable)
        heads.append(features.view(batch, seq_len, num_heads, emb_dim // num_heads).transpose(1, 2))
    Q, K, V = heads
    scale_dot = Q @ K.transpose(2, 3) / math.sqrt(emb_dim // num_heads)
    future = torch.ones(seq_len, seq_len, dtype=torch.bool).triu(1)
    attn_prob = F.softmax(scale_dot.masked_fill(future, mask_value), -1)
    A = (attn_prob @ V).transpose(1, 2).reshape(batch, seq_len, emb_dim)
    return dense(below(p, "projection"), A, trainable=trainable)


def btfb(p, seq, num_heads, mask_value=-math.inf, dense=bnfcl, norm=plain_normalize, trainable=True):
    attention = batl(below(p, "attention"), seq, seq, seq, num_heads, mask_value, dense, trainable)
    add_norm = norm(below(p, "normalize_attention"), seq + attention)
    ffn = dense(below(p, "ff_in"), add_norm, "gelu", trainable)
    ffn = dense(below(p, "ff_out"), ffn, trainable=trainable)
    return norm(below(p, "normalize_ffn"), add_norm + ffn)


def bcvnn(p, image, normalize_over="channels", convolution=bncvl, dense=bnfcl, trainable=True, activate=True):
    a = image
    for block in range(1, 6):
        for half in "ab":
            a = convolution(below(p, f"conv{block}{half}"), a, "relu", normalize_over, trainable)
        a = max_pool(a) if block < 5 else a.mean((1, 2))
    a = dense(below(p, "fc1"), a, "relu", trainable)
    a = dense(below(p, "fc2"), a, "relu", trainable)
    return dense(below(p, "fc3"), a, "softmax" if activate else None, trainable)


def blm(p, seq, config, dense=bnfcl, norm=plain_normalize, trainable=True, activate=True):
    """`config`: dict of max_len, vocab_size, num_heads, num_blocks and mask_value."""
    embs = bembl(below(p, "embed"), seq, config["max_len"], config["vocab_size"], dense, trainable)
    x = norm(below(p, "normalize_embs"), embs)
    for i in range(config["num_blocks"]):
        x = btfb(below(p, f"blocks.{i}"), x, config["num_heads"], config["mask_value"], dense, norm, trainable)
    x = dense(below(p, "mlp1"), x, "gelu", trainable)
    x = dense(below(p, "mlp2"), x, "gelu", trainable)
    return dense(below(p, "output"), x, "softmax" if activate else None, trainable)
