"""`minibnn info`: what a preset, a packed file or a run consists of."""

import json
from pathlib import Path

from minibnn.errors import InputError
from minibnn.terminal import columns, folded

PACKED_NAME = "packed.npz"  # of the packed model in the folder of its run


def add_to(commands, common):
    """Add `info`."""
    info = commands.add_parser(
        "info",
        help="layers, shapes, parameters and bytes of a preset or a packed model",
        description="Shows what a model consists of: that of a preset, of a packed file, or of the folder of a run.",
        parents=[common],
    )
    presets = "tiny, small, paper-3x3, paper-5x5, blm-small or blm-large"
    info.add_argument("model", metavar="PRESET|FILE|RUN", help=f"{presets}; or what minibnn pack or minibnn train made")
    info.set_defaults(command=show_info, only_prints=True)


def show_info(options):
    """`minibnn info PRESET`, or FILE, or RUN."""
    from minibnn.models import IMAGE_PRESETS, TEXT_PRESETS, preset_named

    if options.model in IMAGE_PRESETS | TEXT_PRESETS:
        parts = preset_tables(options.model)
    elif Path(options.model).exists():
        parts = twin_tables(options.model) if _is_twin(options.model) else packed_tables(options.model)
    else:
        try:
            preset_named(options.model, IMAGE_PRESETS | TEXT_PRESETS)
        except InputError as error:
            raise InputError(f"there is no file or folder {options.model!r}, and no such preset: {error}") from None
    print(*parts, sep="\n\n")


def preset_tables(name):
    """The parts of the text on a preset; a name that both kinds have gives both."""
    from minibnn.layers import ShapesOnly
    from minibnn.models import IMAGE_PRESETS, TEXT_PRESETS, summary

    if preset := IMAGE_PRESETS.get(name):
        side = preset.image_size
        yield f"image preset '{name}': BCVNN for 101 classes of {side} x {side} pixels"
        yield summary(preset.build(101, rng=ShapesOnly()), side, columns())
    if preset := TEXT_PRESETS.get(name):
        tokens, pieces = preset.max_len, preset.vocab_size
        yield f"text preset '{name}': BLM for {tokens} tokens of a vocabulary of {pieces:,}"
        yield summary(preset.build(pieces, rng=ShapesOnly()), tokens, columns())
    yield "Each layer has its kernel and one bias for each output feature."


def packed_tables(path):
    """The parts of the text on a packed model, which is in a file or the folder of a run."""
    from minibnn.bits.packed_file import description, structure_of
    from minibnn.models import summary

    packed, file = load_bits(path)
    kind, config = description(packed)
    yield f"packed {kind} of {file or path}"
    yield _columns(config)
    side = packed.about.get("image_size")
    size = config.get("max_len") or (side if isinstance(side, int) else 64)
    yield summary(structure_of(packed), size, columns())
    yield "Each layer has its kernel and one bias for each output feature."
    ones, total = sum(bits.count() for _, bits in packed.named_bits()), packed.num_bits()
    disk = f"{file.stat().st_size:,} bytes" if file else f"not yet: minibnn pack {path}"
    bits = f"{total:,}, {ones / total:.1%} of them ones"
    yield _columns({"bits": bits, "on disk": disk, "in memory": f"{packed.nbytes:,} bytes", **packed.about})


def _is_twin(path):
    """Whether `path` is the folder of a run that trained a 32-bit twin."""
    from minibnn.training.config import read_config

    config = Path(path) / "config.toml"
    return config.is_file() and read_config(config).standard


def twin_tables(path):
    """The parts of the text on the run of a 32-bit twin, which has floats alone."""
    from minibnn.models import summary
    from minibnn.training.run_folder import load_run

    run = load_run(path)
    yield f"{run.kind} run of a 32-bit twin, preset '{run.config.preset}': {path}"
    size = run.config.data.image_size if run.kind == "image" else run.config.model.max_len
    yield summary(run.model, size, columns())
    yield folded(
        "It has no bits: its weights stay floats; the 1-bit bytes are those of a network of bits of these shapes."
    )


def _columns(values):
    """A dict as lines of names and values."""
    width = max(map(len, values))
    lines = [f"{_printable(name):{width}}  {_short(value)}" for name, value in values.items()]
    return "\n".join(folded(line, indent=" " * (width + 2)) for line in lines)


def _short(value):
    """A value of JSON on one line, as people write it; of a long list the beginning."""
    if isinstance(value, (list, tuple)):
        shown = ", ".join(map(_short, value[:8])) + (", ..." if len(value) > 8 else "")
        return shown if all(isinstance(item, int) for item in value) else f"{len(value):,}: {shown}"
    if isinstance(value, dict):
        return ", ".join(f"{_printable(name)} {_short(item)}" for name, item in value.items())
    text = value if isinstance(value, str) else f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
    return _printable(text)


def _printable(text):
    """Text of a file that anyone may have written: no control characters for the terminal, and not too much."""
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= 100 else f"{text[:100]}..."


def packed_run(path, purpose="pack"):
    """The model of the run in folder `path` at its best epoch, packed, with what a user of the file needs as `about`.

    `purpose`: verb, what the bits are for. Raises InputError if there is no run, or it is one of a 32-bit twin.
    """
    from minibnn.bits import pack
    from minibnn.training.kept_run import packed_about
    from minibnn.training.run_folder import load_run

    run = load_run(path)
    if run.config.standard:
        raise InputError(f"{path} holds a 32-bit twin, which has no bits to {purpose}: train one without --standard")
    packed = pack(run.model)
    packed.about = packed_about(run.config, run.class_names, run.wordpiece, run.epoch, run.figures)
    return packed


def load_bits(path, purpose="pack"):
    """(packed model with `about`, its file) of a packed file or of a run; the file is None if the run has none yet."""
    from minibnn.bits import load_packed

    path = Path(path)
    if path.is_dir() and not (path / PACKED_NAME).exists():
        return packed_run(path, purpose), None
    path = path / PACKED_NAME if path.is_dir() else path
    return load_packed(path), path
