"""What every energy model offers, and the checks they share."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Domain = Literal["spin", "category", "real"]
Clamp = Mapping[int, float]


class EnergyModel(ABC):
    """A function E(s) over n sites; a machine is asked to sample P(s) ∝ exp(−βE(s)).

    Attributes
    ----------
    n : int
        Number of sites.
    offset : float
        The constant in E(s).
    domain : {"spin", "category", "real"}
        What one site holds: −1 or +1, a category 0 … q−1, or a real number.
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
        for name, array in sorted(self.arrays().items()):
            digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def values(self, site: int) -> NDArray:
        """The values one site can take, in the order in which exact laws list them."""
        raise TypeError(f"a {type(self).__name__} has no finite list of values per site")


def read_only(array: NDArray) -> NDArray:
    array.setflags(write=False)
    return array


def finite_vector(values: ArrayLike | None, n: int, name: str) -> NDArray[np.float64]:
    """A read-only float vector of length n; zeros where None."""
    if values is None:
        return read_only(np.zeros(n))
    vector = np.array(values, dtype=np.float64)
    if vector.shape != (n,):
        raise ValueError(f"{name} has shape {vector.shape}; expected ({n},), one number per site")
    if not np.isfinite(vector).all():
        bad = int(np.flatnonzero(~np.isfinite(vector))[0])
        raise ValueError(f"{name}[{bad}] is {vector[bad]}; every entry must be finite")
    return read_only(vector)


def finite_number(value: float, name: str) -> float:
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f"{name} is {number}; it must be finite")
    return number


def site_states(states: ArrayLike, n: int) -> NDArray:
    """States as an array of shape (..., n)."""
    array = np.asarray(states)
    if array.ndim == 0 or array.shape[-1] != n:
        raise ValueError(f"states have shape {array.shape}; the last axis must hold the model's {n} sites")
    return array


def clamped_sites(model: EnergyModel, clamp: Clamp | None) -> tuple[NDArray[np.int64], NDArray]:
    """The clamped sites, sorted, and their values; both empty for no clamp.

    Raises
    ------
    ValueError
        For a site outside the model, or a value the site cannot hold.
    """
    clamp = clamp or {}
    for site in clamp:
        if site not in range(model.n):
            raise ValueError(f"clamp names site {site!r}; the model has sites 0 to {model.n - 1}")
    sites = np.array(sorted(clamp), dtype=np.int64)
    values = np.array([clamp[int(site)] for site in sites], dtype=np.float64)
    if model.domain == "real":
        if not np.isfinite(values).all():
            raise ValueError("clamp values must be finite")
        return sites, values
    for site, value in zip(sites, values):
        allowed = model.values(int(site))
        if value not in allowed:
            raise ValueError(f"clamp sets site {site} to {value:g}; it can hold {', '.join(f'{v:g}' for v in allowed)}")
    return sites, values.astype(model.values(0).dtype)
