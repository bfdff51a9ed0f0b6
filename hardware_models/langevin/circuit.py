"""Circuits of analog cells with noise, whose voltages sample a Gaussian model or follow a linear diffusion.

Cells of a capacitor and a resistor obey C dV/dt = −GV + I + noise. With G = g₀A, drive currents g₀b and white, equal
and independent noise this is, with V in a unit that is chosen per program, dx = −(Ax − b) dt/τ + √(2/(βτ)) dW,
τ = C/g₀, whose stationary law is N(A⁻¹b, A⁻¹/β). β is the strength of the injected noise alone: its power is
proportional to 1/β, and no component changes with it. Other mappings and cells settle to the same law another way;
`hardware_models.langevin.compiler` has them.

A program is a model compiled to components, what effects make of those on one chip, and the linear stochastic equation
of the netlist they are. That equation is solved exactly, so the length of a step is not an approximation, and its
stationary law is known, Boltzmann's or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from hardware_models.langevin.compiler import Cell, Coupling, Design, Mapping, Mean, Plan, Transform, unstable
from hardware_models.langevin.converter import MOST_BITS, Converter
from hardware_models.langevin.effects import (
    CircuitEffect,
    ComponentDrift,
    LeakyCapacitors,
    NoiseMismatch,
    Offset,
    Saturation,
    Tolerance,
)
from hardware_models.langevin.effects.base import check_whole
from hardware_models.langevin.noise import Spectrum, White
from hardware_models.langevin.parts import Parts
from hardware_models.langevin.program import CircuitProgram, Times
from pbits.models import DiffusionModel, EnergyModel, GaussianModel
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.schedule import Schedule
from pbits.streams import Streams
from pbits.substrate import Capabilities, Moments, NotMappable, Placement, Program, Substrate

_WHITE = White()

_Effect = TypeVar("_Effect", ComponentDrift, Saturation)


class Circuit(Substrate):
    """An analog circuit that samples a `GaussianModel`, or follows a `DiffusionModel`.

    Parameters
    ----------
    mapping, coupling, cell, transform, mean : str
        What holds A, what couples the cells, what a cell is, and what a computer does around it: see
        `hardware_models.langevin.Design`. By default RC cells and inverting integrators ("active"), which hold any A
        that is stable; with resistors alone ("passive") A_ij ≤ 0 and row sums ≥ 0. Where capacitors hold A, which
        cannot be active, the default is "auto", as it always is in `compile_model`.
    component_bits : int, optional
        Resolution of the programmable components; exact when absent. Drive currents are exact.
    component_tolerance_d2d : float
        Relative standard deviation of a programmable component, drawn from `chip_seed`.
    effects : sequence of CircuitEffect
        Further non-idealities, from `hardware_models.langevin.effects`, applied in this order after the two above.
    spectrum : Spectrum
        Of the injected noise; white by default.
    temperature_k : float
        Of the resistors, whose noise does not change with β; 0 for silent ones.
    adc_bits : int, optional
        Resolution of the read-out; exact when absent. It changes what is read, not the law of the voltages.
    adc_range : float
        One full scale serves all cells: the largest of |mean| + adc_range × standard deviation, at the final
        β. It is taken to be known when the run starts; what lies outside is clipped and counted.
    accuracy : float, optional
        Relative error of a covariance (Frobenius) that is wanted. What converters or components cannot give is
        refused, with the bits that it needs; so is a chip whose tolerances and other effects together put the
        covariance of what is read further off. Under `Saturation` and `ComponentDrift` no law is known to check, which
        `capabilities.unchecked` says. Notes tell the error and how often to read.
    max_cells : int, optional
    resistance_ohm, capacitance_f, inductance_h, quality, noise_voltage_rms_v, swing_v : float, optional
        See `Design`. Voltages beyond ±swing_v are counted where they are read, and not clipped.
    word_s : float, optional
        Device seconds to write one word (a component, a drive current or a start voltage).
    adc_s : float, optional
        Device seconds to convert one frame, all cells at once.
    read_word_s : float, optional
        Device seconds to hand over one number of a frame; no time of its own when absent.
    prices : PriceTable, optional
    name : str

    Notes
    -----
    A step lasts `schedule.step_s`, or `schedule.step_tau` in units of τ, by default the slowest relaxation time. A
    capacitance mapping, inductors and transforms keep the law and not the way of dx = −∇E dt/τ + …, so that τ is not
    known for them, and step_tau is refused. Chains run one after another on the one circuit, from discharged capacitors
    (x = 0, but for what a computer adds) or from the start states written to it; discharging, setting the noise, and
    holding the voltages while they are converted take no time of their own.

    Counted are "dac" (the words of components, drive currents, and start voltages per chain where start states are
    given), "adc" (n conversions per frame), "read" (the same numbers handed over), and, where RC is known, the seconds
    that cells ("cell_second"), noise generators ("noise_second") and amplifiers of active couplings
    ("amplifier_second") spend sampling, warm-up included, and the values of clocked noise ("noise_update"). What
    `transform` and `mean="digital"` leave to a computer is counted as products of numbers ("host_product"): a circuit
    has no price for them, so its joules are not known then.

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
        mapping: Mapping | str = "auto",
        coupling: Coupling | str | None = None,
        cell: Cell | str = "rc",
        transform: Transform | str = "none",
        mean: Mean | str = "drive",
        component_bits: int | None = None,
        component_tolerance_d2d: float = 0.0,
        effects: Sequence[CircuitEffect] = (),
        spectrum: Spectrum = _WHITE,
        temperature_k: float = 0.0,
        adc_bits: int | None = None,
        adc_range: float = 4.0,
        accuracy: float | None = None,
        max_cells: int | None = None,
        resistance_ohm: Figure | float | None = None,
        capacitance_f: Figure | float | None = None,
        inductance_h: Figure | float | None = None,
        quality: float | None = None,
        noise_voltage_rms_v: float | None = None,
        swing_v: float | None = None,
        word_s: Figure | float | None = None,
        adc_s: Figure | float | None = None,
        read_word_s: Figure | float | None = None,
        prices: PriceTable | None = None,
        name: str = "Langevin circuit",
        spec: MachineSpec | None = None,
    ):
        if adc_bits is not None:
            check_whole("adc_bits", adc_bits, 1, MOST_BITS, ", or None for exact")
        if not (math.isfinite(adc_range) and adc_range > 0):
            raise ValueError(f"adc_range is {adc_range}; it must be a positive number of standard deviations")
        if accuracy is not None and not 0 < accuracy < 1:
            raise ValueError(f"accuracy is {accuracy}; it must lie between 0 and 1")
        if max_cells is not None and not (isinstance(max_cells, int | np.integer) and max_cells >= 1):
            raise ValueError(f"max_cells is {max_cells!r}; a circuit has a whole number of cells and at least one cell")
        _check_effects(effects)
        self.name = name
        self.prices = prices
        self.spec = spec
        design: dict[str, Any] = {
            "mapping": mapping, "coupling": coupling, "cell": cell, "transform": transform, "mean": mean,
            "resistance_ohm": resistance_ohm, "capacitance_f": capacitance_f, "inductance_h": inductance_h,
            "quality": quality, "noise_voltage_rms_v": noise_voltage_rms_v, "swing_v": swing_v,
            "component_bits": component_bits, "spectrum": spectrum, "temperature_k": temperature_k,
        }  # fmt: skip
        if coupling is None:
            capacitive = mapping == "capacitance" or (mapping == "auto" and cell == "rlc")
            design["coupling"] = "auto" if capacitive else "active"
        self._design = Design(**design)
        self._effects = (*_made(self._design, component_tolerance_d2d), *effects)
        _check_once(self._effects)
        self._drift, self._saturation = _only(ComponentDrift, effects), _only(Saturation, effects)
        self._adc_bits, self._adc_range = adc_bits, adc_range
        self._accuracy = accuracy
        self._max_cells = max_cells
        self._times = Times(word_s=word_s, adc_s=adc_s, read_word_s=read_word_s)
        unchecked = []
        if swing_v is None:
            unchecked.append("voltage headroom of the cells: not stated")
        if max_cells is None:
            unchecked.append("number of cells: not stated")
        if accuracy is not None and (self._drift or self._saturation):
            unchecked.append("accuracy: the law is not known where conductances drift or transconductors saturate")
        self.capabilities = Capabilities(
            domains=frozenset({"real"}),
            models=(GaussianModel, DiffusionModel),
            clamp=False,
            unchecked=tuple(unchecked),
        )

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        reasons = super().limits(model, schedule, cells)
        if reasons:
            return reasons
        assert isinstance(model, GaussianModel | DiffusionModel), "the capabilities name no others"
        plan = None
        try:
            plan = self._design.compile(model, 1.0 if schedule is None else float(schedule.beta) or 1.0)
        except NotMappable as refusal:
            reasons += refusal.reasons
            if self.spec is not None:
                reasons.append(
                    f"{self.name!r} is one machine, whose options are fixed; others can be given to a "
                    f"hardware_models.langevin.Circuit(cell={self._design.cell!r}, …), or in a copy of "
                    f"{Path(self.spec.path).name}, which is loaded by its path"
                )
        needed = model.n if plan is None else plan.parts.n
        if self._max_cells is not None and needed > self._max_cells:
            sites = "" if needed == model.n else f", which take {needed:,} cells,"
            reasons.insert(0, f"the model has {model.n:,} sites{sites} and the circuit {self._max_cells:,} cells")
        if plan is not None:
            reasons += self._too_coarse(plan)
            leaky = any(isinstance(effect, LeakyCapacitors) for effect in self._effects)
            if self._design.temperature_k and not leaky and not plan.parts.conductance_s.any():
                reasons.append(
                    "temperature_k is that of resistors, and its couplings are transconductors, of whose own noise "
                    "nothing is known; take passive or differential couplings, or leave temperature_k out"
                )
            swing = self._design.swing_v
            if swing is not None and (headroom := plan.headroom(swing)) < 0:
                reasons.append(
                    f"a cell's mean voltage would lie {-headroom:.2g} standard deviations beyond ±{swing:g} V, where "
                    "cells clip; take a lower noise_voltage_rms_v, a larger swing_v, or mean='digital'"
                )
        if schedule is not None:
            reasons += self._clock_limits(schedule, plan)
        return reasons

    def _too_coarse(self, plan: Plan) -> list[str]:
        """What components and converters of so many bits cannot give."""
        rounding, bits = self._design.rounding, self._design.component_bits
        programmed = plan.parts if rounding is None else rounding.build(plan.parts, Streams(seed=0))[0]
        if reason := unstable(plan.matrix(programmed)):
            return [f"with components of {bits} bits {reason}" if bits else f"in floating point {reason}"]
        wanted = self._accuracy
        if wanted is None:
            return []
        reasons = []
        if plan.report.covariance_error > wanted:
            reasons.append(
                f"components of {bits} bits keep the covariance off by {plan.report.covariance_error:.2g}, relative, "
                f"and accuracy={wanted:g} is wanted; the error falls by half with every bit"
            )
        mean, covariance = _channel_moments(plan)
        converter = self._converter(lambda: (mean, covariance))
        if converter is not None and converter.error(mean, covariance) > wanted:
            enough = converter.bits_for(wanted, mean, covariance)
            reasons.append(
                f"converters of {converter.bits} bits read a covariance that is off by "
                f"{converter.error(mean, covariance):.2g}, relative, and accuracy={wanted:g} is wanted; "
                + (
                    f"take a larger adc_range, as clipping at {self._adc_range:g} standard deviations alone is too much"
                    if enough is None
                    else f"that needs adc_bits={enough}"
                )
            )
        return reasons

    def _clock_limits(self, schedule: Schedule, plan: Plan | None) -> list[str]:
        reasons = []
        if schedule.betas().min() == 0:
            reasons.append("β = 0 needs infinitely strong noise; take every β above 0")
        if schedule.step_s is not None and not self._design.stated:
            reasons.append(
                "schedule.step_s is given, but the circuit's resistance or capacitance is not stated; "
                "leave step_s out for steps of one slowest relaxation time"
            )
        if schedule.step_tau is not None and plan is not None and not plan.keeps_time:
            reasons.append(
                "schedule.step_tau is given in the time of dx = −∇E dt + √(2/β) dW, and a circuit with "
                f"mapping={self._design.mapped!r}, cell={self._design.cell!r} and transform={plan.transform!r} takes "
                "another way to the same law; give step_s"
            )
        return reasons

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        assert isinstance(model, GaussianModel | DiffusionModel), "limits() lets through only these"
        plan = self._design.compile(model, float(schedule.beta))
        parts, notes = plan.parts, {}
        chip = Streams(seed=0, chip_seed=placement.chip_seed)
        try:
            for effect in self._effects:
                parts, note = effect.build(parts, chip)
                notes |= note
            self._check_units(parts)
        except ValueError as error:
            raise NotMappable(self.name, [str(error)]) from error
        try:
            program = CircuitProgram(
                plan,
                parts,
                effects=notes,
                converter=self._converter,
                times=self._times,
                accuracy=self._accuracy,
                drift=self._drift,
                saturation=self._saturation,
            )
            program.check(schedule)
        except ValueError as error:
            where = (
                "" if parts is plan.parts else f"on chip {placement.chip_seed}, with component errors of this size, "
            )
            raise NotMappable(self.name, [f"{where}{error}"]) from error
        wanted = self._accuracy
        if wanted is not None and (error := program.covariance_error(float(schedule.beta)) or 0.0) > wanted:
            raise NotMappable(
                self.name,
                [
                    f"on chip {placement.chip_seed} the covariance of what is read is off by {error:.2g}, relative, by "
                    f"{self._at_fault(parts)} together, and accuracy={wanted:g} is wanted; take less of them, another "
                    "chip_seed, or a larger accuracy"
                ],
            )
        return program

    def _at_fault(self, parts: Parts) -> str:
        """What keeps this chip from the law that was posed."""
        causes = [type(effect).__name__ for effect in self._effects]
        if not isinstance(self._design.spectrum, White):
            causes.append(f"{type(self._design.spectrum).__name__} noise")
        if self._design.temperature_k:
            causes.append(f"resistors at {self._design.temperature_k:g} K")
        if self._adc_bits is not None:
            causes.append(f"converters of {self._adc_bits} bits")
        return " and ".join(causes)

    def _check_units(self, parts: Parts) -> None:
        """Refuse effects in seconds, hertz or kelvin on a circuit of unknown time and voltage."""
        design = self._design
        needed = {unit for effect in self._effects for unit in effect.needs}
        timed = not isinstance(parts.spectrum, White) or parts.amplifier_pole_hz is not None or parts.temperature_k
        if (timed or needed) and not design.stated:
            raise ValueError("an effect is told in seconds, hertz or ohms; give resistance_ohm and capacitance_f")
        if "volts" in needed and design.noise_voltage_rms_v is None:
            raise ValueError("an effect is told in volts, amperes or kelvin; give noise_voltage_rms_v too")
        if parts.temperature_k and design.noise_voltage_rms_v is None:
            raise ValueError("resistors at a temperature add volts of noise; give noise_voltage_rms_v too")

    def _converter(self, moments: Callable[[], Moments]) -> Converter | None:
        """For channels of these moments, which are not asked for where nothing is converted."""
        if self._adc_bits is None:
            return None
        mean, covariance = moments()
        reach = np.abs(mean) + self._adc_range * np.sqrt(np.diag(covariance))
        return Converter(bits=self._adc_bits, full_scale=float(reach.max()))


def _check_effects(effects: Any) -> None:
    what = "give a list of effects of hardware_models.langevin.effects"
    if isinstance(effects, str) or not isinstance(effects, Sequence):
        raise TypeError(f"effects is {effects!r}; {what}")
    for effect in effects:
        if isinstance(effect, type) or not hasattr(effect, "build"):
            raise TypeError(f"effects holds {effect!r}, which is no effect; {what}")


def _check_once(effects: Sequence[CircuitEffect]) -> None:
    """Refuse two of a kind that would draw the same numbers from the chip."""
    kinds = [type(effect) for effect in effects if isinstance(effect, Tolerance | NoiseMismatch | Offset)]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise ValueError(
                f"{kind.__name__} is given more than once (component_tolerance_d2d is a Tolerance), and each would "
                "draw the same numbers; add the squares of their spreads and give one"
            )


def _made(design: Design, tolerance: float) -> tuple[CircuitEffect, ...]:
    """Rounding and tolerance of the components that hold A."""
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(f"component_tolerance_d2d is {tolerance}; a spread must be finite and at least 0")
    made: list[CircuitEffect] = [] if design.rounding is None else [design.rounding]
    if tolerance:
        capacitive = design.mapped == "capacitance"
        made.append(
            Tolerance(capacitors=tolerance) if capacitive else Tolerance(resistors=tolerance, transconductors=tolerance)
        )
    return tuple(made)


def _only(kind: type[_Effect], effects: Sequence[CircuitEffect]) -> _Effect | None:
    found = [effect for effect in effects if isinstance(effect, kind)]
    if len(found) > 1:
        raise ValueError(f"{len(found)} effects are a {kind.__name__}; one says it all")
    return found[0] if found else None


def _channel_moments(plan: Plan) -> Moments:
    """Of what is converted, of exact components."""
    read = np.hstack([plan.wires, np.zeros((len(plan.wires), plan.process.n - plan.parts.n))])
    return read @ plan.process.mean, read @ plan.process.covariance @ read.T / plan.beta


_KEYS = (
    "circuit", "mapping", "coupling", "transform", "mean", "resistance", "capacitance", "inductance", "quality",
    "noise_voltage_rms", "swing", "max_cells", "component_bits", "component_tolerance_d2d", "adc_bits", "adc_range",
    "word_time", "adc_time", "read_word_time",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> Circuit:
    """A circuit from a catalogue entry."""
    spec.reject_unknown(_KEYS)
    return Circuit(
        cell=spec.text("circuit", choices=get_args(Cell), default="rc"),
        mapping=spec.text("mapping", choices=get_args(Mapping), default="auto"),
        coupling=spec.text("coupling", choices=("auto", *get_args(Coupling)), default=None),
        transform=spec.text("transform", choices=get_args(Transform), default="none"),
        mean=spec.text("mean", choices=get_args(Mean), default="drive"),
        component_bits=spec.integer("component_bits", default=None),
        component_tolerance_d2d=spec.number("component_tolerance_d2d", "1", default=None) or 0.0,
        adc_bits=spec.integer("adc_bits", default=None),
        adc_range=spec.number("adc_range", "1", default=None) or 4.0,
        max_cells=spec.integer("max_cells", default=None),
        resistance_ohm=spec.figure("resistance", "ohm"),
        capacitance_f=spec.figure("capacitance", "F"),
        inductance_h=spec.figure("inductance", "H"),
        quality=spec.number("quality", "1", default=None),
        noise_voltage_rms_v=spec.number("noise_voltage_rms", "V", default=None),
        swing_v=spec.number("swing", "V", default=None),
        word_s=spec.figure("word_time", "s"),
        adc_s=spec.figure("adc_time", "s"),
        read_word_s=spec.figure("read_word_time", "s") if spec.has("read_word_time") else None,
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
