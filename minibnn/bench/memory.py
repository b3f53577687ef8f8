"""What packed models take on disk and in memory: files written, and a process measured that loads and runs one."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import minibnn
from minibnn.bench import decoding
from minibnn.bits import load_packed, save_packed
from minibnn.bits.packing import random_packed
from minibnn.data.progress import byte_count
from minibnn.layers import ShapesOnly
from minibnn.models import BCVNN, generate
from minibnn.models.summary import table

CLASSIFIER, WRITER = "BCVNN 3x3", "BLM small"
GOALS = {CLASSIFIER: 660_000, "rise": 120_000_000}  # bytes, at most
PROMPT, WRITTEN = 240, 16  # tokens that the measured process reads, and writes

# A fresh process. The system's own name for the largest memory so far is VmHWM; ru_maxrss, which other systems have,
# counts on Linux what the process that started this one held.
PROCESS = """
import json, sys
import numba, numpy

def largest():
    try:
        with open("/proc/self/status") as file:
            return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    except OSError:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

before = largest()
from minibnn.bench.memory import load_and_run
load_and_run(sys.argv[1])
print(json.dumps({"before": before, "after": largest()}))
"""


def run():
    """Measure; a dict with `files` (list of dicts: name, parameters, bytes) and `peak` (dict of bytes, or None).

    `peak`: `before`, the largest memory of a process that has imported NumPy and Numba; `after`, when it has loaded the
    packed language model, read a beginning and written after it. Numba's kernels are in its cache: a process before
    this one did the same. None where the system does not tell.
    """
    classifier = random_packed(BCVNN(3, 101, rng=ShapesOnly()), np.random.default_rng(0))
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, packed in ((CLASSIFIER, classifier), (WRITER, decoding.random_writer())):
            path = Path(folder) / f"{name}.npz"
            save_packed(packed, path)
            files.append({"name": name, "parameters": packed.num_bits(), "bytes": path.stat().st_size})
        _peak(path)
        return {"files": files, "peak": _peak(path)}


def load_and_run(path):
    """Load a packed language model, let it read PROMPT tokens and write WRITTEN more."""
    packed = load_packed(path)
    list(generate(packed, np.arange(PROMPT) % packed.vocab_size, WRITTEN, temperature=0))


def _peak(path):
    """What PROCESS prints, or None where the system does not tell."""
    search = os.pathsep.join([str(Path(minibnn.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", PROCESS, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": search})
    if done.returncode == 0:
        return json.loads(done.stdout)
    if "No module named 'resource'" in done.stderr:  # Windows
        return None
    raise RuntimeError(f"the process that loads a packed model failed: {done.stderr.strip().rpartition(chr(10))[2]}")


def text(results):
    """What `run` returned as text."""
    rows = [("", "bytes", "", "goal, at most", "as float32")]
    for file in results["files"]:
        name, count = f"file of {file['name']}", file["parameters"]
        goal = f"{GOALS[file['name']]:,}" if file["name"] in GOALS else ""
        rows.append((name, f"{file['bytes']:,}", byte_count(file["bytes"]), goal, byte_count(4 * count)))
    if peak := results["peak"]:
        rise = peak["after"] - peak["before"]
        rows.append(("memory with NumPy and Numba", f"{peak['before']:,}", byte_count(peak["before"]), "", ""))
        rows.append((f"memory with {WRITER} run", f"{peak['after']:,}", byte_count(peak["after"]), "", ""))
        rows.append(("  more, at the peak", f"{rise:,}", byte_count(rise), f"{GOALS['rise']:,}", rows[2][-1]))
    else:
        rows.append(("memory", "not told by this system", "", "", ""))
    return f"Files, and the largest memory of a fresh process that loads {WRITER} and writes\n\n{table(rows)}"
