"""How long a process takes until its first training step is done, when the kernels' cache on disk is filled."""

import json
import subprocess
import sys

# A fresh process. What is imported in the first part is what any program with Numba waits for.
PROCESS = """
import json, sys, time
start = time.perf_counter()
import numba, numpy
import minibnn.models, minibnn.training
from minibnn.bench import train
imported = time.perf_counter()
train.first_step(*sys.argv[1:])
print(json.dumps({"imports": imported - start, "first step": time.perf_counter() - imported}))
"""


def run(cases, name):
    """Seconds of the imports, and from there to the end of the first step: a dict of "imports" and "first step".

    `cases`, `name`: which model, see `train.first_step`. A process before the measured one fills the cache.
    """
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", PROCESS, cases, name], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def text(name, found):
    """What `run` returned as a line."""
    return (
        f"Start of a process: {found['imports']:.2f} s for its imports, and {found['first step']:.2f} s more until the "
        f"first\nstep of {name} is done, its kernels read from their cache."
    )
