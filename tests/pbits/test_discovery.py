"""A new physics is one new file and a new product one new TOML: both are found and tested by themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hardware_models

TELEGRAPH = '''
"""Telegraph cells: two-state cells that relax towards their p-bit rule, one site after another."""

import math

import numpy as np

from pbits.models import IsingModel
from pbits.substrate import Capabilities, Execution, Law, Program, Substrate
from pbits.sweeps import Scan, heat_bath


class Telegraph(Substrate):
    def __init__(self, *, name="telegraph-fast", persistence=0.0, prices=None, spec=None):
        self.name, self.persistence, self.prices, self.spec = name, persistence, prices, spec
        self.capabilities = Capabilities(domains=frozenset({"spin"}), models=(IsingModel,))

    def _program(self, model, schedule, placement):
        return TelegraphProgram(model, placement, self.persistence)


class TelegraphProgram(Program):
    def __init__(self, model, placement, persistence):
        self.model, self.clamp = model, placement.clamp
        self.scan = Scan.sequential(model.n, persistence=persistence)

    def realised(self, beta):
        return self.model

    def law(self, beta):
        return Law(kind="boltzmann", model=self.model, beta=beta, clamp=self.clamp)

    def execute(self, schedule, streams, initial, observe):
        done = heat_bath(self.realised, self.scan, schedule, streams, initial, observe, self.clamp)
        counts = {"update": done.updates, "toggle": done.toggles}
        return Execution(counts=counts, seconds={}, device_time_s=None, phases={}, notes={})


def from_spec(spec):
    spec.reject_unknown(("dwell_time", "phase_time"))
    ratio = spec.number("phase_time", "s") / spec.number("dwell_time", "s")
    return Telegraph(name=spec.name, persistence=math.exp(-ratio), prices=spec.prices, spec=spec)


def machines():
    return {"telegraph-fast": Telegraph}
'''

PRODUCT = """
schema = 1
name = "acme-{physics}"
title = "Acme"
physics = "{physics}"
date = "2026-11-22"
description = "A product of a test."
"""

OF_KNOWN_PHYSICS = (
    PRODUCT.format(physics="gibbs")
    + """
[parameters]
rules = "G8"
rows = { value = 8, evidence = "assumed", note = "a test" }
columns = { value = 8, evidence = "assumed", note = "a test" }
phase_time = { value = "10 ns", evidence = "assumed", note = "a test" }
max_coupling = { value = 0.5, evidence = "assumed", note = "below what the suite would pose" }
[prices]
boundary = "chip"
weight_read = { included_in = "update" }
toggle = { included_in = "update" }
random_bit = { included_in = "update" }
update = { value = "7 fJ", evidence = "assumed", note = "a test" }
read = { value = "1 pJ", evidence = "assumed", note = "a test" }
write = { value = "1 pJ", evidence = "assumed", note = "a test" }
[power]
active = { included_in = "update" }
"""
)

OF_NEW_PHYSICS = (
    PRODUCT.format(physics="telegraph")
    + """
[parameters]
dwell_time = { value = "10 ns", evidence = "assumed", note = "a test" }
phase_time = { value = "20 ns", evidence = "assumed", note = "a test" }
"""
)

CHECK = """
import sys
from functools import partial
import hardware_models, pbits
from pbits import testing
assert hardware_models.__file__.startswith(sys.argv[1]), hardware_models.__file__
testing.measure_law = partial(testing.measure_law, draws=200_000)
for name in sys.argv[2:]:
    assert name in pbits.available(), name
    for check in testing.CHECKS:
        check(pbits.load(name))
    print("passed", name)
"""


@pytest.fixture
def package(tmp_path):
    """A copy of the machines, to which files can be added."""
    home = Path(hardware_models.__file__).parent
    shutil.copytree(home, tmp_path / "hardware_models", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "hardware_models"


def python(package, code, *arguments):
    folder = str(package.parent)
    path = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, folder, *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_one_new_file_is_a_new_machine_or_physics(package):
    (package / "telegraph.py").write_text(TELEGRAPH, encoding="utf-8")
    (package / "catalogue" / "acme-gibbs.toml").write_text(OF_KNOWN_PHYSICS, encoding="utf-8")
    (package / "catalogue" / "acme-telegraph.toml").write_text(OF_NEW_PHYSICS, encoding="utf-8")
    done = python(package, CHECK, "telegraph-fast", "acme-telegraph", "acme-gibbs")
    assert done.stdout.split() == ["passed", "telegraph-fast", "passed", "acme-telegraph", "passed", "acme-gibbs"], (
        done.stderr
    )


def test_the_suite_sees_a_fault_in_a_new_file(package):
    faulty = TELEGRAPH.replace("self.realised, self.scan, schedule", "self.wrong, self.scan, schedule").replace(
        "    def law(", "    def wrong(self, beta):\n        return IsingModel(1.5 * self.model.csr)\n\n    def law("
    )
    (package / "telegraph.py").write_text(faulty, encoding="utf-8")
    done = python(package, CHECK, "telegraph-fast")
    assert "telegraph-fast declares a boltzmann law" in done.stderr
    assert "chance allows" in done.stderr


def test_a_machine_is_named_as_its_file(package):
    (package / "catalogue" / "acme.toml").write_text(OF_KNOWN_PHYSICS, encoding="utf-8")
    done = python(package, "import pbits; pbits.load('acme')")
    assert "acme.toml: name is 'acme-gibbs'; a machine is named as its file, 'acme'" in done.stderr
