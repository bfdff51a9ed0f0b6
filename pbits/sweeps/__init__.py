"""Chains of clocked machines: the dispatcher between machines and kernels.

Machines say in which order their sites move (`Scan`) and which model they hold at each β; this package owns the
states, the threads, the chunking, the observation and the choice of a layout, so that no machine repeats them.
"""

from pbits.sweeps.chains import RANDOM_BITS_PER_UPDATE, Tally, Watch, heat_bath, initial_states
from pbits.sweeps.engine import Engine, Key, Options, Record
from pbits.sweeps.layouts import LAYOUTS, Choice, Work, choose
from pbits.sweeps.scan import Scan, Settling

__all__ = [
    "LAYOUTS",
    "RANDOM_BITS_PER_UPDATE",
    "Choice",
    "Engine",
    "Key",
    "Options",
    "Record",
    "Scan",
    "Settling",
    "Tally",
    "Watch",
    "Work",
    "choose",
    "heat_bath",
    "initial_states",
]
