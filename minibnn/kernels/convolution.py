"""Convolution as a matrix product: `im2col` lays out each pixel's patch as a row, `col2im` adds rows back to pixels."""

from minibnn.kernels.jit import kernel


@kernel
def im2col(padded, kernel_height, kernel_width, columns):
    """Write the patch of every pixel into a row of `columns`.

    `padded`: (B, H + kernel_height - 1, W + kernel_width - 1, C), the images with their 'same' padding.
    `columns`: (B, H, W, kernel_height * kernel_width * C), written; a row has the order of a kernel of shape
    (kernel_height, kernel_width, C).
    """
    num_images, height, width, _ = columns.shape
    channels = padded.shape[3]
    run = kernel_width * channels  # in NHWC, one row of a patch is one contiguous run
    padded_rows = padded.reshape(num_images, padded.shape[1], padded.shape[2] * channels)
    for b in range(num_images):
        for y in range(height):
            for x in range(width):
                for ky in range(kernel_height):
                    source = padded_rows[b, y + ky, x * channels : x * channels + run]
                    target = columns[b, y, x, ky * run : (ky + 1) * run]
                    for i in range(run):
                        target[i] = source[i]


@kernel
def col2im(columns, kernel_height, kernel_width, padded):
    """The transpose of `im2col`: every pixel of `padded` becomes the sum of the places it was copied to.

    `columns`: (B, H, W, kernel_height * kernel_width * C). `padded`: (B, H + kernel_height - 1, W + kernel_width - 1,
    C), written.
    """
    num_images, height, width, _ = columns.shape
    channels = padded.shape[3]
    run = kernel_width * channels
    padded_rows = padded.reshape(num_images, padded.shape[1], padded.shape[2] * channels)
    padded_rows[...] = 0
    for b in range(num_images):
        for y in range(height):
            for x in range(width):
                for ky in range(kernel_height):
                    source = columns[b, y, x, ky * run : (ky + 1) * run]
                    target = padded_rows[b, y + ky, x * channels : x * channels + run]
                    for i in range(run):
                        target[i] += source[i]
