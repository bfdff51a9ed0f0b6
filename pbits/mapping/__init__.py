"""Model → model: what it takes to put a problem on a machine of another shape. Pure functions."""

from pbits.mapping.chains import Embedding
from pbits.mapping.colouring import colour_classes
from pbits.mapping.embedding import clique_embedding, find_embedding, minor_embedding
from pbits.mapping.lattices import lattice_shape
from pbits.mapping.multiplex import Multiplexed, multiplex
from pbits.mapping.one_hot import OneHot, one_hot, one_hot_penalty
from pbits.mapping.partition import Partition, partition
from pbits.mapping.quadratise import (
    OrderCost,
    OrderCosts,
    Quadratisation,
    expand_products,
    order_costs,
    quadratise,
    quadratise_products,
)
from pbits.mapping.quantise import FixedPoint, Rounding, RoundingEffect, fixed_point_for, rounding_effect
from pbits.mapping.sparsify import Sparsified, sparsify
from pbits.mapping.topology import GRID_RULES, Chimera, Complete, Grid, Pegasus, Sparse, Topology

__all__ = [
    "GRID_RULES",
    "Chimera",
    "Complete",
    "Embedding",
    "FixedPoint",
    "Grid",
    "Multiplexed",
    "OneHot",
    "OrderCost",
    "OrderCosts",
    "Partition",
    "Pegasus",
    "Quadratisation",
    "Rounding",
    "RoundingEffect",
    "Sparse",
    "Sparsified",
    "Topology",
    "clique_embedding",
    "colour_classes",
    "expand_products",
    "find_embedding",
    "fixed_point_for",
    "lattice_shape",
    "minor_embedding",
    "multiplex",
    "one_hot",
    "one_hot_penalty",
    "order_costs",
    "partition",
    "quadratise",
    "quadratise_products",
    "rounding_effect",
    "sparsify",
]
