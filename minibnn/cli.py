"""The command line: it parses, calls the library, prints. Whatever it does can be done in a few lines of Python."""

import argparse
import os
import sys

from minibnn import __version__
from minibnn.commands import bench, data, demo, generate, info, pack, train
from minibnn.errors import InputError

NEXT_STEPS = """\
first steps:
  minibnn demo              one-bit networks learn beside their 32-bit twins
  minibnn info paper-3x3    what a preset consists of
  minibnn train image       a classifier of pictures: drawn ones, or --data FOLDER
  minibnn train text        a writer: of Python's help texts, or --data FOLDER
  minibnn data              fetch such folders: Food-101, WikiText, BERT's vocabulary
  minibnn generate RUN      let a writer write: RUN is the folder that training made
  minibnn pack RUN          keep its bits alone, in one file 25 to 32 times smaller
  minibnn show FILE         a picture of these bits
"""


def main(arguments=None):
    """Run the command line; returns the exit status: 0, 1 for an error, 2 for wrong usage, 130 for Ctrl-C."""
    for name in ("stdout", "stderr"):  # None where the shell closed them
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if getattr(options, "only_prints", False):  # nothing else was left undone
            return 0
        print("minibnn: error: stopped, because nothing reads the output; send it to a file", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if options.debug:
            raise
        print("\nminibnn: stopped", file=sys.stderr)
        return 130
    except Exception as error:
        if options.debug:
            raise
        print(f"minibnn: error: {_told(error)}", file=sys.stderr)
        return 1
    return 0


def _told(error):
    """An error as one sentence; one that we did not foresee says so, because it is ours to mend."""
    from minibnn.training.loop import DivergedError

    if isinstance(error, (InputError, DivergedError)):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    if isinstance(error, MemoryError):
        return "not enough memory; try a smaller preset, --batch-size or --image-size"
    return f"{type(error).__name__}: {error} (this is a fault of minibnn; run again with --debug to see where)"


def _parser():
    parser = argparse.ArgumentParser(
        prog="minibnn",
        description="Neural networks whose every parameter is one bit (arXiv 2509.07025), from scratch.",
        epilog=NEXT_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"minibnn {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.set_defaults(command=lambda options: parser.print_help())
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)  # --debug wherever it stands
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for family in (demo, train, generate, pack, data, info, bench):
        family.add_to(commands, common)
    return parser
