"""What reads the words of the command line: as argparse does, but whatever is mistyped is told in one line."""

import argparse
import difflib

MOST_LISTED = 8  # choices that an error lists
ALIKE = 0.7  # how alike a word must be to be meant, from 0 to 1: "txet" is to "text", "heads" is not to "threads"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line on standard error, which names the nearest word that there is.

    The parsers of its commands are of this class too. Wrong usage ends the process with exit status 2.
    """

    def error(self, message):
        """Print `message` (str) and, unless it says what to do, where that is said, in one line; exit with status 2."""
        hint = "" if ";" in message else f"; see {self.prog} --help"
        self.exit(2, f"{self.prog}: error: {message}{hint}\n")

    def parse_known_args(self, args=None, namespace=None):
        """As argparse does, but what no option expects is an error here, where the command's own options are known."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._told_unknown(unknown))
        return found, unknown

    def _told_unknown(self, words):
        option = next((word for word in words if word.startswith("-") and word != "-"), None)
        if option is None:
            return f"nothing is expected at {words[0]!r}"
        name = option.partition("=")[0]
        return f"there is no option {name!r}{_did_you_mean(name, self._option_string_actions)}"

    def _check_value(self, action, value):
        if action.choices is None or value in action.choices:
            return
        names = list(map(str, action.choices))
        listed = f"; there are {', '.join(names)}" if len(names) <= MOST_LISTED else ""
        hint = _did_you_mean(str(value), names) or listed
        is_command = isinstance(action, argparse._SubParsersAction)
        noun = f"there is no {action.metavar.lower()}" if is_command else f"{action.option_strings[-1]}: there is no"
        self.error(f"{noun} {value!r}{hint}")


def _did_you_mean(word, names):
    """A question that names what is nearest to `word`, or begins with it; empty if nothing is near."""
    bare, word = {name.lstrip("-"): name for name in names}, word.lower().lstrip("-")
    near = [name for name in bare if word and name.startswith(word)] or difflib.get_close_matches(word, bare, 1, ALIKE)
    return f"; did you mean {bare[near[0]]}?" if near else ""
