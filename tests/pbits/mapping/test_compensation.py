import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbits
from hardware_models.effects import OffsetMismatch, SlopeMismatch
from hardware_models.pbit import Array
from pbits.mapping.compensation import compensate, with_gains
from pbits.reference import stationary_of, total_variation


def network(seed, n=5):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.normal(size=(n, n)), 1)
    return pbits.IsingModel(J + J.T, rng.normal(size=n), 0.5), np.exp(0.4 * rng.normal(size=n)), rng.normal(size=n)


@given(seed=st.integers(0, 500), beta=st.floats(0.2, 3), update=st.sampled_from(["sequential", "random", "chromatic"]))
def test_a_compensated_chip_realises_the_posed_model(seed, beta, update):
    model, alphas, offsets = network(seed)
    chip = Array(update=update, effects=[OffsetMismatch(offsets=offsets), SlopeMismatch(alphas=alphas)])
    schedule = pbits.Schedule(beta=beta)
    posed = pbits.exact(model, beta).probabilities
    program = compensate(model, alphas=alphas, offsets=offsets, beta=beta)
    assert isinstance(program, pbits.DirectedModel)
    held = chip.compile(program, schedule).realised(beta).mutual()
    assert held is not None
    assert total_variation(pbits.exact(held, beta).probabilities, posed) < 1e-12
    # What is left out of the compensation is seen: the law of the bare chip, and of a compensation at another β.
    bare = chip.compile(model, schedule).law(beta)
    assert total_variation(stationary_of(bare.model, beta, bare.rule).probabilities, posed) > 1e-9
    elsewhere = compensate(model, alphas=alphas, offsets=offsets, beta=2 * beta)
    warm = chip.compile(elsewhere, schedule).realised(beta).mutual()
    assert total_variation(pbits.exact(warm, beta).probabilities, posed) > 1e-9


def test_a_run_of_a_compensated_chip_samples_the_posed_law():
    model, alphas, offsets = network(3, n=4)
    chip = Array(update="sequential", effects=[OffsetMismatch(offsets=offsets), SlopeMismatch(alphas=alphas)])
    run = pbits.run(compensate(model, alphas=alphas, offsets=offsets), chip, seed=1)
    # 32,000 draws: five times the total variation that they would show on average if independent.
    assert (
        pbits.exact(model).total_variation(np.bincount((run.states.reshape(-1, 4) > 0) @ [8, 4, 2, 1], minlength=16))
        < 0.05
    )


def test_gains_belong_to_rows():
    model, alphas, _ = network(1)
    heard = with_gains(model, alphas)
    np.testing.assert_allclose(heard.csr.toarray(), alphas[:, None] * model.J, rtol=1e-15)
    np.testing.assert_allclose(heard.h, alphas * model.h, rtol=1e-15)
    assert heard.offset == 0.5
    assert isinstance(heard, pbits.DirectedModel)
    assert with_gains(heard, 1 / alphas).mutual() is not None
    assert isinstance(with_gains(model, np.full(5, 2.0)), pbits.IsingModel)


def test_what_cannot_be_compensated_is_refused():
    model, alphas, offsets = network(1)
    with pytest.raises(ValueError, match=r"alphas\[2\] is 0"):
        compensate(model, alphas=alphas * [1, 1, 0, 1, 1])
    with pytest.raises(ValueError, match="at one β"):
        compensate(model, alphas=alphas, offsets=offsets, beta=0)
    with pytest.raises(ValueError, match="one number per p-bit"):
        compensate(model, alphas=alphas[:3])
