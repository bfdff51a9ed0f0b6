"""What has an energy: E(s) over spins, categories, permutations or reals."""

from pbits.models.base import Clamp, Domain, EnergyModel
from pbits.models.boltzmann import BoltzmannModel, CategoricalBoltzmannModel, Learnable
from pbits.models.categorical import CategoricalModel
from pbits.models.diffusion import DiffusionModel
from pbits.models.directed import DirectedModel
from pbits.models.distances import Distances
from pbits.models.gaussian import GaussianModel
from pbits.models.hybrid import HybridModel
from pbits.models.ising import IsingModel
from pbits.models.layered import DenoisingModel, ForwardProcess
from pbits.models.permutation import PermutationModel
from pbits.models.polynomial import PolynomialModel
from pbits.models.potential import PotentialModel, QuarticModel

__all__ = [
    "BoltzmannModel",
    "CategoricalBoltzmannModel",
    "CategoricalModel",
    "Clamp",
    "DenoisingModel",
    "DiffusionModel",
    "DirectedModel",
    "Distances",
    "Domain",
    "EnergyModel",
    "ForwardProcess",
    "GaussianModel",
    "HybridModel",
    "IsingModel",
    "Learnable",
    "PermutationModel",
    "PolynomialModel",
    "PotentialModel",
    "QuarticModel",
]
