"""How kernels are compiled: for one thread, cached on disk where that is possible."""

from numba import njit


def kernel(function):
    """`function` compiled by Numba on its first call.

    One thread: the matrix products, which take most of the time, use all cores by themselves, and their idle threads
    would fight with Numba's over the same cores: on two cores a training step is no faster with two threads here, and
    several times slower when something else keeps the machine busy.
    Sums may be reordered to use vector instructions, but nan and infinity keep their meaning.
    """
    options = {"error_model": "numpy", "nogil": True, "fastmath": {"reassoc", "nsz", "contract"}}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # no folder that a cache could be written to
        return njit(**options)(function)
