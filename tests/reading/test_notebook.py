"""Lessons as notebooks: jupytext reads the pages as they are, and links still lead to their files."""

import re

import pytest
from reading.clone import PAGES, make_clone

from minibnn.errors import InputError
from minibnn.reading import read_lesson
from minibnn.reading.links import links_of
from minibnn.reading.notebook import notebook_of, write_notebook

pytest.importorskip("jupytext")
pytestmark = pytest.mark.filterwarnings("ignore")  # of jupytext and nbformat, which are not ours


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem[:2])
def test_each_page_opens_as_a_notebook_with_its_code_in_cells(page):
    import jupytext

    lesson = read_lesson(page)
    cells = jupytext.read(page).cells
    code = [cell.source.strip() for cell in cells if cell.cell_type == "code"]
    assert code == [block.text.strip() for block in lesson.blocks if block.runs]
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith(f"# {lesson.title}")


def test_a_notebook_elsewhere_links_to_the_same_files(tmp_path):
    import nbformat

    page = make_clone(tmp_path / "clone") / "07-the-useful-lie.md"
    lines = page.read_text().replace("# 7. The useful lie\n", "# 7. The useful lie\n\n<!-- long -->\n").splitlines()
    page.write_text("\n".join(lines) + "\n")
    (tmp_path / "books").mkdir()
    file = tmp_path / "books" / "seven.ipynb"
    write_notebook(read_lesson(page), file)
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "```text\n2\n```" in prose
    assert "```python\nprint" in prose
    assert ".noeval" not in prose
    assert "<!--" not in prose
    old = [link.place(page) for link in links_of(page) if not link.outside]
    new = [link.place(file) for link in links_of(file, prose.splitlines()) if not link.outside]
    assert new == old
    assert "https://example.org/a?b=1&c=2" in prose
    assert notebook.metadata.kernelspec.name == "python3"


def test_the_folder_of_the_page_needs_no_other_links(tmp_path):
    page = make_clone(tmp_path) / "07-the-useful-lie.md"
    notebook = notebook_of(read_lesson(page), page.parent)
    targets = re.findall(r"\]\(([^)]*)\)", "\n".join(cell.source for cell in notebook.cells))
    assert targets == [link.target for link in links_of(page)]


def test_another_suffix_is_refused(tmp_path):
    page = make_clone(tmp_path) / "07-the-useful-lie.md"
    with pytest.raises(InputError, match=r"ends in \.ipynb"):
        write_notebook(read_lesson(page), tmp_path / "a.py")
