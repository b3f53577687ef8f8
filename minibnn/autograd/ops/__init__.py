"""The operations of the models, each with its forward value and its vjp side by side.

The operators of `Tensor` (+, *, @, sum, reshape, indexing, ...) are in `minibnn.autograd.tensor`; these have names.
"""

from minibnn.autograd.ops.elementwise import dropout, exp, gelu, log, relu, sqrt, tanh, where
from minibnn.autograd.ops.finishing import finish
from minibnn.autograd.ops.images import conv2d, global_average_pool, max_pool
from minibnn.autograd.ops.joining import concatenate
from minibnn.autograd.ops.normalization import log_softmax, normalize, softmax, softmax_cross_entropy

__all__ = [
    "concatenate",
    "conv2d",
    "dropout",
    "exp",
    "finish",
    "gelu",
    "global_average_pool",
    "log",
    "log_softmax",
    "max_pool",
    "normalize",
    "relu",
    "softmax",
    "softmax_cross_entropy",
    "sqrt",
    "tanh",
    "where",
]
