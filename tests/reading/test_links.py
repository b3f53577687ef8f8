"""Links of pages: found where Markdown has them, and told of where they lead nowhere."""

import pytest
from reading.clone import make_clone

from minibnn.reading.links import dead_links, headings_of, links_of, moved_links, slug

TEXT = """\
# A [link](a.md) of `code[0](x)` and [two
lines](b.md#x) ![a picture with [brackets]](c.svg)
```python
f[0](y)
```
``a ` [no](n.md)`` [out](https://example.org)
"""


def test_links_are_found_outside_of_code_with_their_lines(tmp_path):
    links = links_of(tmp_path, TEXT.splitlines())
    assert [(link.line, link.target) for link in links] == [
        (1, "a.md"),
        (2, "b.md#x"),
        (2, "c.svg"),
        (6, "https://example.org"),
    ]
    assert [link.picture for link in links] == [False, False, True, False]
    assert [link.outside for link in links] == [False, False, False, True]


def test_links_move_and_nothing_else_does(tmp_path):
    moved = moved_links(tmp_path, TEXT.splitlines(), lambda link: f"../{link.target}")
    expected = TEXT
    for target in ("a.md", "b.md#x", "c.svg", "https://example.org"):
        expected = expected.replace(f"]({target})", f"](../{target})")
    assert "\n".join(moved) + "\n" == expected


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Latent weight", "latent-weight"),
        ("What is `W_q`?", "what-is-w_q"),
        ("Straight-through (STE), Eq. 1", "straight-through-ste-eq-1"),
        ("A [link](x.md) & more", "a-link--more"),
    ],
)
def test_headings_have_the_anchors_that_github_gives_them(heading, anchor):
    assert slug(heading) == anchor


def test_headings_that_come_twice_have_two_anchors(tmp_path):
    lines = ["## A", "```", "# no heading", "```", "## A", "### B"]
    assert [name for *_, name in headings_of(tmp_path, lines)] == ["a", "a-1", "b"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("errata.md)", "erata.md)", "no such file"),
        ("#step)", "#stop)", "no heading for this anchor"),
        ("step.py#L2)", "step.py#L9)", "no such line"),
        ("[errata]", "[errata]", None),
    ],
)
def test_dead_links_are_told_with_their_line(old, new, problem, tmp_path):
    page = make_clone(tmp_path) / "07-the-useful-lie.md"
    text = page.read_text()
    page.write_text(text.replace(old, new))
    found = dead_links(page)
    if problem is None:
        assert found == []
    else:
        line = next(number for number, row in enumerate(text.splitlines(), 1) if old in row)
        assert [(d.line, problem in d.message) for d in found] == [(line, True)]
