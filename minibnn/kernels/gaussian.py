"""The normal distribution's cumulative distribution function, which NumPy lacks."""

import math

from minibnn.kernels.jit import kernel


@kernel
def normal_cdf(x, cdf):
    """cdf = erfc(-x / sqrt(2)) / 2, which keeps its relative precision where x is far below 0.

    `x`: (n,). `cdf`: (n,), written.
    """
    for i in range(x.size):
        cdf[i] = 0.5 * math.erfc(-x[i] / math.sqrt(2.0))
