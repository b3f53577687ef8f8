import numpy as np
import pytest

from minibnn.autograd import Tensor
from minibnn.errors import InputError, InputTypeError
from minibnn.training import SGD, Adam, AdamW
from minibnn.training.optimizers import BLOCK

SHAPES = [(3, 4), (5,), (), (BLOCK + 7,), (0, 3)]
SETTINGS = [
    (SGD, {"lr": 0.1}),
    (SGD, {"lr": 0.1, "momentum": 0.9}),
    (Adam, {"lr": 3e-3}),
    (Adam, {"lr": 3e-3, "betas": (0.5, 0.9), "eps": 1e-3}),
    (AdamW, {"lr": 3e-3}),
    (AdamW, {"lr": 3e-3, "weight_decay": 0.2}),
]
NAMES = [f"{kind.__name__}-{len(settings)}-{i}" for i, (kind, settings) in enumerate(SETTINGS)]


def tensors(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [Tensor(rng.normal(size=shape).astype(dtype), requires_grad=True) for shape in SHAPES]


def gradients(step, dtype=np.float64):
    """Gradients of one step; the first parameter has none in step 1, the second never has one in the first two."""
    rng = np.random.default_rng(100 + step)
    found = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
    return [None if (index, step) in ((0, 1), (1, 0), (1, 1)) else g for index, g in enumerate(found)]


def oracle(kind, settings, p, grads):
    """The equations of the docstrings, one parameter, no cleverness."""
    lr, t = settings["lr"], 0
    mu = settings.get("momentum", 0.0)
    beta1, beta2 = settings.get("betas", (0.9, 0.999))
    eps = settings.get("eps", 1e-8)
    decay = settings.get("weight_decay", 0.01) if kind is AdamW else 0.0
    m = v = u = np.zeros_like(p)
    for g in grads:
        if g is None:
            continue
        t += 1
        if kind is SGD:
            u = mu * u + g
            p = p - lr * u
            continue
        p = (1 - lr * decay) * p
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        p = p - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return p


@pytest.mark.parametrize(("kind", "settings"), SETTINGS, ids=NAMES)
def test_every_optimizer_follows_its_equations(kind, settings):
    parameters = tensors()
    start = [p.data.copy() for p in parameters]
    optimizer = kind(parameters, **settings)
    steps = [gradients(step) for step in range(6)]
    for grads in steps:
        for p, g in zip(parameters, grads, strict=True):
            p.grad = g
        optimizer.step()
    for index, p in enumerate(parameters):
        expected = oracle(kind, settings, start[index], [grads[index] for grads in steps])
        np.testing.assert_allclose(p.data, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parity
@pytest.mark.parametrize(("kind", "settings"), SETTINGS, ids=NAMES)
def test_every_optimizer_agrees_with_pytorch(kind, settings):
    torch = pytest.importorskip("torch")
    ours = tensors()
    theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in ours]
    optimizer = kind(ours, **settings)
    reference = getattr(torch.optim, kind.__name__)(theirs, **settings)
    for step in range(25):
        lr = settings["lr"] / (1 + step)
        optimizer.lr = reference.param_groups[0]["lr"] = lr
        for p, q, g in zip(ours, theirs, gradients(step), strict=True):
            p.grad, q.grad = g, None if g is None else torch.tensor(g)
        optimizer.step()
        reference.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("kind", "settings"), SETTINGS, ids=NAMES)
def test_updates_are_in_place_and_keep_dtype_and_gradient(kind, settings):
    parameters = tensors(np.float32)
    arrays = [p.data for p in parameters]
    grads = gradients(2, np.float32)
    for p, g in zip(parameters, grads, strict=True):
        p.grad = g.copy()
    optimizer = kind(parameters, **settings)
    optimizer.step()
    for p, array, g in zip(parameters, arrays, grads, strict=True):
        assert p.data is array
        assert p.data.dtype == np.float32
        np.testing.assert_array_equal(p.grad, g)
    assert all(array.dtype == np.float32 for name, array in optimizer.state_dict().items() if "." in name)


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW])
def test_arrays_that_are_not_contiguous_are_updated_too(kind):
    values, grad = np.arange(12.0).reshape(3, 4), np.linspace(-1, 1, 12).reshape(3, 4)
    plain, turned = Tensor(values.copy()), Tensor(values.T.copy().T)
    plain.grad, turned.grad = grad, np.asfortranarray(grad)
    kind([plain], lr=0.1).step()
    kind([turned], lr=0.1).step()
    np.testing.assert_array_equal(plain.data, turned.data)
    assert not np.array_equal(plain.data, values)


def test_zero_grad_forgets_and_a_missing_gradient_is_skipped():
    parameter = Tensor(np.ones(3), requires_grad=True)
    parameter.grad = np.ones(3)
    optimizer = AdamW([parameter], lr=0.1, weight_decay=0.5)
    optimizer.zero_grad()
    assert parameter.grad is None
    optimizer.step()
    np.testing.assert_array_equal(parameter.data, 1.0)
    assert optimizer.steps.tolist() == [0]


@pytest.mark.parametrize(("kind", "settings"), SETTINGS, ids=NAMES)
def test_a_state_that_is_saved_and_loaded_goes_on_exactly(kind, settings):
    def run(optimizer, parameters, steps):
        for step in steps:
            for p, g in zip(parameters, gradients(step), strict=True):
                p.grad = g
            optimizer.step()

    through, halved = tensors(), tensors()
    run(kind(through, **settings), through, range(6))
    first = kind(halved, **settings)
    run(first, halved, range(3))
    state = first.state_dict()
    second = kind(halved, **{**settings, "lr": 9.0})
    second.load_state(state)
    assert second.lr == settings["lr"]
    run(second, halved, range(3, 6))
    for p, q in zip(through, halved, strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_a_saved_state_stays_as_it_was_while_training_goes_on():
    parameter = Tensor(np.ones(3))
    parameter.grad = np.ones(3)
    optimizer = Adam([parameter])
    state = optimizer.state_dict()
    optimizer.step()
    assert not state["m.0"].any()
    assert state["steps"].tolist() == [0]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda state: state.pop("v.0"), "lacks 'v.0'"),
        (lambda state: state.update(extra=1), "has 'extra'"),
        (lambda state: state.update({"m.0": np.zeros(4)}), r"'m.0': expected float64 of shape \(3,\), got float64"),
        (lambda state: state.update({"m.0": np.zeros(3, np.float32)}), "got float32"),
        (lambda state: state.update(lr=np.array(np.nan)), "lr: expected a finite number >= 0, got nan"),
        (lambda state: state.update(lr=np.array(-1.0)), "lr: expected a finite number >= 0, got -1"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(damage, message):
    parameter = Tensor(np.ones(3))
    parameter.grad = np.ones(3)
    optimizer = Adam([parameter])
    optimizer.step()
    before, state = optimizer.state_dict(), Adam([parameter], lr=0.5).state_dict()
    damage(state)
    with pytest.raises(InputError, match=message):
        optimizer.load_state(state)
    after = optimizer.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW])
@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("grad", np.ones((3, 2)), r"gradient of parameter 1: expected float64 of shape \(2, 3\), got .* \(3, 2\)"),
        ("grad", np.ones((2, 3), np.float32), r"gradient of parameter 1: .*, got float32 of shape \(2, 3\)"),
        ("grad", np.ones((2, 3), int), "gradient of parameter 1: .*, got int64"),
        ("grad", [[1.0] * 3] * 2, "gradient of parameter 1: .*, got list"),
        ("grad", Tensor(np.ones((2, 3))), "gradient of parameter 1: .*, got Tensor"),
        ("data", np.ones((3, 2)), r"parameter 1: expected float64 of shape \(2, 3\), got .* \(3, 2\)"),
        ("data", np.ones((2, 3), np.float32), "parameter 1: .*, got float32"),
        ("data", [[1.0] * 3] * 2, "parameter 1: .*, got list"),
    ],
)
def test_another_array_than_expected_is_refused_before_anything_moves(kind, name, array, message):
    good, bad = Tensor(np.ones(2)), Tensor(np.ones((2, 3)))
    good.grad, bad.grad = np.ones(2), np.ones((2, 3))
    optimizer = kind([good, bad], lr=0.1)
    setattr(bad, name, array)
    with pytest.raises(InputError, match=message):
        optimizer.step()
    np.testing.assert_array_equal(good.data, 1.0)


def test_a_parameter_that_cannot_be_changed_is_refused_at_once():
    frozen = Tensor(np.broadcast_to(np.float32(0), (2, 3)))
    with pytest.raises(InputError, match=r"parameters\[1\]: its array is read-only"):
        Adam([Tensor(np.ones(2)), frozen])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda p: SGD([p], lr=-1), "lr: expected a finite number >= 0, got -1"),
        (lambda p: SGD([p], lr=float("nan")), "lr"),
        (lambda p: SGD([p], lr="0.1"), "lr"),
        (lambda p: SGD([p], lr=0.1, momentum=1.0), "momentum"),
        (lambda p: Adam([p], betas=(0.9, 1.0)), "betas"),
        (lambda p: Adam([p], betas=0.9), "betas: expected a pair"),
        (lambda p: Adam([p], eps=0), "eps"),
        (lambda p: AdamW([p], weight_decay=-0.1), "weight_decay"),
        (lambda p: SGD([], lr=0.1), "at least one"),
        (lambda p: SGD([p, p], lr=0.1), "twice"),
    ],
)
def test_bad_settings_are_refused(build, message):
    with pytest.raises(InputError, match=message):
        build(Tensor(np.ones(2)))


def test_parameters_that_are_no_tensors_are_refused():
    with pytest.raises(InputTypeError, match=r"parameters\[0\]: expected a Tensor, got ndarray"):
        Adam([np.ones(2)])
