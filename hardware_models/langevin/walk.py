"""Digital machines that sample by a lattice random walk: registers that step up, step down or stay.

Each site holds a whole number k, x = k·δx. An update forms the drift by multiplying and adding, turns it into the
chances p± = ½(σ²δt/δx² ± f δt/δx) and draws one random number against them (`pbits.langevin.Walk`). No such machine has
published its word lengths: all of them are the user's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.timeline import Cycle, Work, course, play
from pbits.langevin import Walk, wells
from pbits.langevin.walk import Held, noise_sources
from pbits.models import DiffusionModel, EnergyModel, GaussianModel, PotentialModel, QuarticModel
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.reference.walk import walk_path
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Capabilities, Execution, Law, Observer, Placement, Program, Programming, Substrate

# Registers computed at once.
_BATCH = 1 << 18
ORDERS = ("together", "in turn")
_LINEAR = GaussianModel, DiffusionModel
# A moment equation is called the law where so small a share of drifts is clipped, where a standard deviation of the
# chances is as many steps of them, and where registers reach as many standard deviations.
_CLIPPED, _ROUNDED, _REACHED = 1e-4, 2.0, 5.0
# Relative rounding of a step that was asked for in seconds or time constants.
_SLACK = 1e-9


@dataclass(frozen=True, kw_only=True)
class Course:
    """How a model is walked: the walk, and the updates in a step of the schedule."""

    walk: Walk
    updates: int

    @property
    def duration(self) -> float:
        """Of a step, in the unit of time of the model."""
        return self.updates * self.walk.step


class LatticeWalk(Substrate):
    """A machine of ternary updates that samples Gaussian, diffusion, quartic and other potentials.

    Parameters
    ----------
    lattice : float, optional
        δx, in the unit of x. By default so wide that a drift of `headroom` times its root mean square just leaves a
        site one way to go.
    step : float, optional
        δt, in the unit of time of the model. By default as long as `move` allows, and shortened so that a step of the
        schedule is a whole number of updates.
    move : float
        The largest chance of a site to move in an update, σ²δt/δx², where `step` is absent. With 1 every site moves in
        every update, and is on odd places and even ones in turn.
    headroom : float
    order : {"together", "in turn"}
        Whether an update moves all sites at once, or one after another, each seeing what those before it did.
    random_bits, weight_bits, register_bits : int
        See `pbits.langevin.Walk`.
    max_sites : int, optional
    clock_hz : Figure or float, optional
        All sites are updated in one clock cycle, in turn in n.
    word_s : Figure or float, optional
        To write a weight or a register.
    read_s : Figure or float, optional
        To read a frame of all registers.
    prices : PriceTable, optional
    name : str

    Notes
    -----
    A step of the schedule is by default the slowest relaxation time of a linear drift, and of any other the time in
    which the softest site relaxes in its well (`pbits.langevin.wells`). `Schedule.step_tau` and `step_s` must be whole
    numbers of updates where `step` fixes those. Chains run one after another, from x = 0 or from the start states,
    which are rounded to the lattice. An anneal changes the chance to move and nothing else.

    Counted are "update" (decisions), "random_bit", "multiply_add" (of the drift), "read", "write" (weights and start
    registers) and, for a `PotentialModel`, "host_gradient": such a drift is no sum of products, so the host computes
    it, and what that takes is in no time and no joule here.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models import langevin
    >>> machine = langevin.LatticeWalk(clock_hz=100e6)
    >>> wells = pbits.QuarticModel([1.0, 1.0], [1.0, 1.0], [[0.0, 0.2], [0.2, 0.0]])
    >>> run = pbits.run(wells, machine, pbits.Schedule(n_samples=10, n_warmup=0, chains=2), seed=1)
    >>> run.states.shape, run.counts["update"] == 2 * 2 * 10 * run.record["notes"]["updates_per_step"]
    ((2, 10, 2), True)
    """

    def __init__(
        self,
        *,
        lattice: float | None = None,
        step: float | None = None,
        move: float = 0.5,
        headroom: float = 4.0,
        order: str = "together",
        random_bits: int = 32,
        weight_bits: int | None = None,
        register_bits: int = 32,
        max_sites: int | None = None,
        clock_hz: Figure | float | None = None,
        word_s: Figure | float | None = None,
        read_s: Figure | float | None = None,
        prices: PriceTable | None = None,
        name: str = "lattice random walk",
        spec: MachineSpec | None = None,
    ):
        if order not in ORDERS:
            raise ValueError(f"order is {order!r}; it must be one of {', '.join(ORDERS)}")
        if not 0 < move <= 1:
            raise ValueError(f"move is {move}; it is a chance, above 0 and at most 1")
        for label, value in (("headroom", headroom), ("clock_hz", Figure.of(clock_hz).value)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{label} is {value}; it must be positive and finite")
        if max_sites is not None and not (isinstance(max_sites, int | np.integer) and max_sites >= 1):
            raise ValueError(f"max_sites is {max_sites}; it must be a whole number of at least 1, or None for any")
        # Refuses numbers of bits, a lattice or a step that no walk has.
        self._digits = Walk(
            lattice=1.0 if lattice is None else lattice,
            step=1.0 if step is None else step,
            in_turn=order == "in turn",
            random_bits=random_bits,
            weight_bits=weight_bits,
            register_bits=register_bits,
        )
        self.name = name
        self.prices = prices
        self.spec = spec
        self._lattice, self._step = lattice, step
        self._move, self._headroom = move, headroom
        self._max_sites = max_sites
        self._clock, self._word, self._read = Figure.of(clock_hz), Figure.of(word_s), Figure.of(read_s)
        self.capabilities = Capabilities(
            domains=frozenset({"real"}),
            models=(GaussianModel, DiffusionModel, QuarticModel, PotentialModel),
            clamp=False,
            unchecked=("number of sites: not stated",) if max_sites is None else (),
        )

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        reasons = super().limits(model, schedule, cells)
        if reasons:
            return reasons
        assert isinstance(model, Held)
        if self._max_sites is not None and model.n > self._max_sites:
            reasons.append(f"the model has {model.n:,} sites and the machine {self._max_sites:,}")
        if isinstance(model, PotentialModel) and self._digits.in_turn:
            reasons.append("a PotentialModel gives the drift of all sites at once; take order='together'")
        if schedule is not None and schedule.betas().min() == 0:
            reasons.append("β = 0 needs infinitely strong noise; take every β above 0")
        if not reasons:
            try:
                self._course(model, Schedule() if schedule is None else schedule)
            except ValueError as refusal:
                reasons.append(str(refusal))
        return reasons

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        assert isinstance(model, Held), "limits() lets through only what has a drift"
        return LatticeWalkProgram(
            model, self._course(model, schedule), clock=self._clock, word=self._word, read=self._read
        )

    def _course(self, model: Held, schedule: Schedule) -> Course:
        """The lattice, the step and the updates in a step of the schedule, or a ValueError with the reason."""
        betas = schedule.betas()
        noise = 2 * noise_sources(model)
        squares, relaxation = _drift_scale(model, float(betas.max()))
        # The drift's root mean square is √(squares/β), and σ² is noise/β.
        lattice = self._lattice or float((noise / np.sqrt(squares)).min()) / self._headroom / math.sqrt(betas.max())
        longest = self._move * lattice**2 / float(noise.max()) * betas.min()
        updates = None
        if schedule.step_s is not None:
            pace = self._pace(model.n).value
            if pace is None:
                raise ValueError("schedule.step_s is given, but the machine's clock is not stated; give step_tau")
            updates = _whole(schedule.step_s / pace, "schedule.step_s", pace, "seconds of an update")
            duration = updates * (self._step or longest)
        else:
            duration = schedule.step_tau or relaxation
        if self._step is not None:
            step = self._step
            if schedule.step_tau is not None:
                updates = _whole(duration / step, "schedule.step_tau", step, "δt of an update")
            updates = updates or math.ceil(duration / step)
        else:
            updates = updates or math.ceil(duration / longest * (1 - _SLACK))
            step = duration / updates
        walk = replace(self._digits, lattice=lattice, step=step)
        chance = float(walk.spread(model, float(betas.min())).max())
        if chance > 1 + 1e-12:
            raise ValueError(
                f"a site would move with chance σ²δt/δx² = {chance:.4g}, and at most 1 is possible; take a step of at "
                f"most {step / chance:.4g}, a lattice of at least {lattice * math.sqrt(chance):.4g}, or a higher β"
            )
        try:
            held = walk.held(model)
        except ValueError as refusal:
            raise ValueError(f"weights of {walk.weight_bits} bits hold no such model: {refusal}") from None
        if isinstance(held, _LINEAR):
            walk.check_stable(held)
        return Course(walk=walk, updates=updates)

    def _pace(self, n: int) -> Figure:
        """Seconds of an update of all sites."""
        return (n if self._digits.in_turn else 1) / self._clock


def _whole(ratio: float, label: str, unit: float, what: str) -> int:
    nearest = max(1, round(ratio))
    if abs(ratio - nearest) > _SLACK * nearest:
        raise ValueError(
            f"{label} is {ratio:.6g} times the {unit:g} {what}, which is no whole number; "
            f"the nearest is {nearest * unit:.9g}"
        )
    return nearest


def _drift_scale(model: Held, beta: float) -> tuple[NDArray[np.float64], float]:
    """β⟨f²⟩ of every site, (n,), and the time of a step."""
    if isinstance(model, GaussianModel):
        return np.diag(model.A), 1 / float(np.linalg.eigvalsh(model.A)[0])
    if isinstance(model, DiffusionModel):
        squares = np.einsum("ij,jk,ik->i", model.A, model.covariance, model.A)
        return squares, 1 / float(np.linalg.eigvals(model.A).real.min())
    curvature = wells(model, beta).curvature
    return curvature, 1 / float(curvature.min())


class LatticeWalkProgram(Program):
    """A model on a lattice.

    Attributes
    ----------
    walk : Walk
    updates : int
        In a step of the schedule it was compiled for.
    """

    def __init__(self, model: Held, course: Course, *, clock: Figure, word: Figure, read: Figure):
        self.walk, self.updates = course.walk, course.updates
        self._held = course.walk.held(model)
        self._model = model
        self._step_tau = course.duration
        self._pace = (model.n if course.walk.in_turn else 1) / clock
        self._word, self._read = word, read

    def realised(self, beta: float) -> EnergyModel:
        return self._held

    def law(self, beta: float) -> Law:
        held = self._held
        if held.n == 1:
            try:
                x, p = self.walk.law(self._model, beta)
            except ValueError as refusal:
                return Law(kind="unknown", model=held, beta=beta, note=str(refusal))
            mean = float(p @ x)
            moments = np.array([mean]), np.array([[float(p @ (x - mean) ** 2)]])
            return Law(kind="stationary", model=held, beta=beta, moments=moments, note="birth and death on the lattice")
        posed = self._model
        if not (isinstance(posed, _LINEAR) and isinstance(held, _LINEAR)):
            return Law(kind="unknown", model=held, beta=beta, note="the drift is not linear, and sites are coupled")
        mean, covariance = self.walk.moments(posed, beta)
        if reasons := self._not_linear(held, beta, mean, covariance):
            return Law(kind="unknown", model=held, beta=beta, note="; ".join(reasons))
        return Law(
            kind="stationary", model=held, beta=beta, moments=(mean, covariance), note="moment equation of the walk"
        )

    def _not_linear(
        self,
        held: GaussianModel | DiffusionModel,
        beta: float,
        mean: NDArray[np.float64],
        covariance: NDArray[np.float64],
    ) -> list[str]:
        """Why the moment equation, which knows no ends, is not the law."""
        walk, reasons = self.walk, []
        drift = np.sqrt(np.einsum("ij,jk,ik->i", held.A, covariance, held.A))
        sure = walk.spread(held, beta) * walk.lattice / walk.step / drift
        clipped = max(math.erfc(float(sure.min()) / math.sqrt(2)), 0.0)
        if clipped > _CLIPPED:
            reasons.append(f"chances are clipped in about {clipped:.1%} of a site's decisions; take a finer lattice")
        steps = 0.5 * walk.step / walk.lattice * float(drift.min()) * 2.0**walk.random_bits
        if steps < _ROUNDED:
            reasons.append(f"chances scatter over {steps:.2g} of their steps; take more random bits")
        low, high = (end * walk.lattice for end in walk.ends)
        deviations = np.sqrt(np.diag(covariance))
        reach = float(min(((mean - low) / deviations).min(), ((high - mean) / deviations).min()))
        if reach < _REACHED:
            reasons.append(
                f"a register ends {reach:.2g} standard deviations from a mean; take more bits or a wider lattice"
            )
        return reasons

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        start = self._start(schedule, initial)
        tally, done = np.zeros(4), 0
        for done, path, states in self._frames(schedule, start, streams):
            tally += path
            if observe(done, states):
                break
        return self._account(schedule, done, initial is not None, tally)

    def _start(self, schedule: Schedule, initial: NDArray | None) -> NDArray[np.int64]:
        shape = schedule.chains, self._held.n
        if initial is None:
            return np.zeros(shape, dtype=np.int64)
        low, high = self.walk.ends
        places = np.rint(np.broadcast_to(initial, shape) / self.walk.lattice)
        if places.min() < low or places.max() > high:
            raise ValueError(
                f"a start state lies outside the registers, which reach from {low * self.walk.lattice:.4g} to "
                f"{high * self.walk.lattice:.4g}"
            )
        return places.astype(np.int64)

    def _frames(
        self, schedule: Schedule, k: NDArray, streams: Streams
    ) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
        """Each observed step, what has been tallied since the one before, and x (chains, n).

        A batch of looks is computed at once, and tallied with the first of them.
        """
        observed = schedule.observed_steps()
        betas = schedule.betas()
        # Looks are evenly spaced but for the first.
        every = int(observed[1] - observed[0]) if len(observed) > 1 else 1
        at, first = 0, 0
        while first < len(observed):
            stride = every if at else int(observed[0])
            looks = min(max(1, _BATCH // k.size), len(observed) - first) if at else 1
            span = looks * stride
            path = self.walk.sample(
                self._model,
                k,
                streams,
                beta=np.repeat(betas[at : at + span], self.updates),
                samples=looks,
                updates_per_sample=stride * self.updates,
                update0=at * self.updates,
            )
            made = float(k.size * span * self.updates)
            tally = np.array([path.clipped, path.blocked, path.moved, made])
            x = self.walk.lattice * path.k.astype(np.float64)
            for look in range(looks):
                yield int(observed[first + look]), tally * (look == 0), x[:, look]
            k, at, first = path.k[:, -1], at + span, first + looks

    def _account(self, schedule: Schedule, steps: int, preset: bool, tally: NDArray[np.float64]) -> Execution:
        n, chains, held = self._held.n, schedule.chains, self._held
        frames = schedule.frames(steps)
        decisions = float(n * chains * steps * self.updates)
        linear, cubic, constants = _weights(held)
        weights = linear + cubic + constants
        step = self.updates * self._pace
        word = Work(phase="programming", seconds=self._word)
        chain = course(
            steps=steps,
            looks=schedule.looks(steps),
            changes=np.array([], dtype=np.int64),
            warmup=schedule.n_warmup,
            sweep=Work(phase="sampling", seconds=step),
            warm=Work(phase="warm-up", seconds=step),
            change=word,
            frame=[Work(phase="read-out", seconds=self._read)],
        )
        presets = n if preset else 0
        timeline = play(
            [replace(word, repeat=weights), Cycle(works=[replace(word, repeat=presets), *chain], repeat=chains)]
        )
        counts = {
            "update": decisions,
            "random_bit": decisions * self.walk.random_bits,
            # k³ and its weight take three.
            "multiply_add": decisions / n * (linear + 3 * cubic),
            "read": n * frames * chains,
            "write": weights + presets * chains,
        }
        notes: dict[str, Any] = {
            "lattice": self.walk.lattice,
            "update_tau": self.walk.step,
            "updates_per_step": self.updates,
            "step_tau": self._step_tau,
            "step_s": step.value,
            "order": ORDERS[self.walk.in_turn],
            "random_bits": self.walk.random_bits,
            "weight_bits": self.walk.weight_bits,
            "register_bits": self.walk.register_bits,
            **dict(zip(("clipped_share", "blocked_share", "moved_share"), (tally[:3] / tally[3]).tolist())),
        }
        used = {"clock_hz": self._pace} | ({"word_s": self._word} if weights + presets else {}) | {"read_s": self._read}
        if unstated := [name for name, figure in used.items() if figure.value is None]:
            notes["times_not_stated"] = unstated
        if isinstance(held, PotentialModel):
            counts["host_gradient"] = float(chains * steps * self.updates)
            notes["drift"] = "a function, computed by the host in every update; its time and energy are not counted"
        return Execution(
            counts=counts,
            seconds={"active": timeline.device_time},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            programming=Programming(counts={"write": weights}, seconds=weights * Figure.of(self._word), state="active"),
            notes=notes,
        )

    def twin(self, schedule: Schedule, seed: int) -> NDArray | None:
        walk, held = self.walk, self._held

        def drift(k: NDArray[np.int64]) -> NDArray[np.float64]:
            x = k * walk.lattice
            force = held.b - held.A @ x if isinstance(held, _LINEAR) else -held.gradient(x)
            return walk.step / walk.lattice * force

        low, high = Streams(seed=seed).key(Stream.THERMAL)
        path = walk_path(
            drift,
            np.zeros((schedule.chains, held.n), dtype=np.int64),
            [walk.spread(held, float(beta)) for beta in np.repeat(schedule.betas(), self.updates)],
            walk.random_bits,
            (int(low), int(high)),
            in_turn=walk.in_turn,
            register_bits=walk.register_bits,
        )
        return path[:, schedule.observed_steps() * self.updates - 1] * walk.lattice


def _weights(held: Held) -> tuple[int, int, int]:
    """How many linear weights, cubic ones and constants the drift has that are not 0."""
    if isinstance(held, _LINEAR):
        return int(np.count_nonzero(held.A)), 0, int(np.count_nonzero(held.b))
    if isinstance(held, QuarticModel):
        linear = 2 * held.couplings.n_couplings + int(np.count_nonzero(held.b))
        return linear, int(np.count_nonzero(held.a)), int(np.count_nonzero(held.couplings.h))
    return 0, 0, 0


KEYS = (
    "circuit", "order", "lattice", "step", "move", "headroom", "random_bits", "weight_bits", "register_bits",
    "max_sites", "clock", "word_time", "read_time",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> LatticeWalk:
    """A lattice walk from a catalogue entry; word lengths that are not stated do not round."""
    spec.reject_unknown(KEYS)
    unstated = tuple(
        f"{key.replace('_', ' ')}: not stated"
        for key in ("random_bits", "weight_bits", "register_bits")
        if spec.integer(key, default=None) is None
    )
    machine = LatticeWalk(
        lattice=spec.number("lattice", "1", default=None),
        step=spec.number("step", "1", default=None),
        move=spec.number("move", "1", default=None) or 0.5,
        headroom=spec.number("headroom", "1", default=None) or 4.0,
        order=spec.text("order", choices=ORDERS, default="together"),
        random_bits=spec.integer("random_bits", default=None) or 32,
        weight_bits=spec.integer("weight_bits", default=None),
        register_bits=spec.integer("register_bits", default=None) or 32,
        max_sites=spec.integer("max_sites", default=None),
        clock_hz=spec.figure("clock", "Hz"),
        word_s=spec.figure("word_time", "s"),
        read_s=spec.figure("read_time", "s"),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
    can = machine.capabilities
    machine.capabilities = replace(can, unchecked=(*can.unchecked, *unstated))
    return machine
