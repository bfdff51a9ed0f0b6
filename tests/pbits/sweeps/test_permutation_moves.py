"""Moves of permutations: exact laws, plain twins, and what is counted. False alarms: below 1e-4 each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits import Moves
from pbits.algorithms import temper
from pbits.models import Distances, PermutationModel
from pbits.reference import permutation as twin
from pbits.streams import Stream, Streams
from pbits.sweeps import permutation as engine
from pbits.sweeps.engine import Key, Options
from pbits.sweeps.scan import Scan

RNG = np.random.default_rng(2)
PLACES = {
    n: Distances(coordinates=np.round(np.random.default_rng(n).random((n, 2)) * 100, 1)) for n in (3, 4, 5, 8, 11, 30)
}
QAP = PermutationModel(RNG.random((5, 5)), flows=RNG.random((5, 5)), costs=RNG.random((5, 5)))
ALL = ("swap", "reverse", "insert")


def tour(n):
    return PermutationModel(PLACES[n])


def engine_of(model, moves, states, rule="heat-bath", seed=1, chain0=0):
    key = Streams(seed=seed).key(Stream.THERMAL)
    options = Options(rule=rule, moves=moves)
    keys = Key(thermal=key, site=key)
    return engine.PermutationEngine(model, Scan.random(model.n), states.T.copy(), keys, chain0, options), key


def starts(n, chains, seed=0):
    rng = np.random.default_rng(seed)
    return np.array([rng.permutation(n) for _ in range(chains)], dtype=np.int32)


# Laws


@pytest.mark.parametrize("beta", [0.01, 0.03, 0.1, 0.3])
def test_tours_of_eight_cities_have_the_enumerated_averages(beta):
    model = tour(8)
    law = pbits.exact(model, beta)
    schedule = pbits.Schedule(n_samples=150, n_warmup=40, steps_per_sample=6, beta=beta, chains=1500)
    run = pbits.run(model, "ideal", schedule, seed=3, judge=False)
    assert run.energies.mean() == pytest.approx(law.mean_energy, rel=1e-3)
    second = float(law.probabilities @ law.energies**2)
    assert (run.energies**2).mean() == pytest.approx(second, rel=2e-3)


@pytest.mark.parametrize(
    "moves",
    [
        Moves(kinds=["swap"]), Moves(kinds=["reverse"]), Moves(kinds=["insert"]), Moves(kinds=ALL),
        Moves(kinds=["reverse"], reach=1), Moves(kinds=ALL, reach=2), Moves(tile=4), Moves(kinds=ALL, tile=5, reach=2),
    ],
)  # fmt: skip
def test_every_set_of_moves_samples_all_permutations_by_their_law(moves):
    model = tour(5)
    schedule = pbits.Schedule(n_samples=100, n_warmup=60, steps_per_sample=12, beta=0.03, chains=1000, moves=moves)
    run = pbits.run(model, "ideal", schedule, seed=5, judge=False)
    law = pbits.exact(model, 0.03)
    expected = law.probabilities * run.energies.size
    counts = np.bincount(law.index(run.states.reshape(-1, 5)), minlength=len(expected))
    # Draws a dozen steps apart still depend on each other a little, where moves are few.
    excess = ((counts - expected) ** 2 / expected).sum() / (len(expected) - 1)
    assert excess < 1 + 5 * np.sqrt(2 / (len(expected) - 1)) + (0.6 if moves.tile else 0.15)


def test_assignments_have_their_law():
    law = pbits.exact(QAP, 2.0)
    schedule = pbits.Schedule(n_samples=100, n_warmup=40, steps_per_sample=6, beta=2.0, chains=1000)
    run = pbits.run(QAP, "ideal", schedule, seed=5, judge=False)
    expected = law.probabilities * run.energies.size
    counts = np.bincount(law.index(run.states.reshape(-1, 5)), minlength=len(expected))
    assert ((counts - expected) ** 2 / expected).sum() < 119 + 6 * np.sqrt(2 * 119)


@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
@pytest.mark.parametrize(
    ("model", "moves"),
    [
        (tour(4), Moves(kinds=[kind], reach=reach)) for kind in ALL for reach in (None, 1)
    ] + [(tour(5), Moves(kinds=ALL)), (QAP, Moves())],
)  # fmt: skip
def test_one_decision_is_in_detailed_balance(model, moves, rule):
    law = pbits.exact(model, 0.05)
    P = np.zeros((len(law.states),) * 2)
    for row, state in enumerate(law.states):
        proposed = twin.proposals(model, state.tolist(), moves)
        for other in law.index(proposed):
            P[row, other] += twin.acceptance(law.energies[other] - law.energies[row], 0.05, rule) / len(proposed)
    flow = law.probabilities[:, None] * P
    np.testing.assert_allclose(flow, flow.T, atol=1e-15)
    # And every permutation can be reached.
    np.fill_diagonal(P, 1.0)
    assert (np.linalg.matrix_power(P > 0, len(P)) > 0).all()


# Twins


@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
@pytest.mark.parametrize(
    ("model", "moves"),
    [
        (tour(3), Moves(kinds=ALL)), (tour(4), Moves(kinds=ALL)), (tour(11), Moves(kinds=ALL)),
        (tour(11), Moves(kinds=ALL, reach=3)), (tour(11), Moves(kinds=ALL, tile=5)), (tour(30), Moves()),
        (QAP, Moves()), (QAP, Moves(reach=1)),
    ],
)  # fmt: skip
def test_kernels_equal_their_twins(model, moves, rule):
    states = starts(model.n, 3)
    fast, key = engine_of(model, moves, states, rule)
    betas = np.array([[0.001, 0.01, 0.1]] * 12)
    accepted = fast.advance(betas, 7)
    slow = states.copy()
    assert twin.sample(slow, model, moves, betas, key, rule=rule, step0=7) == accepted
    np.testing.assert_array_equal(fast.states(), slow)


@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
@pytest.mark.parametrize(
    ("n", "moves"),
    [
        (3, Moves(neighbours=2)), (4, Moves(neighbours=3)), (5, Moves(neighbours=2)), (11, Moves(neighbours=4)),
        (30, Moves(neighbours=5)), (30, Moves(neighbours=5, reach=4)), (30, Moves(neighbours=5, tile=9)),
        (30, Moves(neighbours=3, kinds=["reverse"])), (30, Moves(neighbours=3, kinds=["insert"])),
    ],
)  # fmt: skip
def test_moves_to_near_neighbours_equal_their_twin(n, moves, rule, monkeypatch):
    # Computed distances and numbers along the curve too, as of many places.
    for most in (512, 2):
        monkeypatch.setattr(engine, "_LOOKED_UP", most)
        model = PermutationModel(Distances(coordinates=PLACES[n].coordinates))
        states = starts(n, 3)
        fast, key = engine_of(model, moves, states, rule)
        betas = np.geomspace(0.003, 0.3, 15)[:, None].repeat(3, axis=1)
        accepted = fast.advance(betas, 0)
        items = engine.places_of(model.distances).items
        numbers = np.argsort(items)
        slow = numbers[states].astype(np.int32)
        renumbered = PermutationModel(Distances(coordinates=PLACES[n].coordinates[items]))
        near = numbers[model.distances.neighbours(moves.neighbours)[items]].astype(np.int32)
        assert twin.anneal(slow, renumbered, near, moves, betas, key, rule=rule) == accepted
        np.testing.assert_array_equal(fast.states(), items[slow])


@pytest.mark.parametrize("metric", ["EUCLIDEAN", "EUC_2D", "CEIL_2D", "ATT", "GEO"])
def test_energies_kept_up_to_date_are_those_of_the_model(metric, monkeypatch):
    monkeypatch.setattr(engine, "_LOOKED_UP", 2)
    model = PermutationModel(Distances(coordinates=np.random.default_rng(4).random((40, 2)) * 80, metric=metric))
    for moves in (Moves(kinds=ALL), Moves(neighbours=6)):
        fast, _ = engine_of(model, moves, starts(40, 4))
        fast.advance(np.full(300, 0.01), 0)
        np.testing.assert_allclose(fast._energies, model.energy(fast.states()), rtol=1e-12)


def _costly(n):
    """Uniform entries, and one that dwarfs them all."""
    matrix = np.random.default_rng(n).random((n, n))
    matrix += matrix.T
    matrix[0, 1] = matrix[1, 0] = 1e17
    return matrix


@pytest.mark.parametrize(
    ("model", "moves"),
    [
        (PermutationModel(_costly(12), offset=3.0), Moves(kinds=ALL)),
        (PermutationModel(_costly(12), offset=3.0), Moves(neighbours=6)),
        (PermutationModel(RNG.random((7, 7)), RNG.random((7, 7)), _costly(7), offset=3.0), Moves()),
    ],
)
def test_energies_forget_the_rounding_of_what_they_once_were(model, moves):
    fast, _ = engine_of(model, moves, np.tile(np.arange(model.n, dtype=np.int32), (4, 1)))
    # In many calls, as draws are taken, and from where the great entry comes and goes.
    for step, beta in enumerate(np.geomspace(1e-18, 2.0, 60)):
        fast.advance(np.full(1, beta), step)
    np.testing.assert_allclose(fast._energies, model.energy(fast.states()), rtol=1e-9)


@given(st.integers(3, 40), st.integers(0, 10**6), st.sampled_from([None, 1, 3, 10]), st.sampled_from([None, 4, 7]))
@settings(max_examples=40, deadline=None)
def test_states_stay_permutations_and_energies_right(n, seed, reach, tile):
    model = PermutationModel(Distances(coordinates=np.random.default_rng(seed).random((n, 2))))
    tile = None if tile is None else min(max(tile, 4), n) if n >= 4 else None
    for moves in (Moves(kinds=ALL, reach=reach, tile=tile), Moves(neighbours=min(5, n - 1), reach=reach, tile=tile)):
        fast, _ = engine_of(model, moves, starts(n, 2, seed), seed=seed)
        fast.advance(np.full(20, 2.0), 0)
        np.testing.assert_allclose(fast._energies, model.energy(fast.states()), rtol=1e-9)


# What is counted, noted and handed over


def test_what_is_counted():
    run = pbits.run(tour(8), "ideal", pbits.Schedule(n_samples=10, n_warmup=5, chains=3), seed=1)
    assert run.counts["update"] == 15 * 8 * 3
    assert run.counts["random_bit"] == 128 * run.counts["update"]
    assert 4 * run.counts["update"] < run.counts["weight_read"] < 6 * run.counts["update"]
    swaps = pbits.run(QAP, "ideal", pbits.Schedule(n_samples=10, n_warmup=0, chains=2), seed=1)
    assert swaps.counts["weight_read"] == 10 * 5 * 2 * (8 * 3 + 8)
    assert swaps.counts["reversal_step"] == 2 * swaps.counts["toggle"]


def test_draws_do_not_depend_on_threads_chunks_or_other_chains(monkeypatch):
    def states(chains, **schedule):
        return pbits.run(tour(30), "ideal", pbits.Schedule(chains=chains, beta=0.02, **schedule), seed=5).states

    every = states(20, n_samples=12, n_warmup=0)
    np.testing.assert_array_equal(states(3, n_samples=12, n_warmup=0), every[:3])
    np.testing.assert_array_equal(states(20, n_samples=3, n_warmup=3, steps_per_sample=3), every[:, 5::3])
    monkeypatch.setenv("PBITS_THREADS", "1")
    np.testing.assert_array_equal(states(20, n_samples=12, n_warmup=0), every)


def test_an_anneal_notes_the_best_tour_it_passes():
    anneal = pbits.Schedule.anneal(
        sweeps=400, beta_start=0.01, beta_stop=1.0, chains=8, moves=Moves(neighbours=5), rule="metropolis"
    )
    run = pbits.run(tour(11), "ideal", anneal, seed=1)
    assert run.best_energy == pytest.approx(run.trace.energies.min())
    assert tour(11).energy(run.best_state) == pytest.approx(run.best_energy)
    np.testing.assert_allclose(run.energies[:, -1], run.trace.energies[:, -1], rtol=1e-12)


def test_tours_are_tempered():
    law = [pbits.exact(tour(8), beta).mean_energy for beta in (0.02, 0.05, 0.1)]
    found = temper(tour(8), betas=[0.02, 0.05, 0.1], copies=40, sweeps=400, n_samples=200, seed=2)
    assert found.energies.mean(axis=(1, 2)) == pytest.approx(law, rel=4e-3)
    assert (found.acceptance > 0.1).all()


def test_a_curve_visits_each_quarter_in_one_go():
    grid = np.stack(np.meshgrid(np.arange(16), np.arange(16)), axis=-1).reshape(-1, 2).astype(float)
    steps = np.diff(grid[engine.along_a_curve(grid)], axis=0)
    assert (np.abs(steps).sum(axis=1) == 1).mean() > 0.95


@pytest.mark.parametrize(
    ("model", "moves", "message"),
    [
        (QAP, Moves(kinds=["reverse"]), "an assignment moves by swaps"),
        (QAP, Moves(tile=4), "are those of tours"),
        (tour(5), Moves(tile=6), "expected 4 to 5"),
    ],
)
def test_moves_that_do_not_fit_are_refused(model, moves, message):
    with pytest.raises(pbits.NotMappable, match=message):
        pbits.run(model, "ideal", pbits.Schedule(n_samples=4, moves=moves))


def test_moves_to_near_neighbours_do_not_swap():
    moves = Moves(kinds=["swap"], neighbours=3)
    with pytest.raises(pbits.NotMappable, match="leave swap out"):
        pbits.run(tour(5), "ideal", pbits.Schedule.anneal(moves=moves))


def test_spins_know_no_moves_and_slots_no_clamp():
    with pytest.raises(pbits.NotMappable, match="moves are for permutations"):
        pbits.run(pbits.IsingModel([[0, 1], [1, 0]]), "ideal", pbits.Schedule(moves=Moves(reach=2)))
    with pytest.raises(pbits.NotMappable, match="cannot be held fixed"):
        pbits.run(tour(5), "ideal", clamp={0: 1})
