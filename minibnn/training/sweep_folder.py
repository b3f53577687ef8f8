"""The folder of a sweep: its plan, and how far each of its runs is.

It holds `sweep.toml`, the plan; table.txt and table.csv at the end; and a folder for each run, which is one of
`minibnn train` in every respect, with two files more: log.txt, what training printed, and, of a run that failed,
failed.txt with the reason in one line. A run that diverged is not trained again, unless that file is removed.
"""

import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from minibnn.errors import InputError
from minibnn.files import readable
from minibnn.training.config import read_config
from minibnn.training.run_folder import CONFIG, RunFolder, check_is_run, new_folder
from minibnn.training.run_list import RunSummary, run_summary
from minibnn.training.sweep import PlannedRun, plan_text, sweep_plan

PLAN, LOG, FAILED = "sweep.toml", "log.txt", "failed.txt"
DIVERGED = "training has diverged"  # in the message of every DivergedError


@dataclass(frozen=True)
class Outcome:
    """How a run of a sweep stands.

    `run`: PlannedRun. `state`: "finished", "diverged", "failed", "in training" (a process holds it) or "open" (to be
    started, or gone on with). `reason`: why it failed, in one line. `summary`: RunSummary of a finished run, else None.
    """

    run: PlannedRun
    state: str
    reason: str = ""
    summary: RunSummary | None = None

    @property
    def is_settled(self):
        """Whether nothing is left to do, because it is finished, or would only diverge again."""
        return self.state in ("finished", "diverged")


class SweepFolder:
    """The folder of a sweep, held by this process until `close`, or the end of a `with`.

    `path`: Path. `plan`: Plan. Made by `open`.
    """

    def __init__(self, path, plan):
        self.path, self.plan = Path(path), plan
        try:
            self._folder = RunFolder(path)  # for its lock, and for files that are written whole or not at all
        except InputError:
            raise InputError(f"another process works on the sweep in {path}; wait for its end, or stop it") from None

    @classmethod
    def open(cls, path, plan=None):
        """The folder of a sweep: a new one for `plan`, or one that is there, with the same plan (or None for its own).

        Raises InputError if it holds another plan, or a run where none or one of other settings is expected, if it
        cannot be written, or if another process holds it.
        """
        path = Path(path)
        if plan is None or (path / PLAN).exists():
            found = read_plan(path)
            if plan is not None and (differences := found.differences(plan)):
                raise InputError(
                    f"{path} holds another sweep ({differences}): choose another folder, or go on with that sweep: "
                    f"minibnn sweep --resume {path}"
                )
            plan = found
        elif (path / CONFIG).exists():
            raise InputError(f"{path} holds a run, and no sweep: choose another folder")
        _check_runs(path, plan)
        folder = cls(new_folder(path), plan)
        if not (path / PLAN).exists():
            folder.write_text(PLAN, plan_text(plan))
        return folder

    def outcome(self, run):
        """The Outcome of a PlannedRun, as its folder tells it."""
        path = self.path / run.name
        try:
            if (path / FAILED).exists():
                with readable(path / FAILED):
                    reason = " ".join((path / FAILED).read_text(encoding="utf-8", errors="replace").split())
                return Outcome(run, "diverged" if DIVERGED in reason else "failed", reason)
            if not (path / CONFIG).exists():
                return Outcome(run, "open")
            summary = run_summary(path)
        except InputError as error:
            return Outcome(run, "failed", str(error))
        if summary.state != "finished":
            return Outcome(run, "in training" if summary.state == "in training" else "open")
        if summary.history[-1].get(f"val_{summary.metric}") is None:
            return Outcome(run, "diverged", f"its last validation {summary.metric} is no finite number")
        return Outcome(run, "finished", summary=summary)

    def outcomes(self):
        """The Outcome of each run of the plan, in its order."""
        return [self.outcome(run) for run in self.plan.runs]

    def write_text(self, name, text):
        """Write a text file in the folder whole or not at all, and forced to the disk."""
        self._folder.write_text(name, text)

    def close(self):
        """Let go of the folder."""
        self._folder.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def read_plan(path):
    """The Plan in the folder of a sweep. Raises InputError, which names the file, if it is missing or damaged."""
    file = Path(path) / PLAN
    if not file.is_file():
        there = (
            f"{path} holds no sweep, because it has no {PLAN}" if Path(path).is_dir() else f"there is no folder {path}"
        )
        raise InputError(f"{there}; expected a folder that minibnn sweep made")
    try:
        with readable(file):
            values = tomllib.loads(file.read_bytes().decode("utf-8"))
        if set(values) != {"kind", "preset", "seeds", "settings", "vary"}:
            raise InputError("it does not give kind, preset, seeds, settings and vary, and no more")
        settings, vary, seeds = values["settings"], values["vary"], values["seeds"]
        if not isinstance(settings, dict) or not isinstance(vary, dict):
            raise InputError("settings and vary must be tables")
        if not all(isinstance(found, list) for found in [seeds, *vary.values()]):
            raise InputError("seeds and the values of vary must be lists")
        return sweep_plan(values["kind"], values["preset"], settings, vary, seeds)
    except InputError as error:
        raise InputError(f"cannot use {file}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"cannot use {file}: it is damaged, or no TOML ({error})") from None


def _check_runs(path, plan):
    """Raise InputError if a run that is there already was trained with other settings than the plan's."""
    for run in plan.runs:
        place, found = path / run.name, None
        with suppress(InputError):  # none is there, or it is damaged, which its outcome will tell
            check_is_run(place)
            found = read_config(place / CONFIG)
        if found is not None and found != run.config:
            theirs, ours = found.settings(), run.config.settings()
            key = next((key for key in ours if ours[key] != theirs.get(key)), "its kind or preset")
            raise InputError(f"the run in {place} is not the one that is planned ({key} differs): move it away")
