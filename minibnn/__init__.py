"""minibnn: neural networks whose every parameter is one bit, from scratch (arXiv 2509.07025)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minibnn.autograd import Tensor

__all__ = ["Tensor"]
__version__ = "0.1.0"


def __getattr__(name):
    """`Tensor`, when it is first asked for: the command line should answer `--help` without importing NumPy."""
    if name != "Tensor":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from minibnn.autograd import Tensor

    return Tensor
