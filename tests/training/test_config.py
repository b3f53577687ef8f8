"""Configurations: presets, files and settings on top of each other; whatever is wrong is told by name."""

import dataclasses
import math
import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training.small_runs import small_image_run, small_text_run

from minibnn.errors import InputError, InputTypeError
from minibnn.layers.choices import Choices
from minibnn.models import IMAGE_PRESETS, TEXT_PRESETS
from minibnn.training import SGD, Adam, AdamW
from minibnn.training.config import (
    PRESETS,
    config_text,
    configuration,
    known_options,
    parse_setting,
    read_config,
    read_settings,
)
from minibnn.training.toml import to_toml

NAMES = [(kind, name) for kind, presets in PRESETS.items() for name in presets]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
VALUES = SCALARS | st.lists(SCALARS, max_size=4) | st.lists(st.lists(st.integers(0, 9)), max_size=3)
TABLES = st.recursive(
    st.dictionaries(TEXTS, VALUES, max_size=4),
    lambda tables: st.dictionaries(TEXTS, VALUES | tables, max_size=4),
    max_leaves=6,
)


@given(TABLES)
def test_what_is_written_as_toml_is_read_again(values):
    assert tomllib.loads(to_toml(values)) == values


def test_toml_keeps_types_and_refuses_what_it_has_no_word_for():
    text = to_toml({"a": 1, "b": 1.0, "c": True, "d": math.inf, "e": (1, 2), "f": {"g h": "x"}}, {"f.g h": "why"})
    found = tomllib.loads(text)
    assert [type(found[key]) for key in "abcd"] == [int, float, bool, float]
    assert found["e"] == [1, 2]
    assert '"g h" = "x"' in text
    assert "# why" in text
    for wrong, error in ((None, InputTypeError), (np.float32(1), InputTypeError), ("\ud800", InputError)):
        with pytest.raises(error):
            to_toml({"a": wrong})


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_every_preset_survives_its_file(kind, name, tmp_path):
    for changes in ({}, {"standard": True, "seed": 5}, {"model.epsilon": 1e-3, "model.bias": False}):
        config = configuration(kind, name, changes)
        for comments in (False, True):
            (tmp_path / "config.toml").write_text(config_text(config, comments), encoding="utf-8")
            assert read_config(tmp_path / "config.toml") == config
        assert configuration(kind, name, config.settings()) == config


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_a_preset_is_in_its_configuration(kind, name):
    preset = PRESETS[kind][name]
    found = configuration(kind, name).as_preset()
    assert dataclasses.replace(found, standard_lr=preset.standard_lr) == preset
    assert configuration(kind, name, {"standard": True}).train.lr == preset.standard_lr


def test_every_option_has_a_line_and_a_default_of_its_kind():
    for kind in PRESETS:
        about, kinds, defaults = (known_options(kind, what) for what in ("about", "kind", "default"))
        assert list(about) == list(kinds) == list(defaults) == list(configuration(kind).settings())
        assert all(10 < len(line) < 90 for line in about.values())
        for key, value in defaults.items():
            assert kinds[key].accept(value) == value


def test_the_rate_of_a_twin():
    rates = {
        (): IMAGE_PRESETS["tiny"].lr,
        ("standard",): IMAGE_PRESETS["tiny"].standard_lr,
        ("standard", "model.twin_normalize"): IMAGE_PRESETS["tiny"].lr,
    }
    for names, lr in rates.items():
        assert configuration("image", "tiny", dict.fromkeys(names, True)).train.lr == lr
        assert configuration("image", "tiny", dict.fromkeys(names, True) | {"train.lr": 0.5}).train.lr == 0.5
    assert configuration("text", "tiny", {"standard": True}).train.lr == TEXT_PRESETS["tiny"].standard_lr


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("image", {"train.rl": 1}, "no option 'train.rl' of image runs; did you mean train.lr?"),
        ("image", {"lr": 1}, "did you mean train.lr?"),
        ("image", {"trian.lr": 1}, "did you mean train.lr?"),
        ("image", {"tain.epoch": 1}, "did you mean train.epochs?"),
        ("text", {"model.widths": [1]}, "no option 'model.widths' of text runs"),
        ("text", {"zzz": 1}, "minibnn train text --options lists all of them"),
        ("text", {"train": 1}, "no option 'train'"),
        ("image", {"train.lr": -1}, "train.lr must be a number above 0, and is -1"),
        ("image", {"train.lr": math.nan}, "train.lr must be a number above 0, and is nan"),
        ("image", {"train.lr": "fast"}, "and is 'fast'"),
        ("image", {"train.lr": True}, "and is true"),
        ("image", {"train.epochs": 0}, "train.epochs must be a whole number of at least 1"),
        ("image", {"train.epochs": 1.5}, "and is 1.5"),
        ("image", {"train.decay": "cosin"}, "must be 'constant', 'linear', 'cosine', 'exponential' or 'inverse'"),
        ("image", {"model.widths": [1, 2]}, "must be a list of 5, each a whole number"),
        ("image", {"model.widths": "1,2,x,4,5"}, "must be a list of 5"),
        ("image", {"model.twin_dropout": [0.1, 1]}, "each a number of at least 0 and below 1"),
        ("image", {"data.classes": [1]}, "must be a list of names, or a number of them"),
        ("image", {"data.image_size": 8}, "data.image_size must be a whole number of at least 16"),
        ("image", {"data.folder": 3}, "data.folder must be a text, and is 3"),
        ("text", {"model.mask_value": math.nan}, "model.mask_value must be a number, or -inf"),
        ("text", {"data.vocab_size": 5}, "data.vocab_size must be a whole number of at least 109"),
        ("text", {"data.sentences": 1}, "data.sentences must be true or false, and is 1"),
        ("image", {"seed": -1}, "seed must be a whole number of at least 0"),
        ("image", {"train.floor": 1}, "train.floor must be at most train.lr"),
        ("image", {"train.decay": "exponential"}, "an exponential decay never reaches 0: give train.floor"),
        ("image", {"standard": True, "model.threshold": "zero"}, "are of binary layers"),
        ("image", {"model.twin_normalize": True}, "is of the 32-bit twin"),
        ("sound", {}, "kind must be 'image' or 'text', and is 'sound'"),
    ],
)
def test_what_cannot_be_meant_is_told_by_name(kind, settings, message):
    with pytest.raises(InputError) as caught:
        configuration(kind, "tiny", settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train.lr=1e-3", ("train.lr", 1e-3)),
        ("train.lr = 1", ("train.lr", 1)),
        ("data.folder=food 101", ("data.folder", "food 101")),
        ("data.folder=a=b", ("data.folder", "a=b")),
        ('data.folder="1"', ("data.folder", "1")),
        ("model.widths=[1, 2]", ("model.widths", [1, 2])),
        ("model.widths=1,2", ("model.widths", "1,2")),
        ("model.mask_value=-inf", ("model.mask_value", -math.inf)),
        ("standard=true", ("standard", True)),
        ("data.vocab=", ("data.vocab", "")),
        ("a=1\nb = 2", ("a", "1\nb = 2")),
    ],
)
def test_a_setting_is_a_key_and_a_value(text, expected):
    found = parse_setting(text)
    assert found == expected
    assert type(found[1]) is type(expected[1])


@pytest.mark.parametrize("text", ["train.lr", "=1", ""])
def test_what_is_no_setting(text):
    with pytest.raises(InputError, match=r"expected a setting such as train.lr=1e-3"):
        parse_setting(text)


def test_lists_may_be_written_with_commas():
    config = configuration("image", "tiny", {"data.classes": "pizza, sushi", "model.widths": "1,2,3,4,5"})
    assert (config.data.classes, config.model.widths) == (("pizza", "sushi"), (1, 2, 3, 4, 5))
    assert configuration("image", "tiny", {"data.classes": 4}).data.classes == 4
    assert configuration("image", "tiny", {"data.classes": 0}).data.classes == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"kind = ", "it is damaged, or no TOML"),
        (b"\xff", "it is damaged, or no TOML"),
        (b"[a]\n[a]", "it is damaged, or no TOML"),
        (b"seed = 1", "it does not say its kind"),
        (b'kind = "image"\npreset = 3', "unknown preset 3"),
        (b'kind = "image"\n[train]\nlrr = 1', "no option 'train.lrr' of image runs; did you mean train.lr?"),
        (b'kind = "image"\n[train.deep]\nlr = 1', "no option 'train.deep'"),
        (b'kind = ["image"]', "kind must be"),
    ],
)
def test_a_file_that_cannot_be_meant_is_named(content, message, tmp_path):
    (tmp_path / "mine.toml").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_config(tmp_path / "mine.toml")
    assert str(caught.value).startswith(f"{tmp_path / 'mine.toml'}: ")
    assert message in str(caught.value)


def test_a_file_may_say_only_what_it_changes(tmp_path):
    (tmp_path / "mine.toml").write_text('preset = "small"\nseed = 2\n[train]\nlr = 1\n')
    assert read_settings(tmp_path / "mine.toml") == (None, "small", {"seed": 2, "train.lr": 1})
    with pytest.raises(InputError, match="cannot read"):
        read_settings(tmp_path / "nowhere.toml")


def test_choices_reach_the_model():
    changes = {"model.threshold": "zero", "model.epsilon": 0.5, "model.normalize": False, "model.bias": False}
    for make in (small_image_run, small_text_run):
        model = make(changes).model
        found = {layer.choices for _, layer in model.named_modules() if hasattr(layer, "W")}
        assert found == {Choices("zero", 0.5, False, False)}
    twin = small_image_run({"standard": True, "model.twin_normalize": True, "model.twin_dropout": (0.1, 0.2)}).model
    assert (twin.normalize, twin.fc1.dropout, twin.fc2.dropout) == (True, 0.1, 0.2)


def test_choices_of_training_reach_the_optimizer_and_the_schedule():
    for name, kind in (("adam", Adam), ("adamw", AdamW), ("sgd", SGD)):
        assert type(small_image_run({"train.optimizer": name}).optimizer) is kind
    run = small_text_run({"train.weight_decay": 0.5, "train.beta1": 0.25, "train.adam_epsilon": 1e-3})
    assert (run.optimizer.weight_decay, run.optimizer.betas, run.optimizer.eps) == (0.5, (0.25, 0.999), 1e-3)
    schedule = small_text_run({"train.decay": "linear", "train.decay_steps": 7, "train.floor": 1e-3}).schedule()
    assert (schedule.shape, schedule.decay_steps, schedule.floor, schedule.warmup_steps) == ("linear", 7, 1e-3, 2)
    assert small_text_run().schedule().decay_steps == 12 - 2


def test_padding_counts_where_that_is_wanted():
    plain, counted = small_text_run(), small_text_run({"data.count_padding": True})
    assert plain.train.by_length
    assert not counted.train.by_length
    assert counted.train.counts().sum() == counted.train.labels.size > plain.train.counts().sum()
    assert counted.fit(progress=False)[0]["train_loss"] != plain.fit(progress=False)[0]["train_loss"]


def test_flips_can_be_left_out():
    with_flips, without = (small_image_run({"data.flips": flips}) for flips in (True, False))
    assert with_flips.fit(progress=False)[0]["train_loss"] != without.fit(progress=False)[0]["train_loss"]
