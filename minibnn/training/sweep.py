"""Sweeps: a grid of configurations, each trained with several seeds, planned here and kept in a folder.

plan = sweep_plan("image", "tiny", {"train.epochs": 6}, {"model.normalize_over": ["channels", "example"]}, range(3))
with SweepFolder.open("runs/axes", plan) as folder:     # `minibnn.training.sweep_folder`
    train_sweep(folder, jobs=2)                         # `minibnn.training.sweep_jobs`
    print(table_text(plan, folder.outcomes()))          # `minibnn.training.sweep_table`
"""

import itertools
import math
import re
from dataclasses import dataclass

from minibnn.errors import InputError
from minibnn.training.config import Config, configuration, known_options, parse_setting
from minibnn.training.options import checked
from minibnn.training.toml import to_toml

MOST_RUNS = 10_000
LONGEST_NAME = 150

_QUOTED = r""" "(?:\\.|[^"\\])*" | '[^']*' """
_ONE_VALUE = re.compile(
    rf"""\s* ( \[ (?: {_QUOTED} | [^\]\["'] )* \] | {_QUOTED} | [^\]\[,"'\s][^,]* ) \s* (,|\Z)""", re.VERBOSE
)


@dataclass(frozen=True)
class PlannedRun:
    """A run of a sweep: `name` of its folder, `cell` of the grid (dict of what is varied), `seed`, and its Config."""

    name: str
    cell: dict
    seed: int
    config: Config


@dataclass(frozen=True)
class Plan:
    """What a sweep trains, made by `sweep_plan`.

    `kind`, `preset`: as of a Config. `settings`: flat dict of what differs from the preset in all runs. `vary`: dict of
    a key to the tuple of its values; the grid is their product, the last key varying fastest. `seeds`: tuple of int.
    `runs`: tuple of PlannedRun in the order of the grid, the seeds of a cell side by side.
    """

    kind: str
    preset: str
    settings: dict
    vary: dict
    seeds: tuple
    runs: tuple

    @property
    def cells(self):
        """The cells of the grid in order: list of dict of a varied key to its value; one empty dict if none varies."""
        return _grid(self.vary)

    @property
    def metric(self):
        """The figure that the runs are compared by: "accuracy" or "perplexity"."""
        return "accuracy" if self.kind == "image" else "perplexity"

    def differences(self, other):
        """What another Plan has otherwise, as a text for people; "" if they are equal."""
        mine, theirs = self._choices(), other._choices()
        changed = [key for key in mine | theirs if mine.get(key) != theirs.get(key)]
        told = [f"{key}: {_told(mine.get(key))} there, {_told(theirs.get(key))} here" for key in changed]
        return "; ".join(told[:3] + ([f"and {len(told) - 3} more"] if len(told) > 3 else []))

    def _choices(self):
        one = {"kind": self.kind, "preset": self.preset} | self.settings
        return {key: (value,) for key, value in one.items()} | {"seeds": self.seeds} | self.vary


def sweep_plan(kind, preset="tiny", settings=None, vary=None, seeds=(0,)):
    """The Plan of a sweep.

    Args:
        kind, preset, settings: of all runs, as `configuration` takes them. The seed is no setting here.
        vary: dict of a key, such as "model.normalize_over", to a list of its values; None or empty for one cell.
        seeds: whole numbers; each cell is trained with each of them.

    Raises:
        InputError: for an unknown key, with the nearest known one, a value that cannot be used or comes twice, values
            that exclude each other in some cell, a key that is both set and varied, or more than 10,000 runs.
    """
    settings, vary, seeds = dict(settings or {}), {k: list(v) for k, v in (vary or {}).items()}, list(seeds)
    if "seed" in settings or "seed" in vary:
        raise InputError("the seed is not set or varied like other options: give the seeds of each cell (--seeds)")
    if both := set(settings) & set(vary):
        raise InputError(f"{min(both)} is both set and varied: leave one of the two out")
    for what, values in [*vary.items(), ("seeds", seeds)]:
        if not values:
            raise InputError(f"{what}: expected at least one value, and got none")
    if (count := math.prod(map(len, [*vary.values(), seeds]))) > MOST_RUNS:
        raise InputError(f"this grid has {count:,} runs, and a sweep at most {MOST_RUNS:,}: vary fewer values")
    configuration(kind, preset)  # raises for a kind or preset that there is not
    settings = {key: _as_kept(kind, key, value) for key, value in settings.items()}
    vary = {key: tuple(_as_kept(kind, key, value) for value in values) for key, values in vary.items()}
    for what, values in [*vary.items(), ("seeds", seeds)]:
        if len(set(map(repr, values))) < len(values):
            raise InputError(f"{what}: a value comes twice in {_told(tuple(values))}: leave one out")
    runs = _runs(kind, preset, settings, _grid(vary), tuple(seeds))
    return Plan(kind, preset, settings, vary, tuple(seeds), runs)


def parse_vary(text):
    """(key, values) of a text such as "train.lr=1e-3,3e-4": each value as TOML has it, or else as a text.

    A list stands in brackets, "model.widths=[8,16,32,64,128],[4,8,16,32,64]"; a text with a comma in quotes.
    Raises InputError if it has another form.
    """
    key, sign, values = text.partition("=")
    if not sign or not key.strip():
        raise InputError(f"expected a key and its values, such as train.lr=1e-3,3e-4, and got {text!r}")
    return key.strip(), _values(values, text)


def parse_seeds(text):
    """The seeds that a text names: "3" for 0, 1 and 2, or the seeds themselves, as in "3,4,5" ("7," for 7 alone)."""
    words = [word.strip() for word in text.split(",")]
    if len(words) > 1 and not words[-1]:
        words.pop()
    if not all(word.isascii() and word.isdigit() and len(word) < 19 for word in words) or text.strip() == "0":
        raise InputError(f"expected a number of seeds, such as 3, or seeds such as 3,4,5, and got {text!r}")
    numbers = tuple(map(int, words))
    if "," in text:
        return numbers
    if numbers[0] > MOST_RUNS:
        raise InputError(f"{text} would be that many seeds, and a sweep has at most {MOST_RUNS:,} runs")
    return tuple(range(numbers[0]))


def _values(text, whole):
    """The values in a text, separated by commas."""
    values, place, more = [], 0, True
    while more:
        found = _ONE_VALUE.match(text, place)
        if found is None:
            raise InputError(
                f"expected values with commas between them, a list in brackets, a text with a comma, or an empty one, "
                f'in quotes, as in key=1,[2,3],"a, b"; and got {whole!r}'
            )
        value, place, more = found[1].strip(), found.end(), found[2] == ","
        inner = value[1:-1].strip().removesuffix(",") if value.startswith("[") else None
        values.append(parse_setting(f"value={value}")[1] if inner is None else _values(inner, whole) if inner else [])
    return values


def _grid(vary):
    return [dict(zip(vary, values, strict=True)) for values in itertools.product(*vary.values())]


def _as_kept(kind, key, value):
    """A value as a Config keeps it, so that equal ones are equal: 1e-3 is 0.001, and a list a tuple."""
    known = known_options(kind, "kind")
    if key not in known:
        configuration(kind, settings={key: value})  # raises, and names the nearest key
    try:
        return checked(key, value, known[key])
    except InputError as error:
        is_list = isinstance(known_options(kind, "default")[key], tuple) and not isinstance(value, list | tuple)
        hint = f"; write a list in brackets: {key}=[...],[...]" if is_list else ""
        raise InputError(f"{error}{hint}") from None


def _runs(kind, preset, settings, cells, seeds):
    """All planned runs, their names readable; those of a grid with long or equal names get numbers instead."""
    labels = [_label(cell) for cell in cells]
    if len({label.lower() for label in labels}) < len(cells) or max(map(len, labels)) > LONGEST_NAME:
        labels = [f"cell={number}" for number in range(1, len(cells) + 1)]
    runs = []
    for cell, label in zip(cells, labels, strict=True):
        for seed in seeds:
            try:
                config = configuration(kind, preset, settings | cell | {"seed": seed})
            except InputError as error:
                raise InputError(f"{_label(cell)}: {error}" if cell else str(error)) from None
            runs.append(PlannedRun(f"{label},seed={seed}" if cell else f"seed={seed}", cell, seed, config))
    return tuple(runs)


def _label(cell):
    """A cell as a part of the name of a folder: nothing in it but letters, digits and . _ + - = and commas."""
    short = [key.rpartition(".")[2] for key in cell]
    names = short if len(set(short)) == len(short) else list(cell)
    return ",".join(f"{name}={_safe(shown_value(value))}" for name, value in zip(names, cell.values(), strict=True))


def _safe(text):
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", text)


def shown_value(value):
    """A value of the grid in a table or a name: true, 0.001, example, 8-16-32 for a list, - for an empty one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "-".join(map(shown_value, value)) or "-"
    return str(value) or "-"


def _told(value):
    """A tuple of values in an error, not too much of it."""
    if value is None:
        return "not given"
    text = ", ".join(map(shown_value, value))
    return text if len(text) <= 80 else f"{text[:80]} ..."


def plan_text(plan):
    """A Plan as TOML, which `read_plan` reads."""
    values = {"kind": plan.kind, "preset": plan.preset, "seeds": plan.seeds}
    return to_toml(values | {"settings": plan.settings, "vary": plan.vary})
