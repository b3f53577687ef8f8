"""A lesson or an exercise in a Python process of its own: none disturbs another, and one that never ends is ended.

The process is `python -m minibnn.reading lesson|exercise ...`; it writes what it found as JSON to a file.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from minibnn.reading.places import PACKAGE


def run_apart(verb, arguments, folder, seconds=None, quiet=True):
    """Run `python -m minibnn.reading VERB REPORT ARGUMENTS` in `folder`; return its report.

    Args:
        verb: "lesson" or "exercise".
        arguments: list of str or Path.
        folder: the current folder of the process.
        seconds: after which it is ended; None waits as long as it takes.
        quiet: whether what it prints is kept back; else it goes where our output goes.

    Returns:
        (report, words): a dict, and why there is none, which then is None: a str.
    """
    with TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        command = [sys.executable, "-P", "-m", "minibnn.reading", verb, report, *arguments]
        output = subprocess.PIPE if quiet else None
        try:
            done = subprocess.run(
                [str(word) for word in command],
                cwd=folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if quiet else None,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return None, f"it was not done after {seconds:.0f} s"
        if report.exists():
            return json.loads(report.read_text(encoding="utf-8")), ""
        last = (done.stdout or b"").decode(errors="replace").strip().splitlines()[-1:]
        return None, f"Python ended with status {done.returncode}" + "".join(f": {line}" for line in last)


def _environment():
    """Ours, with the package that runs now before any other that may be installed, or lie in the current folder.

    BLAS gets one thread, unless it was told otherwise: the products of lessons are small, and on a busy machine its
    threads wait for each other many times longer than they multiply.
    """
    paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"OPENBLAS_NUM_THREADS": "1"} | os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
