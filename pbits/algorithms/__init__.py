"""Algorithms on replicas, on any machine: each is a policy that steers one run, so it has device time and joules.

`temper` swaps states along a ladder of β, with cluster moves where asked for; `adaptive_ladder` finds the ladder;
`anneal_population` resamples a population while it cools; `simulated_quantum_annealing` couples replicas as imaginary
time does.
"""

from pbits.algorithms.ladder import Ladder, adaptive_ladder
from pbits.algorithms.population import PopulationAnneal, anneal_population
from pbits.algorithms.quantum import QuantumAnneal, simulated_quantum_annealing, trotter_model
from pbits.algorithms.tempering import Tempering, temper

__all__ = [
    "Ladder",
    "PopulationAnneal",
    "QuantumAnneal",
    "Tempering",
    "adaptive_ladder",
    "anneal_population",
    "simulated_quantum_annealing",
    "temper",
    "trotter_model",
]
