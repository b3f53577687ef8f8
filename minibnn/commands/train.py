"""`minibnn train image` and `minibnn train text`."""

import dataclasses
import os
import sys

from minibnn.commands.arguments import classes, positive, rate, whole
from minibnn.commands.notes import cache_warnings_as_notes
from minibnn.errors import InputError


def add_to(commands, common):
    """Add `train` with its two kinds."""
    train = commands.add_parser("train", help="train a model, or its 32-bit twin", parents=[common])
    train.set_defaults(command=lambda options: train.print_help())
    kinds = train.add_subparsers(title="what to train on", metavar="KIND")
    _add_image(kinds, common)
    _add_text(kinds, common)


def _add_image(kinds, common):
    image = kinds.add_parser(
        "image",
        help="a BCVNN, on pictures",
        description="Trains a BCVNN (Algorithm 7). What is not given is as in the preset (see minibnn info PRESET). "
        "Errata are listed in lessons/errata.md.",
        parents=[common],
    )
    _add_training_options(image, "tiny, small, paper-3x3, paper-5x5")
    image.add_argument("--image-size", type=positive, metavar="N", help="pixels of a side")
    image.add_argument("--classes", metavar="N|A,B,...", type=classes, help="the first N classes, or these (all)")
    image.add_argument("--per-class", type=positive, metavar="N", help="training pictures per class, at most (all)")
    image.add_argument("--normalize", action="store_true", help="with --standard: the twin with Normalize (errata 13)")
    image.add_argument("--normalize-over", choices=("channels", "example"), help="axis of Normalize (errata 4)")
    image.set_defaults(command=train_image)


def _add_text(kinds, common):
    text = kinds.add_parser(
        "text",
        help="a BLM, on text",
        description="Trains a BLM (Algorithm 8). What is not given is as in the preset (see minibnn info PRESET). "
        "Errata are listed in lessons/errata.md.",
        parents=[common],
    )
    _add_training_options(text, "tiny, small, blm-small, blm-large")
    text.add_argument("--vocab", metavar="FILE", help="a WordPiece vocabulary, such as BERT's vocab.txt")
    text.add_argument("--vocab-size", type=positive, metavar="N", help="size of the vocabulary built without --vocab")
    text.add_argument("--max-len", type=positive, metavar="N", help="tokens of a sequence")
    text.add_argument("--sentences", action="store_true", help="padded sentences, the paper's way, not running text")
    text.add_argument("--printed-mask", action="store_true", help="the mask as printed, which hides nothing (errata 2)")
    text.set_defaults(command=train_text)


def _add_training_options(parser, presets):
    parser.add_argument("--data", metavar="DIR", help="Food-101 or WikiText folder (built-in data if left out)")
    parser.add_argument("--preset", default="tiny", metavar="NAME", help=f"{presets} (%(default)s)")
    parser.add_argument("--standard", action="store_true", help="train the 32-bit twin instead")
    parser.add_argument("--epochs", type=positive, metavar="N", help="passes over the training data")
    parser.add_argument("--batch-size", type=positive, metavar="N", help="examples per step")
    parser.add_argument("--lr", type=rate, metavar="X", help="highest learning rate")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="of weights and order (%(default)s)")
    parser.add_argument("--max-steps", type=positive, metavar="N", help="stop after so many steps")
    parser.add_argument("--out-dir", metavar="DIR", help="folder of the run (a new one below runs/)")


def train_image(options):
    """`minibnn train image`."""
    from minibnn.data import draw_dishes, read_food101
    from minibnn.models import IMAGE_PRESETS, preset_named
    from minibnn.training.runs import image_run

    if options.normalize and not options.standard:
        raise InputError("--normalize chooses between the 32-bit twins: use it with --standard (bits always have it)")
    preset = _with_options(preset_named(options.preset, IMAGE_PRESETS), options)
    if options.data is not None:
        read = {"image_size": preset.image_size, "classes": options.classes, "progress": sys.stderr.isatty()}
        with cache_warnings_as_notes():
            train = read_food101(options.data, "train", per_class=options.per_class, cache=True, **read)
            validation = read_food101(options.data, "test", cache=True, **read)
    else:
        size, classes = preset.image_size, options.classes
        train = draw_dishes(options.per_class or 300, size, seed=0, classes=classes)
        validation = draw_dishes(60, size, seed=1, classes=classes)
    twin = {"normalize": options.normalize} if options.standard else {}
    run = image_run(train, validation, preset, standard=options.standard, seed=options.seed, **twin)
    if len(train.class_names) == 2 and (not options.standard or options.normalize):
        print(
            "minibnn: note: Normalize makes of two outputs +1 and -1, whatever the picture, so that next to nothing is "
            "left to learn from: take three classes or more, or --standard",
            file=sys.stderr,
        )
    chance = 1 / len(train.class_names)
    _train(run, options, "image", f"{len(train.class_names)} classes, chance is {chance:.1%} accuracy")


def train_text(options):
    """`minibnn train text`."""
    from minibnn.data import WordPiece
    from minibnn.models import TEXT_PRESETS, preset_named
    from minibnn.training import unigram_perplexity
    from minibnn.training.runs import padded_sentences, running_rows, text_run

    preset = _with_options(preset_named(options.preset, TEXT_PRESETS), options)
    if options.vocab is not None and options.vocab_size is not None:
        raise InputError("--vocab-size is for building a vocabulary; --vocab reads one: give one of them")
    texts, examples = _read_texts(options.data)
    if options.vocab is not None:
        wordpiece = WordPiece.from_file(options.vocab)
    else:
        print(f"building a vocabulary of {preset.vocab_size:,} word pieces from the training text ...")
        wordpiece = WordPiece.train(texts[0], preset.vocab_size)
    to_rows, parts = (padded_sentences, examples) if options.sentences else (running_rows, texts)
    rows = [to_rows(part, wordpiece, preset.max_len) for part in parts]
    model_options = {"mask_value": -1e-10} if options.printed_mask else {}
    run = text_run(*rows, wordpiece, preset, standard=options.standard, seed=options.seed, **model_options)
    unigram = unigram_perplexity(rows[0][:, 1:], rows[1][:, 1:], len(wordpiece), wordpiece.pad_id)
    bar = f"the unigram model, which knows only how often each piece occurs, has validation perplexity {unigram:.1f}"
    _train(run, options, "text", bar, wordpiece)


def _read_texts(data):
    """Texts to train on and to validate with, as running text, and as sentences (of built-in text: paragraphs)."""
    from minibnn.data import builtin_text, read_wikitext, running_text, sentences, split_text

    if data is None:
        texts = split_text(builtin_text())
        return texts, [[paragraph for paragraph in text.split("\n\n") if paragraph.strip()] for text in texts]
    if not os.path.isdir(data):
        raise InputError(f"--data {data}: expected a folder that holds wiki.train.raw and wiki.valid.raw")
    articles = [read_wikitext(data, split) for split in ("train", "valid")]
    return [running_text(part) for part in articles], [sentences(part) for part in articles]


def _train(run, options, kind, bar, wordpiece=None):
    """Train, keep the run in its folder, and say what came out; what was learned before Ctrl-C is kept too."""
    from minibnn.training.run_folder import RunFolder, free_folder

    name = "standard" if options.standard else "binary"
    if options.standard and kind == "image" and options.normalize:
        name += "-normalize"
    path = free_folder(f"runs/{kind}-{options.preset}-{name}") if options.out_dir is None else options.out_dir
    given = {key: value for key, value in vars(options).items() if key != "command"}
    folder = RunFolder(path, run.config | {"options": given})
    if wordpiece is not None:
        wordpiece.save(folder.path / "vocab.txt")
    print(f"{run.model!r}, {len(run.train):,} training and {len(run.validation):,} validation examples")
    print(bar, flush=True)
    try:
        run.fit(report=folder.report, max_steps=options.max_steps)
    finally:
        files = folder.save(run, f"{kind}, {options.preset}, {name}")
        print(f"kept in {folder.path}: {', '.join(files)}", flush=True)
    _print_result(run, bar)
    if wordpiece is not None:
        from minibnn.demo import sample_text

        print(f"\nthe model writes: {sample_text(run.model, wordpiece, options.seed)}")


def _print_result(run, bar):
    from minibnn.training.run_folder import has_matplotlib

    metric = "perplexity" if run.train.is_text else "accuracy"
    last, values = run.history[-1], [record[f"val_{metric}"] for record in run.history]
    best = min(values) if run.train.is_text else max(values)
    shown = "{:.1f}" if run.train.is_text else "{:.1%}"
    print(
        f"epoch {last['epoch']}: training loss {last['train_loss']:.3f}, validation loss {last['val_loss']:.3f}, "
        f"validation {metric} {shown.format(values[-1])} (best {shown.format(best)})\nfor comparison: {bar}"
    )
    if not has_matplotlib():
        from minibnn.training import text_curve

        print(text_curve({metric: run.history}, f"val_{metric}"))
        print("for a picture of the curves: pip install 'minibnn[plots]'")


def _with_options(preset, options):
    """The preset with what the command line gave instead of its own values."""
    names = {field.name for field in dataclasses.fields(preset)}
    given = {name: value for name, value in vars(options).items() if name in names and value is not None}
    if options.lr is not None:
        given["standard_lr"] = options.lr
    return dataclasses.replace(preset, **given)
