"""Digital p-bits: registers against algebra and known answers, and the kernel equal to its plain twin bit for bit.

A chi-square at a false-alarm rate of 10⁻³ stands beside the twin; its seed is fixed.
"""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import chisquare

import pbits
from pbits.kernels import fpga
from pbits.reference import fpga as twin

KEY = (np.uint32(2024), np.uint32(77))
TABLE = twin.tanh_table(2, 3)
CHAINS = 5


def network(seed=0, n=9):
    """Whole-number couplings of a ring with chords, some large enough to leave the table, and its colours."""
    rng = np.random.default_rng(seed)
    edges = [(i, (i + 1) % n) for i in range(n)] + [(0, 4), (2, 7)]
    model = pbits.IsingModel.from_edges(n, edges, rng.integers(-20, 21, len(edges)), rng.integers(-12, 13, n))
    return model, pbits.mapping.colour_classes(model)


def fast(model, phases, words, spins, clocks, *, clock0=0, shifts=1, free_running=True, table=TABLE):
    csr = model.csr
    return fpga.advance(
        spins, words, csr.indptr, csr.indices, csr.data.astype(np.int32), model.h.astype(np.int32),
        np.array(table, dtype=np.uint32), np.cumsum([0, *map(len, phases)]), np.concatenate(phases), shifts,
        free_running, clock0, clocks,
    )  # fmt: skip


def slow(model, phases, words, spins, clocks, *, clock0=0, table=TABLE, **options):
    generators = words.transpose(0, 2, 1).tolist()
    J, h = model.csr.toarray().astype(int), model.h.astype(int)
    toggles = twin.advance(spins, generators, J, h, table, phases, range(clock0, clock0 + clocks), **options)
    words[:] = np.array(generators).transpose(0, 2, 1)
    return toggles


def start(n, width, chains=CHAINS, chain0=0):
    words = np.empty((n, width, chains), dtype=np.uint32)
    fpga.seed_words(words, *KEY, chain0)
    spins = np.random.default_rng(1).choice(np.array([-1, 1], dtype=np.int8), size=(n, chains))
    return words, spins


def both(width, clocks=400, **options):
    """Whether kernel and twin, from the same start, end alike: spins, generators, toggles."""
    model, phases = network()
    words, spins = start(model.n, width)
    words_too, spins_too = words.copy(), spins.copy()
    toggles = fast(model, phases, words, spins, clocks, **options)
    expected = slow(model, phases, words_too, spins_too, clocks, **options)
    return np.array_equal(spins, spins_too) and np.array_equal(words, words_too) and toggles == expected


# Generators


def order_divides(power):
    """Whether `power` shifts lead every register back; complemented, XNOR feedback is XOR and the shift is linear."""
    columns = [twin.lfsr(twin.TOP ^ 1 << bit) ^ twin.TOP for bit in range(32)]

    def apply(matrix, vector):
        image = 0
        for bit in range(32):
            if vector >> bit & 1:
                image ^= matrix[bit]
        return image

    result = [1 << bit for bit in range(32)]
    square = columns
    while power:
        if power & 1:
            result = [apply(square, column) for column in result]
        square = [apply(square, column) for column in square]
        power >>= 1
    return result == [1 << bit for bit in range(32)]


def test_a_register_goes_through_all_words_but_one():
    period = 2**32 - 1  # 3 · 5 · 17 · 257 · 65537
    assert order_divides(period)
    assert not any(order_divides(period // prime) for prime in (3, 5, 17, 257, 65537))


def test_a_register_of_ones_is_stuck_and_no_other_is():
    assert twin.lfsr(twin.TOP) == twin.TOP
    assert twin.lfsr(twin.TOP - 1) != twin.TOP - 1


def test_a_register_shifts_up_and_takes_the_xnor_in():
    assert twin.lfsr(0) == 1
    assert twin.lfsr(1) == 2
    assert twin.lfsr(0x80000000) == 0
    assert twin.lfsr(0x80000001) == 3
    assert twin.lfsr(0x00200000) == 0x00400000
    assert twin.lfsr(0, shifts=2) == twin.lfsr(1)


def test_xoshiro_gives_its_authors_words():
    state = [1, 2, 3, 4]
    shown = []
    for _ in range(6):
        word, state = twin.xoshiro(state)
        shown.append(word)
    assert shown == [641, 1573767, 3222811527, 3517856514, 836907274, 4247214768]


@pytest.mark.parametrize("width", [1, 4])
def test_seeds_belong_to_chain_and_site(width):
    words, _ = start(4, width, chains=3, chain0=10)
    expected = [[twin.seed_words(KEY, 10 + chain, site, width) for chain in range(3)] for site in range(4)]
    assert words.transpose(0, 2, 1).tolist() == expected


@pytest.mark.parametrize(("width", "drawn", "taken"), [(1, twin.TOP, [twin.TOP - 1]), (4, 0, [1, 0, 0, 0])])
def test_seeds_that_never_move_are_avoided(monkeypatch, width, drawn, taken):
    monkeypatch.setattr(fpga, "philox4x32", lambda *_: (np.uint64(drawn),) * 4)
    monkeypatch.setattr(twin, "philox", lambda *_: (drawn,) * 4)
    words = np.empty((1, width, 1), dtype=np.uint32)
    fpga.seed_words.py_func(words, *KEY, 0)
    assert words[0, :, 0].tolist() == taken == twin.seed_words((0, 0), 0, 0, width)


def test_the_table_is_the_published_one():
    # Entries 0 to 3, 21 and 22 of the s[4][1] table of the open design that the machine follows.
    table = twin.tanh_table(4, 1)
    assert table[:4] == [0x80000000, 0xBB26A7AF, 0xE17BEAD4, 0xF3DBE5E2]
    assert table[21:] == [0xFFFFFFFD] + [0xFFFFFFFF] * 10


# Kernel and twin


@pytest.mark.parametrize("free_running", [True, False])
@pytest.mark.parametrize(("width", "shifts"), [(1, 1), (1, 8), (4, 1)])
def test_the_kernel_equals_its_twin(width, shifts, free_running):
    assert both(width, shifts=shifts, free_running=free_running)


def test_runs_do_not_depend_on_how_they_are_cut():
    model, phases = network()
    (words, spins), (again, pieces) = start(model.n, 1), start(model.n, 1)
    toggles = fast(model, phases, words, spins, 500)
    parts = [0, 1, 7, 250, 500]
    total = sum(fast(model, phases, again, pieces, b - a, clock0=a) for a, b in pairwise(parts))
    assert total == toggles
    assert np.array_equal(spins, pieces)
    assert np.array_equal(words, again)


def test_a_chain_does_not_depend_on_the_others():
    model, phases = network()
    (words, spins), (few, _) = start(model.n, 4, chains=6), start(model.n, 4, chains=2, chain0=3)
    some = spins[:, 3:5].copy()
    fast(model, phases, words, spins, 300)
    fast(model, phases, few, some, 300)
    assert np.array_equal(spins[:, 3:5], some)


def tied(width, field):
    """A single p-bit whose generator shows just what the table says; the spin after a clock, by kernel and twin."""
    level = TABLE[min(abs(field), len(TABLE) - 1)]
    state = [level] if width == 1 else [0, 5, 9, level >> 7 | level << 25 & twin.TOP]
    model = pbits.IsingModel([[0]], [field])
    words = np.array(state, dtype=np.uint32).reshape(1, width, 1)
    spins, spins_too = np.ones((1, 1), dtype=np.int8), np.ones((1, 1), dtype=np.int8)
    fast(model, [np.array([0])], words.copy(), spins, 1)
    slow(model, [np.array([0])], words.copy(), spins_too, 1)
    return int(spins[0, 0]), int(spins_too[0, 0])


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("field", [0, 3, -3, 40, -40])
def test_ties_go_down(width, field):
    assert tied(width, field) == (-1, -1)


def test_generators_of_good_words_sample_the_boltzmann_law():
    model = pbits.IsingModel.from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)], [4, 3, -4, 5], [1, -2, 0, 3])
    phases = pbits.mapping.colour_classes(model)
    words, spins = start(4, 4, chains=20_000)
    fast(model, phases, words, spins, 2 * 60)
    codes = (spins.T > 0) @ np.array([8, 4, 2, 1])
    # Whole numbers are in units of 1/8.
    expected = 20_000 * pbits.exact(model, beta=1 / 8).probabilities
    assert chisquare(np.bincount(codes, minlength=16), expected).pvalue > 1e-3


# Planted faults: each is seen by the comparison that is there for it.


def test_a_moved_tap_is_caught(monkeypatch):
    def moved(word, shifts=1):
        for _ in range(shifts):
            ones = sum(word >> (bit - 1) & 1 for bit in (32, 22, 3, 1))
            word = 2 * word % 2**32 + (ones + 1) % 2
        return word

    monkeypatch.setattr(twin, "lfsr", moved)
    assert not both(1, clocks=40)


def test_a_lost_saturation_is_caught(monkeypatch):
    honest = twin.decide
    monkeypatch.setattr(twin, "decide", lambda total, word, table: honest(total % (2 * len(table)), word, table))
    assert not both(1)


def test_a_tie_that_goes_up_is_caught(monkeypatch):
    monkeypatch.setattr(twin, "decide", lambda total, word, table: 1 if table[abs(total)] >= word else -1)
    found, faulty = tied(1, 3)
    assert found != faulty


def test_a_table_off_by_a_percent_is_caught():
    model, phases = network()
    words, spins = start(model.n, 4)
    words_too, spins_too = words.copy(), spins.copy()
    fast(model, phases, words, spins, 1000, table=[int(0.99 * level) for level in TABLE])
    slow(model, phases, words_too, spins_too, 1000)
    assert np.array_equal(words, words_too)
    assert not np.array_equal(spins, spins_too)


def test_neighbours_that_move_together_are_caught():
    model, phases = network()
    words, spins = start(model.n, 1)
    words_too, spins_too = words.copy(), spins.copy()
    fast(model, [np.concatenate(phases)], words, spins, 60)
    slow(model, [np.concatenate(phases)], words_too, spins_too, 60)
    assert not np.array_equal(spins, spins_too)
