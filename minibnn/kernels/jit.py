"""How kernels are compiled: in parallel over rows, cached on disk where that is possible."""

import os

# Numba's workers wait for the next kernel by spinning, and so do the threads of NumPy's matrix product; on a machine
# with few cores each slows the other down. This must be set before Numba loads its threading layer.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from numba import njit


def kernel(function):
    """`function` compiled by Numba on its first call.

    Every kernel is written as one parallel loop in which each turn writes to its own part of the output, so that the
    result is the same, bit for bit, for any number of threads. Sums may be reordered to use vector instructions, but
    nan and infinity keep their meaning.
    """
    reordering = {"reassoc", "nsz", "contract"}
    options = {"parallel": True, "error_model": "numpy", "nogil": True, "fastmath": reordering}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # no folder that a cache could be written to
        return njit(**options)(function)
