"""Exercises: what a checker thinks of an answer, as a sentence, whatever the answer does.

A checker is a module with `check(answer)`, which raises `Wrong`. `verdict` runs it, in a process of its own (see
`checking.py`), because an answer may never end, or end Python.
"""

import os
import sys
import threading
import traceback
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

from minibnn.reading.lesson import told
from minibnn.reading.places import shown_path


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
