"""What is printed where someone reads it in a terminal: as wide as that, and as it comes everywhere else."""

import shutil
import sys
import textwrap


def columns(stream=None):
    """How many columns (int) the terminal has that `stream` (None: standard output) writes to; None if it is none."""
    stream = sys.stdout if stream is None else stream
    is_terminal = stream is not None and not stream.closed and stream.isatty()
    return shutil.get_terminal_size().columns if is_terminal else None


def folded(text, indent="  "):
    """Text (str), in a terminal with each line that is too wide for it cut at spaces and gone on with after `indent`.

    What has no spaces, such as a path, stays whole, so that it can be copied.
    """
    width = columns()
    if width is None:
        return text
    whole = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": indent}
    lines = [line if len(line) <= width else textwrap.fill(line, max(width, 20), **whole) for line in text.split("\n")]
    return "\n".join(lines)
