"""A solution of lesson 11."""


def flip_ratio(before, after):
    """The share of bits that differ between two moments of a training run."""
    flips = sum(((old > old.mean()) != (new > new.mean())).sum() for old, new in zip(before, after, strict=True))
    return float(flips / sum(old.size for old in before))


def same_training(lr, c, k, optimizer):
    """The learning rate with which a network trains as before, after its weights and its loss have been multiplied."""
    if optimizer == "adam":  # it divides by the gradient's own size, so k cancels
        return lr * c
    return lr * c / k  # c W - (lr c / k) (k g) = c (W - lr g)
