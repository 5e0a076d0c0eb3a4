"""Vector functions for rows of labels, as LLVM instructions.

A row contains one float32 per label, padded to a multiple of `LANES`. LLVM would not vectorize
loops that are so short, and would test before each whether its arrays overlap.
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
MIN_EXPONENT = -93.0  # of powers of 2, so that results are not denormal
ROUND = 12582912.0  # 1.5 * 2^23; adding it rounds to an integer
# 2^f on |f| <= 1/2, least squares on Chebyshev nodes: 8e-8 relative
POWER = (1.32764410e-3, 9.67554096e-3, 5.55071346e-2, 2.40221202e-1, 6.93146944e-1, 1.0)


def row_length(labels: int) -> int:
    """Return the number of floats of a row."""
    return -(-labels // LANES) * LANES


class Writer:
    """A builder of the vector instructions of a call to one of the functions below."""

    def __init__(self, context: Any, builder: Any, kinds: Any, values: Any) -> None:
        self.context, self.builder = context, builder
        self.kinds, self.values = kinds, values

    def pointer_at(self, array: int, start: int, offset: Any) -> Any:
        """Return a pointer to the vector at ``argument[array][argument[start] + offset]``."""
        return self.pointer(array, self.builder.add(self.values[start], offset))

    def pointer(self, array: int, index: Any) -> Any:
        """Return a pointer to a vector of an argument, viewed as a flat array."""
        kind, value = self.kinds[array], self.values[array]
        data = self.context.make_array(kind)(self.context, self.builder, value).data
        return self.builder.bitcast(self.builder.gep(data, [index]), VECTOR.as_pointer())

    def load(self, address: Any) -> Any:
        """Load a vector from a pointer."""
        return self.builder.load(address, align=4)

    def store(self, vector: Any, address: Any) -> None:
        """Store a vector at a pointer."""
        self.builder.store(vector, address, align=4)

    def each_vector(self, length: int, body: Callable[[Any], None]) -> None:
        """Emit a loop of ``body(offset)`` over the vectors of a row."""
        lanes = ir.Constant(self.values[length].type, LANES)
        count = self.builder.sdiv(self.values[length], lanes)
        with cgutils.for_range(self.builder, count) as loop:
            body(self.builder.mul(loop.index, lanes))

    def constant(self, value: float) -> Any:
        """Return a constant vector of one value."""
        return ir.Constant(VECTOR, [value] * LANES)

    def variable(self, value: float) -> Any:
        """Return a pointer to a vector variable, which LLVM turns into a register."""
        with self.builder.goto_entry_block():
            address = self.builder.alloca(VECTOR)
        self.builder.store(self.constant(value), address)
        return address

    def broadcast(self, value: Any) -> Any:
        """Return a vector with a float in all lanes."""
        undefined = ir.Constant(VECTOR, ir.Undefined)
        first = self.builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(first, undefined, ir.Constant(WHOLE, [0] * LANES))

    def larger(self, a: Any, b: Any) -> Any:
        """Return the maximum of two vectors, lane by lane."""
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def fold(self, vector: Any, reduce: Callable[[Any, Any], Any]) -> Any:
        """Return the reduction of all lanes, half by half."""
        half = LANES // 2
        while half:
            index = [i + half if i < half else i for i in range(LANES)]
            other = self.builder.shuffle_vector(vector, vector, ir.Constant(WHOLE, index))
            vector, half = reduce(vector, other), half // 2
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    def exponential(self, x: Any) -> Any:
        """Return exp(x) within 2e-7 relative, at least 2^-93."""
        b = self.builder
        power = self.larger(b.fmul(x, self.constant(LOG2_E)), self.constant(MIN_EXPONENT))
        shifted = b.fadd(power, self.constant(ROUND))  # the nearest integer in the low bits
        f = b.fsub(power, b.fsub(shifted, self.constant(ROUND)))
        p = self.constant(POWER[0])
        for coefficient in POWER[1:]:
            p = b.fadd(b.fmul(p, f), self.constant(coefficient))
        exponent = b.shl(b.bitcast(shifted, WHOLE), ir.Constant(WHOLE, [23] * LANES))
        return b.bitcast(b.add(b.bitcast(p, WHOLE), exponent), VECTOR)


def llvm_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for kernels from a function that returns its types and its code."""
    return cast(Callable[..., Any], intrinsic(function))


def _code_of(write: Callable[[Writer], None]) -> Any:
    """Return the code generator that Numba expects from a function of a `Writer`."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        write(Writer(context, builder, signature.args, values))
        return context.get_dummy_value()

    return code


@llvm_function
def prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Prefetch the memory of an element of an array, viewed as flat."""

    def write(w: Writer) -> None:
        word = ir.IntType(32)
        address = w.builder.bitcast(w.pointer(0, w.values[1]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [address.type, word, word, word])
        intrinsic_function = w.builder.module.declare_intrinsic(
            "llvm.prefetch", [address.type], kind
        )
        w.builder.call(intrinsic_function, [address, word(0), word(3), word(1)])

    return types.void(array, INDEX), _code_of(write)


@llvm_function
def add_row(
    typing: Any, to: Any, at: Any, source: Any, start: Any, factor: Any, length: Any
) -> Any:
    """Add ``to[at + l] += factor * source[start + l]`` for arrays in C order, viewed as flat."""

    def write(w: Writer) -> None:
        factors = w.broadcast(w.values[4])

        def body(offset: Any) -> None:
            address = w.pointer_at(0, 1, offset)
            product = w.builder.fmul(factors, w.load(w.pointer_at(2, 3, offset)))
            w.store(w.builder.fadd(w.load(address), product), address)

        w.each_vector(5, body)

    return types.void(to, INDEX, source, INDEX, types.float32, INDEX), _code_of(write)


@llvm_function
def multiply_row(typing: Any, to: Any, at: Any, source: Any, start: Any, length: Any) -> Any:
    """Multiply ``to[at + l] *= source[start + l]`` for arrays in C order, viewed as flat."""

    def write(w: Writer) -> None:
        def body(offset: Any) -> None:
            address = w.pointer_at(0, 1, offset)
            w.store(w.builder.fmul(w.load(address), w.load(w.pointer_at(2, 3, offset))), address)

        w.each_vector(4, body)

    return types.void(to, INDEX, source, INDEX, INDEX), _code_of(write)


@llvm_function
def blur_row(typing: Any, rows: Any, at: Any, after: Any, line: Any, side: Any, length: Any) -> Any:
    """Add to ``rows[at + l]`` both neighbours times `side`, in place along a chain.

    `line` contains the original values of two rows: the previous one and this one. The call
    replaces them by those of this and the next row.
    """

    def write(w: Writer) -> None:
        b, factors = w.builder, w.broadcast(w.values[4])

        def body(offset: Any) -> None:
            old = w.pointer(3, offset)
            current = w.pointer(3, b.add(w.values[5], offset))
            middle, following = w.load(current), w.load(w.pointer_at(0, 2, offset))
            neighbours = b.fmul(factors, b.fadd(w.load(old), following))
            w.store(b.fadd(middle, neighbours), w.pointer_at(0, 1, offset))
            w.store(middle, old)
            w.store(following, current)

        w.each_vector(5, body)

    return types.void(rows, INDEX, INDEX, line, types.float32, INDEX), _code_of(write)


@llvm_function
def softmax_row(typing: Any, values: Any, at: Any, length: Any) -> Any:
    """Compute the softmax of ``values[at : at + length]``; results are at least about 1e-28."""

    def write(w: Writer) -> None:
        b = w.builder
        best, total = w.variable(-3e38), w.variable(0.0)

        def find(offset: Any) -> None:
            b.store(w.larger(w.load(w.pointer_at(0, 1, offset)), b.load(best)), best)

        w.each_vector(2, find)
        maximum = w.broadcast(w.fold(b.load(best), w.larger))

        def raise_e(offset: Any) -> None:
            address = w.pointer_at(0, 1, offset)
            power = w.exponential(b.fsub(w.load(address), maximum))
            w.store(power, address)
            b.store(b.fadd(b.load(total), power), total)

        w.each_vector(2, raise_e)
        inverse = w.broadcast(b.fdiv(ir.Constant(FLOAT, 1.0), w.fold(b.load(total), b.fadd)))

        def divide(offset: Any) -> None:
            address = w.pointer_at(0, 1, offset)
            w.store(b.fmul(inverse, w.load(address)), address)

        w.each_vector(2, divide)

    return types.void(values, INDEX, INDEX), _code_of(write)
