"""Two-state junctions against their closed forms.

Junctions are independent, so a mean over them comes with its standard error; the limit of five gives a false alarm in
2e-6 of the comparisons, and seeds are fixed.
"""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from hardware_models.pbit.telegraph import EXPONENTS, Telegraph

LIMIT = 5.0
JUNCTIONS = 256


def deviation(values, exact):
    """By how many standard errors the mean of independent values misses; the first axis counts them."""
    return np.abs(values.mean(axis=0) - exact) / (values.std(axis=0) / np.sqrt(len(values)))


def alike(exponent=2.0, barrier=2.0):
    return Telegraph(tau0_s=np.full(JUNCTIONS, 1e-9), barrier=barrier, exponent=exponent)


def test_dwell_times_are_those_of_neel_and_arrhenius():
    for exponent in EXPONENTS:
        plus, minus = Telegraph(tau0_s=2e-9, barrier=5.0, exponent=exponent).dwells_s([[-0.3], [0.0], [0.3]])
        np.testing.assert_allclose(plus[:, 0], 2e-9 * np.exp(5 * np.array([0.7, 1, 1.3]) ** exponent))
        np.testing.assert_allclose(minus, plus[::-1])


def test_a_uniaxial_junction_is_a_p_bit_of_slope_two_barriers():
    x = np.linspace(-1, 1, 9)[:, None]
    junction = Telegraph(tau0_s=1e-9, barrier=[1.0, 2.5], drive_offset=0.0)
    np.testing.assert_allclose(junction.probability(x), 0.5 + 0.5 * np.tanh(2 * x * np.array([1.0, 2.5])), rtol=1e-12)
    # A saddle-node has three quarters of the slope at no drive.
    other = Telegraph(tau0_s=1e-9, barrier=2.5, exponent=1.5).probability(1e-4)[0] - 0.5
    assert other / 1e-4 == pytest.approx(0.75 * 2.5, rel=1e-6)


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("drive", [0.0, 0.2])
def test_dwells_probability_and_correlations_are_as_told(exponent, drive):
    junctions = alike(exponent)
    lengths, states = junctions.dwell_times_s(400, drive=drive, seed=1)
    for state, tau in zip((1, -1), junctions.dwells_s(drive)):
        chosen = lengths[states == state] / tau[0]
        assert deviation(chosen, 1) < LIMIT
        assert kstest(chosen, "expon").pvalue > 1e-6
    tau = junctions.correlation_time_s(drive)[0]
    seen = junctions.trace(4000, tau / 4, drive=drive, seed=2).values.astype(float)
    mean = 2 * junctions.probability(drive)[0] - 1
    assert deviation(seen.mean(axis=1), mean) < LIMIT
    lags = np.array([1, 4, 12])
    for lag, exact in zip(lags, junctions.autocovariance(lags * tau / 4, drive)[0]):
        assert deviation(((seen[:, lag:] - mean) * (seen[:, :-lag] - mean)).mean(axis=1), exact) < LIMIT


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_the_check_sees_the_other_exponent(exponent):
    wrong = alike(sum(EXPONENTS) - exponent)
    lengths, states = alike(exponent).dwell_times_s(400, drive=0.2, seed=1)
    assert deviation(lengths[states == 1], wrong.dwells_s(0.2)[0][0]) > 2 * LIMIT
    assert deviation((lengths * states).sum(axis=1) / lengths.sum(axis=1), 2 * wrong.probability(0.2)[0] - 1) > LIMIT


def periodogram(values, dt_s):
    """One-sided, of whole traces: (junctions, frequencies) without the first and the last."""
    n = values.shape[1]
    power = np.abs(np.fft.rfft(values - values.mean(), axis=1)) ** 2 * 2 * dt_s / n
    return np.fft.rfftfreq(n, dt_s)[1:-1], power[:, 1:-1]


def of_spectrum(expected):
    """By how much the spectrum of traces misses the expected one, at most over 100 bands, in standard errors."""
    junctions, dt, drive = alike(), 5e-9, 0.1
    frequencies, power = periodogram(junctions.trace(8192, dt, drive=drive, seed=3).values.astype(float), dt)
    ratio = power / expected(junctions, frequencies, drive, dt)
    bands = np.array_split(ratio, 100, axis=1)
    return max(float(deviation(band.mean(axis=1), 1)) for band in bands)


def test_the_spectrum_of_samples_is_the_folded_lorentzian():
    assert of_spectrum(lambda junctions, f, drive, dt: junctions.spectrum(f, drive, dt)) < LIMIT
    # The same check sees a corner that is five per cent off, and a Lorentzian that is not folded.
    slow = Telegraph(tau0_s=1.05e-9, barrier=2.0)
    assert of_spectrum(lambda junctions, f, drive, dt: slow.spectrum(f, drive, dt)) > LIMIT
    assert of_spectrum(lambda junctions, f, drive, dt: junctions.spectrum(f, drive)) > LIMIT


def test_spectra_hold_the_variance():
    junction = Telegraph(tau0_s=1e-9, barrier=2.0)
    variance = junction.autocovariance(0.0, 0.1)[0, 0]
    scale = 1 / junction.correlation_time_s()[0]
    whole, _ = quad(lambda f: junction.spectrum(f * scale, 0.1)[0, 0] * scale, 0, np.inf)
    assert whole == pytest.approx(variance, rel=1e-6)
    dt = 5e-9
    folded, _ = quad(lambda f: junction.spectrum(f, 0.1, dt)[0, 0] / dt, 0, 0.5 / dt, limit=200)
    assert folded * dt == pytest.approx(variance, rel=1e-6)
    np.testing.assert_allclose(junction.spectrum(1e7, dt_s=1e-13), junction.spectrum(1e7), rtol=1e-4)


def test_traces_show_the_dwells_that_are_listed():
    junctions = Telegraph(tau0_s=[1e-9, 2e-9], barrier=1.5)
    trace = junctions.trace(1000, 1e-9, drive=0.1, seed=4)
    lengths, states = junctions.dwell_times_s(400, drive=0.1, seed=4)
    for seen, ends, state in zip(trace.values, lengths.cumsum(axis=1), states):
        np.testing.assert_array_equal(seen, state[np.searchsorted(ends, trace.times_s)])


def test_a_drive_may_change_on_the_way():
    drive = np.repeat([-0.4, 0.3], 3000)
    junctions = alike()
    trace = junctions.trace(6000, 4e-9, drive=drive, seed=5)
    for value, piece in trace.pieces():
        assert deviation(piece[:, 100:].mean(axis=1), 2 * junctions.probability(value)[0] - 1) < LIMIT


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"exponent": 1.0}, "must be 2"),
        ({"tau0_s": 0.0}, "tau0_s is 0.0"),
        ({"barrier": -1.0}, "at least 0"),
        ({"barrier": [1.0, np.nan]}, r"barrier\[1\]"),
        ({"barrier": [1.0, 2.0], "tau0_s": [1e-9] * 3}, "found the shapes"),
        ({"barrier": []}, "found the shapes"),
    ],
)
def test_junctions_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Telegraph(**({"tau0_s": 1e-9, "barrier": 2.0} | fields))


def test_drives_beyond_the_barrier_are_refused():
    junction = Telegraph(tau0_s=1e-9, barrier=2.0, drive_offset=0.3)
    with pytest.raises(ValueError, match=r"reaches 1.1; it must lie within"):
        junction.trace(10, 1e-9, drive=0.8, seed=1)
    with pytest.raises(ValueError, match="one for each sample"):
        junction.trace(10, 1e-9, drive=[0.1, 0.2], seed=1)
    with pytest.raises(ValueError, match="two or more"):
        junction.trace(1, 1e-9, seed=1)
    with pytest.raises(ValueError, match="dt_s is 0"):
        junction.trace(10, 0.0, seed=1)
