"""Estimates of log Z against sums."""

import numpy as np
import pytest
from scipy.stats import binom

import pbits
from pbits.learning import ais, estimated_log_likelihood, exact_log_likelihood, exact_log_z, integrate_log_z
from pbits.models import BoltzmannModel

SMALL = BoltzmannModel.restricted(6, 4, spread=0.8, seed=1)
FIELDS = np.random.default_rng(0).normal(0, 0.5, 10)
WITH_FIELDS = SMALL.with_parameters(np.concatenate([SMALL.couplings, FIELDS]))


def coverage(estimate, truth, seeds):
    """Share of intervals that hold the truth, whether it is believable, and the mean error over its standard error."""
    found = [estimate(seed) for seed in range(seeds)]
    inside = sum(one.interval[0] < truth < one.interval[1] for one in found)
    values = np.array([one.value for one in found]) - truth
    claimed = np.sqrt(np.mean([one.error**2 for one in found]))
    return inside, values.mean() / (values.std(ddof=1) / np.sqrt(seeds)), claimed / values.std(ddof=1)


# Of a nominal 95 %: two-sided false alarm of 0.2 % each, eight cases. A bias within four standard errors.
@pytest.mark.parametrize(
    ("name", "seeds"),
    [("forward", 150), ("reverse", 150), ("both", 150), ("stages", 40), ("bar", 40), ("integral", 40)],
)
def test_intervals_hold_log_z_as_often_as_they_say(name, seeds):
    model = WITH_FIELDS.to_model()
    model = pbits.IsingModel(model.csr, model.h, offset=0.7)
    truth = exact_log_z(model)
    law = pbits.exact(model)

    def draws(seed):
        return law.states[np.random.default_rng(seed).choice(len(law.states), 60, p=law.probabilities)]

    odd = BoltzmannModel.general(3, 1, spread=0.6, seed=2).to_model()
    estimates = {
        "forward": lambda seed: ais(model, chains=100, ladder=60, seed=seed),
        "reverse": lambda seed: ais(model, ladder=60, direction="reverse", start=draws(seed), seed=seed),
        "both": lambda seed: ais(model, chains=60, ladder=40, direction="both", start=draws(seed), seed=seed),
        "stages": lambda seed: ais(odd, chains=60, ladder=12, base=np.full(4, 0.1), seed=seed),
        "bar": lambda seed: integrate_log_z(model, sweeps=80, betas=np.linspace(0, 1, 5), copies=8, seed=seed),
        "integral": lambda seed: integrate_log_z(
            model, sweeps=80, betas=np.linspace(0, 1, 9), copies=8, method="integral", seed=seed
        ),
    }
    inside, bias, honesty = coverage(estimates[name], exact_log_z(odd) if name == "stages" else truth, seeds)
    low, high = binom.ppf([0.001, 0.999], seeds, 0.95)
    assert low <= inside <= high
    assert abs(bias) < 4 or name == "integral"
    assert 0.7 < honesty < 1.6


def test_a_restricted_machine_of_usual_size():
    model = BoltzmannModel.restricted(64, 16, spread=0.25, seed=1)
    found = ais(model, seed=1)
    assert found.value == pytest.approx(exact_log_z(model.to_model()), abs=0.05)
    assert found.effective > 100
    assert not found.exact
    assert "estimate" in repr(found)
    rows = np.where(np.random.default_rng(0).random((20, 64)) < 0.5, 1, -1)
    told, exact = estimated_log_likelihood(model, rows, found), exact_log_likelihood(model, rows)
    assert told.interval[0] < exact.mean < told.interval[1]
    assert not told.exact
    assert "estimate" in repr(told)


def test_the_base_changes_scatter_and_not_the_value():
    truth = exact_log_z(WITH_FIELDS.to_model())
    for base in (np.zeros(10), FIELDS, 2 * FIELDS):
        found = ais(WITH_FIELDS, base=base, chains=500, ladder=100, seed=3)
        # Four standard errors: false alarm 2e-4.
        assert abs(found.value - truth) < 4 * found.error


def test_hasty_chains_are_told_by_the_way_back():
    strong = WITH_FIELDS.with_parameters(3 * WITH_FIELDS.parameters)
    model = strong.to_model()
    law, truth = pbits.exact(model), exact_log_z(model)
    forward, reverse = [], []
    for seed in range(300):
        start = law.states[np.random.default_rng(seed).choice(len(law.states), 20, p=law.probabilities)]
        found = ais(strong, chains=20, ladder=3, base=np.zeros(10), direction="both", start=start, seed=seed)
        forward.append(found.forward)
        reverse.append(found.reverse)
    # Too low on average, and too high: by many standard errors.
    for values, sign in ((forward, -1), (reverse, 1)):
        assert sign * (np.mean(values) - truth) > 3 * np.std(values) / np.sqrt(300)
    # No sweep at all between independent spins and eight times the couplings.
    start = np.repeat(law.states[law.probabilities.argmax()][None], 100, axis=0)
    frozen = WITH_FIELDS.with_parameters(8 * WITH_FIELDS.parameters)
    found = ais(frozen, chains=100, ladder=2, base=np.zeros(10), direction="both", start=start, seed=1)
    assert found.warnings
    assert found.effective < 20


def test_a_missed_well_is_told_by_the_way_back_and_not_by_the_weights():
    coupling = np.zeros((20, 20))
    coupling[:12, 12:] = 0.3
    model = pbits.IsingModel(coupling + coupling.T, np.full(20, 0.25))
    law, base = pbits.exact(model), np.full(20, -2.0)
    alone = ais(model, base=base, chains=50, ladder=30, seed=1)
    # All chains end in the lesser well: equal weights, a narrow interval, and nearly ten nats too low.
    assert alone.value < law.log_z - 9
    assert alone.effective > 40
    start = law.states[np.random.default_rng(1).choice(len(law.states), 50, p=law.probabilities)]
    found = ais(model, base=base, chains=50, ladder=30, direction="both", start=start, seed=1)
    assert found.forward < law.log_z - 9 < law.log_z + 9 < found.reverse
    assert any("both ways differ" in said for said in found.warnings)
    assert abs(integrate_log_z(model, seed=1).value - law.log_z) < 0.1


def test_deep_machines_are_likely_by_an_estimate():
    deep = BoltzmannModel.deep(8, [5, 4], spread=0.5, seed=1)
    rows = np.where(np.random.default_rng(0).random((6, 8)) < 0.5, 1, -1)
    found = ais(deep, ladder=200, seed=1)
    gap = exact_log_z(deep.to_model()) - found.value
    np.testing.assert_allclose(
        estimated_log_likelihood(deep, rows, found).rows - exact_log_likelihood(deep, rows).rows, gap, atol=1e-9
    )


def test_every_run_is_on_the_same_chip(monkeypatch):
    seeds = []

    def spied(*given, **named):
        seeds.append(named["chip_seed"])
        return pbits.run(*given, **named)

    monkeypatch.setattr("pbits.learning.log_z.run", spied)
    ais(SMALL, chains=10, ladder=4, direction="both", machine="fpga-all-to-all", chip_seed=5, settle=5, seed=1)
    assert set(seeds) == {5}


def test_one_start_has_no_error():
    found = ais(SMALL, chains=20, ladder=20, direction="both", start=np.ones((1, 10)), seed=1)
    assert found.error == np.inf


def test_wide_layers_are_weighed_without_overflow():
    # 1,100 weak inputs: each factor 1 + e^(−2|I|) is close to 2, and their product is not a double.
    model = BoltzmannModel.restricted(1100, 3, spread=1e-3, seed=1)
    found = ais(model, base=np.full(1103, 0.01), chains=50, ladder=50, seed=1)
    assert abs(found.value - exact_log_z(model.to_model())) < 4 * found.error + 1e-9


def test_few_effective_weights_are_told():
    strong = BoltzmannModel.restricted(30, 20, spread=1.5, seed=1)
    found = ais(strong, chains=100, ladder=3, seed=1)
    assert found.effective < 20
    assert any("effective weights" in said for said in found.warnings)


def test_reverse_chains_without_draws_are_told():
    found = ais(SMALL, chains=20, ladder=20, direction="reverse", settle=20, seed=1)
    assert any("draws that do as start" in said for said in found.warnings)
    assert found.forward is None


def test_on_a_machine_every_stage_is_a_run():
    found = ais(SMALL, chains=50, ladder=6, machine="fpga-all-to-all", seed=1)
    assert found.cost.runs == 4
    assert found.cost.device_time_s > 0
    assert abs(found.value - exact_log_z(SMALL.to_model())) < 6 * found.error + 0.5


def test_a_seed_gives_one_number():
    assert ais(SMALL, chains=70, ladder=20, seed=4).value == ais(SMALL, chains=70, ladder=20, seed=4).value
    assert ais(SMALL, chains=70, ladder=20, seed=4).value != ais(SMALL, chains=70, ladder=20, seed=5).value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"direction": "back"}, "one of forward, reverse, both"),
        ({"ladder": [0.0, 0.5]}, "rise from 0 to 1"),
        ({"ladder": 1}, "at least 2 steps"),
        ({"chains": 0}, "chains is 0"),
        ({"base": np.zeros(3)}, "base has shape"),
        ({"base": np.full(10, np.nan)}, "must be finite"),
        ({"direction": "reverse", "start": np.zeros((4, 10))}, "spins must be"),
        ({"direction": "reverse", "start": np.ones((4, 9))}, "give draws"),
    ],
)
def test_bad_input_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        ais(SMALL, **{"chains": 4, "ladder": 4, **given})


def test_other_bad_input_is_refused():
    with pytest.raises(TypeError, match="spins are annealed"):
        ais(pbits.GaussianModel([[1.0]]))
    with pytest.raises(ValueError, match="at least 4"):
        integrate_log_z(SMALL, copies=2)
    with pytest.raises(ValueError, match="rise from 0 to 1"):
        integrate_log_z(SMALL, betas=[0.1, 0.5, 1.0])
    with pytest.raises(ValueError, match="'bar' or 'integral'"):
        integrate_log_z(SMALL, method="sum")
