"""Moving numbers without computing: copies in another order of the axes, rows that meet, places that are covered."""

from numba import prange

from minibnn.kernels.jit import kernel, parallel_kernel

BLOCK = 16  # rows and columns that are copied together: read along one axis, written along another, both in the cache


@kernel
def _copy_matrix(x, y):
    rows, columns = y.shape
    for top in range(0, rows, BLOCK):
        for left in range(0, columns, BLOCK):
            for row in range(top, min(top + BLOCK, rows)):
                for column in range(left, min(left + BLOCK, columns)):
                    y[row, column] = x[row, column]


@kernel
def _copy_some(x, y, first, last):
    for n in range(first, last):
        _copy_matrix(x[n // x.shape[1], n % x.shape[1]], y[n // x.shape[1], n % x.shape[1]])


@parallel_kernel
def _copy_shared(x, y, parts):
    matrices = x.shape[0] * x.shape[1]
    for part in prange(parts):
        _copy_some(x, y, matrices * part // parts, matrices * (part + 1) // parts)


@kernel
def copy_matrices(x, y, parts):
    """y = x, which may lie in memory in any order: (a, b, rows, columns), both; `y` is C-contiguous and written."""
    if parts == 1:
        _copy_some(x, y, 0, x.shape[0] * x.shape[1])
    else:
        _copy_shared(x, y, parts)


@kernel
def _cover_some(covered, number, x, y, first, last):
    for r in range(first, last):
        for i in range(covered.size):
            value = x[r, i]  # read first: a load that depends on a condition would not become a vector
            y[r, i] = number if covered[i] else value


@parallel_kernel
def _cover_shared(covered, number, x, y, parts):
    for part in prange(parts):
        _cover_some(covered, number, x, y, len(x) * part // parts, len(x) * (part + 1) // parts)


@kernel
def cover(covered, number, x, y, parts):
    """y = the number where `covered` (n,), boolean, is true, x elsewhere: (rows, n) -> (rows, n), float32, written."""
    if parts == 1:
        _cover_some(covered, number, x, y, 0, len(x))
    else:
        _cover_shared(covered, number, x, y, parts)


@kernel
def _add_rows_of(ids, rows, table, first, last):
    for n in range(ids.size):
        for i in range(first, last):
            table[ids[n], i] += rows[n, i]


@parallel_kernel
def _add_rows_shared(ids, rows, table, parts):
    columns = table.shape[1]
    for part in prange(parts):
        _add_rows_of(ids, rows, table, columns * part // parts, columns * (part + 1) // parts)


@kernel
def add_rows(ids, rows, table, parts):
    """table[ids[n]] += rows[n], one n after another. `ids`: (n,), int64, from 0 on, checked by the caller.

    `rows`: (n, columns). `table`: (entries, columns). `parts`: among how many threads the columns are shared.
    """
    if parts == 1:
        _add_rows_of(ids, rows, table, 0, table.shape[1])
    else:
        _add_rows_shared(ids, rows, table, parts)
