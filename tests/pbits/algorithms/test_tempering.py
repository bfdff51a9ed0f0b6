"""Tempering: the exact law at every β, the swap rule, cluster moves, ladders, and what is refused."""

import numpy as np
import pytest
from scipy.stats import chisquare

import pbits
from hardware_models import pbit
from pbits.algorithms import adaptive_ladder, temper, tempering
from pbits.algorithms.tempering import _Trips
from pbits.steering import Round

SITES = 6
FALSE_ALARM = 1e-4  # of each chi-square test below; seeds are fixed, so each has passed once for all
BETAS = np.array([0.2, 0.5, 1.2])


def frustrated(seed=0):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(SITES, SITES)), 1)
    return pbits.IsingModel(J + J.T, 0.3 * rng.normal(size=SITES))


MODEL = frustrated()
# A sparse one without fields, of which clusters may be where two states agree.
RING = pbits.IsingModel.from_edges(6, [(k, (k + 1) % 6) for k in range(6)], [1.0, -0.7, 0.4, 0.9, -1.1, 0.6])


def p_values(model=MODEL, *, copies=4000, **options):
    """At stationarity the replicas of one moment are independent, so the last draw of each is a sample."""
    found = temper(model, betas=BETAS, sweeps=60, n_samples=1, copies=copies, **options)
    laws = [pbits.exact(model, float(beta)) for beta in BETAS]
    drawn = [np.bincount(law.index(row[:, 0]), minlength=2**SITES) for law, row in zip(laws, found.states)]
    return [chisquare(counts, copies * law.probabilities).pvalue for counts, law in zip(drawn, laws)]


@pytest.mark.parametrize(
    ("options", "kind"),
    [({"icm": True}, "smaller"), ({"icm": "houdayer"}, "houdayer"), ({"icm": True, "clamp": {0: 1}}, "houdayer")],
    ids=str,
)
def test_without_fields_the_law_is_exact_too(options, kind):
    found = temper(RING, betas=BETAS, sweeps=60, n_samples=2, copies=4000, seed=5, **options)
    assert found.run.record["steer"]["cluster_moves"] == kind
    for beta, row in zip(BETAS, found.states):
        law = pbits.exact(RING, float(beta), options.get("clamp"))
        drawn = np.bincount(law.index(row[:, 1]), minlength=len(law.probabilities))
        assert chisquare(drawn, 4000 * law.probabilities).pvalue > FALSE_ALARM / len(BETAS)
        # Two replicas of one β that just exchanged are still independent, sign for sign.
        pairs = row[:, 1].astype(int)
        overlaps = (pairs[::2] * pairs[1::2]).mean(axis=1) - law.mean @ law.mean / SITES
        assert abs(overlaps.mean()) < 5 * overlaps.std() / np.sqrt(len(overlaps))


@pytest.mark.parametrize("options", [{}, {"icm": True}, {"icm": True, "swap_every": 3}], ids=str)
def test_the_law_is_exact_at_every_beta(options):
    assert min(p_values(seed=3, **options)) > FALSE_ALARM / len(BETAS)


class Planted(tempering._Swaps):
    def __init__(self, model, betas, *given):
        super().__init__(model, betas, *given)
        self.fault(model, betas)


def planted(monkeypatch, fault):
    monkeypatch.setattr(Planted, "fault", fault, raising=False)
    monkeypatch.setattr(tempering, "_Swaps", Planted)


def too_eager(self, model, betas):
    self._betas = 0.5 * betas


def wrong_gains(self, model, betas):
    self._model = pbits.IsingModel(1.5 * model.csr, model.h)


@pytest.mark.parametrize(("fault", "icm"), [(too_eager, False), (wrong_gains, True)])
def test_a_wrong_swap_rule_is_caught(monkeypatch, fault, icm):
    planted(monkeypatch, fault)
    assert min(p_values(seed=3, icm=icm, copies=12_000)) < 1e-9


def test_a_cluster_flipped_in_one_state_alone_is_caught(monkeypatch):
    right = tempering.exchange_clusters

    def half(states, pairs, *given):
        before = states.copy()
        right(states, pairs, *given)
        states[pairs[:, 1]] = before[pairs[:, 1]]

    monkeypatch.setattr(tempering, "exchange_clusters", half)
    assert min(p_values(seed=3, icm=True)) < 1e-9


def rounds(energies, betas, repeat=4000):
    """Where positions of given energies go on from, in rounds of even pairs and of odd ones."""
    policy = tempering._Swaps(MODEL, np.array(betas), 1, 1, False, False, np.random.default_rng(2))
    policy.best_energy = -np.inf
    moved = [[], []]
    for number in range(repeat):
        now = Round(number + 1, np.array(energies, dtype=float), np.array(betas), lambda: None)
        moved[number % 2].append(policy(now).parents.tolist())
    return moved


def test_pairs_swap_by_the_metropolis_rule_and_in_turn():
    even, odd = rounds([-1.0, -3.0, -2.5], (0.5, 1.0, 1.4))
    assert {tuple(parents) for parents in even} == {(0, 1, 2), (1, 0, 2)}
    share = np.mean([parents == [1, 0, 2] for parents in even])
    # Five standard deviations of 2000 tries: false alarm below 10⁻⁶.
    assert abs(share - np.exp(-1.0)) < 5 * np.sqrt(np.exp(-1.0) * (1 - np.exp(-1.0)) / len(even))
    # Where the colder position has the higher energy they always swap.
    assert {tuple(parents) for parents in odd} == {(0, 2, 1)}


def test_acceptance_is_what_the_exact_laws_say():
    """Two β, swaps proposed in every second round; states at stationarity and independent of each other."""
    copies, betas = 6000, (0.4, 1.1)
    hot, cold = (pbits.exact(MODEL, beta) for beta in betas)
    odds = (betas[1] - betas[0]) * (MODEL.energy(cold.states)[:, None] - MODEL.energy(hot.states)[None])
    expected = cold.probabilities @ np.minimum(1, np.exp(odds)) @ hot.probabilities
    found = temper(MODEL, betas=betas, sweeps=41, n_samples=1, copies=copies, swap_every=20, seed=4)
    # One round proposes, of `copies` pairs: five standard deviations, false alarm below 10⁻⁶.
    assert abs(found.acceptance[0] - expected) < 5 * np.sqrt(expected * (1 - expected) / copies)


def test_a_round_trip_is_from_the_hottest_to_the_coldest_and_back():
    trips = _Trips(3, 1)
    turns = [[1, 0, 2], [0, 2, 1], [0, 2, 1], [1, 0, 2]]  # state 0 walks up, and then down again
    for number, parents in enumerate(turns * 2):
        trips.follow(np.array(parents))
        assert trips.made == (number + 1) // 4
    assert _Trips(2, 3).made == 0


@pytest.mark.parametrize("icm", [False, True])
def test_the_best_state_has_the_best_energy(icm):
    found = temper(MODEL, betas=BETAS, sweeps=200, n_samples=20, copies=2, icm=icm, seed=1)
    assert found.best_energy == pytest.approx(MODEL.energy(found.best_state))
    assert found.best_energy <= min(found.lowest.min(), found.run.energies.min()) + 1e-12
    assert found.best_energy == pytest.approx(MODEL.energy(pbits.exact(MODEL).states).min())
    assert found.energies.shape == (3, 2, 20)
    assert found.energies == pytest.approx(MODEL.energy(found.states))
    assert found.lowest.shape == (200,)
    assert np.isfinite(found.cluster_sizes).all() == icm


def test_a_seed_repeats_it_and_the_record_says_what_steered():
    one, two = (temper(MODEL, betas=BETAS, sweeps=30, n_samples=5, seed=9) for _ in range(2))
    assert np.array_equal(one.run.states, two.run.states)
    assert np.array_equal(one.lowest, two.lowest)
    assert one.run.record["steer"] == {
        "policy": "parallel tempering", "every": 1, "betas": BETAS.tolist(), "copies": 1, "cluster_moves": "none",
    }  # fmt: skip


def test_it_has_device_time_and_joules_are_counted():
    machine = pbit.Array(phase_s=1e-8, program_s=1e-3, read_s=1e-6)
    found = temper(MODEL, machine, betas=BETAS, sweeps=30, n_samples=1, seed=2)
    plain = pbits.run(MODEL, machine, found.run.schedule, seed=2)
    assert found.run.device_time_s > plain.device_time_s
    assert found.run.counts["read"] == 30 * 3 * SITES


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"betas": [1.0, 0.5]}, "they must rise"),
        ({"betas": [-0.5, 0.5]}, "not below 0"),
        ({"betas": []}, "a row of finite numbers"),
        ({"betas": [0.5, float("inf")]}, "a row of finite numbers"),
        ({"betas": BETAS, "icm": True}, "copies of at least 2"),
        ({"betas": BETAS, "icm": "wolff", "copies": 2}, "icm is 'wolff'"),
        ({"betas": BETAS, "sweeps": 10, "n_samples": 11}, "at most one draw a sweep"),
        ({"betas": BETAS, "copies": 0}, "copies is 0"),
        ({"betas": BETAS, "swap_every": 1.5}, "swap_every is 1.5"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        temper(MODEL, **options)


def test_clusters_of_a_model_without_couplings_of_pairs_are_refused():
    with pytest.raises(TypeError, match="cluster moves are of an IsingModel"):
        temper(pbits.PolynomialModel(3, {(0, 1, 2): 1.0}), betas=BETAS, copies=2, icm=True)


class TestLadder:
    def test_each_step_is_alpha_over_the_spread(self):
        found = adaptive_ladder(MODEL, 0.3, 1.0, sweeps=400, n_samples=200, chains=50, seed=2, beta_stop=2.0)
        assert np.diff(found.betas)[:-1] == pytest.approx(1.0 / found.spreads[:-2])
        assert found.betas[0] == 0.3
        assert found.betas[-1] == 2.0
        for beta, spread in zip(found.betas, found.spreads):
            law = pbits.exact(MODEL, float(beta))
            energies = MODEL.energy(law.states)
            exact = np.sqrt(law.probabilities @ energies**2 - (law.probabilities @ energies) ** 2)
            assert spread == pytest.approx(exact, rel=0.06)

    def test_it_ends_where_the_spread_is_small(self):
        found = adaptive_ladder(MODEL, least_spread=0.2, sweeps=200, n_samples=100, seed=2)
        assert (found.spreads[:-1] >= 0.2).all()
        assert found.spreads[-1] < 0.2

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"beta_start": 0.0}, "beta_start is 0.0"),
            ({"alpha": -1.0}, "alpha is -1.0"),
            ({"least_spread": 0.0}, "least_spread is 0.0"),
            ({"least_spread": 1e-9, "max_levels": 3}, "after 3 levels"),
        ],
    )
    def test_bad_input(self, options, message):
        with pytest.raises(ValueError, match=message):
            adaptive_ladder(MODEL, sweeps=20, n_samples=10, chains=4, seed=1, **options)

    def test_other_models_need_a_spread_to_stop_at(self):
        with pytest.raises(ValueError, match="needs least_spread"):
            adaptive_ladder(pbits.CategoricalModel([2, 3]))
