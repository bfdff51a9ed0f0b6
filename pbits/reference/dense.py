"""Plain twin of the all-to-all layout: the chain it runs, one decision at a time in double precision."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import IsingModel
from pbits.reference.twins import Key, philox, uniform


def sweep(
    spins: NDArray[np.int8],
    model: IsingModel,
    sites: Sequence[int],
    betas: ArrayLike,
    key: Key,
    *,
    site_key: Key | None = None,
    rule: str = "heat-bath",
    gains: Sequence[float] | None = None,
    chain0: int = 0,
    step0: int = 0,
) -> int:
    """Sweep every chain once per β; changes `spins` (n, chains), returns the toggles.

    Parameters
    ----------
    sites : sequence of int
        Sites that move, in order; or, with a `site_key`, those a random scan draws from, one for each update.
    betas : (steps,) or (steps, chains) array
    rule : {"heat-bath", "metropolis"}
        The new spin is +1 where u < σ(2βgI), or the spin turns over where u < exp(−2βgIs).
    gains : (n,) sequence, optional
        g, 1 where absent.

    Notes
    -----
    I_i = Σ_j J_ij s_j + h_i is summed anew for each decision.
    """
    J = model.csr.toarray()
    gain = np.ones(model.n) if gains is None else np.asarray(gains)
    ladder = np.asarray(betas, dtype=float)
    ladder = np.broadcast_to(ladder[:, None] if ladder.ndim == 1 else ladder, (len(ladder), spins.shape[1]))
    toggles = 0
    for t, row in enumerate(ladder):
        for place in range(len(sites)):
            for c, beta in enumerate(row):
                chain, step = chain0 + c, step0 + t
                if site_key is None:
                    site = int(sites[place])
                    u = uniform(key, chain, site, step)
                else:
                    word = philox((chain // 4, place, step, 0), site_key)[chain % 4]
                    site = int(sites[word * len(sites) // 2**32])
                    u = uniform(key, chain, place, step)
                spin = int(spins[site, c])
                drive = 2 * beta * gain[site] * float(J[site] @ spins[:, c] + model.h[site])
                if rule == "metropolis":
                    new = -spin if u < math.exp(min(0.0, -drive * spin)) else spin
                else:
                    new = 1 if u < 1 / (1 + math.exp(min(700.0, -drive))) else -1
                spins[site, c] = new
                toggles += new != spin
    return toggles
