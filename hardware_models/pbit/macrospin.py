"""Single-domain magnets at a temperature: the stochastic Landau–Lifshitz–Gilbert equation.

Every quantity is in SI units. Fields and spin torques are in tesla (B = µ₀H), γ is in rad/(s T), a moment µ = M_s V is
in J/T, so that γB is an angular frequency and µB an energy. From cgs: 1 Oe is 1e-4 T, 1 emu/cm³ is 1000 A/m, γ of
1.76e7 rad/(s Oe) is 1.76e11 rad/(s T), and the demagnetising field 4πM_s is µ₀M_s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware_models.pbit.trace import Trace
from pbits.kernels import llg as kernels
from pbits.kernels.blocks import Pool, chain_blocks, threads
from pbits.models.base import check_finite, read_only, real_array
from pbits.parameters import Evidence, Parameter
from pbits.streams import Stream, Streams

BOLTZMANN_J_PER_K = 1.380649e-23
VACUUM_T_M_PER_A = 1.25663706127e-6
HBAR_J_S = 1.054571817e-34
ELEMENTARY_CHARGE_C = 1.602176634e-19

_DECK = "opuslab-spin-circuit-designs"
_NETLIST = "3T1M p-bit/SPICE/main_PBIT_DFM.sp"


def deck(value: float, unit: str, note: str) -> Parameter:
    """A number that the open SPICE deck of a 3T-1MTJ p-bit takes as given."""
    return Parameter(
        value=value, unit=unit, evidence=Evidence.ASSUMED, source=_DECK, locator=_NETLIST,
        note=f"{note}; an input of that deck, and no measurement",
    )  # fmt: skip


def stated(parameter: Parameter) -> float:
    """The value of a parameter that has one."""
    assert parameter.value is not None, "every constant of this package has a value"
    return parameter.value


#: The numbers that stand where a magnet is not told otherwise.
CONSTANTS: Mapping[str, Parameter] = MappingProxyType(
    {
        "saturation_a_per_m": deck(8e5, "A/m", "Ms = 800 emu/cm³"),
        "volume_m3": deck(math.pi / 4 * 10e-9**2 * 1e-9, "m³", "a disc of 10 nm diameter and 1 nm thickness"),
        "damping": deck(0.01, "1", "alpha = 0.01"),
        "gyromagnetic_rad_per_s_t": deck(1.76e11, "rad/(s T)", "gamma = 1.76e7 rad/(s Oe)"),
        "temperature_k": deck(300.0, "K", "TT = 300; its kT of 26 meV is 0.4 % above k·300 K"),
        "easy_field_t": deck(1e-4, "T", "Hk = 1 Oe"),
    }
)

# Magnets that move together: enough for vectors, few enough for the first-level cache.
_BLOCK = 128
# Radians that fields, and noise, turn a magnet by in a step that is taken when none is asked for; and at the most.
_FIELD_ANGLE = 0.05
_NOISE_ANGLE = 0.1
_LARGEST_ANGLE = 1.0
# Rounds of draws in which each magnet finds a start, at the latest.
_TRIES = 20_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Macrospin:
    """Magnets m, |m| = 1, that obey ṁ = −γ m×(B + b) + α m×ṁ − γ m×(m×τ) in the sense of Stratonovich.

    B_i = field_i + stiffness_i m_i, so that E = −µ(Σ_i ½ stiffness_i m_i² + field·m); the thermal field b is white,
    ⟨b_i(t)b_j(t′)⟩ = (2αkT/γµ) δ_ij δ(t − t′); the torque τ pulls towards itself. Without τ the law of m is
    exp(−E/kT). The constructors `uniaxial`, `perpendicular`, `in_plane` and `isotropic` set the stiffness.

    Parameters
    ----------
    stiffness_t : (3,) or (magnets, 3) array
        In tesla: B_k along an easy axis, −µ₀M_s along the normal of a thin film.
    field_t : (3,) or (magnets, 3) array
        External field.
    torque_t : (3,) or (magnets, 3) array
        Slonczewski's damping-like torque as a field, along the polarisation of the current; see `torque_of`.
    saturation_a_per_m, volume_m3, damping, gyromagnetic_rad_per_s_t, temperature_k : float
        M_s, V, α, γ and T; defaults in `CONSTANTS`, with where they are from.
    axis : {0, 1, 2}
        The axis that is read out, and along which a drive acts.
    driven_by : {"torque", "field"}
        What the drive of `trace` is added to.

    Raises
    ------
    ValueError
        For a wrong shape, or a magnet, damping or temperature that is not positive.

    Notes
    -----
    In a step Δt of Heun's the thermal field has the variance 2αkT/(γµΔt) per component. Directions are renormalised
    after each step. The law errs in proportion to Δt: with `step_s` the rate over a barrier of 6 kT is 1 or 2 % low.

    Examples
    --------
    >>> magnet = Macrospin.uniaxial(barrier=5.0, damping=0.1)
    >>> magnet.trace(100, 1e-11, seed=1).values.shape
    (1, 100)
    """

    stiffness_t: ArrayLike = (0.0, 0.0, 0.0)
    field_t: ArrayLike = (0.0, 0.0, 0.0)
    torque_t: ArrayLike = (0.0, 0.0, 0.0)
    saturation_a_per_m: float = stated(CONSTANTS["saturation_a_per_m"])
    volume_m3: float = stated(CONSTANTS["volume_m3"])
    damping: float = stated(CONSTANTS["damping"])
    gyromagnetic_rad_per_s_t: float = stated(CONSTANTS["gyromagnetic_rad_per_s_t"])
    temperature_k: float = stated(CONSTANTS["temperature_k"])
    axis: int = 2
    driven_by: Literal["torque", "field"] = "torque"

    def __post_init__(self) -> None:
        for name in ("saturation_a_per_m", "volume_m3", "damping", "gyromagnetic_rad_per_s_t", "temperature_k"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; it must be positive and finite")
        if self.axis not in (0, 1, 2):
            raise ValueError(f"axis is {self.axis!r}; it must be 0, 1 or 2, for x, y or z")
        if self.driven_by not in ("torque", "field"):
            raise ValueError(f"driven_by is {self.driven_by!r}; it must be 'torque' or 'field'")
        vectors = {name: real_array(getattr(self, name), name) for name in ("stiffness_t", "field_t", "torque_t")}
        counts = {len(vector) for vector in vectors.values() if vector.ndim == 2}
        if len(counts) > 1 or any(vector.ndim not in (1, 2) or vector.shape[-1] != 3 for vector in vectors.values()):
            shapes = ", ".join(f"{name} {vector.shape}" for name, vector in vectors.items())
            raise ValueError(f"expected vectors (3,), or (magnets, 3) with one number of magnets; found {shapes}")
        for name, vector in vectors.items():
            check_finite(vector, name)
            object.__setattr__(self, name, read_only(np.broadcast_to(vector, (*(counts or {1}), 3)).copy()))

    # ---- the usual magnets ----

    @classmethod
    def uniaxial(cls, barrier: ArrayLike, **others: Any) -> Macrospin:
        """An easy axis z with E = −Δ m_z² kT; `barrier` is Δ, one or (magnets,)."""
        magnet = cls(**others)
        stiffness = np.zeros((np.size(barrier), 3))
        stiffness[:, 2] = 2 * np.asarray(barrier, dtype=np.float64) * magnet.thermal_field_t
        return cls(stiffness_t=stiffness, **others)

    @classmethod
    def perpendicular(cls, interface_field_t: float, **others: Any) -> Macrospin:
        """A thin film of normal z with perpendicular anisotropy: B_k − µ₀M_s along z, easy where that is positive."""
        normal = interface_field_t - VACUUM_T_M_PER_A * cls(**others).saturation_a_per_m
        return cls(stiffness_t=(0.0, 0.0, normal), **others)

    @classmethod
    def in_plane(cls, easy_field_t: float = stated(CONSTANTS["easy_field_t"]), **others: Any) -> Macrospin:
        """A thin film of normal z, −µ₀M_s along it, with a weak easy axis x, which is read out."""
        normal = -VACUUM_T_M_PER_A * cls(**others).saturation_a_per_m
        others.setdefault("axis", 0)
        return cls(stiffness_t=(easy_field_t, 0.0, normal), **others)

    @classmethod
    def isotropic(cls, **others: Any) -> Macrospin:
        """No anisotropy at all: m_z decorrelates as e^(−2D_r t)."""
        return cls(**others)

    # ---- closed forms ----

    @property
    def magnets(self) -> int:
        return len(np.asarray(self.stiffness_t))

    @property
    def moment_j_per_t(self) -> float:
        """µ = M_s V."""
        return self.saturation_a_per_m * self.volume_m3

    @property
    def thermal_field_t(self) -> float:
        """kT/µ."""
        return BOLTZMANN_J_PER_K * self.temperature_k / self.moment_j_per_t

    @property
    def diffusion_per_s(self) -> float:
        """D_r = αγkT/[(1 + α²)µ], the rate of rotational diffusion; free magnets forget their direction at 2D_r."""
        return self.damping * self._precession * self.thermal_field_t

    @property
    def _precession(self) -> float:
        return self.gyromagnetic_rad_per_s_t / (1 + self.damping**2)

    def energy_kt(self, directions: ArrayLike) -> NDArray[np.float64]:
        """E/kT of directions (..., magnets, 3)."""
        m = np.asarray(directions, dtype=np.float64)
        density = (0.5 * np.asarray(self.stiffness_t) * m**2 + np.asarray(self.field_t) * m).sum(axis=-1)
        return -density / self.thermal_field_t

    def torque_of(self, current_a: float, polarisation: float) -> float:
        """Slonczewski's torque ħPI/(2eµ) of a current, in tesla; a first-order form, without its angular dependence."""
        return HBAR_J_S * polarisation * current_a / (2 * ELEMENTARY_CHARGE_C * self.moment_j_per_t)

    def dwells_s(self, drive: ArrayLike = 0.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Brown's mean dwell times τ₊ and τ₋ of uniaxial magnets, good where both barriers are high.

        1/τ_± = (2/√π) D_r Δ^{3/2} (1 − x²)(1 ± x) e^{−Δ(1 ± x)²}, with x = (B_z + τ_z/α)/B_k: with everything along
        the axis a torque acts on m_z as the field τ/α does. The next order multiplies rates by about 1 − 1/Δ.
        W. F. Brown, Phys. Rev. 130, 1677 (1963), from memory; the tests compare it with the exact eigenvalue.

        Raises
        ------
        ValueError
            Where something acts off the axis z, z is no easy axis, or |x| ≥ 1.
        """
        stiffness, field, torque = (np.asarray(v) for v in (self.stiffness_t, self.field_t, self.torque_t))
        off_axis = max(np.abs(vector[:, :2]).max() for vector in (stiffness, field, torque))
        if off_axis > 0 or self.axis != 2 or stiffness[:, 2].min() <= 0:
            raise ValueError("Brown's rates are for magnets with an easy axis z and nothing off that axis")
        extra = np.asarray(drive, dtype=np.float64) / (self.damping if self.driven_by == "torque" else 1.0)
        x = (field[:, 2] + torque[:, 2] / self.damping + extra) / stiffness[:, 2]
        if not np.abs(x).max() < 1:
            raise ValueError(f"the tilt x reaches {np.abs(x).max():.4g}; one barrier is gone where |x| ≥ 1")
        barrier = stiffness[:, 2] / (2 * self.thermal_field_t)
        rate = 2 / math.sqrt(math.pi) * self.diffusion_per_s * barrier**1.5 * (1 - x**2)
        plus, minus = (np.exp(barrier * (1 + sign * x) ** 2) / (rate * (1 + sign * x)) for sign in (1, -1))
        return plus, minus

    def step_s(self, drive: float = 0.0) -> float:
        """A step in which fields turn a magnet by at most 0.05 rad, and noise by about 0.1."""
        by_field = _FIELD_ANGLE / max(self._precession * self._reach(drive), 1e-300)
        return min(by_field, _NOISE_ANGLE**2 / (2 * self.diffusion_per_s))

    def _reach(self, drive: float) -> float:
        """The largest field that may act on a magnet, tesla."""
        stiffness, field, torque = (np.asarray(v) for v in (self.stiffness_t, self.field_t, self.torque_t))
        pushed = np.linalg.norm(field, axis=1) + np.linalg.norm(torque, axis=1)
        return float(np.max(np.abs(stiffness).max(axis=1) + pushed)) + abs(drive)

    # ---- simulation ----

    def path(
        self,
        n_samples: int,
        dt_s: float,
        *,
        drive: float = 0.0,
        seed: int,
        steps_per_sample: int | None = None,
        initial: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Directions at equal steps of time, (n_samples, magnets, 3).

        Parameters
        ----------
        n_samples : int
        dt_s : float
            From sample to sample.
        drive : float
            Tesla, added to the torque or the field along `axis`; see `driven_by`.
        seed : int
        steps_per_sample : int, optional
            Steps of Heun's from sample to sample; enough for `step_s` when absent.
        initial : (3,) or (magnets, 3) array, optional
            Directions to start from; drawn from exp(−E/kT), the drive and the torque left out, when absent.

        Raises
        ------
        ValueError
            For a step in which a magnet would turn by more than a radian.
        """
        if n_samples < 1 or not (math.isfinite(dt_s) and dt_s > 0):
            raise ValueError(f"n_samples is {n_samples} and dt_s {dt_s}; both must be positive and finite")
        enough = math.ceil(dt_s / self.step_s(drive) - 1e-9)
        steps = enough if steps_per_sample is None else steps_per_sample
        if steps < 1:
            raise ValueError(f"steps_per_sample is {steps}; it must be at least 1")
        h = dt_s / steps
        turned = max(self._precession * h * self._reach(drive), math.sqrt(2 * self.diffusion_per_s * h))
        if turned > _LARGEST_ANGLE:
            raise ValueError(
                f"in a step of {h:.3g} s a magnet turns by {turned:.3g} rad, and at most {_LARGEST_ANGLE:g} can be "
                f"followed; take steps_per_sample of at least {enough}, or leave it out"
            )
        streams = Streams(seed=seed)
        m = self._start(streams, initial).T
        vectors = {name: np.array(getattr(self, f"{name}_t")) for name in ("stiffness", "field", "torque")}
        vectors[self.driven_by][:, self.axis] += drive
        noise = math.sqrt(2 * self.damping * self.thermal_field_t / (self.gyromagnetic_rad_per_s_t * h))
        pushes = self._precession * h * np.vstack([*(v.T for v in vectors.values()), np.full(self.magnets, noise)])
        seen = np.empty((n_samples, 3, self.magnets))
        key = streams.key(Stream.THERMAL)

        def move(block: int) -> None:
            some = slices[block]
            start, pushed = np.ascontiguousarray(m[:, some]), np.ascontiguousarray(pushes[:, some])
            looked = np.empty((n_samples, *start.shape))
            kernels.heun(looked, start, pushed, self.damping, steps, *key, some.start, 0)
            seen[:, :, some] = looked

        slices = chain_blocks(self.magnets, _BLOCK)
        with Pool(min(threads(), len(slices))) as pool:
            pool.map(move, len(slices))
        return seen.transpose(0, 2, 1)

    def trace(
        self,
        n_samples: int,
        dt_s: float,
        *,
        drive: float = 0.0,
        seed: int,
        steps_per_sample: int | None = None,
        initial: ArrayLike | None = None,
    ) -> Trace:
        """The component along `axis` at equal steps of time; parameters as in `path`."""
        seen = self.path(
            n_samples, dt_s, drive=drive, seed=seed, steps_per_sample=steps_per_sample, initial=initial
        )  # fmt: skip
        return Trace(dt_s=dt_s, values=seen[:, :, self.axis].T, drive=drive)

    def _start(self, streams: Streams, initial: ArrayLike | None) -> NDArray[np.float64]:
        if initial is not None:
            given = real_array(initial, "initial")
            if given.shape not in ((3,), (self.magnets, 3)):
                raise ValueError(f"initial has shape {given.shape}; expected (3,) or ({self.magnets}, 3)")
            length = np.linalg.norm(given, axis=-1, keepdims=True)
            if not (np.isfinite(length).all() and length.min() > 0):
                raise ValueError("initial holds a vector that has no direction; none may be zero, NaN or infinite")
            return np.broadcast_to(given / length, (self.magnets, 3)).copy()
        rng = streams.generator(Stream.INITIAL, "Macrospin")
        m = np.empty((self.magnets, 3))
        waiting = np.arange(self.magnets)
        floor = -(np.maximum(self.stiffness_t, 0).max(axis=1) / 2 + np.linalg.norm(self.field_t, axis=1))
        for _ in range(_TRIES):
            drawn = rng.standard_normal((self.magnets, 3))
            drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
            # Boltzmann's law by rejection: a lower bound of the energy bounds its weight from above.
            accepted = rng.random(self.magnets) < np.exp(floor / self.thermal_field_t - self.energy_kt(drawn))
            hit = waiting[accepted[waiting]]
            m[hit] = drawn[hit]
            waiting = waiting[~accepted[waiting]]
            if not len(waiting):
                return m
        raise ValueError(
            "no start was found in Boltzmann's law, whose barriers are too high; give initial, such as (0, 0, 1)"
        )
