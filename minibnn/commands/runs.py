"""`minibnn runs`, `compare` and `plot`: which runs there are, what they reached, and their curves."""

import os
import shlex
from pathlib import Path

from minibnn.commands.notes import note, picture_or_note, printable
from minibnn.errors import InputError
from minibnn.terminal import columns

METRICS = ("loss", "accuracy", "perplexity", "flip_ratio", "lr")
HEAD = ("run", "kind", "model", "epochs", "validation", "best", "last", "parameters", "packed", "state")
LEAST = (
    "kind",
    "parameters",
    "packed",
    "last",
    "model",
    "validation",
    "epochs",
)  # left out where it is narrow, in order
VALIDATED_ON = ("folder", "image_size", "classes", "validation_per_class", "vocab", "vocab_size", "sentences")


def add_to(commands, common):
    """Add `runs`, `compare` and `plot`."""
    runs = commands.add_parser(
        "runs",
        help="list the runs in a folder with their best figures",
        description="Lists the runs in a folder, each with its best and its last validation figure.",
        parents=[common],
    )
    runs.add_argument("folder", nargs="?", default="runs", metavar="FOLDER", help="where to look (%(default)s)")
    runs.set_defaults(command=list_runs, only_prints=True)
    compare = commands.add_parser(
        "compare",
        help="lay the curves of runs over each other, with a table",
        description="Draws loss, accuracy or perplexity and flip ratio of several runs in one figure, and prints what "
        "each reached and the bytes of its weights.",
        parents=[common],
    )
    compare.add_argument("runs", nargs="+", metavar="RUN", help="folders of runs, all of pictures or all of text")
    compare.add_argument("--out", metavar="PICTURE", help=".png, .svg or .pdf (compare.png beside the first RUN)")
    compare.set_defaults(command=compare_runs, only_prints=True)
    plot = commands.add_parser(
        "plot",
        help="draw the curves of a run",
        description="Draws the learning curves of one run.",
        parents=[common],
    )
    plot.add_argument("run", metavar="RUN", help="folder of a run")
    plot.add_argument(
        "--metrics",
        type=lambda text: [name.strip() for name in text.split(",") if name.strip()],
        metavar="A,B,...",
        help=f"of {', '.join(METRICS)} (all that the run has, but lr)",
    )
    plot.add_argument(
        "--out",
        metavar="PICTURE",
        help=".png, .svg or .pdf (in RUN: curves.png, or of chosen metrics such as curves-lr.png)",
    )
    plot.set_defaults(command=plot_run, only_prints=True)


def list_runs(options):
    """`minibnn runs`."""
    from minibnn.training.run_list import find_runs, run_summary

    paths = find_runs(options.folder)
    if not paths:
        raise InputError(f"there are no runs in {options.folder}; minibnn train makes one")
    rows = [HEAD]
    stopped, broken = [], []
    for path in paths:
        try:
            run = run_summary(path)
        except (InputError, OSError) as error:
            broken.append(f"{printable(path)}: {error}")
            continue
        rows.append(_row(run))
        if run.state == "stopped":
            stopped.append(f"minibnn train --resume {shlex.quote(str(path))}")
    if len(rows) > 1:
        print(_list(rows))
    for title, lines in (("To go on with those that stopped:", stopped), ("Broken:", broken)):
        if lines:
            print(f"\n{title}\n  " + "\n  ".join(lines))


def _list(rows):
    """The table of runs: in a narrow terminal without the columns that are needed least; if none fits, in blocks."""
    return _fitting(rows, 3, LEAST) or _blocks(rows)


def _row(run):
    from minibnn.training.curves import format_bytes

    early = run.state == "stopped" or (run.state == "finished" and run.epoch < run.config.train.epochs)
    state = f"{run.state} at step {run.step:,}" if early else run.state
    state += ", not yet evaluated" if run.awaits_evaluation else ""
    last = _figure(run.history[-1] if run.history else None, run.metric)
    packed = format_bytes(run.packed_bytes) if run.packed_bytes else "-"
    epochs = f"{run.epoch}/{run.config.train.epochs}"
    model = (run.config.kind, f"{run.config.preset}, {run.config.name}")
    return (printable(run.path), *model, epochs, run.metric, _best(run), last, f"{run.parameters:,}", packed, state)


def _best(run):
    """The best validation figure of a run and its epoch as text."""
    return f"{_figure(run.best, run.metric)} (epoch {run.best['epoch']})" if run.best else "-"


def _figure(record, metric):
    """The validation figure of a record as text."""
    value = (record or {}).get(f"val_{metric}")
    return "-" if value is None else f"{value:.1%}" if metric == "accuracy" else f"{value:.1f}"


def compare_runs(options):
    """`minibnn compare RUN RUN ...`."""
    from minibnn.training.curves import drawable_metrics
    from minibnn.training.run_list import run_summary

    summaries = [run_summary(path) for path in dict.fromkeys(map(Path, options.runs))]
    kinds = {run.config.kind for run in summaries}
    if len(kinds) > 1:
        image, text = (next(run.path for run in summaries if run.config.kind == kind) for kind in ("image", "text"))
        raise InputError(
            f"{image} is of pictures and {text} of text, whose figures are not to be compared: give runs of one kind"
        )
    for run in summaries:
        if run.best is None:
            raise InputError(f"the run in {run.path} has no complete epoch yet, and nothing to compare: leave it out")
    runs = dict(zip(_short_names(summaries), summaries, strict=True))
    histories = {name: run.history for name, run in runs.items()}
    print(_comparison(runs), _differences(runs), sep="\n\n", end="\n\n")
    _note_validation(runs)
    metric = summaries[0].metric
    metrics = [name for name in drawable_metrics(histories) if name != "accuracy" or name == metric]
    beside = Path(os.path.normpath(summaries[0].path / os.pardir)) / "compare.png"
    _draw(histories, metrics, beside if options.out is None else Path(options.out), in_text=[f"val_{metric}"])


def _short_names(summaries):
    """The runs' folders, without what all of them begin with; a folder by its name alone if that is enough."""
    names = [run.path.name or str(run.path) for run in summaries]
    if len(set(names)) < len(names):
        names = [str(run.path) for run in summaries]
    return [printable(name) for name in names]


def _comparison(runs):
    from minibnn.training.curves import format_bytes

    metric = next(iter(runs.values())).metric
    columns = [("", "model", "epochs", "train loss", "val loss", metric, "best", "parameters", "weights")]
    for name, run in runs.items():
        last = run.history[-1]
        losses = [f"{last[key]:.3f}" if last.get(key) is not None else "-" for key in ("train_loss", "val_loss")]
        figures = (_figure(last, metric), _best(run))
        model = f"{run.config.preset}, {run.config.name}"
        weights = f"{format_bytes(run.weight_bytes)} ({'floats' if run.config.standard else 'bits'})"
        columns.append((name, model, str(run.epoch), *losses, *figures, f"{run.parameters:,}", weights))
    return _fitting(list(zip(*columns, strict=True)), left_columns=1) or _blocks(columns)


def _differences(runs):
    """The settings in which the runs differ, a line for each: its value in each run, in their order."""
    from minibnn.training.options import shown

    settings = [{"preset": run.config.preset} | run.config.settings() for run in runs.values()]
    values = {key: [each[key] for each in settings] for key in settings[0]}
    differing = {key: found for key, found in values.items() if any(value != found[0] for value in found)}
    if not differing:
        return "They differ in no setting." if len(runs) > 1 else "One run alone: give others to compare it with."
    width = max(map(len, differing))
    texts = {
        key: [value if isinstance(value, str) and value else shown(value) for value in found]
        for key, found in differing.items()
    }
    lines = [f"  {key:{width}}  {printable(' / '.join(found))}" for key, found in texts.items()]
    return "They differ in:\n" + "\n".join(lines)


def _note_validation(runs):
    """A note if the runs were not validated on the same data, whose figures say less about each other."""
    data = [run.config.data for run in runs.values()]
    names = [key for key in VALIDATED_ON if len({getattr(each, key, None) for each in data}) > 1]
    if names:
        told = ", ".join(f"data.{name}" for name in names)
        note(f"the validation data of these runs differ ({told}), so their figures do not compare like with like")


def _fitting(rows, left_columns, least=()):
    """Rows as a table, without the columns named in `least` if need be; None in a terminal that is narrower still."""
    from minibnn.models.summary import table

    width = columns()
    text = table(rows, left_columns, width, least)
    return text if width is None or max(map(len, text.splitlines())) <= width else None


def _blocks(rows):
    """Rows as a few lines each: its name, and its other cells below it, each after the name of its column."""
    head, width = rows[0][1:], max(map(len, rows[0]))
    blocks = [
        [name, *(f"  {key:{width}}  {cell}" for key, cell in zip(head, cells, strict=True))]
        for name, *cells in rows[1:]
    ]
    return "\n".join("\n".join(block) for block in blocks)


def plot_run(options):
    """`minibnn plot RUN`."""
    from minibnn.training.curves import drawable_metrics
    from minibnn.training.run_list import run_summary

    run = run_summary(options.run)
    if not run.history:
        raise InputError(f"the run in {run.path} has no complete epoch yet, and nothing to draw")
    if options.metrics is not None:
        _check_metrics(options.metrics)
    histories = {"": run.history}
    metrics = options.metrics or drawable_metrics(histories)
    last = {key for key, value in run.history[-1].items() if value is not None}
    in_text = [next((key for key in (f"val_{name}", f"train_{name}") if key in last), name) for name in metrics]
    chosen = "-".join(["curves", *(options.metrics or ())])  # some curves do not replace the picture of all
    out = run.path / f"{chosen}.png" if options.out is None else Path(options.out)
    _draw(histories, metrics, out, in_text, printable(run.path.name))


def _draw(histories, metrics, out, in_text, title=None):
    """Save the curves as a picture and say where; without matplotlib, print those of some keys, and how to get one."""
    from minibnn.training.curves import MARKERS, save_curves, text_curve
    from minibnn.training.run_folder import has_matplotlib

    if not has_matplotlib():
        shown = dict(list(histories.items())[: len(MARKERS)])
        print(*(text_curve(shown, key) for key in in_text), sep="\n\n", end="\n\n")
    print(picture_or_note(lambda: save_curves(histories, out, title, metrics), out))


def _check_metrics(metrics):
    if not metrics:
        raise InputError(f"--metrics: expected some of {', '.join(METRICS)}, and got none")
    for name in metrics:
        if name not in METRICS:
            raise InputError(f"--metrics: there is no {name!r}; there are {', '.join(METRICS)}")
