"""What was chosen reaches every layer of the binary models, forward and backward, and of the twins what applies."""

import contextlib
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers.choices import COMBINATIONS, Plain, choices, describe
from layers.parameters import gradients, randomize
from layers.test_layer_gradients import built, check_gradients

from minibnn import kernels
from minibnn.autograd import Tensor
from minibnn.autograd.straight_through import bits_of
from minibnn.errors import InputError, InputTypeError
from minibnn.layers import BATL, BEMBL, BNCVL, BNFCL, BTFB, Choices, Module, ShapesOnly
from minibnn.layers.module import evaluating
from minibnn.layers.standard import ScaledNormalize, StandardCVL, StandardFCL, StandardTFB
from minibnn.models import BCVNN, BLM, IMAGE_PRESETS, TEXT_PRESETS, generate
from minibnn.training import FlipCounter, cross_entropy

TINY = {"widths": (4, 5, 4, 6, 5), "units": (7, 6)}
TEXT = (6, 8, 2, 9, (7, 6), 2)
seeds = st.integers(0, 2**32 - 1)
activations = st.sampled_from([None, "relu", "gelu", "softmax"])
each_combination = pytest.mark.parametrize("chosen", COMBINATIONS, ids=describe)


def made(build, *arguments, chosen, seed=0, dtype=np.float64, **options):
    """(a layer or model of parameters that are not at their start, the same in NumPy, rng)."""
    rng = np.random.default_rng(seed)
    module = randomize(build(*arguments, choices=chosen, rng=rng, **options), rng, dtype)
    return module, Plain({name: tensor.data.astype(float) for name, tensor in module.named_parameters()}, chosen), rng


def assert_equal(found, expected):
    for trainable in (True, False):
        np.testing.assert_allclose(found(trainable), expected, rtol=0, atol=1e-9 * max(1, np.abs(expected).max()))


def called(module, *inputs, logits=False):
    def found(trainable):
        module.trainable = trainable
        return (module.logits if logits else module)(*inputs).data

    return found


@given(choices, seeds, st.integers(1, 9), st.integers(1, 9), activations)
def test_a_fully_connected_layer(chosen, seed, n_in, n_units, activation):
    layer, plain, rng = made(BNFCL, n_in, n_units, activation, chosen=chosen, seed=seed)
    x = rng.normal(size=(3, n_in))
    assert_equal(called(layer, x), plain.dense(x, activation=activation))


@given(choices, seeds, st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), activations, st.booleans())
def test_a_convolution(chosen, seed, channels, filters, size, activation, over_example):
    over, axes = ("example", (1, 2, 3)) if over_example else ("channels", -1)
    options = {"normalize_over": over, "chosen": chosen, "seed": seed}
    layer, plain, rng = made(BNCVL, channels, filters, size, activation, **options)
    x = rng.normal(size=(2, 3, 4, channels))
    assert_equal(called(layer, x), plain.convolve(x, activation=activation, axes=axes))


@settings(max_examples=40)
@given(choices, seeds)
def test_the_layers_of_a_transformer(chosen, seed):
    embedding, plain, rng = made(BEMBL, 6, 8, 9, chosen=chosen, seed=seed)
    ids = rng.integers(9, size=(2, 5))
    assert_equal(called(embedding, ids), plain.embed(ids))
    attention, plain, rng = made(BATL, 8, 2, chosen=chosen, seed=seed)
    x = rng.normal(size=(2, 5, 8))
    assert_equal(called(attention, x, x, x), plain.attend(x, 2))
    block, plain, _ = made(BTFB, 8, 2, 10, chosen=chosen, seed=seed)
    assert_equal(called(block, x), plain.block(x, 2))


@settings(max_examples=40)
@given(choices, seeds)
def test_a_language_model(chosen, seed):
    model, plain, rng = made(BLM, *TEXT, chosen=chosen, seed=seed)
    ids = rng.integers(9, size=(2, 6))
    assert_equal(called(model, ids, logits=True), plain.language_model(ids, 2, 2))


@each_combination
@pytest.mark.parametrize(("over", "axes"), [("channels", -1), ("example", (1, 2, 3))])
def test_a_classifier(chosen, over, axes):
    model, plain, rng = made(BCVNN, 3, 5, chosen=chosen, normalize_over=over, **TINY)
    x = rng.uniform(-1, 1, (2, 17, 19, 3))
    assert_equal(called(model, x, logits=True), plain.classifier(x, axes))


@each_combination
def test_gradients(chosen):
    layer, rng = built(BNFCL, 4, 6, "gelu", choices=chosen)
    assert check_gradients(layer, rng.normal(size=(3, 4)), step=1e-4) == 4 * 6 + 6 * chosen.bias + 12
    layer, rng = built(BNCVL, 2, 5, 3, "gelu", normalize_over="example", choices=chosen)
    check_gradients(layer, rng.normal(size=(1, 3, 4, 2)), step=1e-4)
    layer, rng = built(BTFB, 4, 2, 6, choices=chosen)
    # Without Normalize the scores are large, and the fifth derivative of a softmax of them is larger.
    check_gradients(layer, 0.3 * rng.normal(size=(1, 3, 4)), step=1e-4, rtol=1e-6 if chosen.normalize else 1e-5)


def loss_and_gradients(model, x, labels):
    for parameter in model.parameters():
        parameter.grad = None
    loss = cross_entropy(model.logits(x), labels)
    loss.backward()
    return loss.item(), gradients(model)


@each_combination
@pytest.mark.parametrize("kind", ["BCVNN", "BLM"])
def test_a_training_step_agrees_on_both_paths(kind, chosen):
    """Parameters at their start as well as moved: a bias of zeros is all equal.

    Without Normalize the language model is small, since scores of millions have no digits left for a softmax.
    """
    rng = np.random.default_rng(0)
    if kind == "BLM":
        sizes = (16, 32, 4, 60, (48, 40), 2) if chosen.normalize else (16, 4, 2, 60, (5, 4), 1)
        model = BLM(*sizes, choices=chosen, rng=rng)
        x, labels = rng.integers(60, size=(2, 2, 16))
    else:
        model = BCVNN(3, 5, widths=(8, 16, 16, 32, 32), units=(24, 16), choices=chosen, rng=rng)
        x, labels = rng.normal(size=(3, 32, 24, 3)).astype(np.float32), np.array([0, 3, 1])
    for _ in range(2):
        loss, fast = loss_and_gradients(model, x, labels)
        with kernels.reference_path():
            reference_loss, reference = loss_and_gradients(model, x, labels)
        assert loss == pytest.approx(reference_loss, rel=1e-6 if chosen.normalize else 1e-5)
        tolerance = 2e-5 if chosen.normalize else 2e-4  # sums that grow from layer to layer, and so do their roundings
        for name, theirs in reference.items():
            if name.endswith("key.b") and not chosen.normalize:  # adds the same to every score: its gradient is 0
                theirs = reference[name.replace("key.b", "key.W")]
            assert np.abs(fast[name] - reference[name]).max() <= tolerance * np.abs(theirs).max(), name
        randomize(model, rng)


# Parameters, names and where the choices go.

LAYERS = {
    "BNFCL": lambda **o: BNFCL(4, 3, **o),
    "BNCVL": lambda **o: BNCVL(3, 4, 3, **o),
    "BEMBL": lambda **o: BEMBL(6, 4, 9, **o),
    "BATL": lambda **o: BATL(4, 2, **o),
    "BTFB": lambda **o: BTFB(4, 2, 8, **o),
    "BLM": lambda **o: BLM(*TEXT, **o),
    "BCVNN": lambda **o: BCVNN(1, 4, **TINY, **o),
}
TWINS = {
    "StandardFCL": lambda **o: StandardFCL(4, 3, **o),
    "StandardCVL": lambda **o: StandardCVL(3, 4, 3, **o),
    "StandardTFB": lambda **o: StandardTFB(4, 2, 8, **o),
    "BLM.standard": lambda **o: BLM.standard(*TEXT, **o),
    "BCVNN.standard": lambda **o: BCVNN.standard(1, 4, **TINY, **o),
}
BUILDS = LAYERS | TWINS


@pytest.mark.parametrize("name", BUILDS)
def test_without_biases_there_are_none(name):
    build = BUILDS[name]
    usual = [(n, t.shape) for n, t in build(rng=ShapesOnly()).named_parameters()]
    without = build(choices=Choices(bias=False), rng=ShapesOnly())
    names = [(n, t.shape) for n, t in without.named_parameters()]
    assert names == [pair for pair in usual if not re.search(r"(^|\.)b$", pair[0])]
    assert len(names) < len(usual)
    assert without.num_parameters() == sum(int(np.prod(shape)) for _, shape in names)


@pytest.mark.parametrize("name", BUILDS)
def test_the_defaults_are_what_it_was(name):
    """And so is the start: a layer without biases draws the same kernels."""
    parameters = [
        dict(BUILDS[name](rng=np.random.default_rng(0), **options).named_parameters())
        for options in ({}, {"choices": None}, {"choices": Choices()}, {"choices": Choices(bias=False)})
    ]
    for other in parameters[1:]:
        assert all(np.array_equal(parameters[0][key].data, tensor.data) for key, tensor in other.items())
    assert parameters[0].keys() == parameters[1].keys() == parameters[2].keys()


@pytest.mark.parametrize("name", LAYERS)
def test_all_layers_below_are_told(name):
    chosen = Choices("zero", 0.5, False, False)
    module = LAYERS[name](choices=chosen, rng=ShapesOnly())
    assert {child.choices for _, child in module.named_modules()} == {chosen}
    assert module.latent_thresholds() == {key: "zero" for key, _ in module.named_parameters()}


def test_presets_hand_choices_on():
    chosen = Choices(epsilon=0.5, bias=False)
    for preset, outputs in ((IMAGE_PRESETS["tiny"], 4), (TEXT_PRESETS["tiny"], 20)):
        for standard in (False, True):
            model = preset.build(outputs, standard=standard, choices=chosen, rng=ShapesOnly())
            assert model.choices == chosen
            assert not [name for name, _ in model.named_parameters() if name.endswith(".b")]
        assert preset.build(outputs, rng=ShapesOnly()).choices == Choices()


def test_the_epsilon_of_the_twins():
    rng = np.random.default_rng(0)
    x, chosen = rng.normal(size=(3, 5, 5, 4)), Choices(epsilon=0.5)
    normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 0.5)
    np.testing.assert_allclose(ScaledNormalize(4, 0.5)(x).data, normal, rtol=1e-6)
    for layer in (
        StandardFCL(4, 4, normalize=True, choices=chosen, rng=rng),
        StandardCVL(4, 4, 1, normalize=True, choices=chosen, rng=rng),
    ):
        layer.W.data = np.eye(4).reshape(layer.W.shape)
        np.testing.assert_allclose(layer(x).data, normal, rtol=1e-6)
    epsilons = [
        module.epsilon
        for _, module in BLM.standard(*TEXT, choices=chosen).named_modules()
        if isinstance(module, ScaledNormalize)
    ]
    assert epsilons == [0.5] * 5


def test_a_twin_without_biases_learns_and_is_the_same_with_biases_of_zero():
    for name, x in (("BLM.standard", np.array([[1, 2, 3]])), ("BCVNN.standard", np.full((1, 16, 16, 3), 0.5))):
        usual, without = (
            TWINS[name](rng=np.random.default_rng(0), **options) for options in ({}, {"choices": Choices(bias=False)})
        )
        with evaluating(usual), evaluating(without):
            np.testing.assert_allclose(without.logits(x).data, usual.logits(x).data, rtol=1e-6, atol=1e-6)
        output = without.logits(x)
        output.backward(np.ones(output.shape))
        assert all(np.isfinite(grad).all() for grad in gradients(without).values())


@each_combination
def test_text_with_and_without_a_cache_is_the_same(chosen):
    model, _, rng = made(BLM, 12, 8, 2, 30, (20, 16), 2, chosen=chosen, dtype=np.float32)
    ids = rng.integers(30, size=(1, 12))
    with evaluating(model):
        past, whole = model.new_cache(), model.logits(ids).data
        parts = [model.logits(ids[:, i : i + 1], past=past).data for i in range(12)]
    assert np.abs(np.concatenate(parts, 1) - whole).max() <= 1e-5 * np.abs(whole).max()
    greedy = list(generate(model, [3], 10, temperature=0))
    window = [3]
    with evaluating(model):
        for token in greedy:
            assert token == model.logits(np.array([window])).data[0, -1].argmax()
            window.append(token)


# Bits that flip.


class Mixed(Module):
    """One layer by the mean, one by zero, and floats."""

    def __init__(self):
        self.mean, self.zero = BNFCL(2, 2), BNFCL(2, 2, choices=Choices("zero", bias=False))
        self.float = StandardFCL(2, 2)


def test_flips_are_counted_by_the_threshold_of_each_layer():
    model = Mixed()
    assert model.latent_thresholds() == {"mean.W": "mean", "mean.b": "mean", "zero.W": "zero"}
    counter = FlipCounter(model)
    for layer in (model.mean, model.zero):
        layer.W.data[...] = [[1, 2], [3, 4]]
    counter.ratio()
    for layer in (model.mean, model.zero):
        layer.W.data -= 3.5  # of the first the mean moves along
    assert counter.ratio() == 3 / 10
    assert bits_of(model.zero.W.data, "zero").tolist() == [[False, False], [False, True]]
    model.zero.W.data += 0.25  # nothing crosses zero
    assert counter.ratio() == 0


# What is refused.


@pytest.mark.parametrize(
    ("field", "values", "expected"),
    [
        ("threshold", ["median", "", None, 0, ["mean"], "Mean"], "'mean' or 'zero'"),
        (
            "epsilon",
            [0, 0.0, -1e-5, float("nan"), float("inf"), 10**400, "1e-5", None, True, [1e-5]],
            "a number above 0, such as 1e-5",
        ),
        ("normalize", [0, 1, "false", None, []], "True or False"),
        ("bias", [0, 1, "no", None, np.bool_(True)], "True or False"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused_by_name(field, values, expected):
    for value in values:
        with pytest.raises(InputError) as raised:
            Choices(**{field: value})
        assert str(raised.value) == f"Choices: {field} expects {expected}, and got {value!r}"


@pytest.mark.parametrize("name", BUILDS)
def test_what_are_no_choices_is_refused(name):
    for wrong in ({"bias": False}, "zero", Choices):
        with pytest.raises(InputTypeError, match=r"choices expects Choices\(...\), such as .*, and got"):
            BUILDS[name](choices=wrong, rng=ShapesOnly())


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_refuses_what_says_nothing_of_it(name):
    for chosen, says in (
        (Choices(threshold="zero"), "has no bits, so choices.threshold expects its default, 'mean', and is 'zero'"),
        (Choices(normalize=False), "so choices.normalize expects True, and is False"),
    ):
        with pytest.raises(InputError, match=says):
            TWINS[name](choices=chosen, rng=ShapesOnly())


def test_choices_cannot_be_changed():
    with contextlib.suppress(AttributeError):
        BNFCL(2, 2).choices.bias = False
    assert Choices() == Choices("mean", 1e-5, True, True)
    assert BNFCL(2, 2).choices.bias
    assert isinstance(BNFCL(2, 2)(Tensor(np.ones((1, 2)))), Tensor)
