"""What a model consists of, as a table: layers, shapes, parameters, and the bytes these take as floats and as bits."""

LEAST = ("kind", "32-bit bytes", "output")  # columns that a narrow table does without, in this order


def summary(model, input_size, width=None):
    """The table as text.

    `model`: a BCVNN, a BLM or a twin; it may be built with `rng=ShapesOnly()`. A layer or a packed model will do, too,
    without the shapes of its outputs. `input_size`: pixels of a side, or tokens of a sequence. `width`: columns of
    the terminal, for which some columns of the table are left out if need be; None keeps all. One line per layer that
    holds parameters, with the shape of its kernel and of its output for one example, then the sum. Transformer blocks
    are alike, so the first stands for all.
    """
    rows = [("layer", "kind", "kernel", "output", "parameters", "32-bit bytes", "1-bit bytes")]
    for name, layer in model.named_modules():
        if layer.num_parameters() and not list(layer.named_children()) and not _in_later_block(name):
            kernel = getattr(layer, "W", getattr(layer, "W_q", None))
            kernel = () if kernel is None else kernel.shape
            knows_output = hasattr(model, "output_shape") and hasattr(layer, "W")
            output = model.output_shape(name, input_size) if knows_output else ()
            kind = type(layer).__name__
            rows.append((name or kind, kind, _times(kernel), _times(output), *sizes(layer.num_parameters())))
        elif name == "blocks.1":
            more = model.blocks[1:]
            count = sum(block.num_parameters() for block in more)
            rows.append((f"{len(more)} more blocks", "as blocks.0", "", "", *sizes(count)))
    rows.append(("total", type(model).__name__, "", "", *sizes(model.num_parameters())))
    return table(rows, left_columns=4, width=width, least=LEAST)


def _in_later_block(name):
    """Whether a layer is in a transformer block after the first; all are alike."""
    return name.startswith("blocks.") and not name.startswith("blocks.0.")


def sizes(num_parameters):
    """(parameters, bytes as float32, bytes as bits) as text with thousands separated."""
    return f"{num_parameters:,}", f"{4 * num_parameters:,}", f"{-(-num_parameters // 8):,}"


def table(rows, left_columns=1, width=None, least=()):
    """Rows of strings as aligned text: the first row is the head, the first `left_columns` are aligned left.

    `width`: how wide it may be, int; None for as wide as it gets. `least`: names in the head; while the table is wider,
    the columns of one name after the other are left out. If it is still wider then, it is returned so.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    kept, names = list(range(len(widths))), list(least)
    while width is not None and names and sum(widths[i] + 2 for i in kept) - 2 > width:
        left_out = names.pop(0)
        kept = [i for i in kept if rows[0][i] != left_out]
    lines = [
        "  ".join(row[i].ljust(widths[i]) if i < left_columns else row[i].rjust(widths[i]) for i in kept).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def _times(shape):
    return " x ".join(map(str, shape))
