"""Real bits: tensors of one bit per value."""

from minibnn.bits.bit_tensor import BitTensor

__all__ = ["BitTensor"]
