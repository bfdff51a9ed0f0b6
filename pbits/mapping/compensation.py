"""Slopes and offsets of p-bits as couplings and fields: what they make of a model, and what undoes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import DirectedModel, IsingModel
from pbits.models.base import finite_vector

Network = IsingModel | DirectedModel


def with_gains(model: Network, gains: ArrayLike) -> Network:
    """Each p-bit hears its whole input g_i times as loud: J'_ij = g_i J_ij, h'_i = g_i h_i.

    A `DirectedModel`; of an `IsingModel` another one where all couplings are still mutual, up to rounding.

    Parameters
    ----------
    model : IsingModel or DirectedModel
    gains : (n,) array

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]], h=[0.5, 0])
    >>> with_gains(pair, [2, 1]).inputs([[1, 1]])
    array([[3., 1.]])
    """
    factors = finite_vector(gains, model.n, "gains", per="p-bit")
    csr: Any = model.csr.copy()
    csr.data = csr.data * np.repeat(factors, np.diff(csr.indptr))
    heard = DirectedModel(csr, factors * model.h, model.offset)
    # Where rounding left no coupling at one β there may be some at another, and no layout sweeps both kinds: one that
    # came without couplings, or directed, stays directed.
    mutual = heard.mutual() if isinstance(model, IsingModel) and heard.csr.nnz else None
    return mutual or heard


def with_fields(model: Network, added: NDArray[np.float64]) -> Network:
    """The model with `added` (n,) to its fields."""
    return type(model)(model.csr, model.h + added, model.offset)


def compensate(model: Network, *, alphas: ArrayLike, offsets: ArrayLike | None = None, beta: float = 1.0) -> Network:
    """What to program into p-bits of unequal slopes and offsets so that they realise the model.

    A p-bit with P(s_i = +1) = ½[1 + tanh α_i(βI_i + ΔV_i)] is ideal again with J'_ij = J_ij/α_i and
    h'_i = h_i/α_i − ΔV_i/β, programmed per row, so J' is not symmetric. This is exact at this β.

    Parameters
    ----------
    model : IsingModel or DirectedModel
    alphas : (n,) array
        Slopes, above 0.
    offsets : (n,) array, optional
        ΔV_i in units of βI, the argument of the tanh; none when absent.
    beta : float
        At which it will run. Without offsets it matters not.

    Raises
    ------
    ValueError
        For a slope or a β that is not positive and finite, or arrays of another length.

    Notes
    -----
    The formula is elementary; it was checked against exact laws of chips with both spreads.

    Examples
    --------
    >>> import pbits
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> program = compensate(pair, alphas=[2.0, 1.0], offsets=[0.1, 0.0])
    >>> program.csr.toarray().tolist(), program.h.tolist()
    ([[0.0, 0.5], [1.0, 0.0]], [-0.1, 0.0])
    """
    slopes = finite_vector(alphas, model.n, "alphas", per="p-bit")
    if not (slopes > 0).all():
        site = int(np.argmin(slopes))
        raise ValueError(
            f"alphas[{site}] is {slopes[site]:g}; a p-bit without a positive slope hears no input: replace it"
        )
    if not (np.isfinite(beta) and beta > 0):
        raise ValueError(f"beta is {beta}; offsets are made up for at one β, positive and finite")
    given = finite_vector(offsets, model.n, "offsets", per="p-bit")
    return with_fields(with_gains(model, 1 / slopes), -given / beta)
