"""What the tests of the bit kernels share: the order of bits as first written, inputs, and float64 answers."""

import numpy as np

from minibnn.kernels import bit_products, look_up_products, masked_products
from minibnn.kernels.simd import has_avx512

HAS_AVX512 = bit_products.EXACT is look_up_products
NEEDS_AVX512 = "this processor has no AVX-512, or Numba compiles for another one"

# name: (the kernel, lanes, blocks that outputs come in multiples of)
PATHS = {
    "masked, 256 lanes": (masked_products.multiply, 256, 1),
    "masked, 16 lanes": (masked_products.multiply, 16, 4),
    "unpacked, 256 lanes": (lambda x, bits, y, r, c: masked_products.multiply_many(x, bits, y), 256, 1),
    "unpacked, 16 lanes": (lambda x, bits, y, r, c: masked_products.multiply_many(x, bits, y), 16, 4),
}
if HAS_AVX512:
    PATHS["look-up"] = (look_up_products.multiply, 16, 4)
HAS_BYTE_TABLES = has_avx512("avx512f", "avx512bw", "avx512vbmi", "avx512vnni")

KINDS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "all positive": lambda rng, shape: rng.uniform(0, 1, shape),
    "all negative": lambda rng, shape: -rng.uniform(0.5, 1, shape),
    "all equal": lambda rng, shape: np.full(shape, 0.1),
    "tiny": lambda rng, shape: 1e-42 * rng.normal(size=shape),  # no longer normalized: a few bits each
    "huge": lambda rng, shape: 1e38 / shape[1] * rng.normal(size=shape).clip(-3, 3),
    "zeros": lambda rng, shape: np.zeros(shape),
    "minus zeros": lambda rng, shape: -np.zeros(shape),
    "of all sizes": lambda rng, shape: rng.normal(size=shape) * 10.0 ** rng.integers(-20, 20, shape),
    "mostly zeros": lambda rng, shape: rng.normal(size=shape) * (rng.random(shape) < 0.1),
}


def numbers(kind, rng, shape):
    """Inputs of that kind, float32."""
    return KINDS[kind](rng, shape).astype(np.float32)


def random_bits(rng, shape, ones=0.5):
    """uint8 zeros and ones."""
    return (rng.random(shape) < ones).astype(np.uint8)


def in_product_order(values, lanes, blocks):
    """Zeros and ones (n_in, U) as bits[block, word, lane]: bit i is of input 32 word + i, output lanes block + lane.

    In memory as the kernels want it: at a multiple of 64 bytes, and with more bytes behind it, all ones here, so that a
    kernel that uses them is found out. Read-only, as packed layers hold it: Numba compiles anew for what is not.
    """
    words, count = -(-values.shape[0] // 32), -(-values.shape[1] // (lanes * blocks)) * blocks
    filled = np.zeros((words * 32, count * lanes), np.uint32)
    filled[: values.shape[0], : values.shape[1]] = values
    filled <<= (np.arange(words * 32, dtype=np.uint32) % 32)[:, None]
    ordered = filled.reshape(words, 32, count, lanes).sum(1, dtype=np.uint32).transpose(1, 0, 2)
    memory = np.full(ordered.nbytes + 128, 255, np.uint8)
    start = -memory.ctypes.data % 64
    bits = memory[start : start + ordered.nbytes].view(np.uint32).reshape(ordered.shape)
    bits[:] = ordered
    bits.setflags(write=False)
    return bits


def outputs(rows, bits):
    """Room for the outputs, full of nan, and the number that must still stand behind it afterwards."""
    memory = np.full(rows * bits.shape[0] * bits.shape[2] + 64, np.nan, np.float32)
    memory[-64:] = 12345
    return memory[:-64].reshape(rows, bits.shape[0] * bits.shape[2]), memory[-64:]


def relative_error(found, exact):
    """The largest difference, relative to the largest exact output."""
    return np.abs(found - exact).max() / max(np.abs(exact).max(), 1e-300)


def product_error(found, x, values):
    """The largest difference to x @ values in float64, relative to the largest output.

    Or to half the norm of the largest row of x, which an output of that row typically has: a single output, or a few,
    may happen to be almost zero.
    """
    wide = x.astype(np.float64)
    exact = wide @ values
    largest = max(np.abs(exact).max(), np.sqrt((wide**2).sum(1).max()) / 2, 1e-300)
    return np.abs(found - exact).max() / largest
