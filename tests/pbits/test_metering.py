"""Meters, against counters that are scripted: what is read, what is refused, and that neither is ever 0 J."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbits
from pbits.metering import MOST_W, Meter, MeterError, find_nvml, find_rapl, rapl
from pbits.parameters import Evidence

RANGE = 262_143_328_850


def domain(root, folder, name, count, most=RANGE):
    path = root / folder
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{count}\n")
    (path / "max_energy_range_uj").write_text(f"{most}\n")
    return path


def advance(path, microjoules):
    most = int((path / "max_energy_range_uj").read_text())
    count = (int((path / "energy_uj").read_text()) + microjoules) % most
    (path / "energy_uj").write_text(f"{count}\n")


class Clock:
    """Time that passes when it is told to, with a counter that runs at so many watts."""

    def __init__(self, path=None, watts=0.0):
        self.now, self.path, self.watts = 0.0, path, watts

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        if self.path is not None:
            advance(self.path, round(self.watts * seconds * 1e6))


def window(sources, clock, seconds, refusals=()):
    meter = Meter(sources, refusals, clock=clock, sleep=clock.sleep)
    with meter:
        clock.sleep(seconds)
    return meter.reading


# --- RAPL ---


def test_a_package_is_read_to_the_microjoule(tmp_path):
    path = domain(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    sources, refusals = find_rapl(tmp_path)
    reading = window(sources, Clock(path, 50.0), 2.0)
    assert refusals == []
    assert reading.joules == pytest.approx(100.0, rel=1e-12)
    assert (reading.seconds, reading.watts) == (2.0, pytest.approx(50.0))
    assert reading.boundaries == ("chip",)
    assert reading.evidence is Evidence.MEASURED
    assert reading.interval == pytest.approx((100 / 1.1, 110.0))


def test_parts_of_a_package_and_what_holds_it_are_not_added(tmp_path):
    paths = [
        domain(tmp_path, f"intel-rapl:{folder}", name, 0)
        for folder, name in (("0", "package-0"), ("0:0", "core"), ("0:1", "dram"), ("1", "package-1"), ("2", "psys"))
    ]
    sources, _ = find_rapl(tmp_path)
    assert [one.name for one in sources] == ["package-0", "dram", "package-1"]
    meter = Meter(sources, [], clock=(clock := Clock()), sleep=clock.sleep)
    with meter:
        clock.sleep(1.0)
        for path, joules in zip(paths, (10, 7, 2, 20, 99)):
            advance(path, joules * 1_000_000)
    assert meter.reading.joules == pytest.approx(32.0, rel=1e-12)


@given(start=st.integers(0, RANGE - 1), spent=st.integers(1, RANGE - 1))
@settings(max_examples=50, deadline=None)
def test_one_wrap_is_counted_exactly(tmp_path_factory, start, spent):
    path = domain(tmp_path_factory.mktemp("rapl"), "intel-rapl:0", "package-0", start)
    sources, _ = find_rapl(path.parent)
    # Slow enough to be plausible, and fast enough that no second wrap fits.
    clock = Clock()
    meter = Meter(sources, [], clock=clock, sleep=clock.sleep)
    with meter:
        advance(path, spent)
        clock.now = min(130.0, max(1.0, spent / 1e6 / 1000))
    if spent / 1e6 / clock.now < MOST_W:
        assert meter.reading.joules == pytest.approx(spent / 1e6, rel=1e-12)


def test_a_window_in_which_two_wraps_fit_is_refused(tmp_path):
    path = domain(tmp_path, "intel-rapl:0", "package-0", 0)
    sources, _ = find_rapl(tmp_path)
    reading = window(sources, Clock(path, 10.0), 1000.0)
    assert reading.joules is None
    (refusal,) = reading.refusals
    assert refusal.reason == "wrapped"
    assert "1e+03 s" in refusal.text
    # Looked at in between, the same window is fine.
    sources[0].open(0.0)
    for now in range(100, 1001, 100):
        advance(path, 100 * 10_000_000)
        sources[0].look(float(now))
    assert sources[0].close(1000.0).joules == pytest.approx(10_000.0, rel=1e-12)


def test_a_counter_that_was_reset_is_refused(tmp_path):
    path = domain(tmp_path, "intel-rapl:0", "package-0", 5_000_000_000)
    sources, _ = find_rapl(tmp_path)
    clock = Clock()
    meter = Meter(sources, [], clock=clock, sleep=clock.sleep)
    with meter:
        clock.sleep(1.0)
        (path / "energy_uj").write_text("3\n")
    assert meter.reading.joules is None
    assert meter.reading.refusals[0].reason == "implausible"


def test_a_counter_that_did_not_move_is_no_reading(tmp_path):
    domain(tmp_path, "intel-rapl:0", "package-0", 7)
    reading = window(find_rapl(tmp_path)[0], Clock(), 0.0)
    assert reading.joules is None
    assert reading.refusals[0].reason == "too short"


@pytest.mark.parametrize(("content", "reason"), [("", "unreadable"), ("-5", "unreadable"), ("12.5e3", "unreadable")])
def test_a_counter_that_is_no_count_is_refused(tmp_path, content, reason):
    path = domain(tmp_path, "intel-rapl:0", "package-0", 0)
    (path / "energy_uj").write_text(content)
    sources, (refusal,) = find_rapl(tmp_path)
    assert sources == []
    assert refusal.reason == reason


def test_a_file_for_root_alone_says_how_to_open_it(tmp_path, monkeypatch):
    domain(tmp_path, "intel-rapl:0", "package-0", 0)
    whole = Path.read_text

    def closed(self, *args, **options):
        if self.name == "energy_uj":
            raise PermissionError
        return whole(self, *args, **options)

    monkeypatch.setattr(Path, "read_text", closed)
    sources, (refusal,) = find_rapl(tmp_path)
    assert sources == []
    assert refusal.reason == "permission"
    assert "chmod a+r" in refusal.hint


def test_a_counter_lost_under_way_is_refused(tmp_path):
    path = domain(tmp_path, "intel-rapl:0", "package-0", 0)
    sources, _ = find_rapl(tmp_path)
    clock = Clock()
    meter = Meter(sources, [], clock=clock, sleep=clock.sleep)
    with meter:
        (path / "energy_uj").unlink()
    assert meter.reading.joules is None
    assert meter.reading.refusals[0].reason == "unreadable"


def test_no_counters_at_all(tmp_path):
    for root in (tmp_path, tmp_path / "missing"):
        sources, (refusal,) = find_rapl(root)
        assert sources == []
        assert refusal.reason == "absent"
        assert "declared_w" in refusal.hint


# --- NVML ---


class FakeNvml:
    """A GPU of so many watts whose counter may be off, or missing."""

    class NVMLError(Exception):
        pass

    def __init__(self, clock, watts=200.0, counts=True, off=1.0, sensor=True, driver=True):
        self.clock, self.watts, self.counts, self.off, self.sensor, self.driver = (
            clock,
            watts,
            counts,
            off,
            sensor,
            driver,
        )

    def nvmlInit(self):
        if not self.driver:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self):
        return 1

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetName(self, handle):
        return b"Fake 100"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        if not self.counts:
            raise self.NVMLError("Not Supported")
        return 1e6 + self.off * self.watts * self.clock.now * 1e3

    def nvmlDeviceGetPowerUsage(self, handle):
        if not self.sensor:
            raise self.NVMLError("Not Supported")
        return self.watts * 1e3


def test_a_gpu_counts_and_is_cross_checked():
    clock = Clock()
    sources, refusals = find_nvml(FakeNvml(clock))
    reading = window(sources, clock, 10.0, refusals)
    assert reading.joules == pytest.approx(2000.0)
    (one,) = reading.by_source
    assert one.boundary == "board"
    assert one.warnings == ()
    assert (one.low, one.high) == pytest.approx((1950.0, 2050.0))


def test_a_counter_and_a_power_that_disagree_are_both_told():
    clock = Clock()
    sources, _ = find_nvml(FakeNvml(clock, off=1.74))
    (one,) = window(sources, clock, 10.0).by_source
    assert one.joules == pytest.approx(3480.0)
    assert "3480 J" in one.warnings[0]
    assert "2000 J" in one.warnings[0]
    assert one.low < 2000 < 3480 < one.high
    (close,) = window(find_nvml(FakeNvml(clock, off=1.09))[0], clock, 10.0).by_source
    assert close.warnings == ()


def test_a_gpu_without_a_counter_says_that_it_integrates():
    clock = Clock()
    sources, _ = find_nvml(FakeNvml(clock, counts=False))
    (one,) = window(sources, clock, 10.0).by_source
    assert one.joules == pytest.approx(2000.0)
    assert "no energy counter" in one.method


def test_a_short_window_of_a_gpu_is_refused():
    clock = Clock()
    reading = window(find_nvml(FakeNvml(clock))[0], clock, 0.5)
    assert reading.joules is None
    assert reading.refusals[0].reason == "too short"


def test_gpus_that_cannot_be_metered_say_why():
    clock = Clock()
    assert find_nvml(FakeNvml(clock, driver=False))[1][0].reason == "no driver"
    assert find_nvml(FakeNvml(clock, sensor=False))[1][0].reason == "unsupported"


# --- readings ---


def test_a_processor_and_a_gpu_are_not_added(tmp_path):
    path = domain(tmp_path, "intel-rapl:0", "package-0", 0)
    clock = Clock(path, 50.0)
    reading = window([*find_rapl(tmp_path)[0], *find_nvml(FakeNvml(clock))[0]], clock, 10.0)
    assert reading.joules is None
    assert (reading.at("chip"), reading.at("board"), reading.at("wall")) == (
        pytest.approx(500),
        pytest.approx(2000),
        None,
    )
    with pytest.raises(ValueError, match=r"take reading\.at\(boundary\)"):
        reading.require()


def test_a_reading_without_a_meter_has_no_joules():
    reading = window([], Clock(), 1.0, find_rapl(Path("nowhere"))[1])
    assert reading.joules is None
    assert reading.interval is None
    assert reading.watts is None
    with pytest.raises(MeterError, match="nothing here meters joules") as found:
        reading.require()
    assert found.value.refusals == reading.refusals
    json.dumps(reading.to_dict(), allow_nan=False)


def test_a_reading_is_a_price(tmp_path):
    path = domain(tmp_path, "intel-rapl:0", "package-0", 0)
    reading = window(find_rapl(tmp_path)[0], Clock(path, 50.0), 2.0)
    price = reading.parameter("W")
    assert (price.value, price.unit) == (pytest.approx(50.0), "W")
    assert price.evidence is Evidence.MEASURED
    assert price.low < 50 < price.high


def test_declared_watts_are_assumed_and_asked_for():
    with pbits.meter(declared_w=40.0) as meter:
        sum(k * k for k in range(300_000))
    named = [one for one in meter.reading.by_source if one.source.startswith("declared")]
    if not named:
        pytest.skip("this computer meters its processor")
    (one,) = named
    assert 0 < one.joules <= 40.0 * meter.reading.seconds
    assert one.evidence is Evidence.ASSUMED
    assert meter.reading.by_source[0].low == pytest.approx(one.joules / 2)
    for watts in (0, -1, math.nan):
        with pytest.raises(ValueError, match="positive, finite"):
            pbits.meter(declared_w=watts)


def test_this_computer_reads_or_says_why_not():
    meter = pbits.meter()
    with meter:
        np.linalg.svd(np.eye(300))
    assert meter.reading.joules is None or meter.reading.joules > 0
    assert meter.sources or meter.refusals
    for one in meter.refusals:
        assert one.text
        assert one.hint


# --- measurements ---


class Worker:
    """Work of so many seconds and watts above an idle computer; the clock and the counter run with it."""

    def __init__(self, path, seconds, watts, idle, scatter=0.0, seed=0):
        self.clock = Clock(path, idle)
        self.seconds, self.watts, self.scatter = seconds, watts, scatter
        self.rng, self.calls = np.random.default_rng(seed), 0

    def __call__(self):
        self.calls += 1
        self.clock.now += self.seconds
        watts = (self.clock.watts + self.watts) * (1 + self.scatter * self.rng.standard_normal())
        advance(self.clock.path, round(watts * self.seconds * 1e6))


def measured(tmp_path, worker, **options):
    meter = Meter(find_rapl(tmp_path)[0], [], clock=worker.clock, sleep=worker.clock.sleep)
    return meter.measure(worker, **options)


def test_a_function_is_repeated_and_not_the_meter(tmp_path):
    worker = Worker(domain(tmp_path, "intel-rapl:0", "package-0", 0), seconds=0.1, watts=30.0, idle=20.0)
    found = measured(tmp_path, worker, repeats=4, window_s=2.0, idle_s=3.0)
    assert (found.calls, worker.calls) == (20, 2 + 4 * 20)
    assert found.seconds == pytest.approx(0.1)
    assert found.joules == pytest.approx(5.0, rel=1e-9)
    assert found.watts == pytest.approx(50.0, rel=1e-9)
    assert found.idle_w == pytest.approx((20.0, 20.0))
    assert found.net == pytest.approx(3.0, rel=1e-9)
    assert found.interval == pytest.approx((5 / 1.1, 5.5), rel=1e-6)
    assert found.parameter().value == found.joules
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_drowns_in_idle_has_no_net(tmp_path):
    path = domain(tmp_path, "intel-rapl:0", "package-0", 0)
    worker = Worker(path, seconds=0.5, watts=0.01, idle=20.0, scatter=0.05)
    found = measured(tmp_path, worker, repeats=5, window_s=1.0, idle_s=1.0)
    assert found.net is None
    assert "three standard deviations" in found.why_no_net
    assert "not metered" in measured(tmp_path, worker, repeats=3, window_s=1.0, idle_s=0.0).why_no_net


def test_the_interval_covers_what_it_says(tmp_path, monkeypatch):
    """Scatter alone: 200 measurements of 5 windows, of which 95 % hold the truth, ± 6 % at four standard errors."""
    monkeypatch.setattr(rapl, "RANGE_FACTORS", {Evidence.MEASURED: 1.0 + 1e-12})
    path = domain(tmp_path, "intel-rapl:0", "package-0", 0)
    inside = 0
    for seed in range(200):
        worker = Worker(path, seconds=1.0, watts=30.0, idle=20.0, scatter=0.1, seed=seed)
        low, high = measured(tmp_path, worker, repeats=5, window_s=1.0, idle_s=0.0).interval
        inside += low < 50.0 < high
    assert inside / 200 == pytest.approx(0.95, abs=0.06)


def test_measurements_that_cannot_be_are_refused(tmp_path):
    worker = Worker(domain(tmp_path, "intel-rapl:0", "package-0", 0), seconds=0.1, watts=1.0, idle=1.0)
    with pytest.raises(ValueError, match="at least 3"):
        measured(tmp_path, worker, repeats=2)
    with pytest.raises(ValueError, match="window_s"):
        measured(tmp_path, worker, window_s=0.0)
    with pytest.raises(MeterError):
        Meter([], []).measure(worker)
