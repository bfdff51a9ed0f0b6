"""ngspice as an independent judge of a netlist: decks with the same noise, and what ngspice makes of them."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware_models.langevin.netlist import Injected, Netlist
from hardware_models.langevin.noise import BOLTZMANN_J_PER_K, Filtered, Held, Interpolated
from hardware_models.langevin.parts import Parts
from pbits.models.base import check_finite, real_array

Analysis = Literal["noise", "transient"]

MOST_POINTS = 5000
"""Points of a played path, at most: ngspice looks each up from the start of the list, so time grows as its square."""

MOST_VALUES = 100_000
"""Steps of a random path, at most, where none are asked for: ngspice's random numbers drift over longer ones."""

# Of the resistors that make injected noise in `.noise`, where the circuit's own are silent.
_ROOM_K = 300.0
# What stands for an infinite gain.
_IDEAL_GAIN = 1e9
_KELVIN = 273.15
# How far the frequencies of `.noise` reach beyond the slowest and the fastest rate.
_BEYOND = 1e3
# Slowest relaxations that a random path spans by default, and those from discharged capacitors to the stationary law.
_SPANNED = 100
_SETTLING = 5


def spice(
    circuit: Any,
    *,
    analysis: Analysis = "transient",
    step_s: float | None = None,
    steps: int | None = None,
    currents: ArrayLike | None = None,
    seed: int = 1,
    points_per_decade: int = 100,
    reltol: float = 1e-6,
) -> str:
    """A commented ngspice deck of a circuit with its noise.

    Parameters
    ----------
    circuit : Netlist or Parts, or a program with a netlist
    analysis : {"transient", "noise"}
        "transient": a path from discharged capacitors, written to voltages.txt: a column of seconds, and one of volts
        for each observed node. White noise of two-sided density σ² is ngspice's trnoise, whose values √(σ²/NT) it joins
        by lines; compare with `Interpolated(step_s=NT)`, not with white noise. Resistors, which are silent there, get
        sources of √(2kT/(R NT)). The head of the deck says how many slowest relaxation times the path spans, and how
        many lines of it come before the stationary law.
        "noise": variances of all observed voltages and of their differences by integrals over frequencies, from which
        Σ_ij = (S_ii + S_jj − Var(v_i − v_j))/2. Injected noise comes from resistors of known temperature.
    step_s : float, optional
        NT, and the time between two lines of the output; a twentieth of the fastest time constant when absent.
    steps : int, optional
        Length of the path. When absent, a hundred slowest relaxation times, but no more than `MOST_VALUES` steps.
    currents : (steps + 1, sources) array, optional
        Noise currents at the ends of the steps, one column for each node that noise goes into, in their order; played
        as straight lines in place of the injected noise. Resistors stay silent.
    seed : int
        Of trnoise.
    points_per_decade : int
        Of "noise". A resonance of quality Q needs some 10·Q.
    reltol : float
        ngspice's own error in a step.

    Raises
    ------
    TypeError
        For something else than a circuit.
    ValueError
        For node names that SPICE cannot tell apart, noise that ngspice cannot make in the analysis, "noise" of a
        circuit without any, or a played path of other shape or more than `MOST_POINTS` points.

    Examples
    --------
    >>> net = Netlist()
    >>> net.resistor("a", "0", 1e3)
    >>> net.capacitor("a", "0", 1e-9)
    >>> net.noise("a", 1e-18)
    >>> [line for line in spice(net, step_s=1e-7).splitlines() if line.startswith("I")]
    ['I_noise0 0 a dc 0 trnoise(3.16227766017e-06 1e-07 0 0)']
    """
    net = _netlist(circuit)
    if analysis not in ("noise", "transient"):
        raise ValueError(f"analysis is {analysis!r}; it must be 'noise' or 'transient'")
    step = 0.05 / np.abs(net.linear().rates).max() if step_s is None else float(step_s)
    if not (math.isfinite(step) and step > 0):
        raise ValueError(f"step_s is {step}; it must be positive and finite")
    if steps is not None and steps < 1:
        raise ValueError(f"steps is {steps}; a path has at least one")
    if analysis == "noise" and not net.noisy:
        raise ValueError(
            "nothing in the circuit fluctuates, so every covariance is 0; inject noise (Netlist.noise), or give it a "
            "temperature_k"
        )
    deck = _Deck(net)
    lines = [*deck.head(), *deck.components(johnson=analysis == "noise")]
    if analysis == "noise":
        lines += [*deck.resistors(), *deck.sweep(points_per_decade)]
    elif currents is None:
        length = deck.length(step) if steps is None else steps
        lines += [
            *deck.span(step, length),
            *deck.thermal(step),
            *deck.random(step),
            *deck.run(step, length, reltol, seed),
        ]
    else:
        path = _path(currents, net)
        lines += [*deck.lines(path, step), *deck.run(step, len(path) - 1, reltol)]
    return "\n".join(lines)


def run_ngspice(deck: str, *, folder: str | Path | None = None, timeout_s: float = 120.0) -> str:
    """What ngspice prints of a deck; files that the deck writes land in `folder`.

    Raises
    ------
    FileNotFoundError
        Where ngspice is not installed.
    ValueError
        Where it gives up: with its own words.
    subprocess.TimeoutExpired
        After `timeout_s`.
    """
    program = shutil.which("ngspice")
    if program is None:
        raise FileNotFoundError(
            "ngspice is not installed; get it from the system's packages (apt install ngspice, brew install ngspice) "
            "or from https://ngspice.sourceforge.io"
        )
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(folder or scratch)
        (place / "circuit.cir").write_text(deck, "ascii")
        done = subprocess.run(
            [program, "-b", "circuit.cir"], cwd=place, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    said = done.stdout + done.stderr
    complaint = re.search(r"^.*\b(singular matrix|timestep too small|fatal|aborted|unknown|error)\b", said, re.M | re.I)
    if done.returncode or complaint:
        words = said[complaint.start() if complaint else -300 :]
        raise ValueError(f"ngspice gave up: {' '.join(words.split())[:300]}")
    return said


def noise_covariance(circuit: Any, *, points_per_decade: int = 100, timeout_s: float = 120.0) -> NDArray[np.float64]:
    """Stationary covariance of the observed voltages by ngspice's `.noise`: integrals, without any sampling; (n, n).

    Raises
    ------
    ValueError
        For clocked noise, which has no circuit of resistors. As `run_ngspice`.

    Notes
    -----
    The integral is taken here, over the spectra that ngspice writes: over ln f it is a sum of peaks as wide as 1/Q, for
    which the trapezoidal rule errs by e^(−π·points/(2.3·Q)) alone. What lies below and above the frequencies is added
    for a power that no longer changes and one that falls as 1/f². ngspice's own onoise_total joins points by power
    laws, which is off at sharp resonances, and not a number at some (docs/how-to/spice.md).
    """
    net = _netlist(circuit)
    n = len(net.observed)
    i, j = _pairs(n)
    with tempfile.TemporaryDirectory() as folder:
        run_ngspice(
            spice(net, analysis="noise", points_per_decade=points_per_decade), folder=folder, timeout_s=timeout_s
        )
        powers = np.array([_power(np.loadtxt(Path(folder) / f"spectrum{k}.txt")) for k in range(len(i))])
    covariance = np.diag(powers[:n])
    first, second = i[n:], j[n:]
    covariance[first, second] = (powers[first] + powers[second] - powers[n:]) / 2
    covariance[second, first] = covariance[first, second]
    return covariance


def played(
    circuit: Any, currents: ArrayLike, step_s: float, *, reltol: float = 1e-6, timeout_s: float = 120.0
) -> NDArray[np.float64]:
    """Observed voltages (steps + 1, n) that ngspice finds for given noise currents, from discharged capacitors.

    Parameters
    ----------
    circuit, currents, step_s, reltol
        As in `spice`.

    Raises
    ------
    ValueError
        As `spice` and `run_ngspice`.
    """
    net = _netlist(circuit)
    deck = spice(net, currents=currents, step_s=step_s, reltol=reltol)
    with tempfile.TemporaryDirectory() as folder:
        run_ngspice(deck, folder=folder, timeout_s=timeout_s)
        table = np.loadtxt(Path(folder) / "voltages.txt", ndmin=2)
    return table[:, 1:]


class _Deck:
    """The parts of a deck, each as lines."""

    def __init__(self, net: Netlist):
        self.net = net
        self.names = [name.lower() for name in net.names]
        wrong = [name for name in net.names if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]*", name)]
        if wrong:
            raise ValueError(f"node {wrong[0]!r} has no name in SPICE; use letters, digits and underscores")
        if len(set(self.names)) < len(self.names):
            raise ValueError("two nodes differ only in capitals, which SPICE does not tell apart; rename one")
        self.observed = [name.lower() for name in net.observed]
        # The checks of a netlist are those of its equation.
        self.rates = net.linear().rates

    @property
    def slowest_s(self) -> float:
        """The slowest relaxation time; infinite where there is none."""
        slowest = float(self.rates.real.min())
        return 1 / slowest if slowest > 0 else math.inf

    def length(self, step: float) -> int:
        """Steps of a random path that has time for the slowest mode, where that takes no more than `MOST_VALUES`."""
        return math.ceil(min(MOST_VALUES, _SPANNED * self.slowest_s / step))

    def span(self, step: float, steps: int) -> Iterator[str]:
        """What a random path is long enough for."""
        slowest = self.slowest_s
        if math.isinf(slowest):
            yield "* the circuit does not relax: it has no stationary law to compare with"
            return
        spanned, settling = steps * step / slowest, math.ceil(_SETTLING * slowest / step)
        yield f"* spans {spanned:.3g} of the slowest relaxation times, {slowest:.3g} s, from discharged capacitors:"
        if spanned <= _SETTLING:
            yield f"* too few for the stationary law, as the first {_SETTLING} are to be discarded; take more steps"
        else:
            yield f"* for the stationary law discard the first {_SETTLING}, {settling} lines of voltages.txt"

    def head(self) -> list[str]:
        kelvin = self.net.temperature_k or _ROOM_K
        own = f"{kelvin:g} K" if self.net.temperature_k else "none: its resistors are silent"
        return [
            f"* Linear circuit, {len(self.names) - 1} nodes; SI units",
            f"* thermal noise of its own: {own}",
            f".options temp={kelvin - _KELVIN:.6g}",
        ]

    def components(self, johnson: bool) -> Iterator[str]:
        """All that is there but noise sources; resistors speak in `.noise` where the circuit is warm."""
        net, name = self.net, self.names
        warm = johnson and net.temperature_k > 0
        yield "* Components"
        for k, (a, b, ohm, noisy) in enumerate(_rows(net, "resistor")):
            yield f"R{k} {name[a]} {name[b]} {ohm:.12g}{'' if warm and noisy else ' noisy=0'}"
        for k, (a, b, farad) in enumerate(_rows(net, "capacitor")):
            yield f"C{k} {name[a]} {name[b]} {farad:.12g}"
        for k, (a, b, henry, ohm) in enumerate(_rows(net, "inductor")):
            if ohm:
                yield f"Rwire{k} _wire_{k} {name[b]} {ohm:.12g}{'' if warm else ' noisy=0'}"
            yield f"L{k} {name[a]} {f'_wire_{k}' if ohm else name[b]} {henry:.12g}"
        for k, (out, on, siemens, pole) in enumerate(_rows(net, "transconductor")):
            if math.isinf(pole):
                yield f"G{k} {name[out]} 0 {name[on]} 0 {siemens:.12g}"
                continue
            yield f"* one pole at {pole:g} Hz"
            yield f"Elate{k} _ahead_{k} 0 {name[on]} 0 1"
            yield f"Rlate{k} _ahead_{k} _late_{k} 1 noisy=0"
            yield f"Clate{k} _late_{k} 0 {1 / (2 * math.pi * pole):.12g}"
            yield f"G{k} {name[out]} 0 _late_{k} 0 {siemens:.12g}"
        for k, (out, plus, minus, product, gain) in enumerate(_rows(net, "op_amp")):
            ends = f"{name[plus]} {name[minus]}"
            if math.isinf(product):
                yield f"Eamp{k} {name[out]} 0 {ends} {min(gain, _IDEAL_GAIN):.12g}"
                continue
            yield f"* gain-bandwidth product {product:g} Hz: an integrator of 1 uF"
            siemens = 2e-6 * math.pi * product
            yield f"Gamp{k} 0 _amp_{k} {ends} {siemens:.12g}"
            yield f"Camp{k} _amp_{k} 0 1e-06"
            if math.isfinite(gain):
                yield f"Ramp{k} _amp_{k} 0 {gain / siemens:.12g} noisy=0"
            yield f"Eamp{k} {name[out]} 0 _amp_{k} 0 1"
        for k, (into, out_of, ampere) in enumerate(_rows(net, "current")):
            yield f"Idrive{k} {name[out_of]} {name[into]} {ampere:.12g}"

    def resistors(self) -> Iterator[str]:
        """Injected noise for `.noise`: a resistor of 1 ohm has 4kT V²/Hz, one-sided, and σ² two-sided is 2σ² so."""
        kelvin = self.net.temperature_k or _ROOM_K
        unit = math.sqrt(2 * BOLTZMANN_J_PER_K * kelvin)
        for noise, names, root in self._sources():
            if isinstance(noise.spectrum, Held | Interpolated):
                raise ValueError(
                    "noise that changes by a clock has no circuit of resistors, which .noise needs; take "
                    "analysis='transient', or compare with white noise"
                )
            yield "* Injected noise: the noise of a resistor of 1 ohm, amplified to its density"
            for k, source in enumerate(names):
                yield f"R{source} {source} 0 1"
                yield from self._into(noise, source, root[:, k] / unit)

    def random(self, step: float) -> Iterator[str]:
        """Injected noise for `.tran`: values of variance σ²/NT, joined by lines."""
        for noise, names, root in self._sources():
            spectrum = noise.spectrum
            if isinstance(spectrum, Held):
                raise ValueError(
                    "ngspice joins the values of its noise by lines and does not hold them; give it Interpolated "
                    "noise, or compare with white noise"
                )
            width = spectrum.step_s if isinstance(spectrum, Interpolated) else step
            yield f"* Injected noise: trnoise(NA NT 0 0), NA = sqrt(density/NT), NT = {width:g} s"
            for k, source in enumerate(names):
                driven = np.flatnonzero(root[:, k])
                if len(driven) == 1 and not isinstance(spectrum, Filtered):
                    amplitude = abs(root[driven[0], k]) / math.sqrt(width)
                    node = self.names[noise.nodes[driven[0]]]
                    yield f"I{source} 0 {node} dc 0 trnoise({amplitude:.12g} {width:.12g} 0 0)"
                    continue
                yield f"V{source} {source} 0 dc 0 trnoise({1 / math.sqrt(width):.12g} {width:.12g} 0 0)"
                yield from self._into(noise, source, root[:, k])

    def thermal(self, step: float) -> Iterator[str]:
        """Johnson noise for `.tran`, in which resistors are silent."""
        kelvin = self.net.temperature_k
        if not kelvin:
            return
        yield f"* Johnson noise: NA = sqrt(2kT/(R NT)), T = {kelvin:g} K"
        unit = math.sqrt(2 * BOLTZMANN_J_PER_K * kelvin / step)
        for k, (a, b, ohm, noisy) in enumerate(_rows(self.net, "resistor")):
            if noisy:
                ends = f"{self.names[a]} {self.names[b]}"
                yield f"Ijohnson{k} {ends} dc 0 trnoise({unit / math.sqrt(ohm):.12g} {step:.12g} 0 0)"
        for k, (_, b, _, ohm) in enumerate(_rows(self.net, "inductor")):
            if ohm:
                yield f"Iwire{k} _wire_{k} {self.names[b]} dc 0 trnoise({unit / math.sqrt(ohm):.12g} {step:.12g} 0 0)"

    def lines(self, currents: NDArray[np.float64], step: float) -> Iterator[str]:
        """A path of noise currents, played."""
        yield f"* Noise currents as given, straight lines over {step:g} s"
        times = [f"{k * step:.12g}" for k in range(len(currents))]
        nodes = np.concatenate([noise.nodes for noise in self.net.noises])
        for k, (node, column) in enumerate(zip(nodes, currents.T.tolist())):
            points = [f"+ {time} {value:.12g}" for time, value in zip(times, column)]
            yield "\n".join([f"Iplayed{k} 0 {self.names[node]} dc 0 pwl(", *points, "+ )"])

    def sweep(self, points_per_decade: int) -> Iterator[str]:
        """The commands of `.noise`: one integral for every voltage and every difference of two."""
        sizes = np.abs(self.rates) / (2 * np.pi)
        yield f"* an input, which .noise wants and which does nothing\nIinput 0 {self.observed[0]} dc 0 ac 1"
        yield ".control\nset sqrnoise\nset numdgt=10"
        # A mode that a resonance slows still has all its noise at the size of its rate.
        band = f"{sizes[sizes > 0].min() / _BEYOND:.6g} {sizes.max() * _BEYOND:.6g}"
        for k, (i, j) in enumerate(zip(*_pairs(len(self.observed)))):
            output = self.observed[i] if i == j else f"{self.observed[i]},{self.observed[j]}"
            # Of the two plots that a run makes the second holds totals; both would be kept.
            yield f"noise v({output}) Iinput dec {points_per_decade} {band}\nprint onoise_total\nsetplot previous"
            yield f"wrdata spectrum{k}.txt onoise_spectrum\ndestroy all"
        yield "quit 0\n.endc\n.end\n"

    def run(self, step: float, steps: int, reltol: float, seed: int | None = None) -> Iterator[str]:
        """The commands of `.tran`: from discharged capacitors, on an even grid."""
        yield f".options method=trap reltol={reltol:.12g} abstol=1e-15 vntol=1e-9 chgtol=1e-18"
        yield ".control"
        if seed is not None:
            yield f"setseed {seed}"
        yield f"tran {step:.12g} {steps * step:.12g} 0 {step:.12g} uic\nlinearize\nset wr_singlescale numdgt=10"
        yield f"wrdata voltages.txt {' '.join(f'v({name})' for name in self.observed)}"
        yield "quit 0\n.endc\n.end\n"

    def _sources(self) -> Iterator[tuple[Injected, list[str], NDArray[np.float64]]]:
        """Every injected noise with the names of its independent sources, and what each gives to each node."""
        first = 0
        for noise in self.net.noises:
            root = noise.root()
            yield noise, [f"_noise{first + k}" for k in range(root.shape[1])], root
            first += root.shape[1]

    def _into(self, noise: Injected, source: str, gains: NDArray[np.float64]) -> Iterator[str]:
        """Currents into the nodes of a noise in proportion to the voltage of its source, behind its filter."""
        if isinstance(noise.spectrum, Filtered):
            yield f"E{source} {source}_ahead 0 {source} 0 1"
            yield f"Rf{source} {source}_ahead {source}_late 1 noisy=0"
            yield f"Cf{source} {source}_late 0 {noise.spectrum.correlation_s:.12g}"
            source_node = f"{source}_late"
        else:
            source_node = source
        for node, gain in zip(noise.nodes, gains.tolist()):
            if gain:
                yield f"G{source}_{self.names[node]} 0 {self.names[node]} {source_node} 0 {gain:.12g}"


def _netlist(circuit: Any) -> Netlist:
    found = getattr(circuit, "netlist", circuit)
    if isinstance(found, Parts):
        return Netlist.of(found)
    if isinstance(found, Netlist):
        return found
    raise TypeError(f"a {type(circuit).__name__} is no circuit; give a Netlist, Parts, or a program with a netlist")


def _rows(net: Netlist, kind: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.tolist() for column in net.table(kind).values()))


def _pairs(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nodes first, and then pairs of them."""
    i, j = np.triu_indices(n, 1)
    return np.concatenate([np.arange(n), i]), np.concatenate([np.arange(n), j])


def _power(spectrum: NDArray[np.float64]) -> float:
    """Integral of densities (points, 2) at logarithmic frequencies, from zero to infinity."""
    frequency, density = spectrum.T
    within = np.trapezoid(density * frequency, np.log(frequency))
    return float(within + density[0] * frequency[0] + density[-1] * frequency[-1])


def _path(currents: ArrayLike, net: Netlist) -> NDArray[np.float64]:
    path = real_array(currents, "currents")
    sources = sum(len(noise.nodes) for noise in net.noises)
    if path.ndim != 2 or path.shape[1] != sources or len(path) < 2:
        raise ValueError(f"currents have shape {path.shape}; expected (steps + 1, {sources}), one for each noisy node")
    if len(path) > MOST_POINTS:
        raise ValueError(
            f"{len(path):,} points; ngspice takes time as their square, so play at most {MOST_POINTS:,} and go on from "
            "another start"
        )
    check_finite(path, "currents")
    return path
