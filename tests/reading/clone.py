"""Small clones for tests: a folder `lessons` with what one lesson needs, and the real lessons' files."""

import re
import textwrap
from pathlib import Path

from minibnn.cli import main
from minibnn.reading.lesson import FIRST_LINES, LONG

ROOT = Path(__file__).parents[2]
LESSONS = ROOT / "lessons"
ERRATA = LESSONS / "errata.md"
PAGES = sorted(LESSONS.glob("[0-9][0-9]-*.md"))

PAGE = """\
# 7. The useful lie

> **Question.** Is $x_1 > \\frac{a}{b}$ a [step](glossary.md#step)?

## Your prediction

```python
print(1 + 1)
```

```text
2
```

```python .noeval
print("not run")
```

## In the package

[errata](errata.md), [code](../minibnn/step.py#L2), [all](../minibnn), [out](https://example.org/a?b=1&c=2).
"""
CHECKER = """
from minibnn.reading import Wrong

def check(answer):
    if (got := answer.double(3)) != 6:
        raise Wrong(f"double(3) gives {got}, and 6 was expected: add x to itself.")
"""
STUB = 'def double(x):\n    """Twice x."""\n    raise NotImplementedError("lesson 07: write this function")\n'


def is_long(page):
    """Whether a page says that it runs for minutes."""
    return LONG in page.read_text(encoding="utf-8").splitlines()[:FIRST_LINES]


def make_clone(folder, page=PAGE):
    """A clone with one lesson in `folder`; returns its folder of lessons."""
    lessons = folder / "lessons"
    for name in ("exercises", "solutions", "figures"):
        (lessons / name).mkdir(parents=True)
    (folder / "minibnn").mkdir()
    (folder / "minibnn" / "step.py").write_text("def step(x):\n    return x > 0 and '<&>'\n")
    (lessons / "07-the-useful-lie.md").write_text(textwrap.dedent(page), encoding="utf-8")
    (lessons / "errata.md").write_text("# Errata\n\nNone.\n")
    (lessons / "glossary.md").write_text("# Glossary\n\n### Step\n\nA jump.\n")
    (lessons / "README.md").write_text("# Map\n\n- [7](07-the-useful-lie.md)\n")
    (lessons / "exercises" / "lesson_07.py").write_text(STUB)
    (lessons / "exercises" / "check_07.py").write_text(CHECKER)
    return lessons


def run(capfd, *arguments):
    """(exit status, standard output, standard error) of `minibnn ARGUMENTS`, and of the processes that it starts.

    Times, such as (1.2 s), become (T s).
    """
    try:
        status = main(list(arguments))
    except SystemExit as error:
        status = error.code
    out = capfd.readouterr()
    return status, re.sub(r"\(\d+\.\d s\)", "(T s)", out.out), out.err
