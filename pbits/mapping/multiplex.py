"""Time multiplexing: a small array of p-bits that serves a larger network, some sites at a time."""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbits.mapping.colouring import colour_classes
from pbits.models import IsingModel
from pbits.models.base import read_only


@dataclass(frozen=True, kw_only=True)
class Multiplexed:
    """Which sites a small array serves in each pass of a sweep, and what that takes.

    What is modelled: N cells, none wired to another; a memory holds the state of every site. In a pass each cell takes
    the row of one site (its couplings and its field), reads the states of its neighbours from the memory, decides, and
    writes its own back. All sites of a pass are of one colour, so a sweep of all passes is one chromatic Gibbs sweep
    of the whole network, exactly. What is not: a machine's clock, and where the memory lies. Multiply the counts with
    the prices of a machine of your own.

    Attributes
    ----------
    passes : tuple of arrays
        Sites that are updated at once, in the order of a sweep.
    cells : int
    writes, reads : int
        Words written into cells in a sweep, and states read from the memory. A network that fits in one pass stays
        where it is: nothing is written after the first sweep.
    """

    passes: tuple[NDArray[np.int64], ...]
    cells: int
    writes: int
    reads: int

    @property
    def state_bits(self) -> int:
        """Size of the memory of states."""
        return sum(map(len, self.passes))

    @property
    def utilisation(self) -> float:
        """The share of cells that decide in a pass, on average."""
        return self.state_bits / (len(self.passes) * self.cells)

    def summary(self) -> str:
        """One line for people."""
        return (
            f"{self.state_bits:,} sites on {self.cells:,} cells: {len(self.passes)} passes a sweep, "
            f"{self.utilisation:.0%} of cells at work, {self.writes:,} words written and {self.reads:,} states read"
        )


def multiplex(model: IsingModel, cells: int) -> Multiplexed:
    """Passes in which `cells` p-bits sweep a network of any size, colour after colour.

    Parameters
    ----------
    model : IsingModel
    cells : int
        p-bits of the array, at least 1.

    Raises
    ------
    ValueError
        For no cells.

    Notes
    -----
    A colour of k sites takes ⌈k/N⌉ passes, and no order of exact chromatic updates with these colours takes fewer. Per
    sweep 2·(couplings) + n words are written, each site's row once, and 2·(couplings) states read.

    Examples
    --------
    >>> import pbits
    >>> ring = pbits.IsingModel.from_edges(6, [(k, (k + 1) % 6) for k in range(6)], 1.0)
    >>> shared = multiplex(ring, 2)
    >>> [sites.tolist() for sites in shared.passes]
    [[0, 2], [4], [1, 3], [5]]
    >>> print(shared.summary())
    6 sites on 2 cells: 4 passes a sweep, 75% of cells at work, 18 words written and 12 states read
    """
    cells = operator.index(cells)
    if cells < 1:
        raise ValueError(f"cells is {cells}; an array has at least one")
    colours = colour_classes(model)
    passes = tuple(
        read_only(sites[begin : begin + cells]) for sites in colours for begin in range(0, len(sites), cells)
    )
    rows = 2 * model.n_couplings
    return Multiplexed(passes=passes, cells=cells, writes=rows + model.n if len(passes) > 1 else 0, reads=rows)
