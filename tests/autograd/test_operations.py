"""Every operation's vjp against finite differences, over at least 200 shapes and memory layouts each."""

import ast
from pathlib import Path

import numpy as np
import pytest
from autograd.operations import OPERATIONS
from hypothesis import HealthCheck, Phase, given, settings

import minibnn
from minibnn.autograd import GradientMismatch, Tensor, gradcheck, ops
from minibnn.autograd.tensor import operation

CASES_PER_OPERATION = 350
ONE_CLEAR_FAILURE = settings(phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False)


@pytest.mark.parametrize("name", OPERATIONS)
def test_vjp_equals_finite_differences(name, gradient_tally):
    seen = set()

    @settings(ONE_CLEAR_FAILURE, max_examples=CASES_PER_OPERATION, suppress_health_check=list(HealthCheck))
    @given(OPERATIONS[name])
    def check(case):
        gradient_tally["cases"] += 1
        try:
            gradient_tally["partial derivatives"] += gradcheck(case.function, *case.inputs(), latent=case.latent)
        except GradientMismatch as mismatch:
            raise GradientMismatch(f"the vjp of '{name}' is wrong: {mismatch}") from None
        seen.add((case.shapes, case.layouts, repr(case.options)))

    check()
    assert len(seen) >= 200
    gradient_tally["operations"] += 1


@pytest.mark.parametrize("name", OPERATIONS)
def test_float32_stays_float32_forward_and_backward(name):
    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    @given(OPERATIONS[name])
    def check(case):
        tensors = [Tensor(x.astype(np.float32), requires_grad=True) for x in case.inputs()]
        result = case.function(*tensors)
        result.backward(np.ones(result.shape))
        assert {t.dtype for t in (result, *tensors)} == {np.dtype(np.float32)}
        assert all(t.grad.shape == t.shape and t.grad.dtype == np.float32 for t in tensors)

    check()


def operations_in_the_package():
    """Names given to `operation(...)` anywhere in the source, and the public names of `ops`."""
    names = set(ops.__all__)
    for path in Path(minibnn.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "operation":
                assert isinstance(node.args[0], ast.Constant), f"{path}: give operation(...) its name as a literal"
                names.add(node.args[0].value)
    return names


def test_no_operation_is_missing_from_the_registry():
    assert operations_in_the_package() == set(OPERATIONS)


PLANTED = {
    "wrong sign": lambda g, x: -g * 2 * x,
    "forgotten factor": lambda g, x: g * x,
    "forgotten g": lambda g, x: 2 * x,
    "nan": lambda g, x: g * np.where(x > 1, np.nan, 2 * x),
    "one element off": lambda g, x: g * 2 * x + 1e-5 * (np.arange(x.size) == 3).reshape(x.shape),
}


def test_a_vjp_that_writes_into_its_gradient_is_found():
    """By itself it is right; in x + relu(x) it changes what the other summand is given, too."""

    def relu_in_place(x):
        def vjp(g):
            g[x.data <= 0] = 0
            return (g,)

        return operation("relu_in_place", np.maximum(x.data, 0), (x,), vjp)

    with pytest.raises(GradientMismatch, match="input 0"):
        gradcheck(lambda x: x + relu_in_place(x), np.array([-1.0, 1.0]))


@pytest.mark.parametrize("bug", PLANTED)
def test_gradcheck_catches_a_planted_bug(bug):
    def square(x):
        return operation("square", x.data**2, (x,), lambda g: (PLANTED[bug](g, x.data),))

    x = np.array([[0.5, -1.5], [2.0, -0.25]])
    assert gradcheck(lambda x: x**2, x) == 4
    with pytest.raises(GradientMismatch, match="input 0"):
        gradcheck(square, x)
