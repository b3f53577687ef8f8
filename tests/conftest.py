"""Shared by all tests: a repeatable Hypothesis profile, the folder of real data, and the tally of gradient checks."""

import os
import signal
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
