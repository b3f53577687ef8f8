"""A lesson: a Markdown page whose Python blocks run in order, and whose shown outputs must be what they print.

- ```` ```python ````: run, all blocks of a page in one namespace.
- ```` ```python .noeval ````: shown, not run (jupytext's own mark).
- ```` ```text ```` right behind a block that ran: what it must have printed. A block that prints nothing has none.
- any other block is only shown.

A page that runs for minutes says so by the comment <!-- long --> in its first lines, where GitHub shows nothing.
"""

import contextlib
import io
import linecache
import re
import traceback
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from minibnn.errors import InputError
from minibnn.files import readable

ERRATA = "errata.md"  # a page that runs, too
FENCE = re.compile(r"^(`{3,})\s*(.*?)\s*$")
LONG = "<!-- long -->"
FIRST_LINES = 10  # among which LONG must stand


@dataclass
class Block:
    """A fenced block. `info`: the words behind its fence; `line`, `end`: its first line and its closing fence's."""

    info: str
    line: int
    text: str
    end: int

    @property
    def runs(self):
        """Whether it is Python that is run."""
        return self.info == "python"


@dataclass
class Lesson:
    """A page of lessons.

    `path`; `number`: 7 for `07-....md`, 0 for the errata; `title`: its first heading; `blocks`: list of Block; `long`:
    whether it says that it runs for minutes; `lines`: list of str, the page.
    """

    path: Path
    number: int
    title: str
    blocks: list
    long: bool = False
    lines: list = field(default_factory=list)

    @property
    def name(self):
        """The title without its number, as the last words of a line in a list."""
        return self.title.removeprefix(f"{self.number}.").strip()


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
    """Read one page. Raises InputError if it has no number, cannot be read, has no heading, or a block does not end."""
    path = Path(path)
    if not re.match(r"(\d\d-.*|errata)\.md$", path.name):
        raise InputError(f"{path} is not a lesson: expected a name such as 07-the-useful-lie.md, or errata.md")
    lines = read_lines(path)
    first = lines[:FIRST_LINES]
    title = next((line[2:].strip() for line in first if line.startswith("# ")), None)
    if title is None:
        raise InputError(f"{path} has no heading: expected a first line such as '# 7. The useful lie'")
    number = 0 if path.name == ERRATA else int(path.name[:2])
    return Lesson(path, number, title, list(blocks_of(path, lines)), LONG in first, lines)


def read_lines(path):
    """The lines of a page, a list of str. Raises InputError if it cannot be read, or is not UTF-8."""
    with readable(path):
        try:
            return path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not text in UTF-8 ({error.reason} at byte {error.start})") from error


def blocks_of(path, lines):
    """The fenced blocks of a page, in order, as Block. Raises InputError for one that does not end."""
    opened = None
    for number, line in enumerate(lines, start=1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened, info, start = fence[1], fence[2], number + 1
        elif opened and line.strip() == opened:
            yield Block(info, start, "\n".join(lines[start - 1 : number - 1]), number)
            opened = None
    if opened:
        raise InputError(f"{path}:{start - 1}: this block does not end; close it with {opened}")


def run_lesson(lesson, namespace=None):
    """Run all blocks of a lesson in order; return a list of Difference, empty if the page tells the truth.

    `namespace`: dict to run in, a new one if None. It stops at the first block that raises.
    """
    namespace = {"__name__": f"lesson_{lesson.number:02}"} if namespace is None else namespace
    differences = []
    for block, behind in zip_longest(lesson.blocks, lesson.blocks[1:]):
        if not block.runs:
            continue
        printed, problem = _run(block, lesson.path, namespace)
        if problem is not None:
            return [*differences, Difference(lesson.path, *problem)]
        differences += [Difference(lesson.path, *found) for found in _compare(printed, block, shown_of(block, behind))]
    return differences


def shown_of(block, behind):
    """The block that shows what `block` prints: the one `behind` it, if it is text and at most a blank line away."""
    close = behind is not None and behind.line - 1 <= block.end + 2
    return behind if close and block.runs and behind.info == "text" else None


def _run(block, path, namespace):
    """Run a block; return what it printed, and (line of the page, message) if it raised."""
    name = f"{path}, block at line {block.line}"
    source = "\n" * (block.line - 1) + block.text  # so that a traceback names the line of the page
    linecache.cache[name] = (len(source), None, [f"{line}\n" for line in source.splitlines()], name)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(source, name, "exec", dont_inherit=True), namespace)
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
        line = error.lineno if isinstance(error, SyntaxError) else None
        return printed.getvalue(), (line or (lines or [block.line])[-1], told(error))
    return printed.getvalue(), None


def told(error):
    """The type and the message of an exception, on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


def _compare(printed, block, shown):
    """Where what `block` printed (str) and the block that shows it (or None) differ first: [(line, message)], or []."""
    got = [line.rstrip() for line in printed.rstrip().splitlines()]
    want = [line.rstrip() for line in shown.text.rstrip().splitlines()] if shown else []
    if got and shown is None:
        return [(block.line, f"this block prints {got[0]!r}, and no text block behind it shows that")]
    for index, pair in enumerate(zip(got, want, strict=False)):
        if pair[0] != pair[1]:
            return [(shown.line + index, f"the page shows {pair[1]!r}, the code prints {pair[0]!r}")]
    if len(got) == len(want):
        return []
    where, more = (shown.end, "more") if len(got) > len(want) else (shown.line + len(got), "less")
    return [(where, f"the page shows {len(want)} lines of output, and the code prints {more}: {len(got)}")]
