"""p-dits that relax, modes that settle, blocks of both: twins draw for draw, exact laws, and faults that must show."""

import math

import numpy as np
import pytest
from scipy.stats import chi2, chisquare, norm

import pbits
from pbits.diagnostics import tau_int
from pbits.kernels import hybrid
from pbits.reference import exact_tau_int
from pbits.reference.categorical import cell_draw, transition
from pbits.reference.hybrid import mode_covariance, sweep
from pbits.schedule import Schedule
from pbits.streams import Streams
from pbits.sweeps import Key, Options, Scan, Settling, Work, choose, heat_bath, initial_states
from pbits.sweeps.hybrid import HybridEngine, mode_step

KEY = Key(thermal=(np.uint32(1234), np.uint32(5678)), site=(np.uint32(99), np.uint32(7)))
FALSE_ALARM = 1e-4  # of each statistical test below; seeds are fixed, so each has passed once for all


def p_dits(seed=0, states=(3, 2, 5)):
    rng = np.random.default_rng(seed)
    pairs = [(0, 1), (2, 1), (0, 2)]
    return pbits.CategoricalModel(
        states,
        [rng.normal(size=q) for q in states],
        {(i, j): rng.normal(size=(states[i], states[j])) for i, j in pairs},
        offset=0.7,
    )


def precision(m, rng):
    root = rng.normal(size=(m, m))
    return root @ root.T / m + np.eye(m)


def mixed(seed=0, m=3):
    """p-dits and a p-bit that drive coupled modes; one of them drives none."""
    rng = np.random.default_rng(seed)
    discrete = p_dits(seed)
    return pbits.HybridModel(
        discrete,
        precision(m, rng),
        0.3 * rng.normal(size=m),
        {0: 0.7 * rng.normal(size=(3, m)), 1: 0.7 * rng.normal(size=(2, m))},
    )


MODELS = {
    "p-dits": p_dits(),
    "p-modes": pbits.GaussianModel(precision(4, np.random.default_rng(1)), [0.5, -1.0, 0.0, 2.0]),
    "both": mixed(),
}
TEMPERATURES = np.array([0.7, 1.0, 1.6])


def n_listed(model):
    return sum(model.lists(site) for site in range(model.n))


def order(model):
    """Categories in turn, and then the modes."""
    d = n_listed(model)
    return Scan.of([*([site] for site in range(d)), *([range(d, model.n)] if d < model.n else [])])


def scan_of(model, **rule):
    plain = order(model)
    return Scan(sites=plain.sites, ends=plain.ends, **rule)


def start(model, chains, seed=1):
    rng = np.random.default_rng(seed)
    d = n_listed(model)
    states = rng.normal(size=(model.n, chains))
    for site in range(d):
        states[site] = rng.integers(0, len(model.values(site)), chains)
    return states.astype(np.int16) if d == model.n else states


def engine(model, scan, states, chain0=0):
    return HybridEngine(model, scan, states.copy(), KEY, chain0, Options())


RULES = {
    "softmax, fresh": {},
    "relaxed, settling": {"relaxation": 3, "settling": Settling(duration=0.4)},
    "each its draws": {"relaxation": np.array([4, 1, 9])},
    "unequal temperatures": {"settling": Settling(duration=1.3, temperatures=TEMPERATURES)},
}


@pytest.mark.parametrize(
    ("name", "rule"),
    [(name, rule) for name in MODELS for rule in RULES if not (name == "p-modes" and rule in list(RULES)[2:])],
)
@pytest.mark.parametrize("per_chain", [False, True])
def test_sweeps_equal_the_twin_draw_for_draw(name, rule, per_chain):
    model, chains, given = MODELS[name], 5, RULES[rule]
    betas = np.linspace(0.3, 2.0, 12)
    if per_chain:
        betas = betas[:, None] * np.linspace(0.5, 1.5, chains)
    scan, slow = scan_of(model, **given), start(model, chains)
    fast = engine(model, scan, slow, chain0=64)
    settling = given.get("settling", Settling())
    draws = np.broadcast_to(given["relaxation"], n_listed(model)) if "relaxation" in given else None
    expected = sweep(
        slow, model, scan.sites.tolist(), betas, KEY.thermal, draws=draws, duration=settling.duration,
        temperatures=settling.temperatures if name == "both" else None, chain0=64, step0=3,
    )  # fmt: skip
    assert fast.advance(betas, 3) == expected
    d = n_listed(model)
    assert np.array_equal(fast.states()[:, :d], slow[:d].T)
    np.testing.assert_allclose(fast.states(), slow.T, rtol=1e-9, atol=1e-9)


def test_held_modes_pull_and_stay():
    model, states = MODELS["both"], start(MODELS["both"], 4)
    scan = scan_of(model, settling=Settling(duration=0.6)).without(np.array([1, 4]))
    fast = engine(model, scan, states)
    slow = states.copy()
    sweep(slow, model, scan.sites.tolist(), np.ones(10), KEY.thermal, duration=0.6)
    fast.advance(np.ones(10), 0)
    np.testing.assert_allclose(fast.states(), slow.T, rtol=1e-9, atol=1e-9)
    assert np.array_equal(fast.states()[:, [1, 4]], states[[1, 4]].T)


@pytest.mark.parametrize("name", MODELS)
def test_calls_and_blocks_change_nothing(name):
    model, betas = MODELS[name], np.linspace(0.1, 1.0, 30)
    scan, states = scan_of(model, relaxation=2, settling=Settling(duration=0.5)), start(model, 70)
    whole = [engine(model, scan, states[:, :64]), engine(model, scan, states[:, 64:], chain0=64)]
    for one in whole:
        one.advance(betas, 0)
    parts = [engine(model, scan, states[:, begin : begin + 4], chain0=begin) for begin in range(0, 68, 4)]
    for part in parts:
        part.advance(betas[:11], 0)
        part.advance(betas[11:], 11)
    together = np.concatenate([one.states() for one in whole])
    assert np.array_equal(np.concatenate([part.states() for part in parts]), together[:68])


def draws_of(model, rule, *, beta=0.8, clamp=None, every=6, looks=40, corrupt=None):
    """States (640 · looks, n), `every` sweeps apart."""
    kept = []
    for chain0 in range(0, 640, 64):
        states = start(model, 64, seed=chain0)
        for site, value in (clamp or {}).items():
            states[site] = value
        one = engine(
            model, scan_of(model, **rule).without(np.array(sorted(clamp or {}), dtype=np.int64)), states, chain0
        )
        if corrupt:
            corrupt(one)
        one.advance(np.full(60, beta), 0)
        for look in range(looks):
            one.advance(np.full(every, beta), 60 + look * every)
            kept.append(one.states())
    return np.concatenate(kept)


def p_value(law, states):
    """Chi-square of categories against the law; rare states are pooled."""
    counts = np.bincount(law.index(states), minlength=len(law.probabilities))
    expected = counts.sum() * law.probabilities
    rare = expected < 10
    if rare.any():
        counts = np.append(counts[~rare], counts[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    return chisquare(counts, expected).pvalue


@pytest.mark.parametrize("draws", [1, 3, 12])
def test_relaxed_p_dits_have_the_exact_law_whatever_the_draws(draws):
    model = MODELS["p-dits"]
    states = draws_of(model, {"relaxation": draws}, every=24 // draws)
    assert p_value(pbits.exact(model, 0.8), states) > FALSE_ALARM


def test_one_draw_of_two_categories_is_the_heat_bath():
    energies = np.array([0.3, -0.9])
    p = np.exp(-1.4 * energies) / np.exp(-1.4 * energies).sum()
    np.testing.assert_allclose(cell_draw(energies, 1.4), [p, p], rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_many_draws_forget_at_the_stated_rate(seed):
    rng = np.random.default_rng(seed)
    q, energies = int(rng.integers(2, 8)), 4 * rng.normal(size=8)
    moves = cell_draw(energies[:q], 1.0)
    law = np.exp(-energies[:q]) / np.exp(-energies[:q]).sum()
    np.testing.assert_allclose(law @ moves, law, atol=1e-14)
    for draws in (1, 5, 10 * q):
        off = 0.5 * np.abs(np.linalg.matrix_power(moves, draws) - law).sum(axis=1).max()
        assert off <= (1 - 1 / (q - 1)) ** draws + 1e-12 if q > 2 else off < 1e-12


def _metropolis(model, beta):
    """One relaxation draw a site by the wrong rule: min(1, e^(−βΔ)) towards the next category only."""
    law = pbits.exact(model, beta)
    matrix = np.eye(len(law.states))
    for site in range(model.n):
        step = np.zeros_like(matrix)
        for row, state in enumerate(law.states):
            other = state.copy()
            other[site] = (state[site] + 1) % model.n_states[site]
            move = min(1.0, math.exp(-beta * (model.energy(other) - model.energy(state))))
            step[row, law.index(other)] += move
            step[row, row] += 1 - move
        matrix = matrix @ step
    return matrix


def test_the_matrix_of_a_sweep_keeps_the_law_and_a_wrong_rule_does_not():
    model = MODELS["p-dits"]
    law = pbits.exact(model, 0.8).probabilities
    for draws in (None, 1, 2, 7):
        assert np.abs(law @ transition(model, 0.8, draws=draws) - law).max() < 1e-14
    assert np.abs(law @ _metropolis(model, 0.8) - law).max() > 1e-3


@pytest.mark.parametrize(("draws", "tau"), [(1, 2.72), (2, 1.57), (6, 1.07)])
def test_autocorrelation_grows_as_the_matrix_says(draws, tau):
    model = pbits.CategoricalModel(6, [0.5 * np.arange(6), np.zeros(6)], {(0, 1): -0.8 * np.eye(6)})
    scan = Scan.sequential(2, relaxation=draws)
    one = engine(model, scan, start(model, 64))
    one.advance(np.ones(100), 0)
    path = np.empty((64, 4000))
    for step in range(4000):
        one.advance(np.ones(1), 100 + step)
        path[:, step] = one.states()[:, 1]
    law = pbits.exact(model)
    expected = exact_tau_int(transition(model, draws=draws), law.probabilities, law.states[:, 1])
    assert expected == pytest.approx(tau, abs=0.01)
    # The windowed sum over some ten lags of 256,000 draws scatters by 1 %: a false alarm is one in a million.
    assert tau_int(path) == pytest.approx(expected, rel=0.05)


def _shifted(one):
    """The planted fault: one category of one site 0.05 too high."""
    held = list(one._held)
    held[4] = held[4].copy()
    held[4][0] += 0.05
    one._held = tuple(held)


def _hotter_modes(one):
    """The planted fault: noise of the modes 3 % too strong."""
    *others, spread = one._held
    one._held = (*others, 1.03 * spread)


def _deaf(one):
    """The planted fault: categories feel 90 % of what the modes do to them."""
    held = list(one._held)
    held[6] = 0.9 * held[6]
    one._held = tuple(held)


def standard_errors(law, states, d):
    """How far means and covariances of modes are off, in standard errors of independent draws; the largest."""
    x, mean, sigma = states[:, d:], law.mean[d:], law.covariance[d:, d:]
    free = np.diag(sigma) > 0
    x, mean, sigma = x[:, free], mean[free], sigma[np.ix_(free, free)]
    of_means = (x.mean(axis=0) - mean) / np.sqrt(np.diag(sigma) / len(x))
    centred = x - mean
    products = centred[:, :, None] * centred[:, None, :]
    of_products = (products.mean(axis=0) - sigma) / (products.std(axis=0) / math.sqrt(len(x)))
    return max(np.abs(of_means).max(), np.abs(of_products).max())


FIVE = norm.isf(FALSE_ALARM / 40)  # some twenty moments, both sides


@pytest.mark.parametrize("clamp", [None, {1: 1, 4: 0.8}], ids=["free", "clamped"])
@pytest.mark.parametrize("rule", ["softmax, fresh", "relaxed, settling"])
def test_blocks_have_the_exact_law(rule, clamp):
    model = MODELS["both"]
    law = pbits.exact(model, 0.8, clamp)
    # Modes that settle a little at a time forget more slowly: draws further apart.
    states = draws_of(model, RULES[rule], clamp=clamp, every=6 if rule.startswith("softmax") else 40)
    assert p_value(law, states[:, :3]) > FALSE_ALARM
    assert standard_errors(law, states, 3) < FIVE


@pytest.mark.parametrize("fault", [_shifted, _hotter_modes, _deaf])
def test_a_fault_in_a_block_is_caught(fault):
    model = MODELS["both"]
    law = pbits.exact(model, 0.8)
    states = draws_of(model, {}, corrupt=fault, looks=120)
    assert p_value(law, states[:, :3]) < FALSE_ALARM or standard_errors(law, states, 3) > FIVE


def test_modes_of_unequal_temperatures_have_lyapunovs_law():
    A, beta = precision(3, np.random.default_rng(4)), 1.7
    model = pbits.GaussianModel(A, [1.0, 0.0, -0.5])
    states = draws_of(model, {"settling": Settling(duration=0.7, temperatures=TEMPERATURES)}, beta=beta, every=12)
    sigma = mode_covariance(A, TEMPERATURES, beta)
    np.testing.assert_allclose(A @ sigma + sigma @ A, 2 * np.diag(TEMPERATURES) / beta, atol=1e-12)
    whitened = np.linalg.solve(np.linalg.cholesky(sigma), (states - model.mean).T)
    # Independent draws of a Gaussian: n·whitened variance is χ²; false alarm as above, both tails and three modes.
    n = whitened.shape[1]
    for variance in whitened.var(axis=1):
        assert chi2.ppf(FALSE_ALARM / 6, n) < n * variance < chi2.isf(FALSE_ALARM / 6, n)
    assert np.abs(whitened.mean(axis=1)).max() * math.sqrt(n) < FIVE
    boltzmann = np.linalg.inv(A) / beta
    assert np.abs(sigma - boltzmann).max() > 0.1 * boltzmann.max()


@pytest.mark.parametrize("duration", [1e-6, 0.3, 5.0, math.inf])
def test_the_step_of_modes_keeps_their_law_over_any_time(duration):
    A = precision(4, np.random.default_rng(2))
    heat = np.array([0.5, 1.0, 1.0, 2.0])
    step = mode_step(A, Settling(duration=duration, temperatures=heat), np.arange(4))
    sigma = mode_covariance(A, heat)
    np.testing.assert_allclose(step.transfer @ sigma @ step.transfer.T + step.spread @ step.spread.T, sigma, atol=1e-12)
    np.testing.assert_allclose(step.response @ A, np.eye(4) - step.transfer, atol=1e-12)


def test_the_dispatcher_picks_it_where_it_is_needed():
    dits, spins = MODELS["p-dits"], pbits.IsingModel([[0, 1], [1, 0]])

    def chosen(model, scan):
        return choose(Work(model=model, scan=scan, options=Options(), chains=8, beta=1.0)).name

    assert chosen(dits, Scan.sequential(3)) == "categorical"
    assert chosen(dits, Scan.sequential(3, relaxation=5)) == "hybrid"
    assert chosen(MODELS["both"], order(MODELS["both"])) == "hybrid"
    for rule in ({"relaxation": 5}, {"settling": Settling()}):
        with pytest.raises(ValueError, match="neither p-cells"):
            chosen(spins, Scan.sequential(2, **rule))


@pytest.mark.parametrize(
    ("model", "scan", "options", "reason"),
    [
        (pbits.IsingModel([[0, 1], [1, 0]]), Scan.sequential(2), Options(), "IsingModel"),
        (MODELS["both"], scan_of(MODELS["both"], persistence=0.2), Options(), "lazy"),
        (MODELS["both"], Scan.random(6), Options(), "random"),
        (MODELS["both"], Scan.of([range(3, 6), range(3)]), Options(), "after all categories"),
        (MODELS["both"], Scan.sequential(6), Options(), "all at once"),
        (MODELS["both"], order(MODELS["both"]), Options(rule="metropolis"), "heat bath"),
    ],
)
def test_what_it_cannot_do_it_refuses(model, scan, options, reason):
    (found,) = HybridEngine.refusals(model, scan, options, 1.0)
    assert reason in found
    assert HybridEngine.refusals(MODELS["both"], order(MODELS["both"]), Options(), 1.0) == []


@pytest.mark.parametrize("rule", [{"relaxation": 0}, {"relaxation": np.array([1, 0])}])
def test_an_update_takes_a_draw(rule):
    with pytest.raises(ValueError, match="at least one draw"):
        Scan.sequential(2, **rule)


@pytest.mark.parametrize("bad", [{"duration": 0.0}, {"duration": math.nan}, {"temperatures": np.array([1.0, 0.0])}])
def test_settling_takes_time_and_heat(bad):
    with pytest.raises(ValueError, match="positive"):
        Settling(**bad)


def test_the_dispatcher_hands_over_states_of_both_kinds():
    model, seen = MODELS["both"], []
    schedule = Schedule(n_samples=5, n_warmup=2, chains=3)

    def observe(step, states):
        seen.append((step, states))
        return False

    tally = heat_bath(lambda beta: model, order(model), schedule, Streams(seed=3), None, observe, {1: 1.0, 3: 0.25})
    assert [step for step, _ in seen] == [3, 4, 5, 6, 7]
    assert tally.updates == 7 * 4 * 3
    for _, states in seen:
        assert states.dtype == np.float64
        assert (states[:, 1] == 1).all()
        assert (states[:, 3] == 0.25).all()
        model.energy(states)


def test_categories_start_uniform_and_modes_at_rest():
    model = MODELS["both"]
    states = initial_states(model, slice(0, 4000), Streams(seed=1), None, {4: 0.5})
    assert states.dtype == np.float64
    for site, q in enumerate((3, 2, 5)):
        assert chisquare(np.bincount(states[site].astype(int), minlength=q)).pvalue > FALSE_ALARM
    assert (states[[3, 5]] == 0).all()
    assert (states[4] == 0.5).all()


def test_the_kernel_is_compiled_once():
    # This file calls it in every way there is.
    assert len(hybrid.hybrid_sweeps.signatures) <= 1
