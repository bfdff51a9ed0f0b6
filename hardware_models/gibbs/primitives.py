"""Blocks of unlike cells in one program: p-bits, p-dits made of p-cells, and p-modes.

A sweep is a sequence of phases. Sites of one colour move together, p-bits by one draw and p-dits by a number of draws
of their p-cell, and the phase lasts until the slowest of them is done. After the last colour all p-modes settle at
once, as a linear RC network does: dx = −(Ax − f) dt/τ + √(2T/(βτ)) dW, where f is what the categories drive them with.

A draw of a p-cell decides between the present category a and another one b, picked uniformly, with
P(move) = σ(−β(Δ_b − Δ_a)). That is in detailed balance with the law of the site given the others, so the law of the
whole is exact after any number of draws and only mixing slows. From any category, D draws are within
(1 − 1/(q − 1))^D of a draw from all q at once, in total variation: of 10q draws at most e⁻¹⁰ is left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.clocked import Timing
from hardware_models.traffic import traffic
from pbits.langevin import OrnsteinUhlenbeck
from pbits.mapping import colour_classes
from pbits.models import CategoricalModel, EnergyModel, GaussianModel, HybridModel, IsingModel, PolynomialModel
from pbits.models.base import read_only
from pbits.parameters import Evidence, Figure, Included, MachineSpec, Parameter, PriceTable
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Capabilities, Execution, Law, Observer, Placement, Program, Substrate
from pbits.sweeps import Scan, Settling, heat_bath, initial_states


def _price(value: float | None, note: str, low: float | None = None, high: float | None = None) -> Parameter:
    evidence = None if value is None else Evidence.VENDOR_CLAIM
    return Parameter(
        value=value, unit="J", low=low, high=high, evidence=evidence, source="extropic2026codon",
        locator="supplement, note 2", note=note,
    )  # fmt: skip


def _unstated(unit: str, note: str) -> Parameter:
    return Parameter(value=None, unit=unit, note=note)


#: What is published of the joules of these cells. Much is not, so a total is a lower bound.
PRICES = PriceTable(
    boundary="core",
    operations={
        "update": _price(
            1.3e-15,
            "Of a p-bit in a grid of degree 12, its wires included; good to an order of magnitude, as its maker says.",
            1.3e-16,
            1.3e-14,
        ),
        "p_cell_draw": _price(
            800e-18, "About 800 aJ a sample, extrapolated from p-bits: its maker notes that no such chip exists yet."
        ),
        # Joules of an update are those of its draws, so they are unknown where no number of draws is stated.
        "p_dit_update": Included(in_="p_cell_draw"),
        "macdac_input": _price(None, "About 500 aF an input, but at a voltage that is not stated."),
        "toggle": Included(in_="update"),
        "p_dit_toggle": _price(None, "Wires of about 350 aF/µm, of a length and at a voltage that are not stated."),
        "mode_update": _unstated("J", "Nobody states what a p-mode draws."),
        "read": _unstated("J", "Not stated for these cells."),
        "mode_read": _unstated("J", "Not stated for these cells."),
        "write": _unstated("J", "Not stated for these cells."),
    },
    power={
        "active": _unstated("W", "Clock distribution: not stated."),
        "idle": _unstated("W", "Standby: not stated."),
    },
)


@dataclass(frozen=True, kw_only=True)
class Cells:
    """What the cells are; None where not stated.

    Attributes
    ----------
    p_bit_s : device seconds of a phase of p-bits
    p_cell_s : device seconds of one draw of a p-cell
    relaxation : draws of a p-cell that make an update of a p-dit, whatever its categories
    relaxation_per_category : the same, for each category of the p-dit
    mode_s : device seconds in which modes settle
    mode_tau_s : τ, by which the eigenvalues of A are rates
    mode_temperature_sigma_d2d : spread of ln T from mode to mode
    """

    p_bit_s: Figure | float | None = None
    p_cell_s: Figure | float | None = None
    relaxation: int | None = None
    relaxation_per_category: float | None = None
    mode_s: Figure | float | None = None
    mode_tau_s: float | None = None
    mode_temperature_sigma_d2d: float = 0.0

    def __post_init__(self) -> None:
        for name in ("p_bit_s", "p_cell_s", "mode_s", "mode_tau_s", "relaxation_per_category"):
            value = Figure.of(getattr(self, name)).value
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; it must be positive and finite, or None if not stated")
        if self.relaxation is not None and self.relaxation_per_category is not None:
            raise ValueError("give relaxation or relaxation_per_category, and not both")
        if self.relaxation is not None and (
            not isinstance(self.relaxation, Integral) or isinstance(self.relaxation, bool) or self.relaxation < 1
        ):
            raise ValueError(
                f"relaxation is {self.relaxation!r}; an update takes a whole number of draws of a p-cell, at least one"
            )
        if self.mode_tau_s is not None and Figure.of(self.mode_s).value is None:
            raise ValueError("mode_tau_s needs mode_s: how far modes settle depends on their ratio")
        sigma = self.mode_temperature_sigma_d2d
        if not (math.isfinite(sigma) and sigma >= 0):
            raise ValueError(f"mode_temperature_sigma_d2d is {sigma}; a spread is finite and at least 0")

    def draws(self, n_states: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Draws that make an update of each site, one for two categories; None where a p-dit draws from all at once."""
        if self.relaxation is None and self.relaxation_per_category is None:
            return None
        wanted = self.relaxation or np.ceil((self.relaxation_per_category or 0.0) * n_states)
        return np.where(n_states > 2, wanted, 1).astype(np.int64)

    @property
    def settled(self) -> float:
        """Δt/τ; infinite where it is not stated."""
        seconds = Figure.of(self.mode_s).value
        return math.inf if self.mode_tau_s is None or seconds is None else seconds / self.mode_tau_s


class Primitives(Substrate):
    """A substrate of p-bits, p-dits and p-modes, any of which may be coupled.

    Parameters
    ----------
    p_bit_s, p_cell_s : float, optional
        Device seconds of a phase of p-bits, and of one draw of a p-cell.
    relaxation : int, optional
        Draws of a p-cell that make an update of a p-dit.
    relaxation_per_category : float, optional
        The same, for each category of the p-dit; about 10 is claimed. Without either a p-dit draws from all its
        categories at once, in a time that is not stated.
    mode_s, mode_tau_s : float, optional
        Δt in which modes settle, and τ, by which the eigenvalues of A are rates. Without τ modes draw afresh.
    mode_temperature_sigma_d2d : float
        Spread of ln T from mode to mode, drawn from `chip_seed`. Unequal temperatures make a law that is not
        Boltzmann's.
    max_order : int, optional
        The largest term of a `PolynomialModel` that cells can add up; any where None.
    program_s, read_s : float, optional
        Device seconds of a programming of all cells, and of one read-out.
    prices : PriceTable
        `PRICES` when absent; None for a machine that is not priced.

    Raises
    ------
    ValueError
        For a time, number of draws, spread or order that cannot be.

    Notes
    -----
    It holds spins (`IsingModel`, `PolynomialModel`), categories, Gaussian modes, and the blocks of categories and modes
    of a `HybridModel`, whose sites of two categories are p-bits. Wires are not modelled: any two sites may be coupled.

    Counted are "update" (of p-bits), "p_dit_update", "p_cell_draw" where the number of draws is stated, "macdac_input"
    (for each update of a p-dit ⌈log₂ q_j⌉ inputs for each neighbour j and two more: how often they are charged is not
    stated, and once an update is the least), "mode_update", what changed ("toggle" of spins, "p_dit_toggle" in programs
    of categories), "read", "mode_read" and "write". How a p-cell picks the other category is not counted.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models.gibbs.primitives import Primitives
    >>> wells = pbits.HybridModel.mixture([1, 2, 1], [[-3.0], [0.0], [3.0]], [[4.0]])
    >>> machine = Primitives(relaxation_per_category=10)
    >>> run = pbits.run(wells, machine, pbits.Schedule(n_samples=100, n_warmup=0, chains=1), seed=1)
    >>> run.states.shape, run.counts["p_cell_draw"], run.counts["mode_update"]
    ((1, 100, 2), 3000.0, 100.0)
    """

    def __init__(
        self,
        *,
        p_bit_s: Figure | float | None = None,
        p_cell_s: Figure | float | None = None,
        relaxation: int | None = None,
        relaxation_per_category: float | None = None,
        mode_s: Figure | float | None = None,
        mode_tau_s: float | None = None,
        mode_temperature_sigma_d2d: float = 0.0,
        max_order: int | None = 2,
        program_s: Figure | float | None = None,
        read_s: Figure | float | None = None,
        prices: PriceTable | None = PRICES,
        name: str = "Gibbs primitives",
        spec: MachineSpec | None = None,
    ):
        if max_order is not None and max_order < 1:
            raise ValueError(f"max_order is {max_order}; a term holds at least one site, or give None for any order")
        self.name = name
        self.prices = prices
        self.spec = spec
        self._cells = Cells(
            p_bit_s=p_bit_s,
            p_cell_s=p_cell_s,
            relaxation=relaxation,
            relaxation_per_category=relaxation_per_category,
            mode_s=mode_s,
            mode_tau_s=mode_tau_s,
            mode_temperature_sigma_d2d=mode_temperature_sigma_d2d,
        )
        self._max_order = max_order
        self._timing = Timing(program_s=program_s, read_s=read_s)
        self.capabilities = Capabilities(
            domains=frozenset({"spin", "category", "real", "mixed"}),
            models=(IsingModel, PolynomialModel, CategoricalModel, GaussianModel, HybridModel),
            stores_beta=True,
            unchecked=tuple(self._unstated()),
        )

    def _unstated(self) -> Iterator[str]:
        yield "wires between cells: not stated; any two sites may be coupled"
        yield "cap on couplings and number of cells: not stated"
        if self._cells.relaxation is None and self._cells.relaxation_per_category is None:
            yield "draws of a p-cell in an update: not stated; a p-dit draws from all its categories at once"
        if self._cells.mode_tau_s is None:
            yield "relaxation time of a mode: not stated; a fresh draw is assumed in every sweep"

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        reasons = super().limits(model, schedule, cells)
        if isinstance(model, PolynomialModel) and self._max_order is not None and model.order > self._max_order:
            reasons.append(f"a term holds {model.order} sites and its cells add up terms of {self._max_order} at most")
        if schedule is not None and schedule.step_s is not None:
            reasons.append("step_s is the step of a circuit; here modes settle for mode_s a sweep, so leave step_s out")
        if schedule is not None and isinstance(model, GaussianModel | HybridModel) and schedule.betas().min() == 0:
            reasons.append("β = 0 needs infinitely strong noise; take every β above 0")
        return reasons

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        return PrimitivesProgram(model, placement, self._cells, self._timing)


class PrimitivesProgram(Program):
    """A model on blocks of p-bits, p-dits and p-modes.

    Attributes
    ----------
    temperatures : (modes,) array
        T of each mode of this chip, in units of 1/β.
    """

    def __init__(self, model: EnergyModel, placement: Placement, cells: Cells, timing: Timing):
        self._model = model
        self._placement = placement
        self._clamp: Mapping[int, Any] = placement.clamp
        self._cells = cells
        self._timing = timing
        modes = model.modes if isinstance(model, HybridModel) else model
        discrete = model.discrete if isinstance(model, HybridModel) else model
        self._modes = modes if isinstance(modes, GaussianModel) else None
        self._dits = discrete if isinstance(discrete, CategoricalModel) else None
        n_modes = 0 if self._modes is None else self._modes.n
        # What the sites before the modes hold: spins two states.
        self._n_states = np.full(model.n - n_modes, 2) if self._dits is None else self._dits.n_states
        self._draws = None if self._dits is None else cells.draws(self._n_states)
        self._classes = colour_classes(discrete) if len(self._n_states) else []
        chip = Streams(seed=0, chip_seed=placement.chip_seed).generator(Stream.CHIP, "temperature of modes")
        self.temperatures = read_only(np.exp(cells.mode_temperature_sigma_d2d * chip.standard_normal(n_modes)))
        self._alike = not (n_modes and cells.mode_temperature_sigma_d2d)
        settling = Settling(duration=cells.settled, temperatures=None if self._alike else self.temperatures)
        self._scan = Scan.of(
            [*self._classes, *([np.arange(model.n - n_modes, model.n)] if n_modes else [])],
            relaxation=self._draws,
            settling=settling if n_modes else None,
        )

    def realised(self, beta: float) -> EnergyModel:
        return self._model

    def law(self, beta: float) -> Law:
        if self._alike:
            return Law(kind="boltzmann", model=self._model, beta=beta, clamp=self._clamp)
        if isinstance(self._model, GaussianModel):
            return Law(kind="boltzmann", model=self._of_unequal_modes(self._model), beta=beta, clamp=self._clamp)
        return Law(
            kind="unknown",
            model=self._model,
            beta=beta,
            clamp=self._clamp,
            note="modes of unequal temperatures settle by one law, and categories answer by another",
        )

    def _of_unequal_modes(self, model: GaussianModel) -> GaussianModel:
        """The model whose law modes of unequal temperatures have: N(m, Σ/β) with AΣ + ΣA = 2 diag(T)."""
        fixed = np.array(sorted(self._clamp), dtype=np.int64)
        free = np.setdiff1d(np.arange(model.n), fixed)
        inside = np.ix_(free, free)
        if not len(free):
            return model
        held = np.array([self._clamp[site] for site in fixed.tolist()])
        mean = np.linalg.solve(model.A[inside], model.b[free] - model.A[np.ix_(free, fixed)] @ held)
        sigma = OrnsteinUhlenbeck(model.A[inside], np.diag(self.temperatures[free])).covariance
        # Modes that are held stand apart: what they pull is in the mean.
        A, b = np.eye(model.n), np.zeros(model.n)
        A[inside] = np.linalg.inv(sigma)
        b[free] = A[inside] @ mean
        return GaussianModel((A + A.T) / 2, b)

    def twin(self, schedule: Schedule, seed: int) -> NDArray | None:
        if not isinstance(self._model, HybridModel):
            return None
        from pbits.reference import hybrid as plain

        streams = Streams(seed=seed)
        low, high = streams.key(Stream.THERMAL)
        betas, scan = schedule.betas(), self._scan.without(np.array(sorted(self._clamp), dtype=np.int64))
        states = initial_states(self._model, slice(0, schedule.chains), streams, None, self._clamp)
        draws, done, seen = None if self._draws is None else self._draws.tolist(), 0, []
        for step in schedule.observed_steps().tolist():
            plain.sweep(
                states, self._model, scan.sites.tolist(), betas[done:step], (int(low), int(high)), draws=draws,
                duration=self._cells.settled, temperatures=self.temperatures, step0=done,
            )  # fmt: skip
            done = step
            seen.append(states.T.copy())
        return np.stack(seen, axis=1)

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        tally = heat_bath(self.realised, self._scan, schedule, streams, initial, observe, self._clamp)
        moved = traffic(
            schedule,
            tally,
            copies=1,
            stores_beta=True,
            preset=initial is not None,
            program_s=Figure.of(self._timing.program_s),
            start_s=self._timing.start_s,
            told=self._placement.told(self._model),
        )
        seconds = self._seconds()
        timeline = self._timing.play(
            schedule,
            tally.steps,
            moved,
            step_s=sum(seconds.values(), Figure.of(0.0)),
            steered=tally.steered is not None,
        )
        n, chains, modes = self._model.n, schedule.chains, len(self.temperatures)
        frames = moved.read_frames * chains
        counts = {name: each * tally.steps * chains for name, each in self._per_sweep().items()}
        counts |= {
            "toggle" if self._dits is None else "p_dit_toggle": tally.toggles,
            "read": frames * (n - modes),
            "mode_read": frames * modes,
            "write": n * (moved.copies_programmed + moved.states_written) + moved.words_told,
        }
        return Execution(
            counts={name: count for name, count in counts.items() if count},
            seconds={"active": timeline.active, "idle": timeline.idle},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            notes={
                "phases_per_sweep": len(self._classes) + bool(modes),
                "seconds_per_sweep": {kind: figure.value for kind, figure in seconds.items()},
                "draws_per_update": None if self._draws is None else [int(self._draws.min()), int(self._draws.max())],
                "modes": self._mode_notes(),
                "programmings": moved.settings,
                **moved.notes,
            },
            programming=moved.programming(n, Figure.of(self._timing.program_s)),
        )

    def _per_sweep(self) -> dict[str, int]:
        """What one sweep of one chain counts, clamped sites left out."""
        n_states = self._n_states
        free = np.setdiff1d(np.arange(self._model.n), list(self._clamp))
        sites = free[free < len(n_states)]
        dits = sites[n_states[sites] > 2]
        counts = {
            "update": len(sites) - len(dits),
            "mode_update": len(free) - len(sites),
            "p_dit_update": len(dits),
            "p_cell_draw": 0 if self._draws is None else int(self._draws[dits].sum()),
        }
        if self._dits is not None:
            bits = np.ceil(np.log2(n_states)).astype(np.int64)
            first, second = self._dits.pairs.T
            inputs = 2 + np.bincount(first, bits[second], len(bits)) + np.bincount(second, bits[first], len(bits))
            counts["macdac_input"] = int(inputs[dits].sum())
        return counts

    def _seconds(self) -> dict[str, Figure]:
        """Device seconds that each kind of phase takes of a sweep; phases whose sites are clamped take theirs."""
        cells, spent = self._cells, {"cells": Figure.of(0.0)}
        for sites in self._classes:
            dits, lasts = sites[self._n_states[sites] > 2], Figure.of(0.0)
            if len(dits) < len(sites):
                lasts = Figure.of(cells.p_bit_s)
            if len(dits):
                draws = None if self._draws is None else int(self._draws[dits].max())
                lasts = lasts.at_least(Figure.of(cells.p_cell_s) * Figure.of(draws))
            spent["cells"] += lasts
        if self._modes is not None:
            spent["modes"] = Figure.of(cells.mode_s)
        return spent

    def _mode_notes(self) -> dict[str, Any] | None:
        if self._modes is None:
            return None
        boltzmann = np.linalg.inv(self._modes.A)
        sigma = OrnsteinUhlenbeck(self._modes.A, np.diag(self.temperatures)).covariance
        scale = np.sqrt(np.outer(np.diag(boltzmann), np.diag(boltzmann)))
        return {
            "settled_for_tau": self._cells.settled if math.isfinite(self._cells.settled) else None,
            "temperature_lowest": float(self.temperatures.min()),
            "temperature_highest": float(self.temperatures.max()),
            "largest_covariance_error": float(np.abs((sigma - boltzmann) / scale).max()),
        }
