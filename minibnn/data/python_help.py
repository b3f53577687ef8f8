"""The text that comes with Python itself, so that a language model can be trained without downloading anything.

Every CPython carries the language reference for `help()`, over 400,000 characters of English with examples, in
`pydoc_data.topics`. The topics are the same from 3.11 to 3.13; their wording changes a little with each release.
"""

import importlib
import re

from minibnn.errors import InputError

# The topics that no other topic contains: "compound", for one, holds "if", "while", "for", "with" and more.
_NAMES = """
assert assignment atom-identifiers atom-literals attribute-references await binary bitwise bltin-code-objects
bltin-ellipsis-object bltin-null-object bltin-type-objects booleans break calls comparisons compound continue
conversions debugger del dict execmodel exprlists floating formatstrings global identifiers imaginary import
integers lambda lists nonlocal numbers objects operator-summary pass power raise return shifting slicings
specialattrs specialnames string-methods strings subscriptions truth types typesfunctions typesmapping typesmethods
typesmodules typesseq unary yield
"""
TOPICS = tuple(_NAMES.split())
_TYPOGRAPHY = str.maketrans({"“": '"', "”": '"', "\u2018": "'", "\u2019": "'", "…": "..."})
_HEADING = re.compile(r"^(?=\S)([^\n]+)\n([*=\-~^])\2{2,}$", re.MULTILINE)
_RULE = re.compile(r"^={4,}$", re.MULTILINE)
_TABLE = re.compile(r"^ *\+-[-+]*\+\n(?: *[+|][^\n]*\n)+", re.MULTILINE)
_STRONG = re.compile(r"\*\*(\w[^*\n\"]*)\*\*")
_EMPHASIS = re.compile(r"(?<![\w*\"'\\])\*(\w[\w.-]*(?:\s\w[\w.-]*)*)\*")


def builtin_text():
    """English reference text with Python examples (str), the same whenever the same Python runs.

    It is the reference of the Python language from `pydoc_data.topics`, cleaned: headings without underlines, tables as
    one line per row, no asterisks of emphasis, plain quotes; examples and grammar are kept as they are. Every section
    occurs once (the topics repeat some), so a validation part holds nothing that was trained on. An empty line stands
    between paragraphs, two between sections, which is where `split_text` cuts.

    Raises InputError if this Python was installed without its help texts.
    """
    try:
        topics = importlib.import_module("pydoc_data.topics").topics
    except ImportError:
        topics = {}
    missing = [name for name in TOPICS if name not in topics]
    if missing:
        raise InputError(
            f"this Python lacks {len(missing)} of {len(TOPICS)} help topics (pydoc_data.topics), such as "
            f"{missing[0]!r}; use a CPython with its full standard library, or a text of your own"
        )
    sections = [section for name in TOPICS for section in clean_topic(topics[name])]
    return "\n\n\n".join(dict.fromkeys(sections))  # as a set, but in order


def clean_topic(topic):
    """The sections (list of str) of one help topic (str), cleaned as `builtin_text` says, each below its heading."""
    text = _TABLE.sub(lambda match: table_as_lines(match[0]), topic.translate(_TYPOGRAPHY))
    text = _EMPHASIS.sub(r"\1", _STRONG.sub(r"\1", text)).replace("-[ Footnotes ]-", "Footnotes")
    text = _RULE.sub("", _HEADING.sub("\f\\1", text))  # a form feed marks where a section starts
    sections, heading = [], ""
    for section in text.split("\f"):
        section = heading + re.sub(r"\n\s*\n", "\n\n", section.strip())
        heading = f"{section}\n\n" if "\n" not in section and section else ""  # nothing below: joins the next
        if section and not heading:
            sections.append(section)
    return sections


def table_as_lines(table):
    """A table drawn with "+--+" and "|" (str) as one line per row, its cells set apart by two spaces.

    The columns are taken from the first border, since a cell may hold a "|" of its own.
    """
    lines = table.splitlines()
    edges = [i for i, c in enumerate(lines[0]) if c == "+"]
    rows, cells = [], [""] * (len(edges) - 1)
    for line in lines[1:]:
        if not line.strip(" +-=|"):
            rows.append("  ".join(cell.strip() for cell in cells if cell.strip()))
            cells = [""] * len(cells)
        else:
            cells = [f"{cell} {line[a + 1 : b].strip()}" for cell, a, b in zip(cells, edges, edges[1:], strict=False)]
    return "".join(f"{row}\n" for row in rows if row)
