"""Every line of Algorithms 1 to 8 is marked at the code that does it: once, in the paper's order."""

import textwrap

import pytest

from minibnn.bits.packed_layers import PackedBNCVL, PackedBNFCL
from minibnn.layers import BATL, BEMBL, BNCVL, BNFCL, BTFB
from minibnn.models import BCVNN, BLM
from minibnn.reading.line_marks import BadLineMark, check_marks, line_marks, marks_of, numbers

PAPER_LINES = {
    BNFCL: "1-6, 8-11",  # 7 is `end`
    PackedBNFCL: "1-4",
    BNCVL: "1-6, 8-11",
    PackedBNCVL: "1-4",  # as Algorithm 2 simplifies Algorithm 1
    BEMBL: "1-9",
    BTFB: "1-8",
    BATL: "1-24",
    BCVNN: "2-4, 6-8, 10-12, 14-16, 18-20, 22-25",  # the others are headings
    BLM: "1-5, 7-12",  # 6 is `end`
}


@pytest.mark.parametrize("layer", PAPER_LINES, ids=lambda layer: layer.__name__)
def test_each_line_of_the_algorithm_is_marked_once_and_in_order(layer):
    check_marks(marks_of(layer.forward), numbers(PAPER_LINES[layer]))


GOOD = '''
    def forward(self, x):
        """A docstring with # line 1 is not a mark."""
        text = "# line 2"
        y = x + 1  # lines 1-2: (B,) -> (B,)
        z = sum(  # line 3
            y
        )
        return z  # line 4
'''


def test_marks_know_their_lines_their_row_and_their_code():
    marks = line_marks(GOOD)
    check_marks(marks, numbers("1-4"))
    assert [mark.paper_lines for mark in marks] == [(1, 2), (3,), (4,)]
    assert [mark.code for mark in marks] == ["y = x + 1", "z = sum(", "return z"]
    assert textwrap.dedent(GOOD).splitlines()[marks[0].row - 1].strip().startswith(marks[0].code)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (GOOD.replace("  # line 3", ""), "line 3 of the paper is marked 0 times"),
        (GOOD.replace("  # line 3", "  # line 4"), "line 3 of the paper is marked 0 times"),
        (GOOD.replace("# lines 1-2", "# lines 1-3"), "line 3 of the paper is marked 2 times"),
        (GOOD.replace("# line 4", "# lines 4-5"), "line 5 of the paper is marked 1 times, expected 0"),
        (GOOD.replace("# line 3", "# line 9").replace("# line 4", "# line 3").replace("# line 9", "# line 4"), "order"),
        (GOOD.replace("y = x + 1  #", "#"), "stands beside no code"),
        (GOOD.replace("# line 3", "# line three"), "is not of the form"),
        (GOOD.replace("# lines 1-2", "# lines 1,2"), "line 2 of the paper is marked 0 times"),
    ],
)
def test_a_wrong_mark_fails(source, problem):
    with pytest.raises(BadLineMark, match=problem):
        check_marks(line_marks(source), numbers("1-4"))
