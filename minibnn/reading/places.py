"""Where the lessons are: they are not part of the installed package, but of a clone of its repository."""

from pathlib import Path

from minibnn.errors import InputError
from minibnn.reading.lesson import ERRATA, find_lessons, read_lesson

PACKAGE = Path(__file__).parents[1]


def lessons_folder():
    """The folder of the lessons: that of the clone in which we stand, or else the one beside the package.

    Raises InputError if there is none.
    """
    here = Path.cwd()
    for root in (here, *here.parents, PACKAGE.parent):
        if _holds_lessons(root / "lessons"):
            return root / "lessons"
    raise InputError(
        "found no lessons here: they are in minibnn's repository, not in the installed package; clone it, and run this "
        "inside the clone"
    )


def _holds_lessons(folder):
    """A `lessons` folder of another project has no errata of a paper and no exercises."""
    return (folder / "errata.md").is_file() and (folder / "exercises").is_dir()


def lessons_named(words, folder):
    """The lessons that a reader asks for: `words` are numbers such as "7", "errata", or "all". A list of Lesson.

    They are in that order; all ends with the errata, which are a page that runs, too.

    Raises InputError for a word that names no lesson.
    """
    if not (lessons := {lesson.number: lesson for lesson in find_lessons(folder)}):
        raise InputError(f"there are no pages such as 01-what-is-a-gradient.md in {folder}")
    if "all" in words:
        return [*lessons.values(), read_lesson(folder / ERRATA)]
    return [
        read_lesson(folder / ERRATA) if word == "errata" else lessons[number_of(word, lessons)]
        for word in dict.fromkeys(words)
    ]


def number_of(word, known):
    """A word of the command line as the number of a lesson; raises InputError unless it is one of `known`."""
    if word.isascii() and word.isdecimal() and int(word) in known:
        return int(word)
    if list(known) == list(range(1, len(known) + 1)):
        raise InputError(f"there is no lesson {word!r}; there are 1 to {len(known)}")
    raise InputError(f"there is no lesson {word!r}; there are {', '.join(map(str, known))}")


def shown_path(path):
    """A path as a reader types it: from the current folder where it lies inside, else whole."""
    path = Path(path).resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
