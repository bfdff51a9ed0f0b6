"""Invertible logic: gates whose ground states are their truth tables, and circuits that run in any direction."""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pbits.models import IsingModel
from pbits.models.base import finite_number, read_only
from pbits.problems.base import Problem, spins_of


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Gate:
    """A logic gate as an Ising model whose states of lowest energy are the rows of its truth table, and no others.

    One p-bit a terminal, −1 for 0 and +1 for 1. A gate that no pairwise energy can hold has hidden p-bits too. All
    rows have one energy, so none is preferred.

    Parameters
    ----------
    name : str
    inputs, outputs : tuple of str
        The terminals.
    rule : callable
        Takes the input bits in order, returns the tuple of output bits.
    J : (n, n) array
        Couplings of inputs, outputs and hidden p-bits, in this order; small integers.
    h : (n,) array
        Fields.
    hidden : int
        How many p-bits are no terminals.

    Raises
    ------
    ValueError
        When the ground states are not the rows of the truth table, each row as often as any other.

    Examples
    --------
    >>> from pbits.problems.gates import AND
    >>> AND.table.tolist()
    [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 1]]
    >>> AND.gap, AND.model.energy([[-1, 1, -1], [-1, -1, 1]])
    (4.0, array([ 0., 12.]))
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rule: Callable[..., tuple[int, ...]]
    J: ArrayLike
    h: ArrayLike
    hidden: int = 0

    def __post_init__(self) -> None:
        n = len(self.terminals) + self.hidden
        if self.model.n != n:
            raise ValueError(f"gate {self.name}: J has {self.model.n} rows, its terminals and hidden p-bits are {n}")
        ground = _states(n)[self._energies == 0, : len(self.terminals)]
        seen = Counter(map(tuple, (ground > 0).astype(int).tolist()))
        if seen.keys() != self.rows or len(set(seen.values())) > 1:
            raise ValueError(
                f"gate {self.name}: its states of lowest energy are {sorted(seen.elements())}; they must be the rows "
                f"of the truth table, {sorted(self.rows)}, each as often as any other"
            )

    def __repr__(self) -> str:
        return f"<Gate {self.name}: {', '.join(self.inputs)} → {', '.join(self.outputs)}>"

    @property
    def terminals(self) -> tuple[str, ...]:
        return self.inputs + self.outputs

    @cached_property
    def model(self) -> IsingModel:
        """The energy, with the offset that gives the rows of the truth table energy 0."""
        bare = IsingModel(self.J, self.h)
        return IsingModel(self.J, self.h, -float(bare.energy(_states(bare.n)).min()))

    @cached_property
    def gap(self) -> float:
        """The lowest energy above that of the truth table."""
        return float(self._energies[self._energies > 0].min())

    @cached_property
    def table(self) -> NDArray[np.int64]:
        """The truth table, (2^inputs, terminals), of 0 and 1."""
        rows = itertools.product((0, 1), repeat=len(self.inputs))
        return read_only(np.array([row + tuple(map(int, self.rule(*row))) for row in rows]))

    @cached_property
    def rows(self) -> frozenset[tuple[int, ...]]:
        """The truth table as a set."""
        return frozenset(map(tuple, self.table.tolist()))

    @property
    def _energies(self) -> NDArray[np.float64]:
        return self.model.energy(_states(self.model.n))


def _states(n: int) -> NDArray[np.int64]:
    return np.array(list(itertools.product((-1, 1), repeat=n)))


# Each is the answer of an integer program: the widest gap that its largest |J| or |h| allows, then the smallest Σ|J|.
# Adders, COPY and NOT are then doubled, so that all have the gap 4: circuits find answers most often when their gates
# are equally stiff.
COPY = Gate(name="COPY", inputs=("a",), outputs=("out",), rule=lambda a: (a,), J=[[0, 2], [2, 0]], h=[0, 0])
NOT = Gate(name="NOT", inputs=("a",), outputs=("out",), rule=lambda a: (1 - a,), J=[[0, -2], [-2, 0]], h=[0, 0])
AND = Gate(
    name="AND",
    inputs=("a", "b"),
    outputs=("out",),
    rule=lambda a, b: (a & b,),
    J=[[0, -1, 2], [-1, 0, 2], [2, 2, 0]],
    h=[1, 1, -2],
)
OR = Gate(
    name="OR",
    inputs=("a", "b"),
    outputs=("out",),
    rule=lambda a, b: (a | b,),
    J=[[0, -1, 2], [-1, 0, 2], [2, 2, 0]],
    h=[-1, -1, 2],
)
NAND = Gate(
    name="NAND",
    inputs=("a", "b"),
    outputs=("out",),
    rule=lambda a, b: (1 - (a & b),),
    J=[[0, -1, -2], [-1, 0, -2], [-2, -2, 0]],
    h=[1, 1, 2],
)
NOR = Gate(
    name="NOR",
    inputs=("a", "b"),
    outputs=("out",),
    rule=lambda a, b: (1 - (a | b),),
    J=[[0, -1, -2], [-1, 0, -2], [-2, -2, 0]],
    h=[-1, -1, -2],
)
HALF_ADDER = Gate(
    name="HALF_ADDER",
    inputs=("a", "b"),
    outputs=("sum", "carry"),
    rule=lambda a, b: (a ^ b, a & b),
    J=[[0, -2, 2, 4], [-2, 0, 2, 4], [2, 2, 0, -4], [4, 4, -4, 0]],
    h=[2, 2, -2, -4],
)
# No pairwise energy of three p-bits tells the parity of two; the fourth is the carry of the half adder.
XOR = Gate(
    name="XOR",
    inputs=("a", "b"),
    outputs=("out",),
    hidden=1,
    rule=lambda a, b: (a ^ b,),
    J=HALF_ADDER.J,
    h=HALF_ADDER.h,
)
FULL_ADDER = Gate(
    name="FULL_ADDER",
    inputs=("a", "b", "carry_in"),
    outputs=("sum", "carry"),
    rule=lambda a, b, c: ((a + b + c) % 2, (a + b + c) // 2),
    J=[[0, -2, -2, 2, 4], [-2, 0, -2, 2, 4], [-2, -2, 0, 2, 4], [2, 2, 2, 0, -4], [4, 4, 4, -4, 0]],
    h=[0, 0, 0, 0, 0],
)
MAJORITY = Gate(
    name="MAJORITY",
    inputs=("a", "b", "c"),
    outputs=("out",),
    rule=lambda a, b, c: (int(a + b + c > 1),),
    J=[[0, -1, -1, 2], [-1, 0, -1, 2], [-1, -1, 0, 2], [2, 2, 2, 0]],
    h=[0, 0, 0, 0],
)
# The hidden p-bit is select ∧ b.
MULTIPLEXER = Gate(
    name="MULTIPLEXER",
    inputs=("select", "a", "b"),
    outputs=("out",),
    hidden=1,
    rule=lambda select, a, b: (b if select else a,),
    J=[[0, 1, -1, -2, 4], [1, 0, 0, 2, -2], [-1, 0, 0, 0, 2], [-2, 2, 0, 0, 4], [4, -2, 2, 4, 0]],
    h=[2, -1, 1, 2, -4],
)
GATES = {
    gate.name: gate for gate in (COPY, NOT, AND, OR, NAND, NOR, XOR, HALF_ADDER, FULL_ADDER, MULTIPLEXER, MAJORITY)
}


class Circuit:
    """Gates joined by named wires. What is an input and what an output is decided by what a run clamps.

    Gates that meet on a wire share its p-bit, and their couplings add up; or each has a p-bit of its own there, joined
    to the one before by a ferromagnetic coupling, so that no p-bit needs many wires (`add(..., copy=True)`).
    The energy is 0 where every gate and every joint holds, and at least the smallest gap elsewhere.

    Parameters
    ----------
    copy_strength : float
        The coupling of p-bits that stand for one wire.

    Examples
    --------
    >>> from pbits.problems import Circuit, gates
    >>> circuit = Circuit()
    >>> circuit.add(gates.XOR, a="a", b="b", out="t")
    >>> circuit.add(gates.AND, a="t", b="c", out="z")
    >>> circuit.implied({"a": 1, "b": 0, "c": 1})
    {'a': 1, 'b': 0, 'c': 1, 't': 1, 'z': 1}
    >>> circuit.implied({"z": 1})
    {'z': 1, 't': 1, 'c': 1}
    """

    def __init__(self, copy_strength: float = 2.0):
        if finite_number(copy_strength, "copy_strength") <= 0:
            raise ValueError(f"copy_strength is {copy_strength}; only a positive coupling makes copies agree")
        self.copy_strength = float(copy_strength)
        self.n = 0
        self.words: dict[str, tuple[str, ...]] = {}
        self._sites: dict[str, list[int]] = {}
        self._driver: dict[str, str] = {}
        self._gates: list[tuple[Gate, tuple[str, ...], tuple[int, ...]]] = []

    def __repr__(self) -> str:
        return f"<Circuit: {len(self._gates)} gates, {len(self._sites)} wires, {self.n} p-bits>"

    @property
    def wires(self) -> tuple[str, ...]:
        return tuple(self._sites)

    def word(self, name: str, width: int) -> tuple[str, ...]:
        """The wires name[0] … name[width − 1] of a whole number, the lowest bit first."""
        if operator.index(width) < 1:
            raise ValueError(f"word {name!r} has {width} bits; it needs at least 1")
        if name in self.words or name in self._sites:
            raise ValueError(f"there is a word or a wire {name!r} already; choose another name")
        self.words[name] = tuple(f"{name}[{bit}]" for bit in range(width))
        return self.words[name]

    def add(self, gate: Gate, *, copy: bool = False, **wires: str) -> None:
        """Add a gate, its terminals on the wires named; a new name makes a new wire.

        Parameters
        ----------
        gate : Gate
        copy : bool
            Whether the gate gets a p-bit of its own on wires that have one already.
        **wires : str
            The wire of each terminal.

        Raises
        ------
        ValueError
            For a terminal that is missing or that the gate does not have, two outputs on one wire, two terminals of
            one gate on one p-bit, or a wire that has the name of a word.
        """
        self._check(gate, copy, wires)
        for terminal in gate.outputs:
            self._driver[wires[terminal]] = gate.name
        sites = [self._site(wires[terminal], copy) for terminal in gate.terminals]
        sites += [self._new_site() for _ in range(gate.hidden)]
        self._gates.append((gate, tuple(wires[terminal] for terminal in gate.terminals), tuple(sites)))

    def _check(self, gate: Gate, copy: bool, wires: Mapping[str, str]) -> None:
        takes = f"{gate.name} has the terminals {', '.join(gate.terminals)}"
        if unknown := wires.keys() - set(gate.terminals):
            raise ValueError(f"{takes}; there is no {sorted(unknown)[0]!r}")
        if missing := [terminal for terminal in gate.terminals if terminal not in wires]:
            raise ValueError(f"{takes}; {', '.join(missing)} is not connected: name a wire for each")
        if words := [wire for wire in wires.values() if wire in self.words]:
            raise ValueError(f"{words[0]!r} is a word; connect one of its wires, {self.words[words[0]][0]!r} …")
        doubled = [wire for wire, count in Counter(wires.values()).items() if count > 1]
        if doubled and not copy:
            raise ValueError(
                f"two terminals of {gate.name} are on wire {doubled[0]!r}, and a p-bit cannot couple to itself: use "
                "copy=True"
            )
        outputs = Counter(wires[terminal] for terminal in gate.outputs)
        for wire, count in outputs.items():
            if count > 1 or wire in self._driver:
                driver = self._driver.get(wire, gate.name)
                raise ValueError(
                    f"wire {wire!r} is an output of {driver} already; give this output of {gate.name} another wire"
                )

    def _site(self, wire: str, copy: bool) -> int:
        sites = self._sites.setdefault(wire, [])
        if copy or not sites:
            sites.append(self._new_site())
        return sites[-1]

    def _new_site(self) -> int:
        self.n += 1
        return self.n - 1

    def implied(self, values: Mapping[str, int]) -> dict[str, int]:
        """The wires that `values` determine, gate by gate, in any direction; those of `values` first.

        A wire is determined where all rows of one gate's truth table that agree with what is known have the same bit
        there. With every input given, this evaluates the circuit.

        Parameters
        ----------
        values : mapping of str to int
            Words and wires.

        Raises
        ------
        ValueError
            For unknown names, numbers that do not fit, or values that no row of some gate agrees with.
        """
        known = self._bits(values)
        before = -1
        while len(known) > before:
            before = len(known)
            for gate, wires, _ in self._gates:
                given = [column for column, wire in enumerate(wires) if wire in known]
                if len(given) == len(wires) and tuple(known[wire] for wire in wires) in gate.rows:
                    continue
                rows = gate.table[(gate.table[:, given] == [known[wires[column]] for column in given]).all(axis=1)]
                if not len(rows):
                    seen = ", ".join(f"{wires[column]} = {known[wires[column]]}" for column in given)
                    raise ValueError(f"no row of {gate.name} has {seen}: the circuit cannot hold these values")
                for column in np.flatnonzero((rows == rows[0]).all(axis=0)):
                    known[wires[column]] = int(rows[0, column])
        return known

    def _bits(self, values: Mapping[str, int]) -> dict[str, int]:
        """Wire → bit, of words and wires given together."""
        bits: dict[str, int] = {}
        for name, value in values.items():
            wires = self.words.get(name) or ((name,) if name in self._sites else ())
            if not wires:
                inside = set(itertools.chain(*self.words.values()))
                known = ", ".join([*self.words, *(wire for wire in self._sites if wire not in inside)][:12])
                raise ValueError(f"there is no wire or word {name!r}; there are {known}")
            number = operator.index(value)
            if not 0 <= number < 2 ** len(wires):
                raise ValueError(f"{name} is {value}; its {len(wires)} bits hold 0 to {2 ** len(wires) - 1}")
            for place, wire in enumerate(wires):
                bit = number >> place & 1
                if bits.setdefault(wire, bit) != bit:
                    raise ValueError(f"{name} = {value} and another value given disagree on wire {wire!r}")
        return bits

    def problem(self, clamp: Mapping[str, int] | None = None, presolve: bool = False) -> CircuitProblem:
        """The circuit with some words and wires held: inputs to compute, outputs to run it backwards.

        Parameters
        ----------
        clamp : mapping of str to int, optional
        presolve : bool
            Whether wires that the clamps imply (see `implied`) are clamped too.

        Raises
        ------
        ValueError
            For a word with a wire on no gate, unknown names, or values that do not fit.
        """
        return CircuitProblem(self, {} if clamp is None else clamp, presolve)


class CircuitProblem(Problem):
    """A circuit to be brought into agreement with what is clamped.

    An answer has every word as a number and every other wire as a bit. Made by `Circuit.problem`.

    A state is feasible where every gate finds a row of its truth table on its p-bits, and all p-bits of a wire agree.

    Examples
    --------
    >>> import pbits
    >>> from pbits.problems import Circuit, gates
    >>> circuit = Circuit()
    >>> gates.ripple_adder(circuit, circuit.word("a", 3), circuit.word("b", 3), circuit.word("s", 4))
    >>> backwards = circuit.problem(clamp={"s": 9, "a": 4})
    >>> answer = pbits.run(backwards, "ideal", seed=1).solution
    >>> answer.feasible, answer.value["b"]
    (True, 5)
    """

    sense = "max"
    goal = 1.0

    def __init__(self, circuit: Circuit, clamp: Mapping[str, int], presolve: bool = False, name: str | None = None):
        loose = [wire for word in circuit.words.values() for wire in word if wire not in circuit._sites]
        if loose or not circuit._gates:
            what = f"wire {loose[0]!r} is on no gate" if loose else "the circuit has no gate"
            raise ValueError(f"{what}; add all gates before the problem is made")
        self.clamped = circuit.implied(clamp) if presolve else circuit._bits(clamp)
        self.words = dict(circuit.words)
        self.sites = {wire: tuple(sites) for wire, sites in circuit._sites.items()}
        self.copy_strength = circuit.copy_strength
        self._placed = list(circuit._gates)
        self._n = circuit.n
        self.name = name or f"circuit of {len(self._placed)} gates, {self._n} p-bits"

    def build_model(self) -> IsingModel:
        edges, weights = [], []
        fields, offset = np.zeros(self._n), 0.0
        for gate, _, sites in self._placed:
            i, j, w = gate.model.edges()
            edges += [(sites[a], sites[b]) for a, b in zip(i, j)]
            weights += w.tolist()
            fields[list(sites)] += gate.model.h
            offset += gate.model.offset
        joints = self._joints
        return IsingModel.from_edges(
            self._n,
            edges + joints,
            weights + [self.copy_strength] * len(joints),
            fields,
            offset + self.copy_strength * len(joints),
        )

    @cached_property
    def _joints(self) -> list[tuple[int, int]]:
        return [pair for sites in self.sites.values() for pair in itertools.pairwise(sites)]

    def clamp(self) -> dict[int, float]:
        return {site: 2.0 * bit - 1 for wire, bit in self.clamped.items() for site in self.sites[wire]}

    def decode(self, state: ArrayLike, repair: bool = False) -> dict[str, int]:
        """Every word as a number and every other wire as a bit; a wire of several p-bits has the first one's."""
        inside = set(itertools.chain(*self.words.values()))
        bits = spins_of(state, self._n) > 0
        words = {word: self.number(state, word) for word in self.words}
        return words | {wire: int(bits[sites[0]]) for wire, sites in self.sites.items() if wire not in inside}

    def number(self, state: ArrayLike, word: str) -> int:
        """The number on the wires of one word."""
        bits = spins_of(state, self._n)[[self.sites[wire][0] for wire in self.words[word]]] > 0
        return sum(1 << place for place in np.flatnonzero(bits).tolist())

    def score(self, answer: Mapping[str, int]) -> float:
        """The share of gates that find a row of their truth table among the answer's bits."""
        bits = {
            wire: answer[word] >> place & 1 for word, wires in self.words.items() for place, wire in enumerate(wires)
        }
        bits |= {wire: bit for wire, bit in answer.items() if wire not in self.words}
        held = [tuple(bits[wire] for wire in wires) in gate.rows for gate, wires, _ in self._placed]
        return sum(held) / len(held)

    def violations(self, state: ArrayLike) -> dict[str, int]:
        """Gate name → how many of that kind find no row of their truth table; "copy" → joints that disagree."""
        bits = (spins_of(state, self._n) > 0).astype(int).tolist()
        broken = dict.fromkeys((gate.name for gate, _, _ in self._placed), 0)
        for gate, wires, sites in self._placed:
            broken[gate.name] += tuple(bits[site] for site in sites[: len(wires)]) not in gate.rows
        if self._joints:
            broken["copy"] = sum(bits[i] != bits[j] for i, j in self._joints)
        return broken

    def beta_range(self) -> tuple[float, float]:
        """β from 1.6 to 5, divided by the smallest gap of a gate; measured on multipliers."""
        gap = min(gate.gap for gate, _, _ in self._placed)
        return 1.6 / gap, 5 / gap


def ripple_adder(
    circuit: Circuit,
    a: Sequence[str],
    b: Sequence[str],
    total: Sequence[str],
    carry_in: str | None = None,
    copy: bool = False,
) -> None:
    """Add total = a + b (+ carry_in) to a circuit: one adder a bit, the carry rippling from the lowest.

    Parameters
    ----------
    circuit : Circuit
    a, b : n wires each, the lowest bit first
    total : n + 1 wires
    carry_in : str, optional
        A wire to be added to the lowest bits.
    copy : bool
        As `Circuit.add` takes it.

    Raises
    ------
    ValueError
        For words of other widths.
    """
    n = len(a)
    if not n or len(b) != n or len(total) != n + 1:
        raise ValueError(f"a has {n} bits, b {len(b)} and total {len(total)}; expected n, n and n + 1, n at least 1")
    carry = carry_in
    for bit in range(n):
        out = total[n] if bit == n - 1 else f"carry of {total[bit]}"
        _add_bits(circuit, [a[bit], b[bit], carry], total[bit], out, copy)
        carry = out


def multiplier(
    circuit: Circuit, x: Sequence[str], y: Sequence[str], product: Sequence[str], copy: bool = False
) -> None:
    """Add product = x · y to a circuit: an array of cells, each AND and an adder, a row for each bit of y.

    Parameters
    ----------
    circuit : Circuit
    x, y : n and m wires, at least 2 each, the lowest bit first
    product : n + m wires
    copy : bool
        As `Circuit.add` takes it.

    Raises
    ------
    ValueError
        For words of other widths.
    """
    n, m = len(x), len(y)
    if min(n, m) < 2 or len(product) != n + m:
        raise ValueError(
            f"x has {n} bits, y {m} and the product {len(product)}; expected n and m of at least 2, and n + m"
        )
    above: list[str | None] = []
    for row in range(m):
        terms = [f"{x[i]}·{y[row]}" for i in range(n)]
        if row == 0:
            terms[0] = product[0]
        for i in range(n):
            circuit.add(AND, copy=copy, a=x[i], b=y[row], out=terms[i])
        if row == 0:
            above = [*terms[1:], None]
            continue
        last = row == m - 1
        sums = [product[row], *(product[row + i] if last else f"sum at {terms[i]}" for i in range(1, n))]
        carries = [f"carry at {term}" for term in terms]
        if last:
            carries[-1] = product[-1]
        for i in range(n):
            carry = carries[i - 1] if i else None
            _add_bits(circuit, [terms[i], above[i], carry], sums[i], carries[i], copy)
        above = [*sums[1:], carries[-1]]


def _add_bits(circuit: Circuit, bits: Sequence[str | None], total: str, carry: str, copy: bool) -> None:
    present = [wire for wire in bits if wire is not None]
    gate = FULL_ADDER if len(present) == 3 else HALF_ADDER
    circuit.add(gate, copy=copy, **dict(zip(gate.inputs, present)), sum=total, carry=carry)
