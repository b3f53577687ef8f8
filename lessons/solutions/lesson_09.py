"""A solution of lesson 9."""


def to_bits(S, s, eps):
    """The layer of bits that computes the same as a layer of signs: Normalize(x @ S + s) with `eps` in its root."""
    return (S + 1) / 2, (s + 1) / 2, eps / 4  # S = 2 B - 1, s = 2 b - 1; the variance with signs is four times as large


def common_share(z):
    """The share of the variance of a convolution's output that all its filters have in common."""
    common = z.mean(axis=3)  # (B, H, W, F) -> (B, H, W)
    return float((common.var(axis=(1, 2)) / z.var(axis=(1, 2, 3))).mean())
