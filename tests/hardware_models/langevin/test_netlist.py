"""Circuits against closed forms, equipartition, and the same circuits integrated by SciPy.

Statistical tests have fixed seeds and bounds of 5 standard errors: one entry in 1.7 million exceeds that by chance, and
about 30 are compared, so that one seed in some 60,000 would raise a false alarm.
"""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import solve_continuous_lyapunov

from hardware_models.langevin import spice
from hardware_models.langevin.netlist import Netlist
from hardware_models.langevin.noise import BOLTZMANN_J_PER_K, Filtered, Held, Interpolated, White
from hardware_models.langevin.parts import Parts, to_ground
from hardware_models.langevin.process import transition
from pbits.streams import Streams

KELVIN = 300.0
KT = BOLTZMANN_J_PER_K * KELVIN


def machine(n=3, seed=0, **changes):
    """RC cells of unequal components, all coupled by capacitors and resistors."""
    rng = np.random.default_rng(seed)
    between = rng.uniform(0.1, 1, (2, n, n))
    between = between + between.transpose(0, 2, 1)
    given = {
        "capacitance_f": 50e-12 * between[0] + np.diag(np.full(n, 100e-12)),
        "conductance_s": 0.2e-3 * between[1] + np.diag(rng.uniform(0.5, 2, n) * 1e-3),
        "drive_a": np.zeros(n),
        "noise_a2_per_hz": 1e-18 * np.eye(n),
    }
    return Parts(**(given | changes))


def states_of(linear):
    """The circuit with all of its states observed."""
    k = len(linear.labels)
    return dataclasses.replace(linear, output=np.eye(k), shift=np.zeros(k), nodes=linear.labels)


def test_overdamped_cells_obey_the_maxwell_matrix():
    parts = machine()
    linear = Netlist.of(parts).linear()
    C, G = to_ground(parts.capacitance_f), to_ground(parts.conductance_s)
    # C_ii of the Maxwell matrix is what lies to ground and to all others, C_ij what lies between, negative.
    assert C[0, 0] == pytest.approx(parts.capacitance_f[0].sum())
    assert C[0, 1] == -parts.capacitance_f[0, 1]
    np.testing.assert_allclose(linear.drift, np.linalg.solve(C, G), rtol=1e-10)
    np.testing.assert_allclose(linear.diffusion, np.linalg.inv(C) @ np.linalg.inv(C) * 1e-18 / 2, rtol=1e-10)
    assert (linear.labels, linear.nodes) == (("v(v0)", "v(v1)", "v(v2)"), ("v0", "v1", "v2"))


def test_underdamped_cells_obey_the_published_equations():
    # dv = −C⁻¹R⁻¹v dt − C⁻¹i dt + C⁻¹·noise, di = L⁻¹v dt − L⁻¹R_L i dt.
    parts = machine(2, inductance_h=[1e-6, 3e-6], inductor_ohm=[0.0, 2.0])
    linear = Netlist.of(parts).linear()
    into = np.linalg.inv(to_ground(parts.capacitance_f))
    L = np.diag(1 / parts.inductance_h)
    wanted = np.block([[into @ to_ground(parts.conductance_s), into], [-L, L @ np.diag([0.0, 2.0])]])
    np.testing.assert_allclose(linear.drift, wanted, rtol=1e-10, atol=1e-3)
    assert linear.labels == ("v(v0)", "v(v1)", "i(v0,0)", "i(v1,0)")


@given(st.integers(1, 4), st.integers(0, 10**6), st.floats(-3, 3), st.booleans())
@settings(max_examples=40, deadline=None)
def test_warm_circuits_have_kt_over_c_and_kt_over_l_whatever_their_resistors(n, seed, decades, wired):
    rng = np.random.default_rng(seed)
    parts = machine(n, seed, temperature_k=KELVIN, noise_a2_per_hz=np.zeros((n, n)))
    scale = 10**decades
    parts = dataclasses.replace(
        parts,
        conductance_s=parts.conductance_s * scale,
        inductance_h=10 ** rng.uniform(-6, -4, n),
        inductor_ohm=rng.uniform(1, 30, n) if wired else None,
    )
    _, covariance = states_of(Netlist.of(parts).linear()).stationary()
    C, L = to_ground(parts.capacitance_f), np.diag(parts.inductance_h)
    unit = np.block([[C, np.zeros((n, n))], [np.zeros((n, n)), L]])
    # In units in which the wanted covariance is the unit matrix.
    root = np.linalg.cholesky(unit)
    np.testing.assert_allclose(root.T @ covariance @ root / KT, np.eye(2 * n), atol=1e-7)


def test_equal_resistors_and_equal_noise_make_an_exact_inverse():
    ohm, density = 1e3, 1e-18
    parts = machine(conductance_s=np.eye(3) / ohm)
    wanted = density * ohm / 2 * np.linalg.inv(to_ground(parts.capacitance_f))
    np.testing.assert_allclose(Netlist.of(parts).linear().stationary()[1], wanted, rtol=1e-10)
    ringing = dataclasses.replace(parts, inductance_h=np.full(3, 1e-6))
    np.testing.assert_allclose(Netlist.of(ringing).linear().stationary()[1], wanted, rtol=1e-9)


def test_unequal_resistors_under_equal_noise_do_not_boltzmann():
    parts = machine(2, conductance_s=np.diag([1e-3, 3e-3]))
    linear = Netlist.of(parts).linear()
    _, covariance = linear.stationary()
    C, G = to_ground(parts.capacitance_f), parts.conductance_s
    A, D = np.linalg.solve(C, G), np.linalg.inv(C) @ np.linalg.inv(C) * 1e-18 / 2
    scale = 1e9
    np.testing.assert_allclose(covariance, solve_continuous_lyapunov(A / scale, 2 * D / scale), rtol=1e-9)
    assert abs(covariance @ C - np.diag(np.diag(covariance @ C))).max() > 0.05 * (covariance @ C).max()
    # A current that turns for ever: AΣ is not symmetric, as it is with thermal noise of the same resistors.
    turn = A @ covariance
    assert abs(turn - turn.T).max() > 0.05 * abs(turn).max()
    warm = dataclasses.replace(parts, noise_a2_per_hz=np.zeros((2, 2)), temperature_k=KELVIN)
    still = A @ Netlist.of(warm).linear().stationary()[1]
    assert abs(still - still.T).max() < 1e-9 * abs(still).max()


def test_the_mean_solves_g_v_equals_i():
    parts = machine(drive_a=[1e-3, -2e-3, 0.5e-3])
    mean, _ = Netlist.of(parts).linear().stationary()
    np.testing.assert_allclose(to_ground(parts.conductance_s) @ mean, parts.drive_a, rtol=1e-10)


G = np.array([[2.0, -0.5, 0.3], [-0.5, 1.5, -0.7], [0.3, -0.7, 1.0]]) * 1e-3
B = np.array([1e-3, -0.5e-3, 0.2e-3])


def integrators(**limits):
    """Op-amp integrators and inverters that settle at G x = b: both signs of conductance are there."""
    net = Netlist([f"x{i}" for i in range(3)])
    for i in range(3):
        net.op_amp(f"x{i}", "0", f"sum{i}", **limits)
        net.capacitor(f"sum{i}", f"x{i}", 1e-9)
        net.op_amp(f"minus{i}", "0", f"half{i}")
        net.resistor([f"x{i}", f"minus{i}"], f"half{i}", 1e4)
        net.current(f"sum{i}", -B[i])
        net.noise(f"sum{i}", 1e-20)
    for i, j in zip(*np.nonzero(G)):
        net.resistor(f"sum{i}", f"x{j}" if G[i, j] > 0 else f"minus{j}", 1 / abs(G[i, j]))
    return net


def test_op_amp_integrators_are_cells_with_transconductances():
    linear = integrators().linear()
    parts = machine(
        capacitance_f=np.eye(3) * 1e-9,
        conductance_s=np.zeros((3, 3)),
        transconductance_s=G,
        drive_a=B,
        noise_a2_per_hz=np.eye(3) * 1e-20,
    )
    same = Netlist.of(parts).linear()
    assert linear.labels == ("v(x0)", "v(x1)", "v(x2)")
    np.testing.assert_allclose(linear.drift, same.drift, rtol=1e-9, atol=1e-3)
    np.testing.assert_allclose(linear.drive, same.drive, rtol=1e-9)
    for found, wanted in zip(linear.stationary(), same.stationary()):
        np.testing.assert_allclose(found, wanted, rtol=1e-8)
    np.testing.assert_allclose(linear.stationary()[0], np.linalg.solve(G, B), rtol=1e-9)


def test_slow_op_amps_approach_ideal_ones_and_keep_the_mean():
    ideal = integrators().linear().stationary()
    gaps = []
    for product in (1e8, 1e9):
        mean, covariance = integrators(gain_bandwidth_hz=product).linear().stationary()
        np.testing.assert_allclose(mean, ideal[0], rtol=1e-7)
        gaps.append(abs(covariance - ideal[1]).max() / ideal[1].max())
    assert gaps[0] > 1e-3
    assert gaps[1] == pytest.approx(gaps[0] / 10, rel=0.05)


def test_one_integrator_by_hand():
    # I = (v_m − v_o)/R + C d(v_m − v_o)/dt with v_m = −v_o/A₀, or with v̇_o = −ω v_m.
    def one(**limits):
        net = Netlist(["out"])
        net.op_amp("out", "0", "in", **limits)
        net.resistor("in", "out", 1e3)
        net.capacitor("in", "out", 1e-9)
        net.current("in", 1e-3)
        return net.linear()

    assert one().stationary()[0].item() == pytest.approx(-1.0, rel=1e-9)
    gain = one(dc_gain=200.0)
    assert gain.stationary()[0].item() == pytest.approx(-1 / (1 + 1 / 200), rel=1e-9)
    np.testing.assert_allclose(gain.rates, [1e6], rtol=1e-9)
    omega = 2 * math.pi * 5e6
    late = one(gain_bandwidth_hz=5e6)
    np.testing.assert_allclose(late.rates, np.sort(-np.roots([1e-9 / omega, 1e-9 + 1e-3 / omega, 1e-3])), rtol=1e-9)
    assert one(gain_bandwidth_hz=5e6, dc_gain=200.0).stationary()[0].item() == pytest.approx(-200 / 201, rel=1e-9)


def test_slow_transconductors_by_hand():
    # ⟨v²⟩ = σ²/2gC · (1 + g/(Cω)) of C v̇ = −g w + noise, ẇ = ω(v − w).
    pole = 3e6
    parts = Parts(
        capacitance_f=[[1e-9]],
        conductance_s=[[0.0]],
        transconductance_s=[[1e-3]],
        drive_a=[0.0],
        noise_a2_per_hz=[[1e-18]],
        amplifier_pole_hz=pole,
    )
    linear = Netlist.of(parts).linear()
    wanted = 1e-18 / (2 * 1e-3 * 1e-9) * (1 + 1e-3 / (1e-9 * 2 * math.pi * pole))
    assert linear.stationary()[1].item() == pytest.approx(wanted, rel=1e-11)
    assert linear.labels == ("v(v0)", "v(v0) seen late")


def test_a_node_without_capacitance_is_solved_for():
    # Three cells joined by a star of resistors are three cells joined by a triangle, warm or cold.
    arms = np.array([1e3, 2e3, 5e3])

    def cells(net):
        net.resistor(["a", "b", "c"], "0", [3e3, 1e3, 2e3])
        net.capacitor(["a", "b", "c"], "0", [1e-12, 2e-12, 3e-12])
        net.current("a", 1e-3)
        return net

    star, triangle = (cells(Netlist(["a", "b", "c"], temperature_k=KELVIN)) for _ in range(2))
    star.resistor(["a", "b", "c"], "centre", arms)
    conductance = 1 / arms
    for i, j in ((0, 1), (0, 2), (1, 2)):
        triangle.resistor("abc"[i], "abc"[j], conductance.sum() / (conductance[i] * conductance[j]))
    found, wanted = star.linear(), triangle.linear()
    assert found.labels == wanted.labels
    for part in ("drift", "drive", "diffusion"):
        np.testing.assert_allclose(getattr(found, part), getattr(wanted, part), rtol=1e-9)
    np.testing.assert_allclose(found.stationary()[1], KT * np.diag([1e12, 5e11, 1e12 / 3]), rtol=1e-8, atol=1e-18)


def test_a_voltage_that_follows_noise_at_once_is_solved_for_but_not_observed():
    # Only the difference v(a) − v(b) is a state: both nodes feel the noise of their resistors at once.
    net = Netlist(["c"], temperature_k=KELVIN)
    net.resistor(["a", "b", "b", "c"], ["0", "0", "c", "0"], [1e3, 2e3, 3e3, 4e3])
    net.capacitor(["a", "c"], ["b", "0"], [1e-12, 2e-12])
    linear = net.linear()
    assert linear.stationary()[1].item() == pytest.approx(KT / 2e-12, rel=1e-9)
    assert linear.labels == ("state 0", "state 1")


def test_filtered_noise_is_a_state():
    parts = machine(spectrum=Filtered(correlation_s=30e-9))
    linear = Netlist.of(parts).linear()
    assert linear.labels[3:] == ("noise into v0", "noise into v1", "noise into v2")
    variances = np.diag(states_of(linear).stationary()[1])[3:]
    np.testing.assert_allclose(variances, 1e-18 / (2 * 30e-9), rtol=1e-9)
    white = Netlist.of(dataclasses.replace(parts, spectrum=White())).linear().stationary()[1]
    barely = Netlist.of(dataclasses.replace(parts, spectrum=Filtered(correlation_s=1e-15))).linear().stationary()[1]
    np.testing.assert_allclose(barely, white, rtol=1e-6)


@pytest.mark.parametrize(
    "spectrum", [White(), Filtered(correlation_s=1e-8), Held(step_s=2e-8), Interpolated(step_s=2e-8)]
)
def test_units_do_not_matter(spectrum):
    parts = machine(inductance_h=np.full(3, 1e-5), drive_a=[1e-3, 0, 0], spectrum=spectrum)
    linear = Netlist.of(parts).linear()
    scales = 10.0 ** np.random.default_rng(1).uniform(-3, 3, len(linear.labels))
    other = linear.scaled(1e-7, scales).scaled(0.3, 2.0)
    assert other.unit_s == pytest.approx(3e-8)
    for phase in (0.0, 0.4, "mean"):
        for found, wanted in zip(other.stationary(phase), linear.stationary(phase)):
            np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9 * abs(wanted).max())
    steps = 4, Streams(seed=3)
    paths = [transition(one, 4e-8 / one.unit_s).path(np.zeros(len(scales)), *steps) for one in (linear, other)]
    if isinstance(spectrum, Interpolated):
        np.testing.assert_allclose(paths[1] * other.units, paths[0], rtol=1e-6, atol=1e-9 * abs(paths[0]).max())


@pytest.mark.parametrize("spectrum", [Held(step_s=2e-8, values="binary"), Interpolated(step_s=2e-8)])
def test_clocked_paths_are_those_of_their_values(spectrum):
    """Every value is drawn, so the path is an ordinary differential equation, which SciPy solves."""
    h, ticks, steps = 2e-8, 3, 4
    parts = machine(2, inductance_h=np.full(2, 1e-5), drive_a=[1e-3, 0], spectrum=spectrum)
    linear = Netlist.of(parts).linear()
    path = transition(linear, ticks * h).path(np.zeros(4), steps, Streams(seed=5), amplitudes=[1.0, 2.0, 0.5, 1.0])[0]
    (source,) = linear.sources
    values = source.values(Streams(seed=5), 1, 1, 0, 0, ticks * steps + 1)[0] / math.sqrt(h)
    state = np.zeros(4)
    for step, amplitude in enumerate([1.0, 2.0, 0.5, 1.0]):
        for tick in range(ticks):
            before, after = values[step * ticks + tick : step * ticks + tick + 2] * amplitude

            def slope(t, u, before=before, after=after):
                now = before + (after - before) * t / h if source.joined else before
                return linear.drive - linear.drift @ u + source.gain @ now

            state = solve_ivp(slope, (0, h), state, rtol=1e-10, atol=1e-13).y[:, -1]
        np.testing.assert_allclose(path[step], state, rtol=1e-6, atol=1e-9)


SPECTRA = (Held(step_s=3e-8), Held(step_s=3e-8, values="binary"), Interpolated(step_s=3e-8))


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_sampled_clocked_noise_has_the_stationary_law(spectrum):
    parts = machine(2, inductance_h=np.full(2, 1e-5), spectrum=spectrum, temperature_k=1e9)
    linear = Netlist.of(parts).linear().balanced()
    chains = 8000
    step = transition(linear, 6e-8 / linear.unit_s)
    path = step.path(np.zeros((chains, 4)), 60, Streams(seed=8))[:, -1]
    volts = path @ linear.output.T + linear.shift
    wanted = linear.stationary(0.0)[1]
    sizes = np.diag(wanted)
    error = np.sqrt((np.outer(sizes, sizes) + wanted**2) / chains)
    assert (abs(volts.T @ volts / chains - wanted) < 5 * error).all()


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_paths_do_not_depend_on_how_they_are_cut(spectrum):
    linear = Netlist.of(machine(2, spectrum=spectrum, temperature_k=KELVIN)).linear()
    step, streams = transition(linear, 9e-8), Streams(seed=2)
    whole = step.path(np.zeros((6, 2)), 12, streams)
    first = step.path(np.zeros((6, 2)), 5, streams)
    np.testing.assert_allclose(first, whole[:, :5], rtol=1e-9)
    rest = step.path(first[:, -1], 7, streams, step0=5)
    np.testing.assert_allclose(rest, whole[:, 5:], rtol=1e-9)
    np.testing.assert_allclose(step.path(np.zeros((2, 2)), 12, streams, chain0=4), whole[4:], rtol=1e-9)


def test_one_step_of_held_noise_is_many_of_its_clock():
    linear = Netlist.of(machine(2, spectrum=Held(step_s=3e-8))).linear()
    (source,) = linear.sources
    phi, added = np.eye(2), np.zeros((2, 2))
    once = transition(linear, 3e-8)
    for _ in range(13):
        phi, added = once.phi @ phi, once.phi @ added @ once.phi.T + source.added(linear.drift, 1)
    many = transition(linear, 13 * 3e-8)
    np.testing.assert_allclose(many.phi, phi, rtol=1e-9)
    np.testing.assert_allclose(many.into.T @ many.into, added, rtol=1e-8)


def test_a_step_of_broken_periods_is_refused_with_the_nearest_whole_one():
    linear = Netlist.of(machine(2, spectrum=Held(step_s=3e-8))).linear()
    with pytest.raises(
        ValueError, match=r"1\.66667 periods of the noise clock.*take 6e-08 \(2 of them\) instead of 5e-08"
    ):
        transition(linear, 5e-8)


def test_cells_of_a_machine_are_arrays():
    n = 300
    parts = machine(n)
    net = Netlist.of(parts)
    assert repr(net) == f"Netlist(nodes={n}, resistors={n * (n + 1) // 2}, capacitors={n * (n + 1) // 2})"
    assert len(net._batches["resistor"]) == 1
    np.testing.assert_allclose(
        net.linear().drift, np.linalg.solve(to_ground(parts.capacitance_f), to_ground(parts.conductance_s)), rtol=1e-7
    )


def two_cells():
    net = Netlist()
    net.resistor(["a", "b"], "0", 1e3)
    net.capacitor(["a", "b"], "0", 1e-9)
    return net


def refused(net, words):
    with pytest.raises(ValueError, match=words):
        net.linear().stationary()


def test_a_netlist_without_noise_says_so():
    quiet, warm = (Netlist(temperature_k=kelvin) for kelvin in (0.0, 300.0))
    for net in (quiet, warm):
        net.resistor("a", "0", 1e3)
        net.capacitor("a", "0", 1e-9)
    assert "without noise" in repr(quiet)
    assert "without noise" not in repr(warm)
    with pytest.raises(ValueError, match="nothing in the circuit fluctuates"):
        spice(quiet, analysis="noise")
    quiet.noise("a", 1e-18)
    assert "without noise" not in repr(quiet)


def test_floating_nodes():
    net = two_cells()
    net.capacitor("c", "d", 1e-9)
    refused(net, r"node 'c' \(and 1 more\) floats: no component joins it to ground, which is node '0'")
    net = two_cells()
    net.capacitor("c", "a", 1e-9)
    refused(net, "node 'c' floats: only capacitors join it to ground.*add a resistor")


def test_unstable_circuits_name_the_growth():
    net = two_cells()
    net.transconductor("a", "a", -3e-3)
    refused(net, r"unstable: it has the eigenvalue \+2e\+06/s, which grows e-fold every 5e-07 s, most of it in v\(a\)")
    net = two_cells()
    net.transconductor("b", "b", -1e-3)
    refused(net, r"nothing draws back, so that it wanders without bound, most of it in v\(b\)")


def test_observed_nodes():
    net = Netlist(["a", "z"])
    net.resistor("a", "0", 1e3)
    net.capacitor("a", "0", 1e-9)
    refused(net, "node 'z' is observed and no component touches it; nodes are a")
    net = two_cells()
    net.resistor("a", "bare", 1e3)
    net.resistor("bare", "0", 1e3)
    net.linear()
    for spectrum in (White(), Held(step_s=1e-9)):
        noisy = two_cells()
        noisy.resistor(["a", "bare"], ["bare", "0"], 1e3)
        noisy.noise("bare", 1e-18, spectrum)
        refused(noisy, "noise meets node 'bare' without a capacitance.*or do not observe it")
    filtered = two_cells()
    filtered.resistor(["a", "bare"], ["bare", "0"], 1e3)
    filtered.noise("bare", 1e-18, Filtered(correlation_s=1e-9))
    assert filtered.linear().n == 3


def test_voltages_and_currents_that_nothing_fixes():
    net = two_cells()
    net.inductor(["a", "cut"], ["cut", "b"], 1e-6)
    refused(net, r"nothing fixes v\(cut\): only inductors or current sources meet there")
    net = two_cells()
    net.op_amp("out", "0", "a")
    net.resistor("out", "a", 1e3)
    refused(net, r"nothing fixes i\(out\): an ideal op-amp holds a capacitor's voltage.*gain_bandwidth_hz")
    net = Netlist()
    net.resistor("a", "0", 1e3)
    refused(net, "nothing in the circuit stores charge or current")


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_impossible_values(value):
    net = Netlist()
    for add, kind in ((net.resistor, "resistor"), (net.capacitor, "capacitor"), (net.inductor, "inductor")):
        with pytest.raises(ValueError, match=f"an? {kind} of {value:g} "):
            add("a", "0", value)
    with pytest.raises(ValueError, match=f"op-amp of {value:g} Hz"):
        net.op_amp("a", "0", "b", gain_bandwidth_hz=value)
    if not math.isfinite(value):
        for add, kind in ((net.current, "current"), (lambda *a: net.transconductor("a", *a), "transconductor")):
            with pytest.raises(ValueError, match=f"a {kind} of {value:g} "):
                add("a", value)
    with pytest.raises(ValueError, match="temperature_k"):
        Netlist(temperature_k=-1.0 if math.isfinite(value) else value)


def test_other_bad_components():
    net = Netlist()
    with pytest.raises(ValueError, match="both ends of a resistor lie on node 'a'"):
        net.resistor("a", "a", 1e3)
    with pytest.raises(ValueError, match="an op-amp drives ground"):
        net.op_amp("0", "a", "b")
    with pytest.raises(ValueError, match="wire of -1 ohm"):
        net.inductor("a", "b", 1e-6, series_ohm=-1)
    with pytest.raises(ValueError, match="node 77 is unknown"):
        net.resistor(np.array([77]), "0", 1e3)
    with pytest.raises(TypeError, match="no name of a node"):
        net.nodes(3)
    with pytest.raises(ValueError, match="eigenvalue -1e-18 A²/Hz"):
        net.noise(["a", "b"], [[1e-18, 2e-18], [2e-18, 1e-18]])
    with pytest.raises(ValueError, match="density is not symmetric"):
        net.noise(["a", "b"], [[1e-18, 0], [1e-19, 1e-18]])
    with pytest.raises(ValueError, match=r"density has shape \(3,\)"):
        net.noise(["a", "b"], [1e-18] * 3)
    with pytest.raises(ValueError, match="noise into ground"):
        net.noise("0", 1e-18)
    with pytest.raises(ValueError, match="scales is -1"):
        two_cells().linear().scaled(1.0, [1.0, -1.0])
