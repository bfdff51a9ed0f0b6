"""Analog cells with non-linear characteristics, whose noisy voltages sample a potential of any shape.

The cells obey C dV/dt = −I(V) + I_noise, where the currents I are the slope of a potential: with V in a unit chosen per
program, dx = −∇E dt/τ + √(2/βτ) dW, τ = RC, so that a conductance of 1/R stands for a curvature of 1. With an inductor
to every cell x has inertia as well. No step solves that exactly: it is integrated, in steps that are halved until the
error is as small as asked for. That error is the emulation's and not the machine's, and a run records it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.langevin.converter import Converter
from hardware_models.langevin.reading import read_moments
from hardware_models.timeline import Cycle, Work, course, play
from pbits.langevin import Integrator, halved_over, wells
from pbits.models import EnergyModel, GaussianModel, PotentialModel, QuarticModel
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.schedule import Schedule
from pbits.streams import Streams
from pbits.substrate import Capabilities, Execution, Law, Observer, Placement, Program, Substrate

# Voltages computed at once.
_BATCH = 1 << 16


class Potentials(Substrate):
    """Analog cells that sample a `QuarticModel`, a `PotentialModel` or a `GaussianModel`.

    Parameters
    ----------
    friction : float, optional
        γ of cells with inductors, of unit mass: dx = v dt/τ, dv = −(∇E + γv) dt/τ + √(2γ/βτ) dW. None for cells without
        them, which have no inertia.
    accuracy : float
        What the integrator's error of the mean energy may come to, over the ½kT of every site (see
        `pbits.langevin.halved`).
    swing : float, optional
        The |x| at which a cell's voltage meets its supply. What this does to a voltage is not modelled; the share of
        read-outs beyond it is told.
    adc_bits : int, optional
        Resolution of the read-out; exact when absent.
    adc_range : float
        One full scale serves all cells: the largest of |x| at the minimum of the wells + adc_range × their width at
        the final β (`pbits.langevin.wells`). What lies outside is clipped and counted.
    max_cells : int, optional
    resistance_ohm, capacitance_f : Figure or float, optional
    volts_per_unit : float, optional
        The voltage that x = 1 stands for.
    word_s : Figure or float, optional
        To write a coefficient or a start voltage.
    adc_s : Figure or float, optional
        To convert a frame, all cells at once.
    prices : PriceTable, optional
    name : str

    Notes
    -----
    A step of the schedule is by default the slowest relaxation time of a `GaussianModel`, and of any other the time in
    which the softest site relaxes in its well; wells are left far more slowly. Chains run one after another on the one
    circuit, from x = 0 at rest or from the start states.

    Counted are "dac" (coefficients of E that are not 0, of two cells one for both, and start voltages; those of a
    `PotentialModel` are in its functions, and not counted), "adc", "read", and "cell_second" where RC is known.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models import langevin
    >>> cells = langevin.Potentials(resistance_ohm=1e3, capacitance_f=1e-9)
    >>> wells = pbits.QuarticModel([1.0, 1.0], [1.0, 1.0], [[0.0, 0.2], [0.2, 0.0]])
    >>> run = pbits.run(wells, cells, pbits.Schedule(n_samples=10, chains=2, step_tau=0.5), seed=1)
    >>> run.states.shape, round(run.record["notes"]["step_s"], 12)
    ((2, 10, 2), 5e-07)
    """

    def __init__(
        self,
        *,
        friction: float | None = None,
        accuracy: float = 0.02,
        swing: float | None = None,
        adc_bits: int | None = None,
        adc_range: float = 5.0,
        max_cells: int | None = None,
        resistance_ohm: Figure | float | None = None,
        capacitance_f: Figure | float | None = None,
        volts_per_unit: float | None = None,
        word_s: Figure | float | None = None,
        adc_s: Figure | float | None = None,
        prices: PriceTable | None = None,
        name: str = "cells of a potential",
        spec: MachineSpec | None = None,
    ):
        positive = {
            "friction": friction, "accuracy": accuracy, "swing": swing, "adc_range": adc_range,
            "resistance_ohm": resistance_ohm, "capacitance_f": capacitance_f, "volts_per_unit": volts_per_unit,
            "word_s": word_s, "adc_s": adc_s,
        }  # fmt: skip
        for label, given in positive.items():
            value = Figure.of(given).value
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{label} is {value}; it must be positive and finite, or None where there is none")
        if adc_bits is not None and not (isinstance(adc_bits, int | np.integer) and 1 <= adc_bits <= 32):
            raise ValueError(f"adc_bits is {adc_bits}; it must be a whole number between 1 and 32, or None for exact")
        if max_cells is not None and not (isinstance(max_cells, int | np.integer) and max_cells >= 1):
            raise ValueError(f"max_cells is {max_cells}; it must be a whole number of at least 1, or None for any")
        self.name = name
        self.prices = prices
        self.spec = spec
        self._friction, self._accuracy, self._swing = friction, accuracy, swing
        self._adc_bits, self._adc_range = adc_bits, adc_range
        self._max_cells = max_cells
        self._ohm, self._farad, self._volts = Figure.of(resistance_ohm), Figure.of(capacitance_f), volts_per_unit
        self._word, self._adc = Figure.of(word_s), Figure.of(adc_s)
        unchecked = ["precision of the cells' characteristics: not stated"]
        unchecked += ["number of cells: not stated"] if max_cells is None else []
        unchecked += ["voltage headroom of the cells: not stated"] if swing is None else []
        self.capabilities = Capabilities(
            domains=frozenset({"real"}),
            models=(GaussianModel, QuarticModel, PotentialModel),
            clamp=False,
            unchecked=tuple(unchecked),
        )

    @property
    def time_constant(self) -> Figure:
        """RC, seconds."""
        return self._ohm * self._farad

    @property
    def components(self) -> dict[str, Figure]:
        """What makes the time constant, by name."""
        return {"resistance_ohm": self._ohm, "capacitance_f": self._farad}

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        reasons = super().limits(model, schedule, cells)
        if reasons:
            return reasons
        if self._max_cells is not None and model.n > self._max_cells:
            reasons.append(f"the model has {model.n:,} sites and the circuit {self._max_cells:,} cells")
        if schedule is not None and schedule.betas().min() == 0:
            reasons.append("β = 0 needs infinitely strong noise; take every β above 0")
        if schedule is not None and schedule.step_s is not None and self.time_constant.value is None:
            reasons.append("schedule.step_s is given, but the resistance or capacitance is not stated; give step_tau")
        if not reasons:
            try:
                wells(potential_of(model), 1.0 if schedule is None else float(schedule.beta))
            except ValueError as refusal:
                reasons.append(str(refusal))
        return reasons

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        return PotentialsProgram(
            model,
            machine=self,
            friction=self._friction,
            accuracy=self._accuracy,
            swing=self._swing,
            word=self._word,
            adc=self._adc,
        )

    def converter(self, model: EnergyModel, beta: float) -> Converter | None:
        """The ADC as it is set for a model at β; None for exact read-out."""
        if self._adc_bits is None:
            return None
        around = wells(potential_of(model), beta)
        reach = np.abs(around.minimum) + self._adc_range * around.reach
        return Converter(bits=self._adc_bits, full_scale=float(reach.max()))

    def electrical_notes(self, beta: float) -> dict[str, Any]:
        """Volts, noise and power where the circuit states them."""
        tau_s, farad, volts = self.time_constant.value, self._farad.value, self._volts
        noise = power = None
        if volts is not None and farad is not None and tau_s is not None:
            noise = 2 * farad**2 * volts**2 / (beta * tau_s)
            power = noise / (2 * farad)
        return {
            "time_constant_s": tau_s,
            "volts_per_unit_of_x": volts,
            "noise_current_a2_per_hz_two_sided": noise,
            "noise_power_per_cell_w": power,
        }


class PotentialsProgram(Program):
    """A potential on analog cells."""

    def __init__(
        self,
        model: EnergyModel,
        *,
        machine: Potentials,
        friction: float | None,
        accuracy: float,
        swing: float | None,
        word: Figure,
        adc: Figure,
    ):
        self._model = model
        self._potential = potential_of(model)
        self._machine = machine
        self._friction, self._accuracy, self._swing = friction, accuracy, swing
        self._word, self._adc = word, adc

    def realised(self, beta: float) -> EnergyModel:
        return self._model

    def law(self, beta: float) -> Law:
        model, converter = self._model, self._machine.converter(self._model, beta)
        if converter is None:
            return Law(kind="boltzmann", model=model, beta=beta)
        read = None
        if isinstance(model, GaussianModel):
            covariance = np.linalg.inv(model.A) / beta
            read = read_moments(model.mean, covariance, converter.full_scale, converter.bits)
        note = f"of the voltages; readings are rounded to steps of {converter.step:.3g}"
        return Law(kind="boltzmann", model=model, beta=beta, read=read, note=note)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        shape = schedule.chains, self._model.n
        start = np.zeros(shape) if initial is None else np.broadcast_to(initial, shape)
        converter = self._machine.converter(self._model, float(schedule.beta))
        duration = self._duration(schedule)
        moves, error = self._integrator(schedule, duration)
        substeps = round(duration / moves.step)
        done = seen = clipped = beyond = 0
        for done, states in self._frames(schedule, moves, substeps, start, streams):
            if self._swing is not None:
                beyond += int((np.abs(states) > self._swing).sum())
            seen += states.size
            if converter is not None:
                states, outside = converter.read(states)
                clipped += outside
            if observe(done, states):
                break
        notes = {
            "step_tau": duration,
            "integrator": moves.scheme,
            "integrator_steps_per_step": substeps,
            "integrator_error_of_mean_energy": error,
            "beyond_swing_share": None if self._swing is None else beyond / seen,
            "adc": None
            if converter is None
            else {
                "bits": converter.bits,
                "step": converter.step,
                "full_scale": converter.full_scale,
                "clip_fraction": clipped / seen,
            },
        }
        return self._account(schedule, done, duration, initial is not None, notes)

    def _duration(self, schedule: Schedule) -> float:
        """Of a step, in time constants."""
        if schedule.step_tau is not None:
            return schedule.step_tau
        tau_s = self._machine.time_constant.value
        if schedule.step_s is not None and tau_s is not None:
            return schedule.step_s / tau_s
        friction = self._friction
        if isinstance(self._model, GaussianModel):
            softest = float(np.linalg.eigvalsh(self._model.A)[0])
        else:
            softest = float(wells(self._potential, float(schedule.beta)).curvature.min())
        # With inertia a mode forgets at Re(γ/2 − √(γ²/4 − K)).
        if friction is None:
            return 1 / softest
        return 1 / (friction / 2 - math.sqrt(max(friction**2 / 4 - softest, 0.0)))

    def _integrator(self, schedule: Schedule, duration: float) -> tuple[Integrator, float]:
        """One whose steps are a whole part of the schedule's, and its error at the hottest and the coldest β."""
        scheme = "leimkuhler-matthews" if self._friction is None else "baoab"
        friction = 1.0 if self._friction is None else self._friction
        longest, error = halved_over(
            self._potential, schedule.betas(), scheme=scheme, friction=friction, accuracy=self._accuracy
        )
        return Integrator(scheme=scheme, step=duration / math.ceil(duration / longest), friction=friction), error

    def _frames(
        self, schedule: Schedule, moves: Integrator, substeps: int, x: NDArray[np.float64], streams: Streams
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Each observed step and x after it, (chains, n); a batch of looks is computed at once."""
        observed, betas = schedule.observed_steps(), schedule.betas()
        # Looks are evenly spaced but for the first.
        every = int(observed[1] - observed[0]) if len(observed) > 1 else 1
        at, first, v = 0, 0, None
        while first < len(observed):
            stride = every if at else int(observed[0])
            looks = min(max(1, _BATCH // x.size), len(observed) - first) if at else 1
            span = looks * stride
            path = moves.sample(
                self._potential,
                x,
                streams,
                beta=np.repeat(betas[at : at + span], substeps),
                samples=looks,
                steps_per_sample=stride * substeps,
                v0=v,
                step0=at * substeps,
            )
            for look in range(looks):
                yield int(observed[first + look]), path.x[:, look]
            x, v = path.x[:, -1], None if path.v is None else path.v[:, -1]
            at, first = at + span, first + looks

    def _account(
        self, schedule: Schedule, steps: int, duration: float, preset: bool, notes: dict[str, Any]
    ) -> Execution:
        n, chains = self._model.n, schedule.chains
        frames, words = schedule.frames(steps), _coefficients(self._model)
        step = duration * self._machine.time_constant
        word = Work(phase="programming", seconds=self._word)
        chain = course(
            steps=steps,
            looks=schedule.looks(steps),
            changes=np.array([], dtype=np.int64),
            warmup=schedule.n_warmup,
            sweep=Work(phase="sampling", seconds=step),
            warm=Work(phase="warm-up", seconds=step),
            change=word,
            frame=[Work(phase="read-out", seconds=self._adc)],
        )
        presets = n if preset else 0
        timeline = play(
            [replace(word, repeat=words), Cycle(works=[replace(word, repeat=presets), *chain], repeat=chains)]
        )
        counts: dict[str, float] = {
            "dac": words + presets * chains,
            "adc": n * frames * chains,
            "read": n * frames * chains,
        }
        if step.value is not None:
            counts["cell_second"] = n * steps * chains * step.value
        used = self._machine.components | ({"word_s": self._word} if words + presets else {}) | {"adc_s": self._adc}
        if unstated := [name for name, figure in used.items() if figure.value is None]:
            notes = notes | {"times_not_stated": unstated}
        return Execution(
            counts=counts,
            seconds={"active": timeline.device_time},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            notes=self._machine.electrical_notes(float(schedule.beta)) | {"step_s": step.value} | notes,
        )


def potential_of(model: EnergyModel) -> QuarticModel | PotentialModel:
    """The model as integrators take it: a Gaussian one is quartic with no quartic part."""
    if isinstance(model, GaussianModel):
        own = np.diag(model.A)
        return QuarticModel(np.zeros(model.n), -own, np.diag(own) - model.A, model.b, model.offset)
    assert isinstance(model, QuarticModel | PotentialModel), "limits() lets through only these"
    return model


def _coefficients(model: EnergyModel) -> int:
    """Words that describe E; none of a model that is a function."""
    if isinstance(model, PotentialModel):
        return 0
    held = potential_of(model)
    assert isinstance(held, QuarticModel)
    return held.couplings.n_couplings + sum(int(np.count_nonzero(part)) for part in (held.a, held.b, held.couplings.h))


KEYS = (
    "circuit", "friction", "accuracy", "swing", "adc_bits", "adc_range", "max_cells", "resistance", "capacitance",
    "volts_per_unit", "word_time", "adc_time",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> Potentials:
    """Cells of a potential from a catalogue entry."""
    spec.reject_unknown(KEYS)
    return Potentials(
        friction=spec.number("friction", "1", default=None),
        accuracy=spec.number("accuracy", "1", default=None) or 0.02,
        swing=spec.number("swing", "1", default=None),
        adc_bits=spec.integer("adc_bits", default=None),
        adc_range=spec.number("adc_range", "1", default=None) or 5.0,
        max_cells=spec.integer("max_cells", default=None),
        resistance_ohm=spec.figure("resistance", "ohm"),
        capacitance_f=spec.figure("capacitance", "F"),
        volts_per_unit=spec.number("volts_per_unit", "V", default=None),
        word_s=spec.figure("word_time", "s"),
        adc_s=spec.figure("adc_time", "s"),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
