"""What has an answer: problems posed as energy models, and the way back from states to answers."""

from pbits.problems import gates
from pbits.problems.base import Problem, Sense, Solution
from pbits.problems.boltzmann import BoltzmannMachine
from pbits.problems.examples import EXAMPLES
from pbits.problems.factoring import Factoring
from pbits.problems.gates import Circuit, CircuitProblem, Gate
from pbits.problems.hopfield import HopfieldMemory, Recall
from pbits.problems.linear_system import GaussianPosterior, LinearSystem
from pbits.problems.maxcut import MaxCut
from pbits.problems.reading import read
from pbits.problems.tsp import TravelingSalesman
from pbits.problems.tsplib import TsplibInstance, read_tour, read_tsplib

__all__ = [
    "EXAMPLES",
    "BoltzmannMachine",
    "Circuit",
    "CircuitProblem",
    "Factoring",
    "Gate",
    "GaussianPosterior",
    "HopfieldMemory",
    "LinearSystem",
    "MaxCut",
    "Problem",
    "Recall",
    "Sense",
    "Solution",
    "TravelingSalesman",
    "TsplibInstance",
    "gates",
    "read",
    "read_tour",
    "read_tsplib",
]
