"""Exercise of lesson 5: the two ends of a training step. Check it with `minibnn check 5`."""

import numpy as np  # noqa: F401


def adam_step(p, g, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    """One step of Adam, for one array of weights.

    `p`: the weights; `g`: their gradient; `m`, `v`: the running means of g and of g ** 2 before this step (zeros at the
    start); float64 arrays of one shape. `t`: which step this is, counted from 1.
    Returns a tuple of three new arrays, (p, m, v), after the step; the arrays that were given stay as they were:

        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        p <- p - lr m' / (sqrt(v') + eps)    with m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t)

    Example: for p = [1., 1.], g = [2., -0.5], m = v = [0., 0.], t = 1 and lr = 0.1, the new p is [0.9, 1.1], to eps.
    """
    raise NotImplementedError("lesson 5: write this function")


def cross_entropy(logits, labels):
    """The mean cross entropy of a batch, and its slope along each logit.

    `logits`: float64 array (B, V), of numbers of any size, also 1000. `labels`: integer array (B,), the right classes.
    Returns a tuple: the loss, a float, the mean over the batch of -log(softmax(logits)[label]); and its gradient, an
    array (B, V). The arrays that were given stay as they were.
    Measure some slopes (lesson 1), and compare them with softmax(logits): you will see the rule.

    Example: for logits = [[0., 0.]] and labels = [0], the loss is log(2) = 0.693 and the gradient [[-0.5, 0.5]].
    """
    raise NotImplementedError("lesson 5: write this function")
