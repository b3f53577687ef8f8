"""The checker of lesson 13."""

import numpy as np

from minibnn.layers import ShapesOnly
from minibnn.models import BLM
from minibnn.reading import Wrong, call, kind, short

SMALL, LARGE = (256, 768, 30522, (4096, 2048)), (256, 1024, 30522, (8192, 4096))


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    _check_parameters(answer)
    _check_blocks(answer)


def _check_parameters(answer):
    for sizes, num_blocks in (((7, 6, 50, (23, 31)), 1), ((7, 6, 50, (23, 31)), 3), (SMALL, 12), (LARGE, 16)):
        for biases in (False, True):
            arguments = (*sizes, num_blocks, biases)
            what = f"blm_parameters{arguments}"
            got, expected = call(answer, "blm_parameters", *arguments, shown=what), _expected(*arguments)
            if isinstance(got, bool) or not isinstance(got, (int, np.integer)):
                raise Wrong(f"{what} should be an int, and is {kind(got)}.")
            if got != expected:
                hint = _hint(int(got) - expected, sizes, num_blocks, biases)
                raise Wrong(f"{what} gives {int(got):,}, and {expected:,} was expected: {hint}.")


def _expected(max_len, emb_dim, vocab_size, mlp_units, num_blocks, biases):
    """What the package's own model has."""
    model = BLM(max_len, emb_dim, 1, vocab_size, mlp_units, num_blocks, rng=ShapesOnly())
    return sum(tensor.size for name, tensor in model.named_parameters() if biases or name.split(".")[-1] == "W")


def _hint(surplus, sizes, num_blocks, biases):
    max_len, emb_dim, vocab_size, (first, second) = sizes

    def full(n_in, n_out):
        return n_in * n_out + (n_out if biases else 0)

    square = full(emb_dim, emb_dim)
    wide = full(emb_dim, 2 * emb_dim) + full(2 * emb_dim, emb_dim)
    reasons = {
        -full(max_len, emb_dim): "the embedding of positions, from max_len to D, is missing",
        -full(vocab_size, emb_dim): "the embedding of tokens, from vocab_size to D, is missing",
        -full(second, vocab_size): "the last layer, from mlp_units[1] to vocab_size, is missing",
        -num_blocks * square: "attention has four layers in each block; the projection counts too",
        num_blocks * (2 * square - wide): "the two layers after attention go from D to 2 D and back, not from D to D",
        (1 - num_blocks) * (4 * square + wide): "every block has its own parameters; multiply by num_blocks",
        -_biases(emb_dim, vocab_size, first, second, num_blocks): "the biases are missing",
        _biases(emb_dim, vocab_size, first, second, num_blocks): "biases=False counts weights only",
    }
    return reasons.get(surplus, "count one fully connected layer after the other, as the docstring lists them")


def _biases(emb_dim, vocab_size, first, second, num_blocks):
    return 2 * emb_dim + num_blocks * 7 * emb_dim + first + second + vocab_size


def _check_blocks(answer):
    tiny = (4, 8, 20, (8, 8))  # 100 such blocks have fewer than 100,000 parameters
    cut, rounding = "what follows the first decimal is cut off", "the first decimal is rounded to the nearest"
    _expect(answer, (154.4, *SMALL), [12], f"12 blocks have 154,406,714 parameters, and {cut}")
    _expect(answer, (154.4, *SMALL, False), [], "without biases 12 blocks have 154,304,000: nothing fits")
    _expect(answer, (332.8, *LARGE), [16], f"16 blocks have 332,855,098 parameters, and {cut}")
    _expect(answer, (332.8, *LARGE, True, True), [], f"332,855,098 is not 332.8 where {rounding}")
    _expect(answer, (332.9, *LARGE, True, True), [16], f"332,855,098 is 332.9 where {rounding}")
    _expect(answer, (150.0, *SMALL), [], "no number of blocks fits, and then the list is empty")
    _expect(answer, (0.0, *tiny), list(range(1, 101)), "all from 1 to 100 fit, so all belong in the list")


def _expect(answer, arguments, expected, hint):
    what = f"blocks_that_fit{arguments}"
    got = call(answer, "blocks_that_fit", *arguments, shown=what)
    if not isinstance(got, (list, tuple)) or not all(isinstance(each, (int, np.integer)) for each in got):
        raise Wrong(f"{what} should be a list of whole numbers, and is {kind(got)}.")
    if [int(each) for each in got] != expected:
        shown = expected if len(expected) < 9 else f"all from {expected[0]} to {expected[-1]}"
        raise Wrong(f"{what} gives {short(list(got))}, and {shown} was expected: {hint}.")
