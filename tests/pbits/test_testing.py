"""The conformance suite catches what it is there for: each fault is planted in a machine that passes without it."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import pbits
from hardware_models import gibbs, langevin, pbit, processor
from hardware_models.processor.processor import CholeskyProgram
from pbits import errors, testing
from pbits.kernels.blocks import threads
from pbits.mapping import Complete
from pbits.parameters import Evidence, Included, Parameter, PriceTable
from pbits.streams import Streams, fresh_seed
from pbits.substrate import Capabilities, Law, Program, Substrate


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch):
    """A tenth of the draws: the faults below are coarse, and the finest (5 % in β) is planted elsewhere."""
    monkeypatch.setattr(testing, "measure_law", partial(testing.measure_law, draws=100_000))


def price(joules):
    return Parameter(value=joules, unit="J", evidence=Evidence.ASSUMED, note="a test")


PRICES = PriceTable(
    boundary="chip",
    operations={
        **dict.fromkeys(("update", "read", "write"), price(1e-12)),
        **dict.fromkeys(("weight_read", "toggle", "random_bit"), Included(in_="update")),
    },
    power=dict.fromkeys(("active", "idle"), Included(in_="update")),
)


def honest(**changes):
    return pbit.Array(update="sequential", prices=PRICES, name="honest", **changes)


class Wrapped(Substrate):
    """A machine around another: each keyword replaces one part of its program."""

    def __init__(self, machine=None, *, place=lambda placement: placement, **parts):
        self.machine = honest() if machine is None else machine
        self.name = "faulty"
        # Spins alone: a fault is planted in one law, and its twin is of one model.
        self.capabilities = replace(self.machine.capabilities, domains=frozenset({"spin"}))
        self.prices = self.machine.prices
        self.place, self.parts = place, parts

    def _program(self, model, schedule, placement):
        return WrappedProgram(self.machine._program(model, schedule, self.place(placement)), **self.parts)


class WrappedProgram(Program):
    def __init__(self, inner, *, law=None, streams=None, counts=None, twin=None, schedule=None):
        self.inner = inner
        self.change_law = law or (lambda law: law)
        self.change_streams = streams or (lambda streams, schedule: streams)
        self.change_counts = counts or (lambda counts, schedule: counts)
        self.change_schedule = schedule or (lambda schedule: schedule)
        self.states = twin

    def realised(self, beta):
        return self.inner.realised(beta)

    def law(self, beta):
        return self.change_law(self.inner.law(beta))

    def execute(self, schedule, streams, initial, observe):
        streams = self.change_streams(streams, schedule)
        done = self.inner.execute(self.change_schedule(schedule), streams, initial, observe)
        return replace(done, counts=self.change_counts(dict(done.counts), schedule))

    def twin(self, schedule, seed):
        return None if self.states is None else self.states(schedule, seed)


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_an_honest_machine_passes(check):
    check(Wrapped())


def seeded(change):
    return Wrapped(streams=lambda streams, schedule: Streams(seed=change(streams.seed, schedule)))


def counted(change):
    return Wrapped(counts=change)


def without_warmup(counts, schedule):
    share = schedule.n_samples / schedule.total_steps
    kept = {name: counts[name] * share for name in ("update", "weight_read", "toggle", "random_bit")}
    return counts | kept


class Anything(Wrapped):
    """Takes every model of spins."""

    def __init__(self):
        super().__init__()
        self.capabilities = Capabilities(domains=frozenset({"spin"}), topology=Complete(12))

    def compile(self, model, schedule, *, chip_seed=0, clamp=None, cells=None):
        return (self.machine if model.domain == "spin" else super()).compile(model, schedule)


class Mute(Wrapped):
    """Refuses without saying what would fit."""

    def __init__(self):
        super().__init__(gibbs.Array(rules="G4", rows=6, cols=6))

    def limits(self, model, schedule=None, cells=None):
        return ["no"] * bool(super().limits(model, schedule, cells))


class ClaimsNoClamp(Wrapped):
    """Says that it cannot clamp, and compiles a clamp all the same."""

    def __init__(self):
        super().__init__()
        self.capabilities = Capabilities(domains=frozenset({"spin"}), clamp=False)

    def compile(self, model, schedule, *, chip_seed=0, clamp=None, cells=None):
        return super().compile(model, schedule, chip_seed=chip_seed)


def another_chip():
    chips = iter(range(1000))
    return Wrapped(honest(offset_sigma_d2d=0.5), place=lambda placement: replace(placement, chip_seed=next(chips)))


def boltzmann(law):
    return Law(kind="boltzmann", model=law.model, beta=law.beta)


FAULTS = {
    "forgets clamps": (
        testing.check_clamp,
        lambda: Wrapped(place=lambda placement: replace(placement, clamp={})),
        "clamped site .* moved",
    ),
    "clamps though it says it cannot": (testing.check_clamp, ClaimsNoClamp, "cannot clamp and yet compiled"),
    "ignores the seed": (
        testing.check_reproducible,
        lambda: seeded(lambda seed, schedule: 0),
        "two seeds gave one result",
    ),
    "draws by the number of threads": (
        testing.check_reproducible,
        lambda: seeded(lambda seed, schedule: seed + threads()),
        "the number of threads changed the draws",
    ),
    "draws by the number of chains": (
        testing.check_reproducible,
        lambda: seeded(lambda seed, schedule: seed + schedule.chains),
        "leaving chains out changed the others",
    ),
    "draws by how often it is looked at": (
        testing.check_reproducible,
        lambda: seeded(lambda seed, schedule: seed + schedule.n_samples),
        "looking more often changed what was seen",
    ),
    "has entropy of its own": (
        testing.check_seed_is_recorded,
        lambda: seeded(lambda seed, schedule: fresh_seed()),
        "the recorded seed did not repeat the run",
    ),
    "is another chip every time": (
        testing.check_realised,
        another_chip,
        "one chip seed gave two different chips",
    ),
    "is synchronous and says Boltzmann": (
        testing.check_law,
        lambda: Wrapped(pbit.Array(update="synchronous"), law=boltzmann),
        "declares a boltzmann law of .* and is .* chance allows",
    ),
    "hides its mismatch": (
        testing.check_law,
        lambda: Wrapped(
            honest(offset_sigma_d2d=0.3),
            law=lambda law: replace(law, model=testing.native_model(honest())),
        ),
        "declares a boltzmann law of .* and is .* chance allows",
    ),
    "runs at another beta": (
        testing.check_law,
        lambda: Wrapped(schedule=lambda schedule: replace(schedule, beta=1.2 * schedule.beta)),
        "declares a boltzmann law of .* and is .* chance allows",
    ),
    "does not count its warm-up": (
        testing.check_ledger,
        lambda: counted(without_warmup),
        "warm-up is free",
    ),
    "takes any model": (testing.check_refusals, Anything, "accepted a model it cannot hold"),
    "refuses without a number": (testing.check_refusals, Mute, "refuses without naming the limit"),
    "gives no reason for an unknown law": (
        testing.check_law,
        lambda: Wrapped(law=lambda law: replace(law, kind="unknown", note="")),
        "an unknown law needs a note",
    ),
    "has an unknown law and no twin": (
        testing.check_law,
        lambda: Wrapped(law=unknown),
        "needs a twin to be checked against",
    ),
    "differs from its twin": (
        testing.check_law,
        lambda: Wrapped(law=unknown, twin=lambda schedule, seed: -twin_of(honest())(schedule, seed)),
        "differs from its own twin",
    ),
}


def unknown(law):
    return Law(kind="unknown", model=None, beta=law.beta, note="nobody has computed it")


def twin_of(machine):
    def twin(schedule, seed):
        return pbits.run(testing.native_model(machine), machine, schedule, seed=seed).states

    return twin


@pytest.mark.parametrize(("check", "machine", "message"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_caught(check, machine, message):
    with pytest.raises(AssertionError, match=message):
        check(machine())


def test_an_unknown_law_with_a_twin_passes():
    testing.check_law(Wrapped(law=unknown, twin=twin_of(honest())))


def test_a_machine_that_is_no_boltzmann_sampler_passes_if_it_says_so():
    testing.check_law(pbit.Array(update="synchronous"))


def test_a_ledger_that_takes_an_unknown_price_for_zero_is_caught(monkeypatch):
    def unstated(known):
        return isinstance(known, Parameter) and known.value is None

    def careless(run, boundary=None, prices=None):
        stated = prices or run.prices
        filled = {name: price(1e-300) if unstated(known) else known for name, known in stated.operations.items()}
        return real(run, boundary, prices=replace(stated, operations=filled))

    real = testing.price
    monkeypatch.setattr(testing, "price", careless)
    with pytest.raises(AssertionError, match="has no price and yet there is a total"):
        testing.check_ledger(honest())


@pytest.mark.parametrize(
    "machine",
    [
        pbit.Array(topology=Complete(4), update="sequential"),
        gibbs.Array(rules="G4", rows=2, cols=2),
        gibbs.Array(rules="G8", rows=8, cols=8, max_coupling=0.1),
    ],
    ids=["4 sites", "2 × 2 grid", "low cap"],
)
@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_a_small_machine_can_pass(machine, check):
    check(machine)


def test_the_posed_model_lies_on_the_machine_and_below_its_cap():
    machine = gibbs.Array(rules="G8", rows=8, cols=8, max_coupling=0.1)
    model = testing.native_model(machine)
    assert isinstance(model, pbits.IsingModel)
    assert machine.limits(model, pbits.Schedule()) == []
    assert np.abs(model.csr.data).max() == pytest.approx(0.1)
    assert testing.native_model(machine).fingerprint() == model.fingerprint()


def gpu():
    table = PriceTable(
        boundary="chip",
        operations={name: price(1e-12) for name in ("flop", "byte", "read", "random_bit", "update", "weight_read")}
        | {"toggle": Included(in_="update")},
        power=dict.fromkeys(("active", "idle"), Included(in_="update")),
    )
    return processor.Processor(flop_per_s=20e12, byte_per_s=2e12, phase_s=1e-6, prices=table)


def test_a_machine_is_held_to_every_kind_of_site_it_has():
    assert [model.domain for model in testing.native_models(gpu())] == ["spin", "category", "permutation", "real"]
    assert [model.domain for model in testing.native_models(honest())] == ["spin", "category"]
    assert [model.domain for model in testing.native_models(langevin.Circuit())] == ["real"]


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_an_honest_processor_passes(check):
    check(gpu())


def changed(monkeypatch, change):
    """Plant a fault in the reals of a processor alone: `change` takes the schedule, the streams and the states."""
    execute = CholeskyProgram.execute

    def faulty(self, schedule, streams, initial, observe):
        schedule, streams, look = change(schedule, streams, observe)
        return execute(self, schedule, streams, initial, look)

    monkeypatch.setattr(CholeskyProgram, "execute", faulty)


def moved(observe):
    def look(step, states):
        states[:, 0] += 1e-3
        return observe(step, states)

    return look


FAULTS_OF_REALS = {
    "runs at twice beta": (
        testing.check_law,
        lambda schedule, streams, observe: (replace(schedule, beta=2 * schedule.beta), streams, observe),
        "declares a boltzmann law of GaussianModel.* chance allows 5",
    ),
    "runs at 1.05 beta": (
        testing.check_law,
        lambda schedule, streams, observe: (replace(schedule, beta=1.05 * schedule.beta), streams, observe),
        "declares a boltzmann law of GaussianModel.* chance allows 5",
    ),
    "ignores the seed": (
        testing.check_reproducible,
        lambda schedule, streams, observe: (schedule, Streams(seed=0), observe),
        "two seeds gave one result",
    ),
    "has entropy of its own": (
        testing.check_seed_is_recorded,
        lambda schedule, streams, observe: (schedule, Streams(seed=fresh_seed()), observe),
        "the recorded seed did not repeat the run",
    ),
    "lets go of clamps": (
        testing.check_clamp,
        lambda schedule, streams, observe: (schedule, streams, moved(observe)),
        "clamped site 0 moved",
    ),
}


@pytest.mark.parametrize(("check", "change", "message"), FAULTS_OF_REALS.values(), ids=FAULTS_OF_REALS)
def test_a_fault_in_the_reals_of_a_processor_is_caught(monkeypatch, check, change, message):
    machine = gpu()
    changed(monkeypatch, change)
    with pytest.raises(AssertionError, match=message):
        check(machine)


def test_free_warm_up_is_excused_only_where_a_step_forgets_the_start():
    real = testing.native_models(gpu())[-1]
    assert testing._draws_are_independent(gpu(), real)
    for machine in (honest(), gpu(), pbit.Array(update="synchronous"), langevin.Circuit()):
        assert not testing._draws_are_independent(machine, testing.native_model(machine))


def embedded():
    return pbits.Embedded(gibbs.Array(rules="Z1", rows=24, columns=24))


def test_behind_an_embedding_the_model_is_as_large_as_its_law_allows():
    machine = embedded()
    model = testing.native_model(machine)
    assert model.n == 3
    assert machine.compile(model, pbits.Schedule()).law(1.0).model.n <= errors.MAX_SITES


def test_a_law_on_fewer_sites_would_be_a_smaller_model(monkeypatch):
    monkeypatch.setattr(errors, "MAX_SITES", 6)
    assert testing.native_model(embedded()).n == 2
    monkeypatch.setattr(errors, "MAX_SITES", 1)
    with pytest.raises(AssertionError, match="no small model of spins whose law can be written down"):
        testing.native_model(embedded())


def test_a_machine_that_refuses_its_own_wires_is_not_excused_with_a_smaller_model():
    class Choosy(Wrapped):
        def limits(self, model, schedule=None, cells=None):
            return ["it holds at most 9 spins"] * (model.n > 9) or super().limits(model, schedule, cells)

    with pytest.raises(AssertionError, match="refuses a model on its own wires: it holds at most 9 spins"):
        testing.native_model(Choosy(gibbs.Array(rules="G4", rows=6, cols=6)))


def test_a_machine_of_neither_spins_nor_reals_is_no_machine_the_suite_can_check():
    machine = Wrapped()
    machine.capabilities = Capabilities(domains=frozenset({"category"}))
    with pytest.raises(AssertionError, match="holds no spins, categories, permutations or reals"):
        testing.check_law(machine)


@pytest.mark.parametrize(("n", "more"), [(2, True), (9, False), (10, False), (12, False)])
def test_few_states_are_allowed_their_own_spread_and_ten_spins_are_not(n, more):
    """Also where a cold law of ten spins sits in a few of its states."""
    model = pbits.IsingModel.from_edges(n, Complete(n).piece(n), 0.1 if n < 10 else 2.0)
    law = honest().compile(model, pbits.Schedule()).law(1.0)
    report = testing._spins(law, np.ones((1000, n), dtype=np.int8), thinning=1)
    floor = pbits.reference.tv_noise_floor(pbits.exact(model).probabilities, 1000)
    assert (report.allowed > 1.5 * floor) == more
    assert report.allowed >= 1.5 * floor
    assert n < 10 or report.allowed == 1.5 * floor
