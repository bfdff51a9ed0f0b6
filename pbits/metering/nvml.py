"""NVML: the energy counters and power sensors of NVIDIA GPUs."""

from __future__ import annotations

from typing import Any

from pbits.metering.readings import Metered, Refusal, Refused, Source, unreadable
from pbits.parameters import Evidence

#: Counters tick up to every 100 ms, so that shorter windows may read 0.
SHORTEST_S = 1.0
#: A counter and the integral of the power that differ by more are both told.
AGREEMENT = 0.10
#: NVIDIA states a power reading to ± 5 W.
ERROR_W = 5.0


class Nvml(Source):
    """One NVIDIA GPU: its energy counter, cross-checked with the integral of its power.

    GPUs before Volta have no counter; then the integral stands alone and says so.
    """

    boundary = "board"

    def __init__(self, nvml: Any, handle: Any, index: int):
        self._nvml, self._handle = nvml, handle
        name = nvml.nvmlDeviceGetName(handle)
        self.name = f"GPU {index}, {name.decode() if isinstance(name, bytes) else name}"
        try:
            nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
            self._counts = True
        except nvml.NVMLError:
            self._counts = False
        self._power()

    def open(self, now: float) -> None:
        self._since, self._at, self._watts, self._integral = now, now, self._power(), 0.0
        self._start = self._counter()

    def look(self, now: float) -> None:
        watts = self._power()
        self._integral += (now - self._at) * (watts + self._watts) / 2
        self._at, self._watts = now, watts

    def close(self, now: float) -> Metered:
        self.look(now)
        seconds = now - self._since
        if seconds < SHORTEST_S:
            raise Refused(
                Refusal(
                    source=self.name,
                    reason="too short",
                    text=f"a window of {seconds:.3g} s; the counter ticks up to every 100 ms and the power sensor less",
                    hint=f"repeat the work until a window lasts at least {SHORTEST_S:g} s, better 10 s",
                )
            )
        warnings: tuple[str, ...] = ()
        if self._counts:
            joules, method = (self._counter() - self._start) / 1e3, "NVML energy counter"
            if self._integral and abs(joules / self._integral - 1) > AGREEMENT:
                warnings = (
                    f"the counter says {joules:.4g} J and the integral of the power {self._integral:.4g} J; sensors of "
                    "some GPUs see a part of the time only",
                )
        else:
            joules, method = self._integral, "integral of the NVML power (this GPU has no energy counter)"
        if joules <= 0:
            raise Refused(unreadable(self.name, f"{joules:g} J in {seconds:.3g} s"))
        error = ERROR_W * seconds
        ends = [joules, *([self._integral] if self._integral > 0 else [])]
        low, high = min(ends) - error, max(ends) + error
        return Metered(
            source=self.name, joules=joules, low=max(low, joules / 10), high=high, boundary=self.boundary,
            evidence=Evidence.MEASURED, method=f"{method}, ± {ERROR_W:g} W", warnings=warnings,
        )  # fmt: skip

    def _power(self) -> float:
        return self._nvml.nvmlDeviceGetPowerUsage(self._handle) / 1e3

    def _counter(self) -> float:
        return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) if self._counts else 0.0


def find_nvml(nvml: Any = None) -> tuple[list[Source], list[Refusal]]:
    """The NVIDIA GPUs, through `pynvml` (the package nvidia-ml-py)."""
    if nvml is None:
        try:
            import pynvml as nvml  # pyright: ignore[reportMissingImports]
        except ImportError:
            hint = "pip install 'pbits[nvml]' (nvidia-ml-py)"
            return [], [Refusal(source="NVML", reason="not installed", text="the module pynvml is missing", hint=hint)]
    try:
        nvml.nvmlInit()
        handles = [nvml.nvmlDeviceGetHandleByIndex(k) for k in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError as error:
        hint = "run where the NVIDIA driver is loaded (nvidia-smi shows it)"
        return [], [Refusal(source="NVML", reason="no driver", text=f"NVML does not start: {error}", hint=hint)]
    if not handles:
        hint = "check CUDA_VISIBLE_DEVICES and nvidia-smi"
        return [], [Refusal(source="NVML", reason="absent", text="the driver shows no GPU", hint=hint)]
    sources: list[Source] = []
    refusals: list[Refusal] = []
    for k, handle in enumerate(handles):
        try:
            sources.append(Nvml(nvml, handle, k))
        except nvml.NVMLError as error:
            hint = "this GPU has no power sensor; meter at the wall"
            refusals.append(Refusal(source=f"GPU {k}", reason="unsupported", text=str(error), hint=hint))
    return sources, refusals
