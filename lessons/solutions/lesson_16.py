"""A solution of lesson 16."""

import math

import numpy as np


def best_logits(V, k=1):
    """The logits that give the k right ones of V classes the largest possible probability, all k the same."""
    logits = np.full(V, -math.sqrt(k / (V - k)))  # k a + (V - k) b = 0 and k a^2 + (V - k) b^2 = V
    logits[:k] = math.sqrt((V - k) / k)
    return logits


def loss_floor(V, k=1):
    """The smallest mean loss if each of k classes out of V is the right one equally often."""
    distance = math.sqrt((V - k) / k) + math.sqrt(k / (V - k))
    wrong = (V - k) / k * math.exp(-distance)  # what the wrong ones weigh, if the right ones weigh 1 together
    return math.log(k) + math.log1p(wrong)
