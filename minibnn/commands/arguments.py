"""Types of arguments that several commands take: each turns the text into a value, or says what was expected."""

import argparse


def _number(text, convert, accept, expected):
    try:
        value = convert(text)
        if accept(value):
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"expected {expected}, and got {text!r}")


def positive(text):
    """A whole number of at least 1."""
    return _number(text, int, lambda n: n >= 1, "a whole number of at least 1")


def whole(text):
    """A whole number of at least 0."""
    return _number(text, int, lambda n: n >= 0, "a whole number of at least 0")


def rate(text):
    """A number above 0."""
    return _number(text, float, lambda x: 0 < x < float("inf"), "a number above 0")


def temperature(text):
    """A number of at least 0."""
    return _number(text, float, lambda x: 0 <= x < float("inf"), "a number of at least 0")


def share(text):
    """A number above 0 and up to 1."""
    return _number(text, float, lambda x: 0 < x <= 1, "a number above 0 and up to 1")


def classes(text):
    """A number of classes, or names separated by commas."""
    if text.lstrip("-").isdigit():
        return positive(text)
    return [name.strip() for name in text.split(",") if name.strip()]
