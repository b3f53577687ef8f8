"""The two models of the paper, Algorithms 7 and 8, their 32-bit twins, and the sizes they come in."""

from minibnn.models.generation import generate
from minibnn.models.image_classifier import BCVNN
from minibnn.models.language_model import BLM
from minibnn.models.presets import IMAGE_PRESETS, TEXT_PRESETS, preset_named
from minibnn.models.summary import summary

__all__ = ["BCVNN", "BLM", "IMAGE_PRESETS", "TEXT_PRESETS", "generate", "preset_named", "summary"]
