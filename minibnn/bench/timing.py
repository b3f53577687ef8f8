"""Measuring several candidates fairly: side by side, in turn, and each after the others have come to rest."""

import datetime
import importlib.metadata
import os
import platform
import statistics
import sys
import time
from contextlib import contextmanager

import numpy as np

from minibnn import __version__
from minibnn.kernels.simd import has_avx512

PAUSE = 0.15  # seconds
TOO_LARGE_SPREAD = 1.5


def measure(candidates, *, rounds=3, seconds=0.02, pause=0.0, advance=None, clock=time.perf_counter, sleep=time.sleep):
    """Time what several functions take for one call, in turn, so that whatever else slows the machine slows them all.

    In each round each candidate rests, warms up for half of `seconds`, and is then called for `seconds`, again and
    again. The next round begins with another candidate, so that none always follows the same neighbour. Once before all
    rounds each is called without being measured: a first call may compile.

    Args:
        candidates: dict of name to a function without arguments.
        rounds: how often each takes its turn.
        seconds: of one turn, at least one call.
        pause: seconds of rest before each turn; see `pause_for`.
        advance: None, or a function without arguments, called after each round (`progress_bar` gives one).
        clock, sleep: as in the module `time`.

    Returns a dict of name to a list of seconds per call, the median of the calls of each turn; see `median`.
    """
    for call in candidates.values():
        call()
    names, taken = list(candidates), {name: [] for name in candidates}
    for first in range(rounds):
        for i in range(len(names)):
            name = names[(first + i) % len(names)]
            sleep(pause)
            _calls(candidates[name], seconds / 2, clock)
            # The median of single calls, not their mean: when something else takes a core for a moment, a few calls
            # wait four milliseconds for it, a thousand times as long as the shortest of them need.
            taken[name].append(statistics.median(_calls(candidates[name], seconds, clock)))
        if advance is not None:
            advance()
    return taken


def _calls(call, seconds, clock):
    """Call again and again for so many seconds; a list of what each call took."""
    taken, start = [], clock()
    end = start
    while end - start < seconds or not taken:
        begin = end
        call()
        end = clock()
        taken.append(end - begin)
    return taken


def median(taken):
    """The dict that `measure` returned with the median of each list."""
    return {name: statistics.median(rounds) for name, rounds in taken.items()}


def spread(taken_by_case):
    """How steady the rounds were: the slowest of a candidate's rounds over its fastest, the median of all candidates.

    `taken_by_case`: a list of what `measure` returned. About 1.1 on a machine that does nothing else.
    """
    return statistics.median(max(rounds) / min(rounds) for taken in taken_by_case for rounds in taken.values())


def spread_text(taken_by_case):
    """`spread` as a sentence, which says so where it is too large to believe the figures."""
    found = spread(taken_by_case)
    note = ": something else keeps this machine busy; measure again when it rests" if found > TOO_LARGE_SPREAD else ""
    return f"Steadiness: the slowest round of a candidate took {found:.2f} times as long as its fastest{note}."


def pause_for(threads):
    """The rest, in seconds, that candidates need between them when each has so many threads.

    The idle threads of BLAS and OpenMP go on spinning for a while, each library's own, and take the cores from the next
    candidate, which then looks up to four times slower than it is. After 0.15 seconds they have all gone to sleep. One
    thread leaves nobody spinning.
    """
    return PAUSE if threads > 1 else 0.0


@contextmanager
def progress_bar(name, rounds):
    """Give a function without arguments that moves a bar of so many rounds, drawn where stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from tqdm import tqdm  # imported here, so that whoever draws no bar need not wait for it

    layout = "{desc} {bar:24} {n_fmt}/{total_fmt}, {remaining} left"
    with tqdm(total=rounds, desc=f"measuring {name}", bar_format=layout, leave=False) as bar:
        yield lambda: bar.update() and None


def machine(threads):
    """What figures depend on, as a dict: processor, cores, whether AVX-512 is used, threads, versions, date."""
    packages = {name: _version(name) for name in ("numpy", "numba", "torch")}
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "avx512": has_avx512("avx512f"),
        "threads": threads,
        "system": platform.system(),
        "versions": {"minibnn": __version__, "python": platform.python_version(), "blas": _blas(), **packages},
        "date": datetime.date.today().isoformat(),
    }


def machine_text(found):
    """The dict of `machine` as two lines."""
    versions, avx512 = found["versions"], "with" if found["avx512"] else "without"
    torch = f"PyTorch {versions['torch']}" if versions["torch"] else "no PyTorch"
    threads = f"{found['threads']} thread" + "s" * (found["threads"] > 1)
    return (
        f"{found['cpu']}, {found['cores']} cores, {avx512} AVX-512; {threads}; {found['date']}\n"
        f"minibnn {versions['minibnn']}, Python {versions['python']}, NumPy {versions['numpy']} ({versions['blas']}), "
        f"Numba {versions['numba']}, {torch}"
    )


def _cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _blas():
    """The library that multiplies NumPy's matrices."""
    blas = np.show_config("dicts").get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', 'unknown BLAS')} {blas.get('version', '')}".strip()
