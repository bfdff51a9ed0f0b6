"""Algorithms on top of `run`, on any machine: each has device time and joules.

Those on replicas are policies that steer one run. `temper` swaps states along a ladder of β, with cluster moves where
asked for; `adaptive_ladder` finds the ladder; `temper_penalties` swaps along penalties too; `anneal_population`
resamples a population while it cools; `simulated_quantum_annealing` couples replicas as imaginary time does.

Those on estimates are several runs, each of which goes on where the one before ended. `estimate` draws until an answer
is known well enough; `free_energy_difference` and `log_determinant` take a model to another and back, and count the
work.

`search` is for low energies alone: anneals, whose best parts it puts together.

`capacity_curve` fills memories with random patterns and recalls them.
"""

from pbits.algorithms.capacity import CapacityPoint, capacity_curve
from pbits.algorithms.estimation import Estimation, estimate
from pbits.algorithms.free_energy import FreeEnergy, free_energy_difference, log_determinant
from pbits.algorithms.ladder import Ladder, adaptive_ladder
from pbits.algorithms.penalties import PenaltyTempering, temper_penalties
from pbits.algorithms.population import PopulationAnneal, anneal_population
from pbits.algorithms.quantum import QuantumAnneal, simulated_quantum_annealing, trotter_model
from pbits.algorithms.searching import Search, search
from pbits.algorithms.tempering import Tempering, temper

__all__ = [
    "CapacityPoint",
    "Estimation",
    "FreeEnergy",
    "Ladder",
    "PenaltyTempering",
    "PopulationAnneal",
    "QuantumAnneal",
    "Search",
    "Tempering",
    "adaptive_ladder",
    "anneal_population",
    "capacity_curve",
    "estimate",
    "free_energy_difference",
    "log_determinant",
    "search",
    "simulated_quantum_annealing",
    "temper",
    "temper_penalties",
    "trotter_model",
]
