"""Epochs of training: in one compiled loop, in closed form, or by runs of a machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pbits.algorithms.tempering import temper
from pbits.learning.cost import Cost
from pbits.learning.jobs import Job, State, held, order_of
from pbits.learning.mean_field import mean_field
from pbits.models import BoltzmannModel, IsingModel
from pbits.result import Run
from pbits.runner import run
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams, derived_seed

# Share of new means in the running ones that slopes are centred on.
_DRIFT = 0.05
_FLAT = 1e-6
# Of the runs of a step, in their seeds.
_POSITIVE, _NEGATIVE = 0, 1


class Engine(Protocol):
    cost: Cost

    def epoch(self, state: State, number: int, rates: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Change the state by an epoch; returns its reconstruction error and its acceptances."""
        ...


def engine_for(job: Job) -> Engine:
    model, plan = job.model, job.plan
    if job.machine.name != "ideal" or plan.positive != "auto" or not isinstance(model, BoltzmannModel):
        return _OnMachine(job)
    if plan.objective == "conditional":
        return _InClosedForm(job) if model.is_restricted else _OnMachine(job)
    simple = plan.method in ("cd", "pcd") and plan.draws == 1 and plan.centred and plan.max_weight is None
    return _InKernel(job) if model.is_restricted and simple else _OnMachine(job)


class _InKernel:
    """A restricted machine on this computer: an epoch is one call."""

    def __init__(self, job: Job):
        self.cost = Cost()
        self._job = job
        held = job.model.clamp(job.data, job.labels)
        self._seen = np.stack([held[site] for site in job.model.seen.tolist()], axis=1)
        self._sites = np.concatenate([job.model.seen, job.model.hidden])
        self._wired = job.model.wired

    def epoch(self, state: State, number: int, rates: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        # Loaded late, since it loads the compiler.
        from pbits.kernels import restricted
        from pbits.kernels.xoshiro import seed

        job, plan, sites = self._job, self._job.plan, self._sites
        model = job.model
        here, there = len(model.seen), model.n_hidden
        weights, velocity = (self._matrix(values) for values in (state.parameters, state.velocity))
        fields, field_velocity = (values[model.n_couplings :][sites] for values in (state.parameters, state.velocity))
        persistent = plan.method == "pcd"
        chains = np.empty((job.chains, there), dtype=np.float32)
        if persistent:
            chains[:] = state.chains[:, model.hidden]
        centre = state.centre[sites]
        rows = max(job.batch, job.chains)
        words = np.zeros((rows * max(here, there) // 16 + 1, 8), dtype=np.uint64)
        stream = seed(Streams(seed=derived_seed(job.seed, number)).key(Stream.THERMAL), 0, 1)
        changed = restricted.epoch(
            self._seen, order_of(job, number), job.batch, weights, self._wired, fields,
            0 if plan.weight_bits is None else 2 ** (plan.weight_bits - 1) - 1, velocity, field_velocity, centre,
            chains, persistent, plan.sweeps, rates, plan.momentum, plan.decay, _DRIFT,
            (words, words.reshape(-1).view(np.uint32), stream),
        )  # fmt: skip
        state.parameters = self._flat(weights, fields)
        state.velocity = self._flat(velocity, field_velocity)
        state.centre[sites] = centre
        if persistent:
            state.chains[:, model.hidden] = chains
        return (np.nan if persistent else changed), np.zeros(0)

    def _matrix(self, flat: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._job.model.with_parameters(flat).weights

    def _flat(self, weights: NDArray[np.float64], fields: NDArray[np.float64]) -> NDArray[np.float64]:
        here = len(self._job.model.seen)
        return self._job.model.with_weights(weights, fields[:here], fields[here:]).parameters


class _OnMachine:
    """Phases sampled by runs of any machine."""

    def __init__(self, job: Job):
        self.cost = Cost()
        self._job = job
        cap = job.machine.capabilities.max_coupling
        self._cap = min(job.plan.max_weight or np.inf, np.inf if cap is None else cap)

    def epoch(self, state: State, number: int, rates: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        job = self._job
        order = order_of(job, number)
        changed, accepted = [], []
        for k, rate in enumerate(rates):
            chosen = order[k * job.batch : (k + 1) * job.batch]
            share, acceptance = self._step(state, chosen, float(rate), (number, k))
            changed.append(share)
            accepted.append(acceptance)
        acceptance = np.mean(accepted, axis=0)
        if job.plan.method == "tempered" and isinstance(job.plan.levels, int):
            state.ladder = evened(state.ladder, acceptance)
        return float(np.mean(changed)), acceptance

    def _step(
        self, state: State, chosen: NDArray[np.int64], rate: float, key: tuple[int, int]
    ) -> tuple[float, NDArray[np.float64]]:
        job, plan = self._job, self._job.plan
        model = job.model.with_parameters(held(job.model, state.parameters, plan.weight_bits))
        labels = None if job.labels is None else job.labels[chosen]
        posed = model.to_model()
        clamp = model.clamp(job.data[chosen], labels)
        filled, last = self._positive(model, posed, clamp, len(chosen), key)
        free = model.clamp(job.data[chosen]) if plan.objective == "conditional" else {}
        acceptance, share = np.zeros(0), np.nan
        if plan.method == "tempered":
            draws, acceptance = self._tempered(posed, state, key)
        else:
            start = {"cd": last, "pcd": state.chains, "fresh": None}[plan.method]
            chains = len(chosen) if plan.objective == "conditional" else job.chains
            done = self._run(posed, plan.sweeps, chains, free, start, (*key, _NEGATIVE))
            draws = done.states
            if plan.method == "pcd":
                state.chains = done.states[:, -1].copy()
            elif plan.method == "cd":
                sites = np.array([site for site in clamp if site not in free])
                share = float((done.states[:, -1][:, sites] != last[:, sites]).mean())
        positive, negative = model.statistics(filled), model.statistics(draws.reshape(-1, model.n))
        self._descend(state, positive, negative, rate)
        return share, acceptance

    def _positive(
        self, model: Any, posed: Any, clamp: dict[int, NDArray], rows: int, key: tuple[int, int]
    ) -> tuple[NDArray, NDArray]:
        """States or means with the data held, and the states that chains of the negative phase start from."""
        job, plan = self._job, self._job.plan
        if plan.positive == "mean-field":
            means = mean_field(posed, clamp, rows)
            rng = Streams(seed=derived_seed(job.seed, *key, _POSITIVE)).generator(Stream.INITIAL, "mean field")
            return means, np.where(rng.random(means.shape) < (1 + means) / 2, 1, -1).astype(np.int8)
        if not model.n_hidden:
            states = np.empty((rows, model.n), dtype=np.int8 if isinstance(posed, IsingModel) else np.int16)
            for site, values in clamp.items():
                states[:, site] = values
            return states, states
        done = self._run(posed, plan.positive_sweeps or plan.sweeps, rows, clamp, None, (*key, _POSITIVE))
        return done.states.reshape(-1, model.n), done.states[:, -1]

    def _run(
        self,
        posed: Any,
        sweeps: int,
        chains: int,
        clamp: Mapping[int, Any],
        initial: NDArray | None,
        key: tuple[int, ...],
    ) -> Run:
        job = self._job
        spacing = max(1, sweeps // 2 // job.plan.draws)
        schedule = Schedule(
            n_samples=job.plan.draws,
            n_warmup=sweeps - job.plan.draws * spacing,
            steps_per_sample=spacing,
            chains=chains,
        )
        done = run(
            posed, job.machine, schedule, seed=derived_seed(job.seed, *key), chip_seed=job.chip_seed, clamp=clamp,
            initial=initial, judge=False,
        )  # fmt: skip
        self.cost += Cost.of(done)
        return done

    def _tempered(self, posed: Any, state: State, key: tuple[int, int]) -> tuple[NDArray, NDArray[np.float64]]:
        job, plan = self._job, self._job.plan
        found = temper(
            posed, job.machine, betas=state.ladder, sweeps=plan.sweeps, n_samples=plan.draws, copies=job.chains,
            seed=derived_seed(job.seed, *key, _NEGATIVE), chip_seed=job.chip_seed, initial=state.chains,
        )  # fmt: skip
        self.cost += Cost.of(found.run)
        state.chains = found.run.states[:, -1].copy()
        return found.run.states[-job.chains :], np.nan_to_num(found.acceptance)

    def _descend(self, state: State, positive: NDArray[np.float64], negative: NDArray[np.float64], rate: float) -> None:
        plan, model = self._job.plan, self._job.model
        slope = positive - negative
        couplings, fields = np.split(slope, [model.n_couplings])
        if plan.centred and isinstance(model, BoltzmannModel):
            means = (positive + negative)[model.n_couplings :] / 2
            state.centre = state.centre + _DRIFT * (means - state.centre)
            i, j = model.edges.T
            mu = state.centre
            couplings = couplings - mu[i] * fields[j] - fields[i] * mu[j]
            fields = (
                fields
                - np.bincount(i, couplings * mu[j], minlength=model.n)
                - np.bincount(j, couplings * mu[i], minlength=model.n)
            )
        pulled = couplings - plan.decay * state.parameters[: model.n_couplings]
        state.velocity = plan.momentum * state.velocity + rate * np.concatenate([pulled, fields])
        changed = state.parameters + state.velocity
        changed[: model.n_couplings] = np.clip(changed[: model.n_couplings], -self._cap, self._cap)
        state.parameters = changed


class _InClosedForm(_OnMachine):
    """Labels given data, of an ideal restricted machine: phases are sums over the classes, and nothing is drawn."""

    def _step(
        self, state: State, chosen: NDArray[np.int64], rate: float, key: tuple[int, int]
    ) -> tuple[float, NDArray[np.float64]]:
        job = self._job
        assert job.labels is not None, "a conditional objective has labels"
        model = job.model.with_parameters(held(job.model, state.parameters, job.plan.weight_bits))
        d, classes = model.n_visible, model.classes
        data, labels = job.data[chosen].astype(np.float64), job.labels[chosen]
        rows = len(data)
        weights = model.weights
        # Label spins of each class, (classes, label sites).
        told = np.repeat(2.0 * np.eye(classes) - 1, model.labels.shape[1], axis=1)
        inputs = (data @ weights[:d] + model.fields[model.hidden])[:, None, :] + told @ weights[d:]
        size = np.abs(inputs)
        scores = (size + np.log1p(np.exp(-2 * size))).sum(axis=2) + told @ model.fields[model.labels.ravel()]
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        hidden = np.tanh(inputs)

        def phase(chances: NDArray[np.float64]) -> NDArray[np.float64]:
            """⟨φ⟩ where each datum has its classes with these chances."""
            given = (chances[:, :, None] * hidden).sum(axis=1)
            by_class = np.einsum("rc,rch->ch", chances, hidden)
            products = np.concatenate([data.T @ given, told.T @ by_class]) / rows
            seen = np.concatenate([data.mean(axis=0), chances.mean(axis=0) @ told])
            return model.with_weights(products, seen, given.mean(axis=0)).parameters

        self._descend(state, phase(np.eye(classes)[labels]), phase(chances), rate)
        return float(1 - chances[np.arange(rows), labels].mean()), np.zeros(0)


def evened(ladder: NDArray[np.float64], acceptance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A ladder of as many β, between the same ends, of equal shares of refused exchanges.

    Between neighbours the share of refusals is taken to grow evenly with β (after S. Syed et al., J. R. Stat. Soc. B 84
    (2022); from memory).

    Examples
    --------
    >>> evened(np.array([0.0, 0.5, 1.0]), np.array([0.9, 0.7])).round(3)
    array([0.   , 0.667, 1.   ])
    """
    refused = np.concatenate([[0.0], np.cumsum(np.maximum(1 - acceptance, _FLAT))])
    found = np.interp(np.linspace(0, refused[-1], len(ladder)), refused, ladder)
    found[0], found[-1] = ladder[0], ladder[-1]
    return found
