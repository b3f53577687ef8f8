"""What the person who waits for a download sees: lines, and a bar with speed and time left."""

import sys


class Progress:
    """Says lines on standard error, and draws one bar there if `bar` is true.

    A function that is given None instead of a Progress is silent.
    """

    def __init__(self, bar=True):
        self._shows_bar, self._bar = bar, None

    def say(self, line):
        """Print `line` (str), above the bar if there is one."""
        if self._bar is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self._bar.write(line, file=sys.stderr)

    def start(self, name, total, done=0):
        """Begin a bar of `total` bytes (None if not known), of which `done` are there already."""
        if self._shows_bar:
            from tqdm import tqdm  # imported here, so that `import minibnn` stays fast

            self._bar = tqdm(
                total=total, initial=done, desc=name, unit="B", unit_scale=True, dynamic_ncols=True, leave=True
            )

    def advance(self, count):
        """Move the bar by `count` bytes."""
        if self._bar is not None:
            self._bar.update(count)

    def stop(self):
        """End the bar; it stays on the screen as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class Silence(Progress):
    """A Progress that says and draws nothing."""

    def __init__(self):
        super().__init__(bar=False)

    def say(self, line):
        pass


def byte_count(count):
    """A number of bytes as people read it (str): 231.5 KB, 4.7 MB, 5.0 GB (powers of 1,000, as disks are sold)."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
