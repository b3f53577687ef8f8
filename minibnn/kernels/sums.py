"""Sums of float64 in sixteen running totals, in an order that is written down: the same bits everywhere.

A compiler may turn a sum into vector instructions only if it may change the order of its terms; then the order, and
with it the last digit, depends on the processor, and even on where the sum was compiled into: a run that goes on in
another process would not end as the unbroken one. Here the order is part of the program: total l adds up the elements
l, l + 16, l + 32, ...; in the end the totals are added in pairs.

The functions `_plain_...` say what is computed, and run with NUMBA_DISABLE_JIT=1. In compiled kernels the intrinsics
behind them take their place: vectors of sixteen, which LLVM translates for any processor. Arrays are float32 or float64
and C-contiguous; elements are counted through all axes.
"""

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from minibnn.kernels.jit import inner_kernel
from minibnn.kernels.simd import LANES, Vector, everywhere

doubles = Vector("doubles", ir.DoubleType())


def _plain_element(x, i):
    """Element number i of x, as float64."""
    return np.float64(x.reshape(-1)[i])


def _plain_zero_totals():
    """Sixteen running totals, all 0."""
    return np.zeros(LANES)


def _plain_add_elements(totals, x, start):
    """totals + x, of the sixteen elements from number `start` on."""
    return totals + x.reshape(-1)[start : start + LANES]


def _plain_add_squares(totals, x, start, mean):
    """totals + (x - mean)^2; `mean`: float64."""
    difference = x.reshape(-1)[start : start + LANES].astype(np.float64) - mean
    return totals + difference * difference


def _plain_add_products(totals, x, y, start_x, start_y):
    """totals + x y, of the sixteen elements of x from number `start_x` on and those of y from `start_y` on."""
    y = y.reshape(-1)[start_y : start_y + LANES].astype(np.float64)
    return totals + x.reshape(-1)[start_x : start_x + LANES] * y


def _plain_sum_of_totals(totals):
    """The sum of the sixteen totals: the first half plus the second, and again."""
    while len(totals) > 1:
        totals = totals[: len(totals) // 2] + totals[len(totals) // 2 :]
    return totals[0]


def _load(context, builder, array_type, array, index):
    """Sixteen elements of an array as a vector of float64."""
    element = context.get_data_type(array_type.dtype)
    first = builder.gep(context.make_array(array_type)(context, builder, array).data, [index])
    pointer = builder.bitcast(first, ir.VectorType(element, LANES).as_pointer())
    loaded = builder.load(pointer, align=array_type.dtype.bitwidth // 8)
    return loaded if array_type.dtype == types.float64 else builder.fpext(loaded, doubles.llvm)


def _element(typing, x, i):
    def emit(context, builder, signature, arguments):
        data, at = arguments
        loaded = builder.load(builder.gep(context.make_array(x)(context, builder, data).data, [at]))
        return loaded if x.dtype == types.float64 else builder.fpext(loaded, ir.DoubleType())

    return types.float64(x, types.intp), emit


def _zero_totals(typing):
    return doubles(), lambda context, builder, signature, arguments: ir.Constant(doubles.llvm, None)


def _add_elements(typing, totals, x, start):
    def emit(context, builder, signature, arguments):
        totals, data, at = arguments
        return builder.fadd(totals, _load(context, builder, x, data, at))

    return doubles(totals, x, types.intp), emit


def _add_squares(typing, totals, x, start, mean):
    def emit(context, builder, signature, arguments):
        totals, data, at, mean = arguments
        difference = builder.fsub(_load(context, builder, x, data, at), everywhere(builder, mean))
        return builder.fadd(totals, builder.fmul(difference, difference))

    return doubles(totals, x, types.intp, types.float64), emit


def _add_products(typing, totals, x, y, start_x, start_y):
    def emit(context, builder, signature, arguments):
        totals, one, other, at_one, at_other = arguments
        product = builder.fmul(_load(context, builder, x, one, at_one), _load(context, builder, y, other, at_other))
        return builder.fadd(totals, product)

    return doubles(totals, x, y, types.intp, types.intp), emit


def _sum_of_totals(typing, totals):
    def emit(context, builder, signature, arguments):
        totals, count, whole = arguments[0], LANES, ir.IntType(32)
        while count > 1:
            count //= 2
            halves = [ir.Constant(ir.VectorType(whole, count), list(range(k, k + count))) for k in (0, count)]
            nothing = ir.Constant(totals.type, ir.Undefined)
            totals = builder.fadd(*(builder.shuffle_vector(totals, nothing, half) for half in halves))
        return builder.extract_element(totals, whole(0))

    return types.float64(totals), emit


def _compiled(function, plain):
    return plain if config.DISABLE_JIT else intrinsic(function)


element = _compiled(_element, _plain_element)
zero_totals = _compiled(_zero_totals, _plain_zero_totals)
add_elements = _compiled(_add_elements, _plain_add_elements)
add_squares = _compiled(_add_squares, _plain_add_squares)
add_products = _compiled(_add_products, _plain_add_products)
sum_of_totals = _compiled(_sum_of_totals, _plain_sum_of_totals)


@inner_kernel
def sum_from(x, start, n):
    """The sum of n elements of x from number `start` on."""
    totals, end = zero_totals(), start + n // 16 * 16
    for i in range(start, end, 16):
        totals = add_elements(totals, x, i)
    total = sum_of_totals(totals)
    for i in range(end, start + n):
        total += element(x, i)
    return total


@inner_kernel
def squares_from(x, start, n, mean):
    """The sum of (x - mean)^2 over these elements."""
    totals, end = zero_totals(), start + n // 16 * 16
    for i in range(start, end, 16):
        totals = add_squares(totals, x, i, mean)
    total = sum_of_totals(totals)
    for i in range(end, start + n):
        total += (element(x, i) - mean) * (element(x, i) - mean)
    return total


@inner_kernel
def products_from(x, start_x, y, start_y, n):
    """The sum of x y over n elements, of x from number `start_x` on and of y from number `start_y` on."""
    totals, whole = zero_totals(), n // 16 * 16
    for i in range(0, whole, 16):
        totals = add_products(totals, x, y, start_x + i, start_y + i)
    total = sum_of_totals(totals)
    for i in range(whole, n):
        total += element(x, start_x + i) * element(y, start_y + i)
    return total
