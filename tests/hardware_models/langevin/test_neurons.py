"""Analog neurons: where they settle, what they never raise, how exact the integrator is, and what is counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from hardware_models.langevin import Neurons, free_energy, from_spec
from pbits import testing
from pbits.parameters import read_machine

RC = {"resistance_ohm": 1e4, "capacitance_f": 1e-12}
KINDS = {"noisy": {"noise": 0.02}, "noisy with feedback": {"noise": 0.02, "feedback": -0.3}}


def glass(n, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)) / np.sqrt(n), 1)
    return pbits.IsingModel(J + J.T, 0.3 * rng.normal(size=n), offset=0.7)


def settled(model, machine, beta, *, seed=1, tau=200.0, chains=8, **options):
    schedule = pbits.Schedule(n_samples=1, n_warmup=0, step_tau=tau, beta=beta, chains=chains)
    return machine.compile(model, schedule).outputs(schedule, seed=seed, **options)[:, 0]


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", list(KINDS))
def test_neurons_conform(name, check):
    check(Neurons(**KINDS[name]))


@given(st.integers(1, 8), st.floats(0.2, 5.0), st.floats(-0.5, 0.5), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_they_settle_where_the_mean_field_equation_holds(n, beta, feedback, seed):
    model = glass(n, seed)
    v = settled(model, Neurons(feedback=feedback), beta)
    drive = v @ model.J + model.h + feedback * v
    # Near a bifurcation a network is slow; what is left of the way is then told by how fast it still moves.
    assert np.abs(v - np.tanh(beta * drive)).max() < 1e-3


def test_below_the_first_bifurcation_the_answer_is_that_of_a_solver():
    model, beta = glass(12, 3), 0.4
    m = np.zeros(12)
    for _ in range(2000):
        m = 0.5 * m + 0.5 * np.tanh(beta * (model.J @ m + model.h))
    assert np.abs(settled(model, Neurons(), beta, tau=100.0) - m).max() < 1e-9


def test_two_neurons_stay_undecided_until_the_loop_gain_is_one():
    pair = pbits.IsingModel([[0.0, 1.0], [1.0, 0.0]])
    assert np.abs(settled(pair, Neurons(), 0.9)).max() < 1e-6
    m = 0.5
    for _ in range(200):
        m = np.tanh(1.2 * m)
    assert np.abs(settled(pair, Neurons(), 1.2)) == pytest.approx(np.full((8, 2), m), abs=1e-6)


@pytest.mark.parametrize("beta", [0.5, 2.0, 20.0])
def test_the_free_energy_never_rises_without_noise_and_is_above_that_of_boltzmann(beta):
    model = glass(10, 5)
    schedule = pbits.Schedule(n_samples=200, n_warmup=0, step_tau=0.05, beta=beta, chains=16)
    program = Neurons(accuracy=0.001).compile(model, schedule)
    F = free_energy(model, program.outputs(schedule, seed=2), beta)
    assert (np.diff(F, axis=1) <= 1e-6).all()
    assert (F[:, 0] - F[:, -1] > 0.01).all()
    bound = (10 * np.log(2) - pbits.exact(model, beta).log_z) / beta
    assert bound <= F.min()


def test_noise_raises_it():
    model = glass(10, 5)
    schedule = pbits.Schedule(n_samples=200, n_warmup=0, step_tau=0.05, beta=2.0, chains=16)
    F = free_energy(model, Neurons(noise=0.02).compile(model, schedule).outputs(schedule, seed=2), 2.0)
    assert (np.diff(F, axis=1) > 1e-3).any()


def test_the_free_energy_of_a_corner_is_its_energy_and_the_logarithm_of_two():
    model = glass(6, 1)
    s = np.where(np.random.default_rng(0).random((5, 6)) < 0.5, -1.0, 1.0)
    assert free_energy(model, s, 2.0) == pytest.approx(model.energy(s) + 3 * np.log(2))


def test_uncoupled_noise_has_the_spread_it_was_given():
    # v = tanh(βu) is linear for so small a gain. 4000 values: the spread is off by 1.1 %, 5 % is 4.5 errors.
    model = pbits.IsingModel(np.zeros((4, 4)), [1.0, 0.0, 0.0, 0.0])
    v = settled(model, Neurons(noise=0.5), 1e-4, chains=1000, tau=20.0)
    assert (v / 1e-4 - model.h).std() == pytest.approx(0.5, rel=0.05)


def test_a_finer_integrator_goes_the_same_way():
    model = glass(10, 8)
    schedule = pbits.Schedule(n_samples=100, n_warmup=0, step_tau=0.1, beta=3.0, chains=8)
    coarse, finer, finest = (
        Neurons(accuracy=accuracy).compile(model, schedule).outputs(schedule, seed=4) for accuracy in (1e-2, 1e-4, 1e-6)
    )
    assert np.abs(finer - finest).max() < 0.2 * np.abs(coarse - finest).max() < 0.02


def test_the_step_is_halved_until_the_error_is_small_and_told():
    model = glass(10, 8)
    schedule = pbits.Schedule(n_samples=5, n_warmup=0, step_tau=1.0, beta=30.0, chains=2)
    loose, tight = (
        pbits.run(model, Neurons(accuracy=accuracy), schedule, seed=1).record["notes"] for accuracy in (0.1, 1e-4)
    )
    assert loose["integrator_error_of_an_output"] <= 0.1
    assert tight["integrator_error_of_an_output"] <= 1e-4
    assert tight["integrator_steps_per_step"] > loose["integrator_steps_per_step"]


def test_raising_the_gain_finds_lower_valleys_than_switching_it_on():
    sudden = pbits.Schedule(n_samples=1, n_warmup=0, step_tau=50.0, beta=20.0, chains=20)
    slow = pbits.Schedule.anneal(sweeps=200, beta_start=0.2, beta_stop=20.0, chains=2)
    found = []
    for seed in range(10):
        model = glass(30, seed)
        found.append([pbits.run(model, Neurons(), schedule, seed=1).energies.mean() for schedule in (sudden, slow)])
    assert (np.subtract(*np.transpose(found)) > 0).sum() >= 8  # of 10 fair coins: 5 % by chance


def test_feedback_moves_no_corner_but_the_way():
    model = glass(8, 4)
    free = settled(model, Neurons(), 30.0, chains=64)
    held = settled(model, Neurons(feedback=5.0), 30.0, chains=64)
    assert len(np.unique(np.sign(held), axis=0)) > len(np.unique(np.sign(free), axis=0))


def test_a_run_starts_from_the_spins_it_is_given():
    ferromagnet = pbits.IsingModel(np.ones((5, 5)) - np.eye(5))
    schedule = pbits.Schedule(n_samples=1, n_warmup=0, beta=5.0, chains=2)
    for spin in (-1, 1):
        run = pbits.run(ferromagnet, Neurons(), schedule, seed=1, initial=np.full(5, spin))
        assert (run.states == spin).all()


def test_clamped_neurons_drive_the_others_and_each_chain_has_its_own():
    chain = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2)], 1.0)
    schedule = pbits.Schedule(n_samples=1, n_warmup=20, beta=5.0, chains=2)
    run = pbits.run(chain, Neurons(), schedule, seed=1, clamp={0: np.array([1, -1])})
    assert run.states[:, 0].tolist() == [[1, 1, 1], [-1, -1, -1]]


def test_device_time_and_counts():
    model = pbits.IsingModel.from_edges(3, [(0, 1), (1, 2)], 1.0, [0.5, 0.0, 0.0])
    machine = Neurons(**RC, word_s=1e-9, read_s=5e-9)
    anneal = pbits.Schedule.anneal(sweeps=10, beta_start=0.1, beta_stop=0.2, chains=2, levels=5)
    run = pbits.run(model, machine, anneal, seed=1)
    # Two couplings and a field once; five gains and one read-out of three signs for each chain; τ = 10 ns.
    assert run.counts["write"] == 3 + 2 * 5
    assert run.counts["read"] == 2 * 3
    assert run.counts["cell_second"] == pytest.approx(2 * 10 * 3 * 1e-8)
    assert run.device_time_s == pytest.approx(13e-9 + 2 * 10 * 1e-8 + 2 * 5e-9)
    sampling = pbits.Schedule(n_samples=4, n_warmup=2, step_s=1e-9, beta=0.1, chains=1)
    run = pbits.run(model, machine, sampling, seed=1, initial=[1, 1, 1])
    assert run.counts["write"] == 3 + 1 + 3
    assert run.device_time_s == pytest.approx(7e-9 + 6e-9 + 4 * 5e-9)
    assert pbits.run(model, Neurons(**RC), sampling, seed=1).device_time_s is None


def test_high_gain_shortens_the_default_step():
    pair = pbits.IsingModel([[0.0, 1.0], [1.0, 0.0]])
    for beta, expected in ((1.0, 1.0), (159.0, 0.1)):
        run = pbits.run(pair, Neurons(), pbits.Schedule(n_samples=1, n_warmup=0, beta=beta), seed=1)
        assert run.record["notes"]["step_tau"] == pytest.approx(expected)


def test_what_does_not_fit_is_refused():
    pair = pbits.IsingModel([[0.0, 1.0], [1.0, 0.0]])
    with pytest.raises(pbits.NotMappable, match="2 sites and the machine 1 neurons"):
        pbits.run(pair, Neurons(max_neurons=1), pbits.Schedule())
    with pytest.raises(pbits.NotMappable, match="amplifier without gain"):
        pbits.run(pair, Neurons(), pbits.Schedule(beta=0.0))
    with pytest.raises(pbits.NotMappable, match="give step_tau"):
        pbits.run(pair, Neurons(), pbits.Schedule(step_s=1e-9))
    with pytest.raises(pbits.NotMappable, match="tempering and steering"):
        pbits.run(pair, Neurons(), pbits.Schedule(ladder=(1.0, 2.0), chains=2))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"noise": -1.0}, "noise is -1.0"),
        ({"accuracy": 0.0}, "accuracy is 0.0"),
        ({"feedback": np.nan}, "feedback is nan"),
        ({"max_neurons": 0}, "max_neurons is 0"),
        ({"capacitance_f": -1e-12}, "capacitance_f"),
    ],
)
def test_a_machine_that_cannot_be_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        Neurons(**options)


def test_the_catalogue_entry_is_such_a_machine_and_has_no_joules():
    machine = pbits.load("hopfield-neurons-illustrative")
    assert isinstance(machine, Neurons)
    assert machine.noise == 0.01
    assert machine.time_constant.value == pytest.approx(1e-8)
    run = pbits.run(glass(10, 1), machine, pbits.Schedule(n_samples=3, n_warmup=0), seed=1)
    ledger = pbits.price(run)
    assert ledger.joules is None
    assert any("write" in reason for reason in ledger.reasons)


def test_an_entry_with_little_in_it_is_read(tmp_path):
    path = tmp_path / "few.toml"
    path.write_text(
        'schema = 1\nname = "few"\ntitle = "Few"\nphysics = "langevin"\ndate = "2026-11-22"\n'
        'description = "A test."\n[parameters]\ncircuit = "neurons"\n'
    )
    machine = from_spec(read_machine(path))
    assert isinstance(machine, Neurons)
    assert (machine.noise, machine.feedback, machine.accuracy) == (0.0, 0.0, 0.01)
