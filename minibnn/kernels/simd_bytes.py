"""Vectors for Numba, continued: bytes looked up in tables of bytes, and zeros and ones read from floats.

See `simd`, which explains what an intrinsic is.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minibnn.kernels.simd import LANES, address_of, call_llvm, everywhere, floats, literal, words


@intrinsic
def store_bytes(typing, array, index, vector, shift):
    """array[index : index + 16] = eight bits of each word, from bit `shift` on."""

    def emit(context, builder, signature, arguments):
        data, at, value, by = arguments
        low = builder.lshr(value, everywhere(builder, builder.trunc(by, ir.IntType(32))))
        bytes_ = builder.trunc(low, ir.VectorType(ir.IntType(8), LANES))
        address = builder.gep(context.make_array(array)(context, builder, data).data, [at])
        builder.store(bytes_, builder.bitcast(address, bytes_.type.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(array, types.intp, words, types.intp), emit


@intrinsic
def nonzero_lanes(typing, vector, array, index, shift):
    """The words of `vector`, with bit `shift` set in the lanes where array[index : index + 16] is not zero."""

    def emit(context, builder, signature, arguments):
        old, data, at, by = arguments
        numbers = builder.load(address_of(context, builder, array, data, at, floats), align=4)
        found = builder.fcmp_unordered("!=", numbers, ir.Constant(floats.llvm, None))
        ones = builder.select(found, everywhere(builder, builder.shl(ir.IntType(32)(1), by)), words.llvm(None))
        return builder.or_(old, ones)

    return words(words, array, types.intp, types.uint32), emit


@intrinsic
def nonzero_bits(typing, array, index):
    """An integer whose bit i says whether array[index + i] is not zero, for i from 0 to 15."""

    def emit(context, builder, signature, arguments):
        numbers = builder.load(address_of(context, builder, array, arguments[0], arguments[1], floats), align=4)
        found = builder.fcmp_unordered("!=", numbers, ir.Constant(floats.llvm, None))
        return builder.zext(builder.bitcast(found, ir.IntType(LANES)), ir.IntType(64))

    return types.uint64(array, types.intp), emit


@intrinsic
def byte_indices(typing, vectors):
    """The lowest four bits of each byte, plus 0, 16, 32, 48: indices into four tables of sixteen bytes in a row."""

    def emit(context, builder, signature, arguments):
        low, place = ir.Constant(words.llvm, [0x0F0F0F0F] * LANES), ir.Constant(words.llvm, [0x30201000] * LANES)
        old = cgutils.unpack_tuple(builder, arguments[0])
        return context.make_tuple(builder, vectors, [builder.or_(builder.and_(word, low), place) for word in old])

    return vectors(vectors), emit


@intrinsic
def look_up_bytes_and_add(typing, sums, tables, index, planes, indices):
    """sums[(r * J + j) * P + p] += the sum of four bytes, for all rows r, vectors of indices j and planes p.

    A table has 64 bytes; that of row r and plane p begins at tables[index + 64 (r P + p)]. All 64 look-ups of a vector
    are one instruction (vpermb), and adding each four found bytes to a lane another (vpdpbusd). The bytes of the last
    plane have a sign.
    """
    num_planes, num_indices = literal(planes), indices.count
    bytes_ = ir.VectorType(ir.IntType(8), 4 * LANES)

    def emit(context, builder, signature, arguments):
        sums_, data, at, _, indices_ = arguments
        total = cgutils.unpack_tuple(builder, sums_)
        chosen = [builder.bitcast(v, bytes_) for v in cgutils.unpack_tuple(builder, indices_)]
        ones = ir.Constant(words.llvm, [0x01010101] * LANES)
        for n in range(len(total) // num_indices):
            row, plane = divmod(n, num_planes)
            address = builder.gep(context.make_array(tables)(context, builder, data).data, [at])
            table = builder.load(builder.bitcast(address, bytes_.as_pointer()), align=1)
            at = builder.add(at, ir.Constant(at.type, 64))
            for j in range(num_indices):
                found = call_llvm(builder, "llvm.x86.avx512.permvar.qi.512", bytes_, table, chosen[j])
                k = (row * num_indices + j) * num_planes + plane
                found = builder.bitcast(found, words.llvm)
                factors = (ones, found) if plane == num_planes - 1 else (found, ones)  # unsigned, signed
                total[k] = call_llvm(builder, "llvm.x86.avx512.vpdpbusd.512", words.llvm, total[k], *factors)
        return context.make_tuple(builder, sums, total)

    return sums(sums, tables, types.intp, planes, indices), emit


@intrinsic
def store_scaled(typing, array, index, scales, row, row_stride, blocks, planes, sums):
    """The sums of all planes, put together and times the scale of their row, as floats, into the array."""
    num_blocks, num_planes = literal(blocks), literal(planes)

    def emit(context, builder, signature, arguments):
        data, at, scale_array, row, stride, _, _, sums_ = arguments
        total = cgutils.unpack_tuple(builder, sums_)
        for r in range(len(total) // (num_blocks * num_planes)):
            pointer = builder.gep(context.make_array(scales)(context, builder, scale_array).data, [row])
            scale = everywhere(builder, builder.load(pointer))
            row = builder.add(row, ir.Constant(row.type, 1))
            for j in range(num_blocks):
                value = ir.Constant(floats.llvm, None)
                for plane in reversed(range(num_planes)):
                    part = builder.sitofp(total[(r * num_blocks + j) * num_planes + plane], floats.llvm)
                    value = builder.fadd(builder.fmul(value, ir.Constant(floats.llvm, [256.0] * LANES)), part)
                place = builder.add(at, ir.Constant(at.type, j * LANES))
                builder.store(
                    builder.fmul(value, scale), address_of(context, builder, array, data, place, floats), align=4
                )
            at = builder.add(at, stride)
        return context.get_dummy_value()

    return types.void(array, types.intp, scales, types.intp, types.intp, blocks, planes, sums), emit
