"""Figures keep the numbers that they show, the same file comes out each time, and without matplotlib nothing does."""

import math

import pytest

from minibnn.reading import drawing
from minibnn.reading.drawing import changed, draw, numbers_in


@pytest.fixture
def drawings(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(drawing, "DRAWINGS", drawing.Drawings(tmp_path))
    return drawing.DRAWINGS


def plot(top=3.0, name="07-a"):
    with draw(name, columns=2) as (left, right):
        left.plot([0, 1, 2], [1.23456, math.nan, top])
        left.fill_between([0, 1], [0, 2])
        left.set(title="2 < 3 & 4 > 3")
        right.bar(["a", "b"], [1, top])
        right.scatter([1, 2], [3, 4])
        right.imshow([[0, 1], [2, 3]])
        right.annotate("here", (1, 1), (2, 2), arrowprops={"arrowstyle": "->"})


def test_the_same_figure_is_the_same_file_and_holds_its_numbers(drawings):
    path = drawings.folder / "07-a.svg"
    plot()
    first = path.read_bytes()
    plot()
    assert path.read_bytes() == first
    assert b"dc:date" not in first
    left, right = numbers_in(path)
    assert left["lines"][0][0] == [0, 1, 2]
    assert left["lines"][0][1] == pytest.approx([1.23, math.nan, 3], nan_ok=True)
    assert left["points"]  # the corners of the area
    assert right["bars"][1] == [1, 3]
    assert right["points"] == [[[1, 2], [3, 4]]]
    assert right["pictures"] == [[0, 1, 2, 3]]
    assert not changed([left, right], drawings.numbers["07-a"])


@pytest.mark.parametrize(("top", "differs"), [(3.02, False), (3.2, True), (-3, True)])
def test_a_figure_that_shows_something_else_is_found(drawings, top, differs):
    plot()
    plot(top, "07-b")
    assert changed(numbers_in(drawings.folder / "07-a.svg"), drawings.numbers["07-b"]) == differs


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ([0.0, 1e-17, 5.0], [1e-16, 0.0, 5.0], False),
        ([0.0, 0.2, 5.0], [0.0, 0.0, 5.0], True),
        ([1.0, 2.0], [1.0], True),
        ([{"lines": []}], [{"bars": []}], True),
        (None, [1.0], True),
        ([math.nan], [1.0], True),
    ],
)
def test_numbers_differ_if_a_reader_could_see_it(old, new, differs):
    assert changed(old, new) == differs


def test_a_file_without_numbers_has_none(tmp_path):
    (tmp_path / "a.svg").write_text("<svg/>")
    assert numbers_in(tmp_path / "a.svg") is None
    (tmp_path / "a.svg").write_text("<dc:description>no numbers</dc:description>")
    assert numbers_in(tmp_path / "a.svg") is None


def test_without_matplotlib_every_call_is_taken(monkeypatch):
    monkeypatch.setattr(drawing, "find_spec", lambda name: None)
    plot()
    with draw("07-a") as axes:
        axes.plot([1], [2])[0].set(label="x").anything(axes.transData)
