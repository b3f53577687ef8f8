"""Exercise of lesson 20: three tools for honest comparisons. Check it with `minibnn check 20`."""

import numpy as np  # noqa: F401


def perplexity(losses, counts):
    """Perplexity of a text that was measured in batches: exp of the mean loss per token.

    `losses`: (N,) float, the mean loss of the tokens of each batch. `counts`: (N,) int, how many tokens each batch has.
    Returns a float. Example: losses 1 and 4, counts 300 and 100 give exp(1.75) = 5.75.
    """
    raise NotImplementedError("lesson 20: write this function")


def clearly_different(a, b, n):
    """Whether two networks' accuracies differ by more than chance in the choice of the photos explains.

    `a`, `b`: accuracies from 0 to 1, each measured on its own n photos. The standard error of one accuracy p is
    sqrt(p (1 - p) / n); that of the difference is the root of the sum of both squares. Returns True if the accuracies
    differ by more than two standard errors of the difference, else False.
    """
    raise NotImplementedError("lesson 20: write this function")


def unbeaten(models):
    """The models that no other beats in both bytes and loss.

    `models`: list of (name, size in bytes, loss). A model is beaten by one that is at most as large and has at most the
    same loss, and is better in at least one of the two. Returns the names of the others, smallest first.
    Example: [("a", 10, 3.0), ("b", 20, 2.0), ("c", 30, 2.5)] gives ["a", "b"], since b beats c.
    """
    raise NotImplementedError("lesson 20: write this function")
