"""Shared by all tests: a repeatable Hypothesis profile, the folder of real data, and the tally of gradient checks."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

# Repeatable, so that a red run is red again; `HYPOTHESIS_PROFILE=explore` draws new cases each time.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

TALLY = pytest.StashKey[Counter]()

# A shell starts what runs in its background with Ctrl-C ignored, and processes that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    config.stash[TALLY] = Counter()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """A cache for these tests alone, also in the processes that they start: the user's is left as it is."""
    os.environ["MINIBNN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


# What takes longest to compile, from what is needed soon to what is needed late; the very first tests need none of it.
AHEAD = [
    "tests/autograd/test_fast_path.py::test_convolution_of_bits",
    "tests/autograd/test_fast_path.py::test_a_training_step_agrees",
    "tests/autograd/test_fast_path.py::test_many_small_products_of_permuted_matrices",
    "tests/kernels/test_decoding.py::test_a_token_through_a_block",
    "tests/kernels/test_bit_products.py",
    "tests/kernels/test_bit_convolution.py::test_a_convolution_is_that_of_float64",
    "tests/bench/test_tokenizer.py::test_without_the_other_package",
    "tests/bits/test_bit_matrix.py",
]


@pytest.fixture(scope="session", autouse=True)
def compile_ahead(request):
    """In a run of everything, a second process runs some tests at once, so that this one finds their kernels compiled.

    Where nothing is compiled yet, on two cores, that saves most of a minute. The tests run here all the same.
    """
    items = request.session.items
    ahead = [test for test in AHEAD if any(item.nodeid.startswith(test) for item in items)]
    if len(items) < 3000 or not ahead or os.name != "posix" or os.cpu_count() < 2:
        yield
        return
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *ahead]
    one_thread = {"NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # the other core is taken
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    process = subprocess.Popen(command, cwd=request.config.rootpath, env=os.environ | one_thread, **silent)
    yield
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def gradient_tally(request):
    """Counts what the gradient checks compared; shown at the end of the run."""
    return request.config.stash[TALLY]


def pytest_terminal_summary(terminalreporter, config):
    tally = config.stash[TALLY]
    if tally:
        terminalreporter.write_line("gradient checks: " + ", ".join(f"{n:,} {what}" for what, n in tally.items()))


@pytest.fixture(scope="session")
def real_data():
    """The folder with excerpts of Food-101, WikiText and BERT's vocabulary, which are not part of the repository."""
    folder = Path(os.environ.get("MINIBNN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs real data: no folder {folder}; set MINIBNN_DATA to one laid out like it")
    return folder
