"""Langevin equations: the linear one solved exactly, any other by an integrator.

`OrnsteinUhlenbeck` solves dx = −A(x − m) dt + noise of covariance 2D dt in steps of any length, without an error
of the step. `Integrator` moves x in small steps down the slope of a potential, with an error that falls with them.
"""

from pbits.langevin.integrators import Integrator, Trajectory
from pbits.langevin.linear import Modes, OrnsteinUhlenbeck, Transition

__all__ = ["Integrator", "Modes", "OrnsteinUhlenbeck", "Trajectory", "Transition"]
