"""Lock-stepped blocks of one lattice: neighbours, the twin spin for spin, the law of every decision, planted faults.

All seeds are fixed. Every chi-square below has a false alarm rate of 10⁻⁴.
"""

import time

import numpy as np
import pytest
from scipy.stats import chi2

import pbits
from pbits.kernels import lattice, xoshiro
from pbits.kernels.blocks import Pool
from pbits.kernels.simd import aligned
from pbits.models.base import read_only
from pbits.reference import lattice as twin
from pbits.reference.bits import seeded
from pbits.sweeps.lattice import block_counts, cut_of, thresholds

KEY = (np.uint32(0xDEADBEEF), np.uint32(17))
FALSE_ALARM = 1e-4
# Cuts inside words, across words, both, and none; blocks of odd sides; axes of one block.
SQUARES = [(128, 16), (16, 128), (64, 64), (96, 48), (3, 1024), (1024, 3)]
CUBES = [(16, 16, 16), (64, 3, 32), (48, 16, 8), (4, 8, 256)]
DECISIONS = [(bits, metropolis) for bits in (16, 24, 32) for metropolis in (False, True)]


class Lattice:
    """Random spins and bonds of one lattice, both as the kernels and as the twin take them."""

    def __init__(self, shape, seed=0, ferromagnet=False, domains=None):
        rng = np.random.default_rng(seed)
        self.shape, self.n, self.axes = shape, int(np.prod(shape)), len(shape)
        self.cut = cut_of(shape)
        self.box = self.cut.box
        if domains is not None:
            # More of them than lattices so small are parted into.
            half = len(self.box.cells) // 2
            ends = half * np.arange(domains + 1) // domains
            self.box = self.box._replace(domains=read_only(np.stack([ends, half + ends])))
        self.domains = self.box.domains.shape[1] - 1
        self.spins = rng.choice(np.array([-1, 1], dtype=np.int8), self.n)
        self.signs = np.ones((self.axes, self.n)) if ferromagnet else rng.choice([-1.0, 1.0], (self.axes, self.n))
        self.vectors = self.cut.packed((self.spins > 0).view(np.uint8))
        self.bonds = aligned((self.axes, self.cut.cells, 8), np.uint64)
        for axis in range(self.axes):
            self.bonds[axis] = self.cut.packed((self.signs[axis] < 0).view(np.uint8))
        self.streams = xoshiro.seed(KEY, 0, 2 * self.domains)

    def model(self):
        sites = np.arange(self.n).reshape(self.shape)
        edges = [np.column_stack([sites.ravel(), np.roll(sites, -1, a).ravel()]) for a in range(self.axes)]
        return pbits.IsingModel.from_edges(self.n, np.concatenate(edges), self.signs.ravel())

    def table(self, betas, bits, metropolis=False):
        return thresholds(np.array(betas), 2.0 * np.arange(1, self.axes + 1), bits, metropolis)

    def sweep(self, table, bits, metropolis=False, looks=0, keep=True, turns=None, workers=1, together=True):
        """Toggles; with looks, also draws and numbers of unsatisfied bonds.

        Workers that are not together do all their work one after the other, as if they never met.
        """
        box = self.box if turns is None else self.box._replace(turns=turns)
        draws = np.empty((looks if keep else 0, self.n), dtype=np.int8)
        unsatisfied = np.zeros(looks, dtype=np.int64)
        self.best = self.cut.vectors()
        self.tally = aligned((len(box.cells) if looks else 0, 1 + self.axes, lattice.COUNTED, 8), np.uint64)
        arrivals = np.array([0 if together else 1 << 40])
        run = lattice.sweep_square if self.axes == 2 else lattice.sweep_cubic

        def work(worker):
            return run(
                self.vectors, self.bonds, box, table, bits, metropolis, self.streams, len(table) // max(looks, 1),
                self.bonds, unsatisfied, np.iinfo(np.int64).max, self.best, draws, self.tally, arrivals, workers,
                worker,
            )  # fmt: skip

        with Pool(workers if together else 1) as pool:
            return sum(pool.map(work, workers)), draws, unsatisfied

    def unpacked(self, vectors):
        spins = np.empty(self.n, dtype=np.int8)
        lattice.unpack(spins, vectors, self.box)
        return spins

    def fields(self, states):
        """f/J of every site, from states (draws, n)."""
        shaped = states.reshape(-1, *self.shape)
        field = np.zeros(shaped.shape, dtype=np.int8)
        for axis, signs in enumerate(self.signs.astype(np.int8).reshape(-1, *self.shape)):
            bonds = signs * shaped
            field += signs * np.roll(shaped, -1, axis + 1) + np.roll(bonds, 1, axis + 1)
        return field.reshape(states.shape)


@pytest.mark.parametrize("shape", SQUARES + CUBES)
def test_packing_is_undone_and_every_neighbour_is_a_plain_load(shape):
    case = Lattice(shape)
    assert np.array_equal(case.unpacked(case.vectors), case.spins)
    cells, strides = case.box.cells, case.box.strides
    for axis in range(case.axes):
        for way in (1, -1):
            beside = case.cut.vectors()
            beside[cells] = case.vectors[cells + way * strides[axis]]
            expected = np.roll(case.spins.reshape(shape), -way, axis)
            assert np.array_equal(case.unpacked(beside), expected.ravel())


def against_twin(case, betas, bits, metropolis, **faults):
    """Whether kernel and twin agree spin for spin, toggle for toggle, and in where they leave the generators."""
    table = faults.pop("table", case.table(betas, bits, metropolis))
    toggles, *_ = case.sweep(table, bits, metropolis, **faults)
    spins, streams = case.spins.copy(), [seeded((0xDEADBEEF, 17), 0, stream) for stream in range(2 * case.domains)]
    sites = twin.positions(case.shape, block_counts(case.shape))
    pairs = list(zip(streams[::2], streams[1::2]))
    expected = twin.sweep(spins, case.model(), sites, betas, bits, pairs, metropolis=metropolis)
    states = [[generator.state for generator in stream] for stream in streams]
    return (
        np.array_equal(case.unpacked(case.vectors), spins)
        and toggles == expected
        and case.streams.transpose(0, 2, 1).tolist() == states
    )


@pytest.mark.parametrize(
    ("shape", "bits", "metropolis"),
    [((64, 64), *decision) for decision in DECISIONS]
    + [((16, 16, 16), *decision) for decision in DECISIONS]
    + [(shape, 32, False) for shape in SQUARES + CUBES],
)
def test_kernels_equal_the_twin(shape, bits, metropolis):
    assert against_twin(Lattice(shape), [0.0, 0.1, 0.4, 0.9, 3.0], bits, metropolis)


# Domains of the cube are a position of each phase, those of the square two or three.
PARTED = [((16, 16, 16), 4), ((192, 64), 5)]


@pytest.mark.parametrize(("shape", "domains"), PARTED)
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_equals_the_twin(shape, domains, workers):
    assert against_twin(Lattice(shape, domains=domains), [0.0, 0.1, 0.4, 0.9, 3.0], 24, False, workers=workers)


@pytest.mark.parametrize(("shape", "domains"), PARTED)
def test_the_twin_catches_workers_that_do_not_meet(shape, domains):
    case = Lattice(shape, domains=domains)
    assert not against_twin(case, [0.4], 24, False, workers=2, together=False)


@pytest.mark.parametrize(("shape", "domains"), PARTED)
def test_the_twin_catches_a_domain_with_the_streams_of_its_neighbour(shape, domains):
    case = Lattice(shape, domains=domains)
    case.streams[2:4] = case.streams[:2]
    assert not against_twin(case, [0.4], 24, False)


@pytest.mark.parametrize("shape", [(512, 1024), (96, 96, 96)])
@pytest.mark.parametrize("workers", [2, 5])
def test_workers_change_nothing(shape, workers):
    """Large lattices as they are parted, with looks: any moment out of step would spread over all that follows."""
    alone, shared = Lattice(shape), Lattice(shape)
    assert alone.domains >= 2
    table = alone.table(np.linspace(0.1, 2, 24), 24)
    one, other = (
        alone.sweep(table, 24, looks=12),
        shared.sweep(table, 24, looks=12, workers=min(workers, shared.domains)),
    )
    assert one[0] == other[0]
    assert np.array_equal(one[1], other[1])
    assert np.array_equal(one[2], other[2])
    for name in ("vectors", "streams", "best", "tally"):
        assert np.array_equal(getattr(alone, name), getattr(shared, name))


@pytest.mark.parametrize(
    ("shape", "domains"), [((256, 256), 1), ((1024, 1024), 4), ((128, 128, 128), 8), ((1504, 1504), 1)]
)
def test_large_lattices_are_parted_where_no_two_positions_of_a_phase_are_neighbours(shape, domains):
    box = cut_of(shape).box
    assert box.domains.shape == (2, domains + 1)
    assert box.domains[0, 0] == 0
    assert box.domains[0, -1] == box.domains[1, 0]
    assert box.domains[1, -1] == len(box.cells)
    assert (np.diff(box.domains) > 0).all()
    if domains > 1:
        for phase, ends in enumerate(box.domains):
            sites = box.position_sites[ends[0] : ends[-1], None] + box.lane_sites
            assert (np.sum(np.unravel_index(sites, shape), axis=0) % 2 == phase).all()


def test_u_equal_to_its_threshold_is_not_below_it():
    # 8·10⁵ decisions of 16 bits: about ten of them meet their threshold exactly.
    assert against_twin(Lattice((128, 16)), [0.3] * 400, 16, False)


def faulty_turns(case, column, change):
    turns = case.box.turns.copy()
    turns[0, column] = change(turns[0, column])
    return {"turns": read_only(turns)}


FAULTS = {
    "one lane of the rim": lambda case, table: faulty_turns(case, 2, lambda mask: mask & (mask - np.uint64(1))),
    "one bit too far": lambda case, table: faulty_turns(case, 0, lambda near: near + np.uint64(1)),
    "thresholds 1 % off": lambda case, table: {"table": (table * 1.01).astype(np.uint64)},
    "two thresholds swapped": lambda case, table: {"table": np.ascontiguousarray(table[:, ::-1])},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_twin_catches_a_planted_fault(fault):
    case, betas = Lattice((128, 16)), [0.3] * 60
    assert not against_twin(case, betas, 24, False, **FAULTS[fault](case, case.table(betas, 24)))


def test_the_twin_catches_a_wrong_carry(monkeypatch):
    """Three of four neighbours, of which a carry was lost, count as one."""

    class Lossy:
        def __init__(self, model):
            self.csr = self
            self.data = model.csr.data
            self._rows = model.csr

        def __getitem__(self, lanes):
            return Lossy.Rows(self._rows[lanes])

        class Rows:
            def __init__(self, rows):
                self._rows = rows

            def __matmul__(self, spins):
                field = self._rows @ spins
                return np.where(field == 2, -2, field)

    true = Lattice.model
    monkeypatch.setattr(Lattice, "model", lambda case: Lossy(true(case)))
    assert not against_twin(Lattice((128, 16)), [0.3], 24, False)


def test_a_run_may_be_cut_into_calls():
    betas = np.linspace(0.1, 2, 30)
    whole, parts = Lattice((64, 64)), Lattice((64, 64))
    toggles, *_ = whole.sweep(whole.table(betas, 24), 24)
    parted = [parts.sweep(parts.table(some, 24), 24)[0] for some in (betas[:1], betas[1:17], betas[17:])]
    assert toggles == sum(parted)
    assert np.array_equal(whole.vectors, parts.vectors)
    assert np.array_equal(whole.streams, parts.streams)


@pytest.mark.parametrize("shape", [(64, 64), (16, 16, 16)])
def test_looks_count_bonds_and_keep_draws_and_the_best(shape):
    case, blind = Lattice(shape), Lattice(shape)
    table = case.table(np.linspace(0.1, 1, 40), 16)
    toggles, draws, unsatisfied = case.sweep(table, 16, looks=8)
    # Each bond is in the field of two sites, and adds −1 where it is unsatisfied.
    alignment = (case.fields(draws).astype(int) * draws).sum(axis=1) // 2
    assert np.array_equal(unsatisfied, (case.axes * case.n - alignment) // 2)
    assert np.array_equal(case.unpacked(case.best), draws[unsatisfied.argmin()])
    assert blind.sweep(table, 16)[0] == toggles
    assert np.array_equal(blind.vectors, case.vectors)


def conditional_pvalue(case, table, bits, *, beta, metropolis=False, looks=300, rounds=1):
    """Chi-square of how often odd sites went against each field, which even sites set just before; and the least count.

    Blocks have even sides, so odd positions are the odd sites of the lattice. Expected are the thresholds as rounded.
    """
    odd = np.indices(case.shape).sum(axis=0).ravel() % 2 == 1
    sizes = [size for size in range(-2 * case.axes, 2 * case.axes + 1, 2) if size or not metropolis]
    count, against = np.zeros(len(sizes)), np.zeros(len(sizes))
    case.sweep(table.repeat(5, axis=0), bits, metropolis)
    for _ in range(rounds):
        before = case.unpacked(case.vectors)[None]
        _, draws, _ = case.sweep(table.repeat(looks, axis=0), bits, metropolis, looks=looks)
        field, new = case.fields(draws)[:, odd], draws[:, odd]
        old = np.concatenate([before, draws[:-1]])[:, odd]
        for k, size in enumerate(sizes):
            # Metropolis flips for sure what the field is against.
            chosen = (field == size) & (old * size > 0) if metropolis else field == size
            count[k] += chosen.sum()
            against[k] += (chosen & (new * (size or 1) < 0)).sum()
        if metropolis:
            surely = field * old <= 0
            assert (new[surely] == -old[surely]).all()
    expected = case.table([beta], bits, metropolis)[0] / 2.0**bits
    chance = np.array([expected[abs(size) // 2 - 1] if size else 0.5 for size in sizes])
    statistic = ((against - count * chance) ** 2 / (count * chance * (1 - chance))).sum()
    return chi2.sf(statistic, len(sizes)), count.min()


@pytest.mark.parametrize(("bits", "metropolis"), DECISIONS)
@pytest.mark.parametrize(("shape", "beta"), [((256, 256), 0.4), ((32, 32, 32), 0.25)])
def test_spins_follow_their_fields_as_the_law_says(shape, beta, bits, metropolis):
    case = Lattice(shape)
    pvalue, _ = conditional_pvalue(case, case.table([beta], bits, metropolis), bits, beta=beta, metropolis=metropolis)
    assert pvalue > FALSE_ALARM


@pytest.mark.slow
@pytest.mark.parametrize(("bits", "metropolis"), DECISIONS)
@pytest.mark.parametrize(("shape", "beta", "wanted"), [((256, 256), 0.3, 1e7), ((64, 64, 64), 0.1, 3e6)])
def test_spins_follow_each_field_millions_of_times(shape, beta, wanted, bits, metropolis):
    case = Lattice(shape)
    looks = 20_000_000 // case.n
    table = case.table([beta], bits, metropolis)
    pvalue, least = conditional_pvalue(case, table, bits, beta=beta, metropolis=metropolis, looks=looks, rounds=24)
    assert least > wanted
    assert pvalue > FALSE_ALARM


def stuck_lane(case, table):
    case.streams[:, :, 3] = 0
    return table


@pytest.mark.parametrize(
    "fault",
    [lambda case, table: (table * 1.01).astype(np.uint64), lambda case, table: table ^ 1 << 18, stuck_lane],
    ids=["1 % off", "a wrong bit", "a generator of zeros"],
)
def test_the_chi_square_catches_a_planted_fault(fault):
    case = Lattice((256, 256))
    table = fault(case, case.table([0.4], 24))
    assert conditional_pvalue(case, table, 24, beta=0.4, looks=100)[0] < FALSE_ALARM


def worst_correlation(case):
    """Of 2¹⁹ spins at β = 0 and their neighbours in space, in lanes, in words and in time; in standard errors."""
    _, draws, _ = case.sweep(case.table(np.zeros(128), 16), 16, looks=128)
    shaped = draws.reshape(128, 64, 64).astype(int)
    shifts = [(0, 1, 0), (0, 0, 1), (0, 0, 2), (0, 4, 0), (0, 4, 2), (0, 8, 0), (0, 0, 32), (1, 0, 0), (1, 1, 0)]
    products = [shaped.sum(), *((shaped * np.roll(shaped, shift, (0, 1, 2))).sum() for shift in shifts)]
    return max(abs(total) for total in products) / np.sqrt(draws.size)


def test_lanes_words_and_moments_are_independent():
    # 10 sums within 5 standard errors: false alarm 6·10⁻⁶.
    assert worst_correlation(Lattice((64, 64))) < 5


@pytest.mark.parametrize("lane", [1, 3, 7])
def test_a_random_word_shared_by_two_lanes_is_caught(lane):
    case = Lattice((64, 64))
    case.streams[:, :, lane] = case.streams[:, :, lane - 1]
    assert worst_correlation(case) > 5


def cpu_time(work):
    """The best of five, in ns."""
    times = []
    for _ in range(5):
        began = time.thread_time_ns()
        work()
        times.append(time.thread_time_ns() - began)
    return min(times)


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "goal"), [((256, 256), 1 / 30), ((1024, 1024), 1 / 30), ((32, 32, 32), 1 / 40)])
@pytest.mark.parametrize("bits", [16, 24, 32])
def test_updates_are_fast_for_the_random_bits_at_hand(shape, goal, bits):
    """Updates for each random bit that the generator alone draws in that time; measured were 1/16 and 1/20."""
    case = Lattice(shape)
    sweeps, words = 2**27 // case.n, np.empty((4096, 8), dtype=np.uint64)
    table = case.table(np.linspace(0.1, 3, sweeps), bits)
    case.sweep(table[:1], bits)
    xoshiro.fill(words, case.streams)
    updates = case.n * sweeps / cpu_time(lambda: case.sweep(table, bits))
    drawn = 200 * 512 * len(words) / cpu_time(lambda: [xoshiro.fill(words, case.streams) for _ in range(200)])
    assert updates > goal * drawn
