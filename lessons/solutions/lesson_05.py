"""A solution of lesson 5."""

import numpy as np


def adam_step(p, g, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    """One step of Adam, for one array of weights: (p, m, v) after it."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_corrected, v_corrected = m / (1 - beta1**t), v / (1 - beta2**t)
    return p - lr * m_corrected / (np.sqrt(v_corrected) + eps), m, v


def cross_entropy(logits, labels):
    """The mean cross entropy of a batch, and its slope along each logit."""
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)  # the shares stay, and nothing overflows
    sums = np.exp(shifted).sum(axis=1, keepdims=True)
    log_shares = shifted - np.log(sums)
    gradient = np.exp(log_shares)
    gradient[rows, labels] -= 1
    return float(-log_shares[rows, labels].mean()), gradient / len(labels)
