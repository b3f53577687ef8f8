import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibnn.kernels import sums

FUNCTIONS = """
import numpy as np
from minibnn.kernels.jit import kernel
from minibnn.kernels.sums import products_from, squares_from, sum_from

@kernel
def all_three(x, y, start, n):
    return sum_from(x, start, n), squares_from(x, start, n, 0.25), products_from(x, start, y, start, n)
"""


def ordered(terms):
    """The sum of float64 terms in sixteen running totals, by a plain loop."""
    whole = len(terms) // 16 * 16
    totals = [0.0] * 16
    for i in range(whole):
        totals[i % 16] += terms[i]
    while len(totals) > 1:
        half = len(totals) // 2
        totals = [totals[i] + totals[half + i] for i in range(half)]
    total = totals[0]
    for term in terms[whole:]:
        total += term
    return total


@given(st.integers(0, 200), st.integers(0, 40), st.sampled_from([np.float32, np.float64]), st.integers(0, 9))
def test_each_sum_is_in_the_order_that_is_written_down(n, start, dtype, seed):
    x, y = np.random.default_rng(seed).normal(size=(2, 8, 30)).astype(dtype)
    n = min(n, x.size - start)
    terms, others = (array.reshape(-1)[start : start + n].astype(float) for array in (x, y))
    assert sums.sum_from(x, start, n) == ordered(terms)
    assert sums.squares_from(x, start, n, 0.25) == ordered((terms - 0.25) ** 2)
    assert sums.products_from(x, start, y, start, n) == ordered(terms * others)
    assert math.isclose(ordered(terms), math.fsum(terms), rel_tol=1e-12, abs_tol=1e-12)


PRINTED = """
x, y = np.random.default_rng(0).normal(size=(2, 7, 101)).astype(np.float32)
print(*(float(value).hex() for value in all_three(x, y, 13, 600)))
"""


@pytest.mark.parametrize("environment", [{"NUMBA_CPU_NAME": "generic"}, {"NUMBA_DISABLE_JIT": "1"}])
def test_another_processor_and_plain_python_give_the_same_bits(environment, tmp_path):
    def printed(**more):
        usual = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / str(len(more)))} | more
        (tmp_path / "sums_in_a_file.py").write_text(FUNCTIONS + PRINTED)
        command = [sys.executable, str(tmp_path / "sums_in_a_file.py")]
        return subprocess.run(command, env=usual, capture_output=True, text=True, check=True).stdout

    assert printed() == printed(**environment) != ""
