"""Embedding: the law of the physical model read by majority, clamps on chains, physical counts, refusals."""

import numpy as np
import pytest

import pbits
from hardware_models import gibbs, pbit
from pbits import testing
from pbits.errors import law_table
from pbits.mapping import clique_embedding
from pbits.reference import total_variation
from pbits.streams import Streams


def z1(**changes):
    return gibbs.Array(**{"rules": "Z1", "rows": 24, "columns": 24, "max_coupling": 6.0, **changes})


def clique(n, scale=0.5, seed=3):
    rng = np.random.default_rng(seed)
    J = np.triu(scale * rng.normal(size=(n, n)), 1)
    return pbits.IsingModel(J + J.T, 0.3 * rng.normal(size=n))


def compiled(machine, model, beta=1.0, **arguments):
    return machine.compile(model, pbits.Schedule(beta=beta), **arguments)


def pushed_forward(model, embedding, strength, beta):
    """The physical Boltzmann law through the majority vote, by enumeration, with no code of the library's law."""
    physical = embedding.physical_model(model, strength)
    cells, n = physical.n, physical.n
    states = (2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1) - 1).astype(np.int8)
    weights = np.exp(-beta * (physical.energy(states) - physical.energy(states).min()))
    place = {int(cell): site for site, cell in enumerate(embedding.cells)}
    law = np.zeros(2**model.n)
    votes = np.zeros((len(states), model.n), dtype=int)
    for site, chain in enumerate(embedding.chains):
        columns = states[:, [place[int(cell)] for cell in chain]].astype(int)
        total = columns.sum(axis=1)
        first = states[:, place[int(chain.min())]]
        votes[:, site] = np.where(total == 0, first, np.sign(total)) > 0
    np.add.at(law, votes @ (1 << np.arange(model.n)[::-1]), weights)
    assert cells == len(embedding.cells)
    return law / law.sum()


def test_the_declared_law_is_the_physical_law_through_the_vote():
    model, machine = clique(3), pbits.Embedded(z1(), chain_strength=0.7)
    embedding = clique_embedding(model, machine.machine.capabilities.topology)
    declared = law_table(compiled(machine, model, 0.9).law(0.9), 3)
    np.testing.assert_allclose(declared, pushed_forward(model, embedding, 0.7, 0.9), atol=1e-12)
    # Weak chains break, and the law is not that of the model as posed.
    assert total_variation(declared, pbits.exact(model, 0.9).probabilities) > 0.02


@pytest.mark.parametrize(("n", "strength", "draws"), [(3, None, 10_000), (4, 0.7, 50_000)])
def test_draws_follow_the_declared_law(n, strength, draws):
    """K3 on 12 cells and K4 on 20; see `pbits.testing.check_law` for the false-alarm rate."""
    report = testing.measure_law(pbits.Embedded(z1(), strength), clique(n), draws=draws)
    assert report.kind == "boltzmann"
    assert report.distance <= report.allowed


def test_strong_chains_sample_the_model_as_posed():
    model = clique(3)
    law = compiled(pbits.Embedded(z1(), chain_strength=6.0), model).law(1.0)
    assert total_variation(law_table(law, 3), pbits.exact(model).probabilities) < 1e-4


def test_a_clamp_holds_every_cell_of_a_chain():
    model, machine = clique(4), pbits.Embedded(z1())
    law = compiled(machine, model, clamp={1: -1, 3: 1}).law(1.0)
    chains = clique_embedding(model, z1().capabilities.topology).chains
    assert len(law.clamp) == len(chains[1]) + len(chains[3])
    run = pbits.run(model, machine, pbits.Schedule(n_samples=40, chains=3), seed=1, clamp={1: -1, 3: 1})
    assert (run.states[..., 1] == -1).all()
    assert (run.states[..., 3] == 1).all()
    table = law_table(law, 4).reshape(2, 2, 2, 2)
    assert table[:, 0, :, 1].sum() == pytest.approx(1)


def test_counts_are_those_of_the_cells():
    model, machine = clique(4), pbits.Embedded(z1())
    schedule = pbits.Schedule(n_samples=10, n_warmup=5, chains=3)
    run = pbits.run(model, machine, schedule, seed=1, initial=np.ones(4))
    cells = run.realised.n
    assert cells == run.record["notes"]["embedding"]["cells_used"] == 20
    assert run.counts["update"] == 15 * 3 * cells
    assert run.counts["read"] == 10 * 3 * cells
    assert run.counts["weight_read"] == 15 * 3 * run.realised.degrees.sum()
    assert run.counts["write"] == run.record["notes"]["copies_side_by_side"] * cells + 3 * cells
    held = pbits.run(model, machine, schedule, seed=1, clamp={0: 1})
    chain = clique_embedding(model, z1().capabilities.topology).chains[0]
    assert held.counts["update"] == 15 * 3 * (cells - len(chain))


def test_notes_say_how_it_was_embedded():
    run = pbits.run(clique(5), pbits.Embedded(z1()), pbits.Schedule(n_samples=200, chains=4), seed=1)
    notes = run.record["notes"]["embedding"]
    assert notes["logical_sites"] == 5
    assert notes["model_degree"] == 4
    assert notes["machine_degree"] == 16
    assert notes["longest_chain"] == 6
    assert notes["chain_strength"] == 2.0
    assert 0 < notes["chain_break_fraction"] < 1
    assert run.record["machine"]["name"] == "embedded:Gibbs array"
    unbreakable = pbits.Embedded(z1(max_coupling=None), chain_strength=50.0)
    start = np.ones(5)
    whole = pbits.run(clique(5), unbreakable, pbits.Schedule(n_samples=50), seed=1, initial=start)
    assert whole.record["notes"]["embedding"]["chain_break_fraction"] == 0


def test_a_start_fills_whole_chains():
    """At β → ∞ with no fields a uniform ferromagnetic start cannot move."""
    model = pbits.IsingModel(np.ones((3, 3)) - np.eye(3))
    schedule = pbits.Schedule(n_samples=5, n_warmup=0, chains=2, beta=50.0)
    start = np.array([[1, 1, 1], [-1, -1, -1]])
    run = pbits.run(model, pbits.Embedded(z1(max_coupling=None)), schedule, seed=1, initial=start)
    assert (run.states == start[:, None]).all()


def strength(model, beta, **machine):
    run = pbits.run(model, pbits.Embedded(z1(**machine)), pbits.Schedule(n_samples=1, beta=beta), seed=1)
    return run.record["notes"]["embedding"]["chain_strength"]


def test_the_chain_strength_holds_against_neighbours_and_noise():
    model = clique(5, scale=4.0)
    _, _, w = model.edges()
    neighbours = 0.5 * np.sqrt(np.mean(w**2)) * np.sqrt(2 * len(w) / 5)
    assert strength(model, 10.0, max_coupling=None) == pytest.approx(neighbours)
    assert strength(model, 0.1, max_coupling=None) == pytest.approx(2 / 0.1)
    assert strength(model, 0.0, max_coupling=None) >= 1.0


@pytest.mark.parametrize("beta", [0.59, 0.71, 1.18, 5.0])
def test_the_cap_is_respected_and_can_be_reached(beta):
    """6/β × β exceeds 6 by a rounding at 0.59, 0.71 and 1.18: that is no reason to refuse."""
    machine = pbits.Embedded(z1(max_coupling=1.5))
    model = clique(4, scale=0.1)
    program = compiled(machine, model, beta)
    assert beta * np.abs(program.realised(beta).csr.data).max() == pytest.approx(1.5, rel=1e-12)


def test_refusals_name_every_reason():
    machine = pbits.Embedded(z1(rows=12, columns=12), chain_strength=9.0)
    model = clique(60, scale=20.0)
    with pytest.raises(pbits.NotMappable) as refused:
        compiled(machine, model, cells=np.arange(60))
    reasons = "\n".join(refused.value.reasons)
    assert len(refused.value.reasons) == 4
    assert "β|J| reaches" in reasons
    assert "an embedding finds its own cells" in reasons
    assert "a clique embedding of 60 sites needs" in reasons
    assert "chain_strength ≤ 6 would fit" in reasons
    assert refused.value.machine == machine.name


def test_what_cannot_be_embedded():
    with pytest.raises(ValueError, match="ideal has no grid to embed on; run the model on it directly"):
        pbits.Embedded(pbits.load("ideal"))
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="chain_strength is .* it must be positive"):
            pbits.Embedded(z1(), chain_strength=bad)
    with pytest.raises(pbits.NotMappable, match="no built-in clique embedding"):
        compiled(pbits.Embedded(pbit.Array(topology=pbits.mapping.Grid.named("G4", 9, 9)), method="clique"), clique(3))
    with pytest.raises(pbits.NotMappable, match="sites hold spin values"):
        compiled(pbits.Embedded(z1()), pbits.GaussianModel(np.eye(2)))


WIRINGS = {
    "king": pbits.mapping.Grid.named("king", 8, 8),
    "chimera": pbits.mapping.Chimera(2, 2, 2),
    "pegasus": pbits.mapping.Pegasus(2),
    "sparse": pbits.mapping.Sparse(20, 3),
}


@pytest.mark.parametrize("wiring", WIRINGS)
def test_every_wiring_samples_by_its_declared_law(wiring):
    """A few spins that do not fit as they lie; see `pbits.testing.check_law` for the false-alarm rate."""
    machine = pbits.Embedded(pbit.Array(topology=WIRINGS[wiring]), 1.5)
    model = pbits.IsingModel.from_edges(5, [(0, k) for k in range(1, 5)], 0.4, 0.2 * np.arange(5))
    model = model if wiring == "sparse" else clique(3)
    report = testing.measure_law(machine, model, draws=20_000)
    assert report.distance <= report.allowed
    run = pbits.run(model, machine, pbits.Schedule(n_samples=50), seed=1)
    notes = run.record["notes"]["embedding"]
    assert notes["machine"] == WIRINGS[wiring].describe()
    assert notes["method"] == ("copies of spins" if wiring == "sparse" else "crossbar clique embedding")
    assert notes["cells_used"] > model.n


def test_a_search_is_made_once(monkeypatch):
    minorminer = pytest.importorskip("minorminer")
    searches = []
    found = minorminer.find_embedding
    monkeypatch.setattr(minorminer, "find_embedding", lambda *a, **k: searches.append(1) or found(*a, **k))
    machine = pbits.Embedded(z1(), method="minorminer", seed=2)
    model = clique(4)
    notes = [pbits.run(model, machine, pbits.Schedule(n_samples=5), seed=1).record["notes"] for _ in range(2)]
    assert notes[0]["embedding"] == notes[1]["embedding"]
    assert notes[0]["embedding"]["method"] == "minorminer"
    assert notes[0]["embedding"]["cells_used"] < 20
    assert len(searches) == 1


def test_categories_and_higher_orders_are_shown_the_way():
    for model, remedy in (
        (pbits.CategoricalModel([3, 3]), "mapping.one_hot"),
        (pbits.PolynomialModel(3, {(0, 1, 2): 1.0}), "mapping.quadratise"),
    ):
        with pytest.raises(pbits.NotMappable, match=remedy):
            compiled(pbits.Embedded(z1()), model)
    with pytest.raises(ValueError, match="method is 'tree'; it must be one of auto"):
        pbits.Embedded(z1(), method="tree")


def test_a_placement_does_not_pass_the_degree_by():
    machine = pbit.Array(topology=pbits.mapping.Sparse(20, 3))
    with pytest.raises(pbits.NotMappable, match="a site has 4 neighbours and the machine wires 3"):
        compiled(machine, clique(5), cells=np.arange(5))


@pytest.mark.parametrize("n", [1, 2])
def test_the_smallest_models_fit(n):
    model = pbits.IsingModel(np.ones((n, n)) - np.eye(n), np.full(n, 0.2))
    assert testing.measure_law(pbits.Embedded(z1()), model, draws=20_000).distance < 0.02


def test_the_chip_is_under_the_embedding():
    machine = pbits.Embedded(z1(offset_sigma_d2d=0.3))
    one, same, other = (compiled(machine, clique(3), chip_seed=chip).realised(1.0).fingerprint() for chip in (1, 1, 2))
    assert one == same != other
    schedule = pbits.Schedule(beta=1.0)
    seen = []
    program = machine.compile(clique(3), schedule, chip_seed=1)
    program.execute(schedule, Streams(seed=1), None, lambda step, states: bool(seen.append(states.shape)))
    assert set(seen) == {(4, 3)}
