"""`run`: what it hands over, what it records, and what it refuses."""

import json

import numpy as np
import pytest

import pbits
from hardware_models import pbit
from pbits.problems import BoltzmannMachine, HopfieldMemory, MaxCut
from pbits.runner import suggested_schedule
from pbits.streams import STREAM_VERSION

SHORT = pbits.Schedule(n_samples=6, n_warmup=2, chains=3)


def ising(n=5, seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=n), offset=2.5)


MODEL = ising()


def ring(n=6):
    return MaxCut(n, [(k, (k + 1) % n) for k in range(n)])


def memory(target=0):
    patterns = np.random.default_rng(1).choice([-1, 1], size=(2, 24))
    posed = HopfieldMemory(patterns)
    return posed.recall(posed.corrupt(0, 0.2, seed=1), target=target)


# --- what is handed over ------------------------------------------------------------------------


def test_spins_have_the_promised_shapes_and_types():
    run = pbits.run(MODEL, "ideal", SHORT, seed=1)
    assert (run.states.shape, run.states.dtype) == ((3, 6, 5), np.int8)
    assert (run.energies.shape, run.energies.dtype) == ((3, 6), np.float64)
    assert (run.best_state.shape, run.best_state.dtype) == ((5,), np.int8)
    assert run.trace.steps.tolist() == [3, 4, 5, 6, 7, 8]
    assert np.array_equal(run.trace.energies, run.energies)
    assert (run.first_hit.tolist(), run.first_hit.dtype) == ([-1, -1, -1], np.int64)
    assert run.n_samples == 18
    assert (run.solution, run.objectives, run.prices, run.device_time_s) == (None, None, None, None)
    assert run.wall_time_s > 0
    assert run.realised.fingerprint() == MODEL.fingerprint()
    assert run.model is MODEL


def test_reals_have_the_promised_shapes_and_types():
    run = pbits.run(pbits.GaussianModel(np.eye(4), np.ones(4)), "langevin-rc-illustrative", SHORT, seed=1)
    assert (run.states.shape, run.states.dtype) == ((3, 6, 4), np.float64)
    assert run.best_state.dtype == np.float64


def test_energies_are_those_of_the_model_as_posed():
    """The chip has a mismatch, which the energies must not see."""
    run = pbits.run(MODEL, pbit.Array(offset_sigma_d2d=1.0), SHORT, seed=1)
    np.testing.assert_allclose(run.energies, MODEL.energy(run.states), rtol=1e-14)
    assert run.realised.fingerprint() != MODEL.fingerprint()
    assert run.best_energy == run.energies.min()
    assert MODEL.energy(run.best_state) == pytest.approx(run.best_energy, rel=1e-14)


def test_no_array_of_a_run_can_be_written():
    run = pbits.run(ring(), "ideal", SHORT, seed=1)
    arrays = (
        run.states, run.energies, run.best_state, run.first_hit, run.objectives,
        run.trace.steps, run.trace.energies,
    )  # fmt: skip
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_a_run_shows_itself_in_a_line_and_can_be_compared():
    run = pbits.run(MODEL, "ideal", SHORT, seed=1)
    assert repr(run).startswith("Run(machine='ideal', chains=3, draws=6, n=5, best_energy=")
    assert run == run
    assert run != pbits.run(MODEL, "ideal", SHORT, seed=1)


# --- anneals ------------------------------------------------------------------------------------


def test_an_anneal_keeps_its_last_state_and_the_best_it_passed():
    """Hot at the end: the best state is one the anneal has left again."""
    schedule = pbits.Schedule.anneal(sweeps=60, beta_start=3.0, beta_stop=0.01, chains=4)
    run = pbits.run(MODEL, "ideal", schedule, seed=2)
    assert run.states.shape == (4, 1, 5)
    assert run.trace.steps.tolist() == list(range(1, 61))
    assert run.trace.energies.shape == (4, 60)
    assert np.array_equal(run.energies[:, 0], run.trace.energies[:, -1])
    assert run.best_energy == pytest.approx(run.trace.energies.min(), rel=1e-12)
    assert run.best_energy < run.energies.min()
    assert MODEL.energy(run.best_state) == pytest.approx(run.best_energy, rel=1e-14)


def test_stop_at_says_when_each_chain_arrived_and_ends_the_run():
    lowest = float(pbits.exact(MODEL).energies.min())
    schedule = pbits.Schedule.anneal(sweeps=500, chains=4, stop_at=lowest)
    run = pbits.run(MODEL, "ideal", schedule, seed=2)
    reached = run.trace.energies <= lowest + 1e-9
    assert run.first_hit.tolist() == (reached.argmax(axis=1) + 1).tolist()
    assert run.trace.steps[-1] == run.first_hit.max() < 500
    assert run.counts["update"] == run.first_hit.max() * 4 * 5


def test_a_target_is_reached_up_to_rounding():
    """A target summed in another order, a few roundings below, is the same energy."""
    lowest = float(pbits.exact(MODEL).energies.min())
    target = lowest - 8 * np.spacing(abs(lowest))
    run = pbits.run(MODEL, "ideal", pbits.Schedule.anneal(sweeps=300, chains=4, stop_at=target), seed=2)
    assert (run.first_hit > 0).all()
    assert run.success_fraction(target) == run.success_fraction(lowest)
    assert run.success_fraction(lowest)[0] >= 1


def test_a_target_never_reached_is_minus_one():
    run = pbits.run(MODEL, "ideal", pbits.Schedule.anneal(sweeps=9, chains=2, stop_at=-1e9), seed=2)
    assert run.first_hit.tolist() == [-1, -1]
    assert len(run.trace.steps) == 9


def test_a_run_may_stop_with_the_first_chain_that_arrives():
    lowest = float(pbits.exact(MODEL).energies.min())
    schedule = pbits.Schedule.anneal(sweeps=500, chains=64, stop_at=lowest, stop="any")
    run = pbits.run(MODEL, "ideal", schedule, seed=2)
    arrived = run.first_hit[run.first_hit > 0]
    assert 0 < len(arrived) < 64
    assert set(arrived) == {run.trace.steps[-1]}
    assert run.energies.min() == pytest.approx(lowest)


def test_sampling_can_stop_at_a_target_too():
    schedule = pbits.Schedule(n_samples=50, n_warmup=0, chains=3, stop_at=1e9)
    run = pbits.run(MODEL, "ideal", schedule, seed=1)
    assert run.states.shape == (3, 1, 5)
    assert run.first_hit.tolist() == [1, 1, 1]
    assert run.counts["read"] == 3 * 5


# --- problems -----------------------------------------------------------------------------------


def test_a_solution_comes_from_the_draws_alone():
    """Ends hot, so that what is handed over is worse than what was passed."""
    problem = ring(40)
    schedule = pbits.Schedule.anneal(sweeps=80, beta_start=5.0, beta_stop=0.001, chains=2)
    run = pbits.run(problem, "ideal", schedule, seed=0)
    cuts = problem.objectives(run.states[:, 0])
    assert run.objectives[:, 0].tolist() == cuts.tolist()
    assert run.solution.objective == cuts.max()
    assert problem.score(problem.decode(run.best_state)) > run.solution.objective
    assert run.record["problem"] == problem.name


def test_the_cue_of_a_problem_is_where_chains_start():
    """So cold that no spin moves against its field: the cue's own basin, and nothing of the seed."""
    posed = memory()
    cold = pbits.Schedule.anneal(sweeps=10, beta_start=1e3, beta_stop=1e3, levels=1, chains=4)
    runs = [pbits.run(posed, "ideal", cold, seed=seed) for seed in (1, 2)]
    assert np.array_equal(runs[0].states, runs[1].states)
    assert (runs[0].states == posed.patterns[0]).all()
    own = pbits.run(posed, "ideal", cold, seed=1, initial=posed.patterns[1])
    assert (own.states == posed.patterns[1]).all()


def restricted(clamp=None):
    machine = BoltzmannMachine.restricted(np.ones((3, 2)), np.zeros(3), np.zeros(2))
    return machine.clamped(clamp) if clamp else machine


def test_clamps_of_the_problem_and_the_run_add_up():
    run = pbits.run(restricted({0: 1}), "ideal", SHORT, seed=1, clamp={4: -1})
    assert run.record["clamp"] == {"0": 1, "4": -1}
    assert (run.states[..., 0] == 1).all()
    assert (run.states[..., 4] == -1).all()
    assert run.counts["update"] == 8 * 3 * 3
    assert pbits.run(restricted({0: 1}), "ideal", SHORT, seed=1, clamp={0: 1}).record["clamp"] == {"0": 1}


def test_a_clamp_cannot_contradict_the_problem():
    with pytest.raises(ValueError, match="clamp sets site 0 to -1, and the problem itself holds it at 1"):
        pbits.run(restricted({0: 1}), "ideal", SHORT, clamp={0: -1})


@pytest.mark.parametrize(
    ("clamp", "message"),
    [
        ({5: 1}, "clamp names site 5; the model has sites 0 to 4"),
        ({-1: 1}, "clamp names site -1"),
        ({0: 0}, "clamp sets site 0 to 0; it can hold -1, 1"),
        ({0: float("nan")}, "clamp\\[0\\] is nan"),
    ],
)
def test_bad_clamps(clamp, message):
    with pytest.raises(ValueError, match=message):
        pbits.run(MODEL, "ideal", SHORT, clamp=clamp)


# --- starts -------------------------------------------------------------------------------------

FROZEN = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (0, 3)], 100.0)


@pytest.mark.parametrize("kind", [np.int8, float, list])
def test_given_starts_are_used(kind):
    up, down = [1] * 4, [-1] * 4
    one = kind(up) if kind is list else np.array(up, dtype=kind)
    each = [up, down, up] if kind is list else np.array([up, down, up], dtype=kind)
    assert (pbits.run(FROZEN, "ideal", SHORT, seed=1, initial=one).states == 1).all()
    run = pbits.run(FROZEN, "ideal", SHORT, seed=1, initial=each)
    assert run.states[:, -1].tolist() == [up, down, up]
    assert run.counts["write"] == 2 * 3 * 4 or run.counts["write"] == 4 + 3 * 4


@pytest.mark.parametrize(
    ("initial", "message"),
    [
        (np.ones(3), r"initial has shape \(3,\); expected \(4,\) or \(3, 4\)"),
        (np.ones((2, 4)), r"initial has shape \(2, 4\)"),
        (np.zeros(4), "spins must be −1 or \\+1"),
        (np.full(4, np.nan), "spins must be −1 or \\+1"),
    ],
)
def test_bad_starts(initial, message):
    with pytest.raises(ValueError, match=message):
        pbits.run(FROZEN, "ideal", SHORT, initial=initial)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_real_start_is_finite(bad):
    with pytest.raises(ValueError, match="initial holds a number that is not finite"):
        pbits.run(pbits.GaussianModel(np.eye(2)), "langevin-rc-illustrative", SHORT, initial=[0.0, bad])


def test_a_clamp_comes_before_the_start():
    run = pbits.run(FROZEN, "ideal", SHORT, seed=1, initial=np.ones(4), clamp={0: -1, 2: -1})
    assert (run.states == -1).all()


# --- what is asked for --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.eye(3),), r"not a ndarray; couplings J and fields h make a pbits.IsingModel\(J, h\)"),
        (("ideal",), "run takes an EnergyModel or a Problem, not a str"),
        ((MODEL, SHORT), "a machine is a name, a TOML file or a Substrate object, not Schedule"),
        ((MODEL, pbit.Array), "not <class"),
        ((MODEL, "ideal", 1000), r"schedule is 1000; give a pbits.Schedule\(...\)"),
        ((MODEL, "ideal", 0), "schedule is 0"),
    ],
)
def test_arguments_in_the_wrong_place(arguments, message):
    with pytest.raises(TypeError, match=message):
        pbits.run(*arguments)


@pytest.mark.parametrize("name", ["seed", "chip_seed"])
@pytest.mark.parametrize("bad", [-1, 0.5, "7", True])
def test_bad_seeds(name, bad):
    with pytest.raises(ValueError, match=f"^{name} is"):
        pbits.run(MODEL, "ideal", SHORT, **{name: bad})


def test_a_seed_is_recorded_drawn_or_given():
    given = pbits.run(MODEL, "ideal", SHORT, seed=np.int64(7), chip_seed=np.uint8(3))
    record = given.record
    assert (record["seed"], record["seed_given"], record["chip_seed"]) == (7, True, 3)
    assert record["stream_version"] == STREAM_VERSION
    drawn = pbits.run(MODEL, "ideal", SHORT)
    assert drawn.record["seed_given"] is False
    assert np.array_equal(pbits.run(MODEL, "ideal", SHORT, seed=drawn.record["seed"]).states, drawn.states)
    assert pbits.run(MODEL, "ideal", SHORT).record["seed"] != drawn.record["seed"]


@pytest.mark.parametrize("name", ["ideal", "extropic-z1", "fpga-kv260", "gpu-h100-sxm", "embedded:extropic-z1"])
def test_a_record_is_plain_and_complete(name):
    model = pbits.IsingModel.from_edges(2, [(0, 1)], 0.5)
    run = pbits.run(model, name, pbits.Schedule.anneal(sweeps=4, chains=2), seed=1, clamp={1: 1})
    assert json.loads(json.dumps(run.record)) == run.record
    assert run.machine == run.record["machine"]["name"] == name
    assert run.record["model"] == {"kind": "IsingModel", "n": 2, "fingerprint": model.fingerprint()}
    assert set(run.record["libraries"]) == {"numpy", "scipy", "numba", "simpy"}
    assert all(isinstance(count, float) and count >= 0 for count in run.counts.values())


def test_a_machine_is_a_name_an_object_or_a_file(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(
        'schema = 1\nname = "my"\ntitle = "My"\nphysics = "pbit"\ndate = "2026-11-22"\n'
        'description = "d"\n[parameters]\nupdate = "chromatic"\n'
    )
    runs = [pbits.run(MODEL, machine, SHORT, seed=5) for machine in ("ideal", pbits.load("ideal"), path, str(path))]
    assert [run.machine for run in runs] == ["ideal", "ideal", "my", "my"]
    assert all(np.array_equal(run.states, runs[0].states) for run in runs)
    embedded = pbits.run(MODEL, "embedded:extropic-z1", SHORT, seed=5)
    assert embedded.states.shape == (3, 6, 5)
    assert embedded.realised.n > 5


def test_progress_is_told_from_first_to_last():
    calls = []
    schedule = pbits.Schedule.anneal(sweeps=1000, chains=1, stop_at=-1e9)
    pbits.run(MODEL, "ideal", schedule, seed=1, progress=lambda done, total: calls.append((done, total)))
    steps, totals = zip(*calls)
    assert set(totals) == {1000}
    assert (steps[0], steps[-1]) == (1, 1000)
    assert list(steps) == sorted(set(steps))
    assert 100 <= len(steps) <= 250
    pbits.run(MODEL, "ideal", SHORT, seed=1, progress=True)


def test_what_happens_in_progress_is_not_swallowed():
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pbits.run(MODEL, "ideal", SHORT, seed=1, progress=stop)


# --- suggested schedules ------------------------------------------------------------------------


def test_a_suggested_schedule_suits_the_problem():
    sampling = suggested_schedule(MODEL)
    assert (sampling.kind, sampling.beta) == ("sample", 1.0)
    cut = ring()
    hot, cold = cut.beta_range()
    anneal = suggested_schedule(cut)
    assert (anneal.kind, anneal.beta_start, anneal.beta) == ("anneal", hot, cold)
    assert anneal.levels == 50
    recall = suggested_schedule(memory())
    assert set(recall.betas()) == {memory().beta_range()[1]}
    assert suggested_schedule(memory(), pbits.load("embedded:extropic-z1")).total_steps > recall.total_steps


def test_what_the_caller_sets_stays():
    schedule = suggested_schedule(ring(), sweeps=10, chains=2)
    assert (schedule.total_steps, schedule.levels, schedule.chains) == (10, 10, 2)
    assert suggested_schedule(ring(), beta=0.3, n_samples=5).kind == "sample"
    assert suggested_schedule(MODEL, chains=3).chains == 3
    with pytest.raises(ValueError, match="sweeps is 0"):
        suggested_schedule(ring(), sweeps=0)


def test_run_takes_the_suggestion():
    run = pbits.run(memory(), "ideal", seed=1)
    assert run.schedule == suggested_schedule(memory(), pbits.load("ideal"))
    assert run.solution.objective == pytest.approx(1.0)


def test_more_states_than_memory_are_refused_before_the_work():
    with pytest.raises(ValueError, match=r"would keep [\d,]+ GB of states.*take fewer samples"):
        pbits.run(
            pbits.IsingModel([[0, 1], [1, 0]]), "ideal", pbits.Schedule(n_samples=10**6, n_warmup=0, chains=10**6)
        )
