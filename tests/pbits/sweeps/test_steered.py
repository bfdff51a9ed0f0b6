"""Steered runs: what a policy sees, what becomes of what it asks for, and that looking changes nothing."""

import numpy as np
import pytest
from scipy.stats import chisquare

import pbits
from hardware_models import langevin, pbit
from pbits.mapping import FixedPoint
from pbits.steering import Move, Policy

SITES = 6
FALSE_ALARM = 1e-4  # of each chi-square test below; seeds are fixed, so each has passed once for all


def frustrated(seed=0, n=SITES):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=n))


def ring(n=16):
    return pbits.IsingModel.from_edges(n, [(i, (i + 1) % n) for i in range(n)], [1.0, -1.0] * (n // 2))


MODEL = frustrated()


class Do(Policy):
    """Does what a function says, and keeps what it saw."""

    def __init__(self, act=lambda now: None, every=1, reprograms=False):
        self.every, self.act, self.reprograms, self.seen = every, act, reprograms, []

    def __call__(self, now):
        self.seen.append((now.step, now.energies.copy(), now.betas.copy(), now.states.copy()))
        return self.act(now)


def schedule(chains=6, **wanted):
    return pbits.Schedule(**{"n_samples": 8, "n_warmup": 4, "chains": chains, "beta": 0.7} | wanted)


MODELS = {
    "counter": MODEL,
    "fields": MODEL,
    "lanes": MODEL,
    "dense": MODEL,
    "bits": ring(),
    "lattice": pbits.IsingModel.from_edges(
        2048,
        [(64 * x + y, z) for x, y in np.ndindex(32, 64) for z in (64 * x + (y + 1) % 64, 64 * ((x + 1) % 32) + y)],
        1.0,
    ),
    "polynomial": pbits.PolynomialModel(4, {(0, 1, 2): 1.0, (2, 3): -0.5}),
    "categorical": pbits.CategoricalModel([3, 2, 4], pairwise={(0, 1): np.ones((3, 2)), (1, 2): np.eye(2, 4)}),
}


@pytest.mark.parametrize("layout", MODELS)
def test_neither_looking_nor_loading_what_is_there_changes_a_draw(layout):
    model, chains = MODELS[layout], 2 if layout == "lattice" else 5
    plan = schedule(chains)
    plain = pbits.run(model, "ideal", plan, seed=3, layout=layout)
    look = Do(every=3)
    same = Do(lambda now: Move(chains=np.arange(chains), states=now.states), every=3)
    for policy in (look, same):
        steered = pbits.run(model, "ideal", plan, seed=3, layout=layout, steer=policy)
        assert np.array_equal(steered.states, plain.states)
        assert steered.energies == pytest.approx(plain.energies)
        assert steered.counts["toggle"] == plain.counts["toggle"]
        assert [step for step, *_ in policy.seen] == [3, 6, 9, 12]
        for _, energies, _, states in policy.seen:
            assert energies == pytest.approx(model.energy(states))


@pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
@pytest.mark.parametrize("apart", [False, True], ids=["one model", "a model for each beta"])
def test_states_move_to_where_their_parents_were(apart):
    machine = pbit.Array(number=FixedPoint(total_bits=8, fraction_bits=4)) if apart else "ideal"
    ladder = (1.0, 0.5, 1.0, 0.25)
    turn = Do(lambda now: Move(parents=np.array([2, 0, 3, 1])))
    moved = pbits.run(MODEL, machine, schedule(4, n_samples=5, n_warmup=0, ladder=ladder), seed=1, steer=turn)
    for draw, (_, energies, _, before) in enumerate(turn.seen):
        assert len(np.unique(before, axis=0)) > 1
        assert np.array_equal(moved.states[:, draw], before[[2, 0, 3, 1]])
        assert moved.energies[:, draw] == pytest.approx(energies[[2, 0, 3, 1]])


def test_copies_replacements_and_swaps_are_carried_out_in_that_order():
    up, down = np.ones(SITES, dtype=np.int8), -np.ones(SITES, dtype=np.int8)
    asked = Move(chains=np.array([1, 3]), states=np.array([up, down]), parents=np.array([1, 1, 3, 0]))
    policy = Do(lambda now: asked, every=12)
    run = pbits.run(MODEL, "ideal", schedule(4), seed=2, steer=policy)
    last = run.states[:, -1]
    assert np.array_equal(last[:3], [up, up, down])
    assert np.array_equal(last[3], policy.seen[-1][3][0])
    assert run.energies[:, -1] == pytest.approx(MODEL.energy(last))
    assert run.best_energy <= run.energies.min()
    assert run.best_energy == pytest.approx(MODEL.energy(run.best_state))


@pytest.mark.parametrize("layout", ["lanes", "bits", "fields", "dense"])
def test_beta_stays_with_the_position(layout):
    """Positions swap in every round, and yet each has the law of its own β."""
    chains, betas = 4000, np.array([0.15, 1.1])
    if layout == "fields":
        chains = 1500
    model = ring(6) if layout == "bits" else MODEL
    swap = Do(lambda now: Move(parents=np.arange(chains).reshape(-1, 2)[:, ::-1].ravel()), every=5)
    # The last round is four sweeps before the end, so that states have had time to forget where they come from.
    ladder = np.tile(betas / betas[1], chains // 2)
    plan = schedule(chains, n_samples=1, n_warmup=28, beta=float(betas[1]), ladder=ladder)
    run = pbits.run(model, "ideal", plan, seed=5, layout=layout, steer=swap)
    for k, beta in enumerate(betas):
        # Four sweeps need not be enough for the law itself; it must be far nearer than that of the other β.
        own, other = (pbits.exact(model, float(b)) for b in (beta, betas[1 - k]))
        drawn = np.bincount(own.index(run.states[k::2, 0]), minlength=2**SITES)
        shares = drawn / drawn.sum()
        near, far = (np.abs(shares - law.probabilities).sum() / 2 for law in (own, other))
        assert near < 0.3 * far


class TestLadder:
    number = FixedPoint(total_bits=6, fraction_bits=2)

    @pytest.mark.filterwarnings("ignore::pbits.harm.HarmWarning")
    def test_each_chain_samples_what_is_realised_at_its_own_beta(self):
        """Couplings rounded to quarters of βJ: a machine realises another model at each β."""
        machine, chains = pbit.Array(update="sequential", number=self.number), 12_000
        ladder = np.tile([0.35, 1.0, 0.6], chains // 3)
        run = pbits.run(MODEL, machine, schedule(chains, n_samples=1, n_warmup=60, beta=0.9, ladder=ladder), seed=8)
        program = machine.compile(MODEL, run.schedule)
        laws = {f: pbits.exact(program.realised(0.9 * f), 0.9 * f) for f in (0.35, 0.6, 1.0)}
        for factor, law in laws.items():
            drawn = np.bincount(law.index(run.states[ladder == factor, 0]), minlength=2**SITES)
            assert chisquare(drawn, drawn.sum() * law.probabilities).pvalue > FALSE_ALARM
            # What the machine realises at another β, taken at this one, is told apart.
            wrong = pbits.exact(program.realised(0.9 * (0.35 if factor == 1.0 else 1.0)), 0.9 * factor)
            assert chisquare(drawn, drawn.sum() * wrong.probabilities).pvalue < 1e-9

    def test_it_is_saved_and_read_back(self, tmp_path):
        run = pbits.run(MODEL, "ideal", schedule(2, ladder=[0.5, 1.0]), seed=1)
        again = pbits.Run.load(run.save(tmp_path / "run.npz"))
        assert again.schedule == run.schedule
        assert again.schedule.ladder == (0.5, 1.0)
        assert run.errors is None

    def test_of_ones_changes_nothing(self):
        plain = pbits.run(MODEL, "ideal", schedule(20), seed=4)
        ones = pbits.run(MODEL, "ideal", schedule(20, ladder=np.ones(20)), seed=4)
        assert np.array_equal(plain.states, ones.states)

    def test_an_anneal_multiplies_it(self):
        plan = pbits.Schedule.anneal(sweeps=4, beta_start=1.0, beta_stop=4.0, shape="linear", chains=2, ladder=[0.5, 1])
        watch = Do()
        pbits.run(MODEL, "ideal", plan, seed=1, steer=watch)
        assert [betas.tolist() for _, _, betas, _ in watch.seen] == [[b / 2, b] for b in (1.0, 2.0, 3.0, 4.0)]


@pytest.mark.parametrize("machine", ["ideal", pbit.Array(number=FixedPoint(total_bits=10, fraction_bits=6))])
def test_a_policy_can_program_another_model(machine):
    """Fields that point up, and after the fourth sweep down, so strong that the spins follow at once."""
    up, down = (pbits.IsingModel(MODEL.csr, np.full(SITES, h)) for h in (7.0, -7.0))
    policy = Do(lambda now: Move(model=down), every=4, reprograms=True)
    plan = schedule(3, n_samples=6, n_warmup=0, beta=1.0)
    run = pbits.run(up, machine, plan, seed=1, steer=policy)
    assert run.states[:, :4].mean() > 0.7
    assert run.states[:, 4:].mean() < -0.7
    assert run.energies == pytest.approx(up.energy(run.states))
    assert run.record["notes"]["steering"]["models_programmed"] == 1


@pytest.mark.parametrize(
    ("move", "message"),
    [
        (Move(parents=np.array([0, 1])), "parents has shape"),
        (Move(parents=np.array([0, 1, 4])), "parents names a position outside 0 to 2"),
        (Move(parents=np.array([0.0, 1, 2])), "positions are whole numbers"),
        (Move(chains=np.array([0])), "`chains` and `states` together"),
        (Move(chains=np.array([0]), states=np.ones((2, SITES))), "states has shape"),
        (Move(chains=np.array([1, 1]), states=np.ones((2, SITES))), "names a position twice"),
        (Move(model=frustrated(3, 5)), "not compiled for"),
        (Move(model=pbits.GaussianModel(np.eye(SITES))), "not compiled for"),
    ],
)
def test_bad_moves(move, message):
    with pytest.raises(ValueError, match=message):
        pbits.run(MODEL, "ideal", schedule(3), seed=1, steer=Do(lambda now: move))


def test_a_coupling_that_the_posed_model_has_not_is_refused():
    with pytest.raises(ValueError, match="not compiled for"):
        pbits.run(ring(6), "ideal", schedule(2), seed=1, steer=Do(lambda now: Move(model=MODEL), reprograms=True))


def test_what_cannot_be_steered_says_so():
    reals = pbits.GaussianModel(np.eye(2))
    with pytest.raises(pbits.NotMappable, match="sites of this model hold reals"):
        pbits.run(reals, "ideal-langevin" if "ideal-langevin" in pbits.available() else langevin.Circuit(), steer=Do())
    with pytest.raises(pbits.NotMappable, match="as tempering and steering need"):
        pbits.run(ring(6), "embedded:extropic-z1", schedule(2, ladder=[0.5, 1]))
    with pytest.raises(TypeError, match=r"steer is .*; it must be a pbits.steering.Policy"):
        pbits.run(MODEL, "ideal", steer=lambda now: None)
    with pytest.raises(ValueError, match="mix the moments"):
        pbits.run(MODEL, "ideal", schedule(2, ladder=[0.5, 1]), keep="last")


def test_a_machine_that_never_asks_the_policy_is_found_out(monkeypatch):
    from pbits.sweeps import chains

    class Deaf(chains.SteeredRun):
        def serve(self):
            done = super().serve()
            self.steered = None
            return done

    monkeypatch.setattr(chains, "SteeredRun", Deaf)
    with pytest.raises(RuntimeError, match="ran without asking the policy"):
        pbits.run(MODEL, "ideal", schedule(2), seed=1, steer=Do())


@pytest.mark.parametrize(
    ("ladder", "message"),
    [
        ([1.0], "ladder has shape"),
        ([1.0, -1.0], "negative or not finite"),
        ([1.0, float("nan")], "negative or not finite"),
        ("ab", "one number for each chain"),
        ([1.0, 1e150], "ladder reaches"),
    ],
)
def test_bad_ladders(ladder, message):
    with pytest.raises(ValueError, match=message):
        pbits.Schedule(chains=2, beta=2.0, ladder=ladder)
