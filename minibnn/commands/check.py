"""`minibnn check`: is the answer to a lesson's exercise right?"""

import sys

from minibnn.commands.arguments import rate
from minibnn.errors import InputError

STATES = {
    "right": "solved",
    "wrong": "not right yet",
    "unwritten": "not written yet",
    "error": "stops with an error",
    "slow": "does not end",
    "puzzling": "gives back something unexpected",
}


def add_to(commands, common):
    """Add `check`."""
    check = commands.add_parser(
        "check",
        help="check your answer to the exercise of a lesson",
        description="Says in a sentence what is wrong with your answer, until all is right. Without a lesson it lists "
        "which exercises are solved.",
        parents=[common],
    )
    check.add_argument("lesson", nargs="?", metavar="LESSON", help="number of the lesson, such as 7")
    check.add_argument("file", nargs="?", metavar="FILE", help="your answer (lessons/exercises/lesson_07.py)")
    check.add_argument(
        "--seconds", type=rate, default=30.0, metavar="S", help="how long the answer may take (%(default)g)"
    )
    check.set_defaults(command=check_exercise)


def check_exercise(options):
    """`minibnn check`, `minibnn check LESSON` or `minibnn check LESSON FILE`."""
    from minibnn.reading.checking import check_answer, exercise_named
    from minibnn.reading.places import lessons_folder

    folder = lessons_folder()
    if options.lesson is None:
        _list_all(folder, options.seconds)
        return
    number = exercise_named(options.lesson, folder)
    sys.stdout.flush()
    verdict = check_answer(number, folder, options.file, seconds=options.seconds)
    if not verdict.right:
        print(f"Lesson {number}: {verdict.message}")
        sys.stdout.flush()
        sys.exit(1)
    print(f"Lesson {number}: all right. {_next_step(number, folder)}")


def _next_step(number, folder):
    """What comes after lesson `number`."""
    from minibnn.reading.lesson import find_lessons
    from minibnn.reading.places import shown_path

    later = [lesson for lesson in find_lessons(folder) if lesson.number > number]
    if not later:
        return "That was the last lesson."
    return f"Next: lesson {later[0].number}, {later[0].name}: {shown_path(later[0].path)}"


def _list_all(folder, seconds):
    """Print for each exercise whether it is solved."""
    from minibnn.reading.checking import check_answer, exercises_in
    from minibnn.reading.lesson import find_lessons

    names = {lesson.number: lesson.name for lesson in find_lessons(folder)}
    if not (numbers := exercises_in(folder)):
        raise InputError(f"there are no checkers such as check_01.py in {folder / 'exercises'}")
    width = max(len(names.get(number, "")) for number in numbers)
    solved = []
    for number in numbers:
        verdict = check_answer(number, folder, seconds=seconds, quiet=True)
        print(f"{number:4}  {names.get(number, ''):{width}}  {STATES[verdict.status]}", flush=True)
        solved += [number] if verdict.right else []
    red = next((number for number in numbers if number not in solved), None)
    print(f"\n{len(solved)} of {len(numbers)} solved." + (f" Next: minibnn check {red}" if red else ""))
