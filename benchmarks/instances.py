"""The instances that all tools are timed on, by name.

========================  ==========================================================================================
``L2D256``, ``L3D16``     periodic square or cubic lattice of that side, couplings ±1; any side from 3
``L2D256-gauss``          the same with normal couplings
``SK1000``                Sherrington–Kirkpatrick: all pairs coupled, normal with variance 1/n
``R2000d50``              random graph of that many sites and that mean degree, couplings ±1
``R2000d50-gauss``        the same with normal couplings
``G22``                   a Max-Cut graph of the G-set, from the folder ``gset`` in the one named by PBITS_DATA
``hopfield1000``          Hebb couplings of 0.05 n random patterns
``sudoku``                an empty Sudoku: 81 p-dits of nine states, 810 pairs that must differ
========================  ==========================================================================================
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pbits.models import CategoricalModel, EnergyModel, IsingModel
from pbits.problems import HopfieldMemory, MaxCut

LATTICES = ("L2D256", "L3D16", "L2D1024", "L2D4096")
GSET = ("G1", "G14", "G22", "G43", "G55", "G70", "G81")
DENSE = ("SK1000", "SK2000", "hopfield1000")
REAL = ("L2D256-gauss", "L3D16-gauss", "R2000d50-gauss")
GROUPS = {
    "all": (*LATTICES, *GSET, *DENSE, *REAL, "sudoku"),
    "lattices": LATTICES,
    "gset": GSET,
    "dense": DENSE,
    "real": REAL,
    "quick": ("L2D256", "L3D16", "G22", "G81", "SK1000", "L2D256-gauss"),
}

#: Best cuts in the literature.
BEST_CUTS = {
    "G1": 11624, "G11": 564, "G14": 3064, "G22": 13359, "G32": 1410, "G43": 6660, "G55": 10299, "G70": 9595,
    "G81": 14060,
}  # fmt: skip


class Absent(LookupError):
    """An instance whose file is not there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Instance:
    """One model, and what tools need to know of it.

    Attributes
    ----------
    name : str
    model : EnergyModel
    beta_start, beta_stop, beta : float
        Ends of the anneal, and the fixed β: 0.1, 3 and 1 over the size of a coupling.
    lattice : (*shape, axes) array, optional
        Of a periodic lattice, the coupling of each site to the next one along each axis.
    best_cut : float, optional
        The best cut known; energies of these models are minus the cut.
    """

    name: str
    model: EnergyModel
    beta_start: float = 0.1
    beta_stop: float = 3.0
    beta: float = 1.0
    lattice: NDArray | None = None
    best_cut: float | None = None

    @property
    def ising(self) -> IsingModel | None:
        return self.model if isinstance(self.model, IsingModel) else None

    @property
    def degree(self) -> float:
        """Mean number of neighbours of a site."""
        pairs: Any = self.model.n_couplings if isinstance(self.model, IsingModel) else len(self.model.pairs)  # type: ignore[attr-defined]
        return 2 * pairs / self.model.n

    @property
    def kind(self) -> str:
        """What decides which layouts suit: "p-dits", "dense", "±1" or "real"."""
        if not isinstance(self.model, IsingModel):
            return "p-dits"
        if self.degree > 0.3 * self.model.n:
            return "dense"
        sizes = np.abs(self.model.csr.data)
        return "±1" if (sizes == sizes[:1]).all() else "real"


def expand(names: str) -> list[str]:
    """The instances a comma-separated list of names and groups means, each once."""
    wanted = [part for name in names.split(",") for part in GROUPS.get(name.strip(), (name.strip(),)) if part]
    return list(dict.fromkeys(wanted))


def build(name: str) -> Instance:
    """The instance of a name.

    Raises
    ------
    ValueError
        For a name that is none.
    Absent
        When its file is not there.
    """
    for pattern, builder in _BUILDERS:
        if found := re.fullmatch(pattern, name):
            return builder(name, *found.groups())
    raise ValueError(
        f"{name!r} is no instance; groups are {', '.join(GROUPS)}, names look like L2D256, L3D16-gauss, R2000d50, "
        "SK1000, G22, hopfield1000 or sudoku"
    )


def _weights(size: Any, law: str | None, rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.standard_normal(size) if law else rng.choice((-1.0, 1.0), size)


def _lattice(name: str, axes: str, side: str, law: str | None) -> Instance:
    d, length = int(axes), int(side)
    if length < 3:
        raise ValueError(f"{name} has side {length}; a periodic lattice without double bonds needs at least 3")
    shape = (length,) * d
    forward = _weights((*shape, d), law, np.random.default_rng([d, length]))
    n = length**d
    sites = np.arange(n, dtype=np.int32).reshape(shape)
    neighbours = np.empty((n, 2 * d), dtype=np.int32)
    couplings = np.empty((n, 2 * d))
    for axis in range(d):
        neighbours[:, 2 * axis] = np.roll(sites, -1, axis).ravel()
        neighbours[:, 2 * axis + 1] = np.roll(sites, 1, axis).ravel()
        couplings[:, 2 * axis] = forward[..., axis].ravel()
        couplings[:, 2 * axis + 1] = np.roll(forward[..., axis], 1, axis).ravel()
    starts = np.arange(0, 2 * d * n + 1, 2 * d, dtype=np.int32)
    J = sp.csr_array((couplings.ravel(), neighbours.ravel(), starts), shape=(n, n))
    return Instance(name=name, model=IsingModel(J), lattice=forward)


def _random_graph(name: str, sites: str, degree: str, law: str | None) -> Instance:
    n, m = int(sites), int(sites) * int(degree) // 2
    if 2 * m > n * (n - 1):
        raise ValueError(f"{name} has more edges than {n} sites have pairs; ask for a smaller degree")
    rng = np.random.default_rng([n, m])
    pairs = rng.choice(n * (n - 1) // 2, m, replace=False)
    i, j = (index[pairs] for index in np.triu_indices(n, 1))
    return Instance(name=name, model=IsingModel.from_edges(n, np.column_stack([i, j]), _weights(m, law, rng)))


def _sherrington_kirkpatrick(name: str, sites: str) -> Instance:
    n = int(sites)
    upper = np.triu(np.random.default_rng(n).standard_normal((n, n)) / np.sqrt(n), 1)
    return Instance(name=name, model=IsingModel(upper + upper.T))


def _gset(name: str) -> Instance:
    folder = os.environ.get("PBITS_DATA")
    if folder is None:
        raise Absent(f"{name} is read from the folder gset of the one named by PBITS_DATA, which is not set")
    path = Path(folder) / "gset" / name
    if not path.exists():
        raise Absent(f"{name} is not in {path.parent}")
    model: Any = MaxCut.from_rudy(path).to_model()
    # Couplings of a cut are half the weights, so β is twice that of weights ±1.
    return Instance(
        name=name, model=model, beta_start=0.2, beta_stop=6.0, beta=2.0, best_cut=BEST_CUTS.get(name)
    )  # fmt: skip


def _hopfield(name: str, sites: str) -> Instance:
    n = int(sites)
    patterns = np.random.default_rng(n).choice((-1, 1), (max(1, n // 20), n))
    model: Any = HopfieldMemory(patterns).to_model()
    return Instance(name=name, model=model)


def _sudoku(name: str) -> Instance:
    cells = list(product(range(9), range(9)))
    differ = np.eye(9)
    pairs = {
        (9 * a + b, 9 * c + d): differ
        for (a, b), (c, d) in combinations(cells, 2)
        if a == c or b == d or (a // 3, b // 3) == (c // 3, d // 3)
    }
    return Instance(name=name, model=CategoricalModel([9] * 81, pairwise=pairs))


_BUILDERS: list[tuple[str, Callable[..., Instance]]] = [
    (r"L([23])D(\d+)(-gauss)?", _lattice),
    (r"R(\d+)d(\d+)(-gauss)?", _random_graph),
    (r"SK(\d+)", _sherrington_kirkpatrick),
    (r"hopfield(\d+)", _hopfield),
    (r"G\d+", _gset),
    (r"sudoku", _sudoku),
]
