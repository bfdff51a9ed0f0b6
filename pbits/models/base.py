"""What every energy model offers, and the checks they share."""

from __future__ import annotations

import hashlib
import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Domain = Literal["spin", "category", "permutation", "real", "mixed"]
Clamp = Mapping[int, Any]
"""Sites held fixed, and at what: a number, or for runs a number for each chain."""

#: No number of a model may be larger in magnitude, so that sums over sites and squares stay finite.
MAX_MAGNITUDE = 1e150

# Differences up to this share of the largest entry are rounding: 1e-12, and the rounding of 1 + 1e-12 itself.
_ROUNDING = 1.001e-12

_ALLOWED = (
    f"allowed are magnitudes up to {MAX_MAGNITUDE:g}, so that sums stay finite: divide the model by a constant "
    "and multiply β by it"
)


class EnergyModel(ABC):
    """A function E(s) over n sites; a machine is asked to sample P(s) ∝ exp(−βE(s)).

    Attributes
    ----------
    n : int
        Number of sites.
    offset : float
        The constant in E(s).
    domain : {"spin", "category", "permutation", "real", "mixed"}
        What one site holds: −1 or +1, a category 0 … q−1, one of n items that no other site holds, or a real number;
        mixed: categories first, then reals.
    """

    domain: ClassVar[Domain]
    n: int
    offset: float

    @abstractmethod
    def energy(self, states: ArrayLike) -> NDArray[np.float64]:
        """E(s) of states of shape (..., n); the result has shape (...)."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray]:
        """The arrays that define the model: what is hashed, and what is stored with a run."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> EnergyModel:
        """The inverse of `arrays`."""

    def fingerprint(self) -> str:
        """SHA-256 of the model: two models with one fingerprint have one E(s)."""
        digest = hashlib.sha256(type(self).__name__.encode())
        for name, array in sorted(self._identity().items()):
            digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def _identity(self) -> Mapping[str, NDArray]:
        """Arrays that tell two models apart."""
        return self.arrays()

    def lists(self, site: int) -> bool:
        """Whether a site holds one of finitely many `values`."""
        return self.domain != "real"

    def values(self, site: int) -> NDArray:
        """The values one site can take, in the order in which exact laws list them."""
        raise TypeError(f"a {type(self).__name__} has no finite list of values per site")


def read_only(array: NDArray) -> NDArray:
    """The same array, which can no longer be written to."""
    array.setflags(write=False)
    return array


def real_array(values: Any, name: str, what: str = "entries") -> NDArray[np.float64]:
    """A float copy of an array of real numbers; `what` says what they are.

    Raises
    ------
    TypeError
        For entries that are complex, text, None or no numbers at all.
    ValueError
        For rows of different lengths.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} is not a rectangular array of numbers: its rows differ in length") from None
    if array.dtype.kind == "c":
        raise TypeError(f"{name} holds complex numbers; {what} are real")
    if array.dtype.kind in "SUMmO":
        strange = [entry for entry in array.astype(object).flat if not isinstance(entry, Real | Decimal)]
        if strange:
            raise TypeError(f"{name} holds {strange[0]!r}, which is no number; {what} are real numbers")
    return np.array(array, dtype=np.float64)


def check_finite(array: NDArray, name: str, places: NDArray | None = None) -> None:
    """Refuse an entry that is NaN, infinite or above `MAX_MAGNITUDE`; `places` holds the indices of a sparse one."""
    # The extremes first: they need no memory beside the array, and a NaN among the entries becomes one of them.
    if not array.size or (array.min() >= -MAX_MAGNITUDE and array.max() <= MAX_MAGNITUDE):
        return
    wrong = ~(np.abs(array) <= MAX_MAGNITUDE)
    found = np.argwhere(wrong)[0]
    value = array[tuple(found)]
    index = found if places is None else places[found[0]]
    where = f"{name}[{', '.join(str(int(k)) for k in index)}]" if len(index) else name
    raise ValueError(f"{where} is {value}; {_ALLOWED if np.isfinite(value) else 'it must be finite'}")


def finite_vector(
    values: ArrayLike | None, n: int, name: str, what: str = "entries", per: str = "site"
) -> NDArray[np.float64]:
    """A read-only float vector of length n, within ±`MAX_MAGNITUDE`; zeros where None.

    Errors say `what` the numbers are and that there is one `per` site.
    """
    if values is None:
        return read_only(np.zeros(n))
    vector = real_array(values, name, what)
    if vector.shape != (n,):
        raise ValueError(f"{name} has shape {vector.shape}; expected ({n},), one number per {per}")
    check_finite(vector, name)
    return read_only(vector)


def finite_number(value: float, name: str) -> float:
    """One real number within ±`MAX_MAGNITUDE`."""
    # A float32 would be compared as a float32, in which the bound is infinite.
    number: Any = value.item() if isinstance(value, np.number) else value
    number = number if isinstance(number, Real) else real_array(number, name)
    if np.ndim(number):
        raise TypeError(f"{name} has shape {np.shape(number)}; expected one number")
    if not abs(number) <= MAX_MAGNITUDE:
        raise ValueError(f"{name} is {number}; {_ALLOWED if abs(number) < np.inf else 'it must be finite'}")
    return float(number)


def is_symmetric(gap: float, largest: float) -> bool:
    """Whether a matrix with entries up to `largest`, whose mirrored entries differ by up to `gap`, is symmetric
    up to rounding: 1e-12 of its largest entry.
    """
    return gap <= _ROUNDING * largest


def site_pairs(pairs: ArrayLike, name: str) -> NDArray[np.integer]:
    """Pairs of whole numbers, shape (m, 2), neither truncated nor reshaped; (0, 2) of no pairs.

    An array of integers is handed back as it is.
    """
    whole = isinstance(pairs, np.ndarray) and pairs.dtype.kind in "iu"
    given: NDArray = np.asarray(pairs) if whole else real_array(pairs, name, "sites")
    if not given.size:
        return np.zeros((0, 2), dtype=np.int64)
    if given.ndim != 2 or given.shape[1] != 2:
        raise ValueError(f"{name} has shape {given.shape}; expected (m, 2), one row per pair")
    if whole:
        return given
    check_finite(given, name)
    if (given != np.floor(given)).any():
        row = given[(given != np.floor(given)).any(axis=1)][0]
        raise ValueError(f"{name} holds the pair ({row[0]:g}, {row[1]:g}); sites are whole numbers")
    return given.astype(np.int64)


def site_states(states: ArrayLike, n: int) -> NDArray:
    """States as an array of shape (..., n)."""
    array = np.asarray(states)
    if array.ndim == 0 or array.shape[-1] != n:
        raise ValueError(f"states have shape {array.shape}; the last axis must hold the model's {n} sites")
    return array


def clamped_sites(
    model: EnergyModel, clamp: Clamp | None, chains: int | None = None
) -> tuple[NDArray[np.int64], NDArray]:
    """The clamped sites, sorted, shape (k,), and their values; both empty for no clamp.

    Parameters
    ----------
    chains : int, optional
        Of the run, where a value may be given for each of them; none may when absent.

    Returns
    -------
    (k,) sites, and (k,) values, or (k, chains) where one of them has a value for each chain

    Raises
    ------
    TypeError
        For a clamp that is no mapping {site: value}, or a site that is no whole number.
    ValueError
        For a site outside the model, a value the site cannot hold, or another number of values than of chains.
    """
    if clamp is None:
        clamp = {}
    if not isinstance(clamp, Mapping):
        raise TypeError(f"clamp is a {type(clamp).__name__}; give a mapping {{site: value}}, such as {{0: 1}}")
    held: dict[int, Any] = {}
    for given, value in clamp.items():
        try:
            site = operator.index(given)
        except TypeError:
            raise TypeError(
                f"clamp names site {given!r}; the model's sites are the whole numbers 0 to {model.n - 1}"
            ) from None
        if not 0 <= site < model.n:
            raise ValueError(f"clamp names site {site}; the model has sites 0 to {model.n - 1}")
        if (
            chains is not None
            and isinstance(value, np.ndarray)
            and value.shape == (chains,)
            and value.dtype.kind == "i"
        ):
            # Whole numbers are finite, and there may be thousands of sites.
            held[site] = value
        elif chains is None or np.ndim(value) == 0:
            held[site] = finite_number(value, f"clamp[{site}]")  # type: ignore[arg-type]
        else:
            held[site] = _by_chain(value, site, chains)
    sites = np.array(sorted(held), dtype=np.int64)
    by_chain = any(np.ndim(value) for value in held.values())
    if by_chain and model.domain not in ("spin", "category"):
        raise ValueError(
            f"a value for each chain can be clamped in models of spins or of categories, and not in a "
            f"{type(model).__name__}; give one number for all chains"
        )
    values = np.empty((len(sites), *((chains,) if by_chain and chains is not None else ())))
    for row, site in enumerate(sites.tolist()):
        values[row] = held[site]
    # Of many spins and chains it is quicker to ask once.
    spins = model.domain == "spin" and (np.abs(values) == 1).all()
    for site, row in () if spins else zip(sites, values):
        if not model.lists(int(site)):
            continue
        allowed = model.values(int(site))
        wrong = np.ravel(row)[(np.ravel(row)[:, None] != allowed).all(axis=1)]
        if len(wrong):
            raise ValueError(
                f"clamp sets site {site} to {wrong[0]:g}; it can hold {', '.join(f'{v:g}' for v in allowed)}"
            )
    return sites, values if model.domain in ("real", "mixed") else values.astype(model.values(0).dtype)


def held_sites(model: EnergyModel, clamp: Clamp | None, chains: int | None = None) -> dict[int, Any]:
    """The same as a dict: a number for a site, or an array (chains,) where it differs from chain to chain."""
    sites, values = clamped_sites(model, clamp, chains)
    if values.ndim == 1:
        return dict(zip(sites.tolist(), values.tolist()))
    alike = (values == values[:, :1]).all(axis=1)
    return {site: row[0].item() if same else read_only(row) for site, row, same in zip(sites.tolist(), values, alike)}


def _by_chain(value: Any, site: int, chains: int) -> NDArray[np.float64]:
    row = real_array(value, f"clamp[{site}]")
    if row.shape != (chains,):
        raise ValueError(f"clamp[{site}] has shape {row.shape}; give one number, or one for each of {chains} chains")
    check_finite(row, f"clamp[{site}]")
    return row
