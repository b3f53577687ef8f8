"""What a value of a configuration may be: each kind turns what came into the value, or says what was expected."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

from minibnn.errors import InputError


@dataclass(frozen=True)
class Kind:
    """A kind of value: `accept(value)` returns it as it is kept, or raises ValueError; `expected` says what it is."""

    accept: Callable
    expected: str


def option(default, about, kind):
    """A field of a dataclass with what a reader needs to know of it: one line, and what it may be."""
    return dataclasses.field(default=default, metadata={"about": about, "kind": kind})


def checked(name, value, kind):
    """`value` as `kind` keeps it. Raises InputError, with the name, for what it does not take."""
    try:
        return kind.accept(value)
    except (ValueError, TypeError):
        raise InputError(f"{name} must be {kind.expected}, and is {shown(value)}") from None


def shown(value):
    """A value in an error, not too much of it."""
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:60]} ..."


def whole(least, most=None):
    """A whole number from `least` to `most`."""
    text = f"a whole number of at least {least}" + (f" and at most {most:,}" if most is not None else "")
    return Kind(
        lambda value: _kept(value, type(value) is int and least <= value and (most is None or value <= most)), text
    )


def number(expected, fits, infinite=False):
    """A float for which `fits(value)` is true; `expected` says which. An int will do, too."""

    def accept(value):
        is_number = type(value) in (int, float) and (infinite or math.isfinite(value))
        return float(_kept(value, is_number and fits(value)))

    return Kind(accept, expected)


def one_of(*names):
    """One of some texts."""
    listed = " or ".join([", ".join(map(repr, names[:-1])), repr(names[-1])])
    return Kind(lambda value: _kept(value, isinstance(value, str) and value in names), listed)


def list_of(count, item):
    """A list of `count` values of the same kind, kept as a tuple; a text is split at its commas."""

    def accept(value):
        values = _items(value)
        if len(values) != count:
            raise ValueError
        return tuple(item.accept(value) for value in values)

    return Kind(accept, f"a list of {count}, each {item.expected}")


def names_or_count():
    """A list of texts, or a number; a text is split at its commas, and an empty list or 0 means all."""

    def accept(value):
        if type(value) is int:
            return _kept(value, value >= 0) or ()
        values = tuple(_items(value, as_text=True))
        return _kept(values, all(isinstance(name, str) and name for name in values))

    return Kind(accept, "a list of names, or a number of them")


FLAG = Kind(lambda value: _kept(value, isinstance(value, bool)), "true or false")
TEXT = Kind(lambda value: _kept(value, isinstance(value, str) and "\0" not in value), "a text")
POSITIVE = number("a number above 0", lambda value: value > 0)
NOT_NEGATIVE = number("a number of at least 0", lambda value: value >= 0)
SHARE = number("a number of at least 0 and below 1", lambda value: 0 <= value < 1)
ANY_NUMBER = number("a number, or -inf", lambda value: not math.isnan(value) and value < math.inf, infinite=True)


def _kept(value, fits):
    if not fits:
        raise ValueError
    return value


def _items(value, as_text=False):
    """The items of a list, or of a text such as "16,32" or "pizza, sushi"."""
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return parts if as_text else [_as_number(part) for part in parts]
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return value


def _as_number(text):
    try:
        return int(text)
    except ValueError:
        return float(text)
