"""`minibnn sweep`: a grid of configurations, each trained with several seeds, in one table."""

import os
import shlex
import sys
from pathlib import Path

from minibnn.commands.arguments import positive
from minibnn.commands.notes import printable
from minibnn.commands.train import PATHS
from minibnn.errors import InputError
from minibnn.terminal import columns, folded

TABLE = ("table.txt", "table.csv")


def add_to(commands, common):
    """Add `sweep`."""
    sweep = commands.add_parser(
        "sweep",
        help="train a grid of configurations with several seeds",
        description="Trains every combination of the values given with --vary, each with every seed, one run after "
        "another or several at a time, and prints mean and spread of the validation figures. The same command with the "
        "same --out-dir, or --resume, goes on with a sweep that was stopped, or prints its table again.",
        parents=[common],
    )
    sweep.add_argument(
        "config",
        nargs="?",
        metavar="CONFIG",
        help="what all runs have in common: a TOML file such as the config.toml of a run, or a preset: image/tiny",
    )
    sweep.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="KEY=A,B,...",
        help="an option and its values, such as train.lr=1e-3,3e-4; repeatable; lists in brackets "
        "(minibnn train image --options lists all options)",
    )
    sweep.add_argument("--seeds", metavar="N|A,B,...", help="seeds 0 to N-1, or these (that of CONFIG)")
    sweep.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any option, for all runs; repeatable"
    )
    sweep.add_argument("--out-dir", metavar="DIR", help="folder of the sweep (a new one below runs/)")
    sweep.add_argument(
        "--jobs", type=positive, default=1, metavar="N", help="runs at a time, which share the cores (%(default)s)"
    )
    sweep.add_argument("--resume", metavar="DIR", help="go on with the sweep in this folder")
    sweep.set_defaults(command=lambda options: run(options, sweep))


def run(options, parser):
    """`minibnn sweep CONFIG` or `minibnn sweep --resume DIR`."""
    from minibnn.training.run_folder import free_folder
    from minibnn.training.sweep_folder import SweepFolder

    if options.resume is not None:
        if options.config or options.vary or options.seeds or options.set or options.out_dir:
            raise InputError(f"a sweep goes on as it was planned: minibnn sweep --resume {options.resume} [--jobs N]")
        plan, path = None, Path(options.resume)
    elif options.config is None:
        parser.print_help()
        return 0
    else:
        plan = plan_of(options)
        name = f"runs/sweep-{plan.kind}-{plan.preset}"
        path = free_folder(name) if options.out_dir is None else Path(options.out_dir)
    with SweepFolder.open(path, plan) as folder:
        return _train(folder, options.jobs)


def plan_of(options):
    """The Plan that the command line asks for."""
    from minibnn.training.config import parse_setting
    from minibnn.training.sweep import parse_seeds, parse_vary, sweep_plan

    kind, preset, settings = _base(options.config)
    fixed = dict(map(parse_setting, options.set))
    vary = {}
    for key, values in map(parse_vary, options.vary):
        if key in vary:
            raise InputError(f"--vary {key} is given twice: give all its values at once, {key}=A,B,...")
        if key in fixed:
            raise InputError(f"{key} is both set and varied: leave one of the two out")
        vary[key] = [_absolute(key, value) for value in values]
    settings = {key: value for key, value in (settings | fixed).items() if key not in vary}
    if options.seeds is not None and "seed" in fixed:
        raise InputError("--set seed=... and --seeds both choose seeds: leave one of the two out")
    seed = settings.pop("seed", 0)
    seeds = (seed,) if options.seeds is None else parse_seeds(options.seeds)
    return sweep_plan(kind, preset, {key: _absolute(key, value) for key, value in settings.items()}, vary, seeds)


def _base(config):
    """(kind, preset, settings) of a TOML file, or of a text such as "image/tiny", if there is no such file."""
    from minibnn.training.config import PRESETS, read_settings

    kind, slash, preset = config.partition("/")
    if kind in PRESETS and not os.path.isfile(config):
        return kind, preset if slash else "tiny", {}
    if not os.path.exists(config):
        raise InputError(
            f"there is no file {config!r}; expected a TOML file, or a preset such as image/tiny, text/small"
        )
    kind, preset, settings = read_settings(config)
    if kind is None:
        raise InputError(f'{config} does not say what is trained: begin it with kind = "image", or "text"')
    return kind, "tiny" if preset is None else preset, settings


def _absolute(key, value):
    """A path so that the sweep can go on from another folder; any other value as it is."""
    return os.path.abspath(value) if key in PATHS and isinstance(value, str) and value else value


def _train(folder, jobs):
    """Train what is left, then print and keep the table; returns the exit status."""
    from minibnn.training.sweep_table import table_csv, table_text

    plan, before = folder.plan, folder.outcomes()
    if any(not outcome.is_settled for outcome in before):
        _train_left(folder, jobs, before)
    outcomes = folder.outcomes()
    for name, content in zip(TABLE, (table_text(plan, outcomes), table_csv(plan, outcomes)), strict=True):
        folder.write_text(name, content)
    text = table_text(plan, outcomes, columns())
    print("\n".join(folded(printable(line)) for line in text.splitlines()))
    print(f"\nkept in {folder.path}: {', '.join(TABLE)}, and the folder of each run")
    if failed := sum(outcome.state == "failed" for outcome in outcomes):
        raise InputError(f"{_count(failed, 'run')} failed, as told above; to try again: {_again(folder.path)}")
    return 0


def _train_left(folder, jobs, before):
    """Train the runs that are not done, with a line for each that ends."""
    from minibnn.training.sweep_jobs import threads_of_each, train_sweep

    left = [outcome for outcome in before if not outcome.is_settled]
    jobs, total = min(jobs, len(left)), len(before)
    there = f", of which {total - len(left)} are done" if len(left) < total else ""
    at_a_time = f"{jobs} at a time, " if jobs > 1 else ""
    print(f"{_count(total, 'run')} in {folder.path}{there}; {at_a_time}{_count(threads_of_each(jobs), 'thread')} each")
    for outcome in left:
        if outcome.state == "in training":
            print(f"{outcome.run.name} is still being trained by another process, which is waited for")
    sys.stdout.flush()
    try:
        with _Lines(total, total - len(left)) as lines:
            train_sweep(folder, jobs, ended=lines.ended, progress=lines.progress)
    except KeyboardInterrupt:
        done = sum(outcome.is_settled for outcome in folder.outcomes())
        raise KeyboardInterrupt(
            f"stopped with {done} of {_count(total, 'run')} done; go on with: {_again(folder.path)}"
        ) from None
    print()


class _Lines:
    """A line for each run that ends; below them, where stderr is a terminal, a bar with the time left."""

    def __init__(self, total, done):
        self._total, self._done, self._bar = total, done, None

    def __enter__(self):
        if sys.stderr is not None and sys.stderr.isatty():
            from tqdm import tqdm

            layout = "{desc} {bar} {elapsed}, {remaining} left"
            options = {"bar_format": layout, "smoothing": 0, "dynamic_ncols": True, "leave": False}
            self._bar = tqdm(total=self._total, initial=self._done, desc=self._title(), **options)
        return self

    def __exit__(self, *error):
        if self._bar is not None:
            self._bar.close()

    def ended(self, outcome, seconds):
        """Print how a run ended."""
        self._done += 1
        number = f"{self._done:{len(str(self._total))}}/{self._total}"
        told = printable(f"{number}  {outcome.run.name}: {_told(outcome)} ({_duration(seconds)})")
        line = folded(told, indent=" " * (len(number) + 2))
        if self._bar is None:
            print(line, flush=True)
        else:
            self._bar.write(line, file=sys.stdout)
            sys.stdout.flush()

    def progress(self, done):
        """Show how many runs are done, in part too."""
        if self._bar is not None:
            self._bar.n = done
            self._bar.set_description_str(self._title())  # draws it anew

    def _title(self):
        return f"{self._done}/{self._total} runs"


def _told(outcome):
    if outcome.summary is None:
        return f"failed: {outcome.reason}"
    run = outcome.summary
    best, last = (_figure(record[f"val_{run.metric}"], run.metric) for record in (run.best, run.history[-1]))
    return f"val {run.metric} {last} (best {best}, epoch {run.best['epoch']})"


def _figure(value, metric):
    return f"{value:.1%}" if metric == "accuracy" else f"{value:.1f}"


def _duration(seconds):
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _count(number, noun):
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _again(path):
    return f"minibnn sweep --resume {shlex.quote(str(path))}"
