"""Processors: GPUs and CPUs that run the same problems, timed from counted work."""

from hardware_models.processor.processor import Processor, Published, from_spec

__all__ = ["Processor", "Published", "from_spec"]
