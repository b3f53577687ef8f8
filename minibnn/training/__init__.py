"""Training: loss, metrics, optimizers, schedules, one loop for images and text, learning curves, checkpoints."""

from minibnn.training.checkpoints import load_weights, read_weights, save_weights
from minibnn.training.curves import save_comparison, save_curves, text_curve
from minibnn.training.examples import Examples
from minibnn.training.loop import DivergedError, evaluate, fit
from minibnn.training.losses import cross_entropy
from minibnn.training.metrics import (
    FlipCounter,
    RunningAverage,
    accuracy,
    perplexity,
    top_k_accuracy,
    unigram_perplexity,
)
from minibnn.training.optimizers import SGD, Adam, AdamW
from minibnn.training.progress import metrics_writer, read_metrics
from minibnn.training.schedules import WarmupDecay
from minibnn.training.state import TrainingState

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "DivergedError",
    "Examples",
    "FlipCounter",
    "RunningAverage",
    "TrainingState",
    "WarmupDecay",
    "accuracy",
    "cross_entropy",
    "evaluate",
    "fit",
    "load_weights",
    "metrics_writer",
    "perplexity",
    "read_metrics",
    "read_weights",
    "save_comparison",
    "save_curves",
    "save_weights",
    "text_curve",
    "top_k_accuracy",
    "unigram_perplexity",
]
