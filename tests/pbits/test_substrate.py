"""The seam: what machines refuse and how, what is found and loaded, and machines of other distributions."""

import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import pbits
from hardware_models import gibbs, pbit
from pbits.mapping import Complete, Grid
from pbits.parameters import CatalogueError
from pbits.substrate import Listing, build, load

SQUARE = Grid.named("G4", 4, 4)


def square(**changes):
    return pbit.Array(topology=SQUARE, name="square", **changes)


def compiled(machine, model, **arguments):
    return machine.compile(model, pbits.Schedule(beta=arguments.pop("beta", 1.0)), **arguments)


def reasons(machine, model, **arguments):
    with pytest.raises(pbits.NotMappable) as refused:
        compiled(machine, model, **arguments)
    return refused.value.reasons


# --- refusals -----------------------------------------------------------------------------------


def test_every_reason_at_once_each_with_what_would_fit():
    grid = gibbs.Array(rules="G4", rows=4, cols=4, max_coupling=2.0, name="little")
    star = pbits.IsingModel.from_edges(17, [(0, k) for k in range(1, 17)], 5.0)
    found = reasons(grid, star, beta=3.0)
    assert found == (
        "the model has 17 sites and the machine 16",
        "a site has 16 neighbours and the machine wires 4",
        "β|J| reaches 15 and the machine holds at most 2; β ≤ 0.4 would fit",
    )
    assert grid.limits(star, pbits.Schedule(beta=3.0)) == list(found)


def test_a_refusal_can_be_read_caught_and_sent_between_processes():
    refusal = pbits.NotMappable("toy", ["too small", "too cold"])
    assert isinstance(refusal, ValueError)
    copied = pickle.loads(pickle.dumps(refusal))
    for error in (refusal, copied):
        assert (error.machine, error.reasons) == ("toy", ("too small", "too cold"))
        assert str(error) == "toy cannot hold this model: too small; too cold"


def test_couplings_off_the_wires_are_refused():
    triangle = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2), (0, 2)], 1.0)
    assert "couplings do not lie on the machine's wires (4 × 4 open grid of degree 4" in reasons(square(), triangle)[0]


def test_another_kind_of_site_or_model_is_named():
    assert reasons(square(), pbits.GaussianModel(np.eye(2))) == (
        "its sites hold spin values; the model's sites hold real values; `pbits catalogue` lists other machines",
    )
    stepped = pbits.Schedule(n_samples=1, step_s=1.0)
    with pytest.raises(pbits.NotMappable, match="leave step_s out"):
        square().compile(pbits.IsingModel([[0, 1], [1, 0]]), stepped)
    cubic = pbits.PolynomialModel(3, {(0, 1, 2): 1.0})
    assert reasons(square(), cubic) == (
        "it holds models of kind IsingModel or DirectedModel; this is a PolynomialModel",
    )


@pytest.mark.parametrize("beta", [0.59, 0.71, 1.18, 1.29])
def test_a_cap_can_be_reached(beta):
    """6/β × β exceeds 6 by a rounding at these β."""
    machine = gibbs.Array(rules="G4", rows=4, cols=4, max_coupling=6.0)
    assert beta * (6 / beta) > 6
    compiled(machine, pbits.IsingModel.from_edges(2, [(0, 1)], 6 / beta), beta=beta)
    assert "β|J| reaches" in reasons(machine, pbits.IsingModel.from_edges(2, [(0, 1)], 6.0001 / beta), beta=beta)[0]


def test_clamps_are_checked_where_the_program_is_made():
    pair = pbits.IsingModel.from_edges(2, [(0, 1)], 1.0)
    with pytest.raises(ValueError, match="clamp names site 5; the model has sites 0 to 1"):
        compiled(square(), pair, clamp={5: 1})
    with pytest.raises(ValueError, match="clamp sets site 0 to 0"):
        compiled(square(), pair, clamp={0: 0})
    circuit = load("langevin-rc-illustrative")
    found = reasons(circuit, pbits.GaussianModel(np.eye(2)), clamp={0: 1.0})
    assert "it cannot hold sites fixed; the run clamps 1" in found


# --- placement ----------------------------------------------------------------------------------

PAIR = pbits.IsingModel.from_edges(2, [(0, 1)], 0.5, [0.1, -0.2])


def test_a_given_placement_is_used_where_it_lies_on_wires():
    program = compiled(square(), PAIR, cells=[6, 10])
    assert program.realised(1.0).fingerprint() == PAIR.fingerprint()
    assert reasons(square(), PAIR, cells=[0, 5]) == ("1 couplings of the given placement do not lie on wires",)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([15, 19], "names cell 19; the machine's cells are numbered from 0 to 15"),
        ([-4, 0], "names cell -4"),
        ([3, 3], "puts two sites on one cell"),
        ([0], r"has shape \(1,\) .* it needs 2 whole numbers"),
        ([0.0, 1.0], "type float64; it needs 2 whole numbers"),
    ],
)
@pytest.mark.parametrize("topology", [SQUARE, Complete(16)], ids=["grid", "complete"])
def test_a_placement_is_a_set_of_cells_of_the_machine(topology, cells, message):
    with pytest.raises(pbits.NotMappable, match=message):
        compiled(pbit.Array(topology=topology), PAIR, cells=cells)


def test_a_placement_on_a_machine_without_wiring_is_checked_too():
    compiled(load("ideal"), PAIR, cells=[7, 3])
    assert reasons(load("ideal"), PAIR, cells=[-1, 3]) == (
        "the given placement names cell -1; the machine's cells are numbered from 0",
    )


# --- finding and loading ------------------------------------------------------------------------


def test_available_machines_are_sorted_and_load_under_their_name():
    names = pbits.available()
    assert list(names) == sorted(names)
    assert {"ideal", "extropic-z1", "fpga-kv260", "gpu-h100-sxm", "cpu-epyc-9654"} <= set(names)
    assert [pbits.load(name).name for name in names] == list(names)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fpga-kv62", r"no machine is named 'fpga-kv62' \(did you mean 'fpga-kv260'\?\); known: asic-130nm-vmtj, "),
        ("zzz", "no machine is named 'zzz'; known: "),
        ("", "no machine is named ''; known: "),
        ("embedded:extropic-z2", r"no machine is named 'extropic-z2' \(did you mean 'extropic-z1'\?\)"),
        ("embedded:ideal", "ideal has no grid to embed on"),
        ("embedded:embedded:extropic-z1", "embedded:extropic-z1 has no grid to embed on"),
        ("nothing.toml", "there is no file nothing.toml"),
    ],
)
def test_load_says_what_is_wrong_with_a_name(name, message):
    with pytest.raises(ValueError, match=message):
        pbits.load(name)


@pytest.mark.parametrize("machine", [None, 5, pbit.Array])
def test_load_takes_names_and_paths(machine):
    with pytest.raises(TypeError, match="a machine is a name, a TOML file or a Substrate object, not"):
        pbits.load(machine)


MINE = """
schema = 1
name = "mine"
title = "My machine"
physics = "{physics}"
date = "2026-11-22"
description = "For a test."
[parameters]
update = "chromatic"
"""


def written(folder, text=MINE, physics="pbit"):
    path = folder / "my.toml"
    path.write_text(text.format(physics=physics), encoding="utf-8")
    return path


def test_a_toml_file_is_a_machine(tmp_path):
    path = written(tmp_path)
    for machine in (pbits.load(path), pbits.load(str(path))):
        assert machine.name == "mine"
        assert machine.describe()["title"] == "My machine"
        assert machine.describe()["catalogue_date"] == "2026-11-22"


def test_an_unknown_physics_names_the_file_and_what_is_known(tmp_path):
    path = written(tmp_path, physics="telepathy")
    with pytest.raises(ValueError, match=r"my.toml: no physics is named 'telepathy'; known: .*gibbs.*pbit"):
        pbits.load(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('update = "chromatic"', "update = chromatic", "my.toml is not valid TOML.*line 9"),
        ('update = "chromatic"', "update = 3", "my.toml, parameters.update"),
        ('update = "chromatic"', 'update = "chromatik"', "did you mean 'chromatic'"),
        ('update = "chromatic"', 'updte = "chromatic"', "my.toml, parameters: unknown key 'updte'"),
        ('name = "mine"', "", "my.toml: no name"),
        ("schema = 1", "schema = 2", "my.toml: schema is 2; this version reads schema 1"),
    ],
)
def test_a_bad_toml_file_is_named_with_the_place(tmp_path, old, new, message):
    with pytest.raises(CatalogueError, match=message):
        pbits.load(written(tmp_path, MINE.replace(old, new)))


# --- machines of other distributions ------------------------------------------------------------

THIRD_PARTY = '''
"""Ideal p-bits in plain NumPy, one site after another: a machine that shares no kernel with the rest."""

import numpy as np

from pbits.models import IsingModel
from pbits.kernels.philox import uniforms
from pbits.streams import Stream
from pbits.substrate import Capabilities, Execution, Law, Listing, Program, Substrate


class Dice(Substrate):
    name = "dice"
    capabilities = Capabilities(domains=frozenset({"spin"}), models=(IsingModel,))

    def _program(self, model, schedule, placement):
        return DiceProgram(model, placement)


class DiceProgram(Program):
    def __init__(self, model, placement):
        self.model, self.clamp = model, placement.clamp

    def realised(self, beta):
        return self.model

    def law(self, beta):
        return Law(kind="boltzmann", model=self.model, beta=beta, clamp=self.clamp)

    def execute(self, schedule, streams, initial, observe):
        n, chains = self.model.n, schedule.chains
        u, J = np.empty((n, chains)), self.model.csr.toarray()
        uniforms(u, *streams.key(Stream.INITIAL), 0, 0, 0)
        spins = np.where(u < 0.5, 1, -1) if initial is None else np.tile(initial, (chains, 1)).T[:, :chains]
        for site, value in self.clamp.items():
            spins[site] = value
        due = set(schedule.observed_steps().tolist())
        for step, beta in enumerate(schedule.betas()):
            uniforms(u, *streams.key(Stream.THERMAL), 0, step, 0)
            for site in set(range(n)) - set(self.clamp):
                up = 1 / (1 + np.exp(-2 * beta * (J[site] @ spins + self.model.h[site])))
                spins[site] = np.where(u[site] < up, 1, -1)
            if step + 1 in due and observe(step + 1, spins.T.astype(np.int8)):
                break
        return Execution(counts={}, seconds={}, device_time_s=None, phases={}, notes={})


def listing():
    return Listing(machines={"dice": Dice}, physics={})
'''

CHECK = """
from functools import partial
import pbits, dice_machines
from pbits import testing
assert "dice" in pbits.available() and "ideal" in pbits.available()
assert type(pbits.load("dice")) is dice_machines.Dice
testing.measure_law = partial(testing.measure_law, draws=200_000)
for check in testing.CHECKS:
    check(pbits.load("dice"))
print("passed", len(testing.CHECKS))
"""


def install(folder, name, listing):
    folder.mkdir()
    (folder / "dice_machines.py").write_text(THIRD_PARTY, encoding="utf-8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[pbits.substrates]\n{name} = {listing}\n")


def python(code, *folders):
    path = os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_an_installed_distribution_adds_machines_that_pass_the_suite(tmp_path):
    install(tmp_path / "one", "dice", "dice_machines:listing")
    done = python(CHECK, tmp_path / "one")
    assert done.stdout == "passed 7\n", done.stderr


def test_two_distributions_cannot_offer_one_name(tmp_path):
    install(tmp_path / "one", "dice", "dice_machines:listing")
    install(tmp_path / "two", "loaded_dice", "dice_machines:listing")
    done = python("import pbits; pbits.available()", tmp_path / "one", tmp_path / "two")
    assert done.returncode == 1
    assert "offers the machine 'dice', which another installed distribution offers too" in done.stderr


def test_a_spec_is_built_by_the_physics_it_names(tmp_path, monkeypatch):
    from pbits import substrate
    from pbits.parameters import read_machine

    spec = read_machine(written(tmp_path, physics="mirror"))
    monkeypatch.setattr(substrate, "_listing", lambda: Listing(machines={}, physics={"mirror": lambda spec: spec}))
    assert build(spec) is spec
