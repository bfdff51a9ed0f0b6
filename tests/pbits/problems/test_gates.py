"""Gates by enumeration of all their states; circuits by arithmetic, in every direction."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from hardware_models import pbit
from pbits.problems import Circuit, gates
from pbits.problems.gates import GATES, Gate, multiplier, ripple_adder

# The truth tables, written out a second time: columns are the terminals, inputs first.
TABLES = {
    "COPY": "00 11",
    "NOT": "01 10",
    "AND": "000 010 100 111",
    "OR": "000 011 101 111",
    "NAND": "001 011 101 110",
    "NOR": "001 010 100 110",
    "XOR": "000 011 101 110",
    "HALF_ADDER": "0000 0110 1010 1101",
    "FULL_ADDER": "00000 00110 01010 01101 10010 10101 11001 11111",
    "MULTIPLEXER": "0000 0010 0101 0111 1000 1011 1100 1111",
    "MAJORITY": "0000 0010 0100 0111 1000 1011 1101 1111",
}


def states(n):
    return np.array(list(itertools.product((-1, 1), repeat=n)))


def scaled(gate, factor):
    return dataclasses.replace(gate, J=factor * np.array(gate.J), h=factor * np.array(gate.h))


def solved(circuit, clamp, chains=64, sweeps=1000, **options):
    problem = circuit.problem(clamp, **options)
    low, high = problem.beta_range()
    schedule = pbits.Schedule.anneal(sweeps=sweeps, beta_start=low, beta_stop=high, chains=chains)
    return pbits.run(problem, "ideal", schedule, seed=1).solution


# ---- gates ----


def test_every_gate_has_its_table_here():
    assert GATES.keys() == TABLES.keys()
    assert all(gate.name == name for name, gate in GATES.items())


@pytest.mark.parametrize("name", TABLES)
def test_the_ground_states_are_the_truth_table_and_the_gap_is_four(name):
    gate = GATES[name]
    n, terminals = gate.model.n, len(gate.terminals)
    J, h = np.array(gate.J), np.array(gate.h)
    assert J.dtype.kind == h.dtype.kind == "i"
    assert np.abs(J).max() <= 4
    assert np.abs(h).max() <= 4
    # From the definition, not through the model.
    energies = np.array([-0.5 * s @ J @ s - h @ s for s in states(n)])
    ground = energies == energies.min()
    rows = ["".join(str((spin + 1) // 2) for spin in s[:terminals]) for s in states(n)[ground]]
    assert sorted(rows) == sorted(TABLES[name].split())
    assert np.sort(energies)[ground.sum()] - energies.min() == gate.gap == 4
    assert gate.model.energy(states(n)[ground]).tolist() == [0] * len(rows)
    assert ["".join(map(str, row)) for row in gate.table.tolist()] == TABLES[name].split()


@pytest.mark.parametrize("name", sorted(TABLES))
def test_one_coupling_off_is_no_gate(name):
    gate = GATES[name]
    for i, j in zip(*np.nonzero(np.triu(gate.J))):
        broken = np.array(gate.J)
        broken[i, j] = broken[j, i] = -broken[i, j]
        with pytest.raises(ValueError, match="must be the rows of the truth table"):
            dataclasses.replace(gate, J=broken)


def test_rows_must_be_equally_likely():
    # A free hidden p-bit is welcome; one that is free in some rows only makes them twice as likely.
    free = Gate(name="FREE", inputs=("a",), outputs=("out",), rule=lambda a: (a,), hidden=1,
                J=[[0, 2, 0], [2, 0, 0], [0, 0, 0]], h=[0, 0, 0])  # fmt: skip
    assert free.gap == 4
    with pytest.raises(ValueError, match="each as often as any other"):
        dataclasses.replace(free, J=[[0, 2, 1], [2, 0, 0], [1, 0, 0]], h=[0, 0, 1])
    with pytest.raises(ValueError, match="J has 3 rows, its terminals and hidden p-bits are 2"):
        dataclasses.replace(free, hidden=0)


# ---- clocks ----


def valid_share(law, gate):
    return law.probabilities[gate.model.energy(law.states) == 0].sum()


@pytest.mark.parametrize("beta", [0.125, 0.25])
def test_a_synchronous_full_adder_leaves_its_truth_table(beta):
    adder = gates.FULL_ADDER
    weights = np.exp(-beta * adder.model.energy(states(5)))
    chromatic = pbit.stationary_law(adder.model, "chromatic", beta=beta)
    assert valid_share(chromatic, adder) == pytest.approx(8 / weights.sum(), rel=1e-9)
    # All at once without fields, P(s) ∝ Π cosh(β I_i).
    inputs = states(5) @ np.array(adder.J)
    together = np.cosh(beta * inputs).prod(axis=1)
    expected = together[adder.model.energy(states(5)) == 0].sum() / together.sum()
    synchronous = pbit.stationary_law(adder.model, "synchronous", beta=beta)
    assert valid_share(synchronous, adder) == pytest.approx(expected, rel=1e-6)
    # A fair coin for each p-bit would hit 8 of 32 states.
    assert valid_share(synchronous, adder) < 8 / 32 < valid_share(chromatic, adder)


def test_one_circuit_runs_unchanged_under_another_clock():
    circuit = Circuit()
    circuit.add(gates.FULL_ADDER, a="a", b="b", carry_in="c", sum="s", carry="d")
    problem, beta, draws = circuit.problem(), 0.125, 64 * 2000
    schedule = pbits.Schedule(n_samples=2000, n_warmup=50, steps_per_sample=2, beta=beta, chains=64)
    for update in ("chromatic", "synchronous"):
        run = pbits.run(problem, pbit.Array(update=update), schedule, seed=3)
        law = pbit.stationary_law(gates.FULL_ADDER.model, update, beta=beta)
        expected, share = valid_share(law, gates.FULL_ADDER), run.solution.valid_fraction
        # Draws are correlated over a few sweeps: at most 16 times the variance of independent ones, and six of these
        # standard errors, so that a false alarm has less than one chance in 10⁸.
        assert abs(share - expected) < 6 * 4 * np.sqrt(expected * (1 - expected) / draws)


# ---- circuits ----


def adder(width, copy=False, carry_in=None):
    circuit = Circuit()
    a, b, total = circuit.word("a", width), circuit.word("b", width), circuit.word("s", width + 1)
    ripple_adder(circuit, a, b, total, carry_in=carry_in, copy=copy)
    return circuit


def product(n, m, copy=False):
    circuit = Circuit()
    multiplier(circuit, circuit.word("x", n), circuit.word("y", m), circuit.word("p", n + m), copy=copy)
    return circuit


@settings(max_examples=30, deadline=None)
@given(st.data(), st.integers(1, 7))
def test_an_adder_adds(data, width):
    a, b = (data.draw(st.integers(0, 2**width - 1)) for _ in range(2))
    carry = data.draw(st.integers(0, 1))
    circuit = adder(width, carry_in="c")
    known = circuit.implied({"a": a, "b": b, "c": carry})
    assert sum(known[f"s[{place}]"] << place for place in range(width + 1)) == a + b + carry
    assert known.keys() == set(circuit.wires)


@settings(max_examples=30, deadline=None)
@given(st.data(), st.integers(2, 6), st.integers(2, 6))
def test_a_multiplier_multiplies_and_its_energy_is_zero_there_alone(data, n, m):
    x, y = data.draw(st.integers(0, 2**n - 1)), data.draw(st.integers(0, 2**m - 1))
    circuit = product(n, m, copy=data.draw(st.booleans()))
    known = circuit.implied({"x": x, "y": y})
    assert sum(known[f"p[{place}]"] << place for place in range(n + m)) == x * y
    problem = circuit.problem()
    model, state = problem.to_model(), np.empty(circuit.n)
    for wire, sites in problem.sites.items():
        state[list(sites)] = 2 * known[wire] - 1
    assert model.energy(state) == 0
    assert not any(problem.violations(state).values())
    answer = problem.decode(state)
    assert (answer["x"], answer["y"], answer["p"], problem.score(answer)) == (x, y, x * y, 1)
    # A flip that breaks a gate or a joint costs the smallest gap at least; only what a 0 masks flips freely.
    site = data.draw(st.integers(0, circuit.n - 1))
    state[site] *= -1
    broken = sum(problem.violations(state).values())
    assert model.energy(state) >= 4 if broken else model.energy(state) == 0
    assert broken or x * y == 0


@pytest.mark.parametrize("copy", [False, True])
def test_the_ground_states_of_a_circuit_are_its_assignments(copy):
    circuit = adder(2, copy)
    model = circuit.problem().to_model()
    law = pbits.exact(model, beta=20.0)
    ground = law.states[law.probabilities > 1e-6]
    answers = [circuit.problem().decode(state) for state in ground]
    assert sorted((one["a"], one["b"]) for one in answers) == sorted(itertools.product(range(4), repeat=2))
    assert all(one["s"] == one["a"] + one["b"] for one in answers)
    assert law.probabilities[law.probabilities > 1e-6] == pytest.approx([1 / 16] * 16)


def test_a_circuit_runs_forward_backward_and_in_between():
    circuit = adder(4)
    forward = solved(circuit, {"a": 11, "b": 6})
    assert (forward.feasible, forward.value["s"], forward.objective) == (True, 17, 1)
    backward = solved(circuit, {"s": 23})
    assert backward.feasible
    assert backward.value["a"] + backward.value["b"] == 23
    subtracted = solved(circuit, {"s": 23, "b": 9}, presolve=True)
    assert (subtracted.feasible, subtracted.value["a"]) == (True, 14)


def test_division_with_copies_agrees_on_every_wire():
    circuit = product(3, 3, copy=True)
    answer = solved(circuit, {"p": 35, "x": 5})
    assert answer.feasible
    assert answer.value["y"] == 7
    assert answer.violations["copy"] == 0


def test_copies_keep_degrees_low():
    def degree(circuit):
        return circuit.problem().to_model().degrees.max()

    assert degree(product(6, 6)) == 12
    # Four neighbours in a full adder at most, and two along the copies.
    assert degree(product(6, 6, copy=True)) <= 6


def test_what_is_broken_is_counted_by_gate():
    circuit = Circuit()
    circuit.add(gates.AND, a="a", b="b", out="c")
    circuit.add(gates.NOT, copy=True, a="c", out="d")
    problem = circuit.problem()
    # Sites: a, b, c of AND; c of NOT, d.
    assert problem.violations([1, 1, -1, 1, 1]) == {"AND": 1, "NOT": 1, "copy": 1}
    assert problem.violations([1, 1, 1, 1, -1]) == {"AND": 0, "NOT": 0, "copy": 0}
    assert problem.score({"a": 1, "b": 1, "c": 1, "d": 1}) == 0.5
    run = problem.solution([[1, 1, -1, 1, 1]], [1.0])
    assert (run.feasible, run.objective) == (False, None)


def test_hidden_p_bits_break_no_gate():
    circuit = Circuit()
    circuit.add(gates.XOR, a="a", b="b", out="c")
    problem = circuit.problem()
    for hidden in (-1, 1):
        assert problem.violations([1, -1, 1, hidden]) == {"XOR": 0}


def test_presolving_clamps_what_follows_and_nothing_else():
    circuit = product(3, 3)
    clamp = {"p": 35, "x[0]": 1, "y[0]": 1}
    plain, pre = circuit.problem(clamp), circuit.problem(clamp, presolve=True)
    assert plain.clamp().items() < pre.clamp().items()
    known = circuit.implied({"x": 5, "y": 7})
    mirror = circuit.implied({"x": 7, "y": 5})
    both = {wire for wire in known if known[wire] == mirror[wire]}
    assert pre.clamped.keys() <= both
    assert all(known[wire] == bit for wire, bit in pre.clamped.items())


def test_equal_gaps_find_more():
    # Adders of half the weight have half the gap of AND: the same multiplier, the same β in units of the smallest gap.
    circuit = product(6, 6)
    problem = circuit.problem({"p": 37 * 59, "x[0]": 1, "y[0]": 1}, presolve=True)
    other = circuit.problem({"p": 37 * 59, "x[0]": 1, "y[0]": 1}, presolve=True)
    other._placed = [
        (scaled(gate, 0.5) if "ADDER" in gate.name else gate, wires, sites) for gate, wires, sites in other._placed
    ]
    hits = []
    for posed in (problem, other):
        low, high = posed.beta_range()
        schedule = pbits.Schedule.anneal(sweeps=2000, beta_start=low, beta_stop=high, shape="linear", chains=512)
        hits.append(pbits.run(posed, "ideal", schedule, seed=1).success_fraction(objective=1)[0])
    assert hits[0] > 1.5 * hits[1] > 0


# ---- bad input ----


@pytest.mark.parametrize(
    ("wires", "message"),
    [
        ({"a": "p", "b": "q"}, "AND has the terminals a, b, out; out is not connected"),
        ({"a": "p", "b": "q", "out": "r", "c": "s"}, "AND has the terminals a, b, out; there is no 'c'"),
        ({"a": "p", "b": "q", "out": "z"}, "wire 'z' is an output of OR already"),
        ({"a": "p", "b": "p", "out": "r"}, "two terminals of AND are on wire 'p'"),
        ({"a": "w", "b": "q", "out": "r"}, r"'w' is a word; connect one of its wires, 'w\[0\]'"),
    ],
)
def test_gates_that_do_not_fit_are_refused_and_leave_nothing_behind(wires, message):
    circuit = Circuit()
    circuit.word("w", 2)
    circuit.add(gates.OR, a="u", b="v", out="z")
    with pytest.raises(ValueError, match=message):
        circuit.add(gates.AND, **wires)
    assert (circuit.n, circuit.wires) == (3, ("u", "v", "z"))


def test_both_outputs_of_a_gate_on_one_wire_are_refused():
    with pytest.raises(ValueError, match="wire 'z' is an output of HALF_ADDER already"):
        Circuit().add(gates.HALF_ADDER, copy=True, a="a", b="b", sum="z", carry="z")


def test_one_wire_on_two_inputs_takes_copies():
    circuit = Circuit()
    circuit.add(gates.XOR, copy=True, a="a", b="a", out="z")
    assert circuit.implied({"a": 1})["z"] == 0
    assert solved(circuit, {"a": 1}, chains=16).value["z"] == 0


@pytest.mark.parametrize(
    ("clamp", "message"),
    [
        ({"t": 1}, r"there is no wire or word 't'; there are a, b, s, carry of s\[0\]"),
        ({"s": 8}, "s is 8; its 3 bits hold 0 to 7"),
        ({"s": -1}, "s is -1; its 3 bits hold 0 to 7"),
        ({"a[0]": 2}, r"a\[0\] is 2; its 1 bits hold 0 to 1"),
        ({"a": 1, "a[0]": 0}, r"a\[0\] = 0 and another value given disagree on wire 'a\[0\]'"),
    ],
)
def test_clamps_that_fit_no_wire_are_refused(clamp, message):
    with pytest.raises(ValueError, match=message):
        adder(2).problem(clamp)


def test_values_that_contradict_are_refused_where_they_are_followed():
    with pytest.raises(ValueError, match="no row of HALF_ADDER has .*: the circuit cannot hold these values"):
        adder(1).problem({"a": 1, "b": 1, "s": 1}, presolve=True)


def test_loose_wires_and_empty_circuits_are_refused():
    circuit = Circuit()
    with pytest.raises(ValueError, match="the circuit has no gate"):
        circuit.problem()
    circuit.word("x", 3)
    circuit.add(gates.AND, a="x[0]", b="x[1]", out="z")
    with pytest.raises(ValueError, match=r"wire 'x\[2\]' is on no gate"):
        circuit.problem()


def test_words_of_the_wrong_width_are_refused():
    circuit = Circuit()
    x, y = circuit.word("x", 3), circuit.word("y", 2)
    with pytest.raises(ValueError, match="a has 3 bits, b 2 and total 4; expected n, n and n"):
        ripple_adder(circuit, x, y, circuit.word("s", 4))
    with pytest.raises(ValueError, match="x has 3 bits, y 2 and the product 4; expected n and m"):
        multiplier(circuit, x, y, circuit.word("p", 4))
    with pytest.raises(ValueError, match="at least 2"):
        multiplier(circuit, x[:1], y, circuit.word("q", 3))
    with pytest.raises(ValueError, match="'z' has 0 bits"):
        circuit.word("z", 0)
    with pytest.raises(ValueError, match="there is a word or a wire 'x' already"):
        circuit.word("x", 3)


@pytest.mark.parametrize("strength", [0.0, -1.0, np.nan])
def test_copies_must_attract(strength):
    with pytest.raises(ValueError, match="copy_strength"):
        Circuit(copy_strength=strength)
