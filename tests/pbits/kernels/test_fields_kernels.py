"""One chain with cached fields: equal to its plain twin, levels as close as promised, fields that never drift."""

import numpy as np
import pytest

import pbits
from pbits.kernels import fields
from pbits.kernels.xoshiro import seed
from pbits.models.base import read_only
from pbits.reference import lanes as twins
from pbits.reference.bits import seeded
from pbits.sweeps.fields import in_fixed_point, looks_for, posed_by

KEY = (np.uint32(1234), np.uint32(5678))
RULES = {"heat bath": (1.0, 1.0), "lazy": (1.0, 0.7), "Metropolis": (0.0, 1.0)}


def model(n=9, seed=0, integers=False):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.6), 1)
    h = rng.normal(size=n)
    if integers:
        J, h = np.rint(2 * J), np.rint(2 * h)
    return pbits.IsingModel(J + J.T, h)


def start(n, seed=1):
    return np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.int8), size=n)


# No looks are taken here.
UNSEEN = posed_by(model())


def chain_of(posed, spins, gains=None, number=5):
    couplings = in_fixed_point(posed, gains)
    chain = fields.Chain(
        spins=spins.copy(),
        fields=np.empty(posed.n, dtype=couplings.h.dtype),
        energy=np.empty(1),
        stream=seed(KEY, number, 1),
    )
    fields.begin(chain, couplings, posed.offset)
    return chain, couplings


def swept(chain, couplings, sites, betas, random=False, rule=(1.0, 1.0)):
    return fields.sweep(
        chain, couplings, UNSEEN, True, read_only(np.array(sites, dtype=np.uint64)),
        np.asarray(betas, dtype=float), random, *rule, 0, looks_for(None),
    )  # fmt: skip


SCANS = {
    "sequential": {},
    "random": {"random": True},
    "lazy": {"persistence": 0.3},
    "Metropolis": {"metropolis": True},
    "gains": {"gains": np.linspace(-0.3, 1.8, 70)},
}


@pytest.mark.parametrize("integers", [False, True], ids=["real", "integers"])
@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS)
def test_a_chain_equals_its_twin(scan, integers):
    # 67 sites: one whole piece of 64 updates and a short one.
    posed = model(70, integers=integers)
    betas, sites = np.linspace(0.02, 0.4, 12), np.random.default_rng(3).permutation(70)[:67]
    fast, slow = start(70), start(70)
    chain, couplings = chain_of(posed, fast, scan.get("gains"))
    rule = (0.0, 1.0) if scan.get("metropolis") else (1.0, 1.0 - scan.get("persistence", 0.0))
    toggles = swept(chain, couplings, sites, betas, scan.get("random", False), rule)
    assert toggles == twins.sweep_fields(slow, posed, sites.tolist(), betas, seeded(KEY, 5, 0), **scan)
    assert np.array_equal(chain.spins, slow)


def test_a_wrong_beta_shows_against_the_twin():
    # The planted fault: thresholds off by a little.
    posed, betas = model(70), np.full(60, 0.1)
    slow = start(70)
    chain, couplings = chain_of(posed, start(70))
    wrong = swept(chain, couplings, range(70), 1.01 * betas)
    assert wrong != twins.sweep_fields(slow, posed, range(70), betas, seeded(KEY, 5, 0))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_levels_are_right_or_say_that_they_cannot_tell(rule):
    a, b = rule
    rng = np.random.default_rng(2)
    high = rng.integers(1 << 32, size=1 << 18, dtype=np.uint32)
    # The ends of the range, where digits are scarce, are as likely here as the middle.
    high[: 1 << 15] >>= rng.integers(32, size=1 << 15, dtype=np.uint32)
    high[1 << 15 : 1 << 16] = ~(high[1 << 15 : 1 << 16] >> rng.integers(32, size=1 << 15, dtype=np.uint32))
    low = rng.integers(1 << 32, size=len(high), dtype=np.uint32)
    known = np.empty(len(high), dtype=np.float32)
    fields.levels(known, high, len(high), a, b)
    exact = np.array([b / u - a for u in ((high.astype(object) << 32) + low + 0.5) / 2.0**64], dtype=float)
    never = np.isneginf(known)
    assert (exact[never] <= 0).all()
    told = ~np.isnan(known) & ~never
    error = known[told] - np.log(exact[told])
    assert np.abs(error).max() < fields.CLOSE / 2
    assert np.isnan(known[1 << 16 :]).mean() < 0.01
    # The planted fault: one per cent of a probability is many times what the bracket forgives.
    assert np.log(1.01) > 10 * fields.CLOSE


def test_brackets_round_outwards_and_leave_open_what_is_no_number():
    known = np.array([0.5, -0.5, np.nan, -np.inf, np.inf], dtype=np.float32)
    below, above = np.empty(5, dtype=np.int64), np.empty(5, dtype=np.int64)
    fields.brackets(below, above, known, 5, 10.0)
    far = int(fields.FAR)
    assert below.tolist() == [5, -5, -far, -far, far]
    assert above.tolist() == [5, -5, far, -far, far]
    fields.brackets(below, above, known, 5, 1e290)
    assert below.tolist() == [far, -far, -far, -far, far]


@pytest.mark.parametrize("kind", ["real", "integers", "huge and tiny", "gains"])
def test_cached_fields_never_drift(kind):
    posed = model(40, integers=kind == "integers")
    gains = np.random.default_rng(1).normal(size=40) if kind == "gains" else None
    if kind == "huge and tiny":
        posed = pbits.IsingModel(posed.csr.toarray() * 1e120, posed.h * 1e-120)
    chain, couplings = chain_of(posed, start(40), gains)
    scale = np.abs(posed.csr.toarray()).sum(axis=1).max() + np.abs(posed.h).max()
    flips = swept(chain, couplings, range(40), np.full(20_000, 0.05 / scale), True)
    assert flips > 300_000
    fresh, _ = chain_of(posed, chain.spins, gains)
    assert np.array_equal(chain.fields, fresh.fields)
    if gains is None:
        assert chain.energy[0] == pytest.approx(posed.energy(chain.spins), rel=1e-9, abs=1e-9 * scale)
    exact = (posed.csr @ chain.spins.astype(float) + posed.h) * (1 if gains is None else gains)
    assert np.abs(chain.fields * couplings.unit - exact).max() < 1e-14 * scale * (1 if gains is None else 3)


def test_couplings_of_few_digits_are_exact_and_narrow():
    narrow = in_fixed_point(pbits.IsingModel([[0, 1.5], [1.5, 0]], [-0.25, 3]))
    assert narrow.unit == 0.25
    assert (narrow.weights.tolist(), narrow.h.tolist()) == ([6, 6], [-1, 12])
    assert narrow.weights.dtype == narrow.h.dtype == np.int32
    assert in_fixed_point(model()).weights.dtype == np.int64
    none = in_fixed_point(pbits.IsingModel(np.zeros((3, 3))))
    assert none.h.tolist() == [0, 0, 0]


def test_couplings_below_the_normal_floats_are_exact():
    posed = pbits.IsingModel(model().csr * 1e-310, model().h * 1e-310)
    couplings = in_fixed_point(posed)
    assert couplings.unit > 0
    assert np.array_equal(couplings.weights * couplings.unit, posed.csr.data)
    assert np.array_equal(couplings.h * couplings.unit, posed.h)


@pytest.mark.parametrize("gains", [np.empty(0), np.array([1.0, 2.0, -3.0])], ids=["plain", "gains"])
def test_the_misfit_is_what_rounding_leaves(gains):
    values, columns = np.array([0.3, -0.75, 5.0, 0.1]), np.array([2, 0, 1, 2])
    factors = gains[columns] if len(gains) else 1.0
    multiples = factors * values / 0.5
    expected = 0.5 * np.abs(multiples - np.rint(multiples)).max()
    assert fields.misfit(values, columns, gains, 0.5) == pytest.approx(expected, rel=1e-14)
    assert fields.misfit(np.array([1.5, -2.0]), columns[:0], np.empty(0), 0.5) == 0


def test_random_sites_come_from_all_bits_of_a_word():
    # A chain at β = 0 flips half of its visits; which sites it visits is uniform.
    posed = pbits.IsingModel(np.zeros((5, 5)))
    visits = np.zeros(5)
    chain, couplings = chain_of(posed, np.ones(5, dtype=np.int8))
    for _ in range(4000):
        before = chain.spins.copy()
        swept(chain, couplings, [0, 1, 2, 4], [0.0], True, (0.0, 1.0))
        visits += before != chain.spins
    # Four visits spread over four sites: a site flips where it is visited once or three times.
    odd = 4 * 0.25 * 0.75**3 + 4 * 0.25**3 * 0.75
    assert visits[3] == 0
    assert np.abs(visits[[0, 1, 2, 4]] / 4000 - odd).max() < 5 * np.sqrt(odd * (1 - odd) / 4000)
