"""Exercises: what a checker thinks of an answer, as a sentence, whatever the answer does.

A checker is a module with `check(answer)`, which raises `Wrong`. `verdict` runs it, in a process of its own (see
`checking.py`), because an answer may never end, or end Python. The functions behind it are what checkers are made of:
`call` asks the answer; `array_of`, `number_of`, `truth_of` and `parts_of` take what it gives, if it is of the right
kind; `unchanged` and `expect` compare. Each raises Wrong with a whole sentence that names the call.
"""

import os
import sys
import threading
import traceback
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

from minibnn.reading.lesson import told
from minibnn.reading.places import shown_path

SHOWN = 8  # elements of an array in a sentence


class Wrong(Exception):
    """Raised by a checker: one sentence that says what the answer does, what was expected, and where to look."""


def verdict(checker, answer, seconds, give_up):
    """What the checker in file `checker` (Path) thinks of the answer in file `answer` (Path).

    `seconds`: the answer's time; when it is up, `give_up(what is returned else)` is called and the process ended.

    Returns a dict of "status" ("right", "wrong", "unwritten", "error", "slow" or "puzzling", if the checker itself
    failed) and "message", a sentence.
    """
    sys.dont_write_bytecode = True
    sys.path.append(str(answer.parent))  # so that an answer of several files works
    clock = threading.Timer(seconds, _stop, (answer, seconds, give_up, threading.get_ident()))
    clock.daemon = True
    clock.start()
    module = None
    try:
        module = load("answer", answer)
        load("checker", checker).check(module)
    except Wrong as wrong:
        return {"status": "wrong", "message": str(wrong)}
    except (Exception, SystemExit) as error:
        return _explained(error, answer, module)
    finally:
        clock.cancel()
    return {"status": "right", "message": ""}


def load(name, path):
    """The Python file `path`, run as a new module."""
    module = module_from_spec(spec_from_loader(name, SourceFileLoader(name, str(path))))
    sys.modules[name] = module  # where dataclasses look for it
    module.__spec__.loader.exec_module(module)
    return module


def _explained(error, answer, module):
    """Why the answer could not be checked to the end, from the exception that came."""
    place, problem = shown_path(answer), told(error)
    if isinstance(error, SyntaxError) and error.filename == str(answer):
        line = f", line {error.lineno}" if error.lineno else ""
        return {"status": "error", "message": f"Python cannot read {place}{line}: {error.msg}."}
    if isinstance(error, AttributeError) and module is not None and error.obj is module:
        return {"status": "wrong", "message": f"{place} has no function {error.name}, and the exercise asks for it."}
    frames = traceback.extract_tb(error.__traceback__)
    if not (own := [frame for frame in frames if frame.filename == str(answer)]):
        where = f"{os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}" if frames else "somewhere"
        sentence = f"The checker cannot make anything of what {place} gives back ({problem}, in {where})."
        return {"status": "puzzling", "message": f"{sentence} Compare its kind and shape with the docstring."}
    function, line = own[-1].name, own[-1].lineno
    if isinstance(error, NotImplementedError):
        return {"status": "unwritten", "message": f"{function} is not written yet: open {place}, line {line}."}
    who = "The file" if function == "<module>" else function
    return {"status": "error", "message": f"{who} stops at line {line} of {place} with {problem}"}


def _stop(answer, seconds, give_up, thread):
    """End the process, after telling in which line of the answer it was."""
    frame, line = sys._current_frames().get(thread), None
    while frame is not None and line is None:
        if frame.f_code.co_filename == str(answer):
            line = frame.f_lineno
        frame = frame.f_back
    where = f"at line {line} of {shown_path(answer)}" if line else "in the checker, or in what it calls"
    sentence = f"Still not done after {seconds:g} seconds, {where}. Is there a loop that never ends?"
    give_up({"status": "slow", "message": sentence})
    os._exit(1)


def call(answer, name, *arguments, shown=None, hint="", **options):
    """What a function of the reader returns.

    Args:
        answer: the reader's module.
        name: of the function. If it is missing, `verdict` says so.
        arguments, options: what it is called with, as they are.
        shown: the call, in words; None writes it as in Python.
        hint: a sentence for a function that raises.

    Raises:
        Wrong: if the function raises, with the call, the line and the exception.
        NotImplementedError: if it is not written yet.
    """
    import numpy as np

    function = getattr(answer, name)
    try:
        with np.errstate(all="ignore"):
            return function(*arguments, **options)
    except (NotImplementedError, Wrong):
        raise
    except Exception as error:
        shown = shown or f"{name}({', '.join(map(short, arguments))})"
        if isinstance(error, RecursionError):
            hint = f"{name} calls itself, and Python's stack is too short for that: use a loop and a list."
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == getattr(answer, "__file__", None)]
        where = f" at line {lines[-1]}" if lines else ""
        raise Wrong(f"{shown} stops{where} with {told(error)}. {hint}".rstrip()) from error


def array_of(value, what, shape=None, *, dtype=None, hint="", booleans=False, finite=True):
    """`value` as a NumPy array of numbers.

    Args:
        value: what a function of the reader returned, anything.
        what: it is called in a sentence, such as "quant([1, 2])".
        shape, dtype: that it must have; None takes any.
        hint: a sentence about the right shape or dtype.
        booleans: whether True and False pass for 1 and 0.
        finite: whether nan and infinity are refused.

    Raises:
        Wrong: if it is anything else.
    """
    import numpy as np

    try:
        array = np.asarray(value)
    except (TypeError, ValueError):  # lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind == "b" and array.ndim and not booleans and shape in (None, array.shape):
        raise Wrong(f"{what} is True and False where it should be numbers, such as 1 and 0; use astype.")
    if array.dtype.kind not in ("biuf" if booleans or array.ndim else "iuf") or (shape == () and array.ndim):
        raise Wrong(f"{what} should be {'a number' if shape == () else 'an array of numbers'}, and is {kind(value)}.")
    if shape is not None and array.shape != shape:
        turned = "That is the transpose. " if len(shape) == 2 and array.shape == shape[::-1] else ""
        raise Wrong(f"{what} has shape {array.shape}, expected {shape}. {turned}{hint}".rstrip())
    if dtype is not None and array.dtype != dtype:
        raise Wrong(f"{what} has dtype {array.dtype}, expected {np.dtype(dtype)}. {hint}".rstrip())
    if finite and not np.isfinite(array).all():
        raise Wrong(f"{what} should be finite, and is {short(array)}. {hint}".rstrip())
    return array


def number_of(value, what, *, hint="", finite=True):
    """`value` as a float, if it is a single number; Wrong otherwise. Arguments as in `array_of`."""
    return float(array_of(value, what, (), hint=hint, finite=finite))


def truth_of(value, what):
    """`value` as a bool, if it is True or False, of Python or NumPy; Wrong otherwise."""
    import numpy as np

    if not isinstance(value, (bool, np.bool_)):
        raise Wrong(f"{what} should be True or False, and is {kind(value)}.")
    return bool(value)


def parts_of(value, names, what):
    """`value` as a list, if it is a tuple or list of as many values as there are `names` (str); Wrong otherwise."""
    if not isinstance(value, (tuple, list)) or len(value) != len(names):
        count = {2: "two", 3: "three"}.get(len(names), len(names))
        raise Wrong(f"{what} should be {count} values, ({', '.join(names)}), and is {kind(value)}.")
    return list(value)


def unchanged(given, before, what, hint="others may still need it, so make a new one"):
    """Raise Wrong unless an argument, `given` (array or list), is still as it was `before`.

    `what`: who changed what, such as "quant changed its input".
    """
    import numpy as np

    if not np.array_equal(given, before):
        raise Wrong(f"{what}, {short(before)}, to {short(given)}; {hint}.")


def expect(got, want, what, *misreadings, hint="", tolerance=1e-9):
    """Raise Wrong unless two arrays agree.

    Args:
        got, want: arrays or numbers of the same shape; `got` is the reader's.
        what: `got` is called in a sentence.
        misreadings: pairs (another array, the sentence for those who get that one); the first that fits is told.
        hint: the sentence if none fits.
        tolerance: see `close`.
    """
    import numpy as np

    if close(got, want, tolerance):
        return
    got, want = np.asarray(got), np.asarray(want)
    hint = next((sentence for wrong, sentence in misreadings if close(got, wrong, tolerance)), hint)
    differs = np.argwhere(~(np.abs(got - want) <= tolerance * (1 + np.abs(want))))
    if got.size <= SHOWN:
        raise Wrong(f"{what} is {short(got)}, expected {short(want)}. {hint}".rstrip())
    place = tuple(int(i) for i in differs[0])
    values = f"{short(got[place])} at position {place}, expected {short(want[place])}"
    raise Wrong(f"{what} has {values}; {len(differs)} of {want.size} values differ. {hint}".rstrip())


def close(got, want, tolerance=1e-9):
    """Whether shapes agree and no element is off by more than `tolerance` times (1 + its size); nan always is."""
    import numpy as np

    got, want = np.asarray(got), np.asarray(want)
    return got.shape == want.shape and bool((np.abs(got - want) <= tolerance * (1 + np.abs(want))).all())


def kind(value):
    """What a value is, as the end of a sentence that begins "and it is"."""
    if value is None:
        return "nothing (None; is the `return` missing?)"
    name = type(value).__name__
    if name == "ndarray":
        return f"an array of {value.dtype}, of shape {value.shape}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}, {short(value)}"


def short(value):
    """A value on one line: at most `SHOWN` elements of an array, six digits of a float, 60 characters of others."""
    import numpy as np

    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        digits = {"float_kind": "{:.6g}".format, "int_kind": "{}".format}
        text = np.array2string(value, threshold=SHOWN, edgeitems=3, separator=", ", formatter=digits)
    else:
        text = f"{value:.6g}" if isinstance(value, (float, np.floating)) else repr(value)[:60]
    return " ".join(text.split())
