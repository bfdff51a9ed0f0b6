"""Digital p-bits as an FPGA clocks them, bit for bit: shift registers, a tanh table, fixed point, saturation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models import topologies
from hardware_models.clocked import Timing, as_ising, weights_per_update
from hardware_models.traffic import Traffic, words_told
from pbits.kernels import fpga
from pbits.kernels.blocks import Pool, chain_blocks, threads
from pbits.mapping import FixedPoint, Rounding, Topology, colour_classes
from pbits.models import EnergyModel, IsingModel
from pbits.models.base import read_only
from pbits.parameters import Figure, MachineSpec, PriceTable
from pbits.schedule import Schedule
from pbits.streams import Stream, Streams
from pbits.substrate import Capabilities, Execution, Law, Observer, Placement, Program, Substrate, without
from pbits.sweeps import initial_states

GENERATORS = ("lfsr", "lfsr-8", "lfsr-16", "lfsr-32", "xoshiro")
MAX_INPUT_BITS = 16
# Words with fewer new bits move the laws of small models measurably (docs/explanation/bit_true.md).
INDEPENDENT_BITS = 16
# Clipping an input where the table comes to this changes no probability by more than 2⁻¹⁶.
CERTAIN = 2**32 - 2**16
BLOCK = 64
WORTH_A_THREAD = 20_000


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Cells of an FPGA that a design takes, as a synthesis tool counted them.

    Attributes
    ----------
    luts : int
        Look-up tables of up to six inputs.
    flip_flops, carries, block_rams : int
        Carries are blocks of the carry chain; block RAMs of 18 and of 36 kbit count alike.
    tool : str
        Which tool and version counted, and for which family of chips.
    """

    luts: int
    flip_flops: int
    carries: int
    block_rams: int
    tool: str


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What is written into the array at a β, in units of 2^−fraction_bits.

    Attributes
    ----------
    beta : float
    weights : int32
        Of the entries of `model.csr`.
    fields : (n,) int32
    couplings_rounding, fields_rounding : Rounding
        What rounding did to βJ, each coupling counted once, and to βh.
    """

    beta: float
    weights: NDArray[np.int32]
    fields: NDArray[np.int32]
    couplings_rounding: Rounding
    fields_rounding: Rounding

    @classmethod
    def of(cls, model: IsingModel, number: FixedPoint, beta: float) -> Numbers:
        """βJ and βh of a model, rounded."""
        weights, _ = number.round(beta * model.csr.data)
        fields, of_fields = number.round(beta * model.h)
        return cls(
            beta=beta,
            weights=read_only((weights / number.step).astype(np.int32)),
            fields=read_only((fields / number.step).astype(np.int32)),
            couplings_rounding=number.round(beta * model.edges()[2])[1],
            fields_rounding=of_fields,
        )

    @property
    def rounding(self) -> Rounding:
        """Of couplings and fields together."""
        return self.couplings_rounding + self.fields_rounding


class BitTrue(Substrate):
    """An array of digital p-bits, emulated clock by clock and bit for bit.

    A p-bit adds up its input I = Σ_j βJ_ij s_j + βh_i in whole numbers of 2^−b, clips it to ±(2^a − 2^−b), looks up
    T(|I|) = round(2³²(1 + tanh |I|)/2), at most 2³² − 1, and compares it with the 32-bit word r that its generator
    shows: for I ≥ 0 the spin is +1 where T > r, for I < 0 where r > T. A tie gives −1. Sums never overflow. Colour
    classes take turns, a clock each.

    Parameters
    ----------
    integer_bits, fraction_bits : int
        a and b of the format s[a][b] of βJ, βh and I: a sign, a bits before the point and b behind it. The table has
        2^(a+b) entries, at most 2¹⁶.
    generator : {"lfsr", "lfsr-8", "lfsr-16", "lfsr-32", "xoshiro"}
        "lfsr" is a 32-bit register with XNOR feedback of bits 32, 22, 2 and 1 that shifts once a clock, so that
        successive words share 31 bits; "lfsr-k" shifts k times a clock. "xoshiro" is xoshiro128++.
    free_running : bool
        Whether every generator moves at every clock, whichever colour's turn it is; else only those of the colour
        whose turn it is, as where each colour has a clock of its own.
    topology : Topology, optional
        Wiring; unrestricted when absent.
    phase_s, program_s, read_s : Figure or float, optional
        Device seconds of a clock, of a programming, of a read-out; None where not stated.
    resources : Resources, optional
        What `hardware_models.pbit.verilog.count_luts` counted for the model to be run; then a run counts "lut_clock",
        a look-up table during a clock, for prices that know one.
    prices : PriceTable, optional
    name : str

    Raises
    ------
    ValueError
        For a format without bits or with more than 16, an unknown generator, or a time that is negative or not
        finite.

    Warns
    -----
    HarmWarning
        By a run in which numbers saturate or round to zero, or inputs are clipped below P = 1.

    Notes
    -----
    Format, table, comparison and register are those of the published design of N. A. Aadit and others
    (github.com/navidaadit/distributed-p-computers, hardware/rtl_example), which has s[4][1] and clocks each colour by
    itself: ``free_running=False``. Seeds are words of the INITIAL stream, one generator a p-bit and a chain. A register
    repeats after 2³² − 1 shifts. One that shifts less than 16 times a clock moves the law, which is then of kind
    "unknown"; docs/explanation/bit_true.md has measurements.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models.pbit.bittrue import BitTrue
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]], h=[0.5, 0])
    >>> run = pbits.run(pair, BitTrue(), pbits.Schedule(n_samples=100, chains=2), seed=1)
    >>> run.counts["update"], run.counts["random_bit"]
    (800.0, 1600.0)
    """

    def __init__(
        self,
        *,
        integer_bits: int = 4,
        fraction_bits: int = 1,
        generator: str = "lfsr",
        free_running: bool = True,
        topology: Topology | None = None,
        phase_s: Figure | float | None = None,
        program_s: Figure | float | None = None,
        read_s: Figure | float | None = None,
        resources: Resources | None = None,
        prices: PriceTable | None = None,
        name: str = "bit-true p-bit array",
        spec: MachineSpec | None = None,
    ):
        if integer_bits < 0 or fraction_bits < 0 or not 1 <= integer_bits + fraction_bits <= MAX_INPUT_BITS:
            raise ValueError(
                f"s[{integer_bits}][{fraction_bits}] is no format here; give at least 0 bits before and behind the "
                f"point, 1 to {MAX_INPUT_BITS} together, since a table of 2^bits words turns the input into a "
                "probability"
            )
        if generator not in GENERATORS:
            raise ValueError(f"generator is {generator!r}; it must be one of {', '.join(GENERATORS)}")
        self.name = name
        self.prices = prices
        self.spec = spec
        self.input_bits = integer_bits + fraction_bits
        self.number = FixedPoint(total_bits=1 + self.input_bits, fraction_bits=fraction_bits)
        self.table = read_only(_tanh_table(self.input_bits, self.number.step))
        self.generator = generator
        self.free_running = free_running
        self.timing = Timing(phase_s=phase_s, program_s=program_s, read_s=read_s)
        self.resources = resources
        self.capabilities = Capabilities(
            domains=frozenset({"spin"}), models=(IsingModel,), topology=topology, stores_beta=True, steers=False
        )

    @property
    def words(self) -> int:
        """Words of 32 bits that a generator is made of."""
        return 4 if self.generator == "xoshiro" else 1

    @property
    def shifts(self) -> int:
        """Shifts of a register, or steps of xoshiro, a clock."""
        return int(self.generator.partition("-")[2] or 1)

    @property
    def random_bits_per_clock(self) -> int:
        """New bits that a generator makes at a clock."""
        return 32 if self.generator == "xoshiro" else self.shifts

    def limits(
        self, model: EnergyModel, schedule: Schedule | None = None, cells: NDArray[np.int64] | None = None
    ) -> list[str]:
        reasons = super().limits(model, schedule, cells)
        if isinstance(model, IsingModel) and not reasons:
            most = 2 ** (31 - self.input_bits) - 2
            if (degree := int(model.degrees.max())) > most:
                reasons.append(f"a site has {degree:,} neighbours, and the emulated sums hold {most:,}")
        return reasons

    def _program(self, model: EnergyModel, schedule: Schedule, placement: Placement) -> Program:
        return BitTrueProgram(self, as_ising(model), float(schedule.betas().max()), placement)


class BitTrueProgram(Program):
    """A model in whole numbers on an array of digital p-bits.

    Attributes
    ----------
    machine : BitTrue
    model : IsingModel
    beta : float
        The highest of the schedule it was compiled for.
    clamp : dict
    phases : tuple of int64
        The p-bits of each colour, in their turns, without the clamped ones.
    sites, ends : int64
        The same as one array, and where in it the phases begin and end.
    """

    def __init__(self, machine: BitTrue, model: IsingModel, beta: float, placement: Placement):
        self.machine = machine
        self.model = model
        self.beta = beta
        self.clamp = placement.clamp
        self.told = placement.told(model)
        self.seated = len(placement.seated)
        self.chip_seed = placement.chip_seed
        topology = machine.capabilities.topology
        self._copies = 1 if topology is None else topology.copies(placement.cells)
        held = list(self.clamp)
        # The clock runs through all colours, also those whose p-bits are clamped.
        biases, seated = placement.biases, placement.seated
        wired = without(model, biases) if len(biases) else model
        self.phases = tuple(np.setdiff1d(seated[colour], held) for colour in colour_classes(wired))
        self.sites = np.concatenate(self.phases)
        self.ends = np.cumsum([0, *map(len, self.phases)])
        self._held: Numbers | None = None

    @property
    def colours(self) -> int:
        """Clocks of a sweep."""
        return len(self.phases)

    def numbers(self, beta: float) -> Numbers:
        """What is written into the array at β."""
        if self._held is None or self._held.beta != beta:
            self._held = Numbers.of(self.model, self.machine.number, beta)
        return self._held

    def realised(self, beta: float) -> IsingModel:
        if beta == 0:
            return self.model
        numbers, csr = self.numbers(beta), self.model.csr
        scale = self.machine.number.step / beta
        J = type(csr)((scale * numbers.weights, csr.indices, csr.indptr), shape=csr.shape)
        return IsingModel(J, scale * numbers.fields, self.model.offset)

    def law(self, beta: float) -> Law:
        fresh = self.machine.random_bits_per_clock
        if fresh < INDEPENDENT_BITS:
            note = f"a register that shifts {fresh} a clock shows words that are no independent draws"
        elif self._clipped(beta):
            note = "inputs are clipped where the table still rises, so that conditionals are those of no model"
        else:
            return Law(kind="boltzmann", model=self.realised(beta), beta=beta, clamp=self.clamp)
        return Law(kind="unknown", model=self.realised(beta), beta=beta, clamp=self.clamp, note=note)

    def twin(self, schedule: Schedule, seed: int) -> NDArray | None:
        from pbits.reference import fpga as plain

        machine, behind = self.machine, self.machine.number.fraction_bits
        low, high = Streams(seed=seed).key(Stream.INITIAL)
        return plain.run(
            self.model.csr.toarray(), self.model.h, [phase.tolist() for phase in self.phases],
            schedule.betas().tolist(), schedule.observed_steps().tolist(), schedule.chains, (int(low), int(high)),
            integer_bits=machine.input_bits - behind,
            fraction_bits=behind, words=machine.words, shifts=machine.shifts, free_running=machine.free_running,
            clamp=self.clamp,
        )  # fmt: skip

    def harms(self, beta: float) -> list[str]:
        """What the format does to the model at β, in words; empty where nothing saturates, vanishes or is clipped."""
        numbers, number = self.numbers(beta), self.machine.number
        low, high = number.limits
        found = []
        for name, report in (("couplings", numbers.couplings_rounding), ("fields", numbers.fields_rounding)):
            if report.saturated:
                found.append(f"{report.saturated} of {report.total} {name} saturate at {low:g} or {high:g}")
            if report.vanished:
                found.append(f"{report.vanished} of {report.total} {name} round to zero, in steps of {number.step:g}")
        if found:
            worst = max(numbers.couplings_rounding.largest_error, numbers.fields_rounding.largest_error)
            found.append(f"βJ and βh are off by up to {worst:.2g}")
        if clipped := self._clipped(beta):
            found.append(
                f"{clipped} p-bits can have inputs beyond ±{high:g}, where the table ends at a probability of "
                f"{self.machine.table[-1] / 2**32:.6g}"
            )
        return found

    def _clipped(self, beta: float) -> int:
        """P-bits whose input can leave a table that does not end near certainty."""
        last = len(self.machine.table) - 1
        if self.machine.table[last] >= CERTAIN:
            return 0
        numbers, csr = self.numbers(beta), self.model.csr
        reach = np.abs(numbers.fields.astype(np.int64))
        np.add.at(reach, np.repeat(np.arange(self.model.n), np.diff(csr.indptr)), np.abs(numbers.weights))
        return int((reach > last).sum())

    def execute(self, schedule: Schedule, streams: Streams, initial: NDArray | None, observe: Observer) -> Execution:
        betas = schedule.betas()
        blocks = chain_blocks(schedule.chains, BLOCK)
        busy = self.model.n * schedule.chains * schedule.total_steps >= WORTH_A_THREAD
        with Pool(min(threads() if busy else 1, len(blocks))) as pool:
            chips = pool.map(lambda k: Fabric(self, streams, blocks[k], initial), len(blocks))
            seeds = hashlib.sha256(b"".join(chip.words.tobytes() for chip in chips)).hexdigest()

            def move(numbers: Numbers, clocks: int) -> int:
                return sum(pool.map(lambda k: chips[k].advance(numbers, clocks), len(blocks)))

            done = toggles = 0
            for step in schedule.observed_steps().tolist():
                toggles += move(self.numbers(float(betas[step - 1])), (step - done) * self.colours)
                done = step
                if observe(step, np.concatenate([chip.spins.T for chip in chips])):
                    break
        return self._account(schedule, done, toggles, initial is not None, seeds)

    def _account(self, schedule: Schedule, steps: int, toggles: int, started: bool, seeds: str) -> Execution:
        machine, timing, chains = self.machine, self.machine.timing, schedule.chains
        programmings = 1 + int(np.count_nonzero(np.diff(schedule.betas()[:steps])))
        # An array that was programmed once serves every batch; one that is programmed anew starts each batch over.
        rewrites = programmings > 1
        batches = -(-chains // self._copies)
        clocks, frames = steps * self.colours, schedule.frames(steps)
        free = self.sites
        moved = Traffic(
            batches=batches,
            settings=programmings,
            programmings=programmings * (batches if rewrites else 1),
            copies_programmed=programmings * (chains if rewrites else min(self._copies, chains)),
            written_frames=batches if started or any(self.told) else 0,
            states_written=chains if started else 0,
            words_told=words_told(self.told, chains, self._copies),
            read_frames=frames,
            notes={},
        )
        timeline = timing.play(schedule, steps, moved, step_s=timing.phase_s, phases=self.colours)
        moves = clocks if machine.free_running else steps
        counts = {
            "update": steps * chains * len(free),
            "weight_read": steps * chains * int(weights_per_update(self.model)[free].sum()),
            "toggle": toggles,
            "random_bit": moves * chains * len(free) * machine.random_bits_per_clock,
            "read": frames * self.seated * chains,
            "write": self.seated * (moved.copies_programmed + moved.states_written) + moved.words_told,
        }
        if machine.resources is not None:
            counts["lut_clock"] = machine.resources.luts * clocks * chains
        numbers = self.numbers(self.beta)
        notes: dict[str, Any] = {
            "update": "chromatic",
            "phases_per_sweep": self.colours,
            "programmings": programmings,
            "copies_side_by_side": self._copies,
            "batches": batches,
            "start_states_written": moved.states_written,
            "generator": machine.generator,
            "free_running": machine.free_running,
            "seeds": {"stream": "INITIAL", "sha256": seeds},
            "fixed_point": {
                "numbers": numbers.rounding.total,
                "saturated": numbers.rounding.saturated,
                "rounded_to_zero": numbers.rounding.vanished,
                "largest_error_in_beta_j": numbers.rounding.largest_error,
                "step_in_beta_j": machine.number.step,
                "clipped_inputs": self._clipped(self.beta),
            },
            "resources": None if machine.resources is None else vars(machine.resources),
        }
        if harms := self.harms(self.beta):
            notes["harms"] = harms
        return Execution(
            counts=counts,
            seconds={"active": timeline.active, "idle": timeline.idle},
            device_time_s=timeline.device_time,
            phases=timeline.phases,
            timeline=timeline.to_dict(),
            notes=notes,
            # Other chains of like work would fill the copies that this run left empty.
            full_batch_s=timeline.device_time * (chains / (batches * self._copies)),
            programming=moved.programming(self.seated, Figure.of(timing.program_s)),
        )


class Fabric:
    """A block of chains of a program, each a copy of the array with seeds of its own, clock by clock.

    Attributes
    ----------
    spins : (n, chains) int8
    words : (n, 1 or 4, chains) uint32
        What the generators hold.
    clock : int
        Clocks since the start.
    """

    def __init__(self, program: BitTrueProgram, streams: Streams, block: slice, initial: NDArray | None = None):
        self.program = program
        self.spins = initial_states(program.model, block, streams, initial, program.clamp)
        self.words = np.empty((program.model.n, program.machine.words, block.stop - block.start), dtype=np.uint32)
        fpga.seed_words(self.words, *streams.key(Stream.INITIAL), block.start)
        self.clock = 0

    def advance(self, numbers: Numbers, clocks: int) -> int:
        """Clock all chains; returns the toggles."""
        program, machine, csr = self.program, self.program.machine, self.program.model.csr
        toggles = fpga.advance(
            self.spins, self.words, csr.indptr, csr.indices, numbers.weights, numbers.fields, machine.table,
            program.ends, program.sites, machine.shifts, machine.free_running, self.clock, clocks,
        )  # fmt: skip
        self.clock += clocks
        return toggles


_CAP = 2**32 - 1


def _tanh_table(bits: int, step: float) -> NDArray[np.uint32]:
    inputs = step * np.arange(2**bits)
    return np.minimum(np.floor(2.0**31 * (1 + np.tanh(inputs)) + 0.5), _CAP).astype(np.uint32)


_KEYS = (
    "integer_bits", "fraction_bits", "generator", "free_running", *topologies.KEYS, "clock", "cycles_per_phase",
    "program_time", "read_time",
)  # fmt: skip


def from_spec(spec: MachineSpec) -> BitTrue:
    """A bit-true array from a catalogue entry."""
    spec.reject_unknown(_KEYS)
    return BitTrue(
        integer_bits=spec.integer("integer_bits"),
        fraction_bits=spec.integer("fraction_bits"),
        generator=spec.text("generator", choices=GENERATORS),
        free_running=spec.flag("free_running"),
        topology=topologies.topology_of(spec),
        phase_s=spec.figure("cycles_per_phase", "1") / spec.figure("clock", "Hz"),
        program_s=spec.figure("program_time", "s"),
        read_s=spec.figure("read_time", "s"),
        prices=spec.prices,
        name=spec.name,
        spec=spec,
    )
