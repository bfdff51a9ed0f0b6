"""The conformance suite every machine must pass, ours or a third party's.

A machine promises a law (`Program.law`), reproducible draws, an honest account and refusals that say what would
fit. Each check here holds one promise against the machine and raises `AssertionError` with the figures when it is
broken::

    from pbits import testing

    @pytest.mark.parametrize("name", pbits.available())
    @pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
    def test_conformance(name, check):
        check(pbits.load(name))

The laws are computed by `pbits.reference`, by enumeration or from the declared update rule, and never from the
machine's own kernel. Seeds are fixed: a machine that passes once passes always.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pbits.diagnostics import diagnose
from pbits.errors import MARGIN, SIGMAS, histogram, law_table, standardised, tv_spread, within_reach
from pbits.harm import HarmWarning
from pbits.ledger import price
from pbits.mapping import Complete
from pbits.models import CategoricalModel, Distances, EnergyModel, GaussianModel, IsingModel, PermutationModel
from pbits.parameters import BOUNDARIES, Parameter
from pbits.reference import exact, total_variation, tv_noise_floor
from pbits.runner import run
from pbits.schedule import Schedule
from pbits.substrate import Law, NotMappable, Substrate

# Of couplings and fields that a machine refuses as they are.
_SCALES = (0.5, 0.25, 0.125)
SPINS = 10
REALS = 5
PLACES = 5
DITS, CATEGORIES = 4, 3
DRAWS = 1_000_000
DRAWS_OF_FEW_STATES = 200_000
TAU_INT = 1.2


@dataclass(frozen=True, kw_only=True)
class LawReport:
    """How far a machine's draws are from the law it declares.

    Attributes
    ----------
    kind : str
        As declared.
    distance : float
        Spins, categories and permutations: total variation. Reals: the largest deviation of a mean or covariance, in
        standard errors.
    allowed : float
        Spins: 1.5 times the total variation expected of independent draws, and no more from ten spins on. Fewer
        spins, categories and permutations have fewer states, and a distance of wide spread: at least √1.2 times its
        expectation, for the autocorrelation that the thinning leaves, and 5 of its standard deviations. Reals: 5
        standard errors.
    thinning : int
        Steps between draws, chosen so that the worst integrated autocorrelation time is at most 1.2 draws.
    """

    kind: str
    distance: float
    allowed: float
    thinning: int


def native_models(machine: Substrate, seed: int = 0) -> tuple[EnergyModel, ...]:
    """Small random models on the machine's own connection graph: one of each kind of site that it holds.

    Spins: J ~ N(0, 1)/√n on the wires of a compact piece of n sites, scaled down to the machine's cap,
    h ~ 0.3 N(0, 1), and both halved, up to three times, for a machine that refuses them. n is 10, or the most that the
    machine has sites for and whose law can be written down: ten spins behind an embedding lie on more cells than can be
    enumerated. Reals: five sites, a symmetric diagonally dominant A with negative couplings, which passive circuits
    realise too, and b ~ N(0, 1). Permutations: a tour of five places at 2 N(0, 1) in the plane. Categories: a ring of
    four sites of three categories each, with tables and energies ~ N(0, 1).

    Raises
    ------
    AssertionError
        When the machine holds no sites of these kinds, refuses a model on its own wires, or has no model
        of spins whose law can be written down.
    """
    makers = {
        "spin": _native_spins, "category": _native_dits, "permutation": _native_tour, "real": _native_reals
    }  # fmt: skip
    can = machine.capabilities
    kinds = {kind.domain for kind in can.models}
    # What holds spins or reals holds the plain models of them, and refuses in `check_law` if it does not.
    held = [domain for domain in makers if domain in can.domains and (domain in ("spin", "real") or domain in kinds)]
    assert held, f"{machine.name} holds no spins, categories, permutations or reals; the suite has no model for it"
    return tuple(makers[domain](machine, np.random.default_rng(seed)) for domain in held)


def native_model(machine: Substrate, seed: int = 0) -> EnergyModel:
    """The first of `native_models`: spins where the machine holds them."""
    return native_models(machine, seed)[0]


def _native_spins(machine: Substrate, rng: np.random.Generator) -> IsingModel:
    can = machine.capabilities
    topology = can.topology or Complete(SPINS)
    schedule = Schedule()
    refused: list[str] = []
    for n in range(min(SPINS, topology.n_sites), 0, -1):
        edges = topology.piece(n)
        weights = rng.normal(size=len(edges)) / np.sqrt(n)
        largest = np.abs(weights).max(initial=0.0)
        if can.max_coupling is not None and largest > can.max_coupling:
            weights *= can.max_coupling / largest
        fields = 0.3 * rng.normal(size=n)
        model = IsingModel.from_edges(n, edges, weights, fields)
        refused = machine.limits(model, schedule)
        for scale in _SCALES if refused else ():
            model = IsingModel.from_edges(n, edges, scale * weights, scale * fields)
            if not (refused := machine.limits(model, schedule)):
                break
        if refused:
            assert can.topology is None, f"{machine.name} refuses a model on its own wires: {'; '.join(refused)}"
            continue
        program = machine.compile(model, schedule)
        law = program.law(schedule.beta)
        if law.kind == "unknown" or within_reach(model, program.realised(schedule.beta), law):
            return model
    why = "; ".join(refused) or "even that of one spin is unlisted or on too many sites of the machine"
    raise AssertionError(f"{machine.name} has no small model of spins whose law can be written down: {why}")


def _native_reals(machine: Substrate, rng: np.random.Generator) -> GaussianModel:
    couplings = np.triu(rng.random((REALS, REALS)), 1)
    A = -(couplings + couplings.T)
    np.fill_diagonal(A, -A.sum(axis=1) + rng.uniform(0.5, 1.5, size=REALS))
    return GaussianModel(A, rng.normal(size=REALS))


def _native_dits(machine: Substrate, rng: np.random.Generator) -> CategoricalModel:
    ring = {(site, (site + 1) % DITS): rng.normal(size=(CATEGORIES, CATEGORIES)) for site in range(DITS)}
    return CategoricalModel([CATEGORIES] * DITS, list(rng.normal(size=(DITS, CATEGORIES))), ring)


def _native_tour(machine: Substrate, rng: np.random.Generator) -> PermutationModel:
    return PermutationModel(Distances(coordinates=2 * rng.normal(size=(PLACES, 2))))


def measure_law(
    machine: Substrate, model: EnergyModel | None = None, *, draws: int | None = None, seed: int = 11
) -> LawReport:
    """Draw from a machine and measure the distance to the law it declares.

    By default it takes 10⁶ draws, or 2·10⁵ of reals and of fewer than ten spins: the fewer the states, the fewer
    draws show 5 % in β, and behind an embedding each draw takes hundreds of sweeps.
    """
    model = native_model(machine) if model is None else model
    if draws is None:
        few = model.domain == "real" or (model.domain == "spin" and model.n < SPINS)
        draws = DRAWS_OF_FEW_STATES if few else DRAWS
    thinning = _thinning(machine, model, seed)
    chains = 1000
    schedule = Schedule(n_samples=-(-draws // chains), n_warmup=50 * thinning, steps_per_sample=thinning, chains=chains)
    law = machine.compile(model, schedule).law(schedule.beta)
    states = run(model, machine, schedule, seed=seed).states.reshape(-1, model.n)
    if isinstance(model, GaussianModel):
        return _reals(law, states, thinning)
    if isinstance(model, PermutationModel | CategoricalModel):
        return _enumerated(law, states, thinning)
    return _spins(law, states, thinning)


def _spins(law: Law, states: NDArray, thinning: int) -> LawReport:
    expected = law_table(law, states.shape[1])
    found = histogram(states)
    return _listed(law, expected, found, len(states), states.shape[1] < SPINS, thinning)


def _enumerated(law: Law, states: NDArray, thinning: int) -> LawReport:
    assert law.model is not None, "a law is that of a model"
    expected = exact(law.model, law.beta, law.clamp)
    assert expected.probabilities is not None, "laws of categories and of permutations list their states"
    found = np.bincount(expected.index(states), minlength=len(expected.probabilities))
    return _listed(law, expected.probabilities, found, len(states), True, thinning)


def _listed(
    law: Law, expected: NDArray[np.float64], found: NDArray, draws: int, few_states: bool, thinning: int
) -> LawReport:
    floor = float(tv_noise_floor(expected, draws))
    allowed = MARGIN * floor
    if few_states:
        allowed = max(allowed, float(np.sqrt(TAU_INT)) * floor + SIGMAS * tv_spread(expected, draws))
    distance = float(total_variation(found, expected))
    return LawReport(kind=law.kind, distance=distance, allowed=allowed, thinning=thinning)


def _reals(law: Law, states: NDArray, thinning: int) -> LawReport:
    truth = law.read or law.moments
    if truth is None:
        assert law.model is not None
        held = exact(law.model, law.beta)
        truth = held.mean, held.covariance
    drawn = states.mean(axis=0), np.cov(states, rowvar=False)
    off = standardised(drawn, truth) * np.sqrt(len(states))
    return LawReport(kind=law.kind, distance=float(np.abs(off).max()), allowed=SIGMAS, thinning=thinning)


def _thinning(machine: Substrate, model: EnergyModel, seed: int) -> int:
    thinning = 1
    while True:
        schedule = Schedule(n_samples=2000, n_warmup=200, steps_per_sample=thinning, chains=8)
        tau = diagnose(run(model, machine, schedule, seed=seed + 1)).worst_tau_int
        if tau is not None and tau <= TAU_INT:
            return thinning
        assert thinning < 4096, f"{machine.name}: draws 4096 steps apart still depend on each other"
        thinning *= 2


def _of_each_native_model(check: Callable[[Substrate, EnergyModel], None]) -> Callable[[Substrate], None]:
    """The check of a machine that holds it to every one of its native models."""

    def check_all(machine: Substrate) -> None:
        with warnings.catch_warnings():
            # What is held is checked here, however little of the model it is.
            warnings.simplefilter("ignore", HarmWarning)
            for model in native_models(machine):
                check(machine, model)

    check_all.__name__, check_all.__doc__ = check.__name__, check.__doc__
    return check_all


@_of_each_native_model
def check_law(machine: Substrate, model: EnergyModel) -> None:
    """The machine samples the law it declares.

    Spins: over 2¹⁰ states and 10⁶ draws the total variation stays below 1.5 times its expectation for independent
    draws. Its spread is about 2 % of that expectation, so a true law passes at any seed, and an error of 5 % in β
    does not. On a machine that has no ten spins, or none whose law can be written down, see `LawReport`. Reals: no
    mean or covariance is off by 5 standard errors (false alarm below 10⁻⁴). A machine that holds both is held to
    both. An unknown law: the program must offer a twin, and the machine must equal it state for state.
    """
    schedule = Schedule(n_samples=20, n_warmup=5, chains=3)
    program = machine.compile(model, schedule)
    law = program.law(schedule.beta)
    if law.kind == "unknown":
        assert law.note, f"{machine.name}: an unknown law needs a note that says why"
        twin = program.twin(schedule, seed=3)
        assert twin is not None, f"{machine.name}: a machine of unknown law needs a twin to be checked against"
        _same(run(model, machine, schedule, seed=3).states, twin, f"{machine.name} differs from its own twin")
        return
    report = measure_law(machine, model)
    assert report.distance <= report.allowed, (
        f"{machine.name} declares a {report.kind} law of {model!r} and is {report.distance:.4g} from it; chance allows "
        f"{report.allowed:.4g} (thinning {report.thinning})"
    )


@_of_each_native_model
def check_realised(machine: Substrate, model: EnergyModel) -> None:
    """What the machine holds is a model of its own sites, and the same chip holds the same twice."""
    schedule = Schedule()
    first, again = (
        machine.compile(model, schedule, chip_seed=5).realised(schedule.beta).fingerprint() for _ in range(2)
    )
    assert first == again, f"{machine.name}: one chip seed gave two different chips"


@_of_each_native_model
def check_reproducible(machine: Substrate, model: EnergyModel) -> None:
    """Draws depend on the seed alone: not on threads, chunks of steps, or which chains are kept.

    Where a layout has one generator per block of chains, whole blocks are kept.
    """
    schedule = Schedule(n_samples=12, n_warmup=3, steps_per_sample=2, chains=130)
    with _threads(1):
        one = run(model, machine, schedule, seed=9)
    with _threads(3):
        many = run(model, machine, schedule, seed=9)
    _same(one.states, many.states, f"{machine.name}: the number of threads changed the draws")
    layout = one.record["layout"] or {"name": "auto", "chains_per_block": 1}
    kept = max(7, layout["chains_per_block"])
    more, few = (
        run(model, machine, replace(schedule, chains=chains), seed=9, layout=layout["name"]).states
        for chains in (kept + 10, kept)
    )
    _same(few, more[:kept], f"{machine.name}: leaving chains out changed the others")
    fine = run(model, machine, replace(schedule, n_samples=24, steps_per_sample=1), seed=9)
    _same(fine.states[:, 1::2], one.states, f"{machine.name}: looking more often changed what was seen")
    other = run(model, machine, schedule, seed=10)
    assert not np.array_equal(other.states, one.states), f"{machine.name}: two seeds gave one result"


@_of_each_native_model
def check_seed_is_recorded(machine: Substrate, model: EnergyModel) -> None:
    """A run that was given no seed records the one it drew, and repeats with it."""
    schedule = Schedule(n_samples=5, n_warmup=0, chains=2)
    first = run(model, machine, schedule)
    again = run(model, machine, schedule, seed=first.record["seed"])
    assert not first.record["seed_given"]
    assert again.record["seed_given"]
    _same(first.states, again.states, f"{machine.name}: the recorded seed did not repeat the run")


@_of_each_native_model
def check_ledger(machine: Substrate, model: EnergyModel) -> None:
    """No price, no total; and with every price a positive number of joules that counts the warm-up.

    Only a machine whose very first draw has forgotten where it started has no warm-up to count.
    """
    one = run(model, machine, Schedule(n_samples=10, n_warmup=10, chains=2), seed=1)
    ledger = price(one)
    if machine.prices is None:
        assert ledger.joules is None, f"{machine.name} states no prices and yet has joules"
        assert ledger.reasons
        return
    assert (ledger.joules is None) == bool(ledger.reasons)
    for operation, parameter in machine.prices.operations.items():
        if not one.counts.get(operation) or not isinstance(parameter, Parameter):
            continue
        unknown = Parameter(value=None, unit=parameter.unit, note="taken out by the conformance suite")
        stripped = replace(machine.prices, operations={**machine.prices.operations, operation: unknown})
        without = price(one, prices=stripped)
        assert without.joules is None, f"{machine.name}: {operation} has no price and yet there is a total"
        assert any(operation in reason for reason in without.reasons)
    longer = price(run(model, machine, Schedule(n_samples=10, n_warmup=1000, chains=2), seed=1))
    if ledger.joules is not None and longer.joules is not None:
        assert ledger.joules > 0, f"{machine.name}: a run costs {ledger.joules} J"
        counted = longer.joules > ledger.joules or _draws_are_independent(machine, model)
        assert counted, f"{machine.name}: warm-up is free"
    below = BOUNDARIES.index(machine.prices.boundary)
    if below:
        assert price(one, boundary=BOUNDARIES[below - 1]).joules is None


def _draws_are_independent(machine: Substrate, model: EnergyModel) -> bool:
    """Whether one step from opposite starts, with the same noise, leads to the same state in all of 256 chains."""
    once = Schedule(n_samples=1, n_warmup=0, chains=256)
    up, down = (run(model, machine, once, seed=4, initial=np.full(model.n, start)) for start in (1, -1))
    return np.array_equal(up.states, down.states)


def check_refusals(machine: Substrate) -> None:
    """What cannot run is refused with every reason, and each limit is named as a number."""
    can = machine.capabilities
    wrong = GaussianModel(np.eye(2)) if "real" not in can.domains else IsingModel([[0, 1], [1, 0]])
    if wrong.domain not in can.domains:
        _refused(machine, wrong, "sites hold")
    topology = can.topology
    if topology is None or "spin" not in can.domains:
        return
    too_many = topology.n_sites + 1
    _refused(machine, IsingModel.from_edges(too_many, [(0, 1)], 1.0), f"{topology.n_sites:,}")
    if topology.max_degree < topology.n_sites - 2:
        star = IsingModel.from_edges(topology.max_degree + 2, [(0, k) for k in range(1, topology.max_degree + 2)], 1.0)
        _refused(machine, star, str(topology.max_degree))
    if can.max_coupling is not None:
        edge = topology.piece(2)
        strong = IsingModel.from_edges(2, edge, 2 * can.max_coupling)
        _refused(machine, strong, f"{can.max_coupling:g}")


@_of_each_native_model
def check_clamp(machine: Substrate, model: EnergyModel) -> None:
    """Clamped sites stay where they are held, and a machine that cannot hold them says so."""
    held = {0: 1.0, model.n - 1: 0.0 if model.domain in ("category", "permutation") else -1.0}
    schedule = Schedule(n_samples=50, n_warmup=0, chains=4)
    if not machine.capabilities.clamp or model.domain == "permutation":
        try:
            machine.compile(model, schedule, clamp=held)
        except NotMappable:
            return
        raise AssertionError(f"{machine.name} cannot clamp and yet compiled a clamped model")
    states = run(model, machine, schedule, seed=2, clamp=held).states
    for site, value in held.items():
        assert (states[..., site] == value).all(), f"{machine.name}: clamped site {site} moved"


CHECKS: tuple[Callable[[Substrate], None], ...] = (
    check_law,
    check_realised,
    check_reproducible,
    check_seed_is_recorded,
    check_ledger,
    check_refusals,
    check_clamp,
)


def _refused(machine: Substrate, model: EnergyModel, expected: str) -> None:
    try:
        machine.compile(model, Schedule(n_samples=1, n_warmup=0, chains=1))
    except NotMappable as refusal:
        text = str(refusal)
        assert expected in text, f"{machine.name} refuses without naming the limit {expected!r}: {text}"
        return
    raise AssertionError(f"{machine.name} accepted a model it cannot hold ({model!r})")


def _same(first: NDArray, second: NDArray, message: str) -> None:
    assert first.shape == second.shape, message
    if first.dtype == np.float64:
        assert np.allclose(first, second, rtol=1e-10, atol=1e-12), message
    else:
        assert np.array_equal(first, second), message


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = os.environ.get("PBITS_THREADS")
    os.environ["PBITS_THREADS"] = str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PBITS_THREADS"]
        else:
            os.environ["PBITS_THREADS"] = before
