"""minibnn: neural networks whose every parameter is one bit, from scratch (arXiv 2509.07025)."""

from minibnn.autograd import Tensor

__all__ = ["Tensor"]
__version__ = "0.1.0"
