"""Arrays of p-bits: ideal, or clocked and digital in the manner of FPGA machines."""

from __future__ import annotations

from hardware_models.clocked import UPDATES, ClockedProgram, Timing
from hardware_models.effects import Effect, FixedPointCouplings, OffsetMismatch
from pbits.mapping import GRID_RULES, Complete, FixedPoint, Grid, Topology
from pbits.models import CategoricalModel, EnergyModel, IsingModel, PolynomialModel
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.schedule import Schedule
from pbits.substrate import Capabilities, Placement, Program, Substrate


class Array(Substrate):
    """p-bits s_i = sgn(tanh(βI_i) − r), I_i = Σ_j J_ij s_j + h_i, r uniform on (−1, 1).

    An ideal array, of any wiring, with exact numbers and no mismatch, also holds a `PolynomialModel`, whose p-bits
    have the input I_i = Σ_{t∋i} w_t Π_{j∈t, j≠i} s_j, and a `CategoricalModel`, whose p-dits draw a category a with
    probability ∝ exp(−βΔ_a). Without a clock it is no hardware, and anneals by the Metropolis rule where that is
    asked for.

    Parameters
    ----------
    update : {"chromatic", "sequential", "random", "synchronous"}
        In which order p-bits move. All but "synchronous", which is for an `IsingModel`, sample the Boltzmann law of
        what is held.
    topology : Topology, optional
        Wiring; unrestricted when absent.
    number : FixedPoint, optional
        How βJ and βh are stored; exact when absent. A machine with fixed point is programmed anew at each β.
    offset_sigma_d2d : float
        Device-to-device spread of each p-bit's input offset, in units of βI; drawn from `chip_seed`.
    phase_s, program_s, read_s : Figure or float, optional
        Device seconds of a clock phase, of a programming, of a read-out; None where not stated.
    prices : PriceTable, optional
    name : str

    Raises
    ------
    ValueError
        For an unknown update discipline, a spread below 0, or a time that is negative or not finite.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models import pbit
    >>> model = pbits.IsingModel([[0, 1], [1, 0]])
    >>> schedule = pbits.Schedule(n_samples=10, chains=2)
    >>> pbits.run(model, pbit.Array(update="random"), schedule, seed=1).states.shape
    (2, 10, 2)
    """

    def __init__(
        self,
        *,
        update: str = "chromatic",
        topology: Topology | None = None,
        number: FixedPoint | None = None,
        offset_sigma_d2d: float = 0.0,
        phase_s: Figure | float | None = None,
        program_s: Figure | float | None = None,
        read_s: Figure | float | None = None,
        prices: PriceTable | None = None,
        name: str = "p-bit array",
        spec: MachineSpec | None = None,
    ):
        if update not in UPDATES:
            raise ValueError(f"update is {update!r}; it must be one of {', '.join(UPDATES)}")
        self.name = name
        self.prices = prices
        self.spec = spec
        self._update = update
        self._timing = Timing(phase_s=phase_s, program_s=program_s, read_s=read_s)
        # Numbers are rounded where they are stored; the offset sits behind them, at the input of the p-bit.
        effects: list[Effect] = []
        if number is not None:
            effects.append(FixedPointCouplings(number=number))
        if offset_sigma_d2d:
            effects.append(OffsetMismatch(sigma_d2d=offset_sigma_d2d))
        self._effects = tuple(effects)
        ideal = topology is None and not effects and update != "synchronous"
        clockless = Figure.of(phase_s).value is None
        self.capabilities = Capabilities(
            domains=frozenset({"spin", "category"} if ideal else {"spin"}),
            models=(IsingModel, PolynomialModel, CategoricalModel) if ideal else (IsingModel,),
            topology=topology,
            stores_beta=number is not None,
            rules=frozenset({"heat-bath", "metropolis"} if ideal and clockless else {"heat-bath"}),
        )

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        topology = self.capabilities.topology
        return ClockedProgram(
            model,
            placement,
            update=self._update,
            timing=self._timing,
            effects=self._effects,
            stores_beta=self.capabilities.stores_beta,
            copies=1 if topology is None else topology.copies(placement.cells),
        )


_KEYS = (
    "update", "topology", "max_sites", "rows", "columns", "rules", "torus", "total_bits", "fraction_bits",
    "offset_sigma_d2d", "clock", "cycles_per_phase", "program_time", "read_time",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> Array:
    """A p-bit array from a catalogue entry."""
    spec.reject_unknown(_KEYS)
    shape = spec.text("topology", choices=("any", "complete", "grid"), default="any")
    topology: Topology | None = None
    if shape == "complete":
        topology = Complete(spec.integer("max_sites"))
    elif shape == "grid":
        topology = Grid.named(
            spec.text("rules", choices=tuple(GRID_RULES)),
            spec.integer("rows"),
            spec.integer("columns"),
            spec.flag("torus", default=False),
        )
    number = None
    if spec.has("fraction_bits") or spec.has("total_bits"):
        number = FixedPoint(
            total_bits=spec.integer("total_bits", default=None), fraction_bits=spec.integer("fraction_bits")
        )
    return Array(
        update=spec.text("update", choices=UPDATES),
        topology=topology,
        number=number,
        offset_sigma_d2d=spec.number("offset_sigma_d2d", "1", default=None) or 0.0,
        phase_s=spec.figure("cycles_per_phase", "1") / spec.figure("clock", "Hz"),
        program_s=spec.figure("program_time", "s"),
        read_s=spec.figure("read_time", "s"),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
