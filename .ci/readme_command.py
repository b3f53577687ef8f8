"""Print commands as README.md shows them, so that what is checked is what a reader types.

`readme_command.py WORD` prints the one ```console block that has WORD in it, without prompts. `--rest` prints, line by
line, the commands of all ```console blocks that are marked to be run by the comment <!-- checked --> above them.
"""

import re
import sys
from pathlib import Path

README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(<!-- checked -->\n)?```console\n(.*?)```", re.DOTALL)


def commands(block):
    """The lines that follow a prompt, without it."""
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def main(word):
    """Print what was asked for; exit with status 1 when the README has no such command, or several."""
    blocks = [(bool(marked), commands(text)) for marked, text in BLOCK.findall(README)]
    if word == "--rest":
        lines = [line for marked, block in blocks if marked for line in block]
    else:
        found = [block for marked, block in blocks if not marked and any(word in line for line in block)]
        if len(found) != 1:
            sys.exit(f"README.md has {len(found)} console blocks with {word!r}; expected 1")
        lines = found[0]
    if not lines:
        sys.exit("README.md has no command of this kind")
    print("\n".join(lines))


main(*sys.argv[1:])
