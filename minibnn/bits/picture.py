"""Pictures of bits: a layer's kernel and bias, or all layers of a packed model, drawn with Pillow."""

import itertools
import textwrap

import numpy as np

from minibnn.bits.bit_tensor import BitTensor
from minibnn.errors import InputError

ONE, ZERO, PAPER, INK, QUIET = (15, 76, 129), (247, 226, 189), (255, 255, 255), (31, 35, 40), (107, 114, 123)
MARGIN, CAPTION = 24, 210  # pixels around a picture, and of the column of names in an overview
USUAL = 1000  # pixels of a side that small layers are scaled up to
MOST_CELLS = 2048  # per side, on average: larger layers are averaged
MOST_PIXELS = 8192  # per side, whatever the scale
OVERVIEW_CELLS = 3_000_000
DARK, BRIGHT = 66, 236  # of red, green and blue, where a tile is coloured: not too loud
MIXTURES = tuple(  # what a dot of a coloured tile says
    (text, tuple(BRIGHT if letter in text or text == "all" else DARK for letter in "RGB"))
    for text in ("none", "R", "G", "B", "R+G", "R+B", "G+B", "all")
)


def shape_text(shape):
    """A shape as text."""
    return " x ".join(map(str, shape))


def share_of_ones(bits):
    """How many of the bits of a BitTensor are 1, from 0 to 1."""
    return bits.count() / bits.size


def picture_of(name, layer, scale=None):
    """(PIL image, a sentence that says what is drawn) of one layer: its kernel, and its bias as a strip below.

    `layer`: a packed layer. `scale`: pixels of the side of a bit; None for what fits. Raises InputError for too many.
    """
    kernel, bias = layer.W_q.tensor(), layer.b_q
    none = bias is None
    drawn = BitTensor.from_array(np.zeros(kernel.shape[-1], bool)) if none else bias
    tiles, strip, told = (_filters if kernel.ndim == 4 else _matrix)(kernel, drawn)
    rows, columns, height, width = tiles.shape[:4]
    gaps = int(max(rows, columns) > 1)
    if scale is None:
        scale = max(1, min(USUAL // (columns * (width + gaps)), USUAL // (rows * (height + gaps)), 28))
    gap = gaps * max(1, scale // 3)
    _check_pixels(columns * (width * scale + gap), rows * (height * scale + gap), scale)
    parts = [_joined(tiles, scale, gap)] + ([] if none else [_joined(strip.repeat(-(-8 // scale), 2), scale, gap)])
    title = f"{name}:  {shape_text(kernel.shape)}, {share_of_ones(kernel):.1%} ones"
    what = "filter" if kernel.ndim == 4 else "unit"
    headings = ["kernel"] + ([] if none else [f"bias: one bit for each {what}, {bias.size:,} in all"])
    keys = MIXTURES if tiles.ndim == 5 else ()
    return _framed(title, told, parts, headings=headings, keys=keys), told


def _filters(kernel, bias):
    """Tiles (rows, columns, k, k) of a kernel (k, k, C, F), in colour (..., 3) if C is 3; of the bias; words."""
    size, _, channels, filters = kernel.shape
    bits = kernel.unpack(np.float32).transpose(2, 3, 0, 1)  # (C, F, k, k)
    strip = bias.unpack(np.float32)[None, :, None, None].repeat(size, 3)  # (1, F, 1, k)
    what = f"each tile is {size} x {size} bits"
    if channels == 3:
        columns = -(-filters // max(1, round((filters / 2) ** 0.5)))
        strip, tiles = _wrapped(strip[0], columns), _wrapped(bits.transpose(1, 2, 3, 0), columns)
        return tiles, strip, f"A tile for each of {filters} filters: red, green and blue shine where their bit is 1"
    if max(channels, filters) * (size + 1) > 2 * MOST_CELLS:
        bits, strip = bits.mean((2, 3))[None, None], bias.unpack(np.float32)[None, None, None]
        what = f"each dot is the mean of {size} x {size} bits"
    return bits, strip, f"A column for each of {filters} filters, a row for each of {channels} channels; {what}"


def _matrix(kernel, bias):
    """Tiles of a kernel (n_in, U), cut into pieces that lie side by side where it is long; tiles of the bias; words."""
    factor = -(-int(kernel.size**0.5) // MOST_CELLS)
    shares, strip = _averaged(kernel.unpack(bool), factor), _averaged(bias.unpack(bool)[None], factor)
    n_in, units = shares.shape
    told = f"A row for each of {kernel.shape[0]} inputs, a column for each of {kernel.shape[1]} units"
    if factor > 1:
        told += f"; each dot is the mean of {factor} x {factor} bits"
    if n_in > 2 * units:
        count = round((n_in / units) ** 0.5)
        told += f"; cut into {count} pieces, side by side"
        return _wrapped(_pieces(shares, count), count), strip[None, None], told
    if units > 2 * n_in:
        count = round((units / n_in) ** 0.5)
        told += f"; cut into {count} pieces, one below the other"
        tiles, strip = (_pieces(part.T, count).swapaxes(1, 2) for part in (shares, strip))
        return _wrapped(tiles, 1), _wrapped(strip, 1), told
    return shares[None, None], strip[None, None], told


def _averaged(bits, factor):
    """bits (rows, columns) -> float32, the share of ones in each square of `factor` x `factor`."""
    if factor == 1:
        return bits.astype(np.float32)
    ones, counts = bits, np.float32(1)
    for axis, size in enumerate(bits.shape):
        starts = np.arange(0, size, factor)
        ones = np.add.reduceat(ones, starts, axis, dtype=np.uint16 if axis == 0 else np.float32)
        counts = np.multiply.outer(counts, np.diff(starts, append=size).astype(np.float32))  # fewer at the edges
    return ones / counts


def _pieces(rows, count):
    """rows (n, m) -> (count, n / count rounded up, m), filled up with nan."""
    size = -(-len(rows) // count)
    return np.pad(rows, ((0, count * size - len(rows)), (0, 0)), constant_values=np.nan).reshape(count, size, -1)


def _wrapped(tiles, columns):
    """tiles (n, ...) -> (rows, columns, ...), filled up with nan."""
    rows = -(-len(tiles) // columns)
    fill = [(0, rows * columns - len(tiles))] + [(0, 0)] * (tiles.ndim - 1)
    return np.pad(tiles, fill, constant_values=np.nan).reshape(rows, columns, *tiles.shape[1:])


def _joined(tiles, scale, gap):
    """Tiles (rows, columns, h, w) of shares of ones, or (..., 3) of colours, as pixels (H, W, 3) with gaps between."""
    rows, columns, height, width = tiles.shape[:4]
    shades = np.where(np.isnan(tiles), 256, tiles * 255).astype(np.int16)
    if tiles.ndim == 4:
        table = np.linspace(ZERO, ONE, 256)
        table = np.concatenate([table, [PAPER]])
    else:
        table = np.append(np.linspace(DARK, BRIGHT, 256), PAPER[0])
    colours = table.astype(np.uint8)[shades]
    pixels = np.full((rows, height * scale + gap, columns, width * scale + gap, 3), PAPER, np.uint8)
    pixels[:, : height * scale, :, : width * scale] = colours.repeat(scale, 2).repeat(scale, 3).swapaxes(1, 2)
    pixels = pixels.reshape(rows * (height * scale + gap), columns * (width * scale + gap), 3)
    return pixels[: len(pixels) - gap, : pixels.shape[1] - gap]


def _framed(title, told, parts, names=(), headings=(), keys=()):
    """The picture: title, what is drawn, and the parts (H, W, 3) one below the other.

    `names`: pairs of texts to the left of each part. `headings`: a text above each. `keys`: pairs (text, colour), what
    colours other than those of 1 and 0 mean.
    """
    from PIL import Image, ImageDraw, ImageFont  # takes longer to import than all the rest

    left, small = MARGIN + (CAPTION if names else 0), ImageFont.load_default(13)
    lines = textwrap.wrap(told, max(84, (left + max(part.shape[1] for part in parts) - 2 * MARGIN) // 7))
    width = max(left + max(part.shape[1] for part in parts), 560) + MARGIN
    top = MARGIN + 32 + 18 * len(lines) + (24 if keys else 0) + 14
    above = 22 if headings else 0
    heights = [above + max(len(part), 34 if names else 0) + (16 if names else 10) for part in parts]
    picture = Image.new("RGB", (width, top + sum(heights) + MARGIN - 10), PAPER)
    pen = ImageDraw.Draw(picture)
    pen.text((MARGIN, MARGIN - 6), title, INK, ImageFont.load_default(20))
    for number, line in enumerate(lines):
        pen.text((MARGIN, MARGIN + 28 + 18 * number), line, QUIET, small)
    _key(pen, small, width - MARGIN - 80, MARGIN, (("1", ONE), ("0", ZERO)))
    _key(pen, small, MARGIN, MARGIN + 34 + 18 * len(lines), keys)
    for name, heading, part, height in itertools.zip_longest(names or [("", "")], headings, parts, heights):
        name = name or ("", "")
        pen.text((MARGIN, top), name[0], INK, small)
        pen.text((MARGIN, top + 16), name[1], QUIET, ImageFont.load_default(11))
        pen.text((left, top), heading or "", QUIET, small)
        picture.paste(Image.fromarray(part), (left, top + above))
        top += height
    return picture


def _key(pen, font, x, y, keys):
    """A line of squares from (x, y) on, each with what its colour means."""
    for text, colour in keys:
        pen.rectangle((x, y, x + 13, y + 13), colour)
        pen.text((x + 20, y - 2), text, QUIET, font)
        x += 36 + 8 * len(text)


def picture_of_all(layers, scale=None):
    """(PIL image, a sentence) of all layers, {name: packed layer}: each is a band as large as it has parameters."""
    total = sum(layer.num_bits() for layer in layers.values())
    factor = -(-total // OVERVIEW_CELLS)
    if scale is None:
        scale = max(1, min(int((OVERVIEW_CELLS / 2 * factor / total) ** 0.5), 6))
    line = max(1, 768 // scale)
    _check_pixels(line * scale, -(-total // (factor * line)) * scale, scale)
    names, bands = [], []
    for name, layer in layers.items():
        kernel, bias = layer.W_q.tensor(), layer.b_q
        rule = np.full((1, 1, 1, line), np.nan, np.float32)
        rows = []
        for bits in (kernel,) if bias is None else (kernel, bias):
            cells = _averaged(bits.unpack(bool).reshape(-1, 1), factor).reshape(-1, 1)
            rows += [rule, _wrapped(cells, line)[None, None, ..., 0]]
        bands.append(_joined(np.concatenate(rows[1:], 2), scale, 0))
        names.append((name, f"{shape_text(kernel.shape)}, {share_of_ones(kernel):.0%} ones"))
    dots = "Each dot is a bit" if factor == 1 else f"Each dot is the mean of {factor} bits"
    with_bias = any(layer.b_q is not None for layer in layers.values())
    what = "first the kernel of a layer, then, after a gap, its bias" if with_bias else "the kernel of each layer"
    told = f"{dots}: {what}; the larger the band, the more parameters"
    return _framed(f"All {total:,} parameters", told, bands, names), told


def picture_of_rows(title, told, names, rows):
    """PIL image of rows of bits, bool (n, D), each a line of dots between its name and its share of ones."""
    from PIL import Image, ImageDraw, ImageFont

    height, small = 18, ImageFont.load_default(13)
    width = max(1, min(14, USUAL // rows.shape[1]))
    left = max(int(small.getlength(name)) for name in names) + 12
    pixels = np.array([ZERO, ONE], np.uint8)[rows.astype(np.uint8)].repeat(height, 0).repeat(width, 1)
    pixels[height - 1 :: height] = PAPER  # a line between rows
    _check_pixels(pixels.shape[1], len(pixels), 1)
    canvas = Image.new("RGB", (left + pixels.shape[1] + 56, len(pixels)), PAPER)
    canvas.paste(Image.fromarray(pixels), (left, 0))
    pen = ImageDraw.Draw(canvas)
    for number, (name, row) in enumerate(zip(names, rows, strict=True)):
        pen.text((left - 8, number * height - 1), name, INK, small, anchor="ra")
        pen.text((left + pixels.shape[1] + 8, number * height - 1), f"{row.mean():.0%}", QUIET, small)
    return _framed(title, told, [np.asarray(canvas)])


def _check_pixels(width, height, scale):
    if max(width, height) > MOST_PIXELS:
        fits = scale * MOST_PIXELS // max(width, height)
        mend = f"take --scale {fits}, or less" if fits else "choose one --layer, or a smaller --scale"
        raise InputError(f"a picture of {width:,} x {height:,} pixels is too large (up to {MOST_PIXELS:,}): {mend}")
