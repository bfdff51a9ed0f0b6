"""Circuits of RC cells with injected noise, whose voltages sample a Gaussian model.

The cells obey C dV/dt = −GV + I_in + I_noise with one capacitance C for all cells, conductances G = g₀A,
drive currents I_in = g₀b and white, independent noise currents of equal strength. With V in a unit that is
chosen per program this is dx = −(Ax − b) dt/τ + √(2/(βτ)) dW, τ = C/g₀, whose stationary law is N(A⁻¹b,
A⁻¹/β). β is the strength of the noise alone: its power is proportional to 1/β, and no conductance changes
with it.

g₀ is as large as the components allow: the largest component of A becomes the conductance 1/R, so that τ = RC
times that component. The equation is solved exactly: x' = m + Φ(x − m) + Lξ with Φ = exp(−AΔt/τ) and
LLᵀ = Σ − ΦΣΦᵀ, so the length of a step is not an approximation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.langevin.components import COUPLINGS, Bank
from hardware_models.timeline import Cycle, Work, course, play
from pbits.langevin import OrnsteinUhlenbeck
from pbits.models import EnergyModel, GaussianModel
from pbits.models.base import read_only
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.schedule import Schedule
from pbits.streams import Streams
from pbits.substrate import (
    Capabilities,
    Execution,
    Law,
    NotMappable,
    Observer,
    Placement,
    Program,
    Substrate,
)

# Voltages computed at once.
_BATCH = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Converter:
    """An ADC of 2^bits equal steps over ±full_scale; a reading is the middle of its step.

    Rounding adds step²/12 to a variance as long as the step is below about 1.25 standard deviations.
    """

    bits: int
    full_scale: float

    @property
    def step(self) -> float:
        return 2 * self.full_scale / 2**self.bits

    def read(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
        """Readings, and how many values lay outside the full scale."""
        half = 2 ** (self.bits - 1)
        codes = np.floor(values / self.step)
        inside = np.clip(codes, -half, half - 1)
        return (inside + 0.5) * self.step, int((codes != inside).sum())


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The electrical side of a circuit; None where not stated.

    Attributes
    ----------
    resistance_ohm : R of the largest programmable conductance, 1/R
    capacitance_f : C of every cell
    noise_voltage_rms_v : root mean square over the cells of the noise on their voltages
    word_s : device seconds to write one word (a conductance, a drive current or a start voltage)
    adc_s : device seconds to convert one frame, all cells at once
    """

    resistance_ohm: Figure | float | None = None
    capacitance_f: Figure | float | None = None
    noise_voltage_rms_v: float | None = None
    word_s: Figure | float | None = None
    adc_s: Figure | float | None = None

    def __post_init__(self) -> None:
        for name in ("resistance_ohm", "capacitance_f", "noise_voltage_rms_v", "word_s", "adc_s"):
            value = Figure.of(getattr(self, name)).value
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; it must be positive and finite, or None if not stated")

    @property
    def time_constant(self) -> Figure:
        """RC, seconds."""
        return Figure.of(self.resistance_ohm) * Figure.of(self.capacitance_f)


class Circuit(Substrate):
    """An analog circuit of RC cells that samples a `GaussianModel`.

    Parameters
    ----------
    coupling : {"active", "passive"}
        What couples the cells: inverting integrators, which hold any symmetric and positive definite A, or
        resistors alone, which need A_ij ≤ 0 and row sums ≥ 0.
    component_bits : int, optional
        Resolution of the programmable conductances; exact when absent. Drive currents are exact.
    component_tolerance_d2d : float
        Relative standard deviation of a conductance, drawn from `chip_seed`. Capacitors and noise sources are
        taken to be equal: with unequal ones the law would not be a Boltzmann law.
    adc_bits : int, optional
        Resolution of the read-out; exact when absent. It changes what is read, not the law of the voltages.
    adc_range : float
        One full scale serves all cells: the largest of |mean| + adc_range × standard deviation, at the final
        β. It is taken to be known when the run starts; what lies outside is clipped and counted.
    max_cells : int, optional
    resistance_ohm, capacitance_f, noise_voltage_rms_v, word_s, adc_s : float, optional
        See `Cells`.
    prices : PriceTable, optional
    name : str

    Notes
    -----
    A step lasts `schedule.step_s`, by default the slowest relaxation time τ/λ_min. Chains run one after
    another on the one circuit, from discharged capacitors (x = 0) or from the start states written to it;
    discharging, setting the noise, and holding the voltages while they are converted take no time of their
    own.

    Counted are "dac" (n² conductances, n drive currents, and n start voltages per chain where start states
    are given), "adc" (n conversions per frame), "read" (the same numbers handed over), and "cell_second", the
    seconds that cells spend sampling, warm-up included; the last only where RC is known.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models import langevin
    >>> model = pbits.GaussianModel([[2.0, -1.0], [-1.0, 2.0]])
    >>> circuit = langevin.Circuit(resistance_ohm=1e3, capacitance_f=1e-9)
    >>> run = pbits.run(model, circuit, pbits.Schedule(n_samples=10, chains=2), seed=1)
    >>> run.states.shape, round(run.record["notes"]["relaxation_slowest_s"], 12)
    ((2, 10, 2), 2e-06)
    """

    def __init__(
        self,
        *,
        coupling: str = "active",
        component_bits: int | None = None,
        component_tolerance_d2d: float = 0.0,
        adc_bits: int | None = None,
        adc_range: float = 4.0,
        max_cells: int | None = None,
        resistance_ohm: Figure | float | None = None,
        capacitance_f: Figure | float | None = None,
        noise_voltage_rms_v: float | None = None,
        word_s: Figure | float | None = None,
        adc_s: Figure | float | None = None,
        prices: PriceTable | None = None,
        name: str = "Langevin circuit",
        spec: MachineSpec | None = None,
    ):
        if adc_bits is not None and not 1 <= adc_bits <= 32:
            raise ValueError(f"adc_bits is {adc_bits}; it must lie between 1 and 32, or be None for exact")
        if not (math.isfinite(adc_range) and adc_range > 0):
            raise ValueError(f"adc_range is {adc_range}; it must be a positive number of standard deviations")
        if max_cells is not None and max_cells < 1:
            raise ValueError(f"max_cells is {max_cells}; a circuit has at least one cell")
        self.name = name
        self.prices = prices
        self.spec = spec
        self._bank = Bank(coupling=coupling, bits=component_bits, tolerance_d2d=component_tolerance_d2d)
        self._adc_bits = adc_bits
        self._adc_range = adc_range
        self._max_cells = max_cells
        self._cells = Cells(
            resistance_ohm=resistance_ohm,
            capacitance_f=capacitance_f,
            noise_voltage_rms_v=noise_voltage_rms_v,
            word_s=word_s,
            adc_s=adc_s,
        )
        unchecked = ["voltage headroom of the cells: not stated"]
        if max_cells is None:
            unchecked.append("number of cells: not stated")
        self.capabilities = Capabilities(domains=frozenset({"real"}), clamp=False, unchecked=tuple(unchecked))

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        reasons = super().limits(model, schedule, cells)
        if reasons:
            return reasons
        if not isinstance(model, GaussianModel):
            return [f"its drift is linear, so it holds a GaussianModel; this is a {type(model).__name__}"]
        if self._max_cells is not None and model.n > self._max_cells:
            reasons.append(f"the model has {model.n:,} sites and the circuit {self._max_cells:,} cells")
        refusals = self._bank.refusals(model.A)
        reasons += refusals
        if not refusals:
            rounded = self._bank.matrix(self._bank.programmed(self._bank.components(model.A)))
            bits = self._bank.bits
            reasons += self._unstable(rounded, f"with components of {bits} bits" if bits else "in floating point")
        if schedule is not None:
            if schedule.betas().min() == 0:
                reasons.append("β = 0 needs infinitely strong noise; take every β above 0")
            if schedule.step_s is not None and self._cells.time_constant.value is None:
                reasons.append(
                    "schedule.step_s is given, but the circuit's resistance or capacitance is not stated; "
                    "leave step_s out for steps of one slowest relaxation time"
                )
        return reasons

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        assert isinstance(model, GaussianModel), "limits() lets through only Gaussian models"
        wanted = self._bank.components(model.A)
        chip = Streams(seed=0, chip_seed=placement.chip_seed)
        components = self._bank.built(self._bank.programmed(wanted), chip)
        A = self._bank.matrix(components)
        reasons = self._unstable(A, f"on chip {placement.chip_seed}, with component errors of this size,")
        if reasons:
            raise NotMappable(self.name, reasons)
        return CircuitProgram(
            GaussianModel(A, model.b, model.offset),
            bank=self._bank,
            components=components,
            wanted=wanted,
            cells=self._cells,
            converter=self._converter,
        )

    def _unstable(self, A: NDArray[np.float64], when: str) -> list[str]:
        """A reason if the voltages would run away, or drift without bound."""
        rates = np.linalg.eigvalsh(A)
        if rates[0] > len(A) * np.finfo(float).eps * rates[-1]:
            return []
        return [
            f"{when} A is not positive definite (eigenvalues {rates[0]:.3g} to {rates[-1]:.3g}); use finer "
            "components, or add to the diagonal of A"
        ]

    def _converter(self, model: GaussianModel, beta: float) -> Converter | None:
        if self._adc_bits is None:
            return None
        deviations = np.sqrt(np.diag(np.linalg.inv(model.A)) / beta)
        reach = np.abs(model.mean) + self._adc_range * deviations
        return Converter(bits=self._adc_bits, full_scale=float(reach.max()))


class CircuitProgram(Program):
    """A Gaussian model on a circuit.

    Attributes
    ----------
    components : (n, n) array
        This chip's components as fractions of full scale: of either sign for active coupling, else the
        resistors between cells and, on the diagonal, to ground.
    time_constant_s : float, optional
        τ = C/g₀, by which the eigenvalues of A are rates.
    rates : (n,) array
        Eigenvalues of A, rising: relaxation rates in units of 1/τ.
    relaxation_s : (float, float), optional
        The slowest and the fastest relaxation time, τ/λ_min and τ/λ_max.
    """

    def __init__(
        self,
        model: GaussianModel,
        *,
        bank: Bank,
        components: NDArray[np.float64],
        wanted: NDArray[np.float64],
        cells: Cells,
        converter: Callable[[GaussianModel, float], Converter | None],
    ):
        self._model = model
        self._bank = bank
        self._cells = cells
        self._converter = converter
        self._full_scale = float(np.abs(wanted).max())
        self._step = bank.step(wanted)
        self._error = float(np.abs(components - wanted).max())
        # The Cholesky root, and not the symmetric one, as this is how the draws of a seed were defined.
        self._process = OrnsteinUhlenbeck(model.A, 1.0, model.mean, root="cholesky")
        self.rates = self._process.rates
        self.components = read_only(components / self._full_scale)
        rc_s = cells.time_constant.value
        self.time_constant_s = None if rc_s is None else rc_s * self._full_scale
        self.relaxation_s = None
        if self.time_constant_s is not None:
            slowest, fastest = (self.time_constant_s / float(self.rates[end]) for end in (0, -1))
            self.relaxation_s = (slowest, fastest)

    def realised(self, beta: float) -> GaussianModel:
        return self._model

    def law(self, beta: float) -> Law:
        converter = self._converter(self._model, beta)
        note = ""
        if converter is not None:
            note = (
                f"of the voltages; readings are rounded to steps of {converter.step:.3g}, which adds "
                f"{converter.step**2 / 12:.3g} to each variance"
            )
        return Law(kind="boltzmann", model=self._model, beta=beta, note=note)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        n, chains = self._model.n, schedule.chains
        if schedule.step_s is not None and self.time_constant_s is not None:
            duration = schedule.step_s / self.time_constant_s
        else:
            duration = 1 / float(self.rates[0])
        converter = self._converter(self._model, float(schedule.beta))
        start = np.zeros((chains, n)) if initial is None else np.broadcast_to(initial, (chains, n))
        done = clipped = seen = 0
        for done, states in self._frames(schedule, duration, start, streams):
            if converter is not None:
                states, outside = converter.read(states)
                clipped += outside
            seen += states.size
            if observe(done, states):
                break
        return self._account(schedule, done, duration, initial is not None, converter, clipped / seen)

    def _frames(
        self, schedule: Schedule, duration: float, states: NDArray[np.float64], streams: Streams
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Each observed step and the voltages after it, (chains, n); a batch of steps is computed at once."""
        observed = schedule.observed_steps()
        amplitudes = 1 / np.sqrt(schedule.betas())
        transition = self._process.transition(duration)
        batch = max(1, _BATCH // states.size)
        for first in range(0, int(observed[-1]), batch):
            last = min(first + batch, int(observed[-1]))
            path = transition.path(states, last - first, streams, amplitudes=amplitudes[first:last], step0=first)
            for step in observed[(observed > first) & (observed <= last)]:
                yield int(step), path[:, int(step) - 1 - first]
            states = path[:, -1]

    def _account(
        self,
        schedule: Schedule,
        steps: int,
        duration: float,
        preset: bool,
        converter: Converter | None,
        clip_fraction: float,
    ) -> Execution:
        n, chains = self._model.n, schedule.chains
        frames = schedule.frames(steps)
        words, presets = n * n + n, n * chains if preset else 0
        step = duration * self._full_scale * self._cells.time_constant
        step_s = step.value
        word = Work(phase="programming", seconds=self._cells.word_s)
        chain = course(
            steps=steps,
            looks=schedule.looks(steps),
            changes=np.array([], dtype=np.int64),
            warmup=schedule.n_warmup,
            sweep=Work(phase="sampling", seconds=step),
            warm=Work(phase="warm-up", seconds=step),
            change=word,
            frame=[Work(phase="read-out", seconds=self._cells.adc_s)],
        )
        preset_words = replace(word, repeat=n if preset else 0)
        timeline = play([replace(word, repeat=words), Cycle(works=[preset_words, *chain], repeat=chains)])
        counts: dict[str, float] = {
            "dac": words + presets,
            "adc": n * frames * chains,
            "read": n * frames * chains,
        }
        if step_s is not None:
            counts["cell_second"] = n * steps * chains * step_s
        return Execution(
            counts=counts,
            seconds={"active": timeline.device_time},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            notes=self._electrical_notes(float(schedule.beta))
            | {
                "step_s": step_s,
                "step_in_slowest_relaxations": duration * float(self.rates[0]),
                "adc": None
                if converter is None
                else {
                    "bits": converter.bits,
                    "step": converter.step,
                    "full_scale": converter.full_scale,
                    "clip_fraction": clip_fraction,
                },
            },
        )

    def _electrical_notes(self, beta: float) -> dict[str, Any]:
        """Scale, rates and component errors; volts and noise currents where the circuit states them."""
        cells = self._cells
        slowest, fastest = self.relaxation_s or (None, None)
        ohm, farad = (Figure.of(given).value for given in (cells.resistance_ohm, cells.capacitance_f))
        siemens = None if ohm is None else 1 / ohm / self._full_scale
        volts = noise = None
        if cells.noise_voltage_rms_v is not None:
            volts = cells.noise_voltage_rms_v / math.sqrt(float(np.mean(1 / self.rates)) / beta)
            if siemens is not None and farad is not None:
                noise = 2 * farad * siemens * volts**2 / beta
        return {
            "coupling": self._bank.coupling,
            "conductance_per_unit_of_a_siemens": siemens,
            "time_constant_s": self.time_constant_s,
            "relaxation_slowest_s": slowest,
            "relaxation_fastest_s": fastest,
            "component_step": self._step,
            "largest_component_error": self._error,
            "volts_per_unit_of_x": volts,
            "noise_current_a2_per_hz_two_sided": noise,
        }


_KEYS = (
    "circuit", "coupling", "resistance", "capacitance", "noise_voltage_rms", "max_cells", "component_bits",
    "component_tolerance_d2d", "adc_bits", "adc_range", "word_time", "adc_time",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> Circuit:
    """A circuit from a catalogue entry."""
    spec.reject_unknown(_KEYS)
    spec.text("circuit", choices=("rc",), default="rc")
    return Circuit(
        coupling=spec.text("coupling", choices=COUPLINGS, default="active"),
        component_bits=spec.integer("component_bits", default=None),
        component_tolerance_d2d=spec.number("component_tolerance_d2d", "1", default=None) or 0.0,
        adc_bits=spec.integer("adc_bits", default=None),
        adc_range=spec.number("adc_range", "1", default=None) or 4.0,
        max_cells=spec.integer("max_cells", default=None),
        resistance_ohm=spec.figure("resistance", "ohm"),
        capacitance_f=spec.figure("capacitance", "F"),
        noise_voltage_rms_v=spec.number("noise_voltage_rms", "V", default=None),
        word_s=spec.figure("word_time", "s"),
        adc_s=spec.figure("adc_time", "s"),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
