"""What the README shows runs, and what it links to exists."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_python_of_the_readme_runs_and_prints_what_its_comments_say(number):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        exec(compile(BLOCKS[number], f"README block {number}", "exec"), {})
    promised = re.findall(r"^print\(.*\) *# (\[.*|BNFCL.*)$", BLOCKS[number], re.MULTILINE)
    shown = " ".join(printed.getvalue().split())
    assert all(" ".join(text.split()) in shown for text in promised)


@pytest.mark.parametrize("page", ["README.md", "lessons/errata.md", "CHANGELOG.md"])
def test_links_of_a_page_lead_to_files(page):
    path = ROOT / page
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_docstrings_name_only_errata_that_there_are():
    entries = set(re.findall(r"^(\d+)\. \*\*", (ROOT / "lessons" / "errata.md").read_text(), re.MULTILINE))
    named = {
        number
        for path in (ROOT / "minibnn").rglob("*.py")
        for number in re.findall(r"[Ee]rrata (\d+)", path.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= entries
