"""The commands of the command line, a module for each family.

Each has `add_to(commands, common)`, which adds its parsers, and the functions that run them: these call the library and
print. Only they import NumPy and what needs it, so that `minibnn --help` answers at once.
"""
