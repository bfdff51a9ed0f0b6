"""ngspice as an independent judge: it shares no code with the prediction.

Where it is installed; elsewhere those tests are skipped. The two statistical tests have fixed seeds and a bound of 5
standard errors, which one run in 1.7 million exceeds by chance; they compare 5 entries.
"""

import dataclasses
import math
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from hardware_models.langevin import noise_covariance, played, run_ngspice, spice
from hardware_models.langevin.netlist import Netlist
from hardware_models.langevin.noise import Filtered, Held, Interpolated
from hardware_models.langevin.parts import Parts
from hardware_models.langevin.process import transition
from hardware_models.langevin.spice import MOST_POINTS
from pbits.streams import Streams

with_ngspice = pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")


def machine(n, *, ringing=False, **changes):
    """Capacitively coupled cells like those of the SPU: values are illustrative."""
    rng = np.random.default_rng(n)
    coupling = rng.uniform(5e-12, 20e-12, (n, n))
    given = {
        "capacitance_f": np.triu(coupling, 1) + np.triu(coupling, 1).T + 150e-12 * np.eye(n),
        "conductance_s": np.diag(rng.uniform(0.8, 1.2, n) * (0.7e-3 if ringing else 1e-3)),
        "inductance_h": np.full(n, 10e-6) if ringing else None,
        "drive_a": np.zeros(n),
        "noise_a2_per_hz": 1e-18 * np.eye(n),
    }
    return Parts(**(given | changes))


def quality(linear):
    return float((np.abs(linear.rates) / (2 * np.real(linear.rates))).max())


def distance(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


@with_ngspice
@pytest.mark.parametrize("ringing", [False, True])
@pytest.mark.parametrize("n", [2, 8])
def test_noise_covariances(n, ringing):
    """Injected noise, cells of unequal resistors: to a thousandth, as asked, and in truth a hundred times better."""
    linear = Netlist.of(machine(n, ringing=ringing)).linear()
    if ringing:
        assert 5 < quality(linear) < 8
    assert distance(noise_covariance(machine(n, ringing=ringing)), linear.stationary()[1]) < 1e-5


CASES = {
    "warm resistors": {"temperature_k": 350.0, "noise_a2_per_hz": np.zeros((2, 2))},
    "warm wires": {"temperature_k": 350.0, "noise_a2_per_hz": np.zeros((2, 2)), "inductor_ohm": np.full(2, 20.0)},
    "correlated": {"noise_a2_per_hz": np.array([[2.0, -1.5], [-1.5, 3.0]]) * 1e-18},
    "filtered": {"spectrum": Filtered(correlation_s=50e-9), "temperature_k": 1e6},
    "slow couplings": {"transconductance_s": np.array([[0, 4e-4], [-3e-4, 0]]), "amplifier_pole_hz": 2e6},
    "fast couplings": {"transconductance_s": np.array([[2e-4, 4e-4], [-3e-4, 0]])},
}


@with_ngspice
@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_part_and_noise(case):
    parts = machine(2, ringing=case in ("warm wires", "filtered"), **CASES[case])
    assert distance(noise_covariance(parts), Netlist.of(parts).linear().stationary()[1]) < 1e-5


@with_ngspice
@pytest.mark.parametrize(
    "limits", [{}, {"gain_bandwidth_hz": 3e6}, {"dc_gain": 40.0}, {"gain_bandwidth_hz": 3e6, "dc_gain": 40.0}]
)
def test_op_amp_integrators(limits):
    net = Netlist(["x", "y"])
    net.op_amp(["x", "y"], "0", ["p", "q"], **limits)
    net.capacitor(["p", "q"], ["x", "y"], 1e-9)
    net.resistor(["p", "q", "q"], ["x", "y", "x"], [1e3, 2e3, 3e3])
    net.noise(["p", "q"], 1e-18)
    assert distance(noise_covariance(net), net.linear().stationary()[1]) < 1e-5


def path_of(n, ringing, step_s, steps):
    """The same noise for both: our voltages, and the currents into the nodes at the ends of the steps."""
    parts = machine(n, ringing=ringing, spectrum=Interpolated(step_s=step_s))
    net, streams = Netlist.of(parts), Streams(seed=3)
    linear = net.linear()
    states = transition(linear, step_s).path(np.zeros(len(linear.labels)), steps, streams)[0]
    values = linear.sources[0].values(streams, 1, 1, 0, 0, steps + 1)[0]
    return net, states @ linear.output.T, values @ net.noises[0].root().T / math.sqrt(step_s)


@with_ngspice
@pytest.mark.parametrize(("n", "ringing"), [(2, False), (2, True), (8, True)])
def test_one_noise_path_gives_one_path_of_voltages(n, ringing):
    net, wanted, currents = path_of(n, ringing, 20e-9, 800)
    found = played(net, currents, 20e-9)
    assert found.shape == (801, n)
    assert abs(found[0]).max() < 1e-6 * abs(wanted).max()
    assert distance(found[1:], wanted) < 0.01


@with_ngspice
def test_trnoise_is_noise_joined_by_lines(tmp_path):
    # Half thermal and half injected. Short, as the generator drifts over long runs: five paths of 20,000 values.
    step_s = 25e-9
    parts = machine(2, temperature_k=5e7)
    both = 2 * 1.380649e-23 * 5e7 * parts.conductance_s + parts.noise_a2_per_hz
    same = dataclasses.replace(parts, temperature_k=0.0, noise_a2_per_hz=both, spectrum=Interpolated(step_s=step_s))
    linear = Netlist.of(same).linear()
    wanted = linear.stationary(0.0)[1]
    products, steps = [], 20_000
    for seed in range(1, 6):
        run_ngspice(spice(parts, step_s=step_s, steps=steps, seed=seed, reltol=1e-3), folder=tmp_path)
        v = np.loadtxt(tmp_path / "voltages.txt")[100:, 1:]
        products.append(v.T @ v / len(v))
    # Squares forget as fast as twice the slowest rate.
    independent = 5 * steps * step_s * float(np.real(linear.rates[0]))
    sizes = np.diag(wanted)
    error = np.sqrt((np.outer(sizes, sizes) + wanted**2) / independent)
    assert (abs(np.mean(products, axis=0) - wanted) < 5 * error).all()
    assert (5 * error < 0.2 * sizes.max()).all()


def test_amplitudes_of_random_sources():
    """NA = √(σ²/NT) of injected noise and √(2kT/(R NT)) of resistors."""
    net = Netlist(temperature_k=300.0)
    net.resistor("a", "0", 1e3)
    net.resistor("a", "0", 2e3, noisy=False)
    net.capacitor("a", "0", 1e-9)
    net.noise("a", 4e-18)
    lines = spice(net, step_s=1e-8).splitlines()
    injected, johnson = ([line for line in lines if line.startswith(name)] for name in ("I_noise", "Ijohnson"))
    assert injected == [f"I_noise0 0 a dc 0 trnoise({math.sqrt(4e-18 / 1e-8):.12g} 1e-08 0 0)"]
    assert johnson == [f"Ijohnson0 a 0 dc 0 trnoise({math.sqrt(2 * 1.380649e-23 * 300 / (1e3 * 1e-8)):.12g} 1e-08 0 0)"]
    assert [line for line in lines if line.startswith("R")] == ["R0 a 0 1000 noisy=0", "R1 a 0 2000 noisy=0"]
    loud = spice(net, analysis="noise").splitlines()
    assert [line for line in loud if line.startswith("R")] == [
        "R0 a 0 1000",
        "R1 a 0 2000 noisy=0",
        "R_noise0 _noise0 0 1",
    ]


def far_apart(ratio):
    net = Netlist()
    net.resistor(["a", "b"], "0", 1e3)
    net.capacitor(["a", "b"], "0", [1e-9, ratio * 1e-9])
    net.noise(["a", "b"], 1e-18)
    return net


@pytest.mark.parametrize(("ratio", "steps", "spans"), [(1, 2000, "100"), (20, 40_000, "100"), (100, 100_000, "50")])
def test_a_random_path_spans_the_slowest_relaxation(ratio, steps, spans):
    deck = spice(far_apart(ratio))
    assert f"\ntran 5e-08 {steps * 5e-8:.12g} " in deck
    assert f"* spans {spans} of the slowest relaxation times, {ratio * 1e-6:.3g} s" in deck
    assert f"discard the first 5, {100 * ratio} lines of" in deck


def test_too_short_a_path_says_so():
    assert "* too few for the stationary law" in spice(far_apart(100), steps=1000)
    ringing = Netlist()
    ringing.capacitor("a", "0", 1e-9)
    ringing.inductor("a", "0", 1e-6)
    ringing.noise("a", 1e-18)
    assert "the circuit does not relax" in spice(ringing)


@with_ngspice
def test_the_path_of_a_default_deck_has_the_law(tmp_path):
    net = far_apart(5)
    wanted, found = np.diag(net.linear().stationary()[1]), []
    for seed in range(1, 9):
        run_ngspice(spice(net, seed=seed, reltol=1e-3), folder=tmp_path)
        table = np.loadtxt(tmp_path / "voltages.txt")
        assert table.shape == (10_001, 3)
        found.append((table[500:, 1:] ** 2).mean(axis=0))
    # Squares forget as fast as e^(−2t/τ): their mean over T has the relative error √(2τ/T).
    relaxations = 8 * 95 * np.array([5, 1])
    lines = [Interpolated(step_s=share).variance_factor(1.0, 0.0) for share in (0.05, 0.01)]
    assert (np.abs(np.mean(found, axis=0) / wanted - lines) < 5 * np.sqrt(2 / relaxations)).all()


def test_programs_parts_and_netlists_are_circuits():
    parts = machine(2)
    deck = spice(parts, step_s=1e-8)
    assert (
        spice(Netlist.of(parts), step_s=1e-8) == spice(SimpleNamespace(netlist=Netlist.of(parts)), step_s=1e-8) == deck
    )
    with pytest.raises(TypeError, match="a dict is no circuit"):
        spice({})


def test_what_ngspice_cannot_do_is_refused():
    held, lines = (machine(2, spectrum=kind(step_s=1e-8)) for kind in (Held, Interpolated))
    for parts in (held, lines):
        with pytest.raises(ValueError, match="changes by a clock has no circuit of resistors"):
            spice(parts, analysis="noise")
    with pytest.raises(ValueError, match="does not hold them; give it Interpolated noise"):
        spice(held, step_s=1e-8)
    with pytest.raises(ValueError, match="analysis is 'ac'"):
        spice(lines, analysis="ac")
    with pytest.raises(ValueError, match="step_s is 0"):
        spice(lines, step_s=0.0)
    with pytest.raises(ValueError, match="steps is 0"):
        spice(lines, step_s=1e-8, steps=0)
    with pytest.raises(ValueError, match=r"expected \(steps \+ 1, 2\), one for each noisy node"):
        spice(lines, step_s=1e-8, currents=np.zeros((10, 3)))
    with pytest.raises(ValueError, match="play at most 5,000"):
        spice(lines, step_s=1e-8, currents=np.zeros((MOST_POINTS + 1, 2)))
    for first, second, words in (("a b", "c", "has no name in SPICE"), ("a", "A", "differ only in capitals")):
        net = Netlist()
        net.resistor([first, second], "0", 1e3)
        net.capacitor([first, second], "0", 1e-9)
        with pytest.raises(ValueError, match=words):
            spice(net, step_s=1e-8)


def test_a_missing_ngspice_is_said(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(FileNotFoundError, match="ngspice is not installed; get it from the system's packages"):
        noise_covariance(machine(2))


@with_ngspice
def test_what_ngspice_says_is_passed_on():
    with pytest.raises(ValueError, match="ngspice gave up: Error on line 2.*nosuchmodel"):
        run_ngspice("* nonsense\nQ1 a b c nosuchmodel\nV1 a 0 1\n.op\n.end\n")
