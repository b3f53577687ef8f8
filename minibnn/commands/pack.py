"""`minibnn pack` and `minibnn show`: the bits of a trained model, in a file and as a picture."""

import difflib
import shlex
from pathlib import Path

from minibnn.commands.arguments import positive
from minibnn.commands.info import PACKED_NAME, load_bits, packed_run
from minibnn.errors import InputError

MARK = ("Software", "minibnn show")  # in every picture that we may replace


def add_to(commands, common):
    """Add `pack` and `show`."""
    pack = commands.add_parser(
        "pack",
        help="keep a trained model as bits, in one small file",
        description="Writes the bits of a trained model (Algorithm 2) to one file, which NumPy alone can read.",
        parents=[common],
    )
    pack.add_argument("run", metavar="RUN", help="folder of the run, such as runs/image-tiny-binary")
    pack.add_argument("--out", metavar="FILE", help=f"a new file (RUN/{PACKED_NAME}, which is replaced)")
    pack.set_defaults(command=pack_run)
    show = commands.add_parser(
        "show",
        help="draw the bits of a packed model",
        description="Draws all bits of a packed model, or those of one layer, and lists the layers.",
        parents=[common],
    )
    show.add_argument("file", metavar="FILE", help="packed model, or folder of a run")
    show.add_argument("--layer", metavar="NAME", help="such as conv1a (all layers)")
    show.add_argument("--out", metavar="PICTURE.png", help="where the picture goes (FILE-NAME.png, beside the file)")
    show.add_argument("--scale", type=positive, metavar="N", help="pixels of the side of a bit (what fits)")
    show.set_defaults(command=show_bits)


def pack_run(options):
    """`minibnn pack RUN`."""
    from minibnn.bits import save_packed
    from minibnn.models.summary import table

    own = Path(options.run) / PACKED_NAME
    path = own if options.out is None else Path(options.out)
    packed = packed_run(options.run)
    replaced = path.exists()
    if path.is_file() and not (own.exists() and path.samefile(own)):
        raise InputError(f"{path} already exists, and may be another model: move it away, or choose another --out")
    save_packed(packed, path)
    floats, size = Path(options.run) / "weights.npz", path.stat().st_size
    extra = "the vocabulary" if "vocabulary" in packed.about else "the names of the classes"
    rows = [("file", "holds", "bytes")]
    rows += [(str(path), f"one bit for each parameter, and {extra}", f"{size:,}")]
    rows += [(str(floats), "a float for each parameter", f"{floats.stat().st_size:,}")]
    print(f"packed {packed.num_bits():,} one-bit parameters{', in place of those of before' if replaced else ''}")
    print(f"\n{table(rows, left_columns=2)}\n\n{floats.stat().st_size / size:.1f} times smaller. Next:")
    steps = ("info", "show", "generate") if "vocabulary" in packed.about else ("info", "show")
    print(*(f"  minibnn {step} {shlex.quote(str(path))}" for step in steps), sep="\n")


def layers_of(packed):
    """{name: layer} of all layers that hold bits; a single layer goes by the name of its class."""
    from minibnn.bits.packed_layers import PackedLayer

    layers = [(name, layer) for name, layer in packed.named_modules() if isinstance(layer, PackedLayer)]
    return {name or type(layer).__name__.removeprefix("Packed"): layer for name, layer in layers}


def show_bits(options):
    """`minibnn show FILE`."""
    from minibnn.bits.picture import picture_of, picture_of_all, shape_text, share_of_ones
    from minibnn.models.summary import table

    packed, path = load_bits(options.file)
    layers = layers_of(packed)
    name = "all" if options.layer is None and len(layers) > 1 else _layer_named(options.layer, layers)
    beside = Path(options.file) / PACKED_NAME if path is None else path
    out = beside.with_name(f"{beside.stem}-{name}.png") if options.out is None else Path(options.out)
    _check_ours(out)
    if name == "all":
        picture, told = picture_of_all(layers, options.scale)
    else:
        picture, told = picture_of(name, layers[name], options.scale)
    _save(picture, out)
    rows = [("layer", "kind", "kernel", "bits", "ones", "ones of the bias")]
    for key, layer in layers.items():
        shape, kind = shape_text(layer.W_q.shape), type(layer).__name__.removeprefix("Packed")
        kernel, bias = (f"{share_of_ones(bits):.1%}" for bits in (layer.W_q.tensor(), layer.b_q))
        rows.append((key, kind, shape, f"{layer.num_bits():,}", kernel, bias))
    print(f"{table(rows, left_columns=3)}\n\n{told}\nThe picture, {picture.width} x {picture.height} pixels: {out}")
    if name == "all":
        print(f"One layer: minibnn show {shlex.quote(options.file)} --layer {next(iter(layers))}")


def _layer_named(name, layers):
    if name is None:
        return next(iter(layers))
    bare = name.removesuffix(".W").removesuffix(".b")
    if bare in layers:
        return bare
    near = difflib.get_close_matches(bare, layers, 1)
    names = ", ".join(list(layers)[:30]) + (", ..." if len(layers) > 30 else "")
    raise InputError(
        f"there is no layer {name!r}; there are {names}" + (f". Did you mean {near[0]!r}?" if near else "")
    )


def _check_ours(path):
    """Raise InputError unless `path` is free, or holds a picture that we drew."""
    from PIL import Image

    if path.suffix.lower() != ".png":
        raise InputError(f"--out {path}: expected the name of a picture that ends in .png")
    if path.is_file():
        try:
            with Image.open(path) as picture:
                ours = picture.info.get(MARK[0]) == MARK[1]
        except (OSError, ValueError, SyntaxError):
            ours = False
        if not ours:
            raise InputError(f"{path} exists and was not drawn by minibnn show: move it away, or choose another --out")


def _save(picture, path):
    from PIL.PngImagePlugin import PngInfo

    from minibnn.files import replacing

    text = PngInfo()
    text.add_text(*MARK)
    with replacing(path) as draft:
        picture.save(draft, format="PNG", pnginfo=text)
