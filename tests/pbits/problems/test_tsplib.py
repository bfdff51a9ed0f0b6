"""The TSPLIB reader, against published optima and against files broken in every way."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from pbits.problems import read_tour, read_tsplib

DATA = Path(os.environ.get("PBITS_DATA", "data")) / "tsplib"
needs_data = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason="PBITS_DATA has no tsplib folder"),
]

# TSPLIB95's published optima.
OPTIMA = {
    "ulysses16": 6859,
    "bays29": 2020,
    "att48": 10628,
    "berlin52": 7542,
    "st70": 675,
    "kroA100": 21282,
    "pcb442": 50778,
    "pr1002": 259045,
    "pr2392": 378032,
}

PLANE = """NAME : toy
TYPE : TSP
COMMENT : four points
DIMENSION : 4
EDGE_WEIGHT_TYPE : EUC_2D
NODE_COORD_SECTION
1 0 0
2 0 3
3 4 3
4 4 0
