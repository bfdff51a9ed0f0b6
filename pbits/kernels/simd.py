"""Vectors of one 512-bit register as numba types, so that a kernel says what the processor does.

A value of type `u64x8`, `u32x16`, `i32x16` or `f32x16` is one LLVM vector; LLVM fits it to what the processor has
(one register of AVX-512, two of AVX2, four of SSE2 or NEON), with the same results everywhere. Operators work lane
by lane: ``+ - & | ^ ~`` on integers, ``+ - * /`` on floats, and ``< <= > >= == !=`` give a `mask16` (`mask8` for
`u64x8`), which ``& | ^ ~`` combine and `select` reads. Operands have one type; constants are made by `splat_…`.
`i64x16`, two registers, is for sums of `i32x16` by `add_wide`.
Floats are IEEE: nothing is reordered or contracted unless `fma` says so.

Vectors live only inside kernels and their inlined functions: loaded from arrays, stored to arrays.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model


class Vector(types.Type):
    """A vector of `count` lanes; `lane` is the LLVM type of one."""

    def __init__(self, name: str, lane: ir.Type, count: int):
        self.lane = lane
        self.count = count
        self.llvm = ir.VectorType(lane, count)
        super().__init__(name=name)


u64x8 = Vector("u64x8", ir.IntType(64), 8)
u32x16 = Vector("u32x16", ir.IntType(32), 16)
i32x16 = Vector("i32x16", ir.IntType(32), 16)
f32x16 = Vector("f32x16", ir.FloatType(), 16)
i64x16 = Vector("i64x16", ir.IntType(64), 16)
mask8 = Vector("mask8", ir.IntType(1), 8)
mask16 = Vector("mask16", ir.IntType(1), 16)

_INTEGERS = (u64x8, u32x16, i32x16)
_MASKS = (mask8, mask16)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, vector.llvm)


def _mask_of(vector):
    return mask8 if vector.count == 8 else mask16


def _is_int(*values):
    return all(isinstance(value, types.Integer) for value in values)


def splatted(builder, scalar, llvm):
    """The instructions that give all lanes of a vector the same value, for intrinsics of other modules too."""
    one = builder.insert_element(ir.Constant(llvm, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), llvm.count), None)
    return builder.shuffle_vector(one, ir.Constant(llvm, ir.Undefined), zeros)


def _call(builder, name, llvm, args):
    """An LLVM intrinsic on vectors of one type."""
    suffix = f".v{llvm.count}{'f32' if isinstance(llvm.element, ir.FloatType) else f'i{llvm.element.width}'}"
    function_type = ir.FunctionType(llvm, [llvm] * len(args))
    function = builder.module.globals.get(name + suffix) or ir.Function(builder.module, function_type, name + suffix)
    return builder.call(function, args)


# ---- operators -----------------------------------------------------------------------------------------------------


def _define(op, vectors, emit, result=lambda vector: vector, arity=2):
    """Let `op` work on each of the vector types: `emit(builder, vector, *values)` writes the instruction."""
    overloads = [signature(result(vector), *[vector] * arity) for vector in vectors]
    infer_global(op)(type(f"_Vector_{op.__name__}", (ConcreteTemplate,), {"cases": overloads}))

    for vector in vectors:

        @lower_builtin(op, *[vector] * arity)
        def _lower(context, builder, sig, args, vector=vector):
            return emit(builder, vector, *args)


def _unsigned(vector):
    return vector is not i32x16


def _compare(symbol):
    def emit(builder, vector, a, b):
        if vector is f32x16:
            # Ordered, but for ≠: a comparison with NaN is false, as in Python.
            return (builder.fcmp_unordered if symbol == "!=" else builder.fcmp_ordered)(symbol, a, b)
        return (builder.icmp_unsigned if _unsigned(vector) else builder.icmp_signed)(symbol, a, b)

    return emit


_define(operator.and_, (*_INTEGERS, *_MASKS), lambda builder, _, a, b: builder.and_(a, b))
_define(operator.or_, (*_INTEGERS, *_MASKS), lambda builder, _, a, b: builder.or_(a, b))
_define(operator.xor, (*_INTEGERS, *_MASKS), lambda builder, _, a, b: builder.xor(a, b))
_define(operator.invert, (*_INTEGERS, *_MASKS), lambda builder, _, a: builder.not_(a), arity=1)
_define(
    operator.add,
    (*_INTEGERS, f32x16),
    lambda builder, vector, a, b: builder.fadd(a, b) if vector is f32x16 else builder.add(a, b),
)
_define(
    operator.sub,
    (*_INTEGERS, f32x16),
    lambda builder, vector, a, b: builder.fsub(a, b) if vector is f32x16 else builder.sub(a, b),
)
_define(
    operator.mul,
    (*_INTEGERS, f32x16),
    lambda builder, vector, a, b: builder.fmul(a, b) if vector is f32x16 else builder.mul(a, b),
)
_define(operator.truediv, (f32x16,), lambda builder, _, a, b: builder.fdiv(a, b))
_define(operator.neg, (f32x16,), lambda builder, _, a: builder.fneg(a), arity=1)
for _op, _symbol in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
    (operator.ne, "!="),
):
    _define(_op, (*_INTEGERS, f32x16), _compare(_symbol), result=_mask_of)


# ---- constants -----------------------------------------------------------------------------------------------------


def _splat_into(vector, scalar):
    @intrinsic
    def splat(typingctx, value):
        if not isinstance(value, types.Number):
            return None

        def codegen(context, builder, sig, args):
            return splatted(builder, context.cast(builder, args[0], sig.args[0], scalar), vector.llvm)

        return vector(value), codegen

    splat.__doc__ = f"All lanes of a {vector.name} the same number, cast to {scalar}."
    return splat


splat_u64 = _splat_into(u64x8, types.uint64)
splat_u32 = _splat_into(u32x16, types.uint32)
splat_i32 = _splat_into(i32x16, types.int32)
splat_i64 = _splat_into(i64x16, types.int64)
splat_f32 = _splat_into(f32x16, types.float32)


# ---- memory --------------------------------------------------------------------------------------------------------


def _axes(index):
    return tuple(index.types) if isinstance(index, types.BaseTuple) else (index,)


def _takes(array, index, dtypes):
    """Whether `array` holds one of `dtypes`, C-contiguous, and `index` has one integer for each axis."""
    return (
        isinstance(array, types.Array)
        and array.layout == "C"
        and array.dtype in dtypes
        and len(_axes(index)) == array.ndim
        and _is_int(*_axes(index))
    )


def _address(context, builder, array_type, array, index_type, index, llvm):
    """Where the element of an array lies, as a pointer to a vector."""
    view = context.make_array(array_type)(context, builder, array)
    axes = _axes(index_type)
    parts = [builder.extract_value(index, k) for k in range(len(axes))] if len(axes) > 1 else [index]
    position = ir.Constant(ir.IntType(64), 0)
    for axis, (part_type, part) in enumerate(zip(axes, parts)):
        extent = builder.extract_value(view.shape, axis)
        part = context.cast(builder, part, part_type, types.intp)
        position = builder.add(builder.mul(position, extent), part)
    return builder.bitcast(builder.gep(view.data, [position]), llvm.as_pointer())


def _loader(vector, dtypes):
    @intrinsic
    def load(typingctx, array, index):
        if not _takes(array, index, dtypes):
            return None
        stored = ir.VectorType(ir.IntType(8), vector.count) if array.dtype is types.int8 else vector.llvm

        def codegen(context, builder, sig, args):
            pointer = _address(context, builder, sig.args[0], args[0], sig.args[1], args[1], stored)
            value = builder.load(pointer, align=array.dtype.bitwidth // 8)
            if stored == vector.llvm:
                return value
            return (builder.sitofp if vector is f32x16 else builder.sext)(value, vector.llvm)

        return vector(array, index), codegen

    load.__doc__ = (
        f"{vector.count} elements of a C-contiguous array ({' or '.join(map(str, dtypes))}) from `index` on, as "
        f"{vector.name}. `index` is one integer, or a tuple with one for each axis; nothing is checked."
    )
    return load


def _storer(vector, dtypes):
    @intrinsic
    def store(typingctx, array, index, value):
        if not _takes(array, index, dtypes) or value is not vector:
            return None
        stored = ir.VectorType(ir.IntType(8), vector.count) if array.dtype is types.int8 else vector.llvm

        def codegen(context, builder, sig, args):
            pointer = _address(context, builder, sig.args[0], args[0], sig.args[1], args[1], stored)
            value = args[2] if stored == vector.llvm else builder.trunc(args[2], stored)
            builder.store(value, pointer, align=array.dtype.bitwidth // 8)
            return context.get_dummy_value()

        return types.none(array, index, value), codegen

    store.__doc__ = (
        f"Write a {vector.name} to a C-contiguous array ({' or '.join(map(str, dtypes))}) from `index` on; `index` "
        "as in loads."
    )
    return store


load_u64 = _loader(u64x8, (types.uint64,))
load_u32 = _loader(u32x16, (types.uint32,))
load_i32 = _loader(i32x16, (types.int32, types.int8))
load_i64 = _loader(i64x16, (types.int64,))
load_f32 = _loader(f32x16, (types.float32, types.int8))
store_u64 = _storer(u64x8, (types.uint64,))
store_u32 = _storer(u32x16, (types.uint32,))
store_i32 = _storer(i32x16, (types.int32, types.int8))
store_i64 = _storer(i64x16, (types.int64,))
store_f32 = _storer(f32x16, (types.float32,))


def aligned(shape, dtype):
    """A NumPy array of zeros that starts on a cache line, so that no vector straddles two."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


# ---- instructions without an operator -----------------------------------------------------------------------------


def _shift(name, doc, emit):
    @intrinsic
    def shift(typingctx, value, count):
        if value not in _INTEGERS or not _is_int(count):
            return None

        def codegen(context, builder, sig, args):
            lane = types.uint64 if value is u64x8 else types.uint32
            counts = splatted(builder, context.cast(builder, args[1], sig.args[1], lane), value.llvm)
            return emit(builder, value, args[0], counts)

        return value(value, count), codegen

    shift.__doc__ = doc
    shift.__name__ = name
    return shift


shl = _shift("shl", "Each lane shifted left by `count` bits.", lambda builder, vector, a, k: builder.shl(a, k))
shr = _shift(
    "shr",
    "Each lane shifted right by `count` bits; copies of the sign come in for `i32x16`, else zeros.",
    lambda builder, vector, a, k: builder.lshr(a, k) if _unsigned(vector) else builder.ashr(a, k),
)
rotl = _shift(
    "rotl",
    "Each lane rotated left by `count` bits.",
    lambda builder, vector, a, k: _call(builder, "llvm.fshl", vector.llvm, (a, a, k)),
)


def _unary(vectors, emit, doc, result=lambda vector: vector):
    @intrinsic
    def apply(typingctx, value):
        if value not in vectors:
            return None
        return result(value)(value), lambda context, builder, sig, args: emit(builder, value, args[0])

    apply.__doc__ = doc
    return apply


def _all_or_any(fold, doc):
    def emit(builder, vector, a):
        bits = builder.bitcast(a, ir.IntType(vector.count))
        full = ir.Constant(bits.type, (1 << vector.count) - 1 if fold == "all" else 0)
        return builder.icmp_unsigned("==" if fold == "all" else "!=", bits, full)

    return _unary(_MASKS, emit, doc, lambda _: types.boolean)


popcount = _unary(
    _INTEGERS, lambda builder, vector, a: _call(builder, "llvm.ctpop", vector.llvm, (a,)), "Bits set in each lane."
)
floor = _unary(
    (f32x16,), lambda builder, vector, a: _call(builder, "llvm.floor", vector.llvm, (a,)), "Each lane rounded down."
)
absolute = _unary((f32x16,), lambda builder, vector, a: _call(builder, "llvm.fabs", vector.llvm, (a,)), "Magnitudes.")
to_f32 = _unary(
    (i32x16, u32x16),
    lambda builder, vector, a: (builder.uitofp if vector is u32x16 else builder.sitofp)(a, f32x16.llvm),
    "Each integer as the nearest float.",
    lambda _: f32x16,
)
to_i32 = _unary(
    (f32x16,),
    lambda builder, _, a: builder.fptosi(a, i32x16.llvm),
    "Each float cut to an integer, towards zero; it must fit.",
    lambda _: i32x16,
)
as_u64 = _unary(
    (u32x16, i32x16, f32x16),
    lambda builder, _, a: builder.bitcast(a, u64x8.llvm),
    "The same 512 bits as `u64x8`; the lower half of each lane comes first.",
    lambda _: u64x8,
)
as_u32 = _unary(
    (u64x8, i32x16, f32x16),
    lambda builder, _, a: builder.bitcast(a, u32x16.llvm),
    "The same 512 bits as `u32x16`.",
    lambda _: u32x16,
)
as_i32 = _unary(
    (u64x8, u32x16, f32x16),
    lambda builder, _, a: builder.bitcast(a, i32x16.llvm),
    "The same 512 bits as `i32x16`.",
    lambda _: i32x16,
)
as_f32 = _unary(
    (u64x8, u32x16, i32x16),
    lambda builder, _, a: builder.bitcast(a, f32x16.llvm),
    "The same 512 bits as `f32x16`.",
    lambda _: f32x16,
)
bits_of = _unary(
    _MASKS,
    lambda builder, vector, a: builder.zext(builder.bitcast(a, ir.IntType(vector.count)), ir.IntType(64)),
    "A mask as an integer: bit k is lane k.",
    lambda _: types.uint64,
)
all_of = _all_or_any("all", "Whether every lane of a mask is set.")
any_of = _all_or_any("any", "Whether some lane of a mask is set.")


@intrinsic
def fma(typingctx, a, b, c):
    """a·b + c, rounded once."""
    if (a, b, c) != (f32x16,) * 3:
        return None
    return f32x16(a, b, c), lambda context, builder, sig, args: _call(builder, "llvm.fma", f32x16.llvm, args)


@intrinsic
def select(typingctx, mask, a, b):
    """Lane by lane, `a` where the mask is set and `b` elsewhere."""
    if a is not b or a not in (*_INTEGERS, f32x16) or mask is not _mask_of(a):
        return None
    return a(mask, a, b), lambda context, builder, sig, args: builder.select(*args)


@intrinsic
def add_wide(typingctx, sums, value):
    """The lanes of an `i64x16`, raised by those of an `i32x16`."""
    if sums is not i64x16 or value is not i32x16:
        return None
    return sums(sums, value), lambda _, builder, __, args: builder.add(args[0], builder.sext(args[1], i64x16.llvm))


@intrinsic
def majority(typingctx, a, b, c):
    """Each bit as in two or three of the operands: the carry of a + b + c, and one step of a comparison."""
    if (a, b, c) != (u64x8,) * 3:
        return None

    def codegen(context, builder, sig, args):
        a, b, c = args
        return builder.or_(builder.and_(a, b), builder.and_(builder.or_(a, b), c))

    return u64x8(a, b, c), codegen


@intrinsic
def choose(typingctx, bits, a, b):
    """Each bit from `a` where it is set in `bits`, else from `b`."""
    if (bits, a, b) != (u64x8,) * 3:
        return None

    def codegen(context, builder, sig, args):
        bits, a, b = args
        return builder.or_(builder.and_(bits, a), builder.and_(builder.not_(bits), b))

    return u64x8(bits, a, b), codegen


@intrinsic
def total(typingctx, value):
    """Sum of the lanes of a `u64x8`, as a uint64."""
    if value is not u64x8:
        return None

    def codegen(context, builder, sig, args):
        name = "llvm.vector.reduce.add.v8i64"
        lane = ir.IntType(64)
        function = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(lane, [u64x8.llvm]), name
        )
        return builder.call(function, args)

    return types.uint64(value), codegen


@intrinsic
def lane_of(typingctx, value, index):
    """One lane of a vector, as a number."""
    lanes = {u64x8: types.uint64, u32x16: types.uint32, i32x16: types.int32, f32x16: types.float32}
    if value not in lanes or not _is_int(index):
        return None

    def codegen(context, builder, sig, args):
        return builder.extract_element(args[0], context.cast(builder, args[1], sig.args[1], types.int32))

    return lanes[value](value, index), codegen


@intrinsic
def mask_of(typingctx, bits):
    """The low 16 bits of an integer as a `mask16`: lane k is bit k."""
    if not _is_int(bits):
        return None

    def codegen(context, builder, sig, args):
        return builder.bitcast(context.cast(builder, args[0], sig.args[0], types.uint16), mask16.llvm)

    return mask16(bits), codegen


@intrinsic
def store_signs(typingctx, array, index, bits, count):
    """Write bits 0 … `count` − 1 of a uint64 to an int8 array from `index` on: +1 where set, else −1; at most 64."""
    if not _takes(array, index, (types.int8,)) or bits is not types.uint64 or not _is_int(count):
        return None
    bytes_, bools = ir.VectorType(ir.IntType(8), 64), ir.VectorType(ir.IntType(1), 64)

    def codegen(context, builder, sig, args):
        pointer = _address(context, builder, sig.args[0], args[0], sig.args[1], args[1], bytes_)
        up, down = (ir.Constant(bytes_, [sign] * 64) for sign in (1, -1))
        signs = builder.select(builder.bitcast(args[2], bools), up, down)
        count = context.cast(builder, args[3], sig.args[3], types.uint64)
        every = ir.Constant(ir.IntType(64), -1)
        # A shift by 64 is undefined, so the mask is shifted down from all ones; `count` is at least 1.
        kept = builder.lshr(every, builder.sub(ir.Constant(ir.IntType(64), 64), count))
        name = "llvm.masked.store.v64i8.p0v64i8"
        function = builder.module.globals.get(name) or ir.Function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [bytes_, bytes_.as_pointer(), ir.IntType(32), bools]),
            name,
        )
        builder.call(function, [signs, pointer, ir.Constant(ir.IntType(32), 1), builder.bitcast(kept, bools)])
        return context.get_dummy_value()

    return types.none(array, index, bits, count), codegen


def _row_pointer(context, builder, array_type, array, row):
    view = context.make_array(array_type)(context, builder, array)
    position = builder.mul(row, ir.Constant(ir.IntType(64), 8))
    return builder.bitcast(builder.gep(view.data, [position]), u64x8.llvm.as_pointer())


def _has_rows(array):
    return isinstance(array, types.Array) and array.ndim == 2 and array.layout == "C" and array.dtype is types.uint64


@intrinsic
def load_row(typingctx, array, row):
    """A row of a C-contiguous (m, 8) uint64 array: `load_u64` for which the compiler knows the stride."""
    if not _has_rows(array) or not _is_int(row):
        return None

    def codegen(context, builder, sig, args):
        row = context.cast(builder, args[1], sig.args[1], types.intp)
        return builder.load(_row_pointer(context, builder, sig.args[0], args[0], row), align=8)

    return u64x8(array, row), codegen


@intrinsic
def store_row(typingctx, array, row, value):
    """Write a row of a C-contiguous (m, 8) uint64 array."""
    if not _has_rows(array) or not _is_int(row) or value is not u64x8:
        return None

    def codegen(context, builder, sig, args):
        row = context.cast(builder, args[1], sig.args[1], types.intp)
        builder.store(args[2], _row_pointer(context, builder, sig.args[0], args[0], row), align=8)
        return context.get_dummy_value()

    return types.none(array, row, value), codegen


@intrinsic
def gather_row(typingctx, array, rows, position):
    """The row of a C-contiguous (m, 8) uint64 array that the uint32 array `rows` names at `position`."""
    if not _has_rows(array) or not _takes(rows, position, (types.uint32,)):
        return None

    def codegen(context, builder, sig, args):
        where = _address(context, builder, sig.args[1], args[1], sig.args[2], args[2], ir.IntType(32))
        row = builder.zext(builder.load(where), ir.IntType(64))
        return builder.load(_row_pointer(context, builder, sig.args[0], args[0], row), align=8)

    return u64x8(array, rows, position), codegen
