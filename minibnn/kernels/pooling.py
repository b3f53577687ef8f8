"""2 x 2 max-pooling with stride 2."""

from numba import prange

from minibnn.kernels.jit import kernel, parallel_kernel


@kernel
def _pool_image(x, largest, place):
    height, width, channels = largest.shape
    for y in range(height):
        for i in range(width):
            for c in range(channels):
                best, where = x[2 * y, 2 * i, c], 0
                for window in range(1, 4):
                    value = x[2 * y + window // 2, 2 * i + window % 2, c]
                    if value > best or value != value:  # a nan is the largest, so that it is not lost
                        best, where = value, window
                largest[y, i, c] = best
                place[y, i, c] = where


@parallel_kernel
def _pool_shared(x, largest, place, parts):
    images = len(x)
    for part in prange(parts):
        for b in range(images * part // parts, images * (part + 1) // parts):
            _pool_image(x[b], largest[b], place[b])


@kernel
def max_pool(x, largest, place, parts=1):
    """Write the largest of every 2 x 2 window, and which of the four it was.

    `x`: (B, H, W, C). `largest`: (B, H // 2, W // 2, C), written. `place`: the same shape, uint8, written: 0 to 3 in
    reading order; of equal values the first counts. The largest of a window with a nan is nan. `parts`: among how many
    threads the images are shared.
    """
    if parts == 1:
        for b in range(len(x)):
            _pool_image(x[b], largest[b], place[b])
    else:
        _pool_shared(x, largest, place, parts)


@kernel
def _spread_image(g, place, gx):
    height, width, channels = g.shape
    zero = g.dtype.type(0)
    gx[2 * height :] = 0
    gx[:, 2 * width :] = 0
    for y in range(height):
        for i in range(width):
            for window in range(4):  # one store per loop: four would not become vectors
                target, slopes, where = gx[2 * y + window // 2, 2 * i + window % 2], g[y, i], place[y, i]
                for c in range(channels):
                    slope = slopes[c]
                    target[c] = slope if where[c] == window else zero


@parallel_kernel
def _spread_shared(g, place, gx, parts):
    images = len(g)
    for part in prange(parts):
        for b in range(images * part // parts, images * (part + 1) // parts):
            _spread_image(g[b], place[b], gx[b])


@kernel
def max_pool_vjp(g, place, gx, parts=1):
    """Send each gradient to the pixel that was the largest of its window, and 0 to the others.

    `g`, `place`: (B, H // 2, W // 2, C). `gx`: (B, H, W, C), written; a last odd row or column receives 0. `parts`: see
    `max_pool`.
    """
    if parts == 1:
        for b in range(len(g)):
            _spread_image(g[b], place[b], gx[b])
    else:
        _spread_shared(g, place, gx, parts)
