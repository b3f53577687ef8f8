"""Every lesson has an exercise; its checker takes the solution, and refuses the stub and all known wrong answers."""

import ast
import types
import warnings

import pytest
from reading.clone import LESSONS, PAGES, ROOT

from minibnn.reading import Wrong
from minibnn.reading.exercise import load

NUMBERS = [page.stem[:2] for page in PAGES]
WRONG_ANSWERS = ROOT / "tests" / "reading" / "wrong_answers"


def module(kind, number):
    """The stub ("exercises"), the solution ("solutions") or the wrong answers of a lesson."""
    folder = WRONG_ANSWERS if kind == "wrong" else LESSONS / kind
    return load(f"{kind}_{number}", folder / f"lesson_{number}.py")


def check(number, answer):
    load(f"check_{number}", LESSONS / "exercises" / f"check_{number}.py").check(answer)


def functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def unwritten(number):
    """The functions of a stub that the reader has to write; there may be others, which are given."""
    stub = functions(LESSONS / "exercises" / f"lesson_{number}.py")
    return {name: node for name, node in stub.items() if isinstance(node.body[-1], ast.Raise)}


@pytest.mark.parametrize("number", NUMBERS)
def test_the_solution_is_right(number):
    check(number, module("solutions", number))


@pytest.mark.parametrize("number", NUMBERS)
def test_the_stub_says_what_to_write_and_is_not_written(number):
    stub, solution = unwritten(number), functions(LESSONS / "solutions" / f"lesson_{number}.py")
    assert 1 <= len(stub) <= 3
    assert stub.keys() <= solution.keys()
    for name, node in stub.items():
        assert ast.get_docstring(node), name
        assert [each.arg for each in node.args.args] == [each.arg for each in solution[name].args.args], name
    with pytest.raises(NotImplementedError, match="write this function"):
        check(number, module("exercises", number))


@pytest.mark.parametrize("number", NUMBERS)
def test_wrong_answers_get_a_sentence_of_their_own(number):
    wrong = module("wrong", number).WRONG
    assert len(wrong) >= 3
    sentences = {}
    for description, (replacements, phrase) in wrong.items():
        answer = types.ModuleType("answer")
        vars(answer).update(vars(module("solutions", number)) | replacements)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a wrong answer may divide by zero
            with pytest.raises(Wrong) as caught:
                check(number, answer)
        sentences[description] = str(caught.value)
        assert phrase in sentences[description], f"{description}: {sentences[description]}"
    assert len(set(sentences.values())) >= min(3, len(wrong)), sentences


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("value", [None, "text", (), float("nan")], ids=repr)
def test_whatever_an_answer_returns_the_checker_says_it_in_a_sentence(number, value):
    answer = types.ModuleType("answer")
    vars(answer).update(vars(module("solutions", number)) | dict.fromkeys(unwritten(number), lambda *_, **__: value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Wrong) as caught:
            check(number, answer)
    assert 5 < len(str(caught.value).split()) < 120
