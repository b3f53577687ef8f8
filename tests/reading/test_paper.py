"""The pages of the paper: as they should be now, and each difference from the code found."""

import re
import shutil

import pytest
from reading.clone import LESSONS, ROOT

from minibnn.errors import InputError
from minibnn.reading.line_marks import BadLineMark, marks_in
from minibnn.reading.paper import pages, write_pages

NAMES = [f"algorithm-{number}.md" for number in range(1, 9)]


def test_there_is_a_page_for_each_algorithm():
    assert list(pages(LESSONS)) == NAMES
    assert sorted(path.name for path in (LESSONS / "paper").glob("*.md")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_page_of_the_paper_is_not_stale(name):
    assert (LESSONS / "paper" / name).read_text(encoding="utf-8") == pages(LESSONS)[name], (
        "the code or lines.toml has changed: run  minibnn lessons --paper"
    )


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_the_lines_that_are_shown(name):
    rows = re.findall(
        r"^\| [\d-]+ \| `.*` \| `(.*)` \| \[(\d+)\]\(../../(.*)#L\2\)", pages(LESSONS)[name], re.MULTILINE
    )
    assert len(rows) >= 4
    for code, row, path in rows:
        assert (ROOT / path).read_text(encoding="utf-8").splitlines()[int(row) - 1].strip().startswith(code)


@pytest.fixture
def clone(tmp_path):
    """A clone of what the pages are made of."""
    (tmp_path / "lessons").mkdir()
    shutil.copytree(LESSONS / "paper", tmp_path / "lessons" / "paper")
    for part in ("layers", "models", "bits"):
        shutil.copytree(ROOT / "minibnn" / part, tmp_path / "minibnn" / part)
    return tmp_path


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_code_that_moves_makes_a_page_stale_until_it_is_written_anew(clone):
    change(clone / "minibnn" / "layers" / "attention.py", "import math", "import math\n")
    lessons = clone / "lessons"
    stale = [name for name, text in pages(lessons).items() if (lessons / "paper" / name).read_text() != text]
    assert stale == ["algorithm-6.md"]
    write_pages(lessons)
    assert all((lessons / "paper" / name).read_text() == text for name, text in pages(lessons).items())


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        ("minibnn/layers/attention.py", "  # line 17", "", "Algorithm 6, line 17: .* has no code for it"),
        ("minibnn/layers/attention.py", "# line 17", "# line 99", "line 17"),
        ("lessons/paper/lines.toml", '{ line = "2-3"', '{ line = "2"', "Algorithm 6, line 2"),
        ("lessons/paper/lines.toml", 'paper = "end", code = false', 'paper = "end"', "line 7: .* has no code"),
        ("lessons/paper/lines.toml", 'name = "BATL"', 'name = "BATLE"', "has no BATLE.forward"),
        ("lessons/paper/lines.toml", "[[algorithm]]", "[[algorithm", "holds no algorithms"),
    ],
)
def test_what_does_not_fit_is_told(clone, path, old, new, message):
    change(clone / path, old, new)
    with pytest.raises(InputError, match=message):
        pages(clone / "lessons")


def test_a_line_of_code_that_the_paper_does_not_have_is_told(clone):
    change(clone / "lessons" / "paper" / "lines.toml", '  { line = "24", paper = "return projection" },\n', "")
    with pytest.raises(InputError, match=r"lines\.toml names no line for .*attention\.py, line"):
        pages(clone / "lessons")


def test_marks_of_a_file_have_its_rows(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("\n\nclass A:\n    def forward(self):\n        return 1  # line 1\n")
    assert [(mark.paper_lines, mark.row, mark.code) for mark in marks_in(path, "A")] == [((1,), 5, "return 1")]
    with pytest.raises(BadLineMark, match=r"a.py has no B.forward"):
        marks_in(path, "B")
