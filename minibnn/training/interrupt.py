"""Ctrl-C while training: it waits where something must stay whole, and is never lost."""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def unbroken():
    """Inside the `with` Ctrl-C waits until its end, where it raises KeyboardInterrupt as usual.

    So weights, optimizer and counters are all of the same step, whenever someone presses it. Python tells of signals in
    its main thread only; in another one nothing needs to be done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting = []
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, lambda *arguments: waiting.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
        if waiting and callable(before):
            before(*waiting[0])


class CtrlC:
    """Inside the `with`, `check()` raises KeyboardInterrupt once more after each Ctrl-C.

    Python reports Ctrl-C as an exception, and one that comes in the middle of what ignores exceptions, such as the end
    of an object's life, is lost. Here it is remembered too.
    """

    def __init__(self):
        self._pressed = False

    def __enter__(self):
        self._is_main = threading.current_thread() is threading.main_thread()
        if self._is_main:
            self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *error):
        if self._is_main:
            signal.signal(signal.SIGINT, self._before if self._before is not None else signal.SIG_DFL)

    def _press(self, *_):
        self._pressed = True
        raise KeyboardInterrupt

    def check(self):
        """Raise KeyboardInterrupt if Ctrl-C was pressed since the last call."""
        if self._pressed:
            self._pressed = False
            raise KeyboardInterrupt
