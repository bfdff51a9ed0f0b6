"""What has an answer: problems posed as energy models, and the way back from states to answers."""

from pbits.problems import gates
from pbits.problems.assignment import QuadraticAssignment
from pbits.problems.base import Problem, Sense, Solution
from pbits.problems.boltzmann import BoltzmannMachine
from pbits.problems.colouring import GraphColouring
from pbits.problems.continuous_memory import ContinuousMemory
from pbits.problems.cover import IndependentSet, VertexCover
from pbits.problems.dense_memory import DenseMemory
from pbits.problems.estimates import BaselineResult, Estimate, MeanAndCovariance
from pbits.problems.examples import EXAMPLES
from pbits.problems.factoring import Factoring
from pbits.problems.free_energy import Determinant
from pbits.problems.gates import Circuit, CircuitProblem, Gate
from pbits.problems.hopfield import HopfieldMemory
from pbits.problems.hopfield_tank import HopfieldTank
from pbits.problems.knapsack import Knapsack
from pbits.problems.linear_system import LinearSystem, NaturalGradientStep
from pbits.problems.matrices import GaussianSampling, LyapunovEquation, MatrixExponential, MatrixInverse
from pbits.problems.maxcut import MaxCut
from pbits.problems.memory import Recall
from pbits.problems.partition import NumberPartition
from pbits.problems.planted import PlantedGlass
from pbits.problems.reading import read
from pbits.problems.regression import GaussianPosterior, LogisticPosterior
from pbits.problems.satisfiability import Satisfiability
from pbits.problems.sudoku import Sudoku
from pbits.problems.tsp import TravelingSalesman
from pbits.problems.tsplib import TsplibInstance, read_tour, read_tsplib
from pbits.problems.wells import PotentialSampling

__all__ = [
    "EXAMPLES",
    "BaselineResult",
    "BoltzmannMachine",
    "Circuit",
    "CircuitProblem",
    "ContinuousMemory",
    "DenseMemory",
    "Determinant",
    "Estimate",
    "Factoring",
    "Gate",
    "GaussianPosterior",
    "GaussianSampling",
    "GraphColouring",
    "HopfieldMemory",
    "HopfieldTank",
    "IndependentSet",
    "Knapsack",
    "LinearSystem",
    "LogisticPosterior",
    "LyapunovEquation",
    "MatrixExponential",
    "MatrixInverse",
    "MaxCut",
    "MeanAndCovariance",
    "NaturalGradientStep",
    "NumberPartition",
    "PlantedGlass",
    "PotentialSampling",
    "Problem",
    "QuadraticAssignment",
    "Recall",
    "Satisfiability",
    "Sense",
    "Solution",
    "Sudoku",
    "TravelingSalesman",
    "TsplibInstance",
    "VertexCover",
    "gates",
    "read",
    "read_tour",
    "read_tsplib",
]
