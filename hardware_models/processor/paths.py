"""Paths of Langevin equations on a processor: draws depend on those before, so they are steps one after another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.processor.tiers import (
    NORMAL_FLOPS,
    NUMBER_BYTES,
    RANDOM_BITS_PER_NORMAL,
    RNG_FLOPS,
    Chains,
    Roofline,
    Tier,
    Units,
    execution,
)
from pbits.kernels.philox import normals
from pbits.langevin import Integrator, OrnsteinUhlenbeck, halved_over, wells
from pbits.models import DiffusionModel, EnergyModel, PotentialModel, QuarticModel
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Execution, Law, Observer, Program

# States computed at once.
_BATCH = 1 << 16

INTEGRATOR_ERROR = 0.02
"""What the integrator's error of the mean energy may come to, over the ½kT of every site."""

_NOT_PUBLISHED = Tier(refused=("published rates are of spin updates",))


class DiffusionProgram(Program):
    """Exact steps x' = m + Φ(x − m) + Rξ/√β, prepared once for the time between two draws.

    Chains start in the stationary law, where no start states are given, and then need no warm-up. Φ and R come from a
    power series over a short time and doublings of it (`pbits.langevin.OrnsteinUhlenbeck`), and so does the stationary
    covariance, by going on until single precision sees no change.
    """

    def __init__(self, model: DiffusionModel, roofline: Roofline, units: Units, notes: dict[str, Any]):
        self._model = model
        self._roofline = roofline
        self._units = units
        self._notes = notes
        self._process = OrnsteinUhlenbeck(model.A, model.D, model.mean)

    def realised(self, beta: float) -> DiffusionModel:
        return self._model

    def law(self, beta: float) -> Law:
        return Law(kind="boltzmann", model=self._model, beta=beta)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        model, chains = self._model, schedule.chains
        duration = schedule.step_tau or 1 / float(self._process.rates[0])
        betas = schedule.betas()
        if initial is None:
            noise = np.empty((model.n, chains))
            normals(noise, *streams.key(Stream.INITIAL), 0, 0, 0)
            spread = np.linalg.cholesky(model.covariance) @ noise / math.sqrt(betas[0])
            start = model.mean + spread.T
        else:
            start = np.broadcast_to(initial, (chains, model.n))
        done = 0
        for done, states in self._frames(schedule, duration, start, streams):
            if observe(done, states):
                break
        return self._account(schedule, done, duration, initial is not None)

    def _frames(
        self, schedule: Schedule, duration: float, states: NDArray[np.float64], streams: Streams
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        observed, amplitudes = schedule.observed_steps(), 1 / np.sqrt(schedule.betas())
        transition = self._process.transition(duration)
        batch = max(1, _BATCH // states.size)
        for first in range(0, int(observed[-1]), batch):
            last = min(first + batch, int(observed[-1]))
            path = transition.path(states, last - first, streams, amplitudes=amplitudes[first:last], step0=first)
            for step in observed[(observed > first) & (observed <= last)]:
                yield int(step), path[:, int(step) - 1 - first]
            states = path[:, -1]

    def _account(self, schedule: Schedule, done: int, duration: float, preset: bool) -> Execution:
        n, chains, frames = self._model.n, schedule.chains, schedule.frames(done)
        annealed = schedule.kind == "anneal"
        # One product does for all the time between two draws, and one more for a warm-up.
        warm = int(preset and not annealed and schedule.n_warmup > 0)
        steps = done if annealed else frames + warm
        between = duration * (1 if annealed else schedule.steps_per_sample)
        flops = (1 + warm) * self._preparing(between)
        if not preset:
            flops += self._settling(between) + n**3 / 3 + chains * n**2
        draws = steps * chains
        flops += draws * (3 * n**2 + n * (RNG_FLOPS + NORMAL_FLOPS))
        prepared = NUMBER_BYTES * 1.5 * n**2
        read_out = NUMBER_BYTES * n * frames * chains
        shared = steps * prepared
        in_units = Chains(
            count=chains,
            steps=steps,
            flops=flops,
            read_out_bytes=read_out,
            model_bytes=prepared,
            chain_bytes=NUMBER_BYTES * n,
        )
        moved = shared + 2 * NUMBER_BYTES * n * draws + read_out
        tiers = {
            "roofline": self._roofline.tier(flops, moved, phases=steps + 1, shared_bytes=shared),
            "apart": self._units.tier(in_units, self._roofline),
            "published": _NOT_PUBLISHED,
        }
        counts = {
            "random_bit": (draws + (0 if preset else chains)) * n * RANDOM_BITS_PER_NORMAL,
            "read": n * frames * chains,
            "flop": flops,
            "byte": moved,
        }
        notes = {"algorithm": "exact steps of an Ornstein–Uhlenbeck process", "step_tau": duration}
        return execution(counts, tiers, self._notes | notes)

    def _preparing(self, duration: float) -> float:
        """Operations of Φ, the covariance of its noise and the root R: series of 20 products, and 3 for a doubling.

        Φ of the short time is a Padé approximant of 4 products and a system of equations.
        """
        n, size = self._model.n, float(np.linalg.norm(self._model.A, 1)) * duration
        doublings = max(0, math.ceil(math.log2(2 * size)))
        return 2 * n**3 * (24 + 3 * doublings) + 8 * n**3 / 3 + n**3 / 3

    def _settling(self, duration: float) -> float:
        """Operations of the doublings from there to the stationary covariance."""
        left = math.log(2.0**24) / (2 * float(self._process.rates[0]) * duration)
        return 6 * self._model.n**3 * max(0, math.ceil(math.log2(left)))


class PotentialProgram(Program):
    """Small steps of dx = −∇E dt + √(2/β) dW by Leimkuhler and Matthews' scheme, of second order."""

    def __init__(self, model: QuarticModel | PotentialModel, roofline: Roofline, units: Units, notes: dict[str, Any]):
        self._model = model
        self._roofline = roofline
        self._units = units
        self._notes = notes

    def realised(self, beta: float) -> EnergyModel:
        return self._model

    def law(self, beta: float) -> Law:
        return Law(kind="boltzmann", model=self._model, beta=beta)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        shape = schedule.chains, self._model.n
        beta = float(schedule.beta)
        duration = schedule.step_tau or 1 / float(wells(self._model, beta).curvature.min())
        longest, error = halved_over(self._model, schedule.betas(), accuracy=INTEGRATOR_ERROR)
        substeps = math.ceil(duration / longest)
        moves = Integrator(scheme="leimkuhler-matthews", step=duration / substeps)
        x = np.zeros(shape) if initial is None else np.broadcast_to(initial, shape)
        betas, at = schedule.betas(), 0
        for step in schedule.observed_steps():
            path = moves.sample(
                self._model,
                x,
                streams,
                beta=np.repeat(betas[at:step], substeps),
                samples=1,
                steps_per_sample=(int(step) - at) * substeps,
                step0=at * substeps,
            )
            x, at = path.x[:, -1], int(step)
            if observe(at, x):
                break
        notes = {
            "algorithm": "Leimkuhler–Matthews",
            "step_tau": duration,
            "integrator_steps_per_step": substeps,
            "integrator_error_of_mean_energy": error,
        }
        return self._account(schedule, at, substeps, notes)

    def _account(self, schedule: Schedule, done: int, substeps: int, notes: dict[str, Any]) -> Execution:
        n, chains, frames = self._model.n, schedule.chains, schedule.frames(done)
        steps = done * substeps
        gradient, model_bytes = _gradient(self._model)
        read_out = NUMBER_BYTES * n * frames * chains
        counts: dict[str, float] = {
            "random_bit": steps * chains * n * RANDOM_BITS_PER_NORMAL,
            "read": n * frames * chains,
        }
        unknown = Tier(refused=("the operations of the model's gradient are not stated",))
        tiers = {"roofline": unknown, "apart": unknown, "published": _NOT_PUBLISHED}
        if gradient is not None:
            flops = steps * chains * (gradient + n * (4 + RNG_FLOPS + NORMAL_FLOPS))
            shared = steps * model_bytes
            moved = shared + 2 * NUMBER_BYTES * n * steps * chains + read_out
            in_units = Chains(
                count=chains,
                steps=steps,
                flops=flops,
                read_out_bytes=read_out,
                model_bytes=model_bytes,
                chain_bytes=2 * NUMBER_BYTES * n,
            )
            tiers["roofline"] = self._roofline.tier(flops, moved, phases=steps, shared_bytes=shared)
            tiers["apart"] = self._units.tier(in_units, self._roofline)
            counts |= {"flop": flops, "byte": moved}
        return execution(counts, tiers, self._notes | notes)


def _gradient(model: QuarticModel | PotentialModel) -> tuple[float | None, float]:
    """Operations of one gradient of one state, and bytes of what it reads; of functions, a number for every two."""
    if isinstance(model, QuarticModel):
        pairs = model.couplings.csr.nnz
        return 5 * model.n + 2 * pairs, NUMBER_BYTES * (3 * model.n + 2 * pairs)
    stated = model.gradient_flops
    return stated, 0.0 if stated is None else NUMBER_BYTES * stated / 2
