"""Chains on a GPU: one launch per phase, every chain of a block at once."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from math import gcd
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pbits.models import EnergyModel, IsingModel
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.scan import Scan

try:
    from pbits.kernels import cuda as kernels
except ImportError:  # numba without its GPU part
    kernels: Any = None

# Units of coupling a site may have: what six planes of a counter hold, and a table of thresholds that stays small.
MOST_BITS = 63
MOST_INTEGER = 2047
# Steps whose thresholds are sent at once.
STRETCH = 256
# An entry of the bonds is 32 bits: the site, and the sign.
MOST_SITES = 2**31 - 2
MOST_ENTRIES = 2**32 - 1
ENERGY_STRIPS = 1024


class CudaEngine(Engine):
    """Counter-based chains on a GPU, of a scan whose phases hold no coupled sites.

    Where couplings and fields are whole multiples of a unit, and no site has more than 63 units of them, 32 chains
    share a word: spin for spin `pbits.reference.cuda.sweep_bits`. Else four chains share a word, and the draws are
    those of the counter-based layout; of real couplings, to within the rounding of the GPU's exponential.
    """

    BLOCK = 2048

    def __init__(self, model: EnergyModel, scan: Scan, states: NDArray, key: Key, chain0: int, options: Options):
        assert scan.ends is not None, "refusals() lets through only phases"
        self._device = kernels.Device()
        self._sites = self._device.put(scan.sites.astype(np.uint32))
        self._phases = [(begin, end) for begin, end in pairwise(scan.ends.tolist()) if end > begin]
        self._key = key.thermal
        self._chain0 = chain0
        self._options = options
        self._chains = states.shape[1]
        self._take(model, states)

    def _take(self, model: EnergyModel, states: NDArray) -> None:
        assert isinstance(model, IsingModel), "refusals() lets through only Ising models"
        whole = units(model)
        if whole is not None and whole.most <= MOST_BITS:
            self._form: _Bits | _Bytes = _Bits(self._device, model, whole, self._options.threshold_bits)
        else:
            self._form = _Bytes(self._device, model, whole)
        self._posed: EnergyModel | None = None
        self._spins = self._device.put(self._form.pack(states))

    @classmethod
    def refusals(cls, model: EnergyModel, scan: Scan, options: Options, beta: float) -> list[str]:
        reasons = []
        if kernels is None:
            reasons.append("it needs numba-cuda: pip install 'pbits[cuda]'")
        elif not kernels.is_available():
            reasons.append(
                "no GPU was found: it needs one of NVIDIA's, its driver, and pip install 'pbits[cuda]' "
                "(to check it on a processor, slowly, set NUMBA_ENABLE_CUDASIM=1)"
            )
        if not isinstance(model, IsingModel):
            reasons.append(f"it sweeps an IsingModel; this is a {type(model).__name__}")
        elif model.n > MOST_SITES or MOST_BITS * model.n + model.csr.nnz > MOST_ENTRIES:
            reasons.append(f"it counts couplings in 32 bits; {model.n:,} sites and their couplings are too many")
        if scan.ends is None:
            reasons.append("it sweeps phases of sites, such as colour classes; this scan draws sites at random")
        elif not scan.independent:
            reasons.append("it updates a phase at once, and two sites of a phase are coupled")
        if scan.persistence:
            reasons.append("it knows no persistence")
        if scan.gains is not None:
            reasons.append("it knows no gains")
        if options.rule != "heat-bath":
            reasons.append("it knows only the heat bath")
        return reasons

    @classmethod
    def describe(cls, options: Options) -> str:
        return (
            f"on a GPU, counter-based: 32 chains to a word and {options.threshold_bits}-bit decisions where couplings "
            f"are whole units, at most {MOST_BITS} to a site; else four chains to a word and 32-bit decisions"
        )

    def hold(self, model: EnergyModel) -> None:
        self._take(model, self.states().T)

    def advance(self, betas: NDArray[np.float64], step0: int) -> int:
        if betas.ndim == 2:
            raise ValueError("the layout of the GPU gives every chain of a block the same β")
        device, form, spins = self._device, self._form, self._spins
        word0 = np.uint32(self._chain0 // form.PER_WORD)
        toggles = device.put(np.zeros(kernels.MAX_BLOCKS, dtype=np.int64))
        for first in range(0, len(betas), STRETCH):
            stretch = betas[first : first + STRETCH]
            law = device.put(form.law(stretch))
            for t in range(len(stretch)):
                step = np.uint32(step0 + first + t)
                for begin, end in self._phases:
                    device.launch(
                        form.kernel, end - begin, spins.shape[1], spins, self._chains, self._sites, begin, end,
                        *form.graph, law, t, *self._key, word0, step, toggles,
                    )  # fmt: skip
        return int(device.fetch(toggles).sum())

    def states(self) -> NDArray[np.int8]:
        return self._form.unpack(self._device.fetch(self._spins))[:, : self._chains].T.copy()

    def load(self, states: NDArray) -> None:
        self._spins = self._device.put(self._form.pack(np.ascontiguousarray(states.T)))

    def sweep(self, betas: NDArray[np.float64], step0: int, every: int, record: Record) -> int:
        if self._posed is not record.model:
            assert isinstance(record.model, IsingModel)
            self._posed, self._energies = record.model, self._form.energies(record.model)
        if self._energies is None or record.draws is not None or record.site_sums is not None:
            return super().sweep(betas, step0, every, record)
        toggles = 0
        for look in range(len(betas) // every):
            first = look * every
            toggles += self.advance(betas[first : first + every], step0 + first)
            found = self._energies(self._spins)[: self._chains]
            record.energies[:, look] = found
            best = int(found.argmin())
            if found[best] < record.best_energy:
                record.best_energy = float(found[best])
                record.best_state[:] = self._chain(best)
        return toggles

    def _chain(self, chain: int) -> NDArray[np.int8]:
        """The spins of one chain."""
        word, lane = divmod(chain, self._form.PER_WORD)
        out = self._device.put(np.empty(self._spins.shape[0], dtype=np.uint32))
        self._device.launch(kernels.column, len(out), 1, out, self._spins, word)
        return self._form.unpack(self._device.fetch(out)[:, None])[:, lane]


class _Bits:
    """Couplings in whole units; one bit a spin, and a last row of ones that fields couple to."""

    PER_WORD = 32

    def __init__(self, device: Any, model: IsingModel, whole: Units, bits: int):
        self._device = device
        self._whole = whole
        self._bits = bits
        indptr, entries = bonds(model, whole)
        self.kernel = kernels.sweep_bits_few if whole.most < 8 else kernels.sweep_bits
        self.graph = (device.put(indptr), device.put(entries), bits // 4)

    def law(self, betas: NDArray[np.float64]) -> NDArray[np.uint32]:
        """P(against a field of so many units), rounded to `bits` bits, of 2^32."""
        fields = self._whole.unit * np.arange(self._whole.most + 1)
        with np.errstate(over="ignore"):
            against = 1 / (1 + np.exp(2 * betas[:, None] * fields))
        return np.rint(against * 2.0**self._bits).astype(np.uint32) << np.uint32(32 - self._bits)

    @staticmethod
    def pack(states: NDArray) -> NDArray[np.uint32]:
        n, chains = states.shape
        spins = np.zeros((n + 1, -(-chains // 32) * 32), dtype=bool)
        spins[:n, :chains] = states > 0
        spins[n] = True
        return np.packbits(spins, axis=1, bitorder="little").view("<u4")

    @staticmethod
    def unpack(words: NDArray[np.uint32]) -> NDArray[np.int8]:
        bits = np.unpackbits(words[:-1].astype("<u4").view(np.uint8), axis=1, bitorder="little")
        return 2 * bits.view(np.int8) - 1

    def energies(self, posed: IsingModel) -> Callable[[Any], NDArray[np.float64]] | None:
        whole = units(posed)
        if whole is None or whole.most > MOST_BITS:
            return None
        device = self._device
        indptr, entries = (device.put(part) for part in bonds(posed, whole))
        total = int(np.abs(whole.weights).sum()) // 2 + int(np.abs(whole.h).sum())
        strip = (2**kernels.PLANES - 1) // max(1, whole.most)

        def of(spins: Any) -> NDArray[np.float64]:
            words = spins.shape[1]
            counts = device.put(np.zeros(32 * words, dtype=np.int64))
            device.launch(kernels.unsatisfied, -(-posed.n // strip), words, counts, spins, indptr, entries, strip)
            return posed.offset - whole.unit * (total - 2 * device.fetch(counts))

        return of


class _Bytes:
    """Any couplings; four spins to a word, each an int8."""

    PER_WORD = 4

    def __init__(self, device: Any, model: IsingModel, whole: Units | None):
        self._device = device
        self._whole = whole
        self.kernel = kernels.sweep_reals if whole is None else kernels.sweep_integers
        csr = model.csr
        weights, h = (
            (csr.data, model.h) if whole is None else (whole.weights.astype(np.int32), whole.h.astype(np.int32))
        )
        index = csr.indptr.astype(np.uint32), csr.indices.astype(np.uint32)
        self.graph = tuple(device.put(part) for part in (*index, weights, h))

    def law(self, betas: NDArray[np.float64]) -> NDArray:
        """Where fields are whole, the words below which the CPU's float64 rule says +1; else β itself."""
        if self._whole is None:
            return betas
        fields = self._whole.unit * np.arange(-self._whole.most, self._whole.most + 1)
        with np.errstate(over="ignore"):
            up = 1 / (1 + np.exp(-2 * betas[:, None] * fields))
        # (word + ½) / 2^32 < up, exactly: scaling by 2^32 rounds nothing, nor does −½ where it matters.
        return np.ceil(up * 2.0**32 - 0.5).astype(np.uint64)

    @staticmethod
    def pack(states: NDArray) -> NDArray[np.uint32]:
        n, chains = states.shape
        spins = np.ones((n, -(-chains // 4) * 4), dtype=np.int8)
        spins[:, :chains] = states
        return spins.view("<u4")

    @staticmethod
    def unpack(words: NDArray[np.uint32]) -> NDArray[np.int8]:
        return words.astype("<u4").view(np.int8)

    def energies(self, posed: IsingModel) -> Callable[[Any], NDArray[np.float64]]:
        device, csr = self._device, posed.csr
        index = csr.indptr.astype(np.uint32), csr.indices.astype(np.uint32)
        couplings = [device.put(part) for part in (*index, csr.data, posed.h)]
        strips = min(posed.n, ENERGY_STRIPS)

        def of(spins: Any) -> NDArray[np.float64]:
            words = spins.shape[1]
            partial = device.put(np.empty((strips, 4 * words)))
            device.launch(kernels.energies, strips, words, partial, spins, *couplings)
            return posed.offset - device.fetch(partial).sum(axis=0)

        return of


class Units(NamedTuple):
    """A model whose couplings and fields are whole multiples of a unit.

    Attributes
    ----------
    unit : float
    weights, h : int64
        Couplings, in the order of the CSR array, and fields, in units.
    most : int
        The largest Σ_j |J_ij| + |h_i| of a site.
    """

    unit: float
    weights: NDArray[np.int64]
    h: NDArray[np.int64]
    most: int


def units(model: IsingModel) -> Units | None:
    """The model in the largest unit that divides it exactly; None where a site has more than `MOST_INTEGER`."""
    sizes = np.unique(np.abs(np.concatenate([model.csr.data, model.h])))
    sizes = sizes[sizes > 0]
    # This many different ones, all whole, are too large; the divisor of reals would take long to find.
    if len(sizes) > MOST_INTEGER:
        return None
    unit = reduce(_divisor, map(Fraction, sizes.tolist()), Fraction(0)) or Fraction(1)
    if len(sizes) and Fraction(sizes[-1]) / unit > MOST_INTEGER:
        return None
    weights, h = (np.rint(part / float(unit)).astype(np.int64) for part in (model.csr.data, model.h))
    ends = np.concatenate([[0], np.cumsum(np.abs(weights))])[model.csr.indptr]
    most = int((np.diff(ends) + np.abs(h)).max())
    return Units(float(unit), weights, h, most) if most <= MOST_INTEGER else None


def _divisor(a: Fraction, b: Fraction) -> Fraction:
    """The largest number of which both are whole multiples."""
    return Fraction(gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)


def bonds(model: IsingModel, whole: Units) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Row pointers (n + 1,) and entries of every site: twice the other site, plus 1 where the coupling is negative,
    once for each unit; a field is a coupling to site n, which is always +1.
    """
    csr, n = model.csr, model.n
    rows = np.concatenate([np.repeat(np.arange(n), np.diff(csr.indptr)), np.arange(n)])
    others = np.concatenate([csr.indices, np.full(n, n)])
    values = np.concatenate([whole.weights, whole.h])
    order = np.argsort(rows, kind="stable")
    times = np.abs(values[order])
    entries = np.repeat(2 * others[order].astype(np.uint32) + (values[order] < 0), times).astype(np.uint32)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows[order], weights=times, minlength=n))])
    return indptr.astype(np.uint32), entries
