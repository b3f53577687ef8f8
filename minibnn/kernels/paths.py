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
    return fast_in_copies(*arrays) and all(array.flags.c_contiguous for array in arrays)


def fast_in_copies(*arrays):
    """Whether the fast path would serve these arrays, copied into one piece of memory where they are not."""
    return _wanted and has_avx512("avx512f") and all(a.dtype == "float32" and a.size for a in arrays)


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
