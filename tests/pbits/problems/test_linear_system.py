"""Linear systems: the mean of exact draws is the answer, and what a circuit does without noise."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pbits
from hardware_models.langevin import Circuit
from pbits.problems import LinearSystem, NaturalGradientStep

RNG = np.random.default_rng(6)
ROOT = RNG.normal(size=(5, 5))
A, B = ROOT @ ROOT.T + np.eye(5), RNG.normal(size=5)


def test_the_model_has_the_solution_as_its_mean():
    system = LinearSystem(A, B)
    np.testing.assert_allclose(system.to_model().mean, np.linalg.solve(A, B), rtol=1e-12)
    assert system.score(np.linalg.solve(A, B)) < 1e-12
    assert system.score(np.zeros(5)) == pytest.approx(1.0)


def test_the_solution_is_the_mean_and_not_the_best_state():
    system = LinearSystem(A, B)
    x = np.linalg.solve(A, B)
    states = np.stack([x, x + 1, x + 2])
    found = system.solution(states, system.to_model().energy(states))
    np.testing.assert_allclose(found.value, x + 1, rtol=1e-12)
    assert found.objective == pytest.approx(np.linalg.norm(A @ np.ones(5)) / np.linalg.norm(B))
    assert (found.feasible, found.gap, found.valid_fraction) == (True, None, 1.0)


@pytest.mark.parametrize(
    ("matrix", "b", "message"),
    [
        ([[1, 2], [0, 1]], [1, 1], r"not symmetric.*LinearSystem\(A.T @ A, A.T @ b\)"),
        ([[1, 0], [0, -1]], [1, 1], "not positive definite.*normal equations"),
        ([[1, 0], [0, 1]], [1, 1, 1], r"b has shape \(3,\); expected \(2,\)"),
        ([[1, 0], [0, 1]], [0, 0], "b is zero"),
        (3.0, [1], r"A has shape \(\); expected a square matrix"),
        ([[1, 0], [0]], [1, 1], "A is not a rectangular array"),
    ],
)
def test_other_systems_are_refused_with_the_remedy(matrix, b, message):
    with pytest.raises(ValueError, match=message):
        LinearSystem(matrix, b)


def test_the_remedy_works():
    skew = RNG.normal(size=(4, 4))
    b = RNG.normal(size=4)
    mean = LinearSystem(skew.T @ skew, skew.T @ b).to_model().mean
    np.testing.assert_allclose(skew @ mean, b, atol=1e-8)


def test_conjugate_gradients_stop_at_the_residual_and_count_their_work():
    system = LinearSystem(A, B)
    rough, fine = (system.baseline("cg", residual=residual) for residual in (0.1, 1e-10))
    assert system.score(rough.value) <= 0.1
    assert system.score(fine.value) <= 1e-10
    assert rough.iterations < fine.iterations <= 5
    assert rough.flops == rough.iterations * (2 * 25 + 50)


@pytest.mark.parametrize("start", [None, np.arange(5.0)])
def test_without_noise_a_circuit_settles_as_its_equation_does(start):
    system = LinearSystem(A, B, start=start)
    first = np.zeros(5) if start is None else start
    path = solve_ivp(lambda _, x: B - A @ x, (0, 0.7), first, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(system.settled(0.7), path.y[:, -1], atol=1e-8)
    tau = system.settling_tau(1e-4)
    assert system.score(system.settled(tau)) == pytest.approx(1e-4)
    assert LinearSystem(A, B, start=system.settled(tau)).settling_tau(2e-4) == 0
    with pytest.raises(ValueError, match="residual is 0; it must be positive"):
        system.settling_tau(0)


def test_noise_only_adds_to_what_a_solve_is_off_by():
    system = LinearSystem(A, B)
    circuit = Circuit(resistance_ohm=1e3, capacitance_f=1e-9)
    found = [
        pbits.run(system, circuit, pbits.Schedule(n_samples=400, n_warmup=20, beta=beta), seed=1).solution
        for beta in (1.0, 1e4, 1e12)
    ]
    # The same noise, scaled by 1/√β.
    assert found[1].objective == pytest.approx(found[0].objective / 100, rel=1e-6)
    assert found[2].objective < 1e-5
    assert system.score(system.settled(20 / np.linalg.eigvalsh(A)[0])) < 1e-8


JACOBIAN, GRADIENT = RNG.normal(size=(3, 6)), RNG.normal(size=6)


@pytest.mark.parametrize("hessian", [None, [0.5, 2.0, 1.0], np.diag([1.0, 2.0, 3.0]) + 0.3])
def test_a_natural_gradient_step_is_its_equation(hessian):
    step = NaturalGradientStep(JACOBIAN, GRADIENT, damping=0.2, hessian=hessian)
    H = np.eye(3) if hessian is None else np.diag(hessian) if np.ndim(hessian) == 1 else hessian
    x = np.linalg.solve(JACOBIAN.T @ H @ JACOBIAN / 3 + 0.2 * np.eye(6), GRADIENT)
    np.testing.assert_allclose(step.exact(), x, rtol=1e-10)
    for method in ("cholesky", "woodbury", "cg"):
        np.testing.assert_allclose(step.baseline(method).value, x, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"damping": 0.0}, "damping is 0.0; it must be positive"),
        ({"jacobian": [1.0, 2.0]}, r"jacobian has shape \(2,\)"),
        ({"hessian": [1.0, 2.0]}, r"hessian has shape \(2,\); expected finite numbers \(3,\) or \(3, 3\)"),
        ({"hessian": [-9.0, -9.0, -9.0]}, "not positive definite"),
        ({"gradient": [1.0]}, r"b has shape \(1,\)"),
    ],
)
def test_impossible_steps_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        NaturalGradientStep(**{"jacobian": JACOBIAN, "gradient": GRADIENT, "damping": 1.0, **changes})


def test_training_with_steps_of_a_machine_reaches_the_loss_of_exact_steps():
    # Logistic regression by natural gradient with the Gauss–Newton matrix, each step from where the last one ended.
    X = RNG.normal(size=(80, 4))
    labels = (X @ [1.5, -2.0, 0.5, 0.0] + RNG.logistic(size=80) > 0).astype(float)
    circuit = Circuit(resistance_ohm=1e3, capacitance_f=1e-9)

    def loss(w):
        return np.mean(np.logaddexp(0, X @ w) - labels * (X @ w))

    def train(machine):
        w, last = np.zeros(4), None
        for k in range(8):
            p = 1 / (1 + np.exp(-X @ w))
            step = NaturalGradientStep(X, X.T @ (p - labels) / 80, damping=0.01, hessian=p * (1 - p), start=last)
            schedule = pbits.Schedule(n_samples=20, n_warmup=2, chains=2, beta=1e4)
            last = step.exact() if machine is None else pbits.run(step, machine, schedule, seed=k).solution.value
            w = w - last
        return loss(w)

    # A circuit that settles 22 relaxation times: within the noise of its mean.
    assert train(circuit) == pytest.approx(train(None), abs=2e-4)
    assert train(None) < loss(np.zeros(4)) - 0.2
