"""Packed models in processes of another kind: another processor, no compiler, no threads, no cache, a fork.

Whatever can end a process ends one that a test started.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.caching import FunctionCache

from minibnn import kernels
from minibnn.kernels.jit import kernel

ROOT = Path(kernels.__file__).parents[2]
MODELS = """
import numpy as np
from layers.parameters import randomize
from minibnn import kernels
from minibnn.kernels.jit import kernel
from minibnn.bits import BitMatrix, BitTensor, pack
from minibnn.models import BCVNN, BLM

rng = np.random.default_rng(0)
text = randomize(BLM(6, 12, 3, 23, (24, 20), 2, rng=rng), rng)
image = randomize(BCVNN(3, 4, widths=(3, 4, 5, 6, 17), units=(9, 8), rng=rng), rng)
text.trainable = image.trainable = False
seq, pixels = rng.integers(23, size=(1, 6)), rng.uniform(-1, 1, (2, 16, 18, 3)).astype(np.float32)

def error(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()

def check():
    packed, past = pack(text), pack(text).new_cache()
    expected = text.logits(seq).data
    assert error(packed.logits(seq).data, expected) < 1e-5
    one_by_one = [packed.logits(seq[:, i : i + 1], past=past).data for i in range(6)]
    assert error(np.concatenate(one_by_one, axis=1), expected) < 1e-5
    packed.activation_bits = 14
    assert error(packed.logits(seq).data, expected) < 1e-2
    for name, bits in packed.named_bits():
        latent = dict(text.named_parameters())[name].data.astype(float)
        assert np.array_equal(bits.unpack(bool), latent > latent.mean()), name
    packed, expected = pack(image), image.logits(pixels).data
    assert error(packed.logits(pixels).data, expected) < 1e-5

def large_product():
    values = np.random.default_rng(1).integers(0, 2, (1500, 900), np.uint8)
    x = np.random.default_rng(2).normal(size=(12, 1500)).astype(np.float32)
    found = x @ BitMatrix(BitTensor.from_array(values))
    assert error(found, x.astype(float) @ values) < 2e-6
    return found
"""


def run(code, *, root=ROOT, **environment):
    """What a new process prints that has these variables besides the usual ones."""
    usual = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    usual["PYTHONPATH"] = os.pathsep.join([str(root), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=root,
        env=usual | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr or f"ended by signal {-done.returncode}"
    return done.stdout.split()


@pytest.fixture(scope="module")
def generic():
    """The variables of a process that compiles for any processor: the path without AVX-512.

    What it compiles is kept beside the other compiled kernels: the first run takes a quarter of a minute.
    """
    return {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CACHE_DIR": str(Path(kernels.__file__).parent / "__pycache__" / "generic"),
    }


@pytest.mark.slow
def test_a_processor_without_avx512_computes_the_same(generic):
    code = f"{MODELS}\ncheck(); large_product(); print(kernels.LANES, kernels.BLOCKS, kernels.CONVOLVES_DIRECTLY)"
    assert run(code, **generic) == ["128", "1", "False"]


@pytest.mark.slow
def test_all_tests_of_bits_pass_for_a_processor_without_avx512(generic):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/kernels", "tests/bits"]
    ignored = ["--ignore=tests/bits/test_processor_paths.py"]
    done = subprocess.run([*command, *ignored], cwd=ROOT, env=os.environ | generic, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_compiling_it_computes_the_same_slowly():
    code = MODELS.replace("(3, 4, 5, 6, 17)", "(2, 2, 2, 2, 3)").replace("(24, 20), 2", "(9, 8), 1")
    assert run(f"{code}\ncheck(); print(kernels.LANES)", NUMBA_DISABLE_JIT="1") == ["128"]


def test_any_number_of_threads_computes_the_same():
    code = f"{MODELS}\ncheck(); print(large_product().tobytes().hex()[:400])"
    assert run(code, NUMBA_NUM_THREADS="1") == run(code, NUMBA_NUM_THREADS="2")


WITHOUT_OPENMP = """
import threading, numba
assert kernels.num_threads() == 1
check()
expected, right = large_product(), []
work = lambda: right.append(np.array_equal(large_product(), expected))
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert right == [True] * 4
print("done")
"""


def test_without_openmp_one_thread_does_it_and_python_threads_may_run_at_once():
    assert run(MODELS + WITHOUT_OPENMP, NUMBA_THREADING_LAYER="workqueue") == ["done"]


FORK = """
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork in a process with threads
expected = large_product()
if with_models:
    check()
if kernels.LANES == 16 and os.cpu_count() > 1:
    assert kernels.num_threads() > 1
child = os.fork()
if child == 0:
    try:
        assert kernels.num_threads() == 1
        assert np.array_equal(large_product(), expected)
        if with_models:
            check()
    except BaseException as problem:
        os.write(2, repr(problem).encode())
        os._exit(1)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
large_product()
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("with_models", [False, True], ids=["products", "models"])
@pytest.mark.parametrize("processor", ["this", pytest.param("generic", marks=pytest.mark.slow)])
def test_a_process_forked_after_a_parallel_kernel_computes_the_same(with_models, processor, generic):
    """OpenMP ends a forked process that uses it; so none of the kernels there may, not even with one thread."""
    environment = generic if processor == "generic" else {}
    assert run(f"{MODELS}\nwith_models = {with_models}\n{FORK}", **environment) == ["done"]


ONE_KERNEL = """
import numpy as np
from minibnn import kernels
from minibnn.kernels.jit import kernel
rows = np.empty((1, 5), np.float32)
kernels.rows_of_bits(np.ones((4, 1, 16), np.uint32), np.array([0]), rows)
print(rows.sum(), sum(kernels.rows_of_bits.stats.cache_hits.values()))
"""


def test_kernels_are_compiled_where_no_folder_takes_a_cache(tmp_path):
    """Files stand where the folders would be: that stops an administrator too, whom a read-only folder does not."""
    shutil.copytree(ROOT / "minibnn", tmp_path / "minibnn", ignore=shutil.ignore_patterns("__pycache__"))
    blocked = tmp_path / "file"
    blocked.touch()
    for folder in (tmp_path / "minibnn" / "kernels", tmp_path / "minibnn"):
        (folder / "__pycache__").touch()
    nowhere = dict.fromkeys(("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"), str(blocked))
    assert run(ONE_KERNEL, root=tmp_path, **nowhere) == ["5.0", "0"]


@pytest.fixture(scope="module")
def one_compiled(tmp_path_factory):
    """The cache of a process that has compiled one kernel, to copy."""
    folder = tmp_path_factory.mktemp("one_compiled")
    assert run(ONE_KERNEL, NUMBA_CACHE_DIR=str(folder)) == ["5.0", "0"]
    return folder


@pytest.mark.parametrize(("suffix", "damage"), [("nbi", "emptied"), ("nbi", "cut"), ("nbc", "garbage")])
def test_a_damaged_cache_is_compiled_anew_and_repaired(suffix, damage, one_compiled, tmp_path):
    """Numba itself would raise whatever a damaged pickle raises."""
    shutil.copytree(one_compiled, tmp_path, dirs_exist_ok=True)
    files = list(tmp_path.rglob(f"*.{suffix}"))
    assert files
    for file in files:
        content = file.read_bytes()
        file.write_bytes({"emptied": b"", "cut": content[:-20], "garbage": b"garbage" * 50}[damage])
    assert run(ONE_KERNEL, NUMBA_CACHE_DIR=str(tmp_path)) == ["5.0", "0"]
    assert run(ONE_KERNEL, NUMBA_CACHE_DIR=str(tmp_path)) == ["5.0", "1"]


def test_one_process_at_a_time_writes_into_the_cache(monkeypatch):
    """Two at once could give one compiled form the file of another."""
    fcntl, held = pytest.importorskip("fcntl"), []

    def save(cache, signature, data):
        with open(Path(cache.cache_path) / "lock", "rb") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.append(signature)

    monkeypatch.setattr(FunctionCache, "save_overload", save)
    compiled = kernel(lambda x: x + 1)
    assert compiled(1) == compiled(1) == 2
    assert len(held) == 1


NORMALIZE = """
import numpy as np
from minibnn.kernels import normalization
x = np.ones((1, 5), np.float32)
arguments = (x, 1e-5, np.empty_like(x), np.empty(1, np.float32))
"""


def test_a_kernel_compiled_against_a_cached_parallel_one_finds_the_threads_in_the_next_process(tmp_path):
    """It calls OpenMP, or could; but Numba forgets to load it if the called kernel came from the cache, and crashes."""
    shared, whole = "normalization._normalize_shared(*arguments, 1)", "normalization.normalize_rows(*arguments, 1)"
    for call in (shared, whole, whole):
        run(f"{NORMALIZE}\n{call}", NUMBA_CACHE_DIR=str(tmp_path))


def test_a_second_process_compiles_nothing():
    """A kernel whose cache entry is never found again is compiled in every process, and fills the disk."""
    code = f"{MODELS}\ncheck()\n" + (
        "from numba.core.registry import CPUDispatcher\nimport gc\n"
        "print(sum(sum(d.stats.cache_misses.values()) for d in gc.get_objects() if isinstance(d, CPUDispatcher)"
        " and d.py_func.__module__.startswith('minibnn')))"
    )
    run(code)
    assert run(code) == ["0"]
