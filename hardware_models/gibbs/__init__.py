"""Parallel Gibbs blocks: grids of two-state sampling cells updated colour by colour."""

from hardware_models.gibbs.array import Array, from_spec
from hardware_models.gibbs.cell import Cell
from hardware_models.gibbs.primitives import Primitives
from hardware_models.gibbs.stack import Stack, StackCost

__all__ = ["Array", "Cell", "Primitives", "Stack", "StackCost", "from_spec"]
