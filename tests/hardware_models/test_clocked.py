"""Accounts of clocked arrays, worked out by hand to the last event and second."""

from itertools import pairwise

import numpy as np
import pytest

import pbits
from hardware_models.clocked import UPDATES, ClockedProgram, Timing, scan_of, weights_per_update
from hardware_models.gibbs import Array as Gibbs
from hardware_models.pbit import Array
from pbits.mapping import Complete, FixedPoint, Grid
from pbits.parameters import Evidence

# A triangle with a tail: degrees 3, 2, 2, 1; three colours {0}, {1, 3}, {2}.
PAW = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 2), (0, 3)], [0.5, -0.4, 0.3, 0.7], [0.1, 0.0, -0.2, 0.3])
RING = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (1, 3), (2, 3)], [1.0, -1.0, 1.0, 0.5])
TIMES = {"phase_s": 3e-9, "program_s": 2e-3, "read_s": 5e-6}
SAMPLING = pbits.Schedule(n_samples=5, n_warmup=3, steps_per_sample=2, chains=7)
PHASES = {"sequential": 4, "random": 4, "chromatic": 3, "synchronous": 1}


def account(machine, model, schedule, **options):
    run = pbits.run(model, machine, schedule, seed=4, **options)
    return run, run.counts, run.phases, run.record["notes"]


def assert_times(run, **phases):
    assert run.phases.keys() == {"programming", "sweeping", "read-out"}
    for name, seconds in phases.items():
        assert run.phases[name.replace("_", "-")] == pytest.approx(seconds, rel=1e-12)
    total = sum(phases.values())
    assert run.device_time_s == pytest.approx(total, rel=1e-12)
    # The machine is active while it sweeps, and waits while it is programmed and read.
    waiting = total - phases["sweeping"]
    assert run.seconds == {"active": pytest.approx(phases["sweeping"]), "idle": pytest.approx(waiting)}


@pytest.mark.parametrize("update", UPDATES)
def test_sampling_chains_one_after_another(update):
    run, counts, _, notes = account(Array(update=update, **TIMES), PAW, SAMPLING)
    # 3 + 5 × 2 = 13 sweeps of 7 chains; an unrestricted array holds one copy, so 7 batches.
    assert counts["update"] == 13 * 7 * 4
    assert counts["weight_read"] == 13 * 7 * (3 + 2 + 2 + 1)
    assert counts["random_bit"] == 13 * 7 * 4 * 32 * (2 if update == "random" else 1)
    assert counts["read"] == 5 * 7 * 4
    assert counts["write"] == 4
    assert notes["phases_per_sweep"] == PHASES[update]
    assert (notes["batches"], notes["copies_side_by_side"], notes["programmings"]) == (7, 1, 1)
    assert_times(run, programming=2e-3, sweeping=13 * PHASES[update] * 7 * 3e-9, read_out=5 * 7 * 5e-6)


@pytest.mark.parametrize(("chains", "batches", "used"), [(2, 1, 2), (3, 1, 3), (4, 2, 3), (7, 3, 3)])
def test_copies_run_side_by_side(chains, batches, used):
    schedule = pbits.Schedule(n_samples=5, n_warmup=3, steps_per_sample=2, chains=chains)
    # 14 sites hold three copies of four.
    run, counts, _, notes = account(Array(topology=Complete(14), **TIMES), PAW, schedule)
    assert (notes["batches"], notes["copies_side_by_side"]) == (batches, used)
    assert counts["update"] == 13 * chains * 4
    assert counts["read"] == 5 * chains * 4
    assert counts["write"] == used * 4
    # Three copies would serve three chains at a time: what is left empty, others would fill.
    assert run.full_batch_time.value == pytest.approx(run.device_time_s * chains / (batches * 3))
    assert_times(run, programming=2e-3, sweeping=13 * 3 * batches * 3e-9, read_out=5 * batches * 5e-6)


def test_toggles_are_the_changes_between_sweeps():
    # Every sweep is looked at, from a known start, and a chromatic sweep moves each site once.
    start = np.array([1, -1, 1, 1], dtype=np.int8)
    schedule = pbits.Schedule(n_samples=40, n_warmup=0, chains=5)
    run, counts, _, notes = account(Array(**TIMES), PAW, schedule, initial=start)
    path = np.concatenate([np.broadcast_to(start, (5, 1, 4)), run.states], axis=1)
    assert counts["toggle"] == np.count_nonzero(np.diff(path, axis=1))
    assert counts["write"] == 4 + 5 * 4
    assert notes["start_states_written"] == 5
    # One frame of start states per batch, as long as a read-out and assumed to be so.
    assert run.phases["start states"] == pytest.approx(5 * 5e-6)
    assert run.device_time.evidence is Evidence.ASSUMED


def test_clamped_cells_neither_move_nor_read_while_the_clock_goes_on():
    run, counts, _, notes = account(Array(**TIMES), PAW, SAMPLING, clamp={0: 1, 1: -1})
    # Free: 2 (degree 2) and 3 (degree 1), of two colours.
    assert counts["update"] == 13 * 7 * 2
    assert counts["weight_read"] == 13 * 7 * 3
    assert counts["random_bit"] == 13 * 7 * 2 * 32
    assert counts["read"] == 5 * 7 * 4
    assert notes["phases_per_sweep"] == 3
    assert_times(run, programming=2e-3, sweeping=13 * 3 * 7 * 3e-9, read_out=5 * 7 * 5e-6)


def test_a_model_that_is_clamped_whole_makes_no_update():
    held = dict.fromkeys(range(4), 1)
    run, counts, _, _ = account(Array(**TIMES), PAW, SAMPLING, clamp=held)
    assert (counts["update"], counts["toggle"], counts["random_bit"]) == (0, 0, 0)
    assert_times(run, programming=2e-3, sweeping=13 * 3 * 7 * 3e-9, read_out=5 * 7 * 5e-6)


MANY_BODY = pbits.PolynomialModel(4, {(0,): 0.3, (0, 1, 2): 1.0, (2, 3): -0.5})
P_DITS = pbits.CategoricalModel([3, 2, 4], pairwise={(0, 1): np.ones((3, 2)), (1, 2): np.eye(2, 4)})


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        # Site by site: a coupling per neighbour; a term with another site; a row as long as the site has categories.
        (PAW, [3, 2, 2, 1]),
        (MANY_BODY, [1, 1, 2, 1]),
        (P_DITS, [3, 2 + 2, 4]),
    ],
    ids=["couplings", "terms", "tables"],
)
def test_an_update_reads_the_weights_it_needs(model, weights):
    assert weights_per_update(model).tolist() == weights
    _, counts, _, _ = account(Array(**TIMES), model, SAMPLING, clamp={1: 1})
    assert counts["weight_read"] == 13 * 7 * (sum(weights) - weights[1])


def test_a_grid_has_two_phases_whatever_the_model():
    lone = pbits.IsingModel.from_edges(4, [], [], [0.1] * 4)
    run, _, _, notes = account(Gibbs(rules="G4", rows=2, columns=2, **TIMES), lone, SAMPLING)
    assert notes["phases_per_sweep"] == 2
    assert_times(run, programming=2e-3, sweeping=13 * 2 * 7 * 3e-9, read_out=5 * 7 * 5e-6)


@pytest.mark.parametrize(("levels", "programmings"), [(None, 12), (4, 4), (1, 1)])
def test_an_anneal_where_beta_j_is_stored_is_programmed_at_every_level(levels, programmings):
    schedule = pbits.Schedule.anneal(sweeps=12, beta_start=0.2, beta_stop=2.0, levels=levels, chains=7)
    machine = Array(topology=Complete(14), number=FixedPoint(fraction_bits=6), **TIMES)
    run, counts, _, notes = account(machine, PAW, schedule)
    # Three batches of 3, 3 and 1 chains. With one level, the program of the first serves the others.
    again = programmings > 1
    assert notes["programmings"] == programmings
    assert counts["write"] == 4 * programmings * (7 if again else 3)
    assert counts["read"] == 7 * 4
    assert_times(
        run,
        programming=programmings * (3 if again else 1) * 2e-3,
        sweeping=12 * 3 * 3 * 3e-9,
        read_out=3 * 5e-6,
    )


def test_an_anneal_where_beta_is_a_gain_is_programmed_once():
    schedule = pbits.Schedule.anneal(sweeps=12, beta_start=0.2, beta_stop=2.0, chains=7)
    run, counts, _, _ = account(Array(topology=Complete(14), **TIMES), PAW, schedule)
    assert counts["write"] == 3 * 4
    assert_times(run, programming=2e-3, sweeping=12 * 3 * 3 * 3e-9, read_out=3 * 5e-6)


def test_a_gibbs_grid_by_hand():
    # A 2 × 2 window of a 4 × 6 grid: six copies, two colours.
    machine = Gibbs(rules="G4", rows=4, columns=6, tau_s=1e-8, **TIMES)
    run, counts, _, notes = account(machine, RING, SAMPLING)
    assert (notes["batches"], notes["copies_side_by_side"]) == (2, 6)
    assert notes["persistence"] == pytest.approx(np.exp(-0.3))
    assert counts["update"] == 13 * 7 * 4
    assert counts["weight_read"] == 13 * 7 * 8
    assert counts["write"] == 6 * 4
    assert_times(run, programming=2e-3, sweeping=13 * 2 * 2 * 3e-9, read_out=5 * 2 * 5e-6)
    schedule = pbits.Schedule.anneal(sweeps=10, levels=5, chains=7)
    run, counts, _, _ = account(machine, RING, schedule)
    assert counts["write"] == 4 * 5 * 7
    assert_times(run, programming=5 * 2 * 2e-3, sweeping=10 * 2 * 2 * 3e-9, read_out=2 * 5e-6)


def test_a_run_that_stops_at_a_target_is_charged_for_what_it_did_and_looked_at():
    lowest = float(pbits.exact(PAW).energies.min())
    schedule = pbits.Schedule.anneal(sweeps=400, beta_start=0.2, beta_stop=3.0, levels=50, chains=4, stop_at=lowest)
    machine = Array(topology=Complete(9), number=FixedPoint(fraction_bits=20), **TIMES)
    run, counts, _, notes = account(machine, PAW, schedule)
    steps = int(run.first_hit.max())
    assert 0 < steps < 400
    levels = 1 + (steps - 1) // 8
    assert notes["programmings"] == levels
    assert counts["update"] == steps * 4 * 4
    assert counts["read"] == steps * 4 * 4
    assert counts["write"] == 4 * levels * (4 if levels > 1 else 2)
    assert_times(
        run,
        programming=levels * (2 if levels > 1 else 1) * 2e-3,
        sweeping=steps * 3 * 2 * 3e-9,
        read_out=steps * 2 * 5e-6,
    )


@pytest.mark.parametrize("missing", TIMES)
def test_what_is_not_stated_is_in_no_total(missing):
    run = pbits.run(PAW, Array(**(TIMES | {missing: None})), SAMPLING, seed=1)
    phase = {"phase_s": "sweeping", "program_s": "programming", "read_s": "read-out"}[missing]
    assert run.device_time_s is None
    unknown = "active" if missing == "phase_s" else "idle"
    assert [state for state, seconds in run.seconds.items() if seconds is None] == [unknown]
    assert [name for name, seconds in run.phases.items() if seconds is None] == [phase]


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("seconds", [-1e-9, np.nan, np.inf])
def test_times_that_cannot_be_are_refused(name, seconds):
    with pytest.raises(ValueError, match=name):
        Timing(**{name: seconds})


def test_every_discipline_moves_every_site_once_a_sweep():
    for update in ("sequential", "chromatic", "synchronous"):
        scan = scan_of(update, PAW)
        assert len(scan.sizes) == PHASES[update]
        assert sorted(scan.sites.tolist()) == [0, 1, 2, 3]
        assert scan.independent == (update != "synchronous")
    assert scan_of("random", PAW).ends is None


def test_a_colour_class_holds_no_neighbours():
    grid = Grid.named("G12", 12, 12)
    model = pbits.IsingModel.from_edges(144, grid.edges(), 1.0)
    colours = np.empty(144, dtype=int)
    scan = scan_of("chromatic", model)
    colours[scan.sites] = np.repeat(np.arange(len(scan.sizes)), scan.sizes)
    i, j, _ = model.edges()
    assert (colours[i] != colours[j]).all()


def test_beta_is_followed_step_by_step():
    # A free p-bit in a field follows tanh(βh) at each sweep of the anneal, so its path shows each β.
    model = pbits.IsingModel(np.zeros((1, 1)), [1.0])
    schedule = pbits.Schedule.anneal(sweeps=4, beta_start=0.1, beta_stop=2.0, shape="linear", chains=40_000)
    run = pbits.run(model, Array(), schedule, seed=2)
    found = -run.trace.energies.mean(axis=0)
    expected = np.tanh(schedule.betas())
    # Five standard errors at each of four sweeps: one false alarm in 10^5.
    assert (np.abs(found - expected) < 5 * np.sqrt((1 - expected**2) / 40_000)).all()
    assert all(low < high for low, high in pairwise(found))


# What depends on the state


FIELDS = pbits.IsingModel([[0.0, 0.4], [0.4, 0.0]], [0.6, -0.1])


class Counting(Array):
    """Counts the spins that are up, of each phase."""

    def _program(self, model, schedule, placement):
        def up(held, beta, states):
            assert held.n == states.shape[1]
            return beta * float((states > 0).sum(axis=1).mean())

        return ClockedProgram(model, placement, update="chromatic", timing=Timing(), by_state={"up": up})


def test_what_depends_on_the_state_is_counted_from_looks():
    schedule = pbits.Schedule(n_samples=2000, n_warmup=200, chains=64)
    run = pbits.run(FIELDS, Counting(), schedule, seed=1)
    of_phase = ((1 + np.asarray(pbits.exact(FIELDS).mean)) / 2).sum()
    looked = run.record["notes"]["counted_by_state"]
    assert (looked["names"], looked["chains_looked_at"]) == (["up"], 64)
    assert looked["looks"] >= 60
    # Two phases a sweep. 64 looks at 64 chains: some 4096 independent numbers of spread below 0.9; five standard errors
    assert abs(run.counts["up"] / (2 * 64 * 2200) - of_phase) < 5 * 0.9 / np.sqrt(4096)
    # At each step what is held then counts: here β itself.
    slow = pbits.Schedule.anneal(sweeps=1000, chains=64, beta_start=0.5, beta_stop=1.5, shape="linear")
    still = pbits.IsingModel(np.zeros((2, 2)))
    annealed = pbits.run(still, Counting(), slow, seed=1).counts["up"]
    assert abs(annealed / (64 * 1000) - 1.0) < 0.06
    ladder = pbits.Schedule(n_samples=500, n_warmup=0, chains=4, ladder=(2.0, 1.0, 0.5, 0.5))
    assert abs(pbits.run(still, Counting(), ladder, seed=1).counts["up"] / (4 * 500) - 1.0) < 0.35


def test_looks_on_the_way_change_no_draw():
    schedule = pbits.Schedule(n_samples=300, n_warmup=7, steps_per_sample=3, chains=40)
    watched = pbits.run(FIELDS, Counting(), schedule, seed=5)
    alone = pbits.run(FIELDS, Array(update="chromatic"), schedule, seed=5)
    assert (watched.states == alone.states).all()
