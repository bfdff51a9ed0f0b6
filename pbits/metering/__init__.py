"""Meters: joules that were measured here, or why none could be.

`pbits.meter()` looks for what can meter: RAPL counters of the processor (`/sys/class/powercap`), NVML counters of
NVIDIA GPUs, and perf where it may read the same registers. What cannot is a `Refusal` that says why and what would
help. A reading without a meter has no joules: not 0, and no guess.
"""

from pbits.metering.declared import Declared
from pbits.metering.meter import Measurement, Meter, meter
from pbits.metering.nvml import Nvml, find_nvml
from pbits.metering.perf import Perf, find_perf
from pbits.metering.rapl import MOST_W, Rapl, find_rapl
from pbits.metering.readings import Metered, MeterError, Reading, Refusal, Source

__all__ = [
    "MOST_W",
    "Declared",
    "Measurement",
    "Meter",
    "MeterError",
    "Metered",
    "Nvml",
    "Perf",
    "Rapl",
    "Reading",
    "Refusal",
    "Source",
    "find_nvml",
    "find_perf",
    "find_rapl",
    "meter",
]
