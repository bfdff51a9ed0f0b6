"""Parallel Gibbs blocks: grids of two-state sampling cells updated colour by colour."""

from hardware_models.gibbs.array import Array, from_spec

__all__ = ["Array", "from_spec"]
