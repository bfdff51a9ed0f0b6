import math
import resource
import time

import numpy as np
import pytest

import pbits
from hardware_models.gibbs import Array
from pbits.diagnostics import tau_int
from pbits.mapping import Grid, colour_classes
from pbits.reference import exact_tau_int, stationary, transition
from pbits.testing import MARGIN, measure_law

RING = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 3), (2, 3)], [0.6, 0.6, 0.6, -0.6], [0.2, 0, 0, 0.1])
SCHEDULE = pbits.Schedule(n_samples=10, n_warmup=0, chains=2)


def small(**options):
    return Array(rules="G4", rows=4, columns=4, **options)


# A lazy cell


@pytest.mark.parametrize("phases_per_tau", [0.1, 1.0, 5.0])
def test_a_lazy_cell_slows_mixing_and_leaves_the_law(phases_per_tau):
    machine = small(phase_s=phases_per_tau * 1e-8, tau_s=1e-8)
    report = measure_law(machine, RING, draws=100_000)
    assert report.kind == "boltzmann"
    # 2.5 times what chance gives over 16 states: a true law fails less than once in 10⁴ seeds.
    assert report.distance <= report.allowed * 2.5 / MARGIN

    T = transition(RING, "chromatic", phases=colour_classes(RING), persistence=math.exp(-phases_per_tau))
    law = stationary(T)
    np.testing.assert_allclose(law, pbits.exact(RING).probabilities, atol=1e-12)
    expected = exact_tau_int(T, law, pbits.exact(RING).states[:, 0])
    schedule = pbits.Schedule(n_samples=2000, n_warmup=400, chains=500)
    run = pbits.run(RING, machine, schedule, seed=6)
    found = tau_int(run.states[..., 0])
    # A window of 5τ lags leaves a relative error of √(20τ/N), and cuts off 1 % of an exponential. Four and a
    # half of them: one false alarm in 10^5.
    assert abs(found / expected - 1) < 0.01 + 4.5 * math.sqrt(20 * expected / run.n_samples)


def test_laziness_is_felt():
    tau = {}
    for ratio in (0.1, 1.0, 5.0):
        T = transition(RING, "chromatic", phases=colour_classes(RING), persistence=math.exp(-ratio))
        tau[ratio] = exact_tau_int(T, stationary(T), pbits.exact(RING).states[:, 0])
    assert tau[0.1] > 5 * tau[1.0] > 5 * tau[5.0]


def test_a_relaxation_time_that_is_not_stated_is_a_fresh_draw_and_said_so():
    fresh = small(phase_s=1e-8)
    assert any("fresh draw is assumed" in text for text in fresh.capabilities.unchecked)
    run = pbits.run(RING, fresh, SCHEDULE, seed=1)
    assert run.record["notes"]["persistence"] == 0.0
    assert run.record["machine"]["unchecked"] == list(fresh.capabilities.unchecked)
    stated = small(phase_s=1e-8, tau_s=1e-8, max_coupling=6.0).capabilities.unchecked
    assert [text.split(":")[0] for text in stated] == ["row-sum bound Σ 4β|J| ≤ V_dd/V_s"]


def test_an_offset_is_in_units_of_the_input():
    free = pbits.IsingModel.from_edges(4, [(0, 1)], 0.0)
    machine = small(offset_sigma_d2d=0.3)

    def mean(beta, chip_seed=0):
        program = machine.compile(free, SCHEDULE, chip_seed=chip_seed)
        return pbits.exact(program.realised(beta), beta).mean

    np.testing.assert_allclose(mean(0.2), mean(3.0), rtol=1e-12)
    assert not np.isclose(mean(1.0), mean(1.0, chip_seed=1)).any()


# Limits


def test_the_cap_names_the_beta_that_fits():
    machine = small(max_coupling=1.5)
    with pytest.raises(pbits.NotMappable, match=r"β\|J\| reaches 1.8 .* at most 1.5; β ≤ 2.5 would fit"):
        machine.compile(RING, pbits.Schedule(beta=3.0))
    machine.compile(RING, pbits.Schedule(beta=2.5))
    with pytest.raises(pbits.NotMappable, match=r"β ≤ 2\.5 would fit"):
        machine.compile(RING, pbits.Schedule.anneal(beta_start=0.1, beta_stop=2.6))


def test_degree_and_cells_are_refused_with_numbers_and_all_at_once():
    z1 = pbits.load("extropic-z1")
    star = pbits.IsingModel.from_edges(18, [(0, k) for k in range(1, 18)], 8.0)
    assert z1.limits(star, SCHEDULE)[0] == "a site has 17 neighbours and the machine wires 16"
    assert any("holds at most 6; β ≤ 0.75 would fit" in text for text in z1.limits(star, SCHEDULE))
    many = pbits.IsingModel.from_edges(269_569, [(0, 1)], 1.0)
    assert "the model has 269,569 sites and the machine 269,568" in z1.limits(many)


def test_a_coupling_off_the_wires_is_refused():
    with pytest.raises(pbits.NotMappable, match="do not lie on the machine's wires") as refused:
        small().compile(pbits.IsingModel.from_edges(3, [(0, 1), (1, 2), (0, 2)], 1.0), SCHEDULE)
    # One rule makes no clique, so there is no embedding to be advised.
    assert "embedded:" not in str(refused.value)
    with pytest.raises(pbits.NotMappable, match="2 couplings of the given placement"):
        small().compile(RING, SCHEDULE, cells=np.array([0, 1, 4, 12]))


def test_a_torus_wires_its_edges_and_an_open_grid_does_not():
    around = pbits.IsingModel.from_edges(16, Grid.named("G4", 4, 4, True).edges(), 1.0)
    machine = small(torus=True)
    assert pbits.run(around, machine, SCHEDULE, seed=1).record["notes"]["phases_per_sweep"] == 2
    with pytest.raises(pbits.NotMappable, match="wires"):
        small().compile(around, SCHEDULE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": 4, "cols": 5}, "columns is 4 and cols is 5"),
        ({"phase_s": 0.0}, "phase_s is 0.0"),
        ({"phase_s": math.nan}, "phase_s"),
        ({"phase_s": 1e-9, "tau_s": -1.0}, "tau_s is -1.0"),
        ({"phase_s": 1e-9, "tau_s": math.inf}, "tau_s is inf"),
        ({"phase_s": 1e-30, "tau_s": 1.0}, "no cell would ever move"),
        ({"tau_s": 1e-9}, "tau_s needs phase_s"),
        ({"program_s": -1.0}, "program_s is -1.0"),
        ({"read_s": math.inf}, "read_s is inf"),
        ({"max_coupling": -1.0}, "max_coupling is -1.0"),
        ({"max_coupling": math.nan}, "max_coupling is nan"),
        ({"offset_sigma_d2d": -0.1}, "sigma_d2d is -0.1"),
        ({"rules": ((1, 1),)}, "needs a \\+ b odd"),
        ({"rules": "G4", "rows": 5, "columns": 4, "torus": True}, "even sides"),
        ({"rules": "G4", "rows": 4, "columns": 5, "torus": True}, "even sides"),
        ({"rules": "G13"}, "no grid rules are named 'G13'"),
        ({"rows": 0}, "is empty"),
        ({"rules": ((0, 0),)}, "other than"),
    ],
)
def test_constructor_errors(options, message):
    with pytest.raises(ValueError, match=message):
        Array(**options)


def test_cols_is_columns():
    assert Array(rows=3, cols=9).capabilities.topology == Array(rows=3, columns=9).capabilities.topology


# The whole chip


def wires(grid):
    """`grid.edges()` of an open grid, by slices."""
    cells = np.arange(grid.n_sites).reshape(grid.rows, grid.columns)
    pairs = []
    for a, b in grid.steps:
        if (b, a) > (0, 0):
            here = cells[: grid.rows - b, max(0, -a) : grid.columns - max(0, a)]
            there = cells[b:, max(0, a) : grid.columns + min(0, a)]
            pairs.append(np.column_stack([here.ravel(), there.ravel()]))
    return np.concatenate(pairs)


def peak_bytes():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_chip_of_the_size_of_z1_builds_and_sweeps():
    z1 = pbits.load("extropic-z1")
    grid = z1.capabilities.topology
    assert (grid.n_sites, grid.max_degree) == (269_568, 16)
    edges = wires(grid)
    weights = np.random.default_rng(0).choice([-0.2, 0.2], size=len(edges))
    before, began = peak_bytes(), time.perf_counter()
    model = pbits.IsingModel.from_edges(grid.n_sites, edges, weights)
    assert (model.degrees.min(), model.degrees.max()) == (5, 16)
    run = pbits.run(model, z1, pbits.Schedule(n_samples=2, n_warmup=1, chains=2), seed=1)
    # Generous: some seconds on one core, and some hundred bytes a coupling.
    assert time.perf_counter() - began < 60
    assert peak_bytes() - before < 500 * model.n_couplings
    assert run.counts["update"] == 3 * 2 * 269_568
    assert run.counts["weight_read"] == 3 * 2 * 2 * model.n_couplings
    # One copy fills the chip, so two chains are two batches; a sweep is two phases of 10 ns.
    assert run.phases["sweeping"] == pytest.approx(3 * 2 * 2 * 10e-9, rel=1e-12)
    assert run.phases["read-out"] == pytest.approx(2 * 2 * 25e-6, rel=1e-12)
    assert run.phases["programming"] == pytest.approx(1.0)
    assert run.counts["write"] == 269_568
