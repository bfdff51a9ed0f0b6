"""Schedules: β of every step, which states are kept, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbits
from pbits.schedule import SHAPES

anneal = pbits.Schedule.anneal
START, STOP, SWEEPS = 0.1, 3.0, 7

FORMULAS = {
    "geometric": lambda k, last: START * (STOP / START) ** (k / last),
    "linear": lambda k, last: START + (STOP - START) * k / last,
    "logarithmic": lambda k, last: START * (1 + (STOP / START - 1) * math.log(1 + k) / math.log(1 + last)),
}


def test_sampling_holds_one_beta():
    schedule = pbits.Schedule(n_samples=3, n_warmup=2, steps_per_sample=4, beta=0.7)
    assert (schedule.kind, schedule.total_steps) == ("sample", 14)
    assert schedule.betas().tolist() == [0.7] * 14
    assert schedule.observed_steps().tolist() == [6, 10, 14]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_anneal_follows_its_formula(shape):
    schedule = anneal(sweeps=SWEEPS, beta_start=START, beta_stop=STOP, shape=shape)
    expected = [FORMULAS[shape](k, SWEEPS - 1) for k in range(SWEEPS)]
    np.testing.assert_allclose(schedule.betas(), expected, rtol=1e-14)
    assert schedule.kind == "anneal"
    assert schedule.observed_steps().tolist() == list(range(1, SWEEPS + 1))


@pytest.mark.parametrize("shape", SHAPES)
def test_levels_are_plateaus_of_equal_length_over_the_same_formula(shape):
    betas = anneal(sweeps=12, beta_start=START, beta_stop=STOP, shape=shape, levels=4).betas()
    plateaus = betas.reshape(4, 3)
    assert (plateaus == plateaus[:, :1]).all()
    np.testing.assert_allclose(plateaus[:, 0], [FORMULAS[shape](k, 3) for k in range(4)], rtol=1e-14)


@pytest.mark.parametrize(("levels", "sweeps"), [(1, 5), (None, 1)])
def test_one_level_is_all_at_the_last_beta(levels, sweeps):
    assert set(anneal(sweeps=sweeps, levels=levels).betas()) == {3.0}


@pytest.mark.parametrize("shape", ["linear", "logarithmic"])
def test_an_anneal_may_start_at_beta_0(shape):
    assert anneal(sweeps=9, beta_start=0.0, shape=shape).betas()[[0, -1]].tolist() == [0.0, 3.0]


def test_an_anneal_may_warm_up():
    betas = anneal(sweeps=9, beta_start=3.0, beta_stop=0.1).betas()
    assert (np.diff(betas) < 0).all()


def test_frames_are_what_is_handed_over():
    sampling = pbits.Schedule(n_samples=3, n_warmup=2, steps_per_sample=4)
    assert [sampling.frames(steps) for steps in (5, 6, 13, 14)] == [0, 1, 2, 3]
    assert anneal(sweeps=10).frames(10) == 1
    assert anneal(sweeps=10, stop_at=-1.0).frames(6) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, "n_samples is 0; it must be a whole number of at least 1"),
        ({"n_samples": 1.0}, "n_samples is 1.0"),
        ({"n_samples": True}, "n_samples is True"),
        ({"n_samples": None}, "n_samples is None"),
        ({"n_warmup": -1}, "n_warmup is -1; it must be a whole number of at least 0"),
        ({"steps_per_sample": 0}, "steps_per_sample is 0"),
        ({"chains": 0}, "chains is 0"),
        ({"chains": "4"}, "chains is '4'"),
        ({"beta": math.nan}, "beta is nan; it must be a finite number"),
        ({"beta": math.inf}, "beta is inf"),
        ({"beta": -0.5}, "beta is -0.5; an inverse temperature must be at least 0"),
        ({"beta": None}, "beta is None"),
        ({"beta": "1"}, "beta is '1'"),
        ({"beta": True}, "beta is True"),
        ({"beta": [0.1, 1.0]}, "beta is"),
        ({"step_s": 0.0}, "step_s is 0.0; it must be a positive number of seconds"),
        ({"step_s": math.nan}, "step_s is nan"),
        ({"stop_at": math.inf}, "stop_at is inf"),
        ({"beta_start": 0.1}, r"use Schedule.anneal\(...\)"),
        ({"levels": 3}, r"use Schedule.anneal\(...\)"),
        ({"shape": "geometric"}, r"an anneal needs beta_start; use Schedule.anneal\(...\)"),
        ({"shape": "geometric", "beta_start": 0.1}, "an anneal keeps one draw, its last"),
    ],
)
def test_bad_sampling_schedules(arguments, message):
    with pytest.raises(ValueError, match=message):
        pbits.Schedule(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sweeps": 0}, "^sweeps is 0; it must be a whole number of at least 1"),
        ({"sweeps": 10.0}, "^sweeps is 10.0"),
        ({"beta_stop": math.nan}, "^beta_stop is nan"),
        ({"beta_stop": -1}, "^beta_stop is -1; an inverse temperature"),
        ({"beta_start": math.nan}, "^beta_start is nan"),
        ({"beta_start": None}, "needs beta_start"),
        ({"beta_start": 0.0}, "geometric anneal cannot start at β = 0; use a small β, or shape='linear'"),
        ({"beta_stop": 0.0}, "geometric anneal cannot stop at β = 0"),
        ({"shape": "cubic"}, "shape is 'cubic'; it must be one of geometric, linear, logarithmic"),
        ({"levels": 0}, "levels is 0; it must be a whole number of at least 1"),
        ({"levels": 2.5}, "levels is 2.5"),
        ({"levels": True}, "levels is True"),
        ({"levels": 11, "sweeps": 10}, "levels is 11; there are only 10 sweeps"),
        ({"stop_at": math.nan}, "stop_at is nan"),
        ({"stop": "some"}, "stop is 'some'; it must be one of all, any"),
    ],
)
def test_bad_anneals_are_refused_in_the_words_of_the_call(arguments, message):
    with pytest.raises(ValueError, match=message):
        anneal(**arguments)


def test_numbers_of_numpy_become_plain():
    schedule = pbits.Schedule(n_samples=np.int64(3), beta=np.float32(0.5), chains=np.uint8(2))
    assert {type(value) for value in (schedule.n_samples, schedule.chains)} == {int}
    assert type(schedule.beta) is float
    assert pbits.Schedule(**schedule.to_dict()) == schedule


@st.composite
def anneals(draw):
    sweeps = draw(st.integers(1, 300))
    return anneal(
        sweeps=sweeps,
        beta_start=draw(st.floats(1e-3, 50)),
        beta_stop=draw(st.floats(1e-3, 50)),
        shape=draw(st.sampled_from(SHAPES)),
        levels=draw(st.none() | st.integers(1, sweeps)),
    )


@given(anneals())
def test_an_anneal_goes_one_way_between_its_ends(schedule):
    betas = schedule.betas()
    assert betas.shape == (schedule.total_steps,)
    steps = np.diff(betas)
    tiny = 1e-15 * betas.max()  # β₀ and β₁ may differ by a few roundings
    assert (steps >= -tiny).all() or (steps <= tiny).all()
    assert betas[-1] == schedule.beta
    levels = schedule.levels or schedule.total_steps
    assert betas[0] == (schedule.beta_start if levels > 1 else schedule.beta)
    assert (len(np.unique(betas)) == levels) or abs(schedule.beta - schedule.beta_start) < 1e-9


@given(st.integers(1, 20), st.integers(0, 20), st.integers(1, 20))
def test_observed_steps_end_with_the_run(n_samples, n_warmup, steps_per_sample):
    schedule = pbits.Schedule(n_samples=n_samples, n_warmup=n_warmup, steps_per_sample=steps_per_sample)
    observed = schedule.observed_steps()
    assert len(observed) == n_samples
    assert observed[-1] == schedule.total_steps
    assert observed[0] == n_warmup + steps_per_sample
    assert schedule.frames(schedule.total_steps) == n_samples


def test_a_ladder_multiplies_beta_chain_by_chain():
    schedule = anneal(sweeps=3, beta_start=1.0, beta_stop=4.0, chains=2, ladder=[0.5, 2])
    assert schedule.ladder == (0.5, 2.0)
    assert schedule.chain_betas(3.0).tolist() == [1.5, 6.0]
    assert schedule.max_beta == 8.0
    assert pbits.Schedule(chains=3, beta=0.4).chain_betas(0.4).tolist() == [0.4] * 3
    assert pbits.Schedule(**schedule.to_dict()) == schedule


@pytest.mark.parametrize(("every", "frames"), [(None, 3), (1, 14), (2, 7), (5, 4), (20, 3)])
def test_frames_of_a_steered_run_are_those_of_draws_and_of_rounds(every, frames):
    # Draws after steps 6, 10 and 14.
    schedule = pbits.Schedule(n_samples=3, n_warmup=2, steps_per_sample=4)
    looks = {6, 10, 14} | (set() if every is None else set(range(every, 15, every)))
    assert schedule.frames(14, every) == len(looks) == frames


def test_frames_of_a_steered_anneal_are_the_rounds_and_the_last():
    assert [anneal(sweeps=10).frames(10, every) for every in (None, 3, 5)] == [1, 4, 2]
