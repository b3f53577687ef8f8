"""Exercise of lesson 11: how many bits flip, and which learning rate makes them flip at the same steps.

Check it with `minibnn check 11`.
"""


def flip_ratio(before, after):
    """The share of bits that differ between two moments of a training run.

    `before`, `after`: lists of float arrays, the latent weights of a network's tensors at the two moments, in the same
    order and with the same shapes. The bit of a latent weight is Eq. 1, with the mean of its own tensor at that moment.
    Returns a float from 0 to 1: bits that differ, divided by all bits of all tensors.

    Example: flip_ratio([np.array([0.0, 1.0]), np.zeros(2)], [np.array([1.0, 0.0]), np.ones(2)]) is 0.5. Both bits of
    the first tensor differ, and none of the second: all of its weights are equal, before and after, so all bits are 0.
    """
    raise NotImplementedError("lesson 11: write this function")


def same_training(lr, c, k, optimizer):
    """The learning rate with which a network trains as before, after its weights and its loss have been multiplied.

    `lr`: learning rate of the original network. `c`: all its latent weights are multiplied by this positive number
    before training. `k`: its loss is multiplied by this positive number. `optimizer`: "sgd" (without momentum) or
    "adam" (take its eps as 0).
    Returns the learning rate (float) with which each bit flips at the same step as in the original network.

    Example: same_training(0.1, 1024, 1, "sgd") is 102.4, as in the lesson.
    """
    raise NotImplementedError("lesson 11: write this function")
