"""What checkers are made of: each function takes what is right, and says in a sentence what is wrong with the rest."""

import types

import numpy as np
import pytest

from minibnn.reading import Wrong, array_of, call, close, expect, kind, number_of, parts_of, short, truth_of, unchanged
from minibnn.reading.exercise import load


def sentence(function, *arguments, **options):
    with pytest.raises(Wrong) as caught:
        function(*arguments, **options)
    assert str(caught.value).endswith(".")
    return str(caught.value)


def answering(function):
    answer = types.ModuleType("answer")
    answer.f = function
    return answer


def test_call_returns_what_the_function_returns_and_keeps_numpy_quiet():
    with np.errstate(divide="raise"):
        assert call(answering(lambda x, k: x[0] / 0 + k), "f", np.ones(1), k=2) == np.inf


def test_call_tells_the_call_the_line_and_the_exception(tmp_path):
    path = tmp_path / "answer.py"
    path.write_text("def f(x, y):\n    z = x\n    return z / y\n")
    assert sentence(call, load("answer", path), "f", 1, 0, hint="Do not.") == (
        "f(1, 0) stops at line 3 with ZeroDivisionError: division by zero. Do not."
    )
    assert sentence(call, load("answer", path), "f", 1, "a", shown="f of one and a").startswith("f of one and a stops")


def test_call_explains_recursion_and_leaves_the_rest_to_the_command():
    def f():
        return f()

    assert "use a loop" in sentence(call, answering(f), "f")
    for error in (NotImplementedError("write this"), Wrong("I know better.")):
        with pytest.raises(type(error), match=str(error)):
            call(answering(lambda error=error: (_ for _ in ()).throw(error).__next__()), "f")
    with pytest.raises(AttributeError):
        call(answering(None), "g")


@pytest.mark.parametrize(
    ("value", "shape", "phrase"),
    [
        (None, (2,), "x should be an array of numbers, and is nothing (None; is the `return` missing?)."),
        ("ab", None, "and is a str, 'ab'."),
        ([[1], [2, 3]], None, "should be an array of numbers"),
        ([1j, 2], (2,), "should be an array of numbers"),
        ([1, 2, 3], (2,), "x has shape (3,), expected (2,). Two of them."),
        ([[1], [2]], (1, 2), "That is the transpose. Two of them."),
        ([True, False], (2,), "use astype"),
        ([1, np.nan], (2,), "should be finite, and is [1, nan]. Two of them."),
        ([1, 2], (), "x should be a number, and is a list, [1, 2]."),
    ],
)
def test_array_of_refuses_in_a_sentence(value, shape, phrase):
    assert phrase in sentence(array_of, value, "x", shape, hint="Two of them.")


def test_array_of_takes_numbers_and_looks_at_the_dtype_if_asked():
    assert array_of([1, 2], "x", (2,)).tolist() == [1, 2]
    assert array_of([True], "x", booleans=True).tolist() == [True]
    assert np.isnan(array_of(np.nan, "x", (), finite=False))
    assert "dtype int64, expected uint8" in sentence(array_of, np.ones(2, np.int64), "x", dtype="uint8")


def test_numbers_truths_and_parts():
    assert number_of(np.float32(0.5), "x") == 0.5
    assert truth_of(np.True_, "x") is True
    assert parts_of([1, 2], "ab", "f(x)") == [1, 2]
    assert sentence(number_of, True, "x") == "x should be a number, and is a bool, True."
    assert sentence(truth_of, 1, "x") == "x should be True or False, and is an int, 1."
    assert sentence(parts_of, (1,), ("a", "b"), "f(x)") == "f(x) should be two values, (a, b), and is a tuple, (1,)."


def test_expect_tells_the_first_misreading_that_fits():
    expect(np.array([1.0, 2.0]), [1.0, 2.0 + 1e-12], "x")
    misreadings = (([2.0, 1.0], "Turned."), ([2.0, 1.0], "Never told."), (np.ones(3), "Of another shape."))
    assert (
        sentence(expect, np.array([2.0, 1.0]), [1.0, 2.0], "x", *misreadings) == "x is [2, 1], expected [1, 2]. Turned."
    )
    assert sentence(expect, 3.0, 4.0, "x", *misreadings, hint="Else.") == "x is 3, expected 4. Else."
    large = np.zeros((5, 4))
    large[2, 1:3] = np.nan, 7
    assert (
        sentence(expect, large, np.zeros((5, 4)), "x")
        == "x has nan at position (2, 1), expected 0; 2 of 20 values differ."
    )


def test_close_knows_shapes_sizes_and_nan():
    assert close(1e12, 1e12 + 1)
    assert not close(1.0, 1.0 + 1e-6)
    assert close(1.0, 1.1, 0.1)
    assert not close(np.nan, np.nan)
    assert not close([1.0], 1.0)


def test_unchanged_names_before_and_after():
    unchanged(np.ones(2), np.ones(2), "f changed x")
    assert sentence(unchanged, [1, 2], [1], "f changed x", "make a copy") == "f changed x, [1], to [1, 2]; make a copy."


def test_values_are_shown_on_one_short_line():
    assert short(np.array([[0.5, -2.0], [1 / 3, 1e-9]])) == "[[0.5, -2], [0.333333, 1e-09]]"
    assert short(np.arange(20)) == "[0, 1, 2, ..., 17, 18, 19]"
    assert len(short("long " * 100)) <= 60
    assert kind(np.ones((2, 3))) == "an array of float64, of shape (2, 3)"
