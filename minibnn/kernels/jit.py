"""How kernels are compiled: cached on disk where that is possible, for one thread or for all of them."""

import contextlib
import functools
import importlib
import os

from numba import config, get_num_threads, njit
from numba.core.caching import FunctionCache
from numba.core.options import DefaultOptions

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if "OMP_WAIT_POLICY" not in os.environ:
    # Idle threads of OpenMP look for work for so long, some hundred microseconds, before they sleep. The default is
    # thousands: long enough to slow down, again and again, whatever else needs the core.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")

OWN_PROCESS = os.getpid()


def kernel(function, *, parallel=False, fastmath=False):
    """`function` compiled by Numba on its first call, for one thread unless it is `parallel`.

    A kernel that several threads share has two forms, and wakes the others for large arrays only, see `num_threads`:
    beside BLAS, whose idle threads want the same cores, or on a busy machine, a second thread may cost more than it
    brings.
    Every operation is rounded, in the order in which it is written: so a kernel gives the same bits whether it was
    compiled now or read from disk, alone or as a part of its caller, for any processor and any number of threads. Sums
    that shall become vector instructions have several running totals (see `sums`). `fastmath`: exceptions, see Numba.
    """
    options = {"error_model": "numpy", "nogil": True, "fastmath": fastmath, "parallel": parallel}
    compiled = njit(**options)(function)
    if not config.DISABLE_JIT:
        with contextlib.suppress(RuntimeError):  # no folder that a cache could be written to
            compiled._cache = _Cache(function)
    return compiled


def inner_kernel(function, **options):
    """A kernel that other kernels call again and again, and that does not count references to its arrays.

    Numba counts them with two locked instructions for each array and call: 50 ns for five arrays, several times what a
    small function takes. Here the caller holds them all the while, and nothing may be allocated. `options`: see
    `kernel`.
    """
    compiled = kernel(function, **options)
    if hasattr(compiled, "targetoptions") and hasattr(DefaultOptions, "_nrt"):  # as plain Python it has no options
        compiled.targetoptions["_nrt"] = False
    return compiled


class _Cache(FunctionCache):
    """Numba's cache on disk, of which a damaged file or a full disk costs a compilation, and not the program."""

    def load_overload(self, signature, target_context):
        get_num_threads()  # loads OpenMP; Numba forgets to, and crashes, if a cached kernel calls another cached one
        try:
            return super().load_overload(signature, target_context)
        except Exception:  # a damaged pickle may raise anything
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, signature, data):
        with contextlib.suppress(OSError):
            self._impl.locator.ensure_cache_path()
            with _alone(self.cache_path):
                super().save_overload(signature, data)


@contextlib.contextmanager
def _alone(folder):
    """Only one process at a time is inside the `with`, where the system has locks.

    Numba reads the list of a function's compiled forms, chooses a file for another, and writes both. Two processes that
    did so at once could choose the same file, and one form would be called for the other.
    """
    with open(os.path.join(folder, "lock"), "wb") as file:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


fused_kernel = functools.partial(kernel, fastmath={"contract"})  # where a product is exact, and rounds once either way
parallel_kernel = functools.partial(kernel, parallel=True)  # `prange` loops are shared by all threads


def num_threads():
    """How many threads a `parallel_kernel` would use: NUMBA_NUM_THREADS, or what `numba.set_num_threads` said last.

    1 where threads are not safe: without OpenMP, whose launch takes a microsecond and which lets several Python threads
    call kernels at once, and in a process that was forked, since OpenMP's threads did not come along.
    """
    return get_num_threads() if _has_openmp() and os.getpid() == OWN_PROCESS else 1


@functools.cache
def _has_openmp():
    if config.DISABLE_JIT or config.THREADING_LAYER not in ("default", "threadsafe", "omp"):
        return False
    try:
        importlib.import_module("numba.np.ufunc.omppool")
    except ImportError:
        return False
    return True
