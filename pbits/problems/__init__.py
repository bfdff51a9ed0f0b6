"""What has an answer: problems posed as energy models, and the way back from states to answers."""

from pbits.problems import gates
from pbits.problems.base import Problem, Sense, Solution
from pbits.problems.boltzmann import BoltzmannMachine
from pbits.problems.estimates import BaselineResult, Estimate, MeanAndCovariance
from pbits.problems.examples import EXAMPLES
from pbits.problems.factoring import Factoring
from pbits.problems.free_energy import Determinant
from pbits.problems.gates import Circuit, CircuitProblem, Gate
from pbits.problems.hopfield import HopfieldMemory, Recall
from pbits.problems.linear_system import LinearSystem, NaturalGradientStep
from pbits.problems.matrices import GaussianSampling, LyapunovEquation, MatrixExponential, MatrixInverse
from pbits.problems.maxcut import MaxCut
from pbits.problems.reading import read
from pbits.problems.regression import GaussianPosterior, LogisticPosterior
from pbits.problems.tsp import TravelingSalesman
from pbits.problems.tsplib import TsplibInstance, read_tour, read_tsplib
from pbits.problems.wells import PotentialSampling

__all__ = [
    "EXAMPLES",
    "BaselineResult",
    "BoltzmannMachine",
    "Circuit",
    "CircuitProblem",
    "Determinant",
    "Estimate",
    "Factoring",
    "Gate",
    "GaussianPosterior",
    "GaussianSampling",
    "HopfieldMemory",
    "LinearSystem",
    "LogisticPosterior",
    "LyapunovEquation",
    "MatrixExponential",
    "MatrixInverse",
    "MaxCut",
    "MeanAndCovariance",
    "NaturalGradientStep",
    "PotentialSampling",
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
