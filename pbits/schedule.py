"""What to run: how many chains, how many sweeps, at which β, and which states to keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pbits.moves import Moves

Shape = Literal["geometric", "linear", "logarithmic"]
Rule = Literal["heat-bath", "metropolis"]
MAX_BETA = 1e150
Stop = Literal["all", "any"]
RULES: tuple[str, ...] = ("heat-bath", "metropolis")
STOPS: tuple[str, ...] = ("all", "any")
SHAPES: tuple[str, ...] = ("geometric", "linear", "logarithmic")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Sampling at one β: `n_warmup` steps are thrown away, then every `steps_per_sample`-th is kept.

    Parameters
    ----------
    n_samples : int
        Draws kept per chain.
    n_warmup : int
        Steps before the first draw is due.
    steps_per_sample : int
        Steps between draws (thinning).
    beta : float
        Inverse temperature, dimensionless, ≥ 0.
    chains : int
        Independent chains.
    step_s : float, optional
        For circuits: device seconds per step. By default the circuit's slowest relaxation time.
    step_tau : float, optional
        The same in the model's own unit of time, in which dx = −∇E dt + √(2/β) dW; a circuit takes τ seconds for it.
    ladder : sequence of float, optional
        A factor on β for each chain, ≥ 0, as tempering needs it; 1 for all when absent.
    moves : Moves, optional
        Of permutations: which moves are proposed, n of them a step. When absent, some that keep the Boltzmann law.

    Notes
    -----
    One step is one sweep: every free site is updated once. On continuous-time machines it is n update
    attempts on average; on circuits it is `step_s` seconds. For annealing use `Schedule.anneal`.

    Raises
    ------
    ValueError
        For a negative or non-finite β, no samples, no chains, a negative warm-up, or a ladder that has not one factor
        for each chain.

    Examples
    --------
    >>> Schedule(n_samples=3, n_warmup=2, steps_per_sample=4).total_steps
    14
    >>> Schedule(beta=2.0, chains=2, ladder=(0.5, 1.0)).chain_betas(2.0)
    array([1., 2.])
    """

    n_samples: int = 1000
    n_warmup: int = 100
    steps_per_sample: int = 1
    beta: float = 1.0
    chains: int = 4
    step_s: float | None = None
    step_tau: float | None = None
    beta_start: float | None = None
    shape: Shape | None = None
    levels: int | None = None
    stop_at: float | None = None
    stop: Stop = "all"
    rule: Rule = "heat-bath"
    ladder: tuple[float, ...] | None = None
    moves: Moves | None = None

    def __post_init__(self) -> None:
        # What the arguments of `anneal` are called there.
        called = {"steps_per_sample": "sweeps", "beta": "beta_stop"} if self.kind == "anneal" else {}
        for name, least in (("n_samples", 1), ("n_warmup", 0), ("steps_per_sample", 1), ("chains", 1)):
            self._set_whole(name, called.get(name, name), least)
        if self.levels is not None:
            self._set_whole("levels", "levels", 1)
        for name in ("beta", "beta_start", "step_s", "step_tau", "stop_at"):
            value = getattr(self, name)
            if value is None and name != "beta":
                continue
            label = called.get(name, name)
            if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
                raise ValueError(f"{label} is {value!r}; it must be a finite number")
            if name.startswith("beta") and value < 0:
                raise ValueError(f"{label} is {value}; an inverse temperature must be at least 0")
            if name.startswith("beta") and float(value) > MAX_BETA:
                raise ValueError(f"{label} is {value}; allowed are inverse temperatures up to {MAX_BETA:g}")
            object.__setattr__(self, name, float(value))
        if self.step_s is not None and self.step_s <= 0:
            raise ValueError(f"step_s is {self.step_s}; it must be a positive number of seconds")
        if self.step_tau is not None and self.step_tau <= 0:
            raise ValueError(f"step_tau is {self.step_tau}; it must be a positive number of time constants")
        if self.step_s is not None and self.step_tau is not None:
            raise ValueError("step_s and step_tau both say how long a step is; give one of them")
        if self.ladder is not None:
            self._check_ladder()
        self._check_moves()
        if self.stop not in STOPS:
            raise ValueError(f"stop is {self.stop!r}; it must be one of {', '.join(STOPS)}")
        if self.rule not in RULES:
            raise ValueError(f"rule is {self.rule!r}; it must be one of {', '.join(RULES)}")
        if self.rule != "heat-bath" and self.kind != "anneal":
            raise ValueError(
                "the rule 'metropolis' is for optimisation: it needs an anneal; p-bits are sampled by the heat bath"
            )
        if self.kind == "anneal":
            self._check_anneal()
        elif self.beta_start is not None or self.levels is not None:
            raise ValueError("beta_start and levels belong to an anneal; use Schedule.anneal(...)")

    def _set_whole(self, name: str, label: str, least: int) -> None:
        value = getattr(self, name)
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
            raise ValueError(f"{label} is {value!r}; it must be a whole number of at least {least}")
        object.__setattr__(self, name, int(value))

    def _check_moves(self) -> None:
        moves = Moves.of(self.moves)
        if moves is not None and not isinstance(moves, Moves):
            raise TypeError(f"moves is {self.moves!r}; give pbits.Moves(...)")
        if moves is not None and moves.neighbours is not None and self.kind != "anneal":
            raise ValueError(
                "moves to near neighbours keep no law: they are for anneals; to sample, leave neighbours out"
            )
        object.__setattr__(self, "moves", moves)

    def _check_ladder(self) -> None:
        try:
            factors = np.asarray(self.ladder, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"ladder is {self.ladder!r}; it must be one number for each chain") from None
        if factors.shape != (self.chains,):
            raise ValueError(
                f"ladder has shape {factors.shape}; it must hold one factor for each of {self.chains} chains"
            )
        if not (np.isfinite(factors).all() and (factors >= 0).all()):
            raise ValueError("ladder holds a factor that is negative or not finite")
        highest = max(self.beta, self.beta_start or 0.0) * float(factors.max())
        if highest > MAX_BETA:
            raise ValueError(f"ladder reaches β = {highest:g}; allowed are inverse temperatures up to {MAX_BETA:g}")
        object.__setattr__(self, "ladder", tuple(factors.tolist()))

    def _check_anneal(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f"shape is {self.shape!r}; it must be one of {', '.join(SHAPES)}")
        if self.beta_start is None:
            raise ValueError("an anneal needs beta_start; use Schedule.anneal(...)")
        if self.shape == "geometric" and 0 in (self.beta_start, self.beta):
            end = "start" if self.beta_start == 0 else "stop"
            raise ValueError(f"a geometric anneal cannot {end} at β = 0; use a small β, or shape='linear'")
        if self.n_samples != 1 or self.n_warmup != 0:
            raise ValueError("an anneal keeps one draw, its last; use Schedule.anneal(...)")
        if self.levels is not None and self.levels > self.steps_per_sample:
            raise ValueError(f"levels is {self.levels}; there are only {self.steps_per_sample} sweeps")

    @classmethod
    def anneal(
        cls,
        *,
        sweeps: int = 1000,
        beta_start: float = 0.1,
        beta_stop: float = 3.0,
        shape: Shape = "geometric",
        chains: int = 32,
        levels: int | None = None,
        stop_at: float | None = None,
        stop: Stop = "all",
        rule: Rule = "heat-bath",
        ladder: Sequence[float] | None = None,
        moves: Moves | None = None,
    ) -> Schedule:
        """Annealing from `beta_start` to `beta_stop`; keeps one draw per chain, the last.

        Parameters
        ----------
        sweeps : int
            Length of the anneal.
        shape : {"geometric", "linear", "logarithmic"}
            Geometric: β_k = β₀ (β₁/β₀)^x. Linear: β_k = β₀ + (β₁ − β₀) x. Logarithmic (Geman and Geman):
            β_k = β₀ + (β₁ − β₀) ln(1 + k)/ln(1 + K). Here k = 0 … K counts the levels and x = k/K.
        levels : int, optional
            Number of distinct β, K + 1, each held for an equal share of the sweeps: a machine that stores βJ
            is programmed that many times. By default every sweep has its own β. One level is all at β₁.
        stop_at : float, optional
            Stop once every chain has visited an energy ≤ `stop_at`; `run.first_hit` holds when.
        stop : {"all", "any"}
            "any" stops once one chain has, as where a single solution is all that is wanted.
        rule : {"heat-bath", "metropolis"}
            Metropolis flips with probability min(1, e^(−βΔE)) and anneals better per attempt. No p-bit does that,
            so only machines without hardware (``"ideal"``) take it.
        ladder : sequence of float, optional
            A factor on β for each chain.
        moves : Moves, optional
            Of permutations: which moves are proposed.

        Examples
        --------
        >>> Schedule.anneal(sweeps=3, beta_start=1.0, beta_stop=4.0).betas()
        array([1., 2., 4.])
        """
        return cls(
            n_samples=1,
            n_warmup=0,
            steps_per_sample=sweeps,
            beta=beta_stop,
            chains=chains,
            beta_start=beta_start,
            shape=shape,
            levels=levels,
            stop_at=stop_at,
            stop=stop,
            rule=rule,
            ladder=None if ladder is None else tuple(ladder),
            moves=moves,
        )

    @property
    def kind(self) -> Literal["sample", "anneal"]:
        return "sample" if self.shape is None else "anneal"

    @property
    def total_steps(self) -> int:
        """Steps of one chain, warm-up included."""
        return self.n_warmup + self.n_samples * self.steps_per_sample

    def betas(self) -> NDArray[np.float64]:
        """β of every step, shape (total_steps,)."""
        steps = self.total_steps
        if self.kind == "sample":
            return np.full(steps, float(self.beta))
        assert self.beta_start is not None
        start, stop = float(self.beta_start), float(self.beta)
        levels = self.levels or steps
        k = np.arange(steps) * levels // steps
        last = max(levels - 1, 1)
        if self.shape == "geometric":
            ladder = start * (stop / start) ** (k / last)
        elif self.shape == "linear":
            ladder = start + (stop - start) * (k / last)
        else:
            ladder = start + (stop - start) * (np.log1p(k) / np.log1p(last))
        # Rounding must not carry the last β past a machine's cap.
        ladder[k == levels - 1] = stop
        return ladder

    def chain_betas(self, beta: float) -> NDArray[np.float64]:
        """β of each chain, (chains,), at a step whose β is `beta`."""
        return np.full(self.chains, beta) if self.ladder is None else beta * np.array(self.ladder)

    @property
    def max_beta(self) -> float:
        """The highest β of any step and chain."""
        return float(self.chain_betas(float(self.betas().max())).max())

    def observed_steps(self) -> NDArray[np.int64]:
        """Steps (1-based) after which the state is looked at.

        Every draw when sampling; every sweep when annealing, so that the best state visited is known.
        """
        if self.kind == "anneal":
            return np.arange(1, self.total_steps + 1)
        return self.n_warmup + self.steps_per_sample * np.arange(1, self.n_samples + 1)

    def looks(self, steps: int, every: int | None = None) -> NDArray[np.int64]:
        """Steps after which a machine hands states over, within `steps`: every draw due, or the last of an anneal.

        An anneal that stops at a target energy is looked at after every sweep. `every` adds the looks of a policy that
        steers the run; a state that is due for both is handed over once.
        """
        looks = np.array([steps]) if self.kind == "anneal" and self.stop_at is None else self.observed_steps()
        if every is not None:
            looks = np.union1d(looks, np.arange(every, steps + 1, every))
        return looks[looks <= steps]

    def frames(self, steps: int, every: int | None = None) -> int:
        """How many states a machine hands over per chain within `steps`."""
        return len(self.looks(steps, every))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
