"""Links of Markdown pages: where they lead, and which lead nowhere."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from minibnn.reading.lesson import Difference, blocks_of, read_lines

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")  # its words may go over several lines
CODE = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)  # of another host, or by another protocol


@dataclass
class Link:
    """A link of a page. `line`: of the page; `text`; `target`: as it is written; `picture`: whether it shows one."""

    line: int
    text: str
    target: str
    picture: bool = False

    @property
    def outside(self):
        """Whether it leads out of the repository."""
        return bool(ELSEWHERE.match(self.target))

    def place(self, page):
        """(file or folder as an absolute Path, anchor or "") to which it leads from the file `page`."""
        name, _, anchor = self.target.partition("#")
        return (page.parent / unquote(name)).resolve() if name else page.resolve(), anchor


def masked(path, lines):
    """The text of a page with every character of its fenced blocks and of its `code` replaced, none moved."""
    rows = list(lines)
    for block in blocks_of(path, lines):
        for row in range(block.line - 2, block.end):
            rows[row] = " " * len(rows[row])
    return CODE.sub(lambda match: re.sub(r"[^\n]", "`", match[0]), "\n".join(rows))


def links_of(path, lines=None):
    """The links of a page, as a list of Link."""
    text = masked(path, read_lines(path) if lines is None else lines)
    return [
        Link(text.count("\n", 0, match.start(3)) + 1, match[2], match[3], bool(match[1]))
        for match in LINK.finditer(text)
    ]


def moved_links(path, lines, move):
    """The lines of a page with each link's target replaced by `move(Link)`, a str."""
    text, hidden, done = "\n".join(lines), masked(path, lines), 0
    parts = []
    for match in LINK.finditer(hidden):
        parts += [text[done : match.start(3)], move(Link(0, match[2], match[3], bool(match[1])))]
        done = match.end(3)
    return "".join([*parts, text[done:]]).split("\n")


def slug(heading):
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def unique(anchor, taken):
    """The anchor, or with -1, -2 ... where `taken`, a set, has it; it is added to `taken`."""
    number, name = 0, anchor
    while name in taken:
        number += 1
        name = f"{anchor}-{number}"
    taken.add(name)
    return name


def headings_of(path, lines=None):
    """The headings of a page, in order: list of (line, level, text, anchor)."""
    lines = read_lines(path) if lines is None else lines
    fenced = {n for block in blocks_of(path, lines) for n in range(block.line - 1, block.end + 1)}
    taken, found = set(), []
    for number, line in enumerate(lines, start=1):
        if number not in fenced and (match := re.match(r"(#{1,6}) +(.*?) *#*$", line)):
            found.append((number, len(match[1]), match[2], unique(slug(match[2]), taken)))
    return found


def dead_links(path):
    """Where a page links to a file or an anchor that is not there: a list of Difference."""
    path = Path(path)
    found = ((link, problem_of(link, path)) for link in links_of(path) if not link.outside)
    return [Difference(path, link.line, problem) for link, problem in found if problem]


def problem_of(link, page):
    """Why a link of the file `page` leads nowhere, or ""."""
    place, anchor = link.place(page)
    if not place.exists():
        return f"links to {link.target}, and there is no such file"
    if not anchor or place.is_dir():
        return ""
    if place.suffix == ".md":
        known = {name for _, _, _, name in headings_of(place)}
        return "" if anchor in known else f"links to {link.target}, and that page has no heading for this anchor"
    row = re.fullmatch(r"L(\d+)(?:-L\d+)?", anchor)
    if row and int(row[1]) <= len(read_lines(place)):
        return ""
    return f"links to {link.target}, and that file has no such line"
