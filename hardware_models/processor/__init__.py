"""Processors: GPUs and CPUs that run the same problems, timed from counted work or on the spot."""

from hardware_models.processor.here import Here, machines, metered_watts
from hardware_models.processor.processor import Processor, Published, from_spec

__all__ = ["Here", "Processor", "Published", "from_spec", "machines", "metered_watts"]
