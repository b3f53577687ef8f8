"""The few loops that must be fast, compiled by Numba. Arrays in, arrays out; nothing here knows of gradients.

A kernel's module is imported when the kernel is first asked for: importing Numba takes longer than importing all the
rest of the package, and a program that only reads a help text should not wait for it. With the environment variable
NUMBA_DISABLE_JIT=1 every kernel runs as the plain Python that it is written in, so that a debugger can step through it.
"""

from importlib import import_module

_MODULE_OF = {
    "im2col": "convolution",
    "col2im": "convolution",
    "max_pool": "pooling",
    "max_pool_vjp": "pooling",
    "normalize_rows": "normalization",
    "normalize_rows_vjp": "normalization",
    "finish_rows": "normalization",
    "add_and_normalize_rows": "normalization",
    "normal_cdf": "gaussian",
    "write_words": "unicode_words",
    "grow_trie": "word_pieces",
    "add_words": "word_pieces",
    "encode_texts": "word_pieces",
    "default_threads": "word_pieces",
    "gelu": "gaussian",
    "gelu_vjp": "gaussian",
    "to_product_order": "bit_order",
    "from_product_order": "bit_order",
    "rows_of_bits": "bit_order",
    "multiply_bits": "bit_products",
    "multiply_alone": "bit_products",
    "ALONE": "bit_products",
    "convolve_bits": "bit_products",
    "LANES": "bit_products",
    "BLOCKS": "bit_products",
    "CONVOLVES_DIRECTLY": "bit_products",
    "padded_inputs": "bit_convolution",
    "decode_block": "decoding",
    "fully_connected_row": "decoding",
    "normalize_row": "decoding",
    "embed_token": "decoding",
    "num_threads": "jit",
    "aligned_words": "bit_order",
    "pack_kernel": "bit_weights",
    "pack_transposed_kernel": "bit_weights",
    "kernel_gradient": "direct_convolution",
    "kernel_gradient_of_tiles": "winograd_gradient",
    "convolve_floats": "direct_convolution",
    "convolve_tiles": "winograd_convolution",
    "product_gradient": "float_products",
    "product_gradients": "float_products",
    "multiply_batches": "float_products",
    "relu": "elementwise",
    "relu_vjp": "elementwise",
    "add_row": "elementwise",
    "column_sums": "elementwise",
    "sum_of": "elementwise",
    "threshold": "elementwise",
    "adam": "elementwise",
    "pad_images": "elementwise",
    "copy": "elementwise",
    "copy_matrices": "moving",
    "cover": "moving",
    "add_rows": "moving",
    "softmax": "exponential",
    "softmax_vjp": "exponential",
    "cross_entropy": "exponential",
    "cross_entropy_vjp": "exponential",
    "fast": "paths",
    "fast_in_copies": "paths",
    "parts": "paths",
    "reference_path": "paths",
}

KERNELS = tuple(_MODULE_OF)


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    found = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = found  # the next look-up does not come here
    return found
