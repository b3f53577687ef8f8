"""`minibnn info`."""


def add_to(commands, common):
    """Add `info`."""
    info = commands.add_parser("info", help="layers, shapes, parameters and bytes of a preset", parents=[common])
    info.add_argument("preset", metavar="PRESET", help="tiny, small, paper-3x3, paper-5x5, blm-small or blm-large")
    info.set_defaults(command=show_info, only_prints=True)


def show_info(options):
    """`minibnn info PRESET`."""
    from minibnn.layers import ShapesOnly
    from minibnn.models import IMAGE_PRESETS, TEXT_PRESETS, preset_named, summary

    preset_named(options.preset, IMAGE_PRESETS | TEXT_PRESETS)
    tables = []
    if preset := IMAGE_PRESETS.get(options.preset):
        side = preset.image_size
        head = f"image preset '{options.preset}': BCVNN for 101 classes of {side} x {side} pixels"
        tables.append(f"{head}\n\n{summary(preset.build(101, rng=ShapesOnly()), side)}")
    if preset := TEXT_PRESETS.get(options.preset):
        tokens, pieces = preset.max_len, preset.vocab_size
        head = f"text preset '{options.preset}': BLM for {tokens} tokens of a vocabulary of {pieces:,}"
        tables.append(f"{head}\n\n{summary(preset.build(pieces, rng=ShapesOnly()), tokens)}")
    print(*tables, "Each layer has its kernel and one bias for each output feature.", sep="\n\n")
