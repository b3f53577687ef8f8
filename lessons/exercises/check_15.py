"""The checker of lesson 15."""

import math

import numpy as np

from minibnn.reading import Wrong, call, number_of, truth_of, unchanged

V = 3


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_leak(answer)
    for model, causal, hint in MODELS:
        _check_model(answer, model, causal, hint)


def _check_leak(answer):
    T = 4
    none, even = np.tril(np.ones((T, T))), np.full((T, T), 1 / T)
    _expect(answer, "where every token sees itself and all earlier ones", none / none.sum(-1, keepdims=True), 0.0)
    _expect(answer, "where each of 4 tokens gives 1/4 to each", even, 0.375)
    _expect(answer, "where each of 4 tokens sees the last one only", np.eye(T)[[3, 3, 3, 3]], 0.75)
    _expect(answer, "of shape (2, 3, 4, 4), all shares 1/4", np.broadcast_to(even, (2, 3, T, T)), 0.375)


def _expect(answer, what, weights, expected):
    what = f"leak of weights {what}"
    got = number_of(call(answer, "leak", weights.copy(), shown=what), what)
    if not math.isclose(got, expected, abs_tol=1e-9):
        raise Wrong(f"{what} gives {got:.4g}, and {expected} was expected: {_hint_leak(got, weights, expected)}.")


def _hint_leak(got, weights, expected):
    rows = weights.size // weights.shape[-1]
    above, below = np.triu(weights).sum() / rows, np.tril(weights).sum() / rows
    if math.isclose(got, above) and not math.isclose(got, expected):
        return "a token may see itself, so the diagonal does not belong to the leak"
    if math.isclose(got, expected * rows) or math.isclose(got, expected * rows / weights.shape[-1]):
        return "take the mean over all rows, of all heads and texts, and not the sum"
    if math.isclose(got, below) or math.isclose(got, below - (above + below - 1)):
        return "row t is where token t looks, so what goes to later tokens stands above the diagonal"
    return "add up each row's shares right of the diagonal, then take the mean over the rows"


def _check_model(answer, model, causal, hint):
    ids = np.array([[0, 1, 2, 0, 1, 2], [2, 2, 0, 1, 0, 1]])
    before = ids.copy()
    what = f"is_causal of a model {model.__doc__}"
    got = truth_of(call(answer, "is_causal", _watched(model), ids, V, shown=what), what)
    unchanged(
        ids, before, "is_causal left ids changed", "work on a copy of them, since the caller goes on with the text"
    )
    if got != causal:
        raise Wrong(f"is_causal says {got} of a model {model.__doc__}, and {causal} was expected: {hint}.")


def _watched(model):
    """The model, which looks at what it is called with."""

    def watched(ids):
        ids = np.asarray(ids)
        if ids.dtype.kind not in "iu" or ids.ndim != 2 or ids.shape[1] != 6:
            raise Wrong(f"is_causal calls the model with {ids.dtype} of shape {ids.shape}, and not with ids (B, T)")
        if ids.size and (ids.min() < 0 or ids.max() >= V):
            raise Wrong(
                f"is_causal calls the model with ids outside 0 .. {V - 1}; the changed token must be a valid one"
            )
        return model(ids)

    return watched


def _output(numbers):
    return np.asarray(numbers, float)[..., None] * np.ones(V)


def _honest(ids):
    """whose output at t is the sum of tokens 0 to t"""
    return _output(ids.cumsum(axis=1))


def _same_place(ids):
    """whose output at t depends on token t alone"""
    return _output(ids)


def _everything(ids):
    """whose outputs all depend on all tokens"""
    return _output(ids.sum(axis=1, keepdims=True) + 0 * ids)


def _next_one(ids):
    """whose output at t depends on token t + 1"""
    return _output(np.c_[ids[:, 1:], ids[:, -1:]])


def _inner(ids):
    """whose first output depends on token 2 and no other later one"""
    return _output(np.c_[ids[:, :1] + ids[:, 2:3], ids[:, 1:]])


def _last_to_first(ids):
    """whose first output depends on the last token"""
    return _output(np.c_[ids[:, :1] + ids[:, -1:], ids[:, 1:]])


def _a_little(ids):
    """whose outputs depend on later tokens by a millionth"""
    return _output(1 + ids.cumsum(axis=1) + 1e-6 * ids.sum(axis=1, keepdims=True))


def _one_feature(ids):
    """of which only the last of the V features of an output depends on later tokens"""
    return _honest(ids) + _everything(ids) * np.eye(V)[-1]


MODELS = (
    (_everything, False, "change a token and compare the outputs before it"),
    (_same_place, True, "an output may depend on its own token; only outputs *before* the changed one must stay"),
    (_honest, True, "outputs after the changed token may change; only those *before* it must stay"),
    (_last_to_first, False, "change later tokens too, up to the last, and compare all earlier outputs"),
    (_next_one, False, "the output just before the changed token must be compared too"),
    (_inner, False, "change every position in turn; a leak may come from one in the middle"),
    (_one_feature, False, "compare all features of the outputs, not their largest or their first"),
    (_a_little, False, "compare exactly; a small leak is a leak, and training will find it"),
)
