"""`minibnn show`: what a trained model looks like inside, as a picture and a table."""

import difflib
import functools
import shlex
from pathlib import Path

from minibnn.commands.arguments import positive
from minibnn.commands.info import load_bits
from minibnn.commands.notes import picture_or_note, placed_by_out
from minibnn.errors import InputError
from minibnn.figures import NEEDS_PLOTS
from minibnn.terminal import folded

MARK = ("Software", "minibnn show")  # in every picture that we may replace
PARTS = ("bits", "embedding", "attention", "latent", "flips")
ONLY_FOR = {"tokens": "embedding", "rare": "embedding", "prompt": "attention", "between": "flips", "scale": "bits"}
PROMPT = "The first game was released in Japan, and the second in Europe."


def add_to(commands, common):
    """Add `show`."""
    show = commands.add_parser(
        "show",
        help="draw what a trained model looks like inside",
        description="Draws a part of a trained model, and prints it as a table: its bits; the rows of its embedding, a "
        "row of bits for each word piece; where its attention looks; how its latent weights lie around the threshold; "
        "which bits flipped between two checkpoints. The last two are of runs, since a packed model has no latent "
        "weights, and the pictures of the last three need matplotlib: "
        f"{NEEDS_PLOTS}.",
        parents=[common],
    )
    show.add_argument("model", metavar="RUN|FILE", help="folder of a run; packed model")
    show.add_argument("--what", choices=PARTS, default="bits", metavar="PART", help=f"{', '.join(PARTS)} (%(default)s)")
    show.add_argument("--layer", metavar="NAME", help="such as conv1a; of attention a block, such as blocks.1")
    show.add_argument("--tokens", metavar="TEXT", help="embedding: word pieces, separated by spaces (frequent words)")
    show.add_argument("--rare", action="store_true", default=None, help="embedding: the rarest word pieces")
    show.add_argument("--prompt", metavar="TEXT", help="attention: what the model reads")
    show.add_argument("--vocab", metavar="FILE", help="vocabulary of a packed model that was kept without its own")
    show.add_argument(
        "--between",
        nargs=2,
        metavar=("A", "B"),
        help="flips: two of start, best, last, the number of a step, and paths of checkpoints (start best)",
    )
    show.add_argument("--out", metavar="PICTURE.png", help="where the picture goes (beside the model)")
    show.add_argument("--scale", type=positive, metavar="N", help="bits: pixels of the side of a bit (what fits)")
    show.set_defaults(command=show_part, only_prints=True)


def show_part(options):
    """`minibnn show RUN|FILE`."""
    for name, part in ONLY_FOR.items():
        if getattr(options, name) is not None and options.what != part:
            raise InputError(f"--{name} is for --what {part}, and this is --what {options.what}: leave one of them out")
    if options.rare and options.tokens is not None:
        raise InputError("--tokens names word pieces, and --rare chooses the rarest: leave one of them out")
    if options.layer is not None and options.what == "embedding":
        raise InputError("--layer is not for --what embedding, which shows one layer: leave it out")
    _check_exists(options.model)
    draw = (show_bits, show_embedding, show_attention, show_latent, show_flips)
    dict(zip(PARTS, draw, strict=True))[options.what](options)


def _check_exists(path):
    from minibnn.models import IMAGE_PRESETS, TEXT_PRESETS

    if Path(path).exists():
        return
    if path in IMAGE_PRESETS | TEXT_PRESETS:
        kind = "image" if path in IMAGE_PRESETS else "text"
        raise InputError(
            f"{path} is a preset, which has no weights to show: minibnn info {path} tells what it consists of, and "
            f"minibnn train {kind} --preset {path} trains one"
        )
    raise InputError(f"there is no file or folder {path}; expected a packed model, or the folder of a run")


def show_bits(options):
    """`minibnn show RUN|FILE --what bits`."""
    from minibnn.bits.picture import picture_of, picture_of_all, shape_text
    from minibnn.models.summary import table

    packed, _ = load_bits(options.model, "show")
    layers = layers_of(packed)
    name = "all" if options.layer is None and len(layers) > 1 else _one_of(options.layer, layers, "layer")
    out = _free_place(options, name)
    if name == "all":
        picture, told = picture_of_all(layers, options.scale)
    else:
        picture, told = picture_of(name, layers[name], options.scale)
    _save(picture, out)
    rows = [("layer", "kind", "kernel", "bits", "ones", "ones of the bias")]
    for key, layer in layers.items():
        shape, kind = shape_text(layer.W_q.shape), type(layer).__name__.removeprefix("Packed")
        kernel, bias = (_share(bits) for bits in (layer.W_q.tensor(), layer.b_q))
        rows.append((key, kind, shape, f"{layer.num_bits():,}", kernel, bias))
    print(f"{table(rows, left_columns=3)}\n\n{folded(told)}\n{_place(picture, out)}")
    if name == "all":
        print(f"One layer: minibnn show {shlex.quote(options.model)} --layer {next(iter(layers))}")


def layers_of(packed):
    """{name: layer} of all layers that hold bits; a single layer goes by the name of its class."""
    from minibnn.bits.packed_layers import PackedLayer

    layers = [(name, layer) for name, layer in packed.named_modules() if isinstance(layer, PackedLayer)]
    return {name or type(layer).__name__.removeprefix("Packed"): layer for name, layer in layers}


def _share(bits):
    from minibnn.bits.picture import share_of_ones

    return "-" if bits is None else f"{share_of_ones(bits):.1%}"


def show_embedding(options):
    """`minibnn show RUN|FILE --what embedding`."""
    from minibnn.bits import pack
    from minibnn.bits.packed_layers import PackedModule
    from minibnn.bits.picture import picture_of_rows
    from minibnn.commands.generate import load_writer
    from minibnn.commands.trained import embedding_at_start
    from minibnn.models.summary import table

    _check_reads(options)
    model, wordpiece = load_writer(options.model, options.vocab)
    if not isinstance(model, PackedModule) and not model.named_latent_weights():
        raise InputError(f"{options.model} holds a 32-bit twin, whose embedding has no bits: take a run of bits")
    ids, source = _pieces_shown(options, wordpiece)
    out = _free_place(options, "embedding")
    embedding = model.embed if isinstance(model, PackedModule) else pack(model.embed)
    bits = embedding.tokens.W_q.tensor().unpack(bool)  # (V, D)
    start = embedding_at_start(Path(options.model), wordpiece)
    names, rows = [wordpiece.tokens[i] for i in ids], bits[ids]
    told = f"A row of {bits.shape[1]} bits for each of {len(ids)} word pieces; at its right, the share of ones"
    picture = picture_of_rows(f"embed.tokens:  {len(ids)} of {len(bits):,} rows", told, names, rows)
    _save(picture, out)
    lines = [("piece", "most alike", "equal bits", "ones", *(["flipped"] if start is not None else []))]
    for i, name, row in zip(ids, names, rows, strict=True):
        equal = (bits == row).mean(1)
        equal[i] = -1  # itself
        alike = int(equal.argmax())
        flipped = [] if start is None else [f"{(row != start[i]).mean():.0%}"]
        lines.append((name, wordpiece.tokens[alike], f"{equal[alike]:.0%}", f"{row.mean():.0%}", *flipped))
    print(f"{table(lines, left_columns=2)}\n\n{folded(told + source)}\n{_place(picture, out)}")


def _pieces_shown(options, wordpiece):
    """(ids of the word pieces that are asked for, a line that says which they are, or nothing)."""
    from minibnn.commands.trained import frequent_words, pieces_named, rare_pieces

    if options.rare:
        return rare_pieces(Path(options.model), wordpiece)
    if options.tokens is None:
        return frequent_words(Path(options.model), wordpiece)
    return pieces_named(options.tokens, wordpiece), ""


def _check_reads(options):
    """Raise InputError for a run of pictures, which has neither embedding nor attention."""
    from minibnn.training.run_folder import CONFIG, read_config

    config = Path(options.model) / CONFIG
    if config.is_file() and read_config(config).kind == "image":
        told = f"{options.model} holds an image run, and --what {options.what} is for models of text"
        raise InputError(f"{told}: take a run of minibnn train text, or another --what")


def show_attention(options):
    """`minibnn show RUN|FILE --what attention`."""
    import numpy as np

    from minibnn.commands.generate import load_writer
    from minibnn.models.attention_maps import attention_maps
    from minibnn.models.summary import table
    from minibnn.training.pictures import save_attention

    _check_reads(options)
    model, wordpiece = load_writer(options.model, options.vocab)
    blocks = {f"blocks.{i}": i for i in range(len(model.blocks))}
    name = _one_of(options.layer, blocks, "block", default=f"blocks.{len(blocks) - 1}")
    out = _free_place(options, f"attention-{name}")
    ids = wordpiece.encode(PROMPT)[: model.max_len] if options.prompt is None else wordpiece.encode(options.prompt)
    if not ids:
        raise InputError("--prompt: expected some text for the model to read, and got none")
    if len(ids) > model.max_len:
        raise InputError(f"--prompt: {len(ids)} word pieces, and the model reads {model.max_len} at most: shorten it")
    maps, tokens = attention_maps(model, np.array(ids), blocks[name]), [wordpiece.tokens[i] for i in ids]
    title = f"{name}: what each token takes from each"
    look = {"causal": model.hides_later_tokens, "metadata": dict([MARK])}
    told = picture_or_note(lambda: save_attention(maps, tokens, out, title, **look), out)
    rows = [("head", "from itself", "from the token before", "from the first token")]
    for head, probabilities in enumerate(maps):
        before = probabilities.diagonal(-1).mean() if len(ids) > 1 else 0
        shares = (probabilities.diagonal().mean(), before, probabilities[:, 0].mean())
        rows.append((f"{head}", *(f"{share:.0%}" for share in shares)))
    read = folded(f"The mean over the {len(ids)} tokens: {' '.join(tokens)}")
    print(f"{table(rows)}\n\n{read}\n{told}")


def show_latent(options):
    """`minibnn show RUN --what latent`."""
    import numpy as np

    from minibnn.models.summary import table
    from minibnn.training.latent import spread_around_threshold
    from minibnn.training.pictures import save_latent

    run = _binary_run(options.model, "latent weights")
    weights = {name: tensor.data for name, tensor in run.model.named_latent_weights()}
    kernels = {name: values for name, values in weights.items() if name.endswith("W")}
    if options.layer is not None:
        name = _one_of(options.layer, {_bare(key): key for key in kernels}, "layer")
        kernels = {key: values for key, values in kernels.items() if _bare(key) == name}
    step = run.preset.lr
    out = _free_place(options, "latent" if options.layer is None else f"latent-{name}")
    spreads = spread_around_threshold(kernels, step, run.model.latent_thresholds())
    spreads = {_bare(key): spread for key, spread in spreads.items()}
    title = f"Latent weights of {Path(options.model).name}"
    told = picture_or_note(lambda: save_latent(spreads, step, out, title, metadata=dict([MARK])), out)
    rows = [("kernel", "weights", "half of them within", "within a step", "ones")]
    for name, spread in spreads.items():
        half = f"{np.median(np.abs(spread.distances)):.2g}"
        ones = f"{(spread.distances > 0).mean():.1%}"
        rows.append((name, f"{len(spread.distances):,}", half, f"{spread.near:.2%}", ones))
    print(table(rows))
    print(f"\nDistances from the threshold; a step is {step:.2g}, the highest learning rate.\n{told}")


def show_flips(options):
    """`minibnn show RUN --what flips`."""
    import numpy as np

    from minibnn.models.summary import table
    from minibnn.training.latent import flips_between, share_of_flips
    from minibnn.training.pictures import save_flips

    run = _binary_run(options.model, "bits that flip")
    moments = options.between or ("start", "best")
    before, after = (_weights_at(moment, run, options.model) for moment in moments)
    flips = flips_between(before, after, run.model.latent_thresholds())
    kernels = {_bare(name): flip for name, flip in flips.items() if name.endswith("W")}
    shares = {name: share_of_flips([flip]) for name, flip in kernels.items()}
    name = _one_of(options.layer, kernels, "layer", default=_most_flipped(kernels, shares))
    moment_names = [Path(moment).stem for moment in moments]
    out = _free_place(options, "-".join(["flips", name, *(moment_names if options.between else ())]))
    between = " and ".join(f"step {moment}" if moment.isdigit() else Path(moment).stem for moment in moments)
    title = f"{Path(options.model).name}: bits that flipped between {between}"
    draw = functools.partial(save_flips, shares, name, kernels[name], out, title, metadata=dict([MARK]))
    told = picture_or_note(draw, out)
    rows = [("kernel", "bits", "flipped", "0 to 1", "1 to 0")]
    for key, flip in kernels.items():
        counts = (int((flip > 0).sum()), int((flip < 0).sum()))
        rows.append((key, f"{flip.size:,}", f"{shares[key]:.2%}", *(f"{count:,}" for count in counts)))
    print(table(rows))
    count, total = (sum(map(measure, flips.values())) for measure in (np.count_nonzero, np.size))
    share = f"{share_of_flips(flips.values()):.2%} ({count:,} of {total:,})"
    print(f"\nOf all parameters, {share} flipped between {between}.\n{told}")


def _most_flipped(kernels, shares, most=20_000):
    """The name of the kernel of which the largest share flipped, among those small enough for their bits to be seen.

    If nothing flipped in these, of all the one in which most bits flipped.
    """
    small = [name for name, flips in kernels.items() if flips.size <= most and shares[name]]
    if small:
        return max(small, key=shares.get)
    return max(kernels, key=lambda name: shares[name] * kernels[name].size)


def _weights_at(moment, run, path):
    """{name: latent weights} of a run at its start, which its seed gives again, or in one of its checkpoints."""
    from minibnn.training.checkpoints import read_weights
    from minibnn.training.run_folder import find_checkpoint

    if moment == "start":
        model = run.config.build(len(run.class_names or run.wordpiece))
        return {name: tensor.data for name, tensor in model.named_parameters()}
    return read_weights(find_checkpoint(path, int(moment) if moment.isdigit() else moment))


def _binary_run(path, what):
    from minibnn.training.run_folder import load_run

    if Path(path).is_file():
        raise InputError(f"{path} holds bits only, and no {what}: give the folder of the run")
    run = load_run(path)
    if not run.model.named_latent_weights():
        raise InputError(f"{path} holds a 32-bit twin, which has no {what}: take a run without --standard")
    return run


def _bare(name):
    return name.removesuffix(".W").removesuffix(".b")


def _one_of(name, found, kind, default=None):
    """The name among `found` that is meant; for None the default, or the only one."""
    if name is None:
        return default or next(iter(found))
    bare = _bare(name)
    if bare in found:
        return bare
    near = difflib.get_close_matches(bare, found, 1)
    names = ", ".join(list(found)[:30]) + (", ..." if len(found) > 30 else "")
    raise InputError(
        f"there is no {kind} {name!r}; there are {names}" + (f". Did you mean {near[0]!r}?" if near else "")
    )


def _free_place(options, name):
    """Where the picture goes: --out, or beside the model. Raises InputError if what is there is not ours."""
    model = Path(options.model)
    beside = model / f"show-{name}.png" if model.is_dir() else model.with_name(f"{model.stem}-{name}.png")
    path = beside if options.out is None else Path(options.out)
    _check_ours(path)
    return path


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


def _place(picture, path):
    return f"The picture, {picture.width} x {picture.height} pixels: {path}"


def _save(picture, path):
    from PIL.PngImagePlugin import PngInfo

    from minibnn.files import replacing

    text = PngInfo()
    text.add_text(*MARK)
    with placed_by_out(path), replacing(path) as draft:
        picture.save(draft, format="PNG", pnginfo=text)
