"""What the compiler makes of a matrix is what the equation of its circuit settles to. Nothing here is sampled."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import pbits
from hardware_models.langevin import Design, compile_model
from hardware_models.langevin.compiler import comparison, dominating_scale, unstable
from hardware_models.langevin.effects import Tolerance
from hardware_models.langevin.netlist import Netlist
from hardware_models.langevin.parts import to_ground
from pbits.langevin import laws
from pbits.streams import Streams

VALUES = {"resistance_ohm": 2e3, "capacitance_f": 150e-12, "noise_voltage_rms_v": 0.05}
# Symmetric, diagonally dominant, no positive coupling; and the same with one sign turned.
PASSIVE = pbits.GaussianModel([[2.0, -0.5, 0.0], [-0.5, 1.5, -0.7], [0.0, -0.7, 1.0]], [1.0, -0.5, 0.2])
SIGNED = pbits.GaussianModel([[2.0, 0.5, 0.0], [0.5, 1.5, -0.7], [0.0, -0.7, 1.0]], [1.0, -0.5, 0.2])
# Not dominant, and made so by a scale.
SCALABLE = pbits.GaussianModel([[1.0, -1.5, 0.0], [-1.5, 4.0, -0.5], [0.0, -0.5, 1.0]], [1.0, 0.0, 2.0])
# No scale makes it dominant.
FULL = pbits.GaussianModel([[1.0, 0.7, 0.7], [0.7, 1.0, 0.7], [0.7, 0.7, 1.0]], [0.3, -1.0, 0.5])

seeds, sizes = st.integers(0, 10_000), st.integers(1, 6)


def dominant(n, seed, *, signs):
    """A diagonally dominant model with couplings of either sign, or of at most 0."""
    rng = np.random.default_rng(seed)
    links = np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.7), 1)
    if signs:
        links *= rng.choice([-1, 1], size=(n, n))
    A = -(links + links.T)
    np.fill_diagonal(A, np.abs(A).sum(axis=1) + rng.uniform(0.05, 1.0, size=n))
    return pbits.GaussianModel(A, rng.normal(size=n))


def settled(plan, parts=None):
    """Mean and covariance of x, at the plan's β, as modified nodal analysis and Lyapunov's equation find them."""
    mean, covariance = Netlist.of(plan.parts if parts is None else parts).linear().stationary()
    read = plan.readout / plan.volts
    return read @ mean + plan.shift, read @ covariance @ read.T


def assert_holds(plan, beta=1.0):
    """To 1e-9 of the standard deviations."""
    mean, covariance = settled(plan)
    model = plan.model
    truth = model.covariance if isinstance(model, pbits.DiffusionModel) else np.linalg.inv(model.A)
    spread = np.sqrt(np.diag(truth) / beta)
    assert np.abs((mean - model.mean) / spread).max() < 1e-9
    assert np.abs((covariance - truth / beta) / np.outer(spread, spread)).max() < 1e-9


# What each coupling holds


@settings(max_examples=40, deadline=None)
@given(sizes, seeds, st.sampled_from([0.3, 4.0]))
def test_passive_resistors_hold_any_dominant_matrix_without_positive_couplings(n, seed, beta):
    plan = compile_model(dominant(n, seed, signs=False), beta=beta, **VALUES)
    assert (plan.coupling, plan.parts.n, plan.parts.transconductance_s) == ("passive", n, None)
    assert_holds(plan, beta)


@settings(max_examples=40, deadline=None)
@given(sizes, seeds, st.sampled_from(["conductance", "capacitance"]), st.sampled_from(["rc", "rlc"]))
def test_pairs_of_cells_hold_any_dominant_matrix(n, seed, mapping, cell):
    plan = compile_model(
        dominant(n, seed, signs=True), coupling="differential", mapping=mapping, cell=cell, mean="digital",
        quality=3.0 if cell == "rlc" else None, **VALUES,
    )  # fmt: skip
    assert plan.parts.n == 2 * n
    assert_holds(plan)


@settings(max_examples=40, deadline=None)
@given(sizes, seeds)
def test_active_cells_hold_any_positive_definite_matrix(n, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    plan = compile_model(
        pbits.GaussianModel(root @ root.T + 0.1 * np.eye(n), rng.normal(size=n)), coupling="active", **VALUES
    )
    assert_holds(plan)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), seeds)
def test_active_cells_hold_any_stable_diffusion(n, seed):
    rng = np.random.default_rng(seed)
    drift, root = rng.normal(size=(n, n)), rng.normal(size=(n, n))
    drift += (0.2 - min(0.0, np.linalg.eigvals(drift).real.min())) * np.eye(n)
    plan = compile_model(pbits.DiffusionModel(drift, rng.normal(size=n), root @ root.T + 0.1 * np.eye(n)), **VALUES)
    assert plan.coupling == "active"
    assert_holds(plan)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), seeds, st.sampled_from([True, False]))
def test_a_matrix_that_a_scale_makes_dominant_is_held_behind_the_scale(n, seed, signs):
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.normal(size=n))
    base = dominant(n, seed, signs=signs)
    model = pbits.GaussianModel(base.A * np.outer(scale, scale), base.b)
    plan = compile_model(model, coupling="differential" if signs else "passive", transform="scaling", **VALUES)
    assert_holds(plan)
    inner = model.A * np.outer(*[dominating_scale(model.A)] * 2)
    assert (comparison(inner).sum(axis=1) > 0).all()


@settings(max_examples=30, deadline=None)
@given(sizes, seeds, st.sampled_from(["conductance", "capacitance"]))
def test_uncoupled_cells_hold_any_positive_definite_matrix_behind_a_product(n, seed, mapping):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    model = pbits.GaussianModel(root @ root.T + 0.1 * np.eye(n), rng.normal(size=n))
    plan = compile_model(model, mapping=mapping, coupling="passive", transform="congruence", mean="digital", **VALUES)
    assert_holds(plan)


# By hand


def test_the_resistors_and_currents_of_two_coupled_cells_by_hand():
    model = pbits.GaussianModel([[2.0, -0.5], [-0.5, 1.0]], [1.0, 0.0])
    plan = compile_model(model, resistance_ohm=1e3, capacitance_f=1e-9, noise_voltage_rms_v=0.1)
    # To ground 1.5 and 0.5, between them 0.5; the largest is 1/R.
    np.testing.assert_allclose(plan.parts.conductance_s, [[1e-3, 1e-3 / 3], [1e-3 / 3, 1e-3 / 3]])
    assert plan.tau_s == pytest.approx(1.5e-6)
    variances = np.diag(np.linalg.inv(model.A))
    assert plan.volts == pytest.approx(0.1 / math.sqrt(variances.mean()))
    np.testing.assert_allclose(plan.parts.drive_a, [plan.volts * 1e-3 / 1.5, 0])
    # 2 C g₀ of volts² on every cell
    np.testing.assert_allclose(plan.parts.noise_a2_per_hz, 2e-9 * 1e-3 / 1.5 * plan.volts**2 * np.eye(2))


def test_the_capacitors_of_two_coupled_cells_by_hand():
    model = pbits.GaussianModel([[2.0, -0.5], [-0.5, 1.0]])
    plan = compile_model(model, mapping="capacitance", resistance_ohm=1e3, capacitance_f=3e-9)
    np.testing.assert_allclose(plan.parts.capacitance_f, [[3e-9, 1e-9], [1e-9, 1e-9]])
    np.testing.assert_allclose(to_ground(plan.parts.capacitance_f), 2e-9 * model.A)
    np.testing.assert_allclose(plan.parts.conductance_s, 1e-3 * np.eye(2))
    assert plan.tau_s is None
    assert plan.report.scale == pytest.approx(2e-9)


def test_a_positive_coupling_leads_to_the_other_cell_of_the_pair():
    model = pbits.GaussianModel([[1.0, 0.4], [0.4, 2.0]], [0.0, 1.0])
    plan = compile_model(model, coupling="differential", resistance_ohm=1.0, capacitance_f=1.0)
    held = np.array([[0.6, 0, 0, 0.4], [0, 1.6, 0.4, 0], [0, 0.4, 0.6, 0], [0.4, 0, 0, 1.6]])
    np.testing.assert_allclose(plan.parts.conductance_s, held / 1.6)
    # Nothing lies between the two cells of a pair, and they are driven against each other.
    np.testing.assert_allclose(plan.parts.drive_a[:2], -plan.parts.drive_a[2:])


def test_inductors_leave_the_law_and_change_the_way():
    values = {"mapping": "conductance", "coupling": "active", "mean": "digital", **VALUES}
    slow = compile_model(SIGNED, cell="rlc", inductance_h=1e-5, **values)
    plain = compile_model(SIGNED, cell="rc", **values)
    np.testing.assert_allclose(settled(slow)[1], settled(plain)[1], rtol=1e-9, atol=1e-12)
    assert plain.keeps_time
    assert not slow.keeps_time
    quality = compile_model(SIGNED, cell="rlc", quality=2.0, **values)
    ohm, farad = VALUES["resistance_ohm"], VALUES["capacitance_f"]
    assert ohm * math.sqrt(farad / quality.parts.inductance_h[0]) == pytest.approx(2.0)


# What is chosen


@pytest.mark.parametrize(
    ("model", "design", "expected"),
    [
        (PASSIVE, {}, ("passive", "none")),
        (SIGNED, {}, ("differential", "none")),
        (SCALABLE, {}, ("active", "none")),
        (SCALABLE, {"transform": "scaling"}, ("passive", "scaling")),
        (FULL, {}, ("active", "none")),
        (FULL, {"transform": "congruence"}, ("active", "none")),
        (FULL, {"transform": "congruence", "mapping": "capacitance", "mean": "digital"}, ("passive", "congruence")),
        (
            SCALABLE,
            {"transform": "congruence", "cell": "rlc", "quality": 1.0, "mean": "digital"},
            ("passive", "scaling"),
        ),
    ],
)
def test_what_takes_least_is_chosen(model, design, expected):
    plan = compile_model(model, **design, **VALUES)
    assert (plan.coupling, plan.transform) == expected
    assert_holds(plan)
    for finding in plan.findings:
        assert finding in str(plan.report)
    assert bool(plan.findings) == (expected != ("passive", "none"))


def refusal(model, **design):
    with pytest.raises(pbits.NotMappable) as refused:
        compile_model(model, **design, **VALUES)
    return "; ".join(refused.value.reasons)


def test_refusals_name_what_would_hold_it():
    assert "coupling='differential' would hold it" in refusal(SIGNED, coupling="passive")
    assert "coupling='passive' with transform='scaling' would hold it" in refusal(SCALABLE, coupling="passive")
    assert "coupling='active' holds any" in refusal(FULL, coupling="differential")
    assert "3 of its rows are not diagonally dominant" in refusal(FULL, coupling="differential")
    assert "transform='congruence' leaves" in refusal(FULL, mapping="capacitance", mean="digital")
    assert "no diagonal scaling" in refusal(FULL, coupling="differential", transform="scaling")


def test_means_that_a_circuit_cannot_make_are_refused():
    assert "an inductor to ground takes all" in refusal(PASSIVE, cell="rlc", quality=1.0)
    assert "R times the drive current" in refusal(PASSIVE, mapping="capacitance")
    for design in ({"cell": "rlc", "quality": 1.0}, {"mapping": "capacitance"}):
        plan = compile_model(PASSIVE, mean="digital", **design, **VALUES)
        np.testing.assert_allclose(plan.shift, PASSIVE.mean)
        assert not plan.parts.drive_a.any()
        assert "the mean A⁻¹b" in plan.report.digital_work
        compile_model(pbits.GaussianModel(PASSIVE.A), **design, **VALUES)
        without = compile_model(pbits.GaussianModel(PASSIVE.A), mean="digital", **design, **VALUES)
        assert without.report.digital_work == "nothing"


def test_a_diffusion_wants_active_cells_and_says_so():
    vortex = pbits.DiffusionModel([[1.0, 2.0], [-2.0, 1.0]])
    for design in ({"coupling": "passive"}, {"mapping": "capacitance"}, {"cell": "rlc", "quality": 2.0}):
        assert "only RC cells with active couplings" in refusal(vortex, **design)
    assert "capacitors are passive" in refusal(PASSIVE, mapping="capacitance", coupling="active", mean="digital")


def test_a_common_mode_that_nothing_holds_is_refused():
    # Positive definite, dominant without excess, and its comparison matrix is singular.
    model = pbits.GaussianModel([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 2.0]])
    assert "would drift without bound" in refusal(model, coupling="differential")


@pytest.mark.parametrize(
    ("design", "message"),
    [
        ({"mapping": "resistance"}, "must be one of auto, conductance, capacitance"),
        ({"cell": "lc"}, "must be one of rc, rlc"),
        ({"transform": "all"}, "must be one of none, scaling, congruence"),
        ({"capacitance_f": -1e-9}, "capacitance_f is -1e-09"),
        ({"resistance_ohm": math.nan}, "resistance_ohm is nan"),
        ({"cell": "rlc"}, "RLC cells need one of inductance_h and quality"),
        ({"cell": "rlc", "quality": 1.0, "inductance_h": 1e-6}, "RLC cells need one of"),
        ({"quality": 2.0}, "RC cells have no inductors"),
        ({"cell": "rlc", "quality": 0.0}, "quality is 0.0"),
        ({"swing_v": 1.0, "noise_voltage_rms_v": None}, "give noise_voltage_rms_v too"),
        ({"temperature_k": 300.0, "noise_voltage_rms_v": None}, "give noise_voltage_rms_v too"),
        ({"temperature_k": -1.0}, "at least 0 K"),
        ({"temperature_k": 300.0, "capacitance_f": None}, "capacitance_f is not stated"),
        ({"cell": "rlc", "inductance_h": 1e-6, "resistance_ohm": None}, "resistance_ohm is not stated"),
        ({"component_bits": 1}, "between 2 and 32"),
    ],
)
def test_impossible_designs_are_refused(design, message):
    with pytest.raises(ValueError, match=message):
        Design(**(VALUES | design))


@pytest.mark.parametrize("beta", [0.0, -1.0, math.inf])
def test_noise_is_set_for_a_beta_above_0(beta):
    with pytest.raises(ValueError, match="finite β above 0"):
        compile_model(PASSIVE, beta=beta, **VALUES)


# What a report says


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 5),
    seeds,
    st.integers(7, 14),
    st.sampled_from(["passive", "differential", "active"]),
    st.sampled_from(["conductance", "capacitance"]),
)
def test_the_error_of_rounding_is_that_of_the_circuit(n, seed, bits, coupling, mapping):
    assume(mapping == "conductance" or coupling != "active")
    model = dominant(n, seed, signs=coupling != "passive")
    plan = compile_model(model, mapping=mapping, coupling=coupling, mean="digital", component_bits=bits, **VALUES)
    rounded, _ = plan.design.rounding.build(plan.parts, Streams(seed=0))
    assume(unstable(plan.matrix(rounded)) is None)
    _, covariance = settled(plan, rounded)
    truth = np.linalg.inv(model.A)
    report = plan.report
    assert report.covariance_error == pytest.approx(
        np.linalg.norm(covariance - truth) / np.linalg.norm(truth), rel=1e-6, abs=1e-12
    )
    assert report.component_error <= report.component_step / 2 * (1 + 1e-9)
    assert np.linalg.norm(np.linalg.inv(plan.held(rounded).A) - covariance) <= 1e-9 * np.linalg.norm(covariance)


@pytest.mark.parametrize("coupling", ["passive", "differential", "active"])
def test_the_first_order_is_the_limit_of_many_bits(coupling):
    model = dominant(4, 3, signs=coupling != "passive")
    ratios = []
    for bits in (8, 12, 16, 20):
        report = compile_model(model, coupling=coupling, component_bits=bits, **VALUES).report
        ratios.append(abs(report.covariance_error / report.covariance_error_first_order - 1))
    assert ratios[-1] < 1e-4
    assert ratios[-1] < ratios[0] < 0.2


def test_components_that_round_to_nothing_have_no_error_to_state():
    near = pbits.GaussianModel([[1.0, 0.99], [0.99, 1.0]])
    assert compile_model(near, coupling="active", component_bits=3, **VALUES).report.covariance_error == math.inf


def test_headroom_counts_standard_deviations_of_the_tightest_cell():
    model = pbits.GaussianModel([[1.0, 0.0], [0.0, 4.0]], [2.0, 0.0])
    plan = compile_model(model, beta=2.0, swing_v=1.0, **VALUES)
    # Variances 1/2 and 1/8 at β = 2 make 0.05 V rms: a unit of x is 0.0894 V; the first cell's mean is 2.
    unit = 0.05 / math.sqrt(5 / 16)
    assert plan.volts == pytest.approx(unit)
    assert plan.report.headroom_sd == pytest.approx((1 - 2 * unit) / (unit / math.sqrt(2)))


@pytest.mark.parametrize(
    ("design", "slowest", "fastest"),
    [
        ({}, lambda rates, rc: rc * 1.3 / rates[0], lambda rates, rc: rc * 1.3 / rates[-1]),
        ({"mapping": "capacitance"}, lambda rates, rc: rc / 1.3 * rates[-1], lambda rates, rc: rc / 1.3 * rates[0]),
        # Every mode of a capacitance mapping is an RLC circuit of its own, whose amplitude falls with 2RC.
        ({"cell": "rlc", "quality": 9.0}, lambda rates, rc: 2 * rc / 1.3 * rates[-1], None),
    ],
)
def test_relaxation_times_are_those_of_the_modes(design, slowest, fastest):
    model = pbits.GaussianModel([[1.8, -0.5], [-0.5, 1.0]])  # the largest component is 1.3
    report = compile_model(model, **design, **VALUES).report
    rates, rc = np.linalg.eigvalsh(model.A), VALUES["resistance_ohm"] * VALUES["capacitance_f"]
    assert report.relaxation_s[0] == pytest.approx(slowest(rates, rc))
    if fastest is not None:
        assert report.relaxation_s[1] == pytest.approx(fastest(rates, rc))


@pytest.mark.parametrize(
    "design", [{}, {"mapping": "capacitance"}, {"cell": "rlc", "quality": 3.0}, {"coupling": "differential"}]
)
def test_advice_gives_the_accuracy(design):
    model = pbits.GaussianModel(PASSIVE.A)
    plan = compile_model(model, **design, **VALUES)
    advice = plan.advice(0.05)
    own = Netlist.of(plan.parts).linear().balanced()
    process = pbits.langevin.OrnsteinUhlenbeck(own.drift, own.diffusion)
    interval = advice.interval_s / own.unit_s
    read = plan.readout @ own.output
    assert laws.inverse_error(process, interval, advice.draws, output=read) <= 0.05 * (1 + 1e-9)
    assert laws.inverse_error(process, interval, advice.draws - 1, output=read) > 0.05 * (1 - 1e-9)
    assert advice.seconds > advice.draws * advice.interval_s
    # Watched a hundred times more often for as long, a covariance is known with 1/1.1 of the variance.
    often = laws.inverse_error(process, interval / 100, 10**8, output=read)
    assert (laws.inverse_error(process, interval, 10**6, output=read) / often) ** 2 == pytest.approx(1.1, rel=1e-3)


def test_behind_capacitors_large_variances_are_known_soon():
    model = pbits.GaussianModel(np.diag(np.geomspace(1e-3, 1, 8)))
    slow, fast = (compile_model(model, mapping=name, **VALUES) for name in ("conductance", "capacitance"))
    times = [plan.advice(0.1).seconds / plan.report.relaxation_s[1] for plan in (slow, fast)]
    assert times[0] > 100 * times[1]


def test_advice_wants_an_accuracy():
    with pytest.raises(ValueError, match="between 0 and 1"):
        compile_model(PASSIVE, **VALUES).advice(0.0)


def test_words_are_counted_by_coupling():
    words = {
        ("active", "drive"): 9 + 3,
        ("passive", "drive"): 6 + 3,
        ("passive", "digital"): 6,
        ("differential", "drive"): 12 + 6,
    }
    for (coupling, mean), expected in words.items():
        assert compile_model(PASSIVE, coupling=coupling, mean=mean, **VALUES).words == expected
    assert compile_model(PASSIVE, coupling="active", **VALUES).amplifiers == 7  # two entries of A are 0


def test_what_is_not_stated_is_not_told():
    plan = compile_model(PASSIVE)
    report = plan.report
    assert (plan.tau_s, report.scale, report.volts, report.relaxation_s) == (None, None, None, None)
    assert "not stated" in str(report)
    assert plan.advice(0.1).seconds is None


# What given components hold


@pytest.mark.parametrize(
    ("coupling", "mapping"), [("passive", "conductance"), ("differential", "conductance"), ("passive", "capacitance")]
)
def test_components_off_their_values_hold_what_they_settle_to(coupling, mapping):
    plan = compile_model(PASSIVE, coupling=coupling, mapping=mapping, mean="digital", **VALUES)
    which = "resistors" if mapping == "conductance" else "capacitors"
    parts, _ = Tolerance(**{which: 0.05}).build(plan.parts, Streams(seed=0, chip_seed=3))
    held = plan.held(parts)
    assert np.abs(held.A - PASSIVE.A).max() > 0.01
    mean, covariance = settled(plan, parts)
    np.testing.assert_allclose(held.mean, mean, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.inv(held.A), covariance, rtol=1e-9, atol=1e-12)


def test_exact_components_hold_the_model_itself():
    plan = compile_model(SIGNED, **VALUES)
    assert plan.held(plan.parts) is SIGNED
