"""Threads that work on one thing in step: each runs the same kernel, and they meet where one needs what others did.

Those that wait give their processor away: a team larger than the machine costs a switch of threads at each meeting.
Spinning instead would cost whole slices of time where another thread of the team, or of anyone, waits to run.
"""

from __future__ import annotations

import os

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pbits.kernels.jit import inlined

_give_way = types.ExternalFunction("sched_yield" if os.name == "posix" else "SwitchToThread", types.int32())


def _pointer(context, builder, array_type, array, index):
    view = context.make_array(array_type)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, array_type, view, [index], wraparound=False, boundscheck=False)


@intrinsic
def add_shared(typingctx, counters, index, value):
    """Raise one of some int64 counters that other threads raise, too."""

    def codegen(context, builder, sig, args):
        where = _pointer(context, builder, sig.args[0], args[0], args[1])
        builder.atomic_rmw("add", where, args[2], "acq_rel")
        return context.get_dummy_value()

    return types.void(counters, types.intp, types.int64), codegen


@intrinsic
def _load_shared(typingctx, counters, index):
    def codegen(context, builder, sig, args):
        where = _pointer(context, builder, sig.args[0], args[0], args[1])
        where = builder.bitcast(where, ir.IntType(64).as_pointer())
        return builder.load_atomic(where, "acquire", 8)

    return types.int64(counters, types.intp), codegen


@inlined
def meet(arrivals, due):
    """Arrive, and wait until `due` have arrived in all; what they wrote before that, all see.

    Parameters
    ----------
    arrivals : (1,) int64
        Zero when the team begins.
    due : int
        As many as the team has members, times the meetings so far with this one.
    """
    add_shared(arrivals, 0, 1)
    while _load_shared(arrivals, 0) < due:
        _give_way()
