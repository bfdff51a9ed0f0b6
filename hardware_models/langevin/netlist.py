"""Netlists of linear components with noise, and the linear stochastic differential equation that they obey.

Modified nodal analysis writes Kirchhoff's current law at every node, and one equation for every inductor, amplifier and
noise filter: M u̇ + K u = s + noise. Unknown are the node voltages, the currents of inductors and op-amps, and what slow
amplifiers and filters remember. Where M has no inverse, since a node has no capacitance or an op-amp is ideal, what M
does not move is solved for, and the rest is an ordinary equation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hardware_models.langevin.noise import BOLTZMANN_J_PER_K, Filtered, Held, Interpolated, Spectrum, White
from hardware_models.langevin.parts import Parts
from hardware_models.langevin.process import LinearCircuit, Source
from pbits.models.base import check_finite, is_symmetric, read_only, real_array

GROUND = "0"

Nodes = str | int | Sequence[str] | NDArray[np.integer]
Table = dict[str, NDArray[Any]]

_WHITE = White()
# Storage below this share of what surrounds it counts as missing: it could not be told from rounding.
_RANK = 1e-12
# Columns of each kind of component, nodes first.
_COLUMNS = {
    "resistor": ("a", "b", "ohm", "noisy"),
    "capacitor": ("a", "b", "farad"),
    "inductor": ("a", "b", "henry", "series_ohm"),
    "transconductor": ("out", "on", "siemens", "pole_hz"),
    "op_amp": ("out", "plus", "minus", "gain_bandwidth_hz", "dc_gain"),
    "current": ("into", "out_of", "ampere"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Injected:
    """Noise currents into k nodes: their cross-densities (k, k), A²/Hz two-sided at low frequency, and spectrum."""

    nodes: NDArray[np.int64]
    density: NDArray[np.float64]
    spectrum: Spectrum

    def root(self) -> NDArray[np.float64]:
        """R with RRᵀ the density: the symmetric one, so that equal independent sources stay apart."""
        variances = np.diag(self.density)
        if (self.density == np.diag(variances)).all():
            return np.diag(np.sqrt(variances))
        values, axes = np.linalg.eigh(self.density)
        return (axes * np.sqrt(np.maximum(values, 0))) @ axes.T


class Netlist:
    """Components between named nodes; "0" is ground.

    Every method takes one component, or arrays of equally many: nodes are names, or the numbers that `nodes` gave.

    Parameters
    ----------
    observe : sequence of str
        Nodes whose voltages are read, in this order; all of them, in the order of their naming, when empty.
    temperature_k : float
        Of the resistors; 0 for silent ones. At 0 K and without `noise` nothing fluctuates, and covariances are 0.

    Examples
    --------
    One cell at room temperature: ⟨v²⟩ = kT/C, whatever the resistor.

    >>> net = Netlist(temperature_k=300.0)
    >>> net.resistor("a", "0", 1e3)
    >>> net.capacitor("a", "0", 1e-12)
    >>> mean, covariance = net.linear().stationary()
    >>> f"{covariance[0, 0] ** 0.5:.3g} V"
    '6.44e-05 V'
    """

    def __init__(self, observe: Sequence[str] = (), *, temperature_k: float = 0.0):
        if not (np.isfinite(temperature_k) and temperature_k >= 0):
            raise ValueError(f"temperature_k is {temperature_k}; it must be finite and at least 0")
        self.temperature_k = float(temperature_k)
        self.noises: list[Injected] = []
        self._observe = tuple(observe)
        self._numbers = {GROUND: 0}
        self._batches: dict[str, list[tuple[NDArray[Any], ...]]] = {kind: [] for kind in _COLUMNS}

    @classmethod
    def of(cls, parts: Parts) -> Netlist:
        """The netlist of a machine of cells, node "v0" for cell 0 and so on; all are observed."""
        net = cls(temperature_k=parts.temperature_k)
        cells = net.nodes(*(f"v{cell}" for cell in range(parts.n)))
        for add, values in ((net.capacitor, parts.capacitance_f), (net.resistor, parts.conductance_s)):
            i, j = np.nonzero(np.triu(values))
            given = values[i, j]
            add(cells[i], np.where(i == j, 0, cells[j]), given if add == net.capacitor else 1 / given)
        if parts.transconductance_s is not None:
            i, j = np.nonzero(parts.transconductance_s)
            net.transconductor(cells[i], cells[j], parts.transconductance_s[i, j], pole_hz=parts.amplifier_pole_hz)
        if parts.inductance_h is not None:
            loss = 0.0 if parts.inductor_ohm is None else parts.inductor_ohm
            net.inductor(cells, 0, parts.inductance_h, series_ohm=loss)
        driven = np.flatnonzero(parts.drive_a)
        net.current(cells[driven], parts.drive_a[driven])
        if parts.noise_a2_per_hz.any():
            net.noise(cells, parts.noise_a2_per_hz, parts.spectrum)
        return net

    def __repr__(self) -> str:
        counts = {kind: sum(len(batch[0]) for batch in batches) for kind, batches in self._batches.items()}
        told = [f"nodes={len(self._numbers) - 1}", *(f"{kind}s={n}" for kind, n in counts.items() if n)]
        return f"Netlist({', '.join(told)}{'' if self.noisy else '; without noise'})"

    @property
    def noisy(self) -> bool:
        """Whether anything fluctuates: noise that is injected, or resistors at a temperature."""
        warm = self.table("resistor")["noisy"].any() or self.table("inductor")["series_ohm"].any()
        return any(len(noise.nodes) for noise in self.noises) or bool(self.temperature_k and warm)

    @property
    def names(self) -> tuple[str, ...]:
        """Every node by its number, ground first."""
        return tuple(self._numbers)

    @property
    def observed(self) -> tuple[str, ...]:
        """The nodes that are read."""
        return self._observe or self.names[1:]

    def nodes(self, *names: str) -> NDArray[np.int64]:
        """The numbers of nodes, which are made where they are new."""
        for name in names:
            if not isinstance(name, str) or not name:
                raise TypeError(f"{name!r} is no name of a node; names are text, and {GROUND!r} is ground")
        return np.array([self._numbers.setdefault(name, len(self._numbers)) for name in names], dtype=np.int64)

    def resistor(self, a: Nodes, b: Nodes, ohm: ArrayLike, *, noisy: bool = True) -> None:
        """A resistor, with Johnson noise of two-sided density 2kT/R unless it is not `noisy`."""
        self._add("resistor", [a, b], [_positive("resistor", "ohm", ohm), np.array(noisy)])

    def capacitor(self, a: Nodes, b: Nodes, farad: ArrayLike) -> None:
        self._add("capacitor", [a, b], [_positive("capacitor", "F", farad)])

    def inductor(self, a: Nodes, b: Nodes, henry: ArrayLike, *, series_ohm: ArrayLike = 0.0) -> None:
        """An inductor with the resistance of its wire, which is noisy like any other."""
        wire = _finite("inductor", "ohm", series_ohm)
        if wire.size and wire.min() < 0:
            raise ValueError(f"an inductor with a wire of {wire.min():g} ohm; a wire has at least 0")
        self._add("inductor", [a, b], [_positive("inductor", "H", henry), wire])

    def transconductor(self, out: Nodes, on: Nodes, siemens: ArrayLike, *, pole_hz: float | None = None) -> None:
        """Draws siemens × (voltage on `on`) out of `out`, to ground, of either sign; `on` gives no current.

        Above `pole_hz` its gain falls as 1/(1 + if/pole).
        """
        pole = np.array(np.inf) if pole_hz is None else _positive("transconductor", "Hz", pole_hz)
        self._add("transconductor", [out, on], [_finite("transconductor", "S", siemens), pole])

    def op_amp(
        self,
        out: Nodes,
        plus: Nodes,
        minus: Nodes,
        *,
        gain_bandwidth_hz: float | None = None,
        dc_gain: float | None = None,
    ) -> None:
        """Gain × (v_plus − v_minus) at `out`, from ground: A₀/(1 + if A₀/f_u) of the gain-bandwidth product f_u.

        Without either it is ideal: its output is whatever keeps both inputs alike. Without `dc_gain` alone it is an
        integrator, f_u/if, and without `gain_bandwidth_hz` alone it is never late.
        """
        limits = [("Hz", gain_bandwidth_hz), ("dc gain", dc_gain)]
        values = [np.array(np.inf) if given is None else _positive("op-amp", unit, given) for unit, given in limits]
        self._add("op_amp", [out, plus, minus], values)

    def current(self, into: Nodes, ampere: ArrayLike, *, out_of: Nodes = GROUND) -> None:
        """A constant current."""
        self._add("current", [into, out_of], [_finite("current", "A", ampere)])

    def noise(self, into: Nodes, density: ArrayLike, spectrum: Spectrum = _WHITE) -> None:
        """Noise currents into nodes, independent of all other noise.

        Parameters
        ----------
        into : Nodes
        density : float, (k,) or (k, k) array
            Two-sided at low frequency, A²/Hz: one for all nodes, or one for each, or all cross-densities. Noise of
            density s between two nodes is [[s, −s], [−s, s]].
        spectrum : Spectrum

        Raises
        ------
        ValueError
            For a density that is not symmetric or not positive semi-definite.
        """
        nodes = self._ends(into)
        given = real_array(density, "density")
        check_finite(given, "density")
        matrix = given * np.eye(len(nodes)) if given.shape in ((), nodes.shape) else given
        if matrix.shape != (len(nodes),) * 2:
            raise ValueError(f"density has shape {given.shape}; expected one number, ({len(nodes)},) or its square")
        if not is_symmetric(float(np.abs(matrix - matrix.T).max(initial=0)), float(np.abs(matrix).max(initial=0))):
            raise ValueError("density is not symmetric; two nodes share one cross-density")
        matrix = (matrix + matrix.T) / 2
        alone = (matrix == np.diag(np.diag(matrix))).all()
        lowest = (np.diag(matrix) if alone else np.linalg.eigvalsh(matrix)).min(initial=0)
        if lowest < -1e-12 * np.abs(matrix).max(initial=0):
            raise ValueError(f"density has the eigenvalue {lowest:.3g} A²/Hz; noise has none below 0")
        if not nodes.all():
            raise ValueError("noise into ground moves nothing; name the node it goes into")
        there = np.diag(matrix) > 0
        density = read_only(matrix[np.ix_(there, there)])
        self.noises.append(Injected(nodes=nodes[there], density=density, spectrum=spectrum))

    def table(self, kind: str) -> Table:
        """All components of a kind as columns: the numbers of their nodes, then their values."""
        batches = self._batches[kind]
        columns = zip(*batches) if batches else [(np.empty(0, dtype=np.int64),)] * len(_COLUMNS[kind])
        return dict(zip(_COLUMNS[kind], map(np.concatenate, columns)))

    def linear(self) -> LinearCircuit:
        """The linear stochastic differential equation of the circuit, SI units.

        Its states are voltages and currents, in the order of the nodes, inductors, amplifiers and filters, without
        those that nothing stores.

        Raises
        ------
        ValueError
            For nodes that nothing joins to ground, or capacitors only; observed nodes that are not there, or that white
            noise meets without a capacitance; capacitors or inductors whose voltages or currents are not free.
        """
        missing = [name for name in self.observed if name not in self._numbers or name == GROUND]
        if missing:
            known = ", ".join(self.names[1:6]) + ("…" if len(self.names) > 6 else "")
            raise ValueError(f"node {missing[0]!r} is observed and no component touches it; nodes are {known}")
        self._joined()
        equations = _Equations(self)
        return equations.reduced([self._numbers[name] - 1 for name in self.observed])

    def _add(self, kind: str, ends: list[Nodes], values: list[NDArray[Any]]) -> None:
        columns = np.broadcast_arrays(*(self._ends(end) for end in ends), *values)
        if columns[0].ndim > 1:
            raise ValueError(f"components of shape {columns[0].shape}; give one, or a row of them")
        first, second = ends[-2:] if kind == "op_amp" else ends[:2]
        same = (self._ends(first) == self._ends(second)) & (kind != "transconductor")
        if same.any():
            name = self.names[int(np.broadcast_to(self._ends(first), same.shape)[same][0])]
            raise ValueError(f"both ends of a {kind.replace('_', '-')} lie on node {name!r}; it would do nothing")
        if kind == "op_amp" and not columns[0].all():
            raise ValueError("an op-amp drives ground; its output needs a node of its own")
        self._batches[kind].append(columns)

    def _ends(self, given: Nodes) -> NDArray[np.int64]:
        if isinstance(given, str):
            return self.nodes(given)
        array = np.atleast_1d(np.asarray(given))
        if array.dtype.kind in "iu":
            if array.size and not 0 <= array.min() <= array.max() < len(self._numbers):
                raise ValueError(f"node {array.max()} is unknown; there are {len(self._numbers)}, ground included")
            return array.astype(np.int64)
        return self.nodes(*array.tolist())

    def _joined(self) -> None:
        """Refuse nodes without a path to ground, and those whose only path is for alternating currents."""
        two = {kind: self.table(kind) for kind in ("resistor", "inductor", "capacitor")}
        amplifiers, gm = self.table("op_amp"), self.table("transconductor")
        zeros = np.zeros_like(amplifiers["out"]), np.zeros_like(gm["out"])
        conducts = [(two[kind]["a"], two[kind]["b"]) for kind in ("resistor", "inductor")]
        conducts += [(amplifiers["out"], zeros[0]), (amplifiers["plus"], amplifiers["minus"]), (gm["out"], zeros[1])]
        self._reach(
            [*conducts, (two["capacitor"]["a"], two["capacitor"]["b"])],
            f"no component joins it to ground, which is node {GROUND!r}",
        )
        self._reach(conducts, "only capacitors join it to ground, so nothing fixes its mean: add a resistor to ground")

    def _reach(self, edges: list[tuple[NDArray[Any], NDArray[Any]]], why: str) -> None:
        a, b = (np.concatenate(ends) for ends in zip(*edges))
        size = len(self._numbers)
        _, island = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(size, size)), directed=False)
        loose = np.flatnonzero(island != island[0])
        if loose.size:
            others = f" (and {loose.size - 1} more)" if loose.size > 1 else ""
            raise ValueError(f"node {self.names[int(loose[0])]!r}{others} floats: {why}")


class _Stamps:
    """Entries of a square matrix whose row and column 0 are ground's."""

    def __init__(self) -> None:
        self._entries: list[tuple[NDArray[Any], ...]] = []

    def add(self, rows: Any, columns: Any, values: Any) -> None:
        self._entries.append(tuple(np.ravel(part) for part in np.broadcast_arrays(rows, columns, values)))

    def across(self, a: NDArray[Any], b: NDArray[Any], values: Any) -> None:
        """A current values × (v_a − v_b) from a to b."""
        for row, column, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
            self.add(row, column, sign * np.asarray(values))

    def matrix(self, size: int) -> NDArray[np.float64]:
        rows, columns, values = (np.concatenate(parts) for parts in zip(*self._entries))
        return coo_array((values, (rows, columns)), shape=(size + 1, size + 1)).toarray()[1:, 1:]


class _Equations:
    """M u̇ + K u = s + white noise of covariance W dt + B·(clocked noise)."""

    def __init__(self, net: Netlist):
        names = net.names
        labels = [f"v({name})" for name in names[1:]]
        storage, flow, white = _Stamps(), _Stamps(), _Stamps()
        none = np.zeros(1, dtype=np.int64)
        for stamps in (storage, flow, white):
            stamps.add(none, none, 0.0)
        thermal = 2 * BOLTZMANN_J_PER_K * net.temperature_k

        def more(count: int, label: list[str]) -> NDArray[np.int64]:
            labels.extend(label)
            return np.arange(len(labels) - count, len(labels)) + 1

        capacitors, resistors = net.table("capacitor"), net.table("resistor")
        storage.across(capacitors["a"], capacitors["b"], capacitors["farad"])
        flow.across(resistors["a"], resistors["b"], 1 / resistors["ohm"])
        white.across(resistors["a"], resistors["b"], thermal * resistors["noisy"] / resistors["ohm"])

        coils = net.table("inductor")
        a, b = coils["a"], coils["b"]
        through = more(len(a), [f"i({names[i]},{names[j]})" for i, j in zip(a, b)])
        storage.add(through, through, coils["henry"])
        for end, sign in ((a, 1.0), (b, -1.0)):
            flow.add(end, through, sign)
            flow.add(through, end, -sign)
        flow.add(through, through, coils["series_ohm"])
        white.add(through, through, thermal * coils["series_ohm"])

        amplifiers = net.table("op_amp")
        out = amplifiers["out"]
        driven = more(len(out), [f"i({names[node]})" for node in out])
        flow.add(out, driven, -1.0)
        storage.add(driven, out, 1 / (2 * np.pi * amplifiers["gain_bandwidth_hz"]))
        flow.add(driven, out, 1 / amplifiers["dc_gain"])
        flow.add(driven, amplifiers["plus"], -1.0)
        flow.add(driven, amplifiers["minus"], 1.0)

        gm = net.table("transconductor")
        slow = np.isfinite(gm["pole_hz"])
        flow.add(gm["out"][~slow], gm["on"][~slow], gm["siemens"][~slow])
        # Amplifiers of one pole on one node see the same: one memory serves them all.
        seen, which = np.unique(np.stack([gm["on"][slow], gm["pole_hz"][slow]], axis=1), axis=0, return_inverse=True)
        inputs = seen[:, 0].astype(np.int64)
        late = more(len(seen), [f"v({names[node]}) seen late" for node in inputs])
        storage.add(late, late, 1 / (2 * np.pi * seen[:, 1]))
        flow.add(late, late, 1.0)
        flow.add(late, inputs, -1.0)
        flow.add(gm["out"][slow], late[which.ravel()], gm["siemens"][slow])

        clocked = []
        for noise in net.noises:
            place = noise.nodes
            if isinstance(noise.spectrum, Filtered):
                filters = more(len(place), [f"noise into {names[node]}" for node in place])
                storage.add(filters, filters, noise.spectrum.correlation_s)
                flow.add(filters, filters, 1.0)
                flow.add(place, filters, -1.0)
                place = filters
            if isinstance(noise.spectrum, Held | Interpolated):
                clocked.append(noise)
            else:
                white.add(place[:, None], place, noise.density)

        drives = net.table("current")
        size = len(labels)
        s = np.zeros(size + 1)
        np.add.at(s, drives["into"], drives["ampere"])
        np.add.at(s, drives["out_of"], -drives["ampere"])
        self.labels = labels
        self.names = names
        # Currents of op-amps are what it takes, and nobody's memory.
        self.forces = driven - 1
        self.storage, self.flow, self.white = (stamps.matrix(size) for stamps in (storage, flow, white))
        self.drive = s[1:]
        self.clocked = [(self._gain(noise), noise.spectrum) for noise in clocked]

    def _gain(self, noise: Injected) -> NDArray[np.float64]:
        gain = np.zeros((len(self.labels), len(noise.nodes)))
        np.add.at(gain, noise.nodes - 1, noise.root())
        return gain

    def reduced(self, observed: list[int]) -> LinearCircuit:
        solved = self._inverted()
        if solved is not None:
            drift, into = solved
            output = np.zeros((len(observed), len(self.labels)))
            output[np.arange(len(observed)), observed] = 1.0
            return self._circuit(drift, into, output, np.zeros(len(observed)), self.labels, observed)
        return self._split(observed)

    def _inverted(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """M⁻¹K and M⁻¹, or None where M has no inverse."""
        diagonal = np.diag(self.storage)
        if (self.storage == np.diag(diagonal)).all():
            if not diagonal.all():
                return None
            return self.flow / diagonal[:, None], np.diag(1 / diagonal)
        rows, columns = _alike(self.storage)
        if not (rows.all() and columns.all()):
            return None
        even = self.storage * rows[:, None] * columns
        try:
            inverse = np.linalg.inv(even)
        except np.linalg.LinAlgError:
            return None
        if np.abs(even).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max() > 1 / _RANK:
            return None
        into = columns[:, None] * inverse * rows
        return into @ self.flow, into

    def _split(self, observed: list[int]) -> LinearCircuit:
        """States y and the rest z, u = V₁y + V₂z, from the singular vectors of M; z follows from M's empty rows."""
        rows, columns = _alike(self.storage)
        if not rows.any():
            raise ValueError("nothing in the circuit stores charge or current, so it has no motion: add capacitances")
        # Rows and columns that M leaves empty take their scale from K.
        flow_rows, flow_columns = _alike(self.flow * np.where(rows, rows, 1)[:, None] * np.where(columns, columns, 1))
        row = np.where(rows, rows, flow_rows)
        column = np.where(columns, columns, flow_columns)
        left, sizes, right = np.linalg.svd(self.storage * row[:, None] * column)
        rank = int((sizes > _RANK * sizes[0]).sum())
        flow = self.flow * row[:, None] * column
        V1, V2 = right[:rank].T, right[rank:].T
        U1, U2 = left[:, :rank].T, left[:, rank:].T
        solve = self._constraints(U2 @ flow @ V2, V2)
        keep = U1 - U1 @ flow @ V2 @ solve @ U2
        drift = keep @ flow @ V1 / sizes[:rank, None]
        into = keep * row / sizes[:rank, None]
        whole = column[:, None] * (V1 - V2 @ solve @ U2 @ flow @ V1)
        direct = column[:, None] * (V2 @ solve @ U2) * row
        rest = direct @ self.drive
        jumps = self._jumps(direct)
        if jumps[observed].any():
            name = self.names[observed[int(jumps[observed].argmax())] + 1]
            raise ValueError(
                f"noise meets node {name!r} without a capacitance, so its voltage has no finite variance; give the "
                "node a capacitance, or do not observe it"
            )
        labels = [f"state {k}" for k in range(rank)]
        chosen = self._named(whole / column[:, None], jumps, observed)
        if chosen is not None:
            # u_chosen = T y + rest_chosen: those unknowns become the states.
            turn = whole[chosen]
            back = np.linalg.inv(turn)
            drift, into, whole = turn @ drift @ back, turn @ into, whole @ back
            drift_of_rest = drift @ rest[chosen]
            rest = rest - whole @ rest[chosen]
            labels = [self.labels[k] for k in chosen]
            return self._circuit(drift, into, whole[observed], rest[observed], labels, observed, drift_of_rest)
        return self._circuit(drift, into, whole[observed], rest[observed], labels, observed)

    def _constraints(self, matrix: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
        """The inverse of what z must obey."""
        rows, columns = _alike(matrix)
        even = matrix * np.where(rows, rows, 1)[:, None] * np.where(columns, columns, 1)
        _, sizes, right = np.linalg.svd(even)
        if sizes[-1] > _RANK * sizes[0]:
            return np.asarray(np.linalg.inv(matrix), dtype=np.float64)
        loose = np.abs(z @ (np.where(columns, columns, 1) * right[-1]))
        if (loose[self.forces] > 1e-6 * loose.max()).any():
            label = self.labels[self.forces[int(loose[self.forces].argmax())]]
            raise ValueError(
                f"nothing fixes {label}: an ideal op-amp holds a capacitor's voltage, or another op-amp's output; "
                "state its gain_bandwidth_hz"
            )
        raise ValueError(
            f"nothing fixes {self.labels[int(loose.argmax())]}: only inductors or current sources meet there; add a "
            "resistor or a capacitor to ground"
        )

    def _jumps(self, direct: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Unknowns that follow noise at once."""
        found = np.zeros(len(self.labels), dtype=bool)
        for noise, power in [(self.white, 1), *((gain, 2) for gain, _ in self.clocked)]:
            hit = np.einsum("ij,jk,ik->i", direct, noise, direct) if power == 1 else ((direct @ noise) ** 2).sum(axis=1)
            most = (np.abs(direct).max(axis=1) ** 2) * (np.abs(noise).max() ** power)
            found |= hit > 1e-20 * most.max(initial=0) * len(direct)
        return found

    def _named(self, whole: NDArray[np.float64], jumps: NDArray[np.bool_], observed: list[int]) -> list[int] | None:
        """Unknowns that can be the states, as noise moves them smoothly and they tell all others; None without such.

        Of unknowns that say the same those that are observed are taken.
        """
        lengths = np.linalg.norm(whole, axis=1)
        free = np.setdiff1d(np.flatnonzero(~jumps & (lengths > 1e-9 * lengths.max())), self.forces)
        count = whole.shape[1]
        if len(free) < count:
            return None
        weight = np.where(np.isin(free, observed), 2.0, 1.0) / lengths[free]
        factors = qr((whole[free] * weight[:, None]).T, mode="r", pivoting=True)
        sizes, order = np.abs(np.diag(factors[0])), factors[-1]
        return sorted(free[order[:count]].tolist()) if sizes[-1] > 1e-6 * sizes[0] else None

    def _circuit(
        self,
        drift: NDArray[np.float64],
        into: NDArray[np.float64],
        output: NDArray[np.float64],
        shift: NDArray[np.float64],
        labels: list[str],
        observed: list[int],
        extra: NDArray[np.float64] | float = 0.0,
    ) -> LinearCircuit:
        white = into @ self.white @ into.T / 2
        return LinearCircuit(
            drift=drift,
            diffusion=(white + white.T) / 2,
            drive=into @ self.drive + extra,
            output=output,
            shift=shift,
            labels=tuple(labels),
            nodes=tuple(self.names[k + 1] for k in observed),
            sources=tuple(
                Source(gain=read_only(into @ gain), kind=kind, period=kind.step_s) for gain, kind in self.clocked
            ),
            units=np.ones(len(drift)),
        )


def _alike(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Factors of rows and columns that bring their largest entries to 1; 0 for empty ones."""
    size = np.abs(matrix)
    rows, columns = np.ones(len(matrix)), np.ones(len(matrix))
    for _ in range(8):
        scaled = size * rows[:, None] * columns
        rows = rows * _inverse_root(scaled.max(axis=1))
        columns = columns * _inverse_root(scaled.max(axis=0))
    return rows, columns


def _inverse_root(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(1.0, np.sqrt(sizes), out=np.zeros_like(sizes), where=sizes > 0)


def _finite(kind: str, unit: str, values: ArrayLike) -> NDArray[np.float64]:
    array = real_array(values, kind, unit)
    if not np.isfinite(array).all():
        raise ValueError(f"a {kind} of {array[~np.isfinite(array)].flat[0]} {unit}; components are finite")
    return array


def _positive(kind: str, unit: str, values: ArrayLike) -> NDArray[np.float64]:
    array = _finite(kind, unit, values)
    if array.size and array.min() <= 0:
        raise ValueError(f"a {kind} of {array.min():g} {unit}; it must be above 0, or be left out")
    return array
