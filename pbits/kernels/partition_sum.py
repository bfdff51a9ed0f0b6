"""ln Σ over the spins of a cover, in Gray code: the others are summed out in closed form.

Where no two of the other sites are coupled, Σ over them is ∏_j 2cosh I_j with I_j their inputs from the cover. Going
through the cover's states in Gray code one spin turns over at a time, and each input changes by twice a coupling.
"""

from __future__ import annotations

import numpy as np

from pbits.kernels.exponential import LOG2_E, exp2
from pbits.kernels.jit import kernel

# Products of factors 1 + e^(−2|I|), each at most 2, taken before a logarithm: 2^512 is far from overflow.
_FACTORS = 512


@kernel
def log_partition_block(cover, cover_fields, across, fields, start, count):
    """ln Σ e^(−E) over `count` Gray codes from number `start` on, as (largest, sum of e^(x − largest)).

    Parameters
    ----------
    cover : (k, k) array
        Couplings within the cover, symmetric and with a zero diagonal.
    cover_fields : (k,) array
    across : (k, m) array
        Couplings of the cover to the others.
    fields : (m,) array
        Of the others.
    start, count : int
        Code number c has bit i of c ^ (c >> 1) as spin i, 1 for +1.
    """
    k, m = across.shape
    spins = np.empty(k)
    code = start ^ (start >> 1)
    for i in range(k):
        spins[i] = 1.0 if (code >> i) & 1 else -1.0
    inputs, sizes, factors = fields.copy(), np.empty(m), np.empty(m)
    for i in range(k):
        for j in range(m):
            inputs[j] += spins[i] * across[i, j]
    alone = 0.0
    for i in range(k):
        pull = cover_fields[i]
        for j in range(i):
            pull += cover[i, j] * spins[j]
        alone += spins[i] * pull
    largest, total = -np.inf, 0.0
    for step in range(count):
        if step:
            # The bit in which codes number c − 1 and c differ is the lowest one of c.
            c = start + step
            i = 0
            while (c >> i) & 1 == 0:
                i += 1
            pull = cover_fields[i]
            for j in range(k):
                pull += cover[i, j] * spins[j]
            alone -= 2 * spins[i] * pull
            spins[i] = -spins[i]
            twice = 2 * spins[i]
            for j in range(m):
                inputs[j] += twice * across[i, j]
        for j in range(m):
            sizes[j] = abs(inputs[j])
            factors[j] = 1 + exp2(-2 * LOG2_E * sizes[j])
        value = alone
        for j in range(m):
            value += sizes[j]
        for first in range(0, m, _FACTORS):
            last = min(first + _FACTORS, m)
            p, q, r, t = 1.0, 1.0, 1.0, 1.0
            whole = first + (last - first) // 4 * 4
            for j in range(first, whole, 4):
                p *= factors[j]
                q *= factors[j + 1]
                r *= factors[j + 2]
                t *= factors[j + 3]
            for j in range(whole, last):
                p *= factors[j]
            value += np.log(p * q * r * t)
        if value > largest:
            total = total * np.exp(largest - value) + 1.0
            largest = value
        else:
            total += np.exp(value - largest)
    return largest, total
