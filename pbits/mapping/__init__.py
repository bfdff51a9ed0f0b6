"""Model → model: what it takes to put a problem on a machine of another shape. Pure functions."""

from pbits.mapping.colouring import colour_classes
from pbits.mapping.embedding import Embedding, clique_embedding
from pbits.mapping.lattices import lattice_shape
from pbits.mapping.partition import Partition, partition
from pbits.mapping.quantise import FixedPoint, Rounding
from pbits.mapping.topology import GRID_RULES, Complete, Grid, Topology

__all__ = [
    "GRID_RULES",
    "Complete",
    "Embedding",
    "FixedPoint",
    "Grid",
    "Partition",
    "Rounding",
    "Topology",
    "clique_embedding",
    "colour_classes",
    "lattice_shape",
    "partition",
]
