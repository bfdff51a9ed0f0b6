"""Which layout sweeps a model: chosen by model, scan and chain count alone, never by the host."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pbits.kernels.jit import compiling
from pbits.models import (
    CategoricalModel,
    DirectedModel,
    EnergyModel,
    GaussianModel,
    HybridModel,
    IsingModel,
    PermutationModel,
    PolynomialModel,
)
from pbits.sweeps.engine import Engine, Options
from pbits.sweeps.scan import Scan

# Each layout and where its engine lives; engines load on first use, since they load the compiler.
LAYOUTS = {
    "counter": "CounterEngine",
    "cells": "CellsEngine",
    "fields": "FieldsEngine",
    "lanes": "LanesEngine",
    "bits": "BitsEngine",
    "lattice": "LatticeEngine",
    "dense": "DenseEngine",
    "categorical": "CategoricalEngine",
    "polynomial": "PolynomialEngine",
    "permutation": "PermutationEngine",
    "hybrid": "HybridEngine",
    "cuda": "CudaEngine",
}
NEEDS_COMPILER = {"FieldsEngine", "LanesEngine", "BitsEngine", "LatticeEngine", "DenseEngine"}
ONE_BETA = {"CounterEngine", "CudaEngine"}
MANY_CHAINS = 128
SOME_CHAINS = 16
DENSE = 0.3
LARGE_LATTICE = 1024


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be swept.

    Attributes
    ----------
    model : EnergyModel
        Held at the start.
    scan, options, chains
    beta : float
        The highest, of any chain.
    coldest : EnergyModel, optional
        Another model, held at the highest β by a machine that is programmed anew at each.
    ladder : bool
        Whether each chain has a β of its own.
    """

    model: EnergyModel
    scan: Scan
    options: Options
    chains: int
    beta: float
    coldest: EnergyModel | None = None
    ladder: bool = False


class Choice(NamedTuple):
    """A layout, why, and what those that came first had against this work."""

    name: str
    engine: type[Engine]
    reason: str
    refused: dict[str, list[str]]


class _Rule(NamedTuple):
    layout: str
    applies: Callable[[Work], bool]
    reason: str


def _density(work: Work) -> float:
    assert isinstance(work.model, IsingModel)
    return work.model.csr.nnz / work.model.n**2


def _held_once(work: Work) -> bool:
    """Whether one model is held at every β: some layouts hold only what is made of few couplings, and rounding at one β
    tells nothing of another.
    """
    return work.coldest is None


def _unlike(scan: Scan) -> bool:
    """Whether inputs remember, or each cell has a persistence of its own."""
    return bool(scan.memory) or np.ndim(scan.persistence) > 0


def _by_colour(work: Work) -> bool:
    """Whether sites move class by class; the order within a class is free."""
    return 0 < len(work.scan.sizes) < len(work.scan.sites)


_CELLS = _Rule("cells", lambda work: _unlike(work.scan), "inputs that settle, or cells of unequal persistence")
# The first rule that applies, and whose layout refuses nothing, decides.
_ISING = (
    _Rule(
        "lattice",
        lambda work: _held_once(work) and work.chains < 512 and work.model.n >= LARGE_LATTICE and _by_colour(work),
        "a large lattice with one coupling strength and fewer than 512 chains: one chain at a time, as 512 blocks",
    ),
    _Rule(
        "bits",
        lambda work: _held_once(work) and work.chains >= MANY_CHAINS,
        f"few distinct couplings, and {MANY_CHAINS} chains or more",
    ),
    _Rule(
        "dense",
        lambda work: _held_once(work) and work.model.n >= 64 and _density(work) >= DENSE,
        "most sites are coupled",
    ),
    _Rule("lanes", lambda work: work.chains >= SOME_CHAINS, f"general couplings, and {SOME_CHAINS} chains or more"),
    _Rule("fields", lambda work: True, "one chain at a time, with its fields kept up to date"),
    _Rule("lanes", lambda work: True, "the order of updates needs it"),
    _Rule("counter", lambda work: True, "double precision and any scan"),
    _CELLS,
)
_RULES: tuple[tuple[type[EnergyModel], tuple[_Rule, ...]], ...] = (
    (IsingModel, _ISING),
    (DirectedModel, (_Rule("counter", lambda work: True, "couplings that are not mutual"), _CELLS)),
    (
        CategoricalModel,
        (
            _Rule("categorical", lambda work: True, "sites hold categories"),
            _Rule("hybrid", lambda work: True, "sites hold categories, and relax by draws of p-cells"),
        ),
    ),
    (PermutationModel, (_Rule("permutation", lambda work: True, "states are permutations"),)),
    (PolynomialModel, (_Rule("polynomial", lambda work: True, "terms of any order"),)),
    (HybridModel, (_Rule("hybrid", lambda work: True, "some sites hold categories and some reals"),)),
    (GaussianModel, (_Rule("hybrid", lambda work: True, "sites hold reals"),)),
)


def engine_of(layout: str) -> type[Engine]:
    """The engine of a layout."""
    return getattr(importlib.import_module(f"pbits.sweeps.{layout}"), LAYOUTS[layout])


def choose(work: Work, wanted: str = "auto") -> Choice:
    """The layout for a piece of work.

    Parameters
    ----------
    work : Work
    wanted : str
        A layout by name, or "auto".

    Raises
    ------
    ValueError
        For an unknown layout, or one that cannot sweep this model; all reasons at once.
    """
    if wanted != "auto":
        if wanted not in LAYOUTS:
            raise ValueError(f"layout is {wanted!r}; it must be auto, {', '.join(LAYOUTS)}")
        engine = engine_of(wanted)
        reasons = _refusals(engine, work)
        if reasons:
            raise ValueError(f"the layout {wanted!r} cannot sweep this: " + "; ".join(reasons))
        return Choice(wanted, engine, "asked for", {})
    refused: dict[str, list[str]] = {}
    rules = next((rules for kind, rules in _RULES if isinstance(work.model, kind)), ())
    for rule in rules:
        if not rule.applies(work):
            continue
        engine = engine_of(rule.layout)
        reasons = _refusals(engine, work)
        if not reasons:
            return Choice(rule.layout, engine, rule.reason, refused)
        refused[rule.layout] = reasons
    told = "; ".join(f"{layout}: {', '.join(reasons)}" for layout, reasons in refused.items())
    raise ValueError(f"no layout can sweep this model ({told})")


def _refusals(engine: type[Engine], work: Work) -> list[str]:
    if NEEDS_COMPILER & {engine.__name__} and not compiling():
        return ["it is made of vector instructions, and compilation is switched off (NUMBA_DISABLE_JIT)"]
    if work.ladder and engine.__name__ in ONE_BETA:
        return ["it gives every chain the same β"]
    if engine.__name__ != "HybridEngine" and (work.scan.relaxation is not None or work.scan.settling is not None):
        return ["it knows neither p-cells that relax categories nor modes that settle"]
    if engine.__name__ != "CellsEngine" and _unlike(work.scan):
        return ["it knows neither inputs that settle nor cells of unequal persistence"]
    reasons = engine.refusals(work.model, work.scan, work.options, work.beta)
    if not reasons and work.coldest is not None:
        reasons = engine.refusals(work.coldest, work.scan, work.options, work.beta)
    return reasons


def states_dtype(model: EnergyModel) -> type:
    return {"spin": np.int8, "category": np.int16, "permutation": np.int32}.get(model.domain, np.float64)
