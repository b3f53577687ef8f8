"""`python -m minibnn.training.sweep_child PARENT ARGUMENTS`: `minibnn ARGUMENTS`, until the process PARENT has ended.

A sweep starts its runs so. Were it killed, they would go on without anyone to tell of them; so each presses Ctrl-C
itself then, which keeps its state.
"""

import os
import runpy
import signal
import sys
import threading
import time


def stop_with(parent):
    """From now on, send this process Ctrl-C as soon as its parent is not the process of that number any more."""

    def watch():
        while os.getppid() == parent:
            time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    stop_with(int(sys.argv.pop(1)))
    runpy.run_module("minibnn", run_name="__main__", alter_sys=True)
