"""A lesson: a Markdown page whose Python blocks run in order, and whose shown outputs must be what they print.

- ```` ```python ````: run, all blocks of a page in one namespace.
- ```` ```python .noeval ````: shown, not run (jupytext's own mark).
- ```` ```text ```` right behind a block that ran: what it must have printed. A block that prints nothing has none.
- any other block is only shown.
"""

import contextlib
import io
import linecache
import re
import traceback
from dataclasses import dataclass
from pathlib import Path

from minibnn.errors import InputError

FENCE = re.compile(r"^(`{3,})\s*(.*?)\s*$")


@dataclass
class Block:
    """A fenced block. `info`: the words behind its fence; `line`: of the page, its first line of code; `text`: code."""

    info: str
    line: int
    text: str

    @property
    def runs(self):
        """Whether it is Python that is run."""
        return self.info == "python"


@dataclass
class Lesson:
    """A page of lessons. `path`; `number`: 7 for `07-....md`; `title`: its first heading; `blocks`: list of Block."""

    path: Path
    number: int
    title: str
    blocks: list


@dataclass
class Difference:
    """Where page and code disagree. `line`: of the page; `message`: what was shown, and what came."""

    path: Path
    line: int
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


def find_lessons(folder):
    """The pages `NN-title.md` of a folder, in order, as a list of Lesson."""
    return [read_lesson(path) for path in sorted(Path(folder).glob("[0-9][0-9]-*.md"))]


def read_lesson(path):
    """Read one page. Raises InputError if it has no heading, or a block does not end."""
    path = Path(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    titles = [line[2:].strip() for line in lines if line.startswith("# ")]
    if not titles:
        raise InputError(f"{path} has no heading: expected a first line such as '# 7. The useful lie'")
    return Lesson(path, int(path.name[:2]), titles[0], list(_blocks(path, lines)))


def _blocks(path, lines):
    opened = None
    for number, line in enumerate(lines, start=1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened, info, start = fence[1], fence[2], number + 1
        elif opened and line.strip() == opened:
            yield Block(info, start, "\n".join(lines[start - 1 : number - 1]))
            opened = None
    if opened:
        raise InputError(f"{path}:{start - 1}: this block does not end; close it with {opened}")


def run_lesson(lesson, namespace=None):
    """Run all blocks of a lesson in order; return a list of Difference, empty if the page tells the truth.

    `namespace`: dict to run in, a new one if None. It stops at the first block that raises.
    """
    namespace = {"__name__": f"lesson_{lesson.number:02}"} if namespace is None else namespace
    differences = []
    for block, behind in zip(lesson.blocks, [*lesson.blocks[1:], None], strict=True):
        if not block.runs:
            continue
        printed, problem = _run(block, lesson.path, namespace)
        if problem is not None:
            return [*differences, Difference(lesson.path, *problem)]
        shown = behind if behind is not None and behind.info == "text" else None
        if (message := _compare(printed, shown)) is not None:
            differences.append(Difference(lesson.path, (shown or block).line, message))
    return differences


def _run(block, path, namespace):
    """Run a block; return what it printed, and (line of the page, message) if it raised."""
    name = f"{path}, block at line {block.line}"
    source = "\n" * (block.line - 1) + block.text  # so that a traceback names the line of the page
    linecache.cache[name] = (len(source), None, [f"{line}\n" for line in source.splitlines()], name)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(source, name, "exec"), namespace)
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
        line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
        return printed.getvalue(), (line or (lines or [block.line])[-1], f"{type(error).__name__}: {error}")
    return printed.getvalue(), None


def _compare(printed, shown):
    """What differs between what was printed (str) and the block that shows it (Block or None), or None."""
    got = [line.rstrip() for line in printed.rstrip().splitlines()]
    want = [line.rstrip() for line in shown.text.rstrip().splitlines()] if shown else []
    if got == want:
        return None
    if shown is None:
        return f"this block prints {got[0]!r} ..., and no text block behind it shows that"
    for number, pair in enumerate(zip(got, want, strict=False), start=1):
        if pair[0] != pair[1]:
            return f"line {number} of the output is shown as {pair[1]!r}, and is {pair[0]!r}"
    return f"{len(want)} lines are shown, and {len(got)} are printed"
