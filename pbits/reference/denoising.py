"""Exact laws of small denoising models."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from pbits.models import DenoisingModel
from pbits.reference.exact import exact


def reverse_law(model: DenoisingModel, t: int, label: int | None = None) -> NDArray[np.float64]:
    """P(x^(t−1) | x^t) of a layer, (2^d, 2^d): a row for each x^t.

    Both are numbered as in `exact`: the first data cell is the most significant, and −1 comes before +1.

    Raises
    ------
    ValueError
        For a layer too large to be enumerated.

    Examples
    --------
    >>> import pbits
    >>> process = pbits.models.ForwardProcess(times=(1.0,))
    >>> free = pbits.models.DenoisingModel(
    ...     n_cells=1, edges=[], data_cells=[0], couplings=np.zeros((1, 0)), fields=np.zeros((1, 1)), process=process
    ... )
    >>> bool(np.allclose(np.diag(reverse_law(free, 1)), process.keep))
    True
    """
    layer, d = model.layer(t), model.n_data
    digits = 1 << np.arange(d - 1, -1, -1)
    rows = []
    for noisy in product((-1, 1), repeat=d):
        clamp = model.clamp(t, noisy=np.array([noisy]), labels=None if label is None else [label])
        law = exact(layer, 1.0, {site: int(value[0]) for site, value in clamp.items()})
        assert law.states is not None, "spins can be listed"
        codes = (law.states[:, model.data_cells] > 0) @ digits
        rows.append(np.bincount(codes, weights=law.probabilities, minlength=1 << d))
    return np.array(rows)


def generated_law(model: DenoisingModel, label: int | None = None) -> NDArray[np.float64]:
    """P(x^0) of a stack whose layers all reach their laws, from x^T uniform, (2^d,)."""
    law = np.full(1 << model.n_data, 0.5**model.n_data)
    for t in range(model.layers, 0, -1):
        law = law @ reverse_law(model, t, label)
    return law
