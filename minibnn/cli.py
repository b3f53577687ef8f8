"""The command line: it parses, calls the library, prints. Whatever it does can be done in a few lines of Python."""

import argparse
import errno
import os
import sys

from minibnn import __version__
from minibnn.commands import (
    bench,
    check,
    classify,
    data,
    demo,
    evaluate,
    generate,
    info,
    lessons,
    pack,
    runs,
    show,
    sweep,
    train,
)
from minibnn.commands.arguments import positive
from minibnn.commands.parser import Parser
from minibnn.errors import InputError
from minibnn.threads import set_threads

NEXT_STEPS = """\
first steps:
  minibnn demo              one-bit networks learn beside their 32-bit twins
  minibnn lessons           the lessons; then minibnn lessons 7, minibnn check 7
  minibnn info paper-3x3    what a preset consists of
  minibnn train image       a classifier of drawn pictures, or of --data FOLDER
  minibnn train text        a writer of Python's help texts, or of --data FOLDER
  minibnn sweep CONFIG      a grid of such runs with several seeds, in one table
  minibnn data              fetch Food-101, WikiText or BERT's vocabulary
  minibnn runs              the runs so far; compare RUN RUN draws their curves
  minibnn eval RUN          where it is right and wrong; RUN: a folder of train
  minibnn classify RUN JPG  let a classifier name what is in photos
  minibnn generate RUN      let a writer write
  minibnn pack RUN          keep its bits in one file, 25 to 32 times smaller
  minibnn show RUN          a picture of its bits; --what attention, flips: more
"""


def main(arguments=None):
    """Run the command line; returns the exit status: 0, 1 for an error, 2 for wrong usage, 130 for Ctrl-C."""
    for name in ("stdout", "stderr"):  # None where the shell closed them
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    options = _parser().parse_args(arguments)
    if hasattr(options, "threads"):
        set_threads(options.threads)  # before a command imports NumPy
    try:
        status = options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if getattr(options, "only_prints", False):  # nothing else was left undone
            return 0
        print("minibnn: error: stopped, because nothing reads the output; send it to a file", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        if options.debug:
            raise
        print(f"\nminibnn: {str(error) or 'stopped'}", file=sys.stderr)
        return 130
    except Exception as error:
        if options.debug:
            raise
        print(f"minibnn: error: {_told(error)}", file=sys.stderr)
        _give_up_output()
        return 1
    return status or 0


def _give_up_output():
    """Where standard output takes no more, such as on a full disk: Python would try again as it ends, and say so."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _told(error):
    """An error as one sentence; one that we did not foresee says so, because it is ours to mend."""
    from minibnn.training.loop import DivergedError

    if isinstance(error, (InputError, DivergedError)):
        return str(error)
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC and not error.filename:
            return f"cannot write the output: {error.strerror}"
        return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    if isinstance(error, MemoryError):
        return "not enough memory; try a smaller preset, --batch-size or --image-size"
    return f"{type(error).__name__}: {error} (this is a fault of minibnn; run again with --debug to see where)"


def _parser():
    parser = Parser(
        prog="minibnn",
        description="Neural networks whose every parameter is one bit, from scratch\n(arXiv 2509.07025).",
        epilog=NEXT_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"minibnn {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(command=lambda options: parser.print_help())
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)  # --debug wherever it stands
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    computing = argparse.ArgumentParser(add_help=False, parents=[common], argument_default=argparse.SUPPRESS)
    computing.add_argument("--threads", type=positive, metavar="N", help="threads to compute with (one for each core)")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    families = (demo, lessons, check, train, sweep, runs, evaluate, classify, generate, pack, show, data, info, bench)
    for family in families:
        family.add_to(commands, computing if family in (demo, train, evaluate, classify, generate) else common)
    return parser
