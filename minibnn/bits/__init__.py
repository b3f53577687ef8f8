"""Real bits: arrays of them, packed layers and models (Algorithm 2), and the packed model file."""

from minibnn.bits.bit_matrix import BitKernel, BitMatrix
from minibnn.bits.bit_tensor import BitTensor
from minibnn.bits.packing import pack

__all__ = ["BitKernel", "BitMatrix", "BitTensor", "pack"]
