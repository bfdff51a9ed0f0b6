"""Every machine that is found passes the conformance suite, and the suite catches what it is there for."""

from dataclasses import replace

import numpy as np
import pytest

import pbits
from pbits import testing
from pbits.errors import law_table
from pbits.reference import tv_noise_floor
from pbits.substrate import Program, Substrate

# The wrapper of a machine is a machine: its three spins lie on twelve cells.
MACHINES = (*pbits.available(), "embedded:extropic-z1")


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", MACHINES)
def test_conformance(name, check):
    check(pbits.load(name))


class _Hotter(Substrate):
    """A machine that runs at 1.05 β and declares β: the planted fault."""

    def __init__(self, machine):
        self.machine = machine
        self.name = f"hotter {machine.name}"
        self.capabilities = machine.capabilities
        self.prices = machine.prices

    def _program(self, model, schedule, placement):
        inner = self.machine._program(model, schedule, placement)

        class Faulty(Program):
            realised = inner.realised
            law = inner.law
            twin = inner.twin

            def execute(self, schedule, streams, initial, observe):
                return inner.execute(replace(schedule, beta=1.05 * schedule.beta), streams, initial, observe)

        Faulty.__abstractmethods__ = frozenset()
        return Faulty()


# One machine of many chips is enough, and the other takes half a minute.
@pytest.mark.parametrize("name", [name for name in MACHINES if name != "fpga-vcu118x6"])
def test_five_percent_in_beta_is_caught(name):
    with pytest.raises(AssertionError, match="chance allows|differs from its own twin"):
        testing.check_law(_Hotter(pbits.load(name)))


@pytest.mark.parametrize("name", pbits.available())
def test_ten_spins_are_allowed_the_floor_and_a_half_and_nothing_more(name):
    model = testing.native_model(pbits.load(name))
    if model.domain == "spin":
        assert model.n == testing.SPINS
        states = np.ones((10**6, model.n), dtype=np.int8)
        law = pbits.load(name).compile(model, pbits.Schedule()).law(1.0)
        floor = tv_noise_floor(law_table(law, model.n), len(states))
        assert testing._spins(law, states, thinning=1).allowed == 1.5 * floor
