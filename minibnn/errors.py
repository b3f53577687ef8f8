"""The errors that mean "what you passed in cannot be used": each says what was expected, what came, how to mend it."""


class InputError(ValueError):
    """A value that the caller can correct: a wrong shape, an id out of range, an unreadable file."""


class InputTypeError(InputError, TypeError):
    """An argument of the wrong type or dtype."""
