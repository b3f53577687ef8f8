"""Real bits: arrays of them, packed layers and models (Algorithm 2), and the packed model file."""

from minibnn.bits.bit_matrix import BitKernel, BitMatrix
from minibnn.bits.bit_tensor import BitTensor
from minibnn.bits.packed_file import load_packed, save_packed
from minibnn.bits.packing import pack

__all__ = ["BitKernel", "BitMatrix", "BitTensor", "load_packed", "pack", "save_packed"]
