"""Vectors for Numba: sixteen float32 numbers, or sixteen 32-bit words, in one 512-bit register (AVX-512).

Numba cannot say "look sixteen numbers up in a register", so this file does, in the language of LLVM, the compiler below
Numba. Everything above it is ordinary Python. An *intrinsic* is a function that Numba replaces by instructions: it
returns the types, and a function `emit` that writes the instructions into the program. Loops inside `emit` run while
the program is compiled: `look_up_and_add` for 8 rows x 2 words becomes 16 look-ups and 16 additions without a loop.

A processor without AVX-512 has no such registers, and these functions must not be compiled for it: see `has_avx512`.
"""

import functools
import operator

import llvmlite.binding
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.errors import RequireLiteralValue
from numba.extending import intrinsic, models, overload, register_model

LANES = 16


@functools.cache
def has_avx512(*features):
    """Whether Numba compiles, and for a processor with all these features, such as "avx512f".

    With NUMBA_CPU_NAME=generic it compiles for any processor, and with NUMBA_DISABLE_JIT=1 not at all.
    """
    if config.DISABLE_JIT or config.CPU_NAME or config.CPU_FEATURES:
        return False
    try:
        found = llvmlite.binding.get_host_cpu_features()
    except RuntimeError:  # LLVM does not know this processor
        return False
    return all(found.get(feature, False) for feature in features)


class Vector(types.Type):
    """Sixteen numbers of one LLVM type, as a value that Numba can hold in a variable."""

    def __init__(self, name, element):
        self.llvm = ir.VectorType(element, LANES)
        super().__init__(name)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, vector.llvm)


floats = Vector("floats", ir.FloatType())
words = Vector("words", ir.IntType(32))


def address_of(context, builder, array_type, array, index, vector):
    """The address of array[index], as that of a whole vector."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), vector.llvm.as_pointer())


def literal(count):
    """The number that is written in the source where `count` stands; it is known while the program is compiled."""
    if not isinstance(count, types.IntegerLiteral):
        raise RequireLiteralValue("the number of vectors must be written in the source")
    return count.literal_value


@intrinsic
def zeros(typing, count):
    """A tuple of `count` vectors of sixteen zeros, float32."""
    result = types.UniTuple(floats, literal(count))
    return result(count), lambda context, builder, signature, arguments: ir.Constant(
        context.get_value_type(result), None
    )


@intrinsic
def zero_words(typing, count):
    """A tuple of `count` vectors of sixteen zeros, int32."""
    result = types.UniTuple(words, literal(count))
    return result(count), lambda context, builder, signature, arguments: ir.Constant(
        context.get_value_type(result), None
    )


@intrinsic
def load_words(typing, count, array, index, stride, byte):
    """A tuple of `count` vectors of words: array[index], array[index + stride], ..., each with its 15 followers.

    They are read `byte` bytes later, so that bit 8 * byte of each word of the array becomes bit 0: a shift that costs
    nothing. The memory must go on for `byte` bytes behind the array.
    """
    result = types.UniTuple(words, literal(count))
    byte_pointer = ir.IntType(8).as_pointer()

    def emit(context, builder, signature, arguments):
        _, data, at, stride, byte = arguments
        loaded = []
        for _ in range(result.count):
            address = builder.bitcast(address_of(context, builder, array, data, at, words), byte_pointer)
            shifted = builder.bitcast(builder.gep(address, [byte]), words.llvm.as_pointer())
            loaded.append(builder.load(shifted, align=1))
            at = builder.add(at, stride)
        return context.make_tuple(builder, result, loaded)

    return result(count, array, types.intp, types.intp, types.intp), emit


@intrinsic
def shift_right(typing, vectors, count):
    """The words, each shifted right by `count` bits: the next bits become the lowest."""
    shift = literal(count)

    def emit(context, builder, signature, arguments):
        by = ir.Constant(words.llvm, [shift] * LANES)
        old = cgutils.unpack_tuple(builder, arguments[0])
        return context.make_tuple(builder, vectors, [builder.lshr(word, by) for word in old])

    return vectors(vectors, count), emit


@intrinsic
def load_floats(typing, count, array, index, stride):
    """A tuple of `count` vectors of floats: array[index], array[index + stride], ..., each with its 15 followers."""
    result = types.UniTuple(floats, literal(count))

    def emit(context, builder, signature, arguments):
        _, data, at, stride = arguments
        loaded = []
        for _ in range(result.count):
            loaded.append(builder.load(address_of(context, builder, array, data, at, floats), align=4))
            at = builder.add(at, stride)
        return context.make_tuple(builder, result, loaded)

    return result(count, array, types.intp, types.intp), emit


@intrinsic
def store_floats(typing, array, index, stride, vectors):
    """array[index], array[index + stride], ..., each with its 15 followers, = the vectors of a tuple."""

    def emit(context, builder, signature, arguments):
        data, at, stride, values = arguments
        for value in cgutils.unpack_tuple(builder, values):
            builder.store(value, address_of(context, builder, array, data, at, floats), align=4)
            at = builder.add(at, stride)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vectors), emit


def _arithmetic(instruction):
    """What compiles `one + other` and the like: vectors of floats, the other may be a float32 for all lanes."""

    @intrinsic
    def compute(typing, one, other):
        def emit(context, builder, signature, arguments):
            vector, second = arguments
            return getattr(builder, instruction)(vector, second if other == floats else everywhere(builder, second))

        return floats(one, other), emit

    def implementation(one, other):
        if one == floats and other in (floats, types.float32):
            return lambda one, other: compute(one, other)
        return None  # some other type's operator

    return implementation


overload(operator.add)(_arithmetic("fadd"))
overload(operator.sub)(_arithmetic("fsub"))
overload(operator.mul)(_arithmetic("fmul"))


@intrinsic
def plus_times(typing, vector, factor, other):
    """vector + factor * other, rounded once; `factor`: a float32."""

    def emit(context, builder, signature, arguments):
        one, number, two = arguments
        return call_llvm(builder, "llvm.fma.v16f32", floats.llvm, everywhere(builder, number), two, one)

    return floats(vector, factor, other), emit


@intrinsic
def multiply_add(typing, sums, array, index, stride, vectors):
    """sums[r * J + j] += array[index + r * stride] * vectors[j], for all rows r and J vectors j."""

    def emit(context, builder, signature, arguments):
        sums_, data, at, stride, vectors_ = arguments
        total, factors = cgutils.unpack_tuple(builder, sums_), cgutils.unpack_tuple(builder, vectors_)
        base = context.make_array(array)(context, builder, data).data
        for n in range(len(total)):
            if n % len(factors) == 0:
                number = everywhere(builder, builder.load(builder.gep(base, [at])))
                at = builder.add(at, stride)
            total[n] = call_llvm(builder, "llvm.fma.v16f32", floats.llvm, number, factors[n % len(factors)], total[n])
        return context.make_tuple(builder, sums, total)

    return sums(sums, array, types.intp, types.intp, vectors), emit


@intrinsic
def add_floats(typing, array, index, row_stride, blocks, vectors):
    """Add the vectors, `blocks` of them side by side in each row, to the array, which begins a row at `index`."""
    side_by_side = literal(blocks)

    def emit(context, builder, signature, arguments):
        data, at, stride, _, values = arguments
        for n, value in enumerate(cgutils.unpack_tuple(builder, values)):
            place = builder.add(at, ir.Constant(at.type, n % side_by_side * LANES))
            pointer = address_of(context, builder, array, data, place, floats)
            builder.store(builder.fadd(builder.load(pointer, align=4), value), pointer, align=4)
            if n % side_by_side == side_by_side - 1:
                at = builder.add(at, stride)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, blocks, vectors), emit


@intrinsic
def subset_sums(typing, a, b, c, d):
    """The sixteen sums of a subset of four numbers: lane i adds those whose bit is set in i (a is bit 0).

    Of four float32, the result is a vector of floats; of four int32, of words.
    """
    vector = floats if a == types.float32 else words

    def emit(context, builder, signature, arguments):
        return _sums_of_subsets(builder, vector, arguments)

    return vector(a, a, a, a), emit


@intrinsic
def subset_sums_at(typing, array, index):
    """`subset_sums` of array[index], array[index + 1], array[index + 2], array[index + 3], float32."""

    def emit(context, builder, signature, arguments):
        data, at = arguments
        base = context.make_array(array)(context, builder, data).data
        places = [builder.add(at, ir.Constant(at.type, i)) for i in range(4)]
        return _sums_of_subsets(builder, floats, [builder.load(builder.gep(base, [place])) for place in places])

    return floats(array, types.intp), emit


def _sums_of_subsets(builder, vector, numbers):
    add, parts = builder.fadd if vector is floats else builder.add, []
    for bit, number in enumerate(numbers):
        chosen = ir.Constant(ir.VectorType(ir.IntType(1), LANES), [i >> bit & 1 for i in range(LANES)])
        parts.append(builder.select(chosen, everywhere(builder, number), ir.Constant(vector.llvm, None)))
    return add(add(parts[0], parts[1]), add(parts[2], parts[3]))


@intrinsic
def store_table(typing, array, index, vector):
    """array[index : index + 16] = vector."""

    def emit(context, builder, signature, arguments):
        data, at, value = arguments
        builder.store(value, address_of(context, builder, array, data, at, vector), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), emit


@intrinsic
def look_up_and_add(typing, sums, tables, index, stride, indices, one):
    """sums[r * J + j] += table r at the lowest four bits of each lane of indices[j], for all rows r and J words j.

    Table r is the sixteen numbers at tables[index + r * stride]. The processor reads only the low four bits of a lane
    (vpermps), so the bits above need not be cleared. Every second addition is written as `looked_up * one + sum`, which
    other units of the processor do; `one` is read at run time, so that the compiler cannot simplify it away.
    """
    num_words = indices.count

    def emit(context, builder, signature, arguments):
        sums_, data, at, stride, indices_, one = arguments
        total, chosen = cgutils.unpack_tuple(builder, sums_), cgutils.unpack_tuple(builder, indices_)
        ones = everywhere(builder, one)
        for n in range(len(total)):
            if n % num_words == 0:
                table = builder.load(address_of(context, builder, tables, data, at, floats), align=4)
                at = builder.add(at, stride)
            found = call_llvm(builder, "llvm.x86.avx512.permvar.sf.512", floats.llvm, table, chosen[n % num_words])
            if n % 2:
                total[n] = builder.fadd(total[n], found)
            else:
                total[n] = call_llvm(builder, "llvm.fma.v16f32", floats.llvm, found, ones, total[n])
        return context.make_tuple(builder, sums, total)

    return sums(sums, tables, types.intp, types.intp, indices, types.float32), emit


def everywhere(builder, number):
    """A vector with the number in all lanes."""
    kind = ir.VectorType(number.type, LANES)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.IntType(32)(0))
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), ir.Constant(words.llvm, None))


def call_llvm(builder, name, result, *arguments):
    """Call one of LLVM's own functions, most of which are one instruction."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
