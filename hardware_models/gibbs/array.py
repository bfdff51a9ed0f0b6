"""Grids of sampling cells in the manner of Extropic's chips.

A cell is a two-state process that relaxes towards P(+1) = σ(2V) with time constant τ. Over a phase Δt in which V stands
still, P(s' = +1 | s) = p + ([s = +1] − p) e^(−Δt/τ): a lazy heat bath, whose law is the Boltzmann law whatever Δt is;
only its mixing slows.

V, in units of βI, is the voltage of a bias network, which goes towards βI with time constant τ_bias: over a phase
V ← βI + (V − βI) e^(−Δt/τ_bias), in every cell, whether its colour moves or not. A cell of the colour that moves is
taken to relax towards where V is at the end of the phase. What is left of older inputs biases the law, and so do
neighbours that move in one phase.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hardware_models.clocked import ClockedProgram, Timing, as_network
from hardware_models.effects import (
    Effect,
    FixedPointCouplings,
    LeakMismatch,
    LimitedDac,
    Network,
    OffsetMismatch,
    SlopeMismatch,
    StuckCells,
    SupplyDroop,
    misreads,
)
from hardware_models.gibbs.cell import Cell
from pbits.mapping import GRID_RULES, Grid
from pbits.models import DirectedModel, EnergyModel, IsingModel
from pbits.models.base import read_only
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Capabilities, Execution, NotMappable, Observer, Placement, Program, Substrate

COLOURINGS = ("checkerboard", "forced")
# What was chosen to reach a limit may overshoot it by a rounding.
_TOLERANCE = 1e-12


class Array(Substrate):
    """A grid of sampling cells with fixed connection rules, updated in two-colour phases.

    Parameters
    ----------
    rules : str or sequence of (int, int)
        Name in `pbits.mapping.GRID_RULES`, or steps (columns, rows).
    rows, columns : int
        `cols` is accepted for `columns`.
    torus : bool
    cell : Cell, optional
        The circuit of a cell, in place of `tau_s`, `tau_bias_s` and `supply_swing`. Without `prices` it is priced by
        the circuit. The bias currents of a run are counted ("bias_load") by the states of the cells, in both phases.
    colouring : {"checkerboard", "forced"}
        A checkerboard moves even and odd cells in turn, and no wire may join two of one colour. "forced" lets it run on
        a grid where some do: coupled cells of one colour then move at once, which does not sample the Boltzmann law.
        The run warns of them.
    phase_s : Figure or float, optional
        Length Δt of one colour phase, seconds.
    tau_s : float, optional
        Relaxation time τ of a cell. Absent (not stated): each phase is taken to be long enough for a fresh draw, and
        the record says so.
    tau_sigma_d2d : float
        Spread of ln τ from cell to cell about `tau_s`, the median; drawn from `chip_seed`.
    tau_bias_s : float, optional
        Time constant of the bias voltages. Absent (not stated): they are taken to settle at once, and the record says
        so.
    max_coupling : float, optional
        Cap on β|J|.
    supply_swing : float, optional
        V_dd/V_s, the most that Σ_j 4β|J_ij| + 4β|h_i| of a cell can be: what its legs can pull.
    coupling_parameters : int, optional
        Distinct couplings the chip can hold, where wires share them: sizes, since a sign may belong to a wire. More
        sizes than that are refused. Which wires share is not checked, and the record says so.
    max_reflash_hz : float, optional
        How often the chip can be programmed. A schedule whose β, or a policy whose model, changes sooner is refused.
        The time between is that of the sweeps and of one programming.
    weight_bits : int, optional
        Bits of βJ and βh with the sign, see `hardware_models.effects.LimitedDac`; exact when absent.
    full_scale : float, optional
        The largest β|J| and β|h| of those bits; `max_coupling` when absent.
    offset_sigma_d2d, slope_sigma_d2d : float
        Device-to-device spread of each cell's input offset, in units of βI, and of the logarithm of its slope; drawn
        from `chip_seed`.
    effects : sequence of Effect
        Further non-idealities, applied in order after those above; see `hardware_models.effects`.
    program_s, read_s : Figure or float, optional
        Device seconds of a programming of all cells, and of one read-out.
    transfer_s : Figure or float, optional
        Device seconds in which one frame goes to the host; 0, where none is modelled. None where it is not stated.
    buffers : {1, 2}
        Whether a frame is read, and sent, while the array goes on sweeping: 2, or waits: 1.
    prices : PriceTable, optional
    name : str

    Raises
    ------
    ValueError
        For a grid that is empty, not two-coloured, or a torus so small that two wires of a cell end in one; for a time,
        spread or limit that cannot be; for two widths; for an effect that tells of another array.

    Notes
    -----
    The array stores βJ, so each change of β is a programming, written, timed and priced.

    Examples
    --------
    >>> from hardware_models import gibbs
    >>> gibbs.Array(rules="G12", rows=70, cols=70).capabilities.topology.describe()
    '70 × 70 open grid of degree 12'
    """

    def __init__(
        self,
        *,
        rules: str | tuple[tuple[int, int], ...] = "G12",
        rows: int = 70,
        columns: int | None = None,
        cols: int | None = None,
        torus: bool = False,
        cell: Cell | None = None,
        colouring: str = "checkerboard",
        phase_s: Figure | float | None = None,
        tau_s: float | None = None,
        tau_sigma_d2d: float = 0.0,
        tau_bias_s: float | None = None,
        max_coupling: float | None = None,
        supply_swing: float | None = None,
        coupling_parameters: int | None = None,
        max_reflash_hz: float | None = None,
        weight_bits: int | None = None,
        full_scale: float | None = None,
        offset_sigma_d2d: float = 0.0,
        slope_sigma_d2d: float = 0.0,
        effects: Sequence[Effect] = (),
        program_s: Figure | float | None = None,
        read_s: Figure | float | None = None,
        transfer_s: Figure | float | None = 0.0,
        buffers: int = 1,
        prices: PriceTable | None = None,
        name: str = "Gibbs array",
        spec: MachineSpec | None = None,
    ):
        if columns is not None and cols is not None and columns != cols:
            raise ValueError(f"columns is {columns} and cols is {cols}; give one of them")
        width = columns if columns is not None else cols if cols is not None else rows
        self.name = name
        self.spec = spec
        self._forced = colouring == "forced"
        self._grid = _grid(rules, rows, width, torus, colouring)
        self._cell = cell
        if cell is not None:
            if Figure.of(phase_s).value is None:
                raise ValueError(
                    "cell needs phase_s: how far a cell gets, and what it takes, depend on how long it has"
                )
            own = {"tau_s": tau_s, "tau_bias_s": tau_bias_s, "supply_swing": supply_swing}
            if twice := [label for label, given in own.items() if given is not None]:
                raise ValueError(
                    f"{' and '.join(twice)} would contradict the cell, which has its own; give another cell, by "
                    "dataclasses.replace(cell, ...)"
                )
            tau_s, tau_bias_s = Figure.of(cell.tau_rng_s).value, Figure.of(cell.tau_bias_s).value
            supply_swing = cell.swing
            prices = cell.prices(self._grid, phase_s=Figure.of(phase_s)) if prices is None else prices
        self.prices = prices
        self._pace = _Pace(
            phase_s=Figure.of(phase_s).value, tau_s=tau_s, tau_sigma_d2d=tau_sigma_d2d, tau_bias_s=tau_bias_s
        )
        self.timing = Timing(
            phase_s=phase_s, program_s=program_s, read_s=read_s, transfer_s=transfer_s, buffers=buffers
        )
        for label, limit, what in (
            ("max_coupling", max_coupling, "a cap on β|J|"),
            ("supply_swing", supply_swing, "V_dd/V_s"),
            ("coupling_parameters", coupling_parameters, "a number of parameters"),
            ("max_reflash_hz", max_reflash_hz, "a rate of programmings"),
        ):
            if limit is not None and not (math.isfinite(limit) and limit > 0):
                raise ValueError(f"{label} is {limit}; {what} must be positive and finite")
        self._swing = supply_swing
        self._parameters = coupling_parameters
        self._reflash = _Reflash.of(max_reflash_hz, self.timing)
        built_in: list[Effect] = []
        if weight_bits is not None:
            full_scale = max_coupling if full_scale is None else full_scale
            if full_scale is None:
                raise ValueError("weight_bits needs full_scale, the largest β|J|, or max_coupling")
            built_in.append(LimitedDac(bits=weight_bits, full_scale=full_scale))
        elif full_scale is not None:
            raise ValueError("full_scale is that of weight_bits; give both, or neither")
        if offset_sigma_d2d:
            built_in.append(OffsetMismatch(sigma_d2d=offset_sigma_d2d))
        if slope_sigma_d2d:
            built_in.append(SlopeMismatch(sigma_d2d=slope_sigma_d2d))
        _check_effects(effects, self._grid, supply_swing)
        self._effects = (*built_in, *effects)
        self.capabilities = Capabilities(
            domains=frozenset({"spin"}),
            topology=self._grid,
            stores_beta=True,
            max_coupling=max_coupling,
            # A policy goes by energies, and those of misread states are not the machine's.
            steers=not misreads(self._effects),
            unchecked=self._unchecked(max_coupling, max_reflash_hz),
        )

    def _unchecked(self, max_coupling: float | None, max_reflash_hz: float | None) -> tuple[str, ...]:
        found = []
        if self._swing is None:
            found.append("row-sum bound Σ 4β|J| + 4β|h| ≤ V_dd/V_s: voltages not stated")
        if self._parameters is not None:
            found.append(f"its wires share {self._parameters:,} coupling parameters; which share one is not published")
        if max_coupling is None:
            found.append("cap on β|J|: not stated")
        if max_reflash_hz is None:
            found.append("rate of programmings: no limit stated beside the time of one")
        elif self._reflash is None:
            found.append("rate of programmings: the time of a phase or of a programming is not stated")
        if self._pace.tau_s is None:
            found.append("relaxation time of a cell: not stated; a fresh draw is assumed in every phase")
        if self._pace.tau_bias_s is None:
            found.append("time constant of the bias voltages: not stated; they are taken to settle at once")
        return tuple(found)

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        reasons = super().limits(model, schedule, cells)
        if schedule is not None and isinstance(model, IsingModel | DirectedModel):
            reasons += self._row_sums(model, schedule.max_beta)
            reasons += self._shared(model, schedule.max_beta)
            reasons += [] if self._reflash is None else self._reflash.limits(schedule)
        return reasons

    def _row_sums(self, model: Network, beta: float) -> list[str]:
        if self._swing is None:
            return []
        pull = 4 * float((np.asarray(abs(model.csr).sum(axis=1)).ravel() + np.abs(model.h)).max(initial=0.0))
        if beta * pull <= self._swing * (1 + _TOLERANCE):
            return []
        return [
            f"Σ 4β|J| + 4β|h| of a site reaches {beta * pull:.3g} and V_dd/V_s is {self._swing:g}; "
            f"β ≤ {self._swing / pull:.3g} would fit"
        ]

    def _shared(self, model: Network, beta: float) -> list[str]:
        most = self._parameters
        if most is None or model.csr.nnz <= most:
            return []
        for effect in self._effects:
            if isinstance(effect, LimitedDac | FixedPointCouplings):
                model, _ = effect.realise(model, beta, np.zeros(1, dtype=np.int64), Streams(seed=0))
        sizes = len(np.unique(np.abs(model.csr.data[model.csr.data != 0])))
        if sizes <= most:
            return []
        return [
            f"its couplings have {sizes:,} sizes and the number of coupling parameters is {most:,}, the most that "
            "could fit however wires share them"
        ]

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        memory = self._pace.memory
        phases = None
        if self._forced or memory:
            row, column = np.divmod(placement.cells, self._grid.columns)
            both = [np.flatnonzero((row + column) % 2 == colour) for colour in (0, 1)]
            # Inputs settle also while no cell of the model moves.
            phases = [phase for phase in both if memory or len(phase)]
        return _ArrayProgram(
            as_network(model),
            placement,
            update="chromatic",
            timing=self.timing,
            effects=self._effects,
            stores_beta=True,
            copies=self._grid.copies(placement.cells),
            persistence=self._pace.persistence(placement),
            memory=memory,
            phases=phases,
            least_phases=2,
            by_state=None if self._cell is None else {"bias_load": partial(self._bias_load, placement.seated)},
            reflash=self._reflash,
            name=self.name,
        )

    def _bias_load(self, seated: NDArray[np.int64], model: EnergyModel, beta: float, states: NDArray) -> float:
        """Σ 4γ(1 − γ) over the cells, whose legs conduct in every phase, for settled inputs."""
        assert self._cell is not None
        held = as_network(model)
        inputs = (held.csr @ states.T.astype(np.float64) + held.h[:, None])[seated]
        return float(self._cell.bias_load(2 * beta * inputs).clip(0).sum(axis=0).mean())


@dataclass(frozen=True, kw_only=True)
class _Pace:
    """How far cells and their inputs get within a phase."""

    phase_s: float | None
    tau_s: float | None
    tau_sigma_d2d: float
    tau_bias_s: float | None

    def __post_init__(self) -> None:
        for label in ("phase_s", "tau_s", "tau_bias_s"):
            seconds = getattr(self, label)
            if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
                raise ValueError(f"{label} is {seconds}; it must be a positive number of seconds")
            if seconds is not None and self.phase_s is None:
                raise ValueError(f"{label} needs phase_s: how far a cell gets depends on their ratio")
        if not (math.isfinite(self.tau_sigma_d2d) and self.tau_sigma_d2d >= 0):
            raise ValueError(f"tau_sigma_d2d is {self.tau_sigma_d2d}; a spread must be finite and at least 0")
        if self.tau_sigma_d2d and self.tau_s is None:
            raise ValueError("tau_sigma_d2d needs tau_s, the median about which relaxation times spread")
        for label in ("tau_s", "tau_bias_s"):
            if self._left_of(getattr(self, label)) == 1.0:
                raise ValueError(
                    f"a phase of {self.phase_s} s is so short beside {label} = {getattr(self, label)} s that no cell "
                    "would ever move"
                )

    def _left_of(self, tau_s: float | None) -> float:
        """e^(−Δt/τ); 0 where it is not stated."""
        return 0.0 if tau_s is None or self.phase_s is None else math.exp(-self.phase_s / tau_s)

    @property
    def memory(self) -> float:
        return self._left_of(self.tau_bias_s)

    def persistence(self, placement: Placement) -> NDArray[np.float64] | float:
        """e^(−Δt/τ), of each site where the cells of a chip differ."""
        if not self.tau_sigma_d2d or self.tau_s is None or self.phase_s is None:
            return self._left_of(self.tau_s)
        of_chip = Streams(seed=0, chip_seed=placement.chip_seed).generator(Stream.CHIP, "RelaxationSpread")
        normal = of_chip.standard_normal(int(placement.cells.max()) + 1)[placement.cells]
        return read_only(np.exp(-self.phase_s / (self.tau_s * np.exp(self.tau_sigma_d2d * normal))))


@dataclass(frozen=True, kw_only=True)
class _Reflash:
    """How often a chip can be programmed, beside how long a sweep and a programming take."""

    max_hz: float
    sweep_s: float
    program_s: float

    @classmethod
    def of(cls, max_hz: float | None, timing: Timing) -> _Reflash | None:
        """None where any of the three is not stated."""
        phase_s, program_s = Figure.of(timing.phase_s).value, Figure.of(timing.program_s).value
        if max_hz is None or phase_s is None or program_s is None:
            return None
        return cls(max_hz=max_hz, sweep_s=2 * phase_s, program_s=program_s)

    @property
    def least_sweeps(self) -> int:
        """Between two programmings."""
        return max(1, math.ceil((1 / self.max_hz - self.program_s) / self.sweep_s * (1 - _TOLERANCE)))

    def limits(self, schedule: Schedule) -> list[str]:
        """Why the β of a schedule cannot be programmed in time."""
        changes = np.flatnonzero(np.diff(schedule.betas()))
        if not len(changes):
            return []
        # The last level is followed by no programming.
        shortest = int(np.diff(np.concatenate([[-1], changes])).min())
        if shortest >= self.least_sweeps:
            return []
        levels = max(1, schedule.total_steps // self.least_sweeps)
        return [
            f"{self._too_soon('β', shortest)}, or {levels:,} {'levels' if levels > 1 else 'level'} in these "
            f"{schedule.total_steps:,} sweeps"
        ]

    def steered(self, schedule: Schedule, observe: Observer, copies: int) -> list[str]:
        """Why a policy cannot have the chip programmed in time.

        One that reprograms is taken to do so in every round. Where there are more chains than copies, and each has its
        own β, every round programs the copies anew.
        """
        policy = getattr(observe, "steer", None)
        if policy is None or policy.every >= self.least_sweeps:
            return []
        by_turns = schedule.ladder is not None and len(set(schedule.ladder)) > 1 and schedule.chains > copies
        if not (policy.reprograms or by_turns):
            return []
        told = self._too_soon("what is held", policy.every)
        return [told + (f", or at most {copies:,} chains" if by_turns and not policy.reprograms else "")]

    def batched(self, schedule: Schedule, copies: int) -> list[str]:
        """Why batches that are programmed one after another come too soon: where β changes, or differs from chain to
        chain, each starts with a programming, right after the last sweeps of the one before.
        """
        changes = np.flatnonzero(np.diff(schedule.betas()))
        by_turns = len(changes) > 0 or (schedule.ladder is not None and len(set(schedule.ladder)) > 1)
        last = schedule.total_steps - (int(changes[-1]) + 1 if len(changes) else 0)
        if schedule.chains <= copies or not by_turns or last >= self.least_sweeps:
            return []
        return [f"{self._too_soon('the batch', last)}, or at most {copies:,} chains, which need no second batch"]

    def _too_soon(self, what: str, sweeps: int) -> str:
        seconds = sweeps * self.sweep_s + self.program_s
        return (
            f"{what} changes every {sweeps:,} {'sweeps' if sweeps > 1 else 'sweep'}, after {seconds:.3g} s with the "
            f"programming, and the chip can be programmed once in {1 / self.max_hz:.3g} s; "
            f"{self.least_sweeps:,} sweeps between would fit"
        )


class _ArrayProgram(ClockedProgram):
    """A model on a Gibbs array."""

    def __init__(self, *args, reflash: _Reflash | None, name: str, **options):
        super().__init__(*args, **options)
        self._reflash = reflash
        self._name = name

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        if self._reflash is not None:
            reasons = self._reflash.steered(schedule, observe, self._copies)
            reasons += self._reflash.batched(schedule, self._copies)
            if reasons:
                raise NotMappable(self._name, reasons)
            policy = getattr(observe, "steer", None)
            # Chains then swap by their states.
            self._may_program = policy is None or policy.every >= self._reflash.least_sweeps
        return super().execute(schedule, streams, initial, observe)


def _grid(rules: str | tuple[tuple[int, int], ...], rows: int, columns: int, torus: bool, colouring: str) -> Grid:
    """The grid, if it can be built and coloured as asked; else every reason why not."""
    if colouring not in COLOURINGS:
        raise ValueError(f"colouring is {colouring!r}; it must be one of {', '.join(COLOURINGS)}")
    grid = Grid.named(rules, rows, columns, torus)
    reasons = []
    if colouring == "checkerboard":
        if even := [f"({a}, {b})" for a, b in grid.rules if (a + b) % 2 == 0]:
            reasons.append(f"every rule (a, b) needs a + b odd, unlike {', '.join(even)}")
        odd = {what: side for what, side in (("rows", rows), ("columns", columns)) if side % 2}
        if torus and odd:
            told = " and ".join(f"{side + 1} {what} instead of {side}" for what, side in odd.items())
            reasons.append(f"a torus needs even sides: {told} would fit")
    remedy = "; colouring='forced' runs the checkerboard all the same" if reasons else ""
    ends = {(b % rows, a % columns) for a, b in grid.steps}
    if torus and (len(ends) < len(grid.steps) or (0, 0) in ends):
        apart = 2 * max(max(abs(a), abs(b)) for a, b in grid.rules) + 2
        reasons.append(f"around so small a torus two wires of a cell end in one: sides of {apart} would fit")
        remedy = ""
    if reasons:
        raise ValueError(f"the {grid.describe()} cannot be built: {'; '.join(reasons)}{remedy}")
    return grid


def _check_effects(effects: Sequence[Effect], grid: Grid, swing: float | None) -> None:
    """Refuse effects that tell of another array, all of them at once."""
    reasons = []
    for effect in effects:
        name = type(effect).__name__
        if not hasattr(effect, "realise"):
            raise TypeError(f"effects hold {effect!r}; they must be effects, as hardware_models.effects has them")
        if isinstance(effect, LeakMismatch | SupplyDroop) and swing is not None and effect.swing != swing:
            reasons.append(f"{name} has a swing of {effect.swing:g} and the array a supply_swing of {swing:g}")
        for row in ("offsets", "alphas", "leaks", "shares"):
            known = getattr(effect, row, None)
            if known is not None and len(known) != grid.n_sites:
                reasons.append(f"{row} of {name} tell of {len(known):,} cells and the array has {grid.n_sites:,}")
        if isinstance(effect, StuckCells) and effect.cells and max(effect.cells) >= grid.n_sites:
            reasons.append(f"{name} names cell {max(effect.cells)} and the array has {grid.n_sites:,} from 0")
    if reasons:
        raise ValueError("; ".join(reasons))


_KEYS = (
    "rules", "rows", "columns", "torus", "cell", "colouring", "phase_time", "tau_rng", "tau_sigma_d2d", "tau_bias",
    "max_coupling", "supply_swing", "coupling_parameters", "max_reflash_rate", "weight_bits", "full_scale",
    "offset_sigma_d2d", "slope_sigma_d2d", "program_time", "read_time",
    "transfer_time", "buffers",
)  # fmt: skip
_CELLS = {"published": Cell.published}


def from_spec(spec: MachineSpec) -> Array:
    """A Gibbs array from a catalogue entry."""
    spec.reject_unknown(_KEYS)
    cell = _CELLS[spec.text("cell", choices=tuple(_CELLS))]() if "cell" in spec.parameters else None
    made = Array(
        cell=cell,
        rules=spec.text("rules", choices=tuple(GRID_RULES)),
        rows=spec.integer("rows"),
        columns=spec.integer("columns"),
        torus=spec.flag("torus", default=False),
        colouring=spec.text("colouring", choices=COLOURINGS, default="checkerboard"),
        phase_s=spec.figure("phase_time", "s"),
        tau_s=spec.number("tau_rng", "s", default=None),
        tau_sigma_d2d=spec.number("tau_sigma_d2d", "1", default=None) or 0.0,
        tau_bias_s=spec.number("tau_bias", "s", default=None),
        max_coupling=spec.number("max_coupling", "1", default=None),
        supply_swing=spec.number("supply_swing", "1", default=None),
        coupling_parameters=spec.integer("coupling_parameters", default=None),
        max_reflash_hz=spec.number("max_reflash_rate", "Hz", default=None),
        weight_bits=spec.integer("weight_bits", default=None),
        full_scale=spec.number("full_scale", "1", default=None),
        offset_sigma_d2d=spec.number("offset_sigma_d2d", "1", default=None) or 0.0,
        slope_sigma_d2d=spec.number("slope_sigma_d2d", "1", default=None) or 0.0,
        program_s=spec.figure("program_time", "s"),
        read_s=spec.figure("read_time", "s"),
        transfer_s=spec.figure("transfer_time", "s") if "transfer_time" in spec.parameters else 0.0,
        buffers=spec.integer("buffers", default=1),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
    # What the cell's circuit prices stands in the catalogue like what is quoted.
    made.spec = replace(spec, prices=made.prices)
    return made
