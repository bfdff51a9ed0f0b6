"""p-bit machines: networks of binary stochastic neurons under a clock."""

from hardware_models.pbit.array import Array, from_spec

__all__ = ["Array", "from_spec"]
