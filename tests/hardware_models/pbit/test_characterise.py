"""Characterisation finds what junctions were made with, and its intervals hold as often as they say.

Coverage is counted over independent devices or groups of them: of n intervals at 95 %, between 0.95 ± 5√(0.95·0.05/n)
must hold, which a right interval misses once in 2e6. First-order intervals are granted two per cent more.
"""

import csv
import json

import numpy as np
import pytest

from hardware_models.pbit.characterisation import Estimate, characterise
from hardware_models.pbit.macrospin import Macrospin
from hardware_models.pbit.readout import ThreeTransistor
from hardware_models.pbit.telegraph import Telegraph
from hardware_models.pbit.trace import Trace
from pbits.reference.fokker_planck import axial_mean

DRIVES = np.linspace(-0.3, 0.3, 7)


def covers(estimate, truth):
    return (estimate.low <= truth) & (truth <= estimate.high)


def holds(found, confidence=0.95):
    share, n = np.mean(found), np.size(found)
    return abs(share - confidence) < 5 * np.sqrt(confidence * (1 - confidence) / n) + 0.02


def junctions(n, **fields):
    return Telegraph(**({"tau0_s": np.full(n, 1e-9), "barrier": 3.0, "drive_offset": 0.03} | fields))


# ---- one device after the other ----


@pytest.fixture(scope="module")
def alike():
    devices = junctions(500)
    return devices, characterise(devices, drives=DRIVES, n_samples=5000, dt_s=5e-9, seed=3)


def test_intervals_of_devices_hold_as_often_as_they_say(alike):
    devices, found = alike
    plus, minus = devices.dwells_s(DRIVES[:, None])
    assert holds(covers(found.probability, plus / (plus + minus)))
    assert holds(covers(found.correlation_time_s, 1 / (1 / plus + 1 / minus)))
    assert holds(covers(found.dwell_plus_s, plus))
    assert holds(covers(found.dwell_minus_s, minus))
    # Intervals that are a little too wide hold too often to be counted, so their widths are compared with the scatter,
    # which 500 devices tell to 3 % at each of seven drives.
    for times in (found.correlation_time_s, found.dwell_plus_s, found.dwell_minus_s):
        reach = np.log(times.high / times.low) / 2 / 1.96
        assert np.mean(np.median(reach, axis=1) / np.log(times.value).std(axis=1)) == pytest.approx(1, abs=0.07)
    assert holds(covers(found.slopes, 2 * 3.0))
    assert holds(covers(found.offsets, 0.03))
    assert found.misfit == pytest.approx(1, abs=0.15)
    assert (found.devices, found.undecided) == (500, 0)


def test_intervals_hold_where_all_drives_lie_on_one_side_of_the_middle():
    devices = junctions(500, drive_offset=0.35)
    found = characterise(devices, drives=DRIVES[::2], n_samples=2000, dt_s=5e-9, seed=4)
    assert holds(covers(found.offsets, 0.35))
    assert holds(covers(found.slopes, 6.0))
    # Here the offset is known so much better than the slope that a wrong sign of their covariance shows.
    reach = (found.offsets.high - found.offsets.low) / 2 / 1.96
    assert np.median(reach) == pytest.approx(found.offsets.value.std(), rel=0.15)


def test_the_check_sees_intervals_of_one_standard_error(alike):
    _, found = alike
    for estimate, truth in ((found.slopes, 6.0), (found.offsets, 0.03)):
        narrow = Estimate(
            value=estimate.value,
            low=estimate.value - (estimate.value - estimate.low) / 1.96,
            high=estimate.value + (estimate.high - estimate.value) / 1.96,
        )
        assert not holds(covers(narrow, truth))


def test_devices_that_are_alike_have_no_spread(alike):
    devices, found = alike
    assert covers(found.slope, 6.0)
    assert covers(found.offset, 0.03)
    assert covers(found.tau_s, devices.correlation_time_s(0.0)[0])
    for spread in (found.slope_sigma_d2d, found.offset_sigma_d2d, found.log_rate_sigma_d2d):
        assert spread.low == 0
    assert found.relative_slope_sigma_d2d == found.slope_sigma_d2d.value / found.slope.value
    assert found.input_offset_sigma_d2d == found.offset_sigma_d2d.value * found.slope.value


def test_a_sampling_step_of_several_dwells_and_one_of_a_hundredth_tell_the_same(alike):
    devices, _ = alike
    plus, minus = devices.dwells_s(0.0)
    tau = 1 / (1 / plus[0] + 1 / minus[0])
    for dt, n in ((2 * tau, 5000), (tau / 100, 100_000)):
        found = characterise(junctions(50).trace(n, dt, seed=5))
        assert holds(covers(found.correlation_time_s, tau))
        assert holds(covers(found.dwell_plus_s, plus[0]))


# ---- spreads ----


@pytest.fixture(scope="module")
def groups():
    rng = np.random.default_rng(0)
    found = []
    for group in range(60):
        devices = Telegraph(
            tau0_s=1e-9 * np.exp(0.3 * rng.normal(size=24)),
            barrier=3.0 + 0.2 * rng.normal(size=24),
            drive_offset=0.02 * rng.normal(size=24),
        )
        found.append(characterise(devices, drives=DRIVES[::2], n_samples=3000, dt_s=5e-9, seed=group))
    return found


def test_intervals_of_spreads_hold_as_often_as_they_say(groups):
    assert holds([covers(found.log_rate_sigma_d2d, np.hypot(0.3, 0.2)) for found in groups])
    assert holds([covers(found.slope_sigma_d2d, 2 * 0.2) for found in groups])
    assert holds([covers(found.offset_sigma_d2d, 0.02) for found in groups])
    assert holds([covers(found.slope, 6.0) for found in groups])
    assert holds([covers(found.offset, 0.0) for found in groups])


def test_the_uncertainty_of_devices_is_taken_out_of_their_spread(groups):
    """The scatter of the estimates alone is wider than the devices differ."""
    scatter = np.mean([found.slopes.value.std(ddof=1) for found in groups])
    spread = np.sqrt(np.mean([found.slope_sigma_d2d.value**2 for found in groups]))
    assert spread == pytest.approx(0.4, rel=0.1)
    assert scatter > 1.04 * spread


# ---- what the model does not fit ----


def test_another_sigmoid_shows_as_misfit():
    straight = characterise(junctions(20), drives=DRIVES * 3, n_samples=20_000, dt_s=5e-9, seed=6)
    bent = characterise(
        [junctions(20, exponent=1.5).trace(20_000, 5e-9, drive=d, seed=k) for k, d in enumerate(DRIVES * 3)]
    )
    assert straight.misfit < 1.5
    # To third order the sigmoid of a saddle-node bends by x³/16 of its argument 3Δx/2, a fifth of a per cent here.
    assert bent.slope.value == pytest.approx(0.75 * 2 * 3.0, rel=0.05)
    twisted = [Trace(dt_s=5e-9, values=-np.asarray(junctions(20).trace(20_000, 5e-9, drive=d, seed=9).values),
                     drive=abs(d)) for d in DRIVES[3:]]  # fmt: skip
    twisted += [junctions(20).trace(20_000, 5e-9, drive=d, seed=8) for d in (0.15, 0.25)]
    assert characterise(twisted).misfit > 10


def test_a_drive_without_doubt_leaves_the_slope_open():
    sure = [Trace(dt_s=1.0, values=np.full(100, sign), drive=sign) for sign in (-1, 1)]
    found = characterise(sure)
    assert np.isnan(found.slope.value)
    assert found.undecided == 1
    assert found.probability.value[:, 0].tolist() == [0, 1]
    assert found.probability.high[0, 0] > 0.7, "a device that never switched is worth one draw"
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["slope"] == {"value": None, "low": None, "high": None}
    assert plain["correlation_time_s"]["value"] == [[None], [None]]


def test_samples_without_memory_tell_no_time():
    found = characterise(Trace(dt_s=1.0, values=np.tile([1, -1], 100)))
    assert np.isnan(found.correlation_time_s.value).all()
    assert found.probability.value[0, 0] == 0.5
    assert (found.slope_sigma_d2d, found.log_rate_sigma_d2d, found.misfit) == (None, None, None)


# ---- thresholds ----


def noisy(noise, seed=7):
    clean = junctions(1).trace(50_000, 1e-9, seed=seed)
    rng = np.random.default_rng(seed)
    values = 5.0 + 0.2 * (np.asarray(clean.values) + noise * rng.standard_normal((1, 50_000)))
    return clean, Trace(dt_s=clean.dt_s, values=values)


def test_the_threshold_is_found_between_the_two_values():
    clean, measured = noisy(0.05)
    found = characterise(measured)
    assert found.threshold == pytest.approx((5.0, 5.0), abs=0.01)
    assert found.dwell_plus_s.value == pytest.approx(characterise(clean).dwell_plus_s.value)


def test_two_thresholds_do_not_count_noise_as_switching():
    clean, measured = noisy(0.5)
    truth = characterise(clean)
    assert characterise(measured).correlation_time_s.value < 0.7 * truth.correlation_time_s.value
    found = characterise(measured, threshold=(4.85, 5.15))
    assert found.correlation_time_s.value == pytest.approx(truth.correlation_time_s.value, rel=0.1)


# ---- devices of other kinds ----


def test_a_magnet_under_a_current_is_a_p_bit_of_known_slope():
    """P(+) = ∫_{u>0} e^(−v), v = −Δu² − µBu/kT, with the field B = τ/α that the torque τ amounts to."""
    barrier, alpha = 4.0, 0.5
    magnet = Macrospin.uniaxial(np.full(64, barrier), damping=alpha)
    unit = alpha * magnet.thermal_field_t
    found = characterise(
        magnet, drives=np.array([-0.6, 0.0, 0.6]) * unit, n_samples=500, dt_s=0.5 / magnet.diffusion_per_s, seed=8
    )
    exact = axial_mean(lambda u: u > 0, (0.0, -0.6, -barrier))
    mean = found.probability.value[2].mean()
    error = found.probability.value[2].std() / 8
    assert mean == pytest.approx(exact, abs=5 * error + 0.003)
    assert found.slope.value * unit == pytest.approx(np.arctanh(2 * exact - 1) / 0.6, rel=0.1)


def test_a_circuit_is_characterised_in_volts():
    """An isotropic magnet, so that ⟨output⟩ is the straight line `critical`."""
    magnet = Macrospin(stiffness_t=np.zeros((32, 3)), damping=0.5)
    readout = ThreeTransistor()
    trace = magnet.trace(400, 1 / magnet.diffusion_per_s, seed=9)
    volts = [0.38, 0.4, 0.42]
    found = characterise([readout.read(trace, v) for v in volts])
    assert found.drives.tolist() == volts
    expected = (1 + readout.critical(volts)) / 2
    np.testing.assert_allclose(found.probability.value.mean(axis=1), expected, atol=0.02)
    assert 0.01 < 1 / found.slope.value < 0.1


# ---- files ----


def write(path, rows, header=("time_s", "value", "drive")):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def test_a_file_tells_what_its_trace_does(tmp_path):
    drive = np.repeat([-0.2, 0.0, 0.2], 4000)
    trace = junctions(1).trace(12_000, 5e-9, drive=drive, seed=10)
    rows = zip(trace.times_s, trace.values[0], drive)
    path = write(tmp_path / "scope.csv", rows)
    found, straight = characterise(path), characterise(trace)
    assert found.to_dict()["slope"] == pytest.approx(straight.to_dict()["slope"])
    assert covers(found.slope, 6.0)
    assert characterise(str(path), confidence=0.5).slope.high < found.slope.high
    no_drive = write(tmp_path / "short.csv", [(0, 1.0), (1, -1.0), (2, -1.0)], ("time_s", "value"))
    assert Trace.from_csv(no_drive).dt_s == 1


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (("t", "value"), [(0, 1)], "no column time_s"),
        (("a",), [], "no column time_s and no column value"),
        (("time_s", "value"), [(0, 1), (1, "high")], "line 3: value is 'high'; it must be a number"),
        (("time_s", "value"), [(0, 1), (1,)], "line 3: value is nothing"),
        (("time_s", "value"), [(0, 1)], "holds 1 samples"),
        (("time_s", "value"), [(0, 1), (1, 1), (3, 1)], "does not rise in equal steps"),
        (("time_s", "value"), [(0, 1), (-1, 1), (-2, 1)], "does not rise in equal steps"),
        (("time_s", "value"), [(0, 1), ("nan", 1), (2, 1)], "does not rise in equal steps"),
        (("time_s", "value"), [(0, 1), (1, "inf"), (2, 1)], "must be finite"),
    ],
)
def test_files_that_cannot_be_read_say_where(tmp_path, header, rows, message):
    with pytest.raises(ValueError, match=message):
        characterise(write(tmp_path / "bad.csv", rows, header))


def test_an_empty_file_says_what_belongs_in_it(tmp_path):
    (tmp_path / "empty.csv").write_text("", "utf-8")
    with pytest.raises(ValueError, match="must name the columns"):
        characterise(tmp_path / "empty.csv")


# ---- refusals ----


def test_what_cannot_be_characterised_is_refused():
    trace = Trace(dt_s=1.0, values=[1, -1, 1])
    with pytest.raises(ValueError, match="nothing switches"):
        characterise(Trace(dt_s=1.0, values=[1, 1, 1]))
    with pytest.raises(ValueError, match="all must have the same"):
        characterise([trace, Trace(dt_s=2.0, values=[1, -1, 1])])
    with pytest.raises(ValueError, match="hold each drive for longer"):
        characterise(Trace(dt_s=1.0, values=[1, -1, 1], drive=[0.0, 1.0, 2.0]))
    with pytest.raises(ValueError, match="give drives, n_samples, dt_s"):
        characterise(junctions(1), seed=1)
    with pytest.raises(ValueError, match="would run a device"):
        characterise(trace, seed=1)
    with pytest.raises(ValueError, match="the first is lower"):
        characterise(trace, threshold=(1.0, -1.0))
    with pytest.raises(ValueError, match="confidence is 95"):
        characterise(trace, confidence=95)
    for nothing in ([], 3.0, [1, -1]):
        with pytest.raises(TypeError, match="expected a Trace"):
            characterise(nothing)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dt_s": 0.0}, "dt_s is 0.0"),
        ({"values": [1]}, "two samples or more"),
        ({"values": [1.0, np.nan]}, "must be finite"),
        ({"drive": [1.0]}, "drive has shape"),
        ({"drive": [np.nan, 0.0, 0.0]}, "must be finite"),
    ],
)
def test_traces_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Trace(**({"dt_s": 1.0, "values": [1, -1, 1]} | fields))


def test_traces_cannot_be_written_to():
    trace = Trace(dt_s=1.0, values=[1, -1, 1])
    with pytest.raises(ValueError, match="read-only"):
        trace.values[0, 0] = -1
