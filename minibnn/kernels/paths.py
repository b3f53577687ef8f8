"""Which path computes: the obvious one, NumPy and im2col, or the fast one, kernels for the processor's vectors.

Both give the same numbers to float32 rounding; tests compare them. MINIBNN_KERNELS=reference chooses the obvious path
for a whole process, `reference_path` for a part of it, such as a measurement or a session with a debugger.
"""

import os
from contextlib import contextmanager

from minibnn.kernels.jit import num_threads
from minibnn.kernels.simd import has_avx512

ALONE = 1 << 16  # elements that one thread passes over faster than it can wake another

_wanted = os.environ.get("MINIBNN_KERNELS", "fast") != "reference"


def fast(*arrays):
    """Whether the fast path serves these arrays: all float32 and in one piece, on a processor with AVX-512."""
    return (
        _wanted
        and has_avx512("avx512f")
        and all(array.dtype == "float32" and array.flags.c_contiguous and array.size for array in arrays)
    )


@contextmanager
def reference_path():
    """Inside the `with`, the obvious path computes."""
    global _wanted
    before, _wanted = _wanted, False
    try:
        yield
    finally:
        _wanted = before


def parts(size):
    """In how many parts a pass over so many elements is cut for the threads."""
    return num_threads() if size > ALONE else 1
