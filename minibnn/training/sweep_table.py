"""What a sweep came to: for each cell of its grid, mean and spread of the validation figures over the seeds."""

import csv
import io
import statistics
from dataclasses import dataclass

from minibnn.errors import InputError
from minibnn.models.summary import table
from minibnn.training.sweep import shown_value


@dataclass(frozen=True)
class Spread:
    """Figures of several runs: `mean`, sample standard deviation `sd` (None for one run), `least` and `most`."""

    mean: float
    sd: float | None
    least: float
    most: float

    @classmethod
    def of(cls, figures):
        """The Spread of a list of floats; None if it is empty."""
        if not figures:
            return None
        sd = statistics.stdev(figures) if len(figures) > 1 else None
        return cls(statistics.mean(figures), sd, min(figures), max(figures))


@dataclass(frozen=True)
class Row:
    """A cell of the grid: dict `cell`, how many runs finished (`n`), failed, and are `open`, and their Spreads.

    `best`: of each run's best validation accuracy or perplexity; `last`: of that of its last epoch; None if n is 0.
    """

    cell: dict
    n: int
    failed: int
    open: int
    best: Spread | None
    last: Spread | None


def table_rows(plan, outcomes):
    """A Row for each cell of the grid, in its order.

    Args:
        plan: Plan.
        outcomes: list of Outcome, of each run of the plan in order.

    Raises:
        InputError: if there are not as many outcomes as runs.
    """
    if len(outcomes) != len(plan.runs):
        raise InputError(f"expected an outcome for each of {len(plan.runs)} runs, got {len(outcomes)}")
    key, seeds = f"val_{plan.metric}", len(plan.seeds)
    rows = []
    for number, cell in enumerate(plan.cells):
        found = outcomes[number * seeds : (number + 1) * seeds]
        finished = [outcome.summary for outcome in found if outcome.state == "finished"]
        failed = sum(outcome.state in ("failed", "diverged") for outcome in found)
        best, last = [run.best[key] for run in finished], [run.history[-1][key] for run in finished]
        left = seeds - len(finished) - failed
        rows.append(Row(cell, len(finished), failed, left, Spread.of(best), Spread.of(last)))
    return rows


LEAST = ("min..max", "failed", "sd")  # columns that a narrow table does without, in this order


def table_text(plan, outcomes, width=None):
    """The table as aligned text, with a line that says what its columns are, and the runs that failed below it.

    `width`: columns of the terminal, for which some columns of the table are left out if need be; None keeps all.
    """
    rows = table_rows(plan, outcomes)
    shows_open = any(row.open for row in rows)
    head = [*_short_keys(plan), "runs", "failed", *(["open"] * shows_open)]
    for when in ("best", "last"):
        head += [f"{when} {plan.metric}", "sd", "min..max"]
    lines = [tuple(head)]
    for row in rows:
        counts = [row.n, row.failed, *([row.open] * shows_open)]
        values = [shown_value(value) for value in row.cell.values()]
        lines.append((*values, *map(str, counts), *_shown(row.best, plan.metric), *_shown(row.last, plan.metric)))
    seeds = ", ".join(map(str, plan.seeds)) if len(plan.seeds) <= 10 else f"{plan.seeds[0]} to {plan.seeds[-1]}"
    title = f"Validation {plan.metric}, {plan.kind}/{plan.preset}: mean, sample standard deviation and range over seeds"
    failed = [f"{o.run.name}: {o.reason}" for o in outcomes if o.state in ("failed", "diverged")]
    text = f"{title} {seeds}\n\n{table(lines, len(plan.vary), width, LEAST)}\n"
    return text + ("\nFailed:\n  " + "\n  ".join(failed) + "\n" if failed else "")


def table_csv(plan, outcomes):
    """The table as CSV (RFC 4180), with the full keys of what is varied, and all digits."""
    file = io.StringIO()
    writer = csv.writer(file)
    parts = ("mean", "sd", "least", "most")
    figures = [f"{when}_val_{plan.metric}_{part}" for when in ("best", "last") for part in parts]
    writer.writerow([*plan.vary, "runs", "failed", "open", *figures])
    for row in table_rows(plan, outcomes):
        values = [getattr(spread, part, None) for spread in (row.best, row.last) for part in parts]
        writer.writerow([*map(shown_value, row.cell.values()), row.n, row.failed, row.open, *values])
    return file.getvalue()


def _short_keys(plan):
    short = [key.rpartition(".")[2] for key in plan.vary]
    return short if len(set(short)) == len(short) else list(plan.vary)


def _shown(spread, metric):
    """Mean, standard deviation and range as text: accuracies in percent, their deviation in points of it."""
    if spread is None:
        return "-", "-", "-"
    form = "{:.1%}" if metric == "accuracy" else "{:.1f}"
    sd = "-" if spread.sd is None else form.format(spread.sd)
    return form.format(spread.mean), sd, f"{form.format(spread.least)}..{form.format(spread.most)}"
