"""Sizes, names, twins, text generation and presets of the two models."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

from minibnn.layers import BNCVL, BNFCL, ShapesOnly
from minibnn.models import BCVNN, BLM, IMAGE_PRESETS, TEXT_PRESETS, preset_named, summary

PRINTED = {"widths": (32, 64, 64, 128, 256), "units": (256, 256)}
SMALL_CLASSIFIER = {"kernel_size": 2, "num_classes": 5, "widths": (4, 5, 6, 7, 8), "units": (9, 10)}
SMALL_TEXT = (6, 8, 2, 11, (7, 9), 2)


def small_text_model(build=BLM, seed=0):
    return build(*SMALL_TEXT, rng=np.random.default_rng(seed))


def small_classifier(build=BCVNN, seed=0, **options):
    return build(**SMALL_CLASSIFIER, **options, rng=np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("kernel_size", "options", "count"),
    [(3, {}, 5_132_165), (5, {}, 13_505_925), (3, PRINTED, 1_403_653), (5, PRINTED, 3_617_029)],
)
@pytest.mark.parametrize("build", [BCVNN, BCVNN.standard])
def test_classifiers_and_their_twins_have_exactly_the_papers_number_of_parameters(build, kernel_size, options, count):
    assert build(kernel_size, **options, rng=ShapesOnly()).num_parameters() == count


PAPER_TEXT = [
    ((256, 768, 16, 30522, (4096, 2048), 12), 154_406_714),
    ((256, 1024, 16, 30522, (8192, 4096), 16), 332_855_098),
]


@pytest.mark.parametrize(("config", "count"), PAPER_TEXT)
def test_language_models_are_counted_without_allocating_them(config, count):
    tracemalloc.start()
    try:
        assert BLM(*config, rng=ShapesOnly()).num_parameters() == count
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("config", "count"), PAPER_TEXT)
def test_the_language_twin_is_larger_by_a_scale_and_a_shift_per_normalize(config, count):
    emb_dim, num_blocks = config[1], config[5]
    twin = BLM.standard(*config, rng=ShapesOnly())
    assert twin.num_parameters() == count + 2 * emb_dim * (2 * num_blocks + 1)


def test_shapes_only_has_the_names_and_shapes_of_the_real_model():
    real, stand_in = small_text_model(), BLM(*SMALL_TEXT, rng=ShapesOnly())
    assert [(n, t.shape) for n, t in real.named_parameters()] == [(n, t.shape) for n, t in stand_in.named_parameters()]


def test_parameter_names_of_the_classifier_are_in_forward_order():
    layers = [f"conv{block}{half}" for block in range(1, 6) for half in "ab"] + ["fc1", "fc2", "fc3"]
    expected = [f"{layer}.{part}" for layer in layers for part in "Wb"]
    assert [name for name, _ in small_classifier().named_parameters()] == expected
    assert [name for name, _ in small_classifier(BCVNN.standard).named_parameters()] == expected


def text_layers(scaled):
    attention = ["query", "key", "value", "projection"]
    yield from ["embed.positions", "embed.tokens"] + ["normalize_embs"] * scaled
    for i in range(2):
        yield from (f"blocks.{i}.attention.{name}" for name in attention)
        yield from [f"blocks.{i}.normalize_attention"] * scaled
        yield from [f"blocks.{i}.ff_in", f"blocks.{i}.ff_out"] + [f"blocks.{i}.normalize_ffn"] * scaled
    yield from ["mlp1", "mlp2", "output"]


@pytest.mark.parametrize("build", [BLM, BLM.standard])
def test_parameter_names_of_the_language_model_are_dotted_and_in_forward_order(build):
    expected = [
        f"{layer}.{part}"
        for layer in text_layers(scaled=build is not BLM)
        for part in (("scale", "shift") if "normalize" in layer else "Wb")
    ]
    assert [name for name, _ in small_text_model(build).named_parameters()] == expected


@pytest.mark.parametrize("build", [BCVNN, BCVNN.standard])
def test_the_same_generator_gives_the_same_classifier(build):
    assert_same_seed_same_model(lambda seed: small_classifier(build, seed))


@pytest.mark.parametrize("build", [BLM, BLM.standard])
def test_the_same_generator_gives_the_same_language_model(build):
    assert_same_seed_same_model(lambda seed: small_text_model(build, seed))


def assert_same_seed_same_model(build):
    one, same, other = (dict(build(seed).named_parameters()) for seed in (3, 3, 4))
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor.data, same[name].data)
        if name.endswith("W"):
            assert not np.array_equal(tensor.data, other[name].data), name


@pytest.mark.parametrize("build", [BCVNN, BCVNN.standard])
def test_a_classifier_ends_in_probabilities_and_logits_stop_before(build):
    model = small_classifier(build)
    model.trainable = False
    image = np.random.default_rng(0).uniform(-1, 1, size=(3, 16, 20, 3)).astype(np.float32)
    assert_probabilities(model(image).data, model.logits(image).data, (3, 5))


@pytest.mark.parametrize("build", [BLM, BLM.standard])
def test_a_language_model_ends_in_probabilities_and_logits_stop_before(build):
    model = small_text_model(build)
    seq = np.random.default_rng(0).integers(11, size=(2, 4))
    assert_probabilities(model(seq).data, model.logits(seq).data, (2, 4, 11))


def assert_probabilities(probabilities, logits, shape):
    assert probabilities.shape == logits.shape == shape
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-6)
    exps = np.exp(logits.astype(np.float64))
    np.testing.assert_allclose(probabilities, exps / exps.sum(-1, keepdims=True), rtol=1e-5)


def test_dropout_drops_only_while_trainable():
    model = small_classifier(BCVNN.standard)
    image = np.random.default_rng(0).uniform(-1, 1, size=(2, 16, 16, 3)).astype(np.float32)
    assert not np.array_equal(model(image).data, model(image).data)
    model.trainable = False
    np.testing.assert_array_equal(model(image).data, model(image).data)
    assert (model.fc1.dropout, model.fc2.dropout, model.fc3.dropout) == (0.4, 0.3, 0.0)


def test_dropout_zeroes_its_share_and_keeps_the_mean():
    layer = small_classifier(BCVNN.standard).fc1
    layer.b.data = np.full(9, 1, np.float32)
    layer.W.data = np.zeros_like(layer.W.data)
    dropped = layer(np.ones((5000, 8), np.float32)).data
    assert abs((dropped == 0).mean() - 0.4) < 0.02
    assert abs(dropped.mean() - 1) < 0.03


@pytest.mark.parametrize("build", [BCVNN, BCVNN.standard])
@pytest.mark.parametrize(("over", "axes"), [("channels", (-1,)), ("example", (-3, -2, -1))])
def test_normalize_over_reaches_every_convolution(build, over, axes):
    model = small_classifier(build, normalize_over=over)
    found = [layer.axes for name, layer in model.named_modules() if name.startswith("conv")]
    assert found == [axes] * 10


@pytest.mark.parametrize("normalize", [False, True])
def test_the_normalize_option_reaches_every_layer_of_the_twin(normalize):
    model = small_classifier(BCVNN.standard, normalize=normalize)
    assert [layer.normalize for _, layer in model.named_children()] == [normalize] * 13


def test_the_mask_value_reaches_every_block():
    for build in (BLM, BLM.standard):
        model = build(*SMALL_TEXT, mask_value=-1e-10, rng=np.random.default_rng(0))
        assert [block.attention.mask_value for block in model.blocks] == [-1e-10, -1e-10]


def test_the_models_are_built_of_the_layers_of_the_paper():
    model = BCVNN(rng=ShapesOnly())
    assert {type(layer) for _, layer in model.named_children()} == {BNCVL, BNFCL}
    channels = [layer.W.shape[2:] for name, layer in model.named_children() if name.startswith("conv")]
    assert channels == [(3, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]  # fmt: skip  # noqa: E501
    assert small_text_model().blocks[0].ff_in.W.shape == (8, 16)


@pytest.mark.parametrize("name", IMAGE_PRESETS)
@pytest.mark.parametrize("standard", [False, True])
def test_image_presets_build_what_they_say(name, standard):
    preset = IMAGE_PRESETS[name]
    model = preset.build(10, standard=standard, rng=ShapesOnly())
    assert model.conv1a.W.shape == (preset.kernel_size, preset.kernel_size, 3, preset.widths[0])
    assert model.fc3.W.shape == (preset.units[1], 10)
    assert bool(model.named_latent_weights()) != standard


@pytest.mark.parametrize("name", TEXT_PRESETS)
@pytest.mark.parametrize("standard", [False, True])
def test_text_presets_build_what_they_say(name, standard):
    preset = TEXT_PRESETS[name]
    model = preset.build(preset.vocab_size, standard=standard, rng=ShapesOnly())
    assert model.max_len == preset.max_len
    assert len(model.blocks) == preset.num_blocks
    assert model.embed.tokens.W.shape == (preset.vocab_size, preset.emb_dim)
    assert model.output.W.shape == (preset.mlp_units[1], preset.vocab_size)
    assert bool(model.named_latent_weights()) != standard


def test_the_papers_presets_have_the_papers_sizes():
    counts = {name: IMAGE_PRESETS[name].build(101, rng=ShapesOnly()).num_parameters() for name in IMAGE_PRESETS}
    counts |= {name: p.build(p.vocab_size, rng=ShapesOnly()).num_parameters() for name, p in TEXT_PRESETS.items() if "blm" in name}  # fmt: skip  # noqa: E501
    assert [counts[n] for n in ("paper-3x3", "paper-5x5", "blm-small", "blm-large")] == [
        5_132_165, 13_505_925, 154_406_714, 332_855_098,
    ]  # fmt: skip


def test_presets_are_found_by_name_and_cannot_be_changed():
    assert preset_named("tiny", TEXT_PRESETS) is TEXT_PRESETS["tiny"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        TEXT_PRESETS["tiny"].epochs = 3
    with pytest.raises(ValueError, match=r"unknown preset 'tinny'.*Did you mean 'tiny'"):
        preset_named("tinny", TEXT_PRESETS)


@pytest.mark.parametrize("model", [small_classifier(), small_text_model(), small_text_model(BLM.standard)], ids=repr)
def test_the_last_line_of_the_summary_is_the_number_of_parameters(model):
    lines = summary(model, 6 if isinstance(model, BLM) else 16).splitlines()
    total = lines[-1].split()
    assert total[0] == "total"
    assert total[2] == f"{model.num_parameters():,}"
    assert total[3] == f"{4 * model.num_parameters():,}"
    assert total[4] == f"{-(-model.num_parameters() // 8):,}"
    column = lines[0].index("parameters") + len("parameters")
    parts = [int(line[:column].split()[-1].replace(",", "")) for line in lines[2:-1]]
    assert sum(parts) == model.num_parameters()


def test_the_output_shapes_of_the_summary_are_the_shapes_of_the_outputs():
    model, shapes = small_classifier(), {}
    for name, layer in model.named_children():
        layer.forward = watched(layer.forward, shapes, name)
    model(np.random.default_rng(0).uniform(-1, 1, size=(1, 35, 35, 3)).astype(np.float32))
    assert {name: model.output_shape(name, 35) for name in shapes} == shapes


def watched(forward, shapes, name):
    def run(*inputs, **options):
        output = forward(*inputs, **options)
        shapes[name] = output.shape[1:]
        return output

    return run


def test_repr_says_whether_the_parameters_are_bits():
    assert repr(small_text_model()) == f"BLM({small_text_model().num_parameters():,} one-bit parameters)"
    assert "one-bit" not in repr(small_text_model(BLM.standard))
