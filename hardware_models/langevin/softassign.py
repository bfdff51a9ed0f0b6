"""A square array of analog cells that settles on a permutation, its outputs kept doubly stochastic on the way.

Cell (t, i) says to what part slot t holds item i. C du/dt = −u/R + γM − ∂E/∂M charges it, and M = Sinkhorn(e^(βu)):
normalisers scale the outputs of every row, then of every column, to a sum of 1, in turn, until that changes nothing.
What Hopfield's neurons are asked for by penalties this array cannot break. Where it stands still,
M = Sinkhorn(e^(β(γM − ∂E/∂M))). Self-amplification γ takes ½γn from every permutation and less from what lies between
them, so that a cold array ends on one. Deterministic annealing of this kind is S. Gold's and A. Rangarajan's
softassign, IEEE Trans. Pattern Anal. Mach. Intell. 18, 377 (1996); the reference is from memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from hardware_models.timeline import Cycle, Work, course, play
from pbits.kernels import softassign as kernels
from pbits.kernels.philox import normal_paths
from pbits.models import EnergyModel, PermutationModel
from pbits.models.distances import MAX_MATRIX
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.reference.softassign import softened
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Capabilities, Execution, Law, Observer, Placement, Program, Programming, Substrate

# Standard deviation of u at the start, where amplifiers are balanced, in units of θ.
START = 0.01
# Of an anneal, over the temperature at which the even M loses its hold.
HOTTEST, COLDEST = 1.2, 0.02
# Normal numbers drawn at once.
_BATCH = 1 << 22


@dataclass(frozen=True, kw_only=True, eq=False)
class Wiring:
    """E(M) = ½ Σ W_tu D_ij M_ti M_uj + Σ C_ti M_ti + offset, with W and D symmetric.

    Attributes
    ----------
    flows : (n, n) CSR array
        W.
    distances, costs : (n, n) float64 arrays
        D and C.
    lowest : float
        λ, the lowest eigenvalue of W ⊗ D between matrices whose rows and columns sum to 0.
    spread : float
        The root mean square of C less the means of its rows and columns.
    theta : float
        θ, the model's unit of temperature: the largest magnitude of those eigenvalues, over n, plus `spread`; 1 if that
        is 0.
    """

    flows: sp.csr_array
    distances: NDArray[np.float64]
    costs: NDArray[np.float64]
    lowest: float
    spread: float
    theta: float

    @classmethod
    def of(cls, model: PermutationModel) -> Wiring:
        D, n = model.distances.to_matrix(), model.n
        costs = np.zeros((n, n)) if model.costs is None else model.costs
        F = np.roll(np.eye(n), 1, axis=1) if model.flows is None else model.flows
        W, D = (F + F.T, D) if model.distances.symmetric else (F, D + D.T)
        centre = np.eye(n) - 1 / n
        products = np.outer(*(np.linalg.eigvalsh(centre @ matrix @ centre) for matrix in (W, D)))
        spread = float(np.sqrt(np.mean((centre @ costs @ centre) ** 2)))
        theta = float(np.abs(products).max()) / n + spread
        W, lowest = sp.csr_array(W), float(products.min())
        return cls(flows=W, distances=D, costs=costs, lowest=lowest, spread=spread, theta=theta or 1.0)

    def critical(self, own: float) -> float:
        """(γ − λ)/n, the temperature at which the even M loses its hold where there are no costs, plus `spread`."""
        return (own - self.lowest) / len(self.costs) + self.spread


class Softassign(Substrate):
    """An array of analog cells for a `PermutationModel`, tour or assignment; the host rounds what is read.

    Parameters
    ----------
    amplification : float
        γ, of every cell on itself, in units of θ (see `Wiring`).
    noise : float
        Standard deviation of u of a cell that nothing drives, from white noise currents, in units of θ.
    tolerance : float
        By how much the sum of a row may differ from 1 when the normalisers have done.
    rounds : int
        Of normalisation at most, each of all rows and then all columns.
    max_items : int, optional
        There are max_items² cells.
    resistance_ohm, capacitance_f : Figure or float, optional
        R and C, of equal time constants RC.
    round_s : Figure or float, optional
        A round of normalisation.
    word_s : Figure or float, optional
        To set a distance, flow, cost, the gain of all cells, or a start voltage.
    adc_s : Figure or float, optional
        To convert a frame, all cells at once.
    prices : PriceTable, optional
    name : str

    Notes
    -----
    In a step of the schedule M is held while the cells settle, for one time constant, `step_tau` of them or `step_s`
    seconds; then it is balanced. Between two balancings the cells are linear, so there is no error of integration. The
    normalisers start from where they stood.

    Where there are no costs the M of equal entries stands still, and loses its hold as the array cools below
    `Wiring.critical`: there, and not before, an answer forms. `beta_range` anneals from 1.2 to 0.02 of that, the rule
    for all models.

    A frame is all of M, which the host rounds to the permutation of largest Σ_t M[t, π_t]; in an anneal it is counted
    once, though the energies of a record are those of all steps. The host's time is in no time and its energy in no
    joule here. Chains run one after another on the one array, from u = 0 ± 0.01 θ, or from permutations whose cells are
    charged to nθ + γ.

    Counted are "write" (distances and flows, of two equal ones one, costs, settings of the gain, start voltages),
    "normalisation" (rounds), "adc" and "read" (cells), "host_rounding" (permutations found), and "cell_second" where RC
    and the time of a round are known.

    Raises
    ------
    ValueError
        For a negative noise or amplification, or another number that is not positive and finite.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models import langevin
    >>> places = pbits.models.Distances(coordinates=[[0, 0], [2, 0], [2, 1], [1, 3], [0, 1]])
    >>> tour = pbits.PermutationModel(places)
    >>> array = langevin.Softassign(resistance_ohm=1e4, capacitance_f=1e-12, round_s=1e-9, word_s=1e-8, adc_s=1e-7)
    >>> hot, cold = array.beta_range(tour)
    >>> anneal = pbits.Schedule.anneal(sweeps=200, beta_start=hot, beta_stop=cold, chains=1)
    >>> run = pbits.run(tour, array, anneal, seed=1)
    >>> round(float(run.energies[0, 0]), 3), run.counts["host_rounding"]
    (8.472, 1.0)
    """

    def __init__(
        self,
        *,
        amplification: float = 1.0,
        noise: float = 0.0,
        tolerance: float = 0.01,
        rounds: int = 50,
        max_items: int | None = None,
        resistance_ohm: Figure | float | None = None,
        capacitance_f: Figure | float | None = None,
        round_s: Figure | float | None = None,
        word_s: Figure | float | None = None,
        adc_s: Figure | float | None = None,
        prices: PriceTable | None = None,
        name: str = "soft assignment",
        spec: MachineSpec | None = None,
    ):
        for label, given in {
            "tolerance": tolerance, "resistance_ohm": resistance_ohm, "capacitance_f": capacitance_f,
            "round_s": round_s, "word_s": word_s, "adc_s": adc_s,
        }.items():  # fmt: skip
            value = Figure.of(given).value
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{label} is {value}; it must be positive and finite")
        for label, value in (("amplification", amplification), ("noise", noise)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{label} is {value}; it must be finite and at least 0")
        for label, value in (("rounds", rounds), ("max_items", max_items)):
            if value is not None and not (isinstance(value, int | np.integer) and value >= 1):
                raise ValueError(f"{label} is {value}; it must be a whole number of at least 1")
        self.name = name
        self.prices = prices
        self.spec = spec
        self.amplification, self.noise = float(amplification), float(noise)
        self.tolerance, self.rounds = float(tolerance), int(rounds)
        self._max_items = max_items
        self.time_constant = Figure.of(resistance_ohm) * Figure.of(capacitance_f)
        self.round, self.word, self.adc = Figure.of(round_s), Figure.of(word_s), Figure.of(adc_s)
        unchecked = ["precision of the wiring and of the normalisers: not stated"]
        unchecked += ["number of cells: not stated"] if max_items is None else []
        self.capabilities = Capabilities(
            domains=frozenset({"permutation"}),
            models=(PermutationModel,),
            clamp=False,
            steers=False,
            unchecked=tuple(unchecked),
        )

    def beta_range(self, model: PermutationModel) -> tuple[float, float]:
        """β at the start and at the end of an anneal: 1/1.2 and 1/0.02 of the critical one (see `Wiring`)."""
        wiring = Wiring.of(model)
        critical = wiring.critical(self.amplification * wiring.theta)
        return 1 / (HOTTEST * critical), 1 / (COLDEST * critical)

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        # A step is one of a circuit, though the sites are not real.
        plain = None if schedule is None else replace(schedule, step_s=None, step_tau=None)
        reasons = super().limits(model, plain, cells)
        if reasons:
            return reasons
        assert isinstance(model, PermutationModel)
        most = MAX_MATRIX if self._max_items is None else min(self._max_items, MAX_MATRIX)
        if model.n > most:
            reasons.append(f"the model has {model.n:,} items and the array cells for {most:,}")
        elif not model.distances.symmetric and model.flows is not None and (model.flows != model.flows.T).any():
            reasons.append("its flows and its distances are both not symmetric, and the array is wired for one of them")
        if schedule is not None and schedule.moves is not None:
            reasons.append("no moves are proposed here; leave moves out")
        if schedule is not None and schedule.step_s is not None and self.time_constant.value is None:
            reasons.append("schedule.step_s is given, but the resistance or capacitance is not stated; give step_tau")
        return reasons

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        assert isinstance(model, PermutationModel), "limits() lets through only these"
        return SoftassignProgram(model, machine=self)


class SoftassignProgram(Program):
    """A permutation model on analog cells.

    Attributes
    ----------
    wiring : Wiring
    """

    def __init__(self, model: PermutationModel, *, machine: Softassign):
        self._model, self._machine = model, machine
        self.wiring = Wiring.of(model)
        self._own = machine.amplification * self.wiring.theta
        self._rounds = self._unbalanced = 0

    def realised(self, beta: float) -> EnergyModel:
        return self._model

    def law(self, beta: float) -> Law:
        note = "settles where M = Sinkhorn(exp β(γM − ∂E/∂M)), which the host rounds, and draws no states"
        return Law(kind="unknown", model=self._model, beta=beta, note=note)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        done, M = 0, np.zeros((schedule.chains, self._model.n, self._model.n))
        for done, M in self._frames(schedule, streams, initial):
            if observe(done, rounded(M)):
                break
        return self._account(schedule, done, initial is not None, M)

    def outputs(self, schedule: Schedule, *, seed: int, initial: ArrayLike | None = None) -> NDArray[np.float64]:
        """M of shape (chains, looks, n, n), which a run of this schedule, seed and start hands over to be rounded."""
        start = None if initial is None else np.asarray(initial)
        return np.stack([M.copy() for _, M in self._frames(schedule, Streams(seed=seed), start)], axis=1)

    def twin(self, schedule: Schedule, seed: int) -> NDArray | None:
        streams, wiring, machine = Streams(seed=seed), self.wiring, self._machine
        low, high = streams.key(Stream.THERMAL)
        path = softened(
            self._start(schedule.chains, streams, None),
            (wiring.flows.toarray(), wiring.distances, wiring.costs),
            schedule.betas(),
            self._duration(schedule),
            own=self._own,
            noise=machine.noise * wiring.theta,
            tolerance=machine.tolerance,
            most=machine.rounds,
            key=(int(low), int(high)),
        )
        return np.stack([rounded(path[:, step - 1]) for step in schedule.observed_steps()], axis=1)

    def _duration(self, schedule: Schedule) -> float:
        """Of the settling in a step, in time constants."""
        tau_s = self._machine.time_constant.value
        if schedule.step_s is not None and tau_s is not None:
            return schedule.step_s / tau_s
        return schedule.step_tau or 1.0

    def _start(self, chains: int, streams: Streams, initial: NDArray | None) -> NDArray[np.float64]:
        """u, (chains, n, n)."""
        n, theta = self._model.n, self.wiring.theta
        u = np.zeros((chains, n, n))
        if initial is None:
            normal_paths(u.reshape(chains, 1, n * n), *streams.key(Stream.INITIAL), 0, 0, 0)
            return START * theta * u
        held = np.broadcast_to(initial, (chains, n)).astype(np.int64)
        np.put_along_axis(u, held[:, :, None], n * theta + self._own, axis=2)
        return u

    def _frames(
        self, schedule: Schedule, streams: Streams, initial: NDArray | None
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Each observed step, and M after it, (chains, n, n)."""
        machine, wiring, chains = self._machine, self.wiring, schedule.chains
        balancing = machine.tolerance, machine.rounds
        kept = math.exp(-self._duration(schedule))
        spread = machine.noise * wiring.theta * math.sqrt(1 - kept**2)
        betas = schedule.betas()
        u = self._start(chains, streams, initial)
        M, columns = np.empty_like(u), np.zeros(u.shape[:2])
        self._rounds = sum(kernels.balance(M[c], u[c], betas[0], columns[c], *balancing) for c in range(chains))
        self._unbalanced = 0
        key, done = streams.key(Stream.THERMAL), 0
        for step in schedule.observed_steps().tolist():
            while done < step:
                stop = min(step, done + max(1, _BATCH // u.size))
                noise = np.empty((chains, stop - done if spread else 0, u[0].size))
                normal_paths(noise, *key, 0, done, 0)
                rounds, unbalanced = kernels.soften(
                    u, M, columns, wiring.distances, wiring.flows.indptr, wiring.flows.indices, wiring.flows.data,
                    wiring.costs, self._own, betas[done:stop], kept, spread, noise, *balancing,
                )  # fmt: skip
                self._rounds += rounds
                self._unbalanced += unbalanced
                done = stop
            yield done, M

    def _account(self, schedule: Schedule, steps: int, preset: bool, M: NDArray[np.float64]) -> Execution:
        n, chains, machine, wiring = self._model.n, schedule.chains, self._machine, self.wiring
        frames = schedule.frames(steps)
        changes = np.flatnonzero(np.diff(schedule.betas()[:steps])) + 1
        pairs = sum(int(np.count_nonzero(np.triu(part))) for part in (wiring.flows.toarray(), wiring.distances))
        shared = pairs + int(np.count_nonzero(wiring.costs))
        own = 1 + (n * n if preset else 0)
        # The rounds differ from step to step; each is told as their mean, so that the sum is right.
        settling = self._duration(schedule) * machine.time_constant
        step = settling + (self._rounds / (chains * steps)) * machine.round
        word = Work(phase="programming", seconds=machine.word)
        chain = course(
            steps=steps,
            looks=schedule.looks(steps),
            changes=changes,
            warmup=schedule.n_warmup,
            sweep=Work(phase="sampling", seconds=step),
            warm=Work(phase="warm-up", seconds=step),
            change=word,
            frame=[Work(phase="read-out", seconds=machine.adc)],
        )
        timeline = play([replace(word, repeat=shared), Cycle(works=[replace(word, repeat=own), *chain], repeat=chains)])
        counts: dict[str, float] = {
            "write": shared + chains * (own + len(changes)),
            "normalisation": self._rounds,
            "adc": n * n * frames * chains,
            "read": n * n * frames * chains,
            "host_rounding": frames * chains,
        }
        if step.value is not None:
            counts["cell_second"] = n * n * steps * chains * step.value
        used = {
            "time_constant_s": machine.time_constant, "round_s": machine.round, "word_s": machine.word,
            "adc_s": machine.adc,
        }  # fmt: skip
        notes: dict[str, Any] = {
            "settling_tau": self._duration(schedule),
            "settling_s": settling.value,
            "theta": wiring.theta,
            "critical_temperature": wiring.critical(self._own),
            "rounds_per_step": self._rounds / (chains * steps),
            "unbalanced_steps": self._unbalanced,
            "decided_share": float((M.max(axis=2) > 0.9).mean()),
            "rounding": "by the host, whose time and energy are not counted",
        }
        if unstated := [name for name, figure in used.items() if figure.value is None]:
            notes["times_not_stated"] = unstated
        return Execution(
            counts=counts,
            seconds={"active": timeline.device_time},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            programming=Programming(counts={"write": shared}, seconds=shared * machine.word, state="active"),
            notes=notes,
        )


def rounded(M: NDArray[np.float64]) -> NDArray[np.int32]:
    """The permutation of largest Σ_t M[t, π_t] of each M of shape (chains, n, n), by the Hungarian method."""
    return np.array([linear_sum_assignment(part, maximize=True)[1] for part in M], dtype=np.int32)


KEYS = (
    "circuit", "amplification", "noise", "tolerance", "rounds", "max_items", "resistance", "capacitance", "round_time",
    "word_time", "adc_time",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> Softassign:
    """A soft assignment from a catalogue entry."""
    spec.reject_unknown(KEYS)
    return Softassign(
        amplification=spec.number("amplification", "1", default=None) or 1.0,
        noise=spec.number("noise", "1", default=None) or 0.0,
        tolerance=spec.number("tolerance", "1", default=None) or 0.01,
        rounds=spec.integer("rounds", default=None) or 50,
        max_items=spec.integer("max_items", default=None),
        resistance_ohm=spec.figure("resistance", "ohm"),
        capacitance_f=spec.figure("capacitance", "F"),
        round_s=spec.figure("round_time", "s"),
        word_s=spec.figure("word_time", "s"),
        adc_s=spec.figure("adc_time", "s"),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
