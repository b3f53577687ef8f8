"""The checker of lesson 18."""

import math

import numpy as np

from minibnn.reading import Wrong, array_of, call, expect, kind, number_of, unchanged


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_perplexity(answer)
    _check_probabilities(answer)
    _check_write(answer)


def _check_perplexity(answer):
    _expect_perplexity(answer, np.zeros((3, 7)), np.array([0, 3, 6]), "three rows of 7 equal logits")
    logits = np.log([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]])
    _expect_perplexity(answer, logits, np.array([0, 1]), "two rows with probabilities 1/2 and 1/10 for the label")
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 2, (40, 11)), rng.integers(0, 11, 40)
    _expect_perplexity(answer, logits, labels, "40 rows of random logits")
    _expect_perplexity(answer, logits + 1000, labels, "40 rows of logits near 1000")


def _expect_perplexity(answer, logits, labels, what):
    shown = f"perplexity of {what}"
    found = number_of(call(answer, "perplexity", logits.copy(), labels.copy(), shown=shown), shown, finite=False)
    losses = _losses(logits, labels)
    if math.isclose(found, np.exp(losses.mean()), rel_tol=1e-4):
        return
    mistakes = {
        "averages exp(loss), expected exp of the average loss (errata 11)": np.exp(losses).mean(),
        "gives the loss, expected exp of it": losses.mean(),
        "takes the logarithm to base 2 and exp to base e": np.exp(losses.mean() / np.log(2)),
        "adds the losses up, expected their mean": np.exp(min(losses.sum(), 700)),
        "has the sign the wrong way round: the loss is MINUS the logarithm": np.exp(-losses.mean()),
        "uses a logit as the logarithm of a probability; a softmax must come first": _exp_of_mean(-logits, labels),
    }
    for mistake, wrong in mistakes.items():
        if math.isclose(found, wrong, rel_tol=1e-4):
            raise Wrong(f"perplexity {mistake}: it gives {found:.5g} for {what}, and not {np.exp(losses.mean()):.5g}.")
    if not math.isfinite(found):
        raise Wrong(
            f"perplexity gives {found} for {what}: exp(1000) is too large for a float. Take the largest logit of a row "
            "off first; the softmax stays the same."
        )
    raise Wrong(f"perplexity gives {found:.5g} for {what}, expected {np.exp(losses.mean()):.5g}.")


def _losses(logits, labels):
    return np.array([np.logaddexp.reduce(row) - row[label] for row, label in zip(logits, labels, strict=True)])


def _exp_of_mean(values, labels):
    return float(np.exp(values[np.arange(len(labels)), labels].mean()))


def _check_probabilities(answer):
    logits = np.array([1.0, 3.0, -2.0, 2.5, 0.0])
    cases = (
        (logits, {}, "the logits 1, 3, -2, 2.5, 0"),
        (logits, {"temperature": 0.5}, "the logits 1, 3, -2, 2.5, 0 at temperature 0.5"),
        (logits, {"top_k": 2}, "the logits 1, 3, -2, 2.5, 0 and top_k = 2"),
        (logits, {"temperature": 2.0, "top_k": 3}, "the logits 1, 3, -2, 2.5, 0 at temperature 2 and top_k = 3"),
        (logits, {"top_k": 9}, "five logits and top_k = 9"),
        (logits + 1000, {}, "the logits 1001, 1003, 998, 1002.5, 1000"),
    )
    for values, options, what in cases:
        given = values.copy()
        shown = f"next_probabilities of {what}"
        found = call(answer, "next_probabilities", given, **options, shown=shown)
        unchanged(given, values, "next_probabilities changes the logits", "work on a copy")
        hint = "Take the largest logit off before exp."
        _compare_probabilities(array_of(found, shown, values.shape, hint=hint), values, shown, **options)


def _compare_probabilities(found, logits, what, temperature=1.0, top_k=None):
    expected = _softmax(logits / temperature, top_k)
    kept, due = int((found > 0).sum()), int((expected > 0).sum())
    hint = f"It leaves {kept} pieces above 0, expected {due}." if kept != due else ""
    if not math.isclose(found.sum(), 1, abs_tol=1e-6):
        hint = f"Their sum is {found.sum():.4g}, expected 1: what is kept must be divided by its sum."
    hotter = _softmax(logits * temperature, top_k)
    expect(
        found,
        expected,
        what,
        (hotter, "It multiplies by the temperature, expected a division: below 1 the likely must become likelier."),
        (
            _softmax(-logits / temperature, top_k, logits),
            "It keeps the least likely pieces, expected the likeliest.",
        ),
        (_softmax(logits / temperature), "It leaves top_k out."),
        (_softmax(logits, top_k), "It leaves the temperature out."),
        hint=hint,
        tolerance=1e-6,
    )


def _softmax(z, top_k=None, order=None):
    odds = np.exp(z - z.max())
    if top_k is not None:
        odds[np.argsort(z)[: max(0, len(z) - top_k)]] = 0
        if order is not None:  # the kept ones were chosen by -z, with the odds of z
            odds = np.where(odds > 0, np.exp(order - order.max()), 0)
    return odds / odds.sum()


class _Counter:
    """A model of 10 pieces: the next one is the last plus how many it sees, so that it tells what it was shown."""

    def __init__(self):
        self.seen = []

    def __call__(self, ids):
        self.seen.append(list(ids))
        return np.eye(10)[(ids[-1] + len(ids)) % 10]


def _check_write(answer):
    for beginning, count, max_len in (([3], 4, 8), ([1, 2, 3], 6, 4), ([1, 2, 3, 4, 5, 6], 3, 4)):
        model, given = _Counter(), list(beginning)
        what = f"ids {beginning}, count {count} and max_len {max_len}"
        found = call(answer, "write", model, given, count, max_len, shown=f"write for {what}")
        unchanged(given, beginning, "write changes the list", "make a copy")
        if not isinstance(found, (list, tuple)):
            raise Wrong(f"write for {what} should be a list of {count} ids, and is {kind(found)}.")
        _check_windows(model.seen, beginning, max_len, what)
        expected = _written(beginning, count, max_len)
        if list(found) == beginning + expected:
            raise Wrong(f"write returns the beginning too for {what}, expected only the {count} new ids.")
        if list(found) != expected:
            raise Wrong(f"write returns {list(found)} for {what}, expected {expected}: each time the likeliest piece.")


def _written(beginning, count, max_len):
    ids = list(beginning)
    for _ in range(count):
        ids.append((ids[-1] + min(len(ids), max_len)) % 10)
    return ids[len(beginning) :]


def _check_windows(seen, beginning, max_len, what):
    history = list(beginning)
    for number, window in enumerate(seen, start=1):
        expected = history[-max_len:]
        if len(window) > max_len:
            raise Wrong(
                f"write shows {len(window)} ids to the model at call {number} for {what}: it can take only the last "
                f"{max_len}."
            )
        if window == history[:max_len] and window != expected:
            raise Wrong(f"write shows the first {max_len} ids to the model for {what}, expected the last ones.")
        if window != expected:
            raise Wrong(
                f"write shows {window} to the model at call {number} for {what}, expected {expected}: the beginning "
                "and everything written so far, as far as it fits."
            )
        history.append((window[-1] + len(window)) % 10)
