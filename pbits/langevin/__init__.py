"""Langevin equations: the linear one solved exactly, any other by an integrator.

`OrnsteinUhlenbeck` solves dx = −A(x − m) dt + noise of covariance 2D dt in steps of any length, without an error
of the step. `laws` has the errors of averages over it and what an accuracy costs in time, `steady_state` the currents
and the entropy that a steady state gives off. `Integrator` moves x in small steps down the slope of a potential, with
an error that falls with them, and `Walk` by steps of one length up or down.
"""

from pbits.langevin import laws
from pbits.langevin.integrators import Integrator, Trajectory
from pbits.langevin.linear import Modes, OrnsteinUhlenbeck, Transition
from pbits.langevin.scales import Wells, halved, halved_over, wells
from pbits.langevin.steady import SteadyState, steady_state
from pbits.langevin.walk import Walk, WalkPath

__all__ = [
    "Integrator",
    "Modes",
    "OrnsteinUhlenbeck",
    "SteadyState",
    "Trajectory",
    "Transition",
    "Walk",
    "WalkPath",
    "Wells",
    "halved",
    "halved_over",
    "laws",
    "steady_state",
    "wells",
]
