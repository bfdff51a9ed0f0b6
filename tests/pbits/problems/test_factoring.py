"""Factoring: the model's ground states are the factors, by enumeration; anneals find them, by arithmetic."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.diagnostics import success_interval
from pbits.problems import Factoring

PRIMES = [p for p in range(3, 256, 2) if all(p % d for d in range(3, p, 2))]


def annealed(problem, sweeps, chains, seed=1):
    low, high = problem.beta_range()
    schedule = pbits.Schedule.anneal(sweeps=sweeps, beta_start=low, beta_stop=high, shape="linear", chains=chains)
    return pbits.run(problem, "ideal", schedule, seed=seed)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(PRIMES), st.sampled_from(PRIMES), st.booleans(), st.booleans())
def test_the_factors_have_energy_zero_and_agree_with_every_clamp(p, q, presolve, copy):
    problem = Factoring(p * q, presolve=presolve, copy=copy)
    fits = [
        (x, y) for x, y in ((p, q), (q, p)) if x.bit_length() <= problem.bits_x and y.bit_length() <= problem.bits_y
    ]
    assert fits
    clamp = problem.clamp()
    for x, y in fits:
        known = problem.circuit.implied({"x": x, "y": y})
        state = np.zeros(problem.circuit.n)
        for wire, sites in problem.sites.items():
            state[list(sites)] = 2 * known[wire] - 1
        assert problem.to_model().energy(state) == 0
        assert all(state[site] == value for site, value in clamp.items())
        assert problem.decode(state) == tuple(sorted((p, q)))
        assert problem.violations(state) == {"product": 0}


def lowest(model, clamp):
    law = pbits.exact(model, beta=10.0, clamp=clamp)
    return law.states[law.probabilities > 1e-6]


def test_only_factors_are_ground_states_and_one_wrong_coupling_is_seen():
    # 35 = 5 · 7 on 3 and 3 bits: every state of the free p-bits.
    problem = Factoring(35, 3, 3)
    model, clamp = problem.to_model(), problem.clamp()

    def solves(some):
        ground = lowest(some, clamp)
        wrong = some.energy(ground).any() or any(problem.violations(state)["product"] for state in ground)
        return len(ground) == 2 and not wrong

    assert solves(model)
    i, j, w = model.edges()
    free = sorted(set(range(model.n)) - clamp.keys())
    edge = np.flatnonzero(np.isin(i, free) & np.isin(j, free) & (w == 4))[0]
    w[edge] = -4
    assert not solves(pbits.IsingModel.from_edges(model.n, np.column_stack([i, j]), w, model.h, model.offset))


def test_an_answer_is_right_where_the_product_is():
    problem = Factoring(15)
    state = -np.ones(problem.circuit.n)
    for wire, bit in {"x[0]": 1, "x[2]": 1, "y[0]": 1, "y[1]": 1}.items():
        state[list(problem.sites[wire])] = 2 * bit - 1
    # Gates may be wrong: the inputs are what is read.
    assert (problem.decode(state), problem.violations(state), problem.score((3, 5))) == ((3, 5), {"product": 0}, 1)
    assert problem.to_model().energy(state) > 0
    state[list(problem.sites["x[1]"])] = 1
    assert (problem.decode(state), problem.violations(state), problem.score((3, 7))) == ((3, 7), {"product": 1}, 0)
    assert np.isnan(problem.objectives([state])).all()


def test_couplings_are_small_integers_and_many_chains_go_bit_parallel():
    problem = Factoring(223 * 179, 8, 8)
    _, _, couplings = problem.to_model().edges()
    assert (couplings == np.rint(couplings)).all()
    assert np.abs(couplings).max() <= 4
    run = annealed(problem, 10, 128)
    assert "bits" in str(run.record["layout"])


@pytest.mark.parametrize("N", [15, 21, 35, 143, 187, 3 * 61])
def test_small_numbers_are_factored_at_once_whatever_their_factors(N):
    answer = pbits.run(Factoring(N), "ideal", seed=2).solution
    assert answer.feasible
    assert np.prod(answer.value) == N
    assert answer.objective == 1
    assert 1 not in answer.value


def test_nothing_may_be_left_to_find():
    problem = Factoring(9)
    assert len(problem.clamp()) == problem.to_model().n
    assert pbits.run(problem, "ideal", seed=1).solution.value == (3, 3)
    assert len(Factoring(9, presolve=False).clamp()) < problem.to_model().n


def test_a_16_bit_semiprime_is_factored():
    # 0.8 % of such anneals succeed on average over numbers of 16 bits, 0.46 % on the hardest of eight: 2048 anneals
    # all fail with less than one chance in 10⁴.
    problem = Factoring(223 * 179, 8, 8)
    run = annealed(problem, 1000, 2048)
    assert run.solution.value == (179, 223)
    hits, anneals = run.success_fraction(objective=1)
    low, high = success_interval(hits, anneals)
    assert low < 0.01
    assert high > 0.002


def test_known_widths_and_presolving_make_it_easier():
    hits = [
        annealed(problem, 1000, 512).success_fraction(objective=1)[0]
        for problem in (Factoring(23 * 29, 5, 5), Factoring(23 * 29, 5, 5, presolve=False), Factoring(23 * 29))
    ]
    assert hits[0] > hits[1] > hits[2] > 0


def test_copies_find_factors_too():
    assert annealed(Factoring(35, copy=True), 2000, 256).solution.value == (5, 7)


@pytest.mark.parametrize(
    ("N", "message"),
    [
        (7, "N is 7; the smallest odd number with factors is 9"),
        (-15, "N is -15; the smallest"),
        (44, "N is 44, which is even: take the factors 2 out, and factor 11"),
        (101, "N is 101, which is prime"),
        (2**32 + 1, "N is 4294967297, of 33 bits; allowed are 32"),
    ],
)
def test_numbers_that_cannot_be_factored_so_are_refused(N, message):
    with pytest.raises(ValueError, match=message):
        Factoring(N)
    with pytest.raises(TypeError):
        Factoring(float(N))


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ((8, 2), "bits_x is 8; expected 2 to 7: an input as wide as 143 admits 143 × 1"),
        ((4, 1), "bits_y is 1; expected 2 to 7"),
        ((3, 4), "no factors of 143 fit 3 and 4 bits; its pairs need 4 and 4"),
    ],
)
def test_widths_that_hold_no_factors_are_refused(widths, message):
    with pytest.raises(ValueError, match=message):
        Factoring(143, *widths)


def test_default_widths_hold_every_pair_of_factors():
    for p, q in itertools.combinations_with_replacement(PRIMES[:12], 2):
        problem = Factoring(p * q)
        assert q.bit_length() <= problem.bits_x
        assert p.bit_length() <= problem.bits_y
    assert (Factoring(143, bits_x=4).bits_y, Factoring(143, bits_y=4).bits_x) == (6, 6)
