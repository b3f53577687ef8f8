"""Exercises: the error by which a checker says in a sentence what is wrong with an answer."""


class Wrong(Exception):
    """Raised by a checker: one sentence that says what the answer does, what was expected, and where to look."""
