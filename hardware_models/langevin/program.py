"""A model on a circuit: its law, its steps, and what a run of it takes.

What the components hold is `CircuitProgram.realised`; how the voltages of these components move, and so where they
settle, is told by the linear stochastic equation of their netlist, which is solved exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.langevin.compiler import Plan, check_stated, moments_of
from hardware_models.langevin.converter import Converter
from hardware_models.langevin.effects import Balance, ComponentDrift, SaturatedTransition, Saturation
from hardware_models.langevin.netlist import Netlist
from hardware_models.langevin.noise import Held, Interpolated, White
from hardware_models.langevin.parts import Parts
from hardware_models.langevin.process import LinearCircuit, transition
from hardware_models.langevin.reading import read_moments
from hardware_models.timeline import Cycle, Work, course, play
from pbits.langevin import OrnsteinUhlenbeck, Transition
from pbits.models import DiffusionModel, GaussianModel
from pbits.models.base import read_only
from pbits.parameters import Figure
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import BulkObserver, Execution, Law, Moments, Observer, Program, Programming

# Numbers computed at once.
_BATCH = 1 << 16
# Relative; what two ways of computing one law may differ by.
_SAME = 1e-9
# Share of voltages beyond the swing that is told as harm.
_BEYOND = 1e-3
# Relative; what components of one nominal value differ by.
_EQUAL = 1e-12


@dataclass(frozen=True, kw_only=True)
class Times:
    """What takes device time beside sampling, seconds; None where not stated.

    Attributes
    ----------
    word_s : to write one word
    adc_s : to convert one frame
    read_word_s : to hand over one number of a frame; None for no time
    """

    word_s: Figure | float | None
    adc_s: Figure | float | None
    read_word_s: Figure | float | None

    def __post_init__(self) -> None:
        for name, seconds in vars(self).items():
            check_stated(name, seconds)

    def frame(self, n: int) -> list[Work]:
        """The way of a frame of n numbers."""
        converted = Work(phase="read-out", seconds=self.adc_s)
        if self.read_word_s is None:
            return [converted]
        return [converted, Work(phase="transfer", seconds=self.read_word_s, repeat=n)]


class _Posed:
    """States are x itself: RC cells of one C and equal noise, whose conductances hold a symmetric A.

    At β = 1, in units of τ.
    """

    beta = 1.0
    period = None

    def __init__(self, model: GaussianModel):
        self._model = model
        # The Cholesky root, and not the symmetric one, as this is how the draws of a seed were defined.
        self._process = OrnsteinUhlenbeck(model.A, 1.0, model.mean, root="cholesky")
        self.rates = self._process.rates

    def transition(self, duration: float) -> Transition:
        return self._process.transition(duration)

    def enter(self, channels: NDArray[np.float64]) -> NDArray[np.float64]:
        return channels

    def channels(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        return states

    def volts(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        """Over `Plan.volts`."""
        return states

    def moments(self) -> Moments:
        """Of the channels."""
        return self._model.mean, np.linalg.inv(self._model.A)


class _Wired:
    """States are those of a netlist, over `Plan.volts`; what is converted are the plan's wires.

    At the β of the plan, in units of `Plan.time_s`.
    """

    def __init__(self, plan: Plan, linear: LinearCircuit):
        self.beta = plan.beta
        self._linear = linear.scaled(plan.time_s, plan.volts)
        self._linear.settles()
        self._wires, self._unit = plan.wires, plan.volts
        self._read = plan.wires @ self._linear.output / plan.volts
        self._offset = plan.wires @ self._linear.shift / plan.volts
        self.rates = np.sort(self._linear.rates.real)
        self.period = max((source.period for source in self._linear.sources), default=None)

    def transition(self, duration: float) -> Transition:
        return transition(self._linear, duration)

    def enter(self, channels: NDArray[np.float64]) -> NDArray[np.float64]:
        volts = self._unit * channels @ np.linalg.pinv(self._wires).T
        return (volts - self._linear.shift) @ np.linalg.pinv(self._linear.output).T

    def plain(self, duration: float) -> tuple[dict[str, Any], int] | None:
        """Arguments of `saturated_path`, and substeps; None where noise is clocked."""
        linear = self._linear
        if linear.sources:
            return None
        own = {"A": linear.drift, "diffusion": linear.diffusion, "mean": linear.mean}
        return own | {"active": np.zeros_like(linear.drift), "limit": 1.0, "step": duration}, 1

    def channels(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        return states @ self._read.T + self._offset

    def volts(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        return (states @ self._linear.output.T + self._linear.shift) / self._unit

    def moments(self) -> Moments:
        mean, covariance = self._linear.stationary()
        wires = self._wires / self._unit
        return wires @ mean, wires @ covariance @ wires.T


class _Saturated:
    """States are voltages of cells whose transconductors saturate, over `Plan.volts`.

    At a given β, in units of `Plan.time_s`.
    """

    period = None

    def __init__(self, plan: Plan, parts: Parts, saturation: Saturation, beta: float):
        self.beta = beta
        self._plan, self._parts, self._saturation = plan, parts, saturation
        balance = Balance(parts)
        self.rates = np.sort(np.linalg.eigvals(np.linalg.solve(balance.M, balance.K)).real) * plan.time_s
        self._balance = balance

    def transition(self, duration: float) -> SaturatedTransition:
        return self._saturation.transition(self._parts, duration * self._plan.time_s, volts=self._plan.volts)

    def plain(self, duration: float) -> tuple[dict[str, Any], int]:
        """As `_Wired.plain`."""
        step = self.transition(duration)
        linear = {name: getattr(step.process, name) for name in ("A", "diffusion", "mean")}
        return linear | {name: getattr(step, name) for name in ("active", "limit", "step")}, step.substeps

    def enter(self, channels: NDArray[np.float64]) -> NDArray[np.float64]:
        return channels @ np.linalg.pinv(self._plan.wires).T

    def channels(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        return states @ self._plan.wires.T

    def volts(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        return states

    def moments(self) -> Moments:
        """Of the channels, to first order."""
        found, wires = self._saturation.predict(self._parts), self._plan.wires / self._plan.volts
        covariance = self._balance.covariance + found.covariance
        return wires @ (self._balance.mean + found.mean), wires @ covariance @ wires.T


class CircuitProgram(Program):
    """A model on a circuit.

    Attributes
    ----------
    plan : Plan
        The model as exact components.
    parts : Parts
        This chip's components, with the noise of `plan.beta`.
    time_constant_s : float, optional
        By which `rates` are rates: τ = C/g₀ of a conductance mapping, Rc₀ of a capacitance mapping.
    rates : (states,) array
        Real parts of the circuit's eigenvalues, rising: relaxation rates in units of 1/`time_constant_s`.
    relaxation_s : (float, float), optional
        The slowest and the fastest relaxation time.
    """

    def __init__(
        self,
        plan: Plan,
        parts: Parts,
        *,
        effects: dict[str, Any],
        converter: Callable[[Callable[[], Moments]], Converter | None],
        times: Times,
        accuracy: float | None,
        drift: ComponentDrift | None = None,
        saturation: Saturation | None = None,
    ):
        self.plan, self.parts = plan, parts
        self._model = plan.held(parts)
        self._effects = effects
        self._converter = converter
        self._times = times
        self._accuracy = accuracy
        self._drift, self._saturation = drift, saturation
        self._circuits: dict[float, _Posed | _Wired | _Saturated] = {}
        self.rates = read_only(self._circuit(plan.beta).rates)
        self.time_constant_s = plan.time_s if plan.design.stated else None
        self.relaxation_s = None
        if self.time_constant_s is not None:
            slowest, fastest = (self.time_constant_s / float(self.rates[end]) for end in (0, -1))
            self.relaxation_s = (slowest, fastest)

    @cached_property
    def netlist(self) -> Netlist:
        """This chip's components, at the noise of `plan.beta`."""
        return Netlist.of(self.parts)

    def realised(self, beta: float) -> GaussianModel | DiffusionModel:
        return self._model

    def law(self, beta: float) -> Law:
        plan, held = self.plan, self._model
        mean, covariance = self._moments(beta)
        moments = self._posed(mean, covariance)
        same = _agree(moments, moments_of(held, beta))
        converter, read, note = self._converter(lambda: (mean, covariance)), None, ""
        if converter is not None:
            read = self._posed(*read_moments(mean, covariance, converter.full_scale, converter.bits))
            note = (
                f"of the voltages; readings are rounded to steps of {converter.step:.3g}, which adds "
                f"{converter.step**2 / 12:.3g} to each variance"
            )
            if plan.lift is not None:
                note += " before the transform"
        if unknown := self._unknown:
            return Law(kind="unknown", model=held, beta=beta, read=read, note="; ".join(filter(None, [unknown, note])))
        kind = "boltzmann" if same else "stationary"
        return Law(kind=kind, model=held, beta=beta, moments=None if same else moments, read=read, note=note)

    def covariance_error(self, beta: float) -> float | None:
        """How far the covariance of what is read is off what was posed, relative (Frobenius), by all but chance.

        None where the law is not known.
        """
        law, model = self.law(beta), self.plan.model
        if law.kind == "unknown":
            return None
        posed = moments_of(model, beta)[1]
        _, found = law.read or law.moments or moments_of(self._model, beta)
        return float(np.linalg.norm(found - posed) / np.linalg.norm(posed))

    def check(self, schedule: Schedule) -> None:
        """Refuse steps that are no whole number of periods of the noise clock."""
        circuit = self._circuit(float(schedule.beta))
        if circuit.period is not None:
            circuit.transition(self._duration(schedule))

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        plan, chains = self.plan, schedule.chains
        duration = self._duration(schedule)
        final = float(schedule.beta)
        converter = self._converter(lambda: self._moments(final))
        start = None
        if initial is not None:
            start = np.broadcast_to(np.asarray(initial, dtype=np.float64) - plan.shift, (chains, plan.model.n))
            if plan.lift is not None:
                start = np.asarray(np.linalg.solve(plan.lift, start.T).T, dtype=np.float64)
        seen = _Seen(observe, schedule, plan)
        for steps, circuit, states in self._frames(schedule, duration, start, streams):
            readings = circuit.channels(states)
            if plan.design.swing_v is not None:
                seen.beyond += int((np.abs(circuit.volts(states)) * plan.volts > plan.design.swing_v).sum())
            if converter is not None:
                readings, outside = converter.read(readings)
                seen.clipped += outside
            if seen.hand_over(steps, readings):
                break
        seen.finish()
        return self._account(schedule, seen, duration, initial is not None, converter)

    @property
    def _unknown(self) -> str:
        """Why the law is in no closed form, if it is in none."""
        reasons = []
        if self._drift is not None:
            reasons.append("conductances drift; ComponentDrift.predict tells the mean over a run")
        if self._saturation is not None:
            reasons.append("transconductors saturate; Saturation.predict tells the law to first order")
        return ", and ".join(reasons)

    def _circuit(self, beta: float) -> _Posed | _Wired | _Saturated:
        """The circuit whose injected noise has the strength of `beta`, or of another β up to an amplitude."""
        key = beta if self.parts.temperature_k else self.plan.beta
        if key not in self._circuits:
            if self._is_posed:
                assert isinstance(self._model, GaussianModel)
                self._circuits[key] = _Posed(self._model)
            else:
                self._circuits[key] = self._built(self.parts, key)
        return self._circuits[key]

    def _built(self, parts: Parts, beta: float) -> _Wired | _Saturated:
        plan = self.plan
        if beta != plan.beta:
            parts = replace(parts, noise_a2_per_hz=parts.noise_a2_per_hz * (plan.beta / beta))
        if self._saturation is not None:
            return _Saturated(plan, parts, self._saturation, beta)
        wired = _Wired(plan, Netlist.of(parts).linear())
        wired.beta = beta
        return wired

    @cached_property
    def _is_posed(self) -> bool:
        """Whether the states of the circuit are x, so that nothing need be assembled."""
        plan, parts = self.plan, self.parts
        if self._drift is not None or self._saturation is not None:
            return False
        if not (plan.keeps_time and plan.pairs == 1 and isinstance(self._model, GaussianModel)):
            return False
        if plan.shift.any() or parts.temperature_k or parts.amplifier_pole_hz is not None:
            return False
        return (
            isinstance(parts.spectrum, White)
            and _multiple_of_one(parts.capacitance_f, plan.farads)
            and _multiple_of_one(parts.noise_a2_per_hz, float(plan.parts.noise_a2_per_hz[0, 0]))
        )

    def _moments(self, beta: float) -> Moments:
        """Of the channels."""
        circuit = self._circuit(beta)
        mean, covariance = circuit.moments()
        return mean, covariance * (circuit.beta / beta)

    def _posed(self, mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> Moments:
        """Moments of x from those of the channels."""
        plan = self.plan
        if plan.lift is None:
            return mean + plan.shift, covariance
        return plan.lift @ mean + plan.shift, plan.lift @ covariance @ plan.lift.T

    def _duration(self, schedule: Schedule) -> float:
        """Of a step, in units of `Plan.time_s`."""
        if schedule.step_tau is not None:
            return schedule.step_tau
        if schedule.step_s is not None:
            return schedule.step_s / self.plan.time_s
        slowest = 1 / float(self.rates[0])
        period = self._circuit(float(schedule.beta)).period
        return slowest if period is None else math.ceil(slowest / period) * period

    def _stretches(
        self, schedule: Schedule, duration: float, streams: Streams
    ) -> Iterator[tuple[int, int, _Posed | _Wired | _Saturated]]:
        """The first step, the last and the circuit, of all steps for which it stays the same."""
        last, betas = int(schedule.observed_steps()[-1]), schedule.betas()
        # Only beside noise that does not change with β is a change of β more than one of amplitude.
        warmer = np.flatnonzero(np.diff(betas)) + 1 if self.parts.temperature_k else np.array([], dtype=np.int64)
        if self._drift is None:
            ends = [*warmer[warmer < last].tolist(), last]
            for begin, end in pairwise([0, *ends]):
                yield begin, end, self._circuit(float(betas[begin]))
            return
        held = max(1, round(self._drift.every_s / (duration * self.plan.time_s)))
        # What is held is held for whole steps, and by as much the drift goes on.
        pieces = replace(self._drift, every_s=held * duration * self.plan.time_s).pieces(self.parts, streams)
        for first, parts in zip(range(0, last, held), pieces):
            after = min(first + held, last)
            ends = [*warmer[(warmer > first) & (warmer < after)].tolist(), after]
            for begin, end in pairwise([first, *ends]):
                key = float(betas[begin]) if parts.temperature_k else self.plan.beta
                yield begin, end, self._built(parts, key)

    def _frames(
        self, schedule: Schedule, duration: float, start: NDArray[np.float64] | None, streams: Streams
    ) -> Iterator[tuple[NDArray[np.int64], _Posed | _Wired | _Saturated, NDArray[np.float64]]]:
        """Observed steps and the states after them, (chains, looks, states); a batch of steps is computed at once."""
        observed, betas = schedule.observed_steps(), schedule.betas()
        states = None
        for begin, end, circuit in self._stretches(schedule, duration, streams):
            step = circuit.transition(duration)
            if states is None:
                discharged = np.zeros((schedule.chains, len(self.plan.wires)))
                states = circuit.enter(discharged if start is None else start)
            amplitudes = np.sqrt(circuit.beta / betas)
            batch = max(1, _BATCH // states.size)
            for first in range(begin, end, batch):
                last = min(first + batch, end)
                path = step.path(states, last - first, streams, amplitudes=amplitudes[first:last], step0=first)
                looks = observed[slice(*np.searchsorted(observed, [first, last], side="right"))]
                if len(looks):
                    # Looks are evenly spaced, so that nothing need be copied.
                    every = int(looks[1] - looks[0]) if len(looks) > 1 else 1
                    yield looks, circuit, path[:, int(looks[0]) - 1 - first : int(looks[-1]) - first : every]
                states = path[:, -1]

    def twin(self, schedule: Schedule, seed: int) -> NDArray | None:
        from pbits.reference.langevin import saturated_path

        if not self._unknown:
            return None
        streams, plan, duration = Streams(seed=seed), self.plan, self._duration(schedule)
        low, high = streams.key(Stream.THERMAL)
        converter = self._converter(lambda: self._moments(float(schedule.beta)))
        observed, rows, states = schedule.observed_steps(), [], None
        for begin, end, circuit in self._stretches(schedule, duration, streams):
            equation = None if isinstance(circuit, _Posed) else circuit.plain(duration)
            if equation is None:
                return None
            arguments, substeps = equation
            if states is None:
                states = circuit.enter(np.zeros((schedule.chains, len(plan.wires))))
            amplitudes = np.repeat(np.sqrt(circuit.beta / schedule.betas()[begin:end]), substeps).tolist()
            path = saturated_path(
                states, **arguments, amplitudes=amplitudes, key=(int(low), int(high)), step0=begin * substeps
            )
            states = path[:, -1]
            after = path[:, substeps - 1 :: substeps]
            readings = circuit.channels(after[:, observed[(observed > begin) & (observed <= end)] - 1 - begin])
            rows.append(readings if converter is None else converter.read(readings)[0])
        x = np.concatenate(rows, axis=1)
        return (x if plan.lift is None else x @ plan.lift.T) + plan.shift

    def _account(
        self, schedule: Schedule, seen: _Seen, duration: float, preset: bool, converter: Converter | None
    ) -> Execution:
        plan, chains, steps = self.plan, schedule.chains, seen.done
        n, cells = plan.model.n, plan.parts.n
        frames = schedule.frames(steps)
        words, presets = plan.words, cells * chains if preset else 0
        scale = plan.full_scale if plan.design.mapped == "conductance" else 1 / plan.full_scale
        step = duration * scale * plan.design.rc
        word = Work(phase="programming", seconds=self._times.word_s)
        chain = course(
            steps=steps,
            looks=schedule.looks(steps),
            changes=np.array([], dtype=np.int64),
            warmup=schedule.n_warmup,
            sweep=Work(phase="sampling", seconds=step),
            warm=Work(phase="warm-up", seconds=step),
            change=word,
            frame=self._times.frame(n),
        )
        preset_words = replace(word, repeat=cells if preset else 0)
        timeline = play([replace(word, repeat=words), Cycle(works=[preset_words, *chain], repeat=chains)])
        counts: dict[str, float] = {
            "dac": words + presets,
            "adc": n * frames * chains,
            "read": n * frames * chains,
        }
        if step.value is not None:
            sampled_s = steps * chains * step.value
            counts["cell_second"] = cells * sampled_s
            counts["noise_second"] = cells * sampled_s
            if amplifiers := plan.amplifiers:
                counts["amplifier_second"] = amplifiers * sampled_s
            if isinstance(self.parts.spectrum, Held | Interpolated):
                counts["noise_update"] = cells * sampled_s / self.parts.spectrum.step_s
        if products := plan.host_products(frames * chains):
            counts["host_product"] = products
        beyond = seen.beyond / (seen.numbers / n * cells)
        used = {
            "resistance_ohm": Figure.of(plan.design.resistance_ohm),
            "capacitance_f": Figure.of(plan.design.capacitance_f),
            "word_s": Figure.of(self._times.word_s),
            "adc_s": Figure.of(self._times.adc_s),
        }
        unstated = [name for name, figure in used.items() if figure.value is None]
        return Execution(
            counts=counts,
            seconds={"active": timeline.device_time},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            programming=Programming(
                counts={"dac": words}, seconds=words * Figure.of(self._times.word_s), state="active"
            ),
            notes=self._electrical_notes()
            | {
                "step_s": step.value,
                "step_tau": duration if plan.keeps_time else None,
                "step_in_slowest_relaxations": duration * float(self.rates[0]),
                "adc": None
                if converter is None
                else {
                    "bits": converter.bits,
                    "step": converter.step,
                    "full_scale": converter.full_scale,
                    "clip_fraction": seen.clipped / seen.numbers,
                },
                "swing": None
                if plan.design.swing_v is None
                else {
                    "swing_v": plan.design.swing_v,
                    "headroom_sd": plan.headroom(plan.design.swing_v),
                    "beyond_fraction": beyond,
                },
                "harms": [f"{beyond:.2g} of the voltages lie beyond the swing, where cells would clip"]
                if beyond > _BEYOND
                else [],
            }
            | ({"times_not_stated": unstated} if unstated else {}),
        )

    def _electrical_notes(self) -> dict[str, Any]:
        """Scale, rates and component errors; volts and noise currents where the circuit states them."""
        plan, design = self.plan, self.plan.design
        slowest, fastest = self.relaxation_s or (None, None)
        volts = None if design.noise_voltage_rms_v is None else plan.volts
        noise = None if volts is None or not design.stated else float(plan.parts.noise_a2_per_hz[0, 0])
        conducting = design.mapped == "conductance"
        scale = plan.scale if plan.scale_stated else None
        return {
            "mapping": design.mapped,
            "coupling": plan.coupling,
            "cell": design.cell,
            "transform": plan.transform,
            "mean": design.mean,
            "cells": plan.parts.n,
            "digital_work": plan.digital_work,
            "conductance_per_unit_of_a_siemens": scale if conducting else None,
            "capacitance_per_unit_of_a_farads": None if conducting else scale,
            "time_constant_s": self.time_constant_s,
            "relaxation_slowest_s": slowest,
            "relaxation_fastest_s": fastest,
            "component_step": plan.component_step,
            "largest_component_error": plan.largest_error(self.parts),
            "volts_per_unit_of_x": volts,
            "noise_current_a2_per_hz_two_sided": noise,
            "effects": self._effects,
        } | self._accuracy_notes()

    def _accuracy_notes(self) -> dict[str, Any]:
        if self._accuracy is None:
            return {}
        error = self.covariance_error(self.plan.beta)
        return {"covariance_error": error, "advice": vars(self.plan.advice(self._accuracy))}


class _Seen:
    """What was read, handed over in the way that the observer takes: all of a batch at once where it can."""

    def __init__(self, observe: Observer, schedule: Schedule, plan: Plan):
        self._observe, self._plan = observe, plan
        # A search for a target may stop after any look.
        self._bulk = observe if isinstance(observe, BulkObserver) and schedule.stop_at is None else None
        self._every = schedule.steps_per_sample if schedule.kind == "sample" else 1
        self._looks = 0
        self._last: NDArray[np.float64] | None = None
        self.done = self.numbers = self.clipped = self.beyond = 0

    def hand_over(self, steps: NDArray[np.int64], readings: NDArray[np.float64]) -> bool:
        """Give readings (chains, looks, n) of the channels to the observer; True asks to stop."""
        plan = self._plan
        self.numbers += readings.size
        x = readings if plan.lift is None else readings @ plan.lift.T
        if plan.shift.any():
            x = x + plan.shift
        if self._bulk is None:
            for look, step in enumerate(steps.tolist()):
                self.done = step
                if self._observe(step, x[:, look]):
                    return True
            return False
        self.done = int(steps[-1])
        if (place := self._bulk.draws(self._looks, len(steps))) is not None:
            place[...] = x
        self._looks += len(steps)
        self._last = x[:, -1]
        energies = self._bulk.model.energy(x)
        best = np.unravel_index(int(energies.argmin()), energies.shape)
        return self._bulk.take(self.done, self._every, energies, float(energies[best]), x[best])

    def finish(self) -> None:
        if self._bulk is not None and self._last is not None:
            self._bulk.finish(self._last, [])


def _multiple_of_one(matrix: NDArray[np.float64], value: float) -> bool:
    off = matrix - value * np.eye(len(matrix))
    return bool(np.abs(off).max() <= _EQUAL * value)


def _agree(found: Moments, truth: Moments) -> bool:
    """Whether two pairs of moments are one law, but for rounding."""
    spread = np.sqrt(np.diag(truth[1]))
    means = np.abs(found[0] - truth[0]) / spread
    covariances = np.abs(found[1] - truth[1]) / np.outer(spread, spread)
    return max(float(means.max()), float(covariances.max())) <= _SAME
