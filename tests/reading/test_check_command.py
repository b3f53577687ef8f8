"""`minibnn check`: whatever the reader's file does, one sentence, no traceback, and an exit status."""

import pytest
from reading.clone import run

ANSWERS = {
    "the stub": (None, "double is not written yet: open lessons/exercises/lesson_07.py, line 3."),
    "wrong": ("def double(x):\n    return x\n", "double(3) gives 3, and 6 was expected: add x to itself."),
    "no function": ("def dubble(x):\n    return x\n", "has no function double, and the exercise asks for it."),
    "no Python": ("def double(x)\n    return x\n", "Python cannot read lessons/exercises/lesson_07.py, line 1"),
    "an exception": ("def double(x):\n    y = 1\n    return x + z\n", "double stops at line 3 of lessons/exercises"),
    "its type and message": ("def double(x):\n    return {}['k']\n", "with KeyError: 'k'"),
    "an exception at once": ("import nothing_such\n", "The file stops at line 1 of"),
    "recursion": ("def double(x):\n    return double(x)\n", "RecursionError"),
    "an exit": ("def double(x):\n    exit()\n", "double stops at line 2"),
    "an exception in NumPy": ("import numpy\ndef double(x):\n    return numpy.zeros(3) @ numpy.ones(4)\n", "line 3 of"),
    "an endless loop": ("def double(x):\n    while True:\n        x = x\n", "Still not done after 2 seconds, at line"),
    "an endless wait": ("def double(x):\n    return input()\n", "EOFError"),
    "the end of Python": ("import os\ndef double(x):\n    os._exit(7)\n", "Python ended with status 7"),
    "something odd": ("class Odd:\n    __ne__ = 3\ndef double(x):\n    return Odd()\n", "cannot make anything of what"),
    "not UTF-8": (b"x = '\xff'\n", "Python cannot read"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_sentence_for_whatever_an_answer_does(name, clone, capfd):
    answer, sentence = ANSWERS[name]
    if answer is not None:
        (clone / "exercises" / "lesson_07.py").write_bytes(answer if isinstance(answer, bytes) else answer.encode())
    status, out, err = run(capfd, "check", "7", "--seconds", "2" if "loop" in name else "30")
    assert (status, err) == (1, "")
    assert out.startswith("Lesson 7: ")
    assert sentence in out
    assert out.count("\n") == 1
    assert "Traceback" not in out


def test_a_right_answer_is_told_what_is_next_and_may_print(clone, capfd, tmp_path):
    (tmp_path / "mine.py").write_text("def double(x):\n    print('x is', x)\n    return x + x\n")
    status, out, _ = run(capfd, "check", "7", "mine.py")
    assert (status, out) == (0, "x is 3\nLesson 7: all right. That was the last lesson.\n")
    (clone / "08-next.md").write_text("# 8. Next\n")
    assert "Next: lesson 8, Next: lessons/08-next.md\n" in run(capfd, "check", "07", "mine.py")[1]


def test_without_a_lesson_it_lists_which_are_solved(clone, capfd):
    assert run(capfd, "check")[:2] == (
        0,
        "   7  The useful lie  not written yet\n\n0 of 1 solved. Next: minibnn check 7\n",
    )
    (clone / "exercises" / "lesson_07.py").write_text("def double(x):\n    print('!')\n    return 2 * x\n")
    assert run(capfd, "check")[1] == "   7  The useful lie  solved\n\n1 of 1 solved.\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["check", "8"], 1, "there is no lesson '8'; there are 7"),
        (["check", "seven"], 1, "there is no lesson 'seven'"),
        (["check", "7", "nowhere.py"], 1, "cannot check nowhere.py: there is no such file"),
        (["check", "7", "lessons"], 1, "cannot check lessons: it is a folder"),
        (["check", "7", "--seconds", "0"], 2, "expected a number above 0"),
    ],
)
def test_a_mistake_is_told_in_one_line(clone, capfd, arguments, status, message):
    got, _, err = run(capfd, *arguments)
    assert got == status
    assert message in err
