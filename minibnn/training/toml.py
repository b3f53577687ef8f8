"""Writing TOML, which Python only reads: tables of texts, numbers, booleans and lists."""

import json
import math
import re

from minibnn.errors import InputError, InputTypeError

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(values, comments=None):
    """Nested dicts as TOML text, which `tomllib.loads` reads back to equal values (tuples as lists).

    Args:
        values: dict of text keys to text, bool, int, float, lists of these, or such a dict, which becomes a table.
        comments: dict from a dotted key, such as "train.lr", to what shall stand behind its value; None for none.

    Raises:
        InputTypeError: for a value or a key that TOML cannot hold.
        InputError: for a text that is no Unicode.
    """
    lines = _lines(values, "", comments or {})
    return "\n".join(lines).strip("\n") + "\n"


def _lines(values, prefix, comments):
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    for key, value in values.items():
        if key not in tables:
            line = f"{_key(key)} = {_value(prefix + key, value)}"
            comment = comments.get(prefix + key)
            yield f"{line:40}  # {comment}" if comment else line
    for key, table in tables.items():
        yield ""
        yield f"[{'.'.join(_key(part) for part in (*_parts(prefix), key))}]"
        yield from _lines(table, f"{prefix}{key}.", comments)


def _parts(prefix):
    return prefix.split(".")[:-1]


def _key(key):
    if not isinstance(key, str):
        raise InputTypeError(f"a key of TOML is a text, and this one is {key!r}")
    return key if BARE_KEY.fullmatch(key) else _text(key)


def _value(key, value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)  # inf, -inf, nan
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(key, item) for item in value)}]"
    raise InputTypeError(f"{key}: TOML has texts, numbers, booleans and lists, and no {type(value).__name__}")


def _text(text):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{text!r} is no Unicode text, so that TOML cannot hold it: rename the file") from None
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # the one thing that JSON need not escape
