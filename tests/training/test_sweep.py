"""Sweeps: the grid, its text forms, and the figures of the table."""

import csv
import itertools
import statistics

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minibnn.cli import _parser
from minibnn.commands.train import config_of
from minibnn.errors import InputError
from minibnn.training.config import configuration
from minibnn.training.run_list import RunSummary
from minibnn.training.sweep import parse_seeds, parse_vary, plan_text, sweep_plan
from minibnn.training.sweep_folder import PLAN, Outcome, read_plan
from minibnn.training.sweep_jobs import train_command
from minibnn.training.sweep_table import Spread, table_csv, table_rows, table_text
from minibnn.training.toml import to_toml

# ---- the grid and its text forms

ITEMS = st.one_of(
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
)
VALUES = st.one_of(ITEMS, st.lists(ITEMS, max_size=4))


def as_toml(value):
    return to_toml({"value": value}).removeprefix("value = ").removesuffix("\n")


@given(st.lists(VALUES, min_size=1, max_size=5), st.sampled_from([",", " , ", ", "]))
@example([["a]b", 'c,"d'], "e,[f", ""], ",")
def test_values_are_read_back(values, comma):
    assert parse_vary("train.lr=" + comma.join(map(as_toml, values))) == ("train.lr", values)


WORDS = st.text("abcdefghijklmnopqrstuvwxyzABC-_/.'", min_size=1).filter(
    lambda word: word[0] != "'" and word not in ("true", "false", "inf", "nan", "-inf", "-nan")
)


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_bare_words_are_texts_also_in_lists(words):
    assert parse_vary("data.folder=" + ",".join(words))[1] == words
    plain = [word for word in words if "'" not in word] or ["x"]
    assert parse_vary(f"data.classes=[{','.join(plain)}],[{plain[0]},],[]")[1] == [plain, [plain[0]], []]


@pytest.mark.parametrize("text", ["", "lr", "=1", "lr=", "lr=1,", "lr=,1", "lr=1,,2", "lr=[1,2", "lr=[[1],2]", 'lr="a'])
def test_wrong_forms_of_values_are_told(text):
    with pytest.raises(InputError, match="expected"):
        parse_vary(text)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("3", (0, 1, 2)), ("3,4,5", (3, 4, 5)), ("7,", (7,)), (" 1 ", (0,)), ("5, 0", (5, 0)), ("0,", (0,))],
)
def test_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "1.5", ",", "1,,2", "20000", "9" * 30, "\u0663"])
def test_wrong_seeds_are_told(text):
    with pytest.raises(InputError, match="seeds"):
        parse_seeds(text)


GRIDS = st.fixed_dictionaries(
    {},
    optional={
        "model.normalize_over": st.permutations(["channels", "example"]),
        "train.lr": st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=3, unique=True),
        "data.flips": st.sampled_from([[True], [False, True]]),
        "model.widths": st.lists(
            st.lists(st.integers(1, 99), min_size=5, max_size=5), min_size=1, max_size=2, unique_by=str
        ),
        "data.folder": st.lists(st.text("aA/.: é\n", min_size=1, max_size=4), min_size=1, max_size=2, unique=True),
    },
)


@given(GRIDS, st.lists(st.integers(0, 2**62), min_size=1, max_size=3, unique=True), st.floats(1e-9, 0.5))
def test_a_plan_is_the_product_in_order_and_is_read_back(vary, seeds, momentum):
    settings = {"train.momentum": momentum, "standard": False}
    plan = sweep_plan("image", "tiny", settings, vary, seeds)
    expected = [
        configuration("image", "tiny", settings | dict(zip(vary, values, strict=True)) | {"seed": seed})
        for *values, seed in itertools.product(*vary.values(), seeds)
    ]
    assert [run.config for run in plan.runs] == expected
    assert [cell for cell in plan.cells for _ in seeds] == [run.cell for run in plan.runs]
    names = [run.name for run in plan.runs]
    assert len({name.lower() for name in names}) == len(names)
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-=,")
    assert all(set(name) <= allowed and len(name) < 200 and name[0].isalpha() for name in names)
    folder = pytest.MonkeyPatch()
    with folder.context() as patch:
        patch.setattr("pathlib.Path.is_file", lambda path: True)
        patch.setattr("pathlib.Path.read_bytes", lambda path: plan_text(plan).encode())
        assert read_plan("anywhere") == plan


def test_names_can_be_read():
    plan = sweep_plan("image", vary={"model.normalize_over": ["channels", "example"], "train.lr": [1e-3]}, seeds=[0, 4])
    assert [run.name for run in plan.runs][1:3] == [
        "normalize_over=channels,lr=0.001,seed=4",
        "normalize_over=example,lr=0.001,seed=0",
    ]
    assert sweep_plan("text").runs[0].name == "seed=0"


WRONG = {
    "unknown key": ({}, {"model.normalise_over": ["example"]}, (0,), "did you mean model.normalize_over"),
    "unknown setting": ({"lr": 1.0}, {}, (0,), "did you mean train.lr"),
    "value": ({}, {"train.lr": [1e-3, -1.0]}, (0,), "train.lr must be a number above 0, and is -1.0"),
    "list": ({}, {"model.units": [8, 16]}, (0,), "list in brackets: model.units="),
    "twice": ({}, {"train.lr": [1, 1.0]}, (0,), "comes twice"),
    "seeds twice": ({}, {}, (1, 1), "seeds: a value comes twice"),
    "none": ({}, {"train.lr": []}, (0,), "at least one value"),
    "no seeds": ({}, {}, (), "seeds: expected at least one value"),
    "a wrong seed": ({}, {}, (-1,), "seed must be"),
    "seed varied": ({}, {"seed": [1]}, (0,), "--seeds"),
    "seed set": ({"seed": 1}, {}, (0,), "--seeds"),
    "set and varied": ({"train.lr": 1.0}, {"train.lr": [1.0]}, (0,), "both set and varied"),
    "too many": ({}, {"train.lr": list(range(1, 2000)), "train.epochs": list(range(1, 2000))}, (0,), "3,996,001 runs"),
    "together": ({}, {"train.floor": [0.0, 5.0]}, (0,), "floor=5.0: train.floor must be at most"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_plans_are_told(what):
    settings, vary, seeds, message = WRONG[what]
    with pytest.raises(InputError) as told:
        sweep_plan("image", "tiny", settings, vary, seeds)
    assert message in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "text",
    [
        "kind = ",
        "",
        'kind = "image"\n',
        'kind = 1\npreset = "tiny"\nseeds = [0]\n[settings]\n[vary]\n',
        'kind = "image"\npreset = ["a"]\nseeds = [0]\n[settings]\n[vary]\n',
        'kind = "image"\npreset = "tiny"\nseeds = 3\n[settings]\n[vary]\n',
        'kind = "image"\npreset = "tiny"\nseeds = [[0]]\n[settings]\n[vary]\n',
        'kind = "image"\npreset = "tiny"\nseeds = [0]\nsettings = 1\n[vary]\n',
        'kind = "image"\npreset = "tiny"\nseeds = [0]\n[settings]\n[vary]\n"train.lr" = 1\n',
        'kind = "image"\npreset = "tiny"\nseeds = [0]\n[settings]\n[vary]\n"train.lr" = [{a = 1}]\n',
        'kind = "image"\npreset = "tiny"\nseeds = [0]\n[settings]\n[vary]\n"../x" = [1]\n',
        "a = " + "[" * 5000,
    ],
)
def test_a_damaged_plan_is_told(text, tmp_path):
    (tmp_path / PLAN).write_text(text)
    with pytest.raises(InputError, match=PLAN):
        read_plan(tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        configuration("image", "tiny", {"data.folder": "/a b/'c\"\\", "data.classes": ("pie", "a, b"), "seed": 3}),
        configuration("image", "small", {"standard": True, "model.twin_normalize": True, "train.floor": 1e-7}),
        configuration("text", "tiny", {"model.mask_value": -float("inf"), "data.sentences": True}),
    ],
)
def test_the_command_of_a_run_asks_for_just_its_configuration(config, tmp_path):
    plan = sweep_plan(config.kind, config.preset, {}, {}, [3])
    (run,) = plan.runs
    command = train_command(run.__class__(run.name, {}, 3, config), tmp_path)
    options = _parser().parse_args(command[command.index("train") :])
    assert config_of(options, config.kind) == config
    assert options.out_dir == str(tmp_path)


# ---- the table


def outcome_of(run, figures, metric="accuracy", state="finished", reason=""):
    history = [{"epoch": n, "step": n, f"val_{metric}": figure} for n, figure in enumerate(figures, start=1)]
    summary = RunSummary(None, run.config, history, 1, None, len(figures), "finished") if state == "finished" else None
    return Outcome(run, state, reason, summary)


FIGURES = st.lists(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=3), min_size=8, max_size=8)


@given(
    FIGURES,
    st.sampled_from(["image", "text"]),
    st.lists(st.sampled_from(["finished", "failed", "open"]), min_size=8, max_size=8),
)
def test_figures_of_the_table_are_those_of_statistics(figures, kind, states):
    plan = sweep_plan(kind, vary={"train.lr": [1.0, 2.0]}, seeds=[0, 1, 5, 7])
    outcomes = [
        outcome_of(run, *rest[:1], plan.metric, rest[1]) for run, *rest in zip(plan.runs, figures, states, strict=True)
    ]
    best_of = max if kind == "image" else min
    lines = list(csv.DictReader(table_csv(plan, outcomes).splitlines()))
    for number, row in enumerate(table_rows(plan, outcomes)):
        mine = range(4 * number, 4 * number + 4)
        finished = [figures[i] for i in mine if states[i] == "finished"]
        counts = [sum(states[i] == state for i in mine) for state in ("finished", "failed", "open")]
        assert [row.n, row.failed, row.open] == counts
        assert row.cell == {"train.lr": 1.0 + number}
        for name, spread, ours in (
            ("best", row.best, [best_of(f) for f in finished]),
            ("last", row.last, [f[-1] for f in finished]),
        ):
            key = f"{name}_val_{plan.metric}"
            if not ours:
                assert spread is None
                assert lines[number][f"{key}_mean"] == ""
                continue
            assert spread.mean == pytest.approx(statistics.mean(ours))
            assert spread.sd == (pytest.approx(statistics.stdev(ours)) if len(ours) > 1 else None)
            assert (spread.least, spread.most) == (min(ours), max(ours))
            assert float(lines[number][f"{key}_mean"]) == spread.mean
            assert lines[number][f"{key}_sd"] == ("" if spread.sd is None else repr(spread.sd))


def test_the_table_as_text():
    plan = sweep_plan(
        "image", vary={"model.normalize_over": ["channels", "example"], "standard": [False]}, seeds=[0, 1]
    )
    reason = "the training loss is nan"
    outcomes = [outcome_of(run, [0.25, 0.5, 0.125 * (n + 1)]) for n, run in enumerate(plan.runs[:3])]
    outcomes.append(outcome_of(plan.runs[3], [], state="diverged", reason=reason))
    lines = table_text(plan, outcomes).splitlines()
    narrow = table_text(plan, outcomes, 80).splitlines()
    assert " ".join(narrow[2].split()) == "normalize_over standard runs failed best accuracy sd last accuracy sd"
    assert max(map(len, narrow[2:])) <= 80 < max(map(len, lines[2:]))
    assert table_text(plan, outcomes, 400).splitlines() == lines
    assert "over seeds 0, 1" in lines[0]
    assert lines[2].split()[:5] == ["normalize_over", "standard", "runs", "failed", "best"]
    assert lines[4].split() == [
        "channels",
        "false",
        "2",
        "0",
        "50.0%",
        "0.0%",
        "50.0%..50.0%",
        "18.8%",
        "8.8%",
        "12.5%..25.0%",
    ]
    assert lines[5].split() == [
        "example",
        "false",
        "1",
        "1",
        "50.0%",
        "-",
        "50.0%..50.0%",
        "37.5%",
        "-",
        "37.5%..37.5%",
    ]
    assert lines[-1].split(": ") == ["  normalize_over=example,standard=false,seed=1", reason]
    assert Spread.of([]) is None
