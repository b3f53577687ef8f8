"""One new token through a packed transformer block, in one call: Python between the kernels would outlast them.

The same steps as in Algorithms 1, 5 and 6, for a single row. Products and Normalize are those of the other kernels.
"""

import math

import numpy as np
from numba import prange

from minibnn.kernels.bit_order import rows_of_bits
from minibnn.kernels.bit_products import ALONE, EXACT
from minibnn.kernels.exponential import softmax_row
from minibnn.kernels.gaussian import gelu_row
from minibnn.kernels.jit import kernel, parallel_kernel
from minibnn.kernels.normalization import normalize_rows
from minibnn.kernels.sums import products_from, squares_from, sum_from

EPSILON = 1e-5  # of Normalize
LINEAR, RELU, GELU = 0, 1, 2
ATTENDED_ALONE = 1 << 14  # numbers of the keys that one thread reads faster than it can wake another

_multiply = EXACT.multiply


@kernel
def _finish(y, bias, activation):
    """Lines 1 (its end) to 3 of Algorithm 2, in place: add the bias, normalize, activate. `y`: (n,)."""
    n, whole = y.size, y.size // 32 * 32
    for word in range(whole // 32):
        bits = bias[word]
        for bit in range(32):
            y[32 * word + bit] += np.float32(np.int32(np.uint32(np.uint32(bits >> np.uint32(bit)) & np.uint32(1))))
    for i in range(whole, y.size):
        y[i] += np.float32(np.int32(np.uint32(np.uint32(bias[i // 32] >> np.uint32(i % 32)) & np.uint32(1))))
    mean = sum_from(y, 0, n) / n
    scale, floor = 1 / np.sqrt(squares_from(y, 0, n, mean) / n + EPSILON), 0.0 if activation == RELU else -np.inf
    for i in range(y.size):
        y[i] = max((y[i] - mean) * scale, floor)
    if activation == GELU:
        gelu_row(y, y)


@kernel
def _add(y, x):
    for i in range(y.size):
        y[i] += x[i]


@kernel
def fully_connected_row(x, bits, bias, n_units, activation, threads):
    """Algorithm 2 for one row: (1, n_in) -> (1, n_units).

    `bits`: (blocks, words, lanes), uint32. `bias`: packed bits, uint32, the first in the lowest. `activation`: LINEAR,
    RELU or GELU.
    """
    y = np.empty((1, bits.shape[0] * bits.shape[2]), np.float32)
    _multiply(x, bits, y, 1, threads if x.size * n_units > ALONE else 1)  # line 1
    _finish(y[0, :n_units], bias, activation)  # lines 2 and 3
    return y[:, :n_units]  # line 4


@kernel
def embed_row(number, bits, bias, n_units):
    """Algorithm 2 for a one-hot row, which picks the bits of input `number`: (1, n_units)."""
    y = np.empty((1, n_units), np.float32)
    rows_of_bits(bits, np.full(1, number, np.int64), y)
    _finish(y[0], bias, LINEAR)
    return y


@kernel
def normalize_row(z):
    """Normalize one row (1, n), in place."""
    inverse_sigma = np.empty(1, np.float32)
    normalize_rows(z, EPSILON, z, inverse_sigma)


@kernel
def _attend_head(query, keys, values, scores, out):
    """out = softmax(query keys^T / sqrt(K)) values, of one head: (K,), (T, K), (T, K) -> (K,). `scores`: (T,)."""
    length, size = keys.shape
    scale = np.float32(1 / math.sqrt(size))
    for t in range(length):
        scores[t] = np.float32(products_from(query, 0, keys, t * size, size)) * scale
    softmax_row(scores, np.empty(length, np.int32), scores)
    out[:] = 0
    whole = length // 4 * 4
    for t in range(0, whole, 4):  # four positions at a time, so that `out` is read and written less often
        a, b, c, d = scores[t], scores[t + 1], scores[t + 2], scores[t + 3]
        for i in range(size):
            out[i] += (a * values[t, i] + b * values[t + 1, i]) + (c * values[t + 2, i] + d * values[t + 3, i])
    for t in range(whole, length):
        for i in range(size):
            out[i] += scores[t] * values[t, i]


@kernel
def _attend_heads(query, keys, values, length, out, first, last):
    scores = np.empty(length, np.float32)
    for head in range(first, last):
        _attend_head(query[head], keys[head][:length], values[head][:length], scores, out[head])


@parallel_kernel
def _attend_shared(query, keys, values, length, out, threads):
    heads = keys.shape[0]
    for part in prange(threads):
        first, last = heads * part // threads, heads * (part + 1) // threads
        _attend_heads(query, keys, values, length, out, first, last)


@kernel
def attend(query, keys, values, length, threads):
    """What one new position takes from the first `length`: (N, K), (N, max_len, K), (N, max_len, K) -> (N, K)."""
    out = np.empty_like(query)
    if threads > 1 and query.size * length > ATTENDED_ALONE:
        _attend_shared(query, keys, values, length, out, threads)
    else:
        _attend_heads(query, keys, values, length, out, 0, len(query))
    return out


@kernel
def embed_token(token, position, tokens, positions, units):
    """Algorithm 4 and line 2 of Algorithm 8 for one token: (1, D). `tokens`, `positions`: pairs (bits, bias)."""
    x = embed_row(token, tokens[0], tokens[1], units)
    _add(x[0], embed_row(position, positions[0], positions[1], units)[0])
    normalize_row(x)
    return x


@kernel
def decode_block(x, query, key, value, projection, ff_in, ff_out, keys, values, length, threads):
    """Algorithm 5 for the position number `length`: x (1, D) -> (1, D).

    `query` to `ff_out`: pairs (bits, bias) of the six layers. `keys`, `values`: (N, max_len, K), of which `length`
    positions are known; that of x is written behind them.
    """
    heads, _, key_size = keys.shape
    units = heads * key_size
    q = fully_connected_row(x, query[0], query[1], units, LINEAR, threads)
    k = fully_connected_row(x, key[0], key[1], units, LINEAR, threads)
    v = fully_connected_row(x, value[0], value[1], units, LINEAR, threads)
    for head in range(heads):
        keys[head, length] = k[0, head * key_size : (head + 1) * key_size]
        values[head, length] = v[0, head * key_size : (head + 1) * key_size]
    rows = np.ascontiguousarray(q).reshape(heads, key_size)
    attended = attend(rows, keys, values, length + 1, threads).reshape(1, units)
    add_norm = fully_connected_row(attended, projection[0], projection[1], units, LINEAR, threads)
    _add(add_norm[0], x[0])
    normalize_row(add_norm)
    hidden = fully_connected_row(add_norm, ff_in[0], ff_in[1], 2 * units, GELU, threads)
    output = fully_connected_row(hidden, ff_out[0], ff_out[1], units, LINEAR, threads)
    _add(output[0], add_norm[0])
    normalize_row(output)
    return output
