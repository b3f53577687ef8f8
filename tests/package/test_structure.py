"""What holds for the package as a whole: imports point one way, importing is cheap, the kernels are what they say."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import minibnn

PACKAGE = Path(minibnn.__file__).parent
ROOT = PACKAGE.parent

# A part may import itself and the parts to its left. `data` knows arrays, files and kernels, nothing of models.
ORDER = (
    "errors",
    "terminal",
    "threads",
    "files",
    "archive",
    "figures",
    "reading",
    "kernels",
    "data",
    "autograd",
    "layers",
    "models",
    "bits",
    "training",
    "bench",
    "demo",
    "commands",
    "cli",
)
ONLY = {"data": {"errors", "files", "kernels"}, "kernels": {"errors"}, "reading": {"errors", "files", "figures"}}


def part_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imported_parts(path):
    """The parts of minibnn that a file imports, anywhere in it, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by the full name, so that its direction can be read"
            modules = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "minibnn" else [node.module]
            )
        yield from (name.split(".")[1] for name in modules if name.startswith("minibnn."))


def wrong_imports(path):
    part = part_of(path)
    if part in ("__init__", "__main__"):
        return []
    allowed = ONLY.get(part) or set(ORDER[: ORDER.index(part)])
    return [name for name in imported_parts(path) if name in ORDER and name not in allowed | {part}]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    assert wrong_imports(path) == []


def test_an_import_that_goes_up_is_found(tmp_path, monkeypatch):
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "bad.py").write_text("def f():\n    from minibnn.training import fit\n")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    assert wrong_imports(tmp_path / "layers" / "bad.py") == ["training"]


def modules_after(statement):
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_minibnn_compiles_nothing_and_loads_nothing_heavy():
    loaded = modules_after("import minibnn, minibnn.layers, minibnn.models, minibnn.data, minibnn.training")
    assert not loaded & {"numba", "PIL", "tqdm", "matplotlib", "torch", "bitarray"}


def test_core_dependencies_are_exactly_the_five():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [requirement.split(">=")[0] for requirement in project["dependencies"]]
    assert names == ["numpy", "numba", "bitarray", "pillow", "tqdm"]
    assert not any("<" in requirement for requirement in project["dependencies"])


def test_everything_works_without_compiling():
    """NUMBA_DISABLE_JIT=1 runs the kernels as Python, so that a reader can step through them: same numbers."""
    code = """
import numpy as np
from minibnn.models import BCVNN
from minibnn.training import cross_entropy
rng = np.random.default_rng(0)
model = BCVNN(3, 4, widths=(2, 2, 3, 3, 4), units=(4, 4), rng=rng)
loss = cross_entropy(model.logits(rng.normal(size=(2, 16, 18, 3)).astype(np.float32)), np.array([1, 3]))
loss.backward()
print(loss.item(), *(float(np.abs(p.grad).sum()) for p in model.parameters()))
"""
    numbers = []
    for disabled in ("0", "1"):
        environment = os.environ | {"NUMBA_DISABLE_JIT": disabled}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        numbers.append([float(word) for word in done.stdout.split()])
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-4, abs=1e-6)
