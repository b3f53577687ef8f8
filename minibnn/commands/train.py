"""`minibnn train image`, `minibnn train text` and `minibnn train --resume`."""

import argparse
import os
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path

from minibnn.commands.arguments import classes, positive, rate, whole
from minibnn.commands.notes import cache_warnings_as_notes, note
from minibnn.errors import InputError
from minibnn.figures import NEEDS_PLOTS
from minibnn.terminal import folded

# Short options and the keys of the configuration that they stand for.
SHORT = {
    "standard": "standard",
    "seed": "seed",
    "epochs": "train.epochs",
    "batch_size": "train.batch_size",
    "lr": "train.lr",
    "max_steps": "train.max_steps",
    "checkpoint_every": "train.checkpoint_every",
    "data": "data.folder",
    "image_size": "data.image_size",
    "classes": "data.classes",
    "per_class": "data.per_class",
    "normalize": "model.twin_normalize",
    "normalize_over": "model.normalize_over",
    "vocab": "data.vocab",
    "vocab_size": "data.vocab_size",
    "max_len": "model.max_len",
    "sentences": "data.sentences",
    "printed_mask": "model.mask_value",
}
PATHS = ("data.folder", "data.vocab")


def add_to(commands, common):
    """Add `train` with its two kinds."""
    train = commands.add_parser(
        "train",
        help="train a model, or its 32-bit twin, or go on with a run",
        description="Trains a model in a new folder, or goes on with a run that was stopped, exactly where it was.",
        parents=[common],
    )
    train.add_argument("--resume", metavar="RUN", help="go on with the run in this folder")
    train.add_argument(
        "--max-steps", dest="new_max_steps", type=positive, metavar="N", help="with --resume: stop after so many steps"
    )
    train.add_argument("--data", dest="new_data", metavar="DIR", help="with --resume: where its data folder is now")
    train.add_argument(
        "--from-step", type=whole, metavar="N", help="with --resume: go back to this checkpoint, 0 for the beginning"
    )
    train.add_argument("--epochs", dest="new_epochs", help=argparse.SUPPRESS)  # to say that they are fixed
    train.set_defaults(command=lambda options: resume(options) if options.resume is not None else _tell(options, train))
    kinds = train.add_subparsers(title="what to train on", metavar="KIND")
    _add_image(kinds, common)
    _add_text(kinds, common)


def _add_image(kinds, common):
    image = kinds.add_parser(
        "image",
        help="a BCVNN, on pictures",
        description="Trains a BCVNN (Algorithm 7). What is not given is as in the preset (see --options). "
        "Errata are listed in lessons/errata.md.",
        parents=[common],
    )
    _add_training_options(image, "tiny, small, paper-3x3, paper-5x5")
    image.add_argument("--image-size", type=positive, metavar="N", help="pixels of a side")
    image.add_argument("--classes", metavar="N|A,B,...", type=classes, help="the first N classes, or these (all)")
    image.add_argument("--per-class", type=positive, metavar="N", help="training pictures per class, at most (all)")
    _add_flag(image, "--normalize", "with --standard: the twin with Normalize (errata 13)")
    image.add_argument("--normalize-over", choices=("channels", "example"), help="axis of Normalize (errata 4)")
    image.set_defaults(command=lambda options: train_new(options, "image"))


def _add_text(kinds, common):
    text = kinds.add_parser(
        "text",
        help="a BLM, on text",
        description="Trains a BLM (Algorithm 8). What is not given is as in the preset (see --options). "
        "Errata are listed in lessons/errata.md.",
        parents=[common],
    )
    _add_training_options(text, "tiny, small, blm-small, blm-large")
    text.add_argument("--vocab", metavar="FILE", help="a WordPiece vocabulary, such as BERT's vocab.txt")
    text.add_argument("--vocab-size", type=positive, metavar="N", help="size of the vocabulary built without --vocab")
    text.add_argument("--max-len", type=positive, metavar="N", help="tokens of a sequence")
    _add_flag(text, "--sentences", "padded sentences, the paper's way, not running text")
    _add_flag(text, "--printed-mask", "the mask as printed, which hides nothing (errata 2)", value=-1e-10)
    text.set_defaults(command=lambda options: train_new(options, "text"))


def _add_training_options(parser, presets):
    parser.add_argument("--data", metavar="DIR", help="Food-101 or WikiText folder (built-in data if left out)")
    parser.add_argument("--preset", metavar="NAME", help=f"{presets} (tiny)")
    parser.add_argument("--config", metavar="FILE", help="a TOML file of options, such as the config.toml of a run")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any option, such as train.lr=1e-3; repeatable"
    )
    parser.add_argument("--options", action="store_true", help="print all options with their values as TOML, and stop")
    _add_flag(parser, "--standard", "train the 32-bit twin instead")
    parser.add_argument("--epochs", type=positive, metavar="N", help="passes over the training data")
    parser.add_argument("--batch-size", type=positive, metavar="N", help="examples per step")
    parser.add_argument("--lr", type=rate, metavar="X", help="highest learning rate")
    parser.add_argument("--seed", type=whole, metavar="N", help="of weights and order (0)")
    parser.add_argument("--max-steps", type=positive, metavar="N", help="stop after so many steps")
    parser.add_argument("--checkpoint-every", type=whole, metavar="STEPS", help="steps between two checkpoints (200)")
    parser.add_argument("--out-dir", metavar="DIR", help="folder of the run (a new one below runs/)")
    parser.add_argument("--resume", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def _add_flag(parser, name, about, value=True):
    parser.add_argument(name, action="store_const", const=value, help=about)


def _tell(options, parser):
    """`minibnn train` alone."""
    for name, value in (
        ("max-steps", options.new_max_steps),
        ("data", options.new_data),
        ("from-step", options.from_step),
    ):
        if value is not None:
            raise InputError(f"--{name} needs a run to go on with, --resume RUN, or what to train: image or text")
    parser.print_help()


def train_new(options, kind):
    """`minibnn train image` or `minibnn train text`."""
    for name in ("max_steps", "data", "epochs"):
        if getattr(options, f"new_{name}") is not None:
            option = "--" + name.replace("_", "-")
            raise InputError(f"{option} stands before {kind!r}, where it is for --resume: give it after {kind!r}")
    if options.from_step is not None:
        raise InputError("--from-step is for --resume, and a new run begins with its first step: leave it out")
    if options.resume is not None:
        raise InputError(f"a run goes on as it was begun, with nothing else: minibnn train --resume {options.resume}")
    config = config_of(options, kind)
    if options.options:
        from minibnn.training.config import config_text

        print(config_text(config, comments=True), end="")
        return
    from minibnn.training.kept_run import KeptRun
    from minibnn.training.run_folder import RunFolder, check_is_free, free_folder

    path = free_folder(f"runs/{kind}-{config.preset}-{config.name}") if options.out_dir is None else options.out_dir
    check_is_free(path)  # before minutes of reading photos
    run = _prepared(config)
    paths = {key: path for key, path in config.settings().items() if key in PATHS and path}
    run.config = config.changed({key: os.path.abspath(path) for key, path in paths.items()})  # to go on from anywhere
    bar = _introduced(run)
    with RunFolder.create(path, run) as folder:
        _train(KeptRun(run, folder), bar)


def resume(options):
    """`minibnn train --resume RUN`."""
    from minibnn.training.config import read_config
    from minibnn.training.kept_run import KeptRun
    from minibnn.training.run_folder import CONFIG, VOCABULARY, RunFolder, find_checkpoint

    if options.new_epochs is not None:
        raise InputError(
            "the epochs of a run are fixed, since its learning rate falls over them; begin a new run instead: "
            f"minibnn train KIND --config {shlex.quote(str(Path(options.resume) / CONFIG))} --epochs N"
        )
    with RunFolder.open_again(options.resume) as folder:
        if options.from_step:
            find_checkpoint(folder.path, options.from_step)  # before data are read
        kept_config = read_config(folder.path / CONFIG)
        config = _config_to_go_on(kept_config, options)
        run = _prepared(config, folder.path / VOCABULARY if config.kind == "text" else None)
        kept = KeptRun(run, folder)
        kept.restore(options.from_step)
        if config != kept_config:
            folder.write_config(config)
        if kept.finished:
            _say_finished(kept)
            return
        bar = _introduced(run)
        print(f"going on from step {run.state.step:,} of {run.last_step():,}", flush=True)
        _train(kept, bar)


def _config_to_go_on(config, options):
    """The configuration of a run, with what --resume lets be changed."""
    changes = {} if options.new_max_steps is None else {"train.max_steps": options.new_max_steps}
    if options.new_data is not None:
        changes["data.folder"] = os.path.abspath(options.new_data)
    config = config.changed(changes)
    if config.data.folder and not os.path.exists(config.data.folder):
        raise InputError(f"there is no folder {config.data.folder}, where the run had its data: say where, --data DIR")
    return config


def _say_finished(kept):
    """Say that there is nothing to go on with, and how one trains longer."""
    run, path = kept.run, kept.folder.path
    epoch = run.history[-1]["epoch"]
    print(f"the run in {path} is finished ({run.state.step:,} steps, {epoch:,} epoch{'s' * (epoch != 1)})")
    if run.state.step < run.last_step_of_all_epochs():
        print(f"to train longer: minibnn train --resume {shlex.quote(str(path))} --max-steps N")
    else:
        config = shlex.quote(str(path / "config.toml"))
        print(f"to train longer, begin a new run: minibnn train {run.config.kind} --config {config} --epochs N")


def config_of(options, kind):
    """The configuration that the command line asks for: a preset, changed by a file, changed by options."""
    from minibnn.training.config import configuration, parse_setting, read_settings

    if options.data == "":
        raise InputError("--data: expected the path of a folder, and got ''; leave it out for built-in data")
    if getattr(options, "vocab", None) is not None and options.vocab_size is not None:
        raise InputError("--vocab-size is for building a vocabulary; --vocab reads one: give one of them")
    settings, preset = {}, None
    if options.config is not None:
        file_kind, preset, settings = read_settings(options.config)
        if file_kind not in (None, kind):
            raise InputError(f"{options.config} is of {file_kind} runs: minibnn train {file_kind} --config ...")
    given = {SHORT[name]: value for name, value in vars(options).items() if name in SHORT and value is not None}
    from_file, own = settings, given | dict(map(parse_setting, options.set))
    settings = from_file | own
    if getattr(options, "normalize", None) and not settings.get("standard"):
        raise InputError("--normalize chooses between the 32-bit twins: use it with --standard (bits always have it)")
    preset = options.preset or preset or "tiny"
    config = configuration(kind, preset, settings)
    if config.standard and not from_file.get("standard") and "train.lr" in from_file.keys() - own.keys():
        twin = {key: settings[key] for key in ("standard", "model.twin_normalize") if key in settings}
        lr = configuration(kind, preset, twin).train.lr
        if lr != config.train.lr:
            note(f"lr {config.train.lr:g} is from {options.config}; the preset's twin has {lr:g} (--lr {lr:g})")
    return config


def _prepared(config, vocabulary=None):
    """The Run of a configuration, with its data; photos are read with a bar."""
    from minibnn.training.run_data import run_of

    with cache_warnings_as_notes() if config.kind == "image" else nullcontext():
        return run_of(config, vocabulary, progress=sys.stderr.isatty(), say=lambda line: print(line, flush=True))


def _introduced(run):
    """Say what is about to be trained, and return what its result must be compared with."""
    counts = f"{len(run.train):,} training and {len(run.validation):,} validation examples"
    print(folded(f"{run.model!r}, {counts}"))
    if run.wordpiece is None:
        count = len(run.class_names)
        bar = f"{count} classes, chance is {1 / count:.1%} accuracy"
        config = run.config
        if count == 2 and (config.model.twin_normalize if config.standard else config.model.normalize):
            note(
                "Normalize makes of two outputs +1 and -1, whatever the picture, so that next to nothing is left to "
                "learn from: take three classes or more, or --standard"
            )
    else:
        from minibnn.training import unigram_perplexity

        labels, padding = (run.train.labels, run.validation.labels), run.train.ignore
        found = unigram_perplexity(*labels, len(run.wordpiece), padding)
        bar = f"the unigram model, which knows only how often each piece occurs, has validation perplexity {found:.1f}"
    print(folded(bar), flush=True)
    return bar


def _train(kept, bar):
    """Train, and say what came out; what was learned before Ctrl-C is kept too."""
    run, path = kept.run, kept.folder.path
    try:
        kept.train()
    except KeyboardInterrupt:
        if run.history:
            _print_curve(run)
        how = f"go on with: minibnn train --resume {shlex.quote(str(path))}"
        raise KeyboardInterrupt(f"stopped at step {run.state.step:,} of {run.last_step():,}; {how}") from None
    finally:
        for told in kept.notes:
            note(told)
        files = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())
        print(folded(f"kept in {path}: {', '.join(files)}"), flush=True)
    _print_result(run, bar)
    if run.wordpiece is not None:
        from minibnn.demo import sample_text

        print(folded(f"\nthe model writes: {sample_text(run.model, run.wordpiece, run.config.seed)}"))


def _print_result(run, bar):
    metric = "perplexity" if run.train.is_text else "accuracy"
    last, values = run.history[-1], [record[f"val_{metric}"] for record in run.history]
    best = min(values) if run.train.is_text else max(values)
    shown = "{:.1f}" if run.train.is_text else "{:.1%}"
    losses = f"training loss {last['train_loss']:.3f}, validation loss {last['val_loss']:.3f}"
    figures = f"validation {metric} {shown.format(values[-1])} (best {shown.format(best)})"
    print(folded(f"epoch {last['epoch']}: {losses}, {figures}\nfor comparison: {bar}"))
    _print_curve(run)


def _print_curve(run):
    """Draw the curve of validation in the terminal, where matplotlib is missing for a better one."""
    from minibnn.training import text_curve
    from minibnn.training.run_folder import has_matplotlib

    metric = "perplexity" if run.train.is_text else "accuracy"
    if not has_matplotlib():
        print(text_curve({metric: run.history}, f"val_{metric}"))
        print(f"For a picture: {NEEDS_PLOTS}")
