"""Laws of cells whose inputs settle, against closed forms and against a chain that remembers its past."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbits.models import DirectedModel, IsingModel
from pbits.reference import exact, stationary, stationary_of, total_variation, transition
from pbits.reference.unsettled import unsettled_law

TURNS = [[0], [1]]


def pair(J, h=(0.0, 0.0)):
    return IsingModel([[0, J], [J, 0]], h)


def model_of(n, seed):
    rng = np.random.default_rng(seed)
    J = np.triu(0.7 * rng.normal(size=(n, n)), 1)
    return IsingModel(J + J.T, 0.5 * rng.normal(size=n))


def remembered(model, m, stays=0.0, phases=13):
    """The law of two cells that move in turn, from a chain of the last draws; what is older is taken to stand still.

    A draw's place in the window is its age: bit k of a state is the cell that moved k phases ago. The cells move in
    turn, so bits of even age are of the one that moved last.
    """
    J, h = model.csr.toarray(), model.h
    bit = (np.arange(2**phases)[:, None] >> np.arange(phases) & 1) * 2 - 1
    # Spins of the partner at the start of this phase and of those before: it moved 0, 2, 4 … phases before each.
    seen = np.stack([bit[:, min(k + k % 2, phases - 2)] for k in range(phases)], axis=1)
    x = seen @ ((1 - m) * m ** np.arange(phases)) + seen[:, -1] * m**phases
    law = np.full(2**phases, 2.0**-phases)
    old, window = np.arange(2**phases), 2**phases - 1
    for _ in range(200):
        for site in (0, 1):
            up = 1 / (1 + np.exp(-2 * (J[site, 1 - site] * x + h[site])))
            up = (1 - stays) * up + stays * (bit[:, 1] > 0)
            after = np.zeros_like(law)
            np.add.at(after, old << 1 & window | 1, law * up)
            np.add.at(after, old << 1 & window, law * (1 - up))
            law = after
    # The last to move was site 1.
    return np.bincount((old >> 1 & 1) * 2 + (old & 1), weights=law, minlength=4)


@pytest.mark.parametrize("stays", [0.0, 0.4])
@pytest.mark.parametrize("m", [0.05, 0.2, 0.4])
def test_two_cells_are_a_chain_of_their_past(m, stays):
    model = pair(0.8, (0.3, -0.1))
    law, error = unsettled_law(model, 1.0, phases=TURNS, memory=m, persistence=stays)
    assert error < 1e-9
    np.testing.assert_allclose(law, remembered(model, m, stays), atol=max(error, 5 * m**13))
    wrong, _ = unsettled_law(model, 1.0, phases=TURNS, memory=1.1 * m, persistence=stays)
    assert total_variation(wrong, law) > 1e-3 * m, "a memory off by 10 % must show"


@pytest.mark.parametrize("K", [0.3, 1.0, 3.0])
def test_a_cell_that_hears_fair_coins_is_a_closed_form(K):
    """With m² = ½ the sum over all past coins is uniform on an interval, and tanh integrates to ln cosh."""
    m = np.sqrt(0.5)
    law, error = unsettled_law(DirectedModel([[0, 0], [K, 0]]), 1.0, phases=TURNS, memory=m)
    half, g = m + m * m, K * (1 - m)
    ends = np.log(np.cosh(g * (1 + 2 * half)) / np.cosh(g * (1 - 2 * half)))
    assert abs(law @ [1, -1, -1, 1] - ends / (4 * half * g)) <= 2 * error + 1e-13
    assert error < 1e-9


def test_weak_coupling_is_lost_by_what_is_remembered():
    """⟨s₁s₂⟩ = (1 − m) tanh K up to third order in K."""
    K = 1e-3
    for m in (0.1, 0.5, 0.9):
        law, error = unsettled_law(pair(K), 1.0, phases=TURNS, memory=m)
        assert abs(law @ [1, -1, -1, 1] - (1 - m) * np.tanh(K)) < 2 * K**3 / (1 - m) + 2 * error


@given(st.integers(1, 3), st.integers(0, 100), st.floats(0, 1.0), st.floats(0, 0.9))
@settings(max_examples=20, deadline=None)
def test_settled_inputs_are_boltzmann(n, seed, beta, stays):
    model = model_of(n, seed)
    phases = [[site] for site in range(n)]
    law, error = unsettled_law(model, beta, phases=phases, memory=0.0, persistence=stays)
    assert error == 0
    np.testing.assert_allclose(law, exact(model, beta).probabilities, atol=1e-12)
    nearly, error = unsettled_law(model, beta, phases=phases, memory=1e-6, persistence=stays)
    np.testing.assert_allclose(nearly, law, atol=1e-5 + error)


@pytest.mark.parametrize("m", [0.1, 0.6])
def test_fields_alone_settle_and_leave_the_law(m):
    free = IsingModel(np.zeros((2, 2)), [0.4, -1.0])
    law, error = unsettled_law(free, 1.0, phases=TURNS, memory=m)
    np.testing.assert_allclose(law, exact(free).probabilities, atol=1e-12 + error)


def test_the_stated_error_covers_what_a_finer_grid_moves(monkeypatch):
    model, phases = model_of(3, 4), [[0, 2], [1]]
    fine, error = unsettled_law(model, 1.0, phases=phases, memory=0.5)
    assert error < 1e-5
    for states in (2500, 5000, 8000):
        monkeypatch.setattr("pbits.reference.unsettled._STATES", states)
        law, told = unsettled_law(model, 1.0, phases=phases, memory=0.5)
        assert total_variation(law, fine) <= told + error
        assert error < told < 0.1


def test_cells_of_one_phase_see_the_state_before_it():
    """Without memory two cells that move at once are the synchronous chain; with some, nearly."""
    model = pair(0.7, (0.2, 0.4))
    law = stationary(transition(model, "synchronous"))
    nearly, _ = unsettled_law(model, 1.0, phases=[[0, 1]], memory=1e-7)
    np.testing.assert_allclose(nearly, law, atol=1e-6)


def test_an_empty_phase_is_time_to_settle():
    """A phase in which nothing moves and a memory √m of both are one phase of memory m."""
    model = pair(0.9, (0.3, 0.0))
    twice, e1 = unsettled_law(model, 1.0, phases=[[0], [], [1], []], memory=0.3)
    once, e2 = unsettled_law(model, 1.0, phases=TURNS, memory=0.09)
    np.testing.assert_allclose(twice, once, atol=e1 + e2 + 1e-12)


def test_each_cell_may_have_a_persistence_of_its_own():
    model = pair(0.8)
    alike, _ = unsettled_law(model, 1.0, phases=TURNS, memory=0.3, persistence=0.5)
    each, error = unsettled_law(model, 1.0, phases=TURNS, memory=0.3, persistence=[0.5, 0.5])
    np.testing.assert_allclose(alike, each, atol=error)
    other, _ = unsettled_law(model, 1.0, phases=TURNS, memory=0.3, persistence=[0.5, 0.1])
    assert total_variation(other, each) > 1e-3
    matrix = transition(model, "phases", phases=TURNS, persistence=[0.5, 0.1])
    np.testing.assert_allclose(matrix, transition(model, "phases", phases=[[0]], persistence=0.5)
                               @ transition(model, "phases", phases=[[1]], persistence=0.1))  # fmt: skip
    np.testing.assert_allclose(stationary(matrix), exact(model).probabilities, atol=1e-13)


def test_it_is_one_of_the_rules():
    rule = {"rule": "unsettled", "phases": TURNS, "memory": 0.3, "persistence": 0.2}
    found = stationary_of(pair(0.5), 1.0, rule)
    law, error = unsettled_law(pair(0.5), 1.0, phases=TURNS, memory=0.3, persistence=0.2)
    assert np.array_equal(found.probabilities, law)
    assert found.error == error > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory": 1.0}, "memory is 1.0"),
        ({"memory": -0.1}, "memory is -0.1"),
        ({"memory": 0.1, "phases": [[0]]}, "must name each of the 2 sites once"),
        ({"memory": 0.1, "phases": [[0], [1], [0]]}, "must name each of the 2 sites once"),
        ({"memory": 0.1, "persistence": [0.1, 0.2, 0.3]}, "one number or 2"),
        ({"memory": 0.1, "persistence": 1.0}, "persistence is 1.0"),
    ],
)
def test_what_has_no_law_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        unsettled_law(pair(1.0), 1.0, **{"phases": TURNS, **options})
    too_many = IsingModel(np.zeros((6, 6)))
    with pytest.raises(ValueError, match="6 cells whose inputs settle have no law here; up to 5"):
        unsettled_law(too_many, 1.0, phases=[range(6)], memory=0.1)
