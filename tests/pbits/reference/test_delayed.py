import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from pbits.models import DirectedModel, GaussianModel, IsingModel, PolynomialModel
from pbits.reference import delayed, exact, stationary, total_variation, transition
from pbits.reference.delayed import MAX_DELAYED, delayed_law

PAIR = IsingModel([[0, 1], [1, 0]])
STATES = {n: np.array(list(itertools.product((-1, 1), repeat=n))) for n in (1, 2, 3, 4)}


def network_of(n, seed, strength=1.0, mutual=False):
    rng = np.random.default_rng(seed)
    J = strength * rng.normal(size=(n, n))
    np.fill_diagonal(J, 0)
    rates = rng.uniform(0.5, 1.5, n)
    h = 0.5 * rng.normal(size=n)
    return (IsingModel(J + J.T, h) if mutual else DirectedModel(J, h)), rates / rates.mean()


# ---- exact laws ----


def pair_correlation(J, s):
    """⟨s₁s₂⟩ of two p-bits of rate 1 with mutual coupling and delay, in closed form; β = 1."""
    a = np.tanh(J)
    k = np.sqrt(1 - a * a)

    def g(a):
        return np.cosh(k * s) + np.sinh(k * s) * (a * np.cosh(k * s) - 1) / (k - a * np.sinh(k * s))

    return a * (g(a) + g(-a)) / 2 / (1 - a * (g(a) - g(-a)) / 2)


@pytest.mark.parametrize("J", [1.0, -0.5, 2.0])
@pytest.mark.parametrize(("s", "within"), [(0.001, 1e-9), (0.1, 1e-10), (0.5, 1e-10), (1, 1e-10), (3, 1e-7)])
def test_two_delayed_p_bits_are_the_closed_form(J, s, within):
    law, error = delayed_law(IsingModel([[0, J], [J, 0]]), 1.0, synapse="delay", s=s)
    # Both spins are ±1 with equal chance, so the correlation is all there is to know.
    off = abs(law @ [1, -1, -1, 1] - pair_correlation(J, s)) / 2
    assert off <= error + 1e-14
    assert error < 30 * within
    np.testing.assert_allclose([law[0], law[1]], [law[3], law[2]], atol=2 * error)
    wrong, _ = delayed_law(IsingModel([[0, J], [J, 0]]), 1.0, synapse="delay", s=1.1 * s)
    assert abs(wrong @ [1, -1, -1, 1] - pair_correlation(J, s)) / 2 > 100 * error, "a delay off by 10 % must show"


@pytest.mark.parametrize(("s", "within"), [(10, 1e-4), (30, 0.05)])
def test_the_error_is_stated_where_the_grid_is_coarse(s, within, monkeypatch):
    monkeypatch.setattr(delayed, "_STATES", {"delay": 1 << 16})
    law, error = delayed_law(PAIR, 1.0, synapse="delay", s=s)
    assert 1e-7 < abs(law @ [1, -1, -1, 1] - pair_correlation(1.0, s)) / 2 < error < within


@pytest.mark.parametrize("s", [0.2, 1.0, 4.0])
def test_a_follower_is_as_late_as_its_synapse(s):
    # p-bit 1 reads p-bit 0, which nobody drives: ⟨δs₀δs₁⟩ = B(1 − m₀²) ν₁/(ν₀ + ν₁) e^(−ν₀s), P(s₁ = +1) affine in s₀.
    nu, h0, h1, J = np.array([0.6, 1.4]), 0.3, -0.2, 0.8
    law, error = delayed_law(DirectedModel([[0, 0], [J, 0]], [h0, h1]), 1.0, synapse="delay", s=s, rates=nu)
    m0, slope = np.tanh(h0), (np.tanh(h1 + J) - np.tanh(h1 - J)) / 2
    m1 = (np.tanh(h1 + J) + np.tanh(h1 - J)) / 2 + slope * m0
    covariance = slope * (1 - m0**2) * nu[1] / nu.sum() * np.exp(-nu[0] * s)
    spins = STATES[2]
    np.testing.assert_allclose(law @ spins, [m0, m1], atol=2 * error)
    assert abs(law @ (spins[:, 0] * spins[:, 1]) - m0 * m1 - covariance) <= 4 * error
    assert error < 1e-6


@pytest.mark.parametrize("synapse", ["delay", "rc"])
def test_one_p_bit_hears_nobody(synapse):
    law, error = delayed_law(IsingModel([[0]], [0.4]), 0.7, synapse=synapse, s=0.8)
    np.testing.assert_allclose(law, [expit(-0.56), expit(0.56)], atol=1e-12)
    assert error < 1e-10


@pytest.mark.parametrize(
    ("synapse", "n", "seed"), [("delay", 2, 1), ("delay", 3, 2), ("delay", 4, 3), ("rc", 2, 1), ("rc", 3, 2)]
)
def test_fast_synapses_sample_boltzmann(synapse, n, seed, monkeypatch):
    monkeypatch.setattr(delayed, "_STATES", {"delay": 1 << 16, "rc": 1 << 16})
    model, rates = network_of(n, seed, 0.5, mutual=True)
    boltzmann = exact(model, 0.8).probabilities
    off = {}
    for s in (1e-4, 1e-3):
        law, error = delayed_law(model, 0.8, synapse=synapse, s=s, rates=rates)
        off[s] = total_variation(law, boltzmann)
        assert error < 0.01 * off[s]
        assert off[s] < 2 * s
    assert off[1e-3] / off[1e-4] == pytest.approx(10, rel=0.02)


def test_slow_filters_become_mean_fields():
    # Voltages that hardly move: each p-bit is driven by the means of the others alone, up to fluctuations ∝ 1/s.
    model, rates = network_of(2, 5, 0.3, mutual=True)
    J, m = model.csr.toarray(), np.zeros(2)
    for _ in range(200):
        m = np.tanh(J @ m + model.h)
    product = np.prod((1 + STATES[2] * m) / 2, axis=1)
    off = [total_variation(delayed_law(model, 1.0, synapse="rc", s=s, rates=rates)[0], product) for s in (10, 40)]
    assert off[0] < 0.15
    assert off[0] / off[1] == pytest.approx(4, rel=0.3)


def test_more_than_couplings_of_two_may_be_delayed():
    J, h = 0.7, (0.2, -0.3)
    pair = PolynomialModel(2, {(0, 1): J, (0,): h[0], (1,): h[1]})
    ising = IsingModel([[0, J], [J, 0]], h)
    same = [delayed_law(model, 1.0, synapse="delay", s=0.5)[0] for model in (pair, ising)]
    np.testing.assert_allclose(*same, atol=1e-12)


# ---- an independent emulation ----


def emulate(model, beta, synapse, s, rates, seed, replicas=4000, warmup=150, events=600):
    """Time in each state of every replica, looked at just before every firing: shape (replicas, 2ⁿ).

    The firings of all p-bits are a Poisson process, so the moments just before them are as good as any.
    """
    rng = np.random.default_rng(seed)
    J, n = model.csr.toarray(), model.n
    row = np.arange(replicas)
    spins = rng.choice([-1, 1], (replicas, n))
    voltage, now = spins.astype(float), np.zeros(replicas)
    # The last states and since when they were; the oldest is overwritten.
    kept = 24
    past, since = np.repeat(spins[:, None], kept, axis=1), np.full((replicas, kept), -1e9)
    seen = np.zeros((replicas, 1 << n))
    for event in range(warmup + events):
        wait = rng.exponential(1 / rates.sum(), replicas)
        now += wait
        if event >= warmup:
            seen[row, (spins > 0) @ (1 << np.arange(n)[::-1])] += 1 / events
        heard = voltage = spins + (voltage - spins) * np.exp(-wait / s)[:, None]
        if synapse == "delay":
            known = np.where(since <= (now - s)[:, None], since, -np.inf)
            assert (known.max(axis=1) > -np.inf).all(), "too little of the past is kept"
            heard = past[row, known.argmax(axis=1)]
        site = rng.choice(n, replicas, p=rates / rates.sum())
        field = (J[site] * heard).sum(axis=1) + model.h[site]
        spins[row, site] = np.where(rng.random(replicas) < expit(2 * beta * field), 1, -1)
        past[:, event % kept], since[:, event % kept] = spins, now
    return seen


def farthest(law, seen):
    """The largest distance of a state's frequency from a law, in standard errors found from independent replicas."""
    return np.abs((seen.mean(axis=0) - law) / (seen.std(axis=0, ddof=1) / np.sqrt(len(seen)))).max()


@pytest.mark.parametrize("synapse", ["delay", "rc"])
def test_three_unequal_p_bits_are_as_emulated(synapse):
    # Eight states at five standard errors: a false alarm in 2·10⁵ seeds.
    model, rates = network_of(3, 11, 1.0)
    s = 0.6
    seen = emulate(model, 1.0, synapse, s, rates, seed=1)
    law, error = delayed_law(model, 1.0, synapse=synapse, s=s, rates=rates)
    assert error < 1e-6
    assert farthest(law, seen) < 5
    # What must show: another delay, an unequal rate missed, a coupling read the wrong way round, no delay at all.
    other = rates * [1.2, 1, 1]
    reverse = DirectedModel(model.csr.T, model.h)
    faults = [
        delayed_law(model, 1.0, synapse=synapse, s=1.1 * s, rates=rates)[0],
        delayed_law(model, 1.0, synapse=synapse, s=s, rates=other)[0],
        delayed_law(reverse, 1.0, synapse=synapse, s=s, rates=rates)[0],
        stationary(transition(model, "random", 1.0, rates=rates)),
    ]
    assert min(farthest(fault, seen) for fault in faults) > 7


# ---- the stated error ----


@given(
    st.integers(1, 3),
    st.integers(0, 10**6),
    st.floats(0.05, 3.0),
    st.floats(0.2, 2.0),
    st.sampled_from(["delay", "rc"]),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_the_stated_error_bounds_what_a_finer_grid_changes(n, seed, s, strength, synapse):
    model, rates = network_of(n, seed, strength)
    found = []
    # Up to 3 against 4 steps or more per delay, and up to degree 8 against 12 or more.
    for sizes in ({"delay": 16**n, "rc": 18**n}, {"delay": 32**n, "rc": 26**n}):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delayed, "_STATES", sizes)
            found.append(delayed_law(model, 1.0, synapse=synapse, s=s, rates=rates))
    (coarse, error), (fine, left) = found
    assert total_variation(coarse, fine) <= error + left


@pytest.mark.slow
def test_the_stated_error_bounds_what_finer_grids_change_in_many_networks(monkeypatch):
    rng = np.random.default_rng(7)
    for _ in range(150):
        n, synapse, s = rng.integers(1, 4), ("delay", "rc")[rng.integers(2)], 10 ** rng.uniform(-3, 1.2)
        model, rates = network_of(n, rng.integers(10**6), rng.uniform(0.1, 2.5))
        found = []
        for K, degree in ((3, 8), (4, 12), (5, 16), *(((8, 48),) if n < 3 else ())):
            monkeypatch.setattr(delayed, "_STATES", {"delay": 2 ** (n * (K + 1)), "rc": (2 * (degree + 1)) ** n})
            found.append(delayed_law(model, 1.0, synapse=synapse, s=s, rates=rates))
        fine, left = found[-1]
        for coarse, error in found[:-1]:
            assert total_variation(coarse, fine) <= error + left, (n, synapse, s)


def test_grids_that_err_in_the_first_order_say_so(monkeypatch):
    right = delayed._on_grid
    good, error = delayed_law(PAIR, 1.0, synapse="delay", s=1.0)
    assert error < 1e-9

    def one_sided(up, rates, s, K, start):
        law, residual = right(up, rates, s, K, start)
        return law + 0.02 / K * np.array([1, -1, -1, 1]), residual

    monkeypatch.setattr(delayed, "_on_grid", one_sided)
    bad, error = delayed_law(PAIR, 1.0, synapse="delay", s=1.0)
    assert total_variation(good, bad) > 1e-4
    assert error > 1e-4


# ---- refusals ----


@pytest.mark.parametrize("synapse", ["delay", "rc"])
def test_sizes_are_refused_with_what_would_do(synapse):
    most = delayed._MOST[synapse]
    assert MAX_DELAYED[synapse] <= most
    with pytest.raises(ValueError, match=f"up to {most} are solved"):
        delayed_law(IsingModel(np.zeros((most + 1,) * 2)), 1.0, synapse=synapse, s=0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"synapse": "instant"}, "laws of slow synapses are of 'delay' and 'rc'"),
        ({"s": 0.0}, "must be positive"),
        ({"s": -1.0}, "must be positive"),
        ({"s": np.inf}, "finite"),
        ({"s": np.nan}, "finite"),
        ({"beta": np.nan}, "finite"),
        ({"rates": [1.0]}, "expected 2 positive numbers"),
        ({"rates": [1.0, 0.0]}, "expected 2 positive numbers"),
        ({"model": GaussianModel(np.eye(2))}, "does not hold spins"),
        ({"model": PolynomialModel(2, {(0, 1): 1.0}), "synapse": "rc"}, "not linear"),
        ({"model": IsingModel([[0, 1e5], [1e5, 0]])}, "reducible"),
    ],
)
def test_what_is_no_network_of_slow_p_bits_is_refused(change, message):
    arguments = {"model": PAIR, "beta": 1.0, "synapse": "delay", "s": 0.5} | change
    with pytest.raises(ValueError, match=message):
        delayed_law(arguments.pop("model"), arguments.pop("beta"), **arguments)
