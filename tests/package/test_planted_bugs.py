"""Do the tests catch what they are for? A bug is planted in a copy of the package, and the tests of the copy fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from minibnn.kernels.simd import has_avx512

ROOT = Path(__file__).parents[2]

# name: (file, the right line, the planted one, the tests that must notice)
BUGS = {
    "wrong sign in the vjp of tanh": (
        "autograd/ops/elementwise.py",
        "return (g * (1 - y * y),)",
        "return (g * (1 + y * y),)",
        "tests/autograd/test_operations.py",
    ),
    "wrong sign in the vjp of softmax": (
        "autograd/ops/normalization.py",
        "return (y * (g - (g * y).sum(axis, keepdims=True)),)",
        "return (y * (g + (g * y).sum(axis, keepdims=True)),)",
        "tests/autograd/test_operations.py",
    ),
    "a gradient that is not summed": (
        "autograd/engine.py",
        "grads[id(parent)] = contribution if earlier is None else earlier + contribution",
        "grads[id(parent)] = contribution",
        "tests/autograd/test_engine.py",
    ),
    "the mask sees one token too many": (
        "layers/attention.py",
        "np.tril(np.ones((seq_len, start + seq_len), np.uint8), start)",
        "np.tril(np.ones((seq_len, start + seq_len), np.uint8), start + 1)",
        "tests/layers/test_causality.py",
    ),
    "the mask as the paper prints it": (
        "layers/attention.py",
        "mask_value=-math.inf",
        "mask_value=-1.0e-10",
        "tests/layers/test_causality.py",
    ),
    ">= in Eq. 1": (
        "kernels/elementwise.py",
        "np.float64(x[i]) > limit",
        "np.float64(x[i]) >= limit",
        "tests/autograd/test_straight_through.py",
    ),
    "a gradient scaled on its way through": (
        "autograd/straight_through.py",
        "return (g,)",
        "return (g / 2,)",
        "tests/autograd/test_straight_through.py",
    ),
    "the mean of Eq. 1 rounded to float32": (
        "kernels/elementwise.py",
        "return sum_from(partial, 0, partial.size)",
        "return np.float64(np.float32(sum_from(partial, 0, partial.size)))",
        "tests/autograd/test_straight_through.py tests/autograd/test_fast_path.py",
    ),
    "a kernel gradient of the last images only": (
        "autograd/ops/images.py",
        "g_kernel += columns.T @ g_rows",
        "g_kernel = columns.T @ g_rows",
        "tests/autograd/test_engine.py",
    ),
    "0 times infinity in where": (
        "autograd/ops/elementwise.py",
        "np.where(condition, g, 0)",
        "condition * g",
        "tests/autograd/test_engine.py",
    ),
    "sample variance in Normalize": (
        "kernels/normalization.py",
        "squares_from(x, r * n, n, means[r - first]) / n",
        "squares_from(x, r * n, n, means[r - first]) / (n - 1 + 1e-9)",
        "tests/package/test_kernels.py",
    ),
    "wrong sign in a product of a 5 x 5 kernel": (
        "kernels/winograd_5x5.py",
        "m[1] - m[2] + m[5]",
        "m[1] - m[2] - m[5]",
        "tests/kernels/test_winograd.py",
    ),
    "a row looked up twice receives one gradient": (
        "kernels/moving.py",
        "table[ids[n], i] += rows[n, i]",
        "table[ids[n], i] = rows[n, i]",
        "tests/autograd/test_fast_path.py",
    ),
    "an operation without a gradient check": (
        "autograd/ops/elementwise.py",
        'return operation("exp", y, (x,), vjp)',
        'return operation("exponential", y, (x,), vjp)',
        "tests/autograd/test_operations.py::test_no_operation_is_missing_from_the_registry",
    ),
    "a line of Algorithm 1 that is not marked": (
        "layers/fully_connected.py",
        "# line 9: over the U features",
        "# over the U features",
        "tests/layers/test_line_marks.py",
    ),
    "a byte too far in load_words": (
        "kernels/simd.py",
        "builder.gep(address, [byte])",
        "builder.gep(address, [builder.add(byte, byte.type(1))])",
        "tests/kernels/test_memory_bounds.py",
    ),
    "the last word of the inputs left out": (
        "kernels/look_up_products.py",
        "last_word = min(first_word + CHUNK, words)",
        "last_word = min(first_word + CHUNK, words - 1)",
        "tests/kernels/test_bit_products.py",
    ),
    "a row of a convolution that lies in another part": (
        "kernels/bit_convolution.py",
        "range(max(0, first - top),",
        "range(max(0, first),",
        "tests/kernels/test_bit_convolution.py",
    ),
    "the bits of a bias one place off": (
        "kernels/decoding.py",
        "bits >> np.uint32(bit)",
        "bits >> np.uint32(31 - bit)",
        "tests/kernels/test_decoding.py",
    ),
    "a pixel too many in the gradient of a kernel": (
        "kernels/direct_convolution.py",
        "min(width, width - dx)",
        "width",
        "tests/autograd/test_fast_path.py",
    ),
    "a transposed kernel that is not turned around": (
        "kernels/bit_weights.py",
        "(height - 1 - ky) * width + width - 1 - kx",
        "ky * width + kx",
        "tests/autograd/test_fast_path.py",
    ),
    "an import that goes up": (
        "layers/activations.py",
        "import difflib",
        "import difflib\n\nimport minibnn.training",
        "tests/package/test_structure.py",
    ),
}

ONLY_WITH_AVX512 = (
    "a byte too far in load_words",
    "the last word of the inputs left out",
    "a row of a convolution that lies in another part",
    "a pixel too many in the gradient of a kernel",
    "a transposed kernel that is not turned around",
)


def run_copy(folder, tests):
    """Run `tests` on the package below `folder`, not on the installed one."""
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests.split()]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path):
    for name in ("minibnn", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught(bug, copy):
    if bug in ONLY_WITH_AVX512 and not has_avx512("avx512f"):
        pytest.skip("this processor has no AVX-512, or Numba compiles for another one")
    file, right, planted, tests = BUGS[bug]
    path = copy / "minibnn" / file
    source = path.read_text()
    assert right in source
    path.write_text(source.replace(right, planted))
    done = run_copy(copy, tests)
    assert done.returncode == 1, done.stdout + done.stderr
    assert " failed" in done.stdout


@pytest.mark.slow
def test_the_copy_itself_passes(copy):
    done = run_copy(copy, " ".join(sorted({tests for *_, tests in BUGS.values()})))
    assert done.returncode == 0, done.stdout + done.stderr
