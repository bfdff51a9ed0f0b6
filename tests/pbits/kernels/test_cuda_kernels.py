"""Every GPU kernel compiles to PTX for three generations of GPUs, on a machine that has none."""

import inspect
import re
from functools import cache
from importlib import metadata

import numpy as np
import pytest
from numba import cuda, float64, int32, int64, typeof, types, uint32, uint64

import pbits
from pbits.kernels import cuda as kernels
from pbits.sweeps.cuda import CudaEngine
from pbits.sweeps.engine import Key, Options, Record
from pbits.sweeps.scan import Scan

try:
    for _name in ("numba-cuda", "nvidia-cuda-nvcc-cu12", "nvidia-cuda-nvrtc-cu12"):
        metadata.version(_name)
except metadata.PackageNotFoundError as missing:
    pytest.skip(f"{missing.name} is not installed: pip install 'pbits[cuda]'", allow_module_level=True)


def array(dtype, axes=1):
    return types.Array(dtype, axes, "C")


WORDS, INDEX = array(uint32, 2), array(uint32)
SITES = (WORDS, int64, INDEX, int64, int64)
STEP = (int64, uint32, uint32, uint32, uint32, array(int64))
ARGUMENTS = {
    "sweep_bits_few": (*SITES, INDEX, INDEX, int64, array(uint32, 2), *STEP),
    "sweep_bits": (*SITES, INDEX, INDEX, int64, array(uint32, 2), *STEP),
    "unsatisfied": (array(int64), WORDS, INDEX, INDEX, int64),
    "sweep_integers": (*SITES, INDEX, INDEX, array(int32), array(int32), array(uint64, 2), *STEP),
    "sweep_reals": (*SITES, INDEX, INDEX, array(float64), array(float64), array(float64), *STEP),
    "energies": (array(float64, 2), WORDS, INDEX, INDEX, array(float64), array(float64)),
    "column": (INDEX, WORDS, int64),
}


class Noted:
    """A device without a GPU: notes the types of what is launched."""

    def __init__(self):
        self.launched = {}

    def put(self, array):
        return np.array(array, order="C")

    def fetch(self, array):
        return array

    def launch(self, kernel, rows, words, *arguments):
        (name,) = (name for name in ARGUMENTS if getattr(kernels, name) is kernel)
        self.launched.setdefault(name, set()).add(tuple(typeof(argument) for argument in arguments))


def test_arguments_are_those_of_the_engine(monkeypatch):
    noted = Noted()
    monkeypatch.setattr(kernels, "Device", lambda: noted)
    key = Key(thermal=(np.uint32(1), np.uint32(2)), site=(np.uint32(3), np.uint32(4)))
    for coupling in (1.0, [5.0, 3.0, 1.0], [100.0, 1.0, 1.0], [0.3, 0.7, 1.0]):
        model = pbits.IsingModel.from_edges(4, [(0, 1), (0, 2), (0, 3)], coupling)
        engine = CudaEngine(model, Scan.of([[0], [1, 2, 3]]), np.ones((4, 5), dtype=np.int8), key, 0, Options())
        record = Record(
            model=model, energies=np.empty((5, 1)), best_energy=np.inf, best_state=np.empty(4, dtype=np.int8)
        )
        engine.sweep(np.ones(1), 0, 1, record)
    assert noted.launched == {name: {arguments} for name, arguments in ARGUMENTS.items()}


@cache
def ptx(name, capability):
    text, returned = cuda.compile_ptx(getattr(kernels, name).py_func, types.void(*ARGUMENTS[name]), cc=capability)
    assert returned == types.void
    return text


def test_every_kernel_is_listed():
    kinds = type(kernels.column)
    found = {name for name, value in vars(kernels).items() if isinstance(value, kinds) and not name.startswith("_")}
    assert found == set(ARGUMENTS)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_kernels_compile_for_every_generation(name):
    assert len(ARGUMENTS[name]) == len(inspect.signature(getattr(kernels, name).py_func).parameters)
    for capability in ((7, 0), (8, 0), (9, 0)):
        text = ptx(name, capability)
        assert re.search(rf"^\.target sm_{capability[0]}{capability[1]}\b", text, re.MULTILINE)
        assert re.search(r"^\.visible \.entry ", text, re.MULTILINE)
        # Counters and words stay in registers, and helpers are inlined: what the rates hang on.
        assert ".local" not in text
        assert not re.search(r"^\s*call", text, re.MULTILINE)


def test_the_generator_multiplies_32_bits_by_32():
    # A 64-bit product costs several times as much; ten rounds need twenty products.
    assert len(re.findall(r"mul\.wide\.u32", ptx("sweep_bits_few", (8, 0)))) >= 20
