"""Noisy cells whose drift a host computes: any potential given as a function and its gradient, step by step.

Cells hold voltages and make the noise; in every step a converter reads them, the host computes ∇E, and a converter
writes the drift, which stands while the cells flow: x' = x − η∇E(x̂) + √(2η/β)ξ, with x̂ what was read. That is the
method of Euler and Maruyama done by a machine, and its law is not Boltzmann's: of a Gaussian model it is known
exactly, delay included. What the host does is counted, and is as a rule what costs most.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_discrete_lyapunov

from hardware_models.langevin.converter import Converter
from hardware_models.langevin.potentials import potential_of
from hardware_models.timeline import Cycle, Work, course, play
from pbits.kernels.philox import normals
from pbits.langevin import wells
from pbits.models import EnergyModel, GaussianModel, PotentialModel, QuarticModel
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.reference.hosted import hosted_chains
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Capabilities, Execution, Law, Observer, Placement, Program, Substrate


class Hosted(Substrate):
    """Cells with noise of their own and a host in the loop.

    Parameters
    ----------
    hold : float
        η: for how long a drift stands, in the model's own time, in which dx = −∇E dt + √(2/β) dW.
    delay : int
        Steps by which a drift is late: it is of what was read so many steps ago.
    noise_error : float
        The cells' noise power is 1 + noise_error times what it should be.
    adc_bits, dac_bits : int, optional
        Resolution of what is read and of what is written; exact when absent.
    adc_full_scale, dac_full_scale : float
        ± this is what a reading, and η∇E, can be; what lies beyond is clipped and counted.
    max_cells : int, optional
    hold_s : Figure or float, optional
        Seconds that the cells flow in a step.
    adc_s, dac_s : Figure or float, optional
        To read, and to write, all cells once.
    flop_s : Figure or float, optional
        Of the host, for an operation.
    link_s : Figure or float, optional
        For a message there and back.
    prices : PriceTable, optional
    name : str

    Notes
    -----
    A step of the schedule is by default the time in which the softest site relaxes; it is divided in whole steps of the
    host. Counted are "adc", "dac", "host_flop" (of a model that states the operations of its gradient; of others
    "host_gradient", one a step and chain), "link_word", "read" and, where `hold_s` is known, "cell_second". Chains run
    one after another on the one circuit.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models import langevin
    >>> well = pbits.PotentialModel(1, lambda x: np.cosh(x).sum(-1), np.sinh, gradient_flops=20)
    >>> run = pbits.run(well, langevin.Hosted(), pbits.Schedule(n_samples=50, chains=4, step_tau=0.5), seed=1)
    >>> run.counts["host_flop"] == 20 * run.counts["adc"]
    True
    """

    def __init__(
        self,
        *,
        hold: float = 0.05,
        delay: int = 0,
        noise_error: float = 0.0,
        adc_bits: int | None = None,
        dac_bits: int | None = None,
        adc_full_scale: float = 8.0,
        dac_full_scale: float = 8.0,
        max_cells: int | None = None,
        hold_s: Figure | float | None = None,
        adc_s: Figure | float | None = None,
        dac_s: Figure | float | None = None,
        flop_s: Figure | float | None = None,
        link_s: Figure | float | None = None,
        prices: PriceTable | None = None,
        name: str = "cells with a host in the loop",
        spec: MachineSpec | None = None,
    ):
        for label, value in (("hold", hold), ("adc_full_scale", adc_full_scale), ("dac_full_scale", dac_full_scale)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{label} is {value}; it must be positive and finite")
        if not (math.isfinite(noise_error) and noise_error > -1):
            raise ValueError(f"noise_error is {noise_error}; it must be above −1, where there would be no noise")
        for label, bits in (("adc_bits", adc_bits), ("dac_bits", dac_bits)):
            if bits is not None and not (isinstance(bits, int | np.integer) and 1 <= bits <= 32):
                raise ValueError(f"{label} is {bits}; it must be a whole number from 1 to 32, or None for exact")
        if not isinstance(delay, int | np.integer) or delay < 0:
            raise ValueError(f"delay is {delay!r}; it must be a whole number of steps, at least 0")
        if max_cells is not None and not (isinstance(max_cells, int | np.integer) and max_cells >= 1):
            raise ValueError(f"max_cells is {max_cells}; it must be a whole number of at least 1, or None for any")
        self.name, self.prices, self.spec = name, prices, spec
        self.hold, self.delay, self.noise_error = hold, int(delay), noise_error
        self.adc = None if adc_bits is None else Converter(bits=adc_bits, full_scale=adc_full_scale)
        self.dac = None if dac_bits is None else Converter(bits=dac_bits, full_scale=dac_full_scale)
        self._max_cells = max_cells
        self.times = {
            "hold_s": Figure.of(hold_s), "adc_s": Figure.of(adc_s), "dac_s": Figure.of(dac_s),
            "flop_s": Figure.of(flop_s), "link_s": Figure.of(link_s),
        }  # fmt: skip
        for label, figure in self.times.items():
            if figure.value is not None and not (math.isfinite(figure.value) and figure.value > 0):
                raise ValueError(f"{label} is {figure.value}; it must be positive and finite, or None where unknown")
        self.capabilities = Capabilities(
            domains=frozenset({"real"}),
            models=(GaussianModel, QuarticModel, PotentialModel),
            clamp=False,
            unchecked=("number of cells: not stated",) if max_cells is None else (),
        )

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
        if schedule is not None and schedule.step_s is not None and self.times["hold_s"].value is None:
            reasons.append("schedule.step_s is given, but the seconds of a hold are not stated; give step_tau")
        if isinstance(model, GaussianModel) and (reach := _spectral_radius(model, self.hold, self.delay)) >= 1:
            stiffest = float(np.linalg.eigvalsh(model.A)[-1])
            reasons.append(
                f"with a drift that stands for {self.hold:g} and comes {self.delay} steps late the stiffest direction "
                f"(curvature {stiffest:.3g}) grows by {reach:.3g} a step; take hold below {2 / stiffest:.3g}, and less "
                "with a delay"
            )
        return reasons

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        return HostedProgram(model, self)


class HostedProgram(Program):
    """A potential whose gradient a host computes."""

    def __init__(self, model: EnergyModel, machine: Hosted):
        self._model, self._machine = model, machine
        self._potential = potential_of(model)

    def realised(self, beta: float) -> EnergyModel:
        return self._model

    def law(self, beta: float) -> Law:
        model, machine = self._model, self._machine
        if isinstance(model, GaussianModel) and machine.adc is None and machine.dac is None:
            covariance = stationary_covariance(model.A, machine.hold, machine.delay, machine.noise_error) / beta
            return Law(
                kind="stationary",
                model=model,
                beta=beta,
                moments=(model.mean, covariance),
                note=f"of drifts that stand for {machine.hold:g} and come {machine.delay} steps late",
            )
        return Law(
            kind="unknown",
            model=None,
            beta=beta,
            note="Euler's steps of a potential that is not quadratic, or through converters, have no known law",
        )

    def twin(self, schedule: Schedule, seed: int) -> NDArray[np.float64]:
        machine = self._machine
        first, second = Streams(seed=seed).key(Stream.THERMAL)
        return hosted_chains(
            self._potential,
            schedule,
            (int(first), int(second)),
            substeps=self._substeps(schedule),
            hold=machine.hold,
            delay=machine.delay,
            noise=1 + machine.noise_error,
            adc=None if machine.adc is None else (machine.adc.bits, machine.adc.full_scale),
            dac=None if machine.dac is None else (machine.dac.bits, machine.dac.full_scale),
        )

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        machine, chains, n = self._machine, schedule.chains, self._model.n
        substeps, hold = self._substeps(schedule), machine.hold
        x = np.zeros((chains, n)) if initial is None else np.array(np.broadcast_to(initial, (chains, n)), dtype=float)
        key = streams.key(Stream.THERMAL)
        noise, drifts = np.empty((n, chains)), [np.zeros((chains, n))] * machine.delay
        clipped = done = 0
        observed, betas = set(schedule.observed_steps().tolist()), schedule.betas()
        for step in range(1, schedule.total_steps + 1):
            strength = math.sqrt(2 * hold * (1 + machine.noise_error) / betas[step - 1])
            for part in range(substeps):
                seen, lost = (x, 0) if machine.adc is None else machine.adc.read(x)
                push = hold * self._potential.gradient(seen)
                if machine.dac is not None:
                    push, more = machine.dac.read(push)
                    lost += more
                clipped += lost
                drifts.append(push)
                normals(noise, *key, 0, (step - 1) * substeps + part, 0)
                x = x - drifts.pop(0) + strength * noise.T
            if not np.isfinite(x).all():
                raise ValueError(
                    f"voltages ran away with drifts that stand for {hold:g}; take a smaller hold, or less delay"
                )
            done = step
            if step in observed and observe(step, x.copy()):
                break
        notes = {
            "step_tau": substeps * hold,
            "host_steps_per_step": substeps,
            "delay": machine.delay,
            "clip_fraction": clipped / (chains * n * done * substeps),
        }
        return self._account(schedule, done, substeps, initial is not None, notes)

    def _substeps(self, schedule: Schedule) -> int:
        """Steps of the host in one of the schedule."""
        if schedule.step_tau is not None:
            duration = schedule.step_tau
        elif schedule.step_s is not None:
            held = self._machine.times["hold_s"].value
            assert held is not None, "limits() lets step_s through only where a hold has seconds"
            return max(1, math.ceil(schedule.step_s / held - 1e-9))
        elif isinstance(self._model, GaussianModel):
            duration = 1 / float(np.linalg.eigvalsh(self._model.A)[0])
        else:
            duration = 1 / float(wells(self._potential, float(schedule.beta)).curvature.min())
        return max(1, math.ceil(duration / self._machine.hold - 1e-9))

    def _account(self, schedule: Schedule, steps: int, substeps: int, preset: bool, notes: dict[str, Any]) -> Execution:
        n, chains, times = self._model.n, schedule.chains, self._machine.times
        flops = _flops(self._potential)
        frames, rounds = schedule.frames(steps), steps * substeps * chains
        host = Figure.of(None) if flops is None else flops * times["flop_s"]
        step = (times["adc_s"] + host + times["link_s"] + times["dac_s"] + times["hold_s"]) * substeps
        write = Work(phase="programming", seconds=times["dac_s"], repeat=1 if preset else 0)
        chain = course(
            steps=steps,
            looks=schedule.looks(steps),
            changes=np.array([], dtype=np.int64),
            warmup=schedule.n_warmup,
            sweep=Work(phase="sampling", seconds=step),
            warm=Work(phase="warm-up", seconds=step),
            change=write,
            frame=[Work(phase="read-out", seconds=times["adc_s"])],
        )
        timeline = play([Cycle(works=[replace(write), *chain], repeat=chains)])
        counts: dict[str, float] = {
            "adc": n * rounds,
            "dac": n * rounds + (n * chains if preset else 0),
            "link_word": 2 * n * rounds,
            "read": n * frames * chains,
        }
        counts |= {"host_gradient": rounds} if flops is None else {"host_flop": flops * rounds}
        held = times["hold_s"].value
        if held is not None:
            counts["cell_second"] = n * rounds * held
        if unstated := [name for name, figure in times.items() if figure.value is None]:
            notes = notes | {"times_not_stated": unstated}
        return Execution(
            counts=counts,
            seconds={"active": timeline.device_time},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            notes=notes,
        )


def stationary_covariance(
    A: NDArray[np.float64], hold: float, delay: int = 0, noise_error: float = 0.0
) -> NDArray[np.float64]:
    """Covariance at β = 1 of x_{k+1} = x_k − ηA x_{k−d} + √(2η(1 + ε))ξ, (n, n).

    Without delay it is (1 + ε)A⁻¹(1 − ηA/2)⁻¹. With delay it is the corner of the solution of Σ = MΣMᵀ + Q of the last
    d + 1 states.

    Raises
    ------
    ValueError
        When no law is stationary.

    Examples
    --------
    >>> stationary_covariance(np.array([[2.0]]), 0.1).round(4)  # ½/(1 − 0.1)
    array([[0.5556]])
    """
    n = len(A)
    turn = _turn(A, hold, delay)
    if np.abs(np.linalg.eigvals(turn)).max() >= 1:
        raise ValueError(f"steps of {hold:g} with a delay of {delay} grow; take a smaller one")
    spread = np.zeros_like(turn)
    spread[:n, :n] = 2 * hold * (1 + noise_error) * np.eye(n)
    found: Any = solve_discrete_lyapunov(turn, spread)
    return np.asarray(found[:n, :n])


def _turn(A: NDArray[np.float64], hold: float, delay: int) -> NDArray[np.float64]:
    """The matrix by which the last d + 1 deviations move on."""
    n = len(A)
    turn = np.zeros((n * (delay + 1), n * (delay + 1)))
    turn[:n, :n] = np.eye(n)
    turn[:n, n * delay :] -= hold * A
    turn[n:, : n * delay] = np.eye(n * delay)
    return turn


def _spectral_radius(model: GaussianModel, hold: float, delay: int) -> float:
    return float(np.abs(np.linalg.eigvals(_turn(model.A, hold, delay))).max())


def _flops(model: QuarticModel | PotentialModel) -> float | None:
    """Operations of one gradient; None where nobody counted."""
    if isinstance(model, QuarticModel):
        return 5 * model.n + 2 * model.couplings.csr.nnz
    return model.gradient_flops


KEYS = (
    "circuit", "hold", "delay", "noise_error", "adc_bits", "dac_bits", "adc_full_scale", "dac_full_scale", "max_cells",
    "hold_time", "adc_time", "dac_time", "flop_time", "link_time",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> Hosted:
    """Cells with a host from a catalogue entry."""
    spec.reject_unknown(KEYS)
    return Hosted(
        hold=spec.number("hold", "1", default=None) or 0.05,
        delay=spec.integer("delay", default=None) or 0,
        noise_error=spec.number("noise_error", "1", default=None) or 0.0,
        adc_bits=spec.integer("adc_bits", default=None),
        dac_bits=spec.integer("dac_bits", default=None),
        adc_full_scale=spec.number("adc_full_scale", "1", default=None) or 8.0,
        dac_full_scale=spec.number("dac_full_scale", "1", default=None) or 8.0,
        max_cells=spec.integer("max_cells", default=None),
        hold_s=spec.figure("hold_time", "s"),
        adc_s=spec.figure("adc_time", "s"),
        dac_s=spec.figure("dac_time", "s"),
        flop_s=spec.figure("flop_time", "s"),
        link_s=spec.figure("link_time", "s"),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
