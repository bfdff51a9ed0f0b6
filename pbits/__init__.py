"""Simulator and emulator of probabilistic hardware.

One line shows the whole::

    Problem → EnergyModel → machine → Run (states, device time, operation counts) → price → Comparison

>>> import pbits
>>> pair = pbits.IsingModel([[0, 1], [1, 0]])
>>> run = pbits.run(pair, "ideal", pbits.Schedule(n_samples=100, chains=2), seed=1)
>>> run.states.shape
(2, 100, 2)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Names are looked up on first use, so that `import pbits` costs milliseconds and a script that only
# reads a catalogue never loads a compiler.
_HOME = {
    "CategoricalModel": "pbits.models",
    "DiffusionModel": "pbits.models",
    "DirectedModel": "pbits.models",
    "EnergyModel": "pbits.models",
    "GaussianModel": "pbits.models",
    "HybridModel": "pbits.models",
    "IsingModel": "pbits.models",
    "PermutationModel": "pbits.models",
    "PolynomialModel": "pbits.models",
    "PotentialModel": "pbits.models",
    "QuarticModel": "pbits.models",
    "exact": "pbits.reference",
    "Schedule": "pbits.schedule",
    "Moves": "pbits.moves",
    "run": "pbits.runner",
    "Run": "pbits.result",
    "available": "pbits.substrate",
    "load": "pbits.substrate",
    "HarmWarning": "pbits.harm",
    "NotMappable": "pbits.substrate",
    "Program": "pbits.substrate",
    "Substrate": "pbits.substrate",
    "Problem": "pbits.problems",
    "Embedded": "pbits.embedded",
    "diagnose": "pbits.diagnostics",
    "Parameter": "pbits.parameters",
    "price": "pbits.ledger",
    "EnergyLedger": "pbits.ledger",
    "meter": "pbits.metering",
    "Usage": "pbits.usage",
    "Claim": "pbits.claims",
    "ClaimCheck": "pbits.claims",
    "check_claim": "pbits.claims",
    "compare": "pbits.comparison",
    "compare_runs": "pbits.comparison",
    "solve": "pbits.solver",
    "Answer": "pbits.solver",
    "Comparison": "pbits.comparison",
}
_SUBMODULES = {
    "algorithms", "claims", "conditionals", "langevin", "learning", "mapping", "models", "problems", "reference",
    "report", "steering", "sweeps", "testing",
}  # fmt: skip

if TYPE_CHECKING:
    from pbits import (
        algorithms,
        claims,
        conditionals,
        langevin,
        learning,
        mapping,
        models,
        problems,
        reference,
        report,
        steering,
        sweeps,
        testing,
    )
    from pbits.claims import Claim, ClaimCheck, check_claim
    from pbits.comparison import Comparison, compare, compare_runs
    from pbits.diagnostics import diagnose
    from pbits.embedded import Embedded
    from pbits.harm import HarmWarning
    from pbits.ledger import EnergyLedger, price
    from pbits.metering import meter
    from pbits.models import (
        CategoricalModel,
        DiffusionModel,
        DirectedModel,
        EnergyModel,
        GaussianModel,
        HybridModel,
        IsingModel,
        PermutationModel,
        PolynomialModel,
        PotentialModel,
        QuarticModel,
    )
    from pbits.moves import Moves
    from pbits.parameters import Parameter
    from pbits.problems import Problem
    from pbits.reference import exact
    from pbits.result import Run
    from pbits.runner import run
    from pbits.schedule import Schedule
    from pbits.solver import Answer, solve
    from pbits.substrate import NotMappable, Program, Substrate, available, load
    from pbits.usage import Usage

__all__ = [
    "Answer",
    "CategoricalModel",
    "Claim",
    "ClaimCheck",
    "Comparison",
    "DiffusionModel",
    "DirectedModel",
    "Embedded",
    "EnergyLedger",
    "EnergyModel",
    "GaussianModel",
    "HarmWarning",
    "HybridModel",
    "IsingModel",
    "Moves",
    "NotMappable",
    "Parameter",
    "PermutationModel",
    "PolynomialModel",
    "PotentialModel",
    "Problem",
    "Program",
    "QuarticModel",
    "Run",
    "Schedule",
    "Substrate",
    "Usage",
    "algorithms",
    "available",
    "check_claim",
    "claims",
    "compare",
    "compare_runs",
    "conditionals",
    "diagnose",
    "exact",
    "langevin",
    "learning",
    "load",
    "mapping",
    "meter",
    "models",
    "price",
    "problems",
    "reference",
    "report",
    "run",
    "solve",
    "steering",
    "sweeps",
    "testing",
]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"pbits.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'pbits' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
