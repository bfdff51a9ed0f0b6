"""Hopfield's analog neurons: amplifiers that drive one another through resistors and settle in a valley of E.

C du_i/dt = −u_i/R + Σ_j J_ij v_j + h_i with v_i = tanh(βu_i): u is a voltage, in the unit of the model's fields, and β
the gain of the amplifiers. J. J. Hopfield, PNAS 81, 3088 (1984), from memory: the text was not at hand. What does not
vary in time is v = tanh(β(Jv + h)), the naive mean-field equation, and on the way there
F(v) = E(v) + (1/β) Σ_i [v_i artanh v_i + ½ ln(1 − v_i²)] never rises. No state is ever drawn: such a machine finds
valleys and samples nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse.linalg
from numpy.typing import ArrayLike, NDArray

from hardware_models.timeline import Cycle, Work, course, play
from pbits.kernels import neurons as kernels
from pbits.kernels.philox import uniforms
from pbits.models import EnergyModel, IsingModel
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.reference.neurons import neurons_path
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Capabilities, Execution, Law, Observer, Placement, Program, Programming, Substrate

# Outputs of neurons start within this of 0, where amplifiers are balanced.
START = 0.1
# Of the trial by which the integrator's step is chosen: chains, and steps at the lowest and at the highest gain.
_TRIAL_CHAINS, _TRIAL_STEPS = 4, 100
# Steps are by default so many times the shortest time in which the network does anything, or τ.
_PACE = 16
# An output nearer to 0 than this is told as undecided.
_DECIDED = 0.9


class Neurons(Substrate):
    """A network of analog neurons with symmetric couplings, which holds an `IsingModel`; its outputs are read as signs.

    Parameters
    ----------
    feedback : float
        κ, of every neuron on itself, in the unit of J: it adds κv_i to what drives neuron i. It is the same −κn/2 in
        every state of spins, and moves no minimum among them.
    noise : float
        Standard deviation of u of a neuron that nothing drives, from white noise currents, over the largest input that
        the model can give a neuron, max_i Σ_j |J_ij| + |h_i|.
    accuracy : float
        By how much no output may change over a step of the integrator when that is halved, without noise, along trial
        runs at the lowest and the highest gain. The step is halved until it is so.
    max_neurons : int, optional
    resistance_ohm, capacitance_f : Figure or float, optional
        R and C, of equal time constants RC.
    word_s : Figure or float, optional
        To set a coupling, a field, the gain of all amplifiers, or a start voltage.
    read_s : Figure or float, optional
        To compare all outputs with 0.
    prices : PriceTable, optional
    name : str

    Notes
    -----
    A step of the schedule is `step_tau` time constants or `step_s` seconds. By default it is one time constant, or,
    where amplifiers of high gain make the network faster, 16/(1 + βρ) of one, with β the highest gain and ρ the largest
    |eigenvalue| of J plus |κ|: τ/(1 + βρ) is the shortest time in which the network does anything. Annealing raises the
    gain. Chains run one after another on the one network. They start with outputs evenly spread over ±0.1, or from
    spins as voltages of the largest input.

    Counted are "write" (couplings, fields, settings of the gain, start voltages and held outputs), "read" (signs), and
    "cell_second" where RC is known.

    Raises
    ------
    ValueError
        For a negative noise, or another number that is not positive and finite.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models import langevin
    >>> ring = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], 1.0, [0.1, 0.0, 0.0, 0.0])
    >>> raise_gain = pbits.Schedule.anneal(sweeps=20, beta_start=0.1, beta_stop=10.0, chains=1)
    >>> run = pbits.run(ring, langevin.Neurons(resistance_ohm=1e4, capacitance_f=1e-12), raise_gain, seed=1)
    >>> run.states[0, 0].tolist(), round(run.record["notes"]["step_s"], 11)
    ([1, 1, 1, 1], 7.62e-09)
    """

    def __init__(
        self,
        *,
        feedback: float = 0.0,
        noise: float = 0.0,
        accuracy: float = 0.01,
        max_neurons: int | None = None,
        resistance_ohm: Figure | float | None = None,
        capacitance_f: Figure | float | None = None,
        word_s: Figure | float | None = None,
        read_s: Figure | float | None = None,
        prices: PriceTable | None = None,
        name: str = "analog neurons",
        spec: MachineSpec | None = None,
    ):
        for label, given in {
            "accuracy": accuracy, "resistance_ohm": resistance_ohm, "capacitance_f": capacitance_f, "word_s": word_s,
            "read_s": read_s,
        }.items():  # fmt: skip
            value = Figure.of(given).value
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{label} is {value}; it must be positive and finite")
        if not math.isfinite(feedback):
            raise ValueError(f"feedback is {feedback}; it must be finite")
        if not (math.isfinite(noise) and noise >= 0):
            raise ValueError(f"noise is {noise}; it must be finite and at least 0")
        if max_neurons is not None and not (isinstance(max_neurons, int | np.integer) and max_neurons >= 1):
            raise ValueError(f"max_neurons is {max_neurons}; it must be a whole number of at least 1, or None for any")
        self.name = name
        self.prices = prices
        self.spec = spec
        self.feedback, self.noise, self.accuracy = float(feedback), float(noise), accuracy
        self._max_neurons = max_neurons
        self.time_constant = Figure.of(resistance_ohm) * Figure.of(capacitance_f)
        self.word, self.comparator = Figure.of(word_s), Figure.of(read_s)
        unchecked = ["precision of the couplings: not stated"]
        unchecked += ["number of neurons: not stated"] if max_neurons is None else []
        self.capabilities = Capabilities(
            domains=frozenset({"spin"}), models=(IsingModel,), steers=False, unchecked=tuple(unchecked)
        )

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        # A step is one of a circuit, though the sites are spins.
        plain = None if schedule is None else replace(schedule, step_s=None, step_tau=None)
        reasons = super().limits(model, plain, cells)
        if reasons:
            return reasons
        if self._max_neurons is not None and model.n > self._max_neurons:
            reasons.append(f"the model has {model.n:,} sites and the machine {self._max_neurons:,} neurons")
        if schedule is not None and schedule.betas().min() == 0:
            reasons.append("β = 0 is an amplifier without gain; take every β above 0")
        if schedule is not None and schedule.step_s is not None and self.time_constant.value is None:
            reasons.append("schedule.step_s is given, but the resistance or capacitance is not stated; give step_tau")
        return reasons

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        assert isinstance(model, IsingModel), "limits() lets through only these"
        return NeuronsProgram(model, machine=self, clamp=placement.clamp)


class NeuronsProgram(Program):
    """A model on analog neurons."""

    def __init__(self, model: IsingModel, *, machine: Neurons, clamp: dict[int, Any]):
        self._model, self._machine, self._clamp = model, machine, clamp
        self._free = np.setdiff1d(np.arange(model.n), list(clamp)).astype(np.int64)
        inputs = np.asarray(abs(model.csr).sum(axis=1)).ravel() + np.abs(model.h)
        # The unit of noise and of start voltages; a model of nothing has no unit, and any will do.
        self._reach = float(inputs.max()) or 1.0
        self._rho = _largest_eigenvalue(model)

    def realised(self, beta: float) -> EnergyModel:
        return self._model

    def law(self, beta: float) -> Law:
        note = "settles where v = tanh(β(Jv + h)), the mean-field equation, and draws no states"
        return Law(kind="unknown", model=self._model, beta=beta, clamp=self._clamp, note=note)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        duration = self._duration(schedule)
        substeps, error = self._substeps(schedule, duration)
        done, v = 0, np.zeros((self._model.n, schedule.chains))
        for done, v in self._frames(schedule, streams, initial, duration, substeps):
            if observe(done, _signs(v).T):
                break
        notes = {
            "step_tau": duration,
            "integrator": "exponential Heun",
            "integrator_steps_per_step": substeps,
            "integrator_error_of_an_output": error,
            "undecided_share": float((np.abs(v) < _DECIDED).mean()),
        }
        return self._account(schedule, done, duration, initial is not None, notes)

    def outputs(self, schedule: Schedule, *, seed: int, initial: ArrayLike | None = None) -> NDArray[np.float64]:
        """The voltages v, (chains, looks, n), whose signs a run of this schedule, seed and start hands over."""
        duration = self._duration(schedule)
        substeps, _ = self._substeps(schedule, duration)
        start = None if initial is None else np.asarray(initial)
        frames = self._frames(schedule, Streams(seed=seed), start, duration, substeps)
        return np.stack([v.T.copy() for _, v in frames], axis=1)

    def twin(self, schedule: Schedule, seed: int) -> NDArray | None:
        duration, streams = self._duration(schedule), Streams(seed=seed)
        substeps, _ = self._substeps(schedule, duration)
        low, high = streams.key(Stream.THERMAL)
        path = neurons_path(
            self._model,
            *self._start(schedule.chains, schedule.betas()[0], streams, None),
            self._free,
            np.repeat(schedule.betas(), substeps),
            duration / substeps,
            feedback=self._machine.feedback,
            noise=self._machine.noise * self._reach,
            key=(int(low), int(high)),
        )
        return _signs(path[:, schedule.observed_steps() * substeps - 1])

    def _duration(self, schedule: Schedule) -> float:
        """Of a step, in time constants."""
        tau_s = self._machine.time_constant.value
        if schedule.step_s is not None and tau_s is not None:
            return schedule.step_s / tau_s
        return schedule.step_tau or min(1.0, _PACE / self._fastest(schedule))

    def _fastest(self, schedule: Schedule) -> float:
        """1 + βρ, by which the network is faster than a neuron alone."""
        return 1 + float(schedule.betas().max()) * (self._rho + abs(self._machine.feedback))

    def _frames(
        self, schedule: Schedule, streams: Streams, initial: NDArray | None, duration: float, substeps: int
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Each observed step, and v after it, (n, chains)."""
        betas, done = schedule.betas(), 0
        u, v = self._start(schedule.chains, betas[0], streams, initial)
        key = streams.key(Stream.THERMAL)
        for step in schedule.observed_steps().tolist():
            gains = np.repeat(betas[done:step], substeps)
            self._settle(u, v, gains, duration / substeps, self._machine.noise, key, done * substeps)
            done = step
            yield done, v

    def _start(
        self, chains: int, beta: float, streams: Streams, initial: NDArray | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """u, and v of the neurons that are held; both (n, chains)."""
        shape = self._model.n, chains
        u, v = np.empty(shape), np.zeros(shape)
        if initial is None:
            uniforms(u, *streams.key(Stream.INITIAL), 0, 0, 0)
            u = np.arctanh(START * (2 * u - 1)) / beta
        else:
            u[:] = self._reach * np.broadcast_to(initial, shape[::-1]).T
        for site, value in self._clamp.items():
            # A trial holds what the first chains hold.
            v[site] = np.resize(value, chains)
        return u, v

    def _settle(
        self,
        u: NDArray[np.float64],
        v: NDArray[np.float64],
        betas: NDArray[np.float64],
        step: float,
        noise: float,
        key: tuple[np.uint32, np.uint32],
        step0: int,
    ) -> None:
        model = self._model
        kernels.settle(
            u, v, self._free, self._machine.feedback, model.csr.indptr, model.csr.indices, model.csr.data, model.h,
            betas, step, noise * self._reach, *key, step0,
        )  # fmt: skip

    def _substeps(self, schedule: Schedule, duration: float) -> tuple[int, float]:
        """Integrator steps in a step, a power of two, and the largest change of an output that halving them makes.

        It depends on the model and the gains alone, so that no seed and no number of chains changes the step.
        """
        betas = schedule.betas()
        substeps = 1 << max(0, math.ceil(math.log2(duration * self._fastest(schedule))))
        while True:
            error = max(self._error(schedule, beta, duration / substeps) for beta in {betas.min(), betas.max()})
            if error <= self._machine.accuracy:
                return substeps, error
            substeps *= 2

    def _error(self, schedule: Schedule, beta: float, step: float) -> float:
        """The largest change of an output over a step that halving it makes, along trials at one gain, without noise.

        All trials start from the same random voltages.
        """
        u, v = self._start(_TRIAL_CHAINS, beta, Streams(seed=0), None)
        none = np.uint32(0), np.uint32(0)
        worst = 0.0
        for _ in range(_TRIAL_STEPS):
            fine_u, fine_v = u.copy(), v.copy()
            self._settle(u, v, np.array([beta]), step, 0.0, none, 0)
            self._settle(fine_u, fine_v, np.array([beta, beta]), step / 2, 0.0, none, 0)
            worst = max(worst, float(np.abs(v - fine_v).max()))
        return worst

    def _account(
        self, schedule: Schedule, steps: int, duration: float, preset: bool, notes: dict[str, Any]
    ) -> Execution:
        n, chains, machine = self._model.n, schedule.chains, self._machine
        frames = schedule.frames(steps)
        changes = np.flatnonzero(np.diff(schedule.betas()[:steps])) + 1
        shared = self._model.n_couplings + int(np.count_nonzero(self._model.h))
        # Before each chain the gain goes back to its first setting, and outputs are held and cells are charged anew.
        own = 1 + len(self._clamp) + (len(self._free) if preset else 0)
        step = duration * machine.time_constant
        word = Work(phase="programming", seconds=machine.word)
        chain = course(
            steps=steps,
            looks=schedule.looks(steps),
            changes=changes,
            warmup=schedule.n_warmup,
            sweep=Work(phase="sampling", seconds=step),
            warm=Work(phase="warm-up", seconds=step),
            change=word,
            frame=[Work(phase="read-out", seconds=machine.comparator)],
        )
        timeline = play([replace(word, repeat=shared), Cycle(works=[replace(word, repeat=own), *chain], repeat=chains)])
        counts: dict[str, float] = {
            "write": shared + chains * (own + len(changes)),
            "read": n * frames * chains,
        }
        if step.value is not None:
            counts["cell_second"] = n * steps * chains * step.value
        used = {"time_constant_s": machine.time_constant, "word_s": machine.word, "read_s": machine.comparator}
        if unstated := [name for name, figure in used.items() if figure.value is None]:
            notes = notes | {"times_not_stated": unstated}
        return Execution(
            counts=counts,
            seconds={"active": timeline.device_time},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            programming=Programming(counts={"write": shared}, seconds=shared * machine.word, state="active"),
            notes={"time_constant_s": machine.time_constant.value, "step_s": step.value, **notes},
        )


def _signs(v: NDArray[np.float64]) -> NDArray[np.int8]:
    return np.where(v >= 0, 1, -1).astype(np.int8)


def _largest_eigenvalue(model: IsingModel) -> float:
    """The largest |eigenvalue| of J."""
    if model.n < 64:
        return float(np.abs(np.linalg.eigvalsh(model.csr.toarray())).max())
    # A start of its own, so that every call finds the same.
    start = np.cos(np.arange(model.n))
    found = scipy.sparse.linalg.eigsh(model.csr, k=1, which="LM", v0=start, return_eigenvectors=False)
    return float(np.abs(found).max())


def free_energy(model: IsingModel, outputs: ArrayLike, beta: float) -> NDArray[np.float64]:
    """F(v) = E(v) + (1/β) Σ_i [v_i artanh v_i + ½ ln(1 − v_i²)].

    A network without noise and feedback never raises it.
    βF − n ln 2 is the variational free energy of independent spins of means v, so F ≥ (n ln 2 − ln Z)/β.

    Parameters
    ----------
    model : IsingModel
    outputs : (..., n) array
        v, within ±1.
    beta : float

    Returns
    -------
    (...) array

    Examples
    --------
    >>> import pbits
    >>> round(float(free_energy(pbits.IsingModel([[0.0, 1.0], [1.0, 0.0]]), [1.0, 1.0], beta=2.0)), 4)  # −1 + ln 2
    -0.3069
    """
    v = np.asarray(outputs, dtype=np.float64)
    up, down = (1 + v) / 2, (1 - v) / 2
    # ∫ artanh dv, as ln 2 less the entropy of a spin, which is finite where v is ±1.
    logs = sum(share * np.log(np.where(share > 0, share, 1.0)) for share in (up, down))
    energy = model.offset - 0.5 * np.einsum("...i,...i->...", v, _coupled(model, v)) - v @ model.h
    return energy + np.sum(logs + math.log(2), axis=-1) / beta


def _coupled(model: IsingModel, v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Jv of v of shape (..., n)."""
    return np.asarray(model.csr @ v.reshape(-1, model.n).T).T.reshape(v.shape)


KEYS = (
    "circuit",
    "feedback",
    "noise",
    "accuracy",
    "max_neurons",
    "resistance",
    "capacitance",
    "word_time",
    "read_time",
)


def from_spec(spec: MachineSpec) -> Neurons:
    """Analog neurons from a catalogue entry."""
    spec.reject_unknown(KEYS)
    return Neurons(
        feedback=spec.number("feedback", "1", default=None) or 0.0,
        noise=spec.number("noise", "1", default=None) or 0.0,
        accuracy=spec.number("accuracy", "1", default=None) or 0.01,
        max_neurons=spec.integer("max_neurons", default=None),
        resistance_ohm=spec.figure("resistance", "ohm"),
        capacitance_f=spec.figure("capacitance", "F"),
        word_s=spec.figure("word_time", "s"),
        read_s=spec.figure("read_time", "s"),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
