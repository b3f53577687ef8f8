"""A reverse-mode automatic differentiation engine, small enough to read in an evening.

`engine` has the order of the reverse pass, `tensor` the Tensor and its operators, `ops` the named operations,
`straight_through` the nodes that make one-bit networks trainable, `gradcheck` the proof, `graph` the picture.
"""

from minibnn.autograd import ops
from minibnn.autograd.gradcheck import GradientMismatch, gradcheck
from minibnn.autograd.graph import graph
from minibnn.autograd.straight_through import no_gradient, quant, straight_through
from minibnn.autograd.tensor import Tensor

__all__ = ["GradientMismatch", "Tensor", "gradcheck", "graph", "no_gradient", "ops", "quant", "straight_through"]
