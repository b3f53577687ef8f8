"""The pages `lessons/paper/algorithm-N.md`: each line of the paper beside the line of minibnn that does it.

The paper's lines and the reasons for differences come from `lessons/paper/lines.toml`; the lines of minibnn are found
by their marks, such as `# line 17`.
"""

import re
import tomllib

from minibnn.errors import InputError
from minibnn.files import readable, replacing
from minibnn.reading.line_marks import marks_in, numbers
from minibnn.reading.places import shown_path


def write_pages(folder):
    """Write all pages of the paper anew, beside their lines; return their paths. `folder`: of the lessons."""
    written = []
    for name, text in pages(folder).items():
        with replacing(folder / "paper" / name) as draft:
            draft.write_text(text, encoding="utf-8")
        written.append(shown_path(folder / "paper" / name))
    return written


def pages(folder):
    """{name of the file: text} of all pages of the paper, as they should be now.

    Raises InputError where the marks of the code and the lines of the paper do not agree.
    """
    path = folder / "paper" / "lines.toml"
    with readable(path):
        try:
            algorithms = tomllib.loads(path.read_text(encoding="utf-8"))["algorithm"]
        except (tomllib.TOMLDecodeError, KeyError) as error:
            raise InputError(f"{path} holds no algorithms: {error}") from error
    last = len(algorithms)
    return {f"algorithm-{entry['number']}.md": _page(entry, folder, last) for entry in algorithms}


def _page(entry, folder, last):
    number = entry["number"]
    rows = "\n".join(_rows(entry, marks_in(folder.parent / entry["file"], entry["name"])))
    lesson = entry["lesson"]
    way = [f"[Algorithm {other}](algorithm-{other}.md)" for other in (number - 1, number + 1) if 0 < other <= last]
    return f"""\
<!-- Made by `minibnn lessons --paper` from lines.toml and the line marks of the code: change those instead. -->

# Algorithm {number}: {entry["name"]}, {entry["title"]}

{entry["intro"].strip()}
In `minibnn` it is `{entry["name"]}.forward` in [{entry["file"]}](../../{entry["file"]}), and
[lesson {int(lesson[:2])}](../{lesson}.md) teaches it.

| line | the paper | minibnn | where | difference, and why |
|---|---|---|---|---|
{rows}

{" · ".join([*way, "[all lessons](../README.md)", "[errata](../errata.md)"])}
"""


def _rows(entry, marks):
    """The rows of the table; raises InputError where a line of the paper has no line of code, or the other way."""
    code = {mark.paper_lines: mark for mark in marks}
    for line in entry["lines"]:
        mark = code.pop(tuple(numbers(line["line"])), None)
        if (mark is None) == line.get("code", True):
            state = "no code" if mark is None else "code, and lines.toml says it has none"
            raise InputError(f"Algorithm {entry['number']}, line {line['line']}: {entry['file']} has {state} for it")
        ours = _code(mark.code) if mark else ""
        where = f"[{mark.row}](../../{entry['file']}#L{mark.row})" if mark else ""
        why = re.sub(r"errata (\d+)", r"[errata \1](../errata.md)", line.get("why", ""))
        yield f"| {line['line']} | {_code(line['paper'])} | {ours} | {where} | {why} |".replace("  ", " ")
    if code:
        left = ", ".join(str(mark.row) for mark in code.values())
        raise InputError(f"Algorithm {entry['number']}: lines.toml names no line for {entry['file']}, line {left}")


def _code(text):
    """Code in a cell of a table."""
    return f"`{text.replace('|', chr(92) + '|').replace('<-', '←')}`"
