"""The kernel of lattice walks against its plain twin, decision for decision."""

import numpy as np
import pytest

import pbits
from pbits.langevin import Walk
from pbits.reference.walk import walk_path
from pbits.streams import Stream, Streams

A = np.array([[2.0, -0.8, 0.3], [-0.8, 1.5, 0.0], [0.3, 0.0, 1.0]])
COUPLINGS = np.array([[0.0, 0.4, -0.3], [0.4, 0.0, 0.0], [-0.3, 0.0, 0.0]])
MODELS = {
    "gaussian": pbits.GaussianModel(A, [1.0, 0.0, 0.5]),
    "diffusion": pbits.DiffusionModel([[1.0, 0.9], [-0.4, 0.7]], [0.3, 0.0], np.diag([0.5, 1.0])),
    "quartic": pbits.QuarticModel([1.0, 0.5, 2.0], [1.0, -0.4, 0.3], COUPLINGS, [0.1, 0.0, -0.2]),
}
STEPS, CHAINS = 40, 6
BETAS = np.linspace(1.0, 2.0, STEPS)


def force(model, x):
    return model.b - model.A @ x if hasattr(model, "A") else -model.gradient(x)


def start(model):
    return np.random.default_rng(0).integers(-4, 5, (CHAINS, model.n))


def twin(walk, model, k0, betas, *, chain0=0, update0=0, factor=1.0):
    held = walk.held(model)
    return walk_path(
        lambda k: factor * walk.step / walk.lattice * force(held, k * walk.lattice),
        k0,
        [walk.spread(model, beta) for beta in betas],
        walk.random_bits,
        Streams(seed=3).key(Stream.THERMAL),
        in_turn=walk.in_turn,
        register_bits=walk.register_bits,
        chain0=chain0,
        update0=update0,
    )


@pytest.mark.parametrize("in_turn", [False, True])
@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("bits", [{}, {"random_bits": 5, "weight_bits": 6, "register_bits": 4}], ids=["fine", "coarse"])
def test_the_kernel_equals_its_twin(name, in_turn, bits):
    model = MODELS[name]
    walk = Walk(lattice=0.3, step=0.02, in_turn=in_turn, **bits)
    path = walk.sample(model, start(model), Streams(seed=3), beta=BETAS, samples=STEPS)
    np.testing.assert_array_equal(path.k, twin(walk, model, start(model), BETAS))
    assert 0 < path.moved < path.k.size
    # The same check sees a drift that is off by a tenth.
    assert (path.k != twin(walk, model, start(model), BETAS, factor=1.1)).any()


@pytest.mark.parametrize("name", ["gaussian", "quartic"])
def test_a_drift_that_the_host_computes_makes_the_same_walk(name):
    model = MODELS[name]
    slope = (lambda x: x @ model.A - model.b) if name == "gaussian" else model.gradient
    hosted = pbits.PotentialModel(model.n, model.energy, slope)
    walk = Walk(lattice=0.3, step=0.02)
    paths = [walk.sample(one, start(model), Streams(seed=3), beta=BETAS, samples=STEPS) for one in (model, hosted)]
    np.testing.assert_array_equal(paths[0].k, paths[1].k)
    assert [path.moved for path in paths] == [paths[0].moved] * 2


@pytest.mark.parametrize("threads", ["1", "3"])
def test_decisions_do_not_depend_on_how_updates_and_chains_are_cut(threads, monkeypatch):
    monkeypatch.setenv("PBITS_THREADS", threads)
    model = MODELS["quartic"]
    walk = Walk(lattice=0.3, step=0.02)
    k0 = np.random.default_rng(1).integers(-4, 5, (700, 3))
    whole = walk.sample(model, k0, Streams(seed=3), beta=BETAS, samples=STEPS)
    looks = walk.sample(model, k0, Streams(seed=3), beta=BETAS, samples=STEPS // 4, updates_per_sample=4)
    np.testing.assert_array_equal(looks.k, whole.k[:, 3::4])
    some = walk.sample(model, k0[300:310], Streams(seed=3), beta=BETAS, samples=STEPS, chain0=300)
    np.testing.assert_array_equal(some.k, whole.k[300:310])
    first = walk.sample(model, k0, Streams(seed=3), beta=BETAS[:9], samples=9)
    rest = walk.sample(model, first.k[:, -1], Streams(seed=3), beta=BETAS[9:], samples=STEPS - 9, update0=9)
    np.testing.assert_array_equal(rest.k, whole.k[:, 9:])
    assert first.moved + rest.moved == whole.moved


def test_what_is_clipped_and_blocked_is_counted():
    well = pbits.GaussianModel([[1.0]])
    # σ² = 2, so that |f| δx > σ² beyond |x| = 4; registers end at x = −4 and 3.5.
    walk = Walk(lattice=0.5, step=0.05, register_bits=4)
    low, high = walk.ends
    assert (low, high) == (-8, 7)
    inside = walk.sample(well, np.full((100, 1), high), Streams(seed=1), samples=1)
    assert inside.clipped == 0
    assert inside.k.max() == high
    far = Walk(lattice=0.5, step=0.05)
    assert far.sample(well, np.full((100, 1), 9), Streams(seed=1), samples=1).clipped == 100
    pushed = pbits.GaussianModel([[1.0]], [10.0])
    stuck = walk.sample(pushed, np.full((1000, 1), high), Streams(seed=1), samples=1)
    # p₊ = ½(0.4 + 0.65), and every step up is blocked; 5 standard deviations.
    assert abs(stuck.blocked - 525) < 5 * np.sqrt(1000 * 0.525 * 0.475)


def test_bad_input_is_refused():
    well, walk = pbits.GaussianModel([[1.0]]), Walk(lattice=0.5, step=0.05)
    with pytest.raises(ValueError, match="lattice is 0"):
        Walk(lattice=0, step=1)
    with pytest.raises(ValueError, match="random_bits is 40"):
        Walk(lattice=1, step=1, random_bits=40)
    with pytest.raises(ValueError, match=r"chance σ²δt/δx² = 1.6; .* at most 0.125"):
        Walk(lattice=0.5, step=0.2).sample(well, [[0]], Streams(seed=1), samples=1)
    with pytest.raises(ValueError, match="expected \\(chains, 1\\) whole numbers from -8 to 7"):
        Walk(lattice=0.5, step=0.05, register_bits=4).sample(well, [[8]], Streams(seed=1), samples=1)
    with pytest.raises(ValueError, match="β is 0"):
        walk.sample(well, [[0]], Streams(seed=1), samples=1, beta=0.0)
    with pytest.raises(ValueError, match="both must be at least 1"):
        walk.sample(well, [[0]], Streams(seed=1), samples=0)
    correlated = pbits.DiffusionModel(np.eye(2), D=[[1.0, 0.5], [0.5, 1.0]])
    with pytest.raises(ValueError, match="correlated"):
        walk.spread(correlated, 1.0)
    quiet = pbits.DiffusionModel([[1.0, 1.0], [-1.0, 1.0]], D=np.diag([1.0, 0.0]))
    with pytest.raises(ValueError, match="site 1 has no noise"):
        walk.spread(quiet, 1.0)
    hosted = pbits.PotentialModel(1, lambda x: (x**2).sum(-1), lambda x: 2 * x)
    with pytest.raises(ValueError, match="in_turn=False"):
        Walk(lattice=0.5, step=0.05, in_turn=True).sample(hosted, [[0]], Streams(seed=1), samples=1)
