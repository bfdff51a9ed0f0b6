"""2^x in double precision, in a form that vectorises and gives the same bits on every processor."""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from pbits.kernels.jit import inlined

LOG2_E = 1.4426950408889634

# Adding it leaves the nearest whole number in the low bits of a double.
_ROUNDER = 1.5 * 2.0**52
_BIAS = 1023 << 52
# 2^f on |f| ≤ ½: the interpolant of degree 7 at Chebyshev's points, whose relative error is below 6e-11.
_P0, _P1, _P2, _P3, _P4, _P5, _P6, _P7 = (
    0.9999999999595622,
    0.6931471805568341,
    0.24022651213495422,
    0.055504109063177154,
    0.009618025613598036,
    0.0013333478480888061,
    0.00015469729140704658,
    1.5303699001378845e-05,
)


@intrinsic
def _bits_of(typingctx, number):
    """The 64 bits of a double, as an integer."""
    return types.int64(types.float64), lambda _, builder, __, args: builder.bitcast(args[0], ir.IntType(64))


@intrinsic
def _double_of(typingctx, bits):
    """The double with these 64 bits."""
    return types.float64(types.int64), lambda _, builder, __, args: builder.bitcast(args[0], ir.DoubleType())


@inlined
def exp2(x):
    """2^x with a relative error below 1e-10; x below −1000 or above 1000 counts as that."""
    x = min(max(x, -1000.0), 1000.0)
    shifted = x + _ROUNDER
    f = x - (shifted - _ROUNDER)
    power = _P0 + f * (_P1 + f * (_P2 + f * (_P3 + f * (_P4 + f * (_P5 + f * (_P6 + f * _P7))))))
    return power * _double_of((_bits_of(shifted) << 52) + _BIAS)
