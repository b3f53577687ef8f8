"""Memory that one training step frees and the next one needs again."""

import ctypes
import sys

MMAP_THRESHOLD, TRIM_THRESHOLD, TOP_PAD = -3, -1, -2  # the names of the settings in glibc's malloc.h
LARGEST_KEPT = 32 << 20  # bytes of one array; glibc does not allow more
KEPT = 2**31 - 1


def keep_freed_memory():
    """Ask the C library to keep freed arrays for the next step, instead of giving them back to the system.

    A training step allocates the same arrays as the one before. Memory that comes fresh from the system is filled with
    zeros, page by page, when it is first touched, which takes as long as many an operation on it. Peak memory stays the
    same. Returns whether the C library could be asked: only that of Linux can.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(
        mallopt(setting, value) == 1
        for setting, value in ((MMAP_THRESHOLD, LARGEST_KEPT), (TRIM_THRESHOLD, KEPT), (TOP_PAD, 64 << 20))
    )
