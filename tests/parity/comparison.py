"""Run a module and its PyTorch counterpart on the same numbers and compare every result and gradient."""

from collections import Counter

import numpy as np
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from parity.reference import torch

from minibnn.autograd import Tensor

compared = Counter()  # how many cases of the running test were not left out; see conftest.py
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}
CASES = settings(  # without shrinking, which takes minutes, a broken operation is reported at once
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
MODEL_CASES = settings(CASES, max_examples=25, suppress_health_check=[HealthCheck.filter_too_much])
SEEDS = st.integers(0, 2**32 - 1)


def assert_parity(module, paper, inputs, rng, dtype, invariant=()):
    """`module(*inputs)` is `paper(p, *inputs, trainable)`: forward, every gradient, and `trainable = False`.

    Two arrays (the output, the gradient of one input, the gradient of one parameter) agree when their largest
    difference is at most 1e-12 (float64) or 1e-5 (float32) times the largest magnitude of PyTorch's array.
    A case that amplifies roundings beyond that, or in which a rounding decides a relu or a maximum, is left out and
    another drawn. PyTorch alone judges that, never our result: see `well_conditioned`.
    `invariant`: ends of parameter names on which the result does not depend, whose gradient is therefore nothing but
    rounding; it is measured by the gradient of the kernel beside it.
    """
    g = rng.normal(size=module(*inputs).shape)
    theirs = {t: torch_results(module, paper, inputs, g, t) for t in TOLERANCE}
    add_scales(theirs, invariant)
    assume(well_conditioned(theirs, dtype))
    compared["cases"] += 1
    ours = our_results(module, inputs, g.astype(dtype))
    assert ours.keys() == theirs[dtype].keys()
    for what, (their_array, scale) in theirs[dtype].items():
        assert ours[what].dtype == dtype, what
        difference = np.abs(ours[what] - their_array).max()
        assert difference <= TOLERANCE[dtype] * scale, f"{what} differs by {difference:.3g} of {scale:.3g}"
    assert_same_without_training(module, inputs, ours["output"])


def our_results(module, inputs, g):
    tensors = [Tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in inputs]
    for tensor in module.parameters():
        tensor.grad = None
    output = module(*tensors)
    output.backward(g)
    results = {"output": output.data}
    results |= {f"input {i}": x.grad for i, x in enumerate(tensors) if isinstance(x, Tensor)}
    return results | {name: tensor.grad for name, tensor in module.named_parameters()}


def torch_results(module, paper, inputs, g, dtype):
    def leaf(x):
        return torch.tensor(x.astype(dtype), requires_grad=True) if x.dtype.kind == "f" else torch.tensor(x)

    p = {name: leaf(tensor.data) for name, tensor in module.named_parameters()}
    tensors = [leaf(x) for x in inputs]
    output = paper(p, *tensors, trainable=True)
    output.backward(torch.from_numpy(g.astype(dtype)))
    assert torch.equal(output, paper(p, *tensors, trainable=False))
    results = {"output": output.detach()}
    results |= {f"input {i}": x.grad for i, x in enumerate(tensors) if x.requires_grad}
    return {what: array.numpy() for what, array in (results | {name: t.grad for name, t in p.items()}).items()}


def add_scales(theirs, invariant):
    """Replace each array by the pair of it and the magnitude that its differences are measured by."""
    for arrays in theirs.values():
        scales = {what: np.abs(array).max() for what, array in arrays.items()}
        for what in arrays:
            of = what[: -len("b")] + "W" if what.endswith(tuple(invariant)) and invariant else what
            arrays[what] = arrays[what], scales[of]


def well_conditioned(theirs, dtype):
    """Whether PyTorch in float32 agrees with itself in float64 to a tenth of what is asked of us.

    In a float64 test the same amplification acts on roundings that are smaller by the ratio of the two epsilons.
    """
    allowed = TOLERANCE[dtype] / 10 * np.finfo(np.float32).eps / np.finfo(dtype).eps
    single, double = theirs[np.float32], theirs[np.float64]
    return all(np.abs(single[what][0] - array).max() <= allowed * scale for what, (array, scale) in double.items())


def assert_same_without_training(module, inputs, trained):
    """`trainable = False` gives the same numbers bit for bit, and records no graph."""
    module.trainable = False
    frozen = module(*inputs)
    module.trainable = True
    assert frozen.parents == ()
    assert not frozen.requires_grad
    np.testing.assert_array_equal(frozen.data, trained)
