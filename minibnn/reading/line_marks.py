"""Find the comments `# line 17` and `# lines 2-3` that say which line of the paper a line of code is."""

import ast
import dataclasses
import inspect
import io
import re
import textwrap
import tokenize

from minibnn.errors import InputError

MARK = re.compile(r"# lines? (\d+)(?:-(\d+))?(?![\w-])")
CODE = {tokenize.NAME, tokenize.OP, tokenize.NUMBER}


@dataclasses.dataclass(frozen=True)
class LineMark:
    """`paper_lines`: the numbers of the paper. `row`: the row of the source, from 1. `code`: what stands there."""

    paper_lines: tuple
    row: int
    code: str


class BadLineMark(InputError):
    """A mark that cannot be read, that stands beside no code, is missing, or comes twice or out of order."""


def line_marks(source):
    """The marks of a function's source text, from top to bottom.

    Raises BadLineMark for a comment that begins like a mark and is none, and for a mark without code on its row.
    """
    tokens = list(tokenize.generate_tokens(io.StringIO(textwrap.dedent(source)).readline))
    rows_with_code = {row for t in tokens if t.type in CODE for row in (t.start[0], t.end[0])}
    return [
        _mark(t, rows_with_code) for t in tokens if t.type == tokenize.COMMENT and re.match(r"# *lines?\b", t.string)
    ]


def marks_of(function):
    """`line_marks` of a function or method."""
    return line_marks(inspect.getsource(function))


def marks_in(path, owner, function="forward"):
    """`line_marks` of a method in a file (Path) that need not be imported; their rows are those of the file.

    Raises BadLineMark if the file has no class `owner` with that method, else as `line_marks`.
    """
    source = path.read_text(encoding="utf-8")
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == owner]
    methods = [node for each in classes for node in each.body if getattr(node, "name", "") == function]
    if not methods:
        raise BadLineMark(f"{path.name} has no {owner}.{function}, whose marks were expected")
    first, last = methods[0].lineno, methods[0].end_lineno
    marks = line_marks("\n".join(source.splitlines()[first - 1 : last]) + "\n")
    return [dataclasses.replace(mark, row=mark.row + first - 1) for mark in marks]


def check_marks(marks, expected):
    """Raise BadLineMark unless the marks name each of the `expected` paper lines once, in ascending order."""
    found = [number for mark in marks for number in mark.paper_lines]
    for number in sorted({*found, *expected}):
        times, wanted = found.count(number), list(expected).count(number)
        if times != wanted:
            raise BadLineMark(f"line {number} of the paper is marked {times} times, expected {wanted}")
    if found != sorted(found):
        raise BadLineMark(f"the marks are not in the paper's order: {found}")


def numbers(text):
    """The paper lines that a text such as "1-6, 8-11" names."""
    parts = [part.split("-") for part in text.split(",")]
    return [n for part in parts for n in range(int(part[0]), int(part[-1]) + 1)]


def _mark(token, rows_with_code):
    match, row = MARK.match(token.string), token.start[0]
    if not match:
        raise BadLineMark(f"row {row}: {token.string!r} is not of the form '# line 17' or '# lines 2-3'")
    if row not in rows_with_code:
        raise BadLineMark(f"row {row}: {token.string!r} stands beside no code")
    first, last = int(match[1]), int(match[2] or match[1])
    return LineMark(tuple(range(first, last + 1)), row, token.line[: token.start[1]].strip())
