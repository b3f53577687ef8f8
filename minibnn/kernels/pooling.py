"""2 x 2 max-pooling with stride 2."""

from minibnn.kernels.jit import kernel


@kernel
def max_pool(x, largest, place):
    """Write the largest of every 2 x 2 window, and which of the four it was.

    `x`: (B, H, W, C). `largest`: (B, H // 2, W // 2, C), written. `place`: the same shape, uint8, written: 0 to 3 in
    reading order; of equal values the first counts. The largest of a window with a nan is nan.
    """
    num_images, height, width, channels = largest.shape
    for b in range(num_images):
        for y in range(height):
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
    gx[...] = 0
    for b in range(num_images):
        for y in range(height):
            for i in range(width):
                for c in range(channels):
                    window = place[b, y, i, c]
                    gx[b, 2 * y + window // 2, 2 * i + window % 2, c] = g[b, y, i, c]
