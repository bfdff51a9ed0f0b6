"""Grids of sampling cells in the manner of Extropic's chips.

A cell is a two-state process that relaxes towards P(+1) = σ(2βI) with time constant τ. Over a phase Δt in
which its field is frozen, P(s' = +1 | s) = p + ([s = +1] − p) e^(−Δt/τ): a lazy heat bath, whose law is the
Boltzmann law whatever Δt is; only its mixing slows.
"""

from __future__ import annotations

import math

from hardware_models.clocked import ClockedProgram, Timing, as_ising
from hardware_models.effects import Effect, OffsetMismatch
from pbits.mapping import GRID_RULES, Grid
from pbits.models import EnergyModel
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.schedule import Schedule
from pbits.substrate import Capabilities, Placement, Program, Substrate


class Array(Substrate):
    """A grid of sampling cells with fixed connection rules, updated in two-colour phases.

    Parameters
    ----------
    rules : str or sequence of (int, int)
        Name in `pbits.mapping.GRID_RULES`, or steps (columns, rows).
    rows, columns : int
        `cols` is accepted for `columns`.
    torus : bool
    phase_s : float, optional
        Length Δt of one colour phase, seconds.
    tau_s : float, optional
        Relaxation time τ of a cell. Absent (not stated): each phase is taken to be long enough for a fresh
        draw, and the record says so.
    max_coupling : float, optional
        Cap on β|J|.
    coupling_parameters : int, optional
        Distinct couplings the chip can hold, where wires share them. The sharing is not checked, and the record
        says so.
    offset_sigma_d2d : float
        Device-to-device spread of each cell's input offset, in units of βI; drawn from `chip_seed`.
    program_s, read_s : float, optional
        Device seconds of a programming of all cells, and of one read-out.

    Raises
    ------
    ValueError
        For a grid that is empty or not two-coloured, a time, spread or cap that cannot be, or two widths.

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
        phase_s: Figure | float | None = None,
        tau_s: float | None = None,
        max_coupling: float | None = None,
        coupling_parameters: int | None = None,
        offset_sigma_d2d: float = 0.0,
        program_s: Figure | float | None = None,
        read_s: Figure | float | None = None,
        prices: PriceTable | None = None,
        name: str = "Gibbs array",
        spec: MachineSpec | None = None,
    ):
        if columns is not None and cols is not None and columns != cols:
            raise ValueError(f"columns is {columns} and cols is {cols}; give one of them")
        width = columns if columns is not None else cols if cols is not None else rows
        phase_value = Figure.of(phase_s).value
        for label, seconds in (("phase_s", phase_value), ("tau_s", tau_s)):
            if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
                raise ValueError(f"{label} is {seconds}; it must be a positive number of seconds")
        if max_coupling is not None and not (math.isfinite(max_coupling) and max_coupling > 0):
            raise ValueError(f"max_coupling is {max_coupling}; a cap on β|J| must be positive and finite")
        if tau_s is not None and phase_value is None:
            raise ValueError("tau_s needs phase_s: how far a cell relaxes depends on their ratio")
        persistence = 0.0 if tau_s is None or phase_value is None else math.exp(-phase_value / tau_s)
        if persistence == 1.0:
            raise ValueError(
                f"a phase of {phase_value} s is so short beside tau_s = {tau_s} s that no cell would ever move"
            )
        grid = Grid.named(rules, rows, width, torus)
        if not grid.two_coloured:
            raise ValueError(
                f"the {grid.describe()} is not two-coloured by its checkerboard: every rule (a, b) needs "
                "a + b odd, and a torus needs even sides"
            )
        self.name = name
        self.prices = prices
        self.spec = spec
        self._timing = Timing(phase_s=phase_s, program_s=program_s, read_s=read_s)
        self._persistence = persistence
        self._effects: tuple[Effect, ...] = (OffsetMismatch(sigma_d2d=offset_sigma_d2d),) if offset_sigma_d2d else ()
        unchecked = ["row-sum bound Σ 4β|J| ≤ V_dd/V_s: voltages not stated"]
        if coupling_parameters is not None:
            unchecked.append(
                f"its wires share {coupling_parameters:,} coupling parameters; which share one is not published"
            )
        if max_coupling is None:
            unchecked.append("cap on β|J|: not stated")
        if tau_s is None:
            unchecked.append("relaxation time of a cell: not stated; a fresh draw is assumed in every phase")
        self.capabilities = Capabilities(
            domains=frozenset({"spin"}),
            topology=grid,
            stores_beta=True,
            max_coupling=max_coupling,
            unchecked=tuple(unchecked),
        )

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        grid = self.capabilities.topology
        assert isinstance(grid, Grid)
        return ClockedProgram(
            as_ising(model),
            placement,
            update="chromatic",
            timing=self._timing,
            effects=self._effects,
            stores_beta=True,
            copies=grid.copies(placement.cells),
            persistence=self._persistence,
            least_phases=2,
        )


_KEYS = (
    "rules", "rows", "columns", "torus", "phase_time", "tau_rng", "max_coupling", "coupling_parameters",
    "offset_sigma_d2d", "program_time", "read_time",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> Array:
    """A Gibbs array from a catalogue entry."""
    spec.reject_unknown(_KEYS)
    return Array(
        rules=spec.text("rules", choices=tuple(GRID_RULES)),
        rows=spec.integer("rows"),
        columns=spec.integer("columns"),
        torus=spec.flag("torus", default=False),
        phase_s=spec.figure("phase_time", "s"),
        tau_s=spec.number("tau_rng", "s", default=None),
        max_coupling=spec.number("max_coupling", "1", default=None),
        coupling_parameters=spec.integer("coupling_parameters", default=None),
        offset_sigma_d2d=spec.number("offset_sigma_d2d", "1", default=None) or 0.0,
        program_s=spec.figure("program_time", "s"),
        read_s=spec.figure("read_time", "s"),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
