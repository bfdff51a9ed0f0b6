"""Four small real problems that come with the package: where to begin, and what `pbits compare` runs by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pbits.models import IsingModel
from pbits.problems.base import Problem
from pbits.problems.boltzmann import BoltzmannMachine
from pbits.problems.hopfield import HopfieldMemory
from pbits.problems.regression import GaussianPosterior
from pbits.problems.tsp import TravelingSalesman

DATA = Path(__file__).parent / "data"


def capitals() -> TravelingSalesman:
    """A round trip through nine European capitals, from a TSPLIB file of geographical coordinates.

    The "tight" penalty: fewer tours are valid than with "safe", and those are shorter.
    """
    names = ("Berlin", "Budapest", "Copenhagen", "London", "Madrid", "Paris", "Rome", "Vienna", "Warsaw")
    return TravelingSalesman.from_tsplib(
        DATA / "capitals9.tsp", names=names, penalty="tight", name="round trip through nine capitals"
    )


def digits() -> HopfieldMemory:
    """Five scanned digits in a pseudo-inverse memory, one recalled with a fifth of its pixels flipped."""
    memory = HopfieldMemory.from_digits(5)
    return memory.recall(memory.corrupt(3, 0.2, seed=1), target=3)


def and_gate() -> BoltzmannMachine:
    """An invertible AND gate of three p-bits, C = A ∧ B, whose four lowest states are its truth table.

    J_AB = −1, J_AC = J_BC = 2, h = (1, 1, −2), scaled by ½: K. Y. Camsari, R. Faria, B. M. Sutton, S. Datta,
    Phys. Rev. X 7, 031014 (2017), from memory; the truth table is checked by enumeration.
    """
    gate = IsingModel.from_edges(3, [(0, 1), (0, 2), (1, 2)], [-0.5, 1.0, 1.0], fields=[0.5, 0.5, -1.0])
    return BoltzmannMachine(gate, visible=[0, 1, 2], name="invertible AND gate, sampled")


def diabetes() -> GaussianPosterior:
    """The posterior of a Bayesian linear regression on scikit-learn's diabetes data, ten weights."""
    return GaussianPosterior.from_diabetes()


EXAMPLES: dict[str, Callable[[], Problem]] = {
    "capitals": capitals,
    "digits": digits,
    "and-gate": and_gate,
    "diabetes": diabetes,
}
