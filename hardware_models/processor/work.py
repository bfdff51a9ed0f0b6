"""What a sweep of a discrete model asks of a processor: operations, weights, bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.clocked import weights_per_update
from hardware_models.processor.tiers import NUMBER_BYTES
from pbits.models import CategoricalModel, EnergyModel, IsingModel, PolynomialModel
from pbits.steering import Steered

DECISION_FLOPS = 10.0
"""Exponential, reciprocal, comparison and store of one update, or of each category of one (assumed)."""


def steering_notes(steered: Steered, energies: str) -> dict[str, Any]:
    """What steering came to, for the record of a run; `energies` tells who computes them."""
    return {
        "rounds": steered.rounds,
        "chains_swapped": steered.moved,
        "states_replaced": steered.written,
        "models_programmed": steered.programmings,
        "swaps": "chains are renamed",
        "energies": f"{energies}; the policy's own work is not counted",
    }


@dataclass(frozen=True, kw_only=True)
class SweepWork:
    """One sweep of one chain, site by site.

    Attributes
    ----------
    reads : (n,) int64
        Weights that an update of each site reads.
    flops : (n,) float64
        Operations of an update, random numbers apart.
    weight_bytes : (n,) float64
        Bytes of those weights, and of the indices of the sites they go with.
    held_bytes : int
        The whole model.
    site_bytes : int
        What one site of a chain takes.
    energy_flops, energy_bytes : float
        Of the energy of one state; the bytes are those of the weights.
    """

    reads: NDArray[np.int64]
    flops: NDArray[np.floating]
    weight_bytes: NDArray[np.floating]
    held_bytes: int
    site_bytes: int
    energy_flops: float
    energy_bytes: float


def sweep_work(model: EnergyModel) -> SweepWork:
    """The work of a sweep: 2 operations per coupling of a spin; of categories one per entry of the rows that are added
    up, and a decision for each; of many-body terms a product, and a sum.
    """
    reads = weights_per_update(model)
    if isinstance(model, IsingModel):
        return SweepWork(
            reads=reads,
            flops=2.0 * reads + DECISION_FLOPS,
            weight_bytes=2.0 * NUMBER_BYTES * reads,
            held_bytes=2 * NUMBER_BYTES * (model.csr.nnz + model.n),
            site_bytes=1,
            energy_flops=model.csr.nnz + 2 * model.n,
            energy_bytes=2.0 * NUMBER_BYTES * model.n_couplings,
        )
    if isinstance(model, CategoricalModel):
        neighbours = np.bincount(model.pairs.ravel(), minlength=model.n)
        entries = len(model.tables_flat)
        return SweepWork(
            reads=reads,
            flops=reads + DECISION_FLOPS * model.n_states,
            weight_bytes=NUMBER_BYTES * (reads + neighbours).astype(float),
            # Both directions of a table, so that rows lie together.
            held_bytes=NUMBER_BYTES * (2 * entries + 2 * len(model.pairs) + len(model.unary_flat)),
            site_bytes=2,
            energy_flops=len(model.pairs) + model.n,
            energy_bytes=2.0 * NUMBER_BYTES * len(model.pairs),
        )
    assert isinstance(model, PolynomialModel), "limits() lets through only models with a sweep"
    sizes = np.diff(model.starts)
    # A term of k sites takes k − 1 products and a sum for each of its sites, and k − 1 indices.
    products = np.bincount(model.sites, weights=np.repeat(sizes, sizes), minlength=model.n)
    indices = np.bincount(model.sites, weights=np.repeat(sizes - 1, sizes), minlength=model.n)
    terms = np.bincount(model.sites, minlength=model.n)
    return SweepWork(
        reads=reads,
        flops=products + DECISION_FLOPS,
        weight_bytes=(NUMBER_BYTES * (terms + indices)).astype(float),
        held_bytes=int(NUMBER_BYTES * (terms + indices).sum()),
        site_bytes=1,
        energy_flops=float(sizes.sum()),
        energy_bytes=float(NUMBER_BYTES * (len(sizes) + sizes.sum())),
    )
