"""Langevin circuits: analog cells whose noisy voltages sample a Gaussian model."""

from hardware_models.langevin.circuit import Circuit, from_spec

__all__ = ["Circuit", "from_spec"]
