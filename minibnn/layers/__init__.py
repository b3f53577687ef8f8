"""The layers, one file per algorithm of the paper; each line of an algorithm is a line of `forward`, so marked."""

from minibnn.autograd.ops import normalize
from minibnn.layers.attention import BATL
from minibnn.layers.choices import Choices
from minibnn.layers.convolution import BNCVL
from minibnn.layers.embedding import BEMBL
from minibnn.layers.fully_connected import BNFCL
from minibnn.layers.module import Module, ShapesOnly
from minibnn.layers.transformer_block import BTFB

__all__ = ["BATL", "BEMBL", "BNCVL", "BNFCL", "BTFB", "Choices", "Module", "ShapesOnly", "normalize"]
