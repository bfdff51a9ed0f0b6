"""Every machine that is found passes the conformance suite, and the suite catches what it is there for."""

from dataclasses import replace

import pytest

import pbits
from pbits import testing
from pbits.substrate import Program, Substrate

MACHINES = pbits.available()


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

            def execute(self, schedule, streams, initial, observe):
                return inner.execute(replace(schedule, beta=1.05 * schedule.beta), streams, initial, observe)

        Faulty.__abstractmethods__ = frozenset()
        return Faulty()


@pytest.mark.parametrize("name", MACHINES)
def test_five_percent_in_beta_is_caught(name):
    with pytest.raises(AssertionError, match="chance allows"):
        testing.check_law(_Hotter(pbits.load(name)))
