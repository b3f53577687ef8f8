"""No kernel reads or writes beyond its arrays, nor memory that it has not written."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="protects pages in the way of Linux")


def run(*arguments):
    # Whatever glibc hands out is filled with 0x7f, which as a float32 is 3.4e38: who uses it without writing is seen.
    environment = os.environ | {
        "MALLOC_PERTURB_": "128",
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
    }
    command = [sys.executable, "-m", "kernels.guarded_memory", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_kernels_stay_within_their_arrays():
    done = run()
    assert done.returncode == 0, done.stderr or f"ended by signal {-done.returncode}"
    assert done.stdout == "all within bounds\n"


def test_one_byte_too_far_would_be_noticed():
    assert run("overrun").returncode in (-signal.SIGSEGV, -signal.SIGBUS)
