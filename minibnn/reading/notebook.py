"""Lessons as notebooks, by jupytext: prose and code in cells, the outputs that the page shows left as text."""

import os
import re
from pathlib import Path

from minibnn.errors import InputError
from minibnn.files import replacing
from minibnn.reading.lesson import LONG
from minibnn.reading.links import moved_links

NOEVAL = re.compile(r"^(`{3,} *python) \.noeval *$", re.MULTILINE)  # jupytext's mark, which has done its work


def notebook_of(lesson, folder):
    """A lesson as a notebook that shall lie in `folder` (Path): what `nbformat` calls a NotebookNode.

    Links and pictures lead to the same files from there. Raises InputError if jupytext is not installed.
    """
    try:
        import jupytext
    except ImportError as error:
        raise InputError("notebooks need jupytext: run  pip install 'minibnn[notebooks]'") from error
    here = lesson.path.resolve().parent

    def move(link):
        name, _, anchor = link.target.partition("#")
        if link.outside or not name:
            return link.target
        there = Path(os.path.relpath(here / name, folder.resolve())).as_posix()
        return f"{there}#{anchor}" if anchor else there

    lines = [line for line in moved_links(lesson.path, lesson.lines, move) if line != LONG]
    notebook = jupytext.reads("\n".join(lines) + "\n", fmt="md")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = NOEVAL.sub(r"\1", cell.source)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def write_notebook(lesson, path):
    """Write a lesson as a notebook to `path`, which ends in .ipynb; raises InputError as `notebook_of`, or if not."""
    path = Path(path)
    if path.suffix != ".ipynb":
        raise InputError(f"expected a name that ends in .ipynb for the notebook, and got {str(path)!r}")
    notebook = notebook_of(lesson, path.parent)
    import nbformat  # comes with jupytext

    with replacing(path) as draft:
        nbformat.write(notebook, draft)
