"""SIGKILL at random moments loses no checkpoint, leaves nothing stray, and changes no byte of what a run becomes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = int(os.environ.get("MINIBNN_KILLS", "24"))  # 500 take some minutes


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kills_at_random_moments_lose_nothing(tmp_path):
    threads = {"NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "training.kills", str(tmp_path), str(KILLS), str(KILLS)]
    tests = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=tests, env=os.environ | threads, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{KILLS} kills in " in done.stdout
