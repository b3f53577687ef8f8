"""One setting for all threads: those of minibnn's kernels and those of NumPy's BLAS, which take turns on the cores."""

import os

VARIABLES = ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def set_threads(threads):
    """Let kernels and BLAS use so many threads, in this process and in those that it starts.

    `threads`: int, at least 1. Only before NumPy and Numba are imported, which read these variables once: from Python,
    first thing after `import minibnn`, or as `minibnn train --threads 1`, or by the variables themselves.
    """
    os.environ.update(dict.fromkeys(VARIABLES, str(threads)))
