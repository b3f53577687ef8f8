"""2 x 2 max-pooling with stride 2."""

from numba import prange

from minibnn.kernels.jit import kernel


@kernel
def max_pool(x, largest, place):
    """Write the largest of every 2 x 2 window, and which of the four it was.

    `x`: (B, H, W, C). `largest`: (B, H // 2, W // 2, C), written. `place`: the same shape, uint8, written: 0 to 3 in
    reading order; of equal values the first counts. The largest of a window with a nan is nan.
    """
    num_images, height, width, channels = largest.shape
    for row in prange(num_images * height):
        b, y = row // height, row % height
        for i in range(width):
            for c in range(channels):
                best, where = x[b, 2 * y, 2 * i, c], 0
                for window in range(1, 4):
                    value = x[b, 2 * y + window // 2, 2 * i + window % 2, c]
                    if value > best or value != value:  # a nan is the largest, so that it is not lost
                        best, where = value, window
                largest[b, y, i, c] = best
                place[b, y, i, c] = where


@kernel
def max_pool_vjp(g, place, gx):
    """Send each gradient to the pixel that was the largest of its window, and 0 to the others.

    `g`, `place`: (B, H // 2, W // 2, C). `gx`: (B, H, W, C), written; a last odd row or column receives 0.
    """
    num_images, height, width, channels = g.shape
    full_height, full_width = gx.shape[1], gx.shape[2]
    for row in prange(num_images * full_height):
        b, y = row // full_height, row % full_height
        if y // 2 == height:
            gx[b, y, :, :] = 0
        else:
            if 2 * width < full_width:
                gx[b, y, full_width - 1, :] = 0
            for i in range(2 * width):
                window = 2 * (y % 2) + i % 2
                for c in range(channels):
                    gx[b, y, i, c] = g[b, y // 2, i // 2, c] if place[b, y // 2, i // 2, c] == window else 0
