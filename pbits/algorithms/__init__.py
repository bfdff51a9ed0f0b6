"""Algorithms on top of `run`, on any machine: each has device time and joules.

Those on replicas are policies that steer one run. `temper` swaps states along a ladder of β, with cluster moves where
asked for; `adaptive_ladder` finds the ladder; `anneal_population` resamples a population while it cools;
`simulated_quantum_annealing` couples replicas as imaginary time does.

Those on estimates are several runs, each of which goes on where the one before ended. `estimate` draws until an answer
is known well enough; `free_energy_difference` and `log_determinant` take a model to another and back, and count the
work.
"""

from pbits.algorithms.estimation import Estimation, estimate
from pbits.algorithms.free_energy import FreeEnergy, free_energy_difference, log_determinant
from pbits.algorithms.ladder import Ladder, adaptive_ladder
from pbits.algorithms.population import PopulationAnneal, anneal_population
from pbits.algorithms.quantum import QuantumAnneal, simulated_quantum_annealing, trotter_model
from pbits.algorithms.tempering import Tempering, temper

__all__ = [
    "Estimation",
    "FreeEnergy",
    "Ladder",
    "PopulationAnneal",
    "QuantumAnneal",
    "Tempering",
    "adaptive_ladder",
    "anneal_population",
    "estimate",
    "free_energy_difference",
    "log_determinant",
    "simulated_quantum_annealing",
    "temper",
    "trotter_model",
]
