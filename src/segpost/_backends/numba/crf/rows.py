"""Rows of labels as whole vectors, in LLVM's words.

A row of values holds one float32 a label, padded to a multiple of `LANES`. LLVM unrolls or leaves
alone loops as short as that, and asks before each whether its arrays overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8
INDEX = types.intp
FLOAT = ir.FloatType()
VECTOR = ir.VectorType(FLOAT, LANES)
WHOLE = ir.VectorType(ir.IntType(32), LANES)
LOG2_E = 1.44269504
LOWEST = -93.0  # powers of 2 end here: what is made of them is no denormal
ROUND = 12582912.0  # 1.5 * 2^23: adding it rounds to an integer
# 2^f on |f| <= 1/2, least squares on Chebyshev nodes: 8e-8 relative
POWER = (1.32764410e-3, 9.67554096e-3, 5.55071346e-2, 2.40221202e-1, 6.93146944e-1, 1.0)


def row_length(labels: int) -> int:
    """Floats in a row."""
    return -(-labels // LANES) * LANES


class Writer:
    """Puts vector instructions where a kernel calls one of the functions below."""

    def __init__(self, context: Any, builder: Any, kinds: Any, values: Any) -> None:
        self.context, self.builder = context, builder
        self.kinds, self.values = kinds, values

    def place(self, array: int, start: int, offset: Any) -> Any:
        """Where ``argument[array][argument[start] + offset]`` and the values after it are."""
        return self.pointer(array, self.builder.add(self.values[start], offset))

    def pointer(self, array: int, index: Any) -> Any:
        """Where a vector of an argument is, the array taken as flat."""
        kind, value = self.kinds[array], self.values[array]
        data = self.context.make_array(kind)(self.context, self.builder, value).data
        return self.builder.bitcast(self.builder.gep(data, [index]), VECTOR.as_pointer())

    def load(self, place: Any) -> Any:
        return self.builder.load(place, align=4)

    def store(self, vector: Any, place: Any) -> None:
        self.builder.store(vector, place, align=4)

    def each_vector(self, length: int, body: Callable[[Any], None]) -> None:
        """``body(offset)`` of every vector of a row."""
        lanes = ir.Constant(self.values[length].type, LANES)
        count = self.builder.sdiv(self.values[length], lanes)
        with cgutils.for_range(self.builder, count) as loop:
            body(self.builder.mul(loop.index, lanes))

    def number(self, value: float) -> Any:
        return ir.Constant(VECTOR, [value] * LANES)

    def variable(self, value: float) -> Any:
        """Where a vector is kept, in a register after all."""
        with self.builder.goto_entry_block():
            place = self.builder.alloca(VECTOR)
        self.builder.store(self.number(value), place)
        return place

    def spread(self, value: Any) -> Any:
        """A float on all lanes."""
        nothing = ir.Constant(VECTOR, ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(first, nothing, ir.Constant(WHOLE, [0] * LANES))

    def larger(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def fold(self, vector: Any, join: Callable[[Any, Any], Any]) -> Any:
        """All lanes joined, half by half."""
        half = LANES // 2
        while half:
            index = [i + half if i < half else i for i in range(LANES)]
            other = self.builder.shuffle_vector(vector, vector, ir.Constant(WHOLE, index))
            vector, half = join(vector, other), half // 2
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    def exponential(self, x: Any) -> Any:
        """exp(x) within 2e-7 relative, 2^-93 at least."""
        b = self.builder
        power = self.larger(b.fmul(x, self.number(LOG2_E)), self.number(LOWEST))
        shifted = b.fadd(power, self.number(ROUND))  # the nearest integer in the low bits
        f = b.fsub(power, b.fsub(shifted, self.number(ROUND)))
        p = self.number(POWER[0])
        for coefficient in POWER[1:]:
            p = b.fadd(b.fmul(p, f), self.number(coefficient))
        exponent = b.shl(b.bitcast(shifted, WHOLE), ir.Constant(WHOLE, [23] * LANES))
        return b.bitcast(b.add(b.bitcast(p, WHOLE), exponent), VECTOR)


def in_llvm(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function for kernels: what is decorated gives its types and who writes its code."""
    return cast(Callable[..., Any], intrinsic(function))


def _written(write: Callable[[Writer], None]) -> Any:
    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        write(Writer(context, builder, signature.args, values))
        return context.get_dummy_value()

    return code


@in_llvm
def prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Ask for the memory of an element, the array taken as flat, that is wanted soon."""

    def write(w: Writer) -> None:
        word = ir.IntType(32)
        place = w.builder.bitcast(w.pointer(0, w.values[1]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, word, word, word])
        ask = w.builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        w.builder.call(ask, [place, word(0), word(3), word(1)])

    return types.void(array, INDEX), _written(write)


@in_llvm
def add_row(
    typing: Any, to: Any, at: Any, source: Any, start: Any, factor: Any, length: Any
) -> Any:
    """``to[at + l] += factor * source[start + l]`` of arrays in C order, as if they were flat."""

    def write(w: Writer) -> None:
        by = w.spread(w.values[4])

        def body(offset: Any) -> None:
            place = w.place(0, 1, offset)
            product = w.builder.fmul(by, w.load(w.place(2, 3, offset)))
            w.store(w.builder.fadd(w.load(place), product), place)

        w.each_vector(5, body)

    return types.void(to, INDEX, source, INDEX, types.float32, INDEX), _written(write)


@in_llvm
def multiply_row(typing: Any, to: Any, at: Any, source: Any, start: Any, length: Any) -> Any:
    """``to[at + l] *= source[start + l]``."""

    def write(w: Writer) -> None:
        def body(offset: Any) -> None:
            place = w.place(0, 1, offset)
            w.store(w.builder.fmul(w.load(place), w.load(w.place(2, 3, offset))), place)

        w.each_vector(4, body)

    return types.void(to, INDEX, source, INDEX, INDEX), _written(write)


@in_llvm
def blur_row(typing: Any, rows: Any, at: Any, after: Any, line: Any, side: Any, length: Any) -> Any:
    """``rows[at + l]`` and `side` of both neighbours, in place along a chain.

    `line` holds two rows, as they were: the one before and this one. They are moved on.
    """

    def write(w: Writer) -> None:
        b, by = w.builder, w.spread(w.values[4])

        def body(offset: Any) -> None:
            old = w.pointer(3, offset)
            this = w.pointer(3, b.add(w.values[5], offset))
            middle, following = w.load(this), w.load(w.place(0, 2, offset))
            beside = b.fmul(by, b.fadd(w.load(old), following))
            w.store(b.fadd(middle, beside), w.place(0, 1, offset))
            w.store(middle, old)
            w.store(following, this)

        w.each_vector(5, body)

    return types.void(rows, INDEX, INDEX, line, types.float32, INDEX), _written(write)


@in_llvm
def softmax_row(typing: Any, values: Any, at: Any, length: Any) -> Any:
    """Softmax of ``values[at : at + length]``; nothing becomes less than about 1e-28."""

    def write(w: Writer) -> None:
        b = w.builder
        best, total = w.variable(-3e38), w.variable(0.0)

        def find(offset: Any) -> None:
            b.store(w.larger(w.load(w.place(0, 1, offset)), b.load(best)), best)

        w.each_vector(2, find)
        most = w.spread(w.fold(b.load(best), w.larger))

        def raise_e(offset: Any) -> None:
            place = w.place(0, 1, offset)
            power = w.exponential(b.fsub(w.load(place), most))
            w.store(power, place)
            b.store(b.fadd(b.load(total), power), total)

        w.each_vector(2, raise_e)
        share = w.spread(b.fdiv(ir.Constant(FLOAT, 1.0), w.fold(b.load(total), b.fadd)))

        def divide(offset: Any) -> None:
            place = w.place(0, 1, offset)
            w.store(b.fmul(share, w.load(place)), place)

        w.each_vector(2, divide)

    return types.void(values, INDEX, INDEX), _written(write)
