"""Chains of polynomial models side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbits.kernels import polynomial
from pbits.models import EnergyModel, PolynomialModel
from pbits.sweeps.columns import ColumnsEngine
from pbits.sweeps.engine import Options
from pbits.sweeps.scan import Scan


class PolynomialEngine(ColumnsEngine):
    """Many-body p-bits: I_i = Σ_{t∋i} w_t Π_{j∈t, j≠i} s_j, by the heat bath or Metropolis, in any order of sites."""

    @classmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        reasons = cls.refused_scans(scan)
        if not isinstance(model, PolynomialModel):
            reasons.append(f"it sweeps a PolynomialModel; this is a {type(model).__name__}")
        return reasons

    @classmethod
    def describe(cls, options: Options) -> str:
        return "chains side by side, float64 inputs, counter-based 32-bit decisions"

    def hold(self, model: EnergyModel) -> None:
        assert isinstance(model, PolynomialModel), "refusals() lets through only polynomial models"
        self._terms = terms_of_sites(model)

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        arguments = (
            self._columns, self._chains, self._sites, *self._terms, self._per_column(betas),
            self._options.rule == "metropolis", *self._key.thermal,
        )  # fmt: skip
        if self._scan.ends is None:
            return polynomial.random_sweeps(*arguments, *self._key.site, self._chain0, step0)
        return polynomial.sweeps(*arguments, self._chain0, step0)

    def _energies(self, model: EnergyModel) -> NDArray[np.float64]:
        assert isinstance(model, PolynomialModel)
        energies = np.full(self._columns.shape[1], model.offset)
        polynomial.add_terms(energies, self._columns, model.sites, model.starts, model.weights)
        return energies


def terms_of_sites(
    model: PolynomialModel,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int32]]:
    """The terms site by site, as the kernels read them.

    Returns
    -------
    starts : (n + 1,) int64
        Site i is in the terms e = starts[i] … starts[i + 1] − 1, which are in the model's order.
    weights : float64
    firsts, others : int64, int32
        Term e holds, beside site i, the sites ``others[firsts[e]:firsts[e + 1]]``.
    """
    by_site = np.argsort(model.sites, kind="stable")
    term = np.repeat(np.arange(len(model.weights)), np.diff(model.starts))[by_site]
    starts = np.concatenate([[0], np.cumsum(np.bincount(model.sites, minlength=model.n))])
    sizes = np.diff(model.starts)[term]
    ends = np.cumsum(sizes)
    # All members of each of these terms, and which site it is listed under.
    place = np.arange(sizes.sum()) + np.repeat(model.starts[term] - ends + sizes, sizes)
    members, own = model.sites[place], np.repeat(model.sites[by_site], sizes)
    firsts = np.concatenate([[0], np.cumsum(sizes - 1)])
    return starts, model.weights[term], firsts, members[members != own].astype(np.int32)
