"""Two models small enough to train in milliseconds, with the interface that the training loop asks for."""

import numpy as np
import pytest

from minibnn.autograd import Tensor, quant, straight_through
from minibnn.layers import Module
from minibnn.training import Examples


class OneBitClassifier(Module):
    """logits = x @ bits(W) * 3 + b; W is latent, b stays a float."""

    def __init__(self, n_in=6, n_classes=4, seed=0, dtype=np.float32):
        rng = np.random.default_rng(seed)
        self.W = Tensor(rng.normal(size=(n_in, n_classes)).astype(dtype), requires_grad=True)
        self.b = Tensor(np.zeros(n_classes, dtype), requires_grad=True)

    def logits(self, x):
        W_q = straight_through(self.W) if self.trainable else quant(self.W)
        b = self.b if self.trainable else Tensor(self.b.data)
        return Tensor(x) @ W_q * 3 + b

    def named_latent_weights(self):
        return [("W", self.W)]


class Bigram(Module):
    """A 32-bit language model: the logits of the next token are a row of a table."""

    def __init__(self, vocab_size=5):
        self.table = Tensor(np.zeros((vocab_size, vocab_size), np.float32), requires_grad=True)

    def logits(self, ids):
        return (self.table if self.trainable else Tensor(self.table.data))[ids]


@pytest.fixture
def classifier():
    return OneBitClassifier()


@pytest.fixture
def make_classifier():
    return OneBitClassifier


@pytest.fixture
def bigram():
    return Bigram()


@pytest.fixture
def images():
    """Fifty examples whose class is the largest of their first four features: the identity in bits solves it."""
    x = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    return Examples(x, x[:, :4].argmax(axis=1))


@pytest.fixture
def text():
    """Sentences that count upward modulo 4 from 1, padded with 0 to five tokens; the label is the next token."""
    lengths = np.random.default_rng(2).integers(1, 6, size=40)
    ids = (np.arange(40)[:, None] + np.arange(6)) % 4 + 1
    labels = np.where(np.arange(5) < lengths[:, None], ids[:, 1:], 0)
    return Examples(ids[:, :5], labels, ignore=0)
