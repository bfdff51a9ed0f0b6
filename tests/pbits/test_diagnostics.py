import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import pbits.diagnostics
from pbits.diagnostics import (
    diagnose,
    effective_samples,
    most_without_success,
    repeats_to_target,
    split_r_hat,
    success_interval,
    tau_int,
    time_to_solution,
    to_solution,
)
from pbits.models import IsingModel
from pbits.reference import exact, exact_tau_int, stationary, transition


def ar1(phi, chains, draws, seed):
    """Stationary draws with ρ_k = φ^k."""
    noise = np.random.default_rng(seed).normal(size=(chains, draws))
    x = np.empty((chains, draws))
    x[:, 0] = noise[:, 0]
    for t in range(1, draws):
        x[:, t] = phi * x[:, t - 1] + math.sqrt(1 - phi**2) * noise[:, t]
    return x


def run_of(states, energies=None, kind="sample"):
    states = np.asarray(states)
    if energies is None:
        energies = states.sum(axis=-1, dtype=float)
    return SimpleNamespace(states=states, energies=energies, schedule=SimpleNamespace(ladder=None, kind=kind))


# The relative standard error of τ is about √(2(2W+1)/N), W = 5 max(τ, 1/τ) lags. The bound is five of
# them: a false alarm in fewer than one of 10⁵ seeds for the whole family.
@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, 0.97, -0.3, -0.6])
@pytest.mark.parametrize("chains", [1, 8])
def test_tau_of_an_autoregression(phi, chains):
    x = ar1(phi, chains, 80_000 // chains, seed=11)
    tau = (1 + phi) / (1 - phi)
    window = 5 * max(tau, 1 / tau)
    error = 5 * math.sqrt(2 * (2 * window + 1) / x.size)
    assert tau_int(x) == pytest.approx(tau, rel=error)
    assert effective_samples(x) == pytest.approx(x.size / tau_int(x))


@pytest.mark.parametrize("rule", ["sequential", "random", "synchronous"])
def test_tau_of_two_spins_against_the_transition_matrix(rule):
    # Five standard errors, as above.
    model = IsingModel([[0, 0.6], [0.6, 0]], [0.1, -0.2])
    T = transition(model, rule)
    pi = stationary(T)
    rng = np.random.default_rng(5)
    chains, draws = 40, 2500
    upto = T.cumsum(axis=1)
    row = rng.choice(len(pi), p=pi, size=chains)
    rows = np.empty((chains, draws), dtype=int)
    for t in range(draws):
        row = np.minimum((rng.random(chains)[:, None] > upto[row]).sum(axis=1), len(pi) - 1)
        rows[:, t] = row
    states = exact(model).states
    for f in (states[:, 0], states[:, 1], model.energy(states)):
        tau = exact_tau_int(T, pi, f)
        error = 5 * math.sqrt(2 * (10 * max(tau, 1 / tau) + 1) / rows.size)
        assert tau_int(f[rows]) == pytest.approx(tau, rel=error)


@pytest.mark.parametrize("draws", [4, 16, 30])
def test_tau_is_the_declared_sum(draws):
    x = ar1(0.4, 3, draws, seed=draws)
    g = x - x.mean()
    covariance = [np.mean(g[:, : draws - k] * g[:, k:]) for k in range(draws)]
    sums = 2 * np.cumsum(covariance) / covariance[0] - 1
    alternating = 2 * np.cumsum((-1) ** np.arange(draws) * covariance) / covariance[0] - 1
    closed = [w for w in range(draws) if w >= 5 * max(sums[w], alternating[w])]
    floor = 1 / math.log10(max(10, x.size))
    assert tau_int(x) == pytest.approx(max(floor, sums[closed[0] if closed else -1]), rel=1e-9)


def test_chains_at_different_values_are_slow():
    x = ar1(0.0, 4, 500, seed=1) + 10 * np.arange(4)[:, None]
    # About one effective sample per chain, and none of the 2000 that each chain by itself suggests.
    assert effective_samples(x) < 8
    assert split_r_hat(x) > 1.1


def test_alternating_draws_are_more_than_independent_and_finite():
    x = np.tile([-1.0, 1.0], (3, 50))
    assert effective_samples(x) > x.size
    assert tau_int(x) == pytest.approx(1 / math.log10(x.size))


@given(arrays(np.float64, (2, 9), elements=st.floats(-1e3, 1e3, width=32)), st.floats(-5, 5), st.floats(1, 9))
def test_tau_and_r_hat_do_not_depend_on_units(x, shift, scale):
    tau, moved = tau_int(x), tau_int(scale * x + shift)
    if tau is None or np.ptp(x) < 1e-3:
        return
    assert moved == pytest.approx(tau, rel=1e-6) or abs(moved - tau) < 1e-6
    assert tau_int(x[::-1]) == pytest.approx(tau)
    assert split_r_hat(x) >= math.sqrt(3 / 4)


def test_split_r_hat_against_an_independent_implementation():
    from arviz_stats.base import array_stats

    for seed, draws in ((1, 200), (2, 57), (3, 4)):
        x = ar1(0.7, 4, draws, seed)
        assert split_r_hat(x) == pytest.approx(float(array_stats.rhat(x, method="split")), rel=1e-12)


def test_split_r_hat_of_one_chain_sees_a_drift():
    assert split_r_hat(ar1(0.0, 1, 1000, 1)) < 1.01
    assert split_r_hat(np.linspace(0, 1, 1000)[None]) > 1.5


def test_split_r_hat_of_stuck_chains():
    assert split_r_hat(np.repeat([[1.0], [-1.0]], 50, axis=1)) == math.inf
    assert split_r_hat(np.ones((3, 50))) is None


def test_diagnose_independent_draws():
    # 41 observables of 8 half chains of 1000 draws: R̂ > 1.01 has probability below 1e-4 for each.
    states = np.random.default_rng(2).choice(np.array([-1, 1], dtype=np.int8), size=(4, 2000, 40))
    d = diagnose(run_of(states))
    assert d.converged
    assert list(d.ess) == ["energy", *(f"site {i}" for i in range(40))]
    assert d.worst_ess == min(d.ess.values()) == d.ess[d.worst]
    assert d.worst_tau_int == max(d.tau_int.values())
    assert d.worst_r_hat == max(d.r_hat.values())
    assert d.worst_ess > 5000
    for name, value in d.ess.items():
        assert (value > 8000) == (d.tau_int[name] < 1)
    assert any("more effective samples than the 8000 draws" in w for w in d.warnings)


def test_diagnose_agrees_with_the_functions_and_with_any_blocking(monkeypatch):
    states = np.sign(ar1(0.8, 2, 6 * 300, 3)).reshape(2, 300, 6).astype(np.int8)
    d = diagnose(run_of(states))
    for i in range(6):
        x = states[..., i].astype(float)
        assert d.tau_int[f"site {i}"] == tau_int(x)
        assert d.ess[f"site {i}"] == pytest.approx(effective_samples(x))
        assert d.r_hat[f"site {i}"] == split_r_hat(x)
    monkeypatch.setattr(pbits.diagnostics, "_BLOCK", 2500)
    assert diagnose(run_of(states)) == d


def test_the_slowest_site_is_the_worst():
    states = np.random.default_rng(4).normal(size=(4, 2000, 3))
    states[..., 1] = ar1(0.95, 4, 2000, 5)
    d = diagnose(run_of(states))
    assert d.worst == "site 1"
    assert d.worst_tau_int == pytest.approx(39, rel=0.5)


def test_stuck_chains_are_not_converged():
    rng = np.random.default_rng(6)
    states = np.repeat(np.array([1, -1, 1, -1])[:, None, None], 400, axis=1)
    d = diagnose(run_of(states, rng.normal(size=(4, 400))))
    assert not d.converged
    assert d.worst == "site 0"
    assert d.worst_r_hat == math.inf
    assert any("chains disagree" in w for w in d.warnings)
    assert any("does not die out" in w for w in d.warnings)


def test_a_small_disagreement_of_chains_is_not_converged():
    states = ar1(0.0, 4, 2000, 10)[..., None] + 0.25 * np.arange(4)[:, None, None]
    d = diagnose(run_of(states))
    assert 1.01 < d.worst_r_hat < 1.1
    assert not d.converged
    assert any(w.startswith("R-hat of") for w in d.warnings)


def test_too_few_effective_samples_are_not_converged():
    d = diagnose(run_of(ar1(0.5, 1, 60, 7)[..., None]))
    assert not d.converged
    assert any("below 50" in w for w in d.warnings)


def test_endless_oscillation_is_not_converged():
    # What a strongly coupled synchronous machine does: R̂ is 1 and the mean is right, but nothing mixes.
    states = np.tile([1, -1], (2, 200))[..., None]
    d = diagnose(run_of(states, np.random.default_rng(8).normal(size=(2, 400))))
    assert not d.converged
    assert any("does not die out" in w and "oscillate" in w for w in d.warnings)
    assert any("more effective samples" in w for w in d.warnings)


def test_constant_observables_tell_nothing():
    states = np.random.default_rng(9).choice([-1, 1], size=(4, 1000, 2))
    states[..., 0] = 1
    d = diagnose(run_of(states, np.full((4, 1000), -0.1) + 1e-17))
    assert d.converged
    assert d.ess["energy"] is d.ess["site 0"] is d.tau_int["site 0"] is d.r_hat["site 0"] is None
    assert d.worst == "site 1"
    assert any("energy is the same" in w for w in d.warnings)
    assert not any("site 0" in w for w in d.warnings)


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (run_of(np.ones((4, 1, 3)), kind="anneal"), "no stationary law"),
        (run_of(np.ones((4, 3, 3))), "3 draws per chain"),
        (run_of(np.ones((4, 100, 3))), "nothing changed"),
    ],
)
def test_runs_that_cannot_be_diagnosed_say_why(run, reason):
    d = diagnose(run)
    assert not d.converged
    assert d.worst is d.worst_ess is d.worst_tau_int is d.worst_r_hat is None
    assert d.ess == d.tau_int == d.r_hat == {}
    assert len(d.warnings) == 1
    assert reason in d.warnings[0]


@pytest.mark.parametrize("x", [np.ones(10), np.ones((2, 3)), np.ones((0, 10)), np.full((2, 10), np.nan)])
def test_draws_of_another_shape_are_refused(x):
    for function in (tau_int, effective_samples, split_r_hat):
        with pytest.raises(ValueError, match=r"expected|not finite"):
            function(x)


def test_success_interval_is_an_equal_tailed_posterior():
    from scipy.stats import beta

    low, high = success_interval(3, 20, 0.9)
    posterior = beta(3.5, 17.5)
    assert posterior.cdf(low) == pytest.approx(0.05)
    assert posterior.cdf(high) == pytest.approx(0.95)
    assert success_interval(0, 20)[0] == 0
    assert success_interval(20, 20)[1] == 1
    assert success_interval(20, 20)[0] == pytest.approx(1 - success_interval(0, 20)[1])


def test_success_interval_covers_about_as_often_as_it_says():
    # Exact coverage at n = 50, averaged over p; Jeffreys intervals cover on average very nearly as stated.
    from scipy.stats import binom

    p = np.linspace(0.05, 0.95, 91)
    ends = np.array([success_interval(k, 50) for k in range(51)])
    covered = (ends[:, :1] <= p) & (p <= ends[:, 1:])
    coverage = (binom.pmf(np.arange(51)[:, None], 50, p) * covered).sum(axis=0)
    assert coverage.mean() == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("arguments", [(1, 0), (-1, 5), (6, 5), (1, 5, 0.0), (1, 5, 1.0)])
def test_bad_trials_are_refused(arguments):
    with pytest.raises(ValueError, match=r"trials|confidence"):
        success_interval(*arguments)


def test_repeats_to_target():
    assert repeats_to_target(0.0) == math.inf
    assert repeats_to_target(1.0) == repeats_to_target(0.995) == 1.0
    assert 1 - (1 - 0.1) ** repeats_to_target(0.1) == pytest.approx(0.99)
    assert repeats_to_target(1e-12) == pytest.approx(math.log(100) * 1e12)
    assert repeats_to_target(0.3, confidence=0.5) < repeats_to_target(0.3)
    for p, confidence in ((-0.1, 0.99), (1.1, 0.99), (0.5, 1.0)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            repeats_to_target(p, confidence)


# --- time and joules to solution ---


def test_to_solution_by_hand():
    found = to_solution(10, 40, cost=2.0)
    assert found.value == pytest.approx(2 * math.log(0.01) / math.log(0.75), rel=1e-12)
    p_low, p_high = success_interval(10, 40)
    assert found.low == pytest.approx(2 * math.log(0.01) / math.log(1 - p_high), rel=1e-12)
    assert found.high == pytest.approx(2 * math.log(0.01) / math.log(1 - p_low), rel=1e-12)
    assert found.at_least is None
    assert to_solution(40, 40, cost=2.0).value == to_solution(40, 40, cost=2.0).low == 2.0
    assert to_solution(10, 40, cost=None).value is None


@given(trials=st.integers(1, 200), part=st.floats(0, 1), cost=st.floats(1e-12, 1e3), parallel=st.integers(1, 50))
def test_more_successes_never_cost_more(trials, part, cost, parallel):
    successes = max(1, round(part * trials))
    found = to_solution(successes, trials, cost, parallel=parallel)
    assert cost <= found.low <= found.value <= found.high
    assert found.value >= to_solution(min(trials, successes + 1), trials, cost, parallel=parallel).value
    assert found.value <= to_solution(successes, trials, cost).value


def test_replicas_side_by_side_share_the_tries_but_no_run_is_cut():
    alone = to_solution(10, 40, cost=2.0)
    for parallel in (2, 16):
        assert to_solution(10, 40, 2.0, parallel=parallel).value == pytest.approx(alone.value / parallel)
    # R99 is 16.008 tries: 17 replicas and more take one run, as a single sure one does.
    assert to_solution(10, 40, 2.0, parallel=17).value == to_solution(10, 40, 2.0, parallel=1000).value == 2.0
    assert to_solution(10, 40, 2.0, parallel=17).high > 2.0
    with pytest.raises(ValueError, match="at least one try"):
        to_solution(10, 40, 2.0, parallel=0)


def test_nothing_that_succeeded_leaves_a_one_sided_bound():
    found = to_solution(0, 58, cost=1.0)
    assert (found.value, found.low, found.high) == (None, None, None)
    p = 1 - 0.05 ** (1 / 58)
    assert (1 - p) ** 58 == pytest.approx(0.05)
    assert found.at_least == pytest.approx(math.log(0.01) / math.log(1 - p), rel=1e-9)
    with pytest.raises(ValueError, match="without a trial"):
        most_without_success(0)


@pytest.mark.parametrize(("p", "trials"), [(0.1, 50), (0.5, 20), (0.02, 400)])
def test_the_interval_to_solution_covers_the_truth_as_often_as_it_says(p, trials):
    """Weighted by the exact probability of each count: 95 % on average over p, and within 3 % of it at each of these.

    A count of none gives the one-sided bound instead, which the truth exceeds with at least 95 %.
    """
    from scipy.stats import binom

    truth = 3.0 * math.log(0.01) / math.log1p(-p)
    covered = 0.0
    for successes in range(trials + 1):
        found = to_solution(successes, trials, cost=3.0)
        inside = truth >= found.at_least if successes == 0 else found.low <= truth <= found.high
        covered += binom.pmf(successes, trials, p) * inside
    assert 0.92 <= covered <= 0.98


def test_simulated_tries_are_covered():
    """500 simulated experiments of 60 tries at p = 0.2. Of intervals that hold with 95 %, fewer than 455 do so in one
    of 10⁴ families."""
    rng = np.random.default_rng(8)
    truth = math.log(0.01) / math.log(0.8)
    found = [to_solution(int(hits), 60, cost=1.0) for hits in rng.binomial(60, 0.2, size=500)]
    assert sum(one.low <= truth <= one.high for one in found) >= 455


def test_time_to_solution_of_a_run_takes_its_chains_as_replicas():
    import pbits

    pair = IsingModel([[0, 1], [1, 0]], [0.3, 0])
    schedule = pbits.Schedule.anneal(sweeps=4, chains=4, beta_start=0.01, beta_stop=0.02)
    run = pbits.run(pair, "fpga-all-to-all", schedule, seed=2)
    hits, chains = run.success_fraction(-1.3)
    assert 0 < hits < 4
    found = time_to_solution(run, -1.3)
    repeats = math.log(0.01) / math.log(1 - hits / 4)
    assert found.value == pytest.approx(run.device_time_s * max(1, repeats / 4))
    assert (found.parallel, found.trials) == (4, chains)
    assert time_to_solution(run, -9.0).at_least == pytest.approx(run.device_time_s * math.log(0.01) / math.log(0.05))
    assert time_to_solution(pbits.run(pair, "ideal", schedule, seed=2), -1.3).value is None


# --- declared observables ---


def test_declared_observables_replace_the_energy_and_every_site():
    states = np.random.default_rng(0).choice(np.array([-1, 1], dtype=np.int8), size=(4, 500, 3))
    slow = np.repeat(states[:, :50, :], 10, axis=1)
    both = np.concatenate([states, slow], axis=-1)
    declared = {
        "fast": lambda s: s[..., :3].sum(axis=-1),
        "slow": lambda s: s[..., 3] > 0,
        "fixed": lambda s: s[..., 0] * 0,
    }
    found = diagnose(run_of(both), declared)
    assert list(found.ess) == ["fast", "slow", "fixed"]
    assert found.worst == "slow"
    assert found.ess["slow"] == pytest.approx(effective_samples(both[..., 3].astype(float)))
    assert found.ess["fixed"] is None
    assert "fixed is the same in every draw, so it tells nothing" in found.warnings
    assert diagnose(run_of(both), {"fast": declared["fast"]}).worst_ess == pytest.approx(found.ess["fast"])


@pytest.mark.parametrize(
    ("observables", "message"),
    [
        ({}, "observables is empty"),
        ({"m": lambda s: s.mean(axis=0)}, r"'m' gives an array of shape \(500, 3\); expected .* \(4, 500\)"),
        ({"m": lambda s: s[..., 0] * np.inf}, "'m' has a value that is not finite"),
    ],
)
def test_observables_of_another_shape_are_refused(observables, message):
    states = np.random.default_rng(0).choice(np.array([-1, 1], dtype=np.int8), size=(4, 500, 3))
    with pytest.raises(ValueError, match=message):
        diagnose(run_of(states), observables)


def test_two_standard_errors_of_tau_cover_it():
    """200 autoregressions with τ = 3: of intervals that hold with 95 %, fewer than 177 do so in one of 10⁴ families."""
    from pbits.comparison.quality import runs_per_effective_sample

    held = 0
    for seed in range(200):
        x = ar1(0.5, 4, 1000, seed)
        one = runs_per_effective_sample(tau_int(x), x.size, "x", "a", "g").inputs["tau_int"]
        held += one.low <= 3.0 <= one.high
    assert held >= 177


def test_the_spread_of_joules_to_solution_covers_the_truth():
    """300 simulated experiments through the account of a comparison: fewer than 268 hold in one of 10⁴ families."""
    from pbits.comparison.quality import runs_per_solution

    rng = np.random.default_rng(9)
    truth = math.log(0.01) / math.log(0.7) / 40
    held = 0
    for hits in rng.binomial(40, 0.3, size=300):
        spread = runs_per_solution(int(hits), 40, "a", "g").monte_carlo(2000)
        held += spread.low <= truth <= spread.high
    assert held >= 268


@pytest.mark.parametrize("cost", [-1.0, math.nan, math.inf])
def test_a_cost_that_cannot_be_is_refused(cost):
    with pytest.raises(ValueError, match="cost is"):
        to_solution(2, 4, cost)
