"""`minibnn lessons`: list, run, draw and render the lessons."""

import sys
import time

from minibnn.errors import InputError


def add_to(commands, common):
    """Add `lessons`."""
    lessons = commands.add_parser(
        "lessons",
        help="list the lessons, run them, make notebooks or a web site of them",
        description="Without arguments it lists the lessons. With numbers, or the word all, it runs them and says "
        "where a page does not show what its code prints.",
        parents=[common],
    )
    lessons.add_argument("lesson", nargs="*", metavar="LESSON", help="number of a lesson, such as 7; errata; or all")
    lessons.add_argument("--figures", action="store_true", help="draw the figures of these lessons anew")
    lessons.add_argument(
        "--notebook",
        nargs="?",
        const="",
        metavar="FILE",
        help="write a lesson as a notebook (07-....ipynb in this folder) instead of running it",
    )
    lessons.add_argument("--site", metavar="DIR", help="write all lessons as web pages, to be read offline")
    lessons.add_argument(
        "--source-url", metavar="URL", help="with --site: where the repository's files are on the web (copies of them)"
    )
    lessons.add_argument("--paper", action="store_true", help="write the pages lessons/paper/algorithm-1.md ... anew")
    lessons.set_defaults(command=do_lessons)


def do_lessons(options):
    """`minibnn lessons` with whatever was asked for."""
    from minibnn.reading.places import lessons_folder, lessons_named

    _check_combination(options)
    folder = lessons_folder()
    if options.paper:
        _write_paper(folder)
    if options.site is not None:
        _write_site(folder, options.site, options.source_url)
    if options.lesson:
        lessons = lessons_named(options.lesson, folder)
        if options.notebook is not None:
            _write_notebooks(lessons, options.notebook)
        else:
            _run(lessons, options.figures)
    elif not (options.paper or options.site is not None):
        _list(lessons_named(["all"], folder)[:-1])


def _check_combination(options):
    """Raise InputError for options that do not go together."""
    if options.notebook is not None and not options.lesson:
        raise InputError("--notebook needs a lesson before it: minibnn lessons 7 --notebook")
    if options.figures and (not options.lesson or options.notebook is not None):
        raise InputError("--figures needs lessons to run: minibnn lessons 7 --figures (or all)")
    if options.source_url is not None and options.site is None:
        raise InputError("--source-url belongs to --site DIR")


def _list(lessons):
    """Print number and title of each lesson."""
    from minibnn.reading.places import shown_path

    for lesson in lessons:
        print(f"{lesson.number:4}  {lesson.name}" + ("  (runs for minutes)" if lesson.long else ""))
    print(f"\nThe map: {shown_path(lessons[0].path.parent / 'README.md')}")
    print("minibnn lessons 7 runs lesson 7; minibnn check 7 checks your answer to it;")
    print("minibnn lessons --site DIR makes web pages of all.")


def _run(lessons, redraw):
    """Run lessons, each in a process of its own, and tell what differs; exit status 1 if anything does."""
    from minibnn.reading.places import shown_path
    from minibnn.reading.running import run_alone

    found = 0
    for lesson in lessons:
        print(f"{lesson.number or '':4}  {lesson.name} ... ", end="", flush=True)
        began = time.monotonic()
        differences = run_alone(lesson, redraw=redraw).differences
        count = len(differences)
        state = "true" if not count else f"{count} {'difference' if count == 1 else 'differences'}"
        print(f"{state} ({time.monotonic() - began:.1f} s)", flush=True)
        for difference in differences:
            print(f"{shown_path(difference.path)}:{difference.line}: {difference.message}", flush=True)
        found += count > 0
    if found:
        print(f"\n{found} of {len(lessons)} pages and what their code does disagree")
        sys.stdout.flush()
        sys.exit(1)


def _write_notebooks(lessons, file):
    """Write lessons as notebooks, beside each other; `file`: the name of the one, or ""."""
    from pathlib import Path

    from minibnn.reading.notebook import write_notebook

    if file and len(lessons) > 1:
        raise InputError(f"--notebook {file} names one file, and there are {len(lessons)} lessons; leave the name out")
    for lesson in lessons:
        path = Path(file or lesson.path.with_suffix(".ipynb").name)
        write_notebook(lesson, path)
        print(f"wrote {path}")


def _write_site(folder, target, source_url):
    from minibnn.reading.site import write_site

    pages = write_site(folder, target, source_url)
    print(f"wrote {pages} pages; open {target}/index.html in a browser")


def _write_paper(folder):
    from minibnn.reading.paper import write_pages

    for path in write_pages(folder):
        print(f"wrote {path}")
