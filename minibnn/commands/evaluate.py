"""`minibnn eval`: how well a trained model does, and where it goes wrong."""

import sys
from pathlib import Path

from minibnn.commands.arguments import positive
from minibnn.commands.notes import cache_warnings_as_notes, note, picture_or_note, printable
from minibnn.errors import InputError
from minibnn.files import writing

BUILTIN = "builtin"
MOST_CLASSES = 20  # that are listed one by one


def add_to(commands, common):
    """Add `eval`."""
    evaluate = commands.add_parser(
        "eval",
        help="measure a trained model on validation, test or training data",
        description="Measures a trained model. Of pictures: loss, accuracy, top-5, each class, and the confusion "
        "matrix as a picture, where matplotlib is installed. Of text: loss, accuracy, perplexity and bits per byte; of "
        "padded sentences without and with the padding.",
        parents=[common],
    )
    evaluate.add_argument("model", metavar="RUN|FILE", help="folder of a run; packed model")
    evaluate.add_argument(
        "--data", metavar="DIR", help=f"Food-101 or WikiText folder, or {BUILTIN} (what the run was trained on)"
    )
    evaluate.add_argument(
        "--split", choices=("valid", "test", "train"), default="valid", help="part of the data (%(default)s)"
    )
    evaluate.add_argument("--sentences", action="store_true", help="text: padded sentences (as the run was trained)")
    evaluate.add_argument("--running-text", action="store_true", help="text: running text (as the run was trained)")
    evaluate.add_argument("--vocab", metavar="FILE", help="vocabulary of a packed model that was kept without its own")
    evaluate.add_argument("--batch-size", type=positive, metavar="N", help="examples computed at a time")
    evaluate.add_argument("--out", metavar="PICTURE", help="where the confusion matrix goes (beside the model)")
    evaluate.set_defaults(command=evaluate_model, only_prints=True)


def evaluate_model(options):
    """`minibnn eval RUN|FILE`."""
    from minibnn.commands.trained import load_trained

    trained = load_trained(options.model, options.vocab)
    folder = _folder(trained, options.data)
    if trained.kind == "image":
        if options.sentences or options.running_text:
            raise InputError("--sentences and --running-text are for models of text: leave them out")
        evaluate_images(trained, folder, options)
    else:
        if options.out is not None:
            raise InputError("--out is for the confusion matrix of a classifier, and this model writes: leave it out")
        evaluate_text(trained, folder, options)


def _folder(trained, data):
    """The folder of the data, or None for the built-in."""
    if data == BUILTIN:
        return None
    if data is not None:
        return data
    if trained.config is None:
        raise InputError(
            f"{trained.path} does not say what it was trained on: give --data DIR, or --data {BUILTIN} for the "
            "built-in data"
        )
    return trained.config.data.folder or None


def evaluate_images(trained, folder, options):
    """Measure a classifier, print the figures, and draw the confusion matrix."""
    from minibnn.data import to_float
    from minibnn.training import Examples
    from minibnn.training.confusion import save_confusion
    from minibnn.training.evaluation import measure_images

    own = trained.config.data if options.data is None else None
    split = "" if options.split == "valid" else f"-{options.split}"
    path = trained.beside(f"confusion{split}.png") if options.out is None else Path(options.out)
    with writing(path):  # if it cannot be written, say so before measuring
        pass
    pictures, source = _pictures(trained, folder, options.split, own)
    examples = Examples(pictures.images, pictures.labels, to_float)
    figures = measure_images(trained.model, examples, options.batch_size or 64)
    names = [printable(name) for name in trained.class_names]
    print(f"{trained.model!r}\n{len(pictures):,} pictures of {len(names)} classes: {source}\n")
    print(f"loss      {figures.loss:.3f}")
    print(f"accuracy  {figures.accuracy:.1%}  (chance: {1 / len(names):.1%})")
    print(f"top-{figures.k:<5} {figures.top_k:.1%}  (chance: {figures.k / len(names):.1%})\n")
    print(_class_table(figures, names), end="\n\n")
    title = f"{trained.path.name}: {figures.accuracy:.1%} of {len(pictures):,} pictures"
    try:
        print(picture_or_note(lambda: save_confusion(figures.confusion, names, path, title), path))
    except InputError as error:
        if options.out is not None:
            raise
        note(f"no picture: {error}")  # the figures are what was asked for


def _pictures(trained, folder, split, own=None):
    """(ImageSet with the classes of the model, where it is from). `own`: ImageData, for as many as the run had."""
    from minibnn.data import draw_dishes, read_food101
    from minibnn.training.run_data import DRAWN, DRAWN_TO_VALIDATE

    names, count = list(trained.class_names), 0
    if own is not None:
        count = own.per_class if split == "train" else own.validation_per_class
    if folder is None:
        default, seed = {"train": (DRAWN, 0), "valid": (DRAWN_TO_VALIDATE, 1), "test": (DRAWN_TO_VALIDATE, 2)}[split]
        drawn = draw_dishes(count or default, trained.image_size, seed=seed, classes=names)
        return drawn, f"drawn dishes, {'new ones' if split == 'test' else split}"
    official = "train" if split == "train" else "test"
    read = {"image_size": trained.image_size, "classes": names, "per_class": count or None, "cache": True}
    with cache_warnings_as_notes():
        pictures = read_food101(folder, official, progress=sys.stderr.isatty(), **read)
    return pictures, f"the {official} photos in {folder}"


def _class_table(figures, names):
    """Each class with its accuracy and what it is most often taken for; of many classes the worst."""
    import numpy as np

    from minibnn.models.summary import table
    from minibnn.training.evaluation import shares_of_rows

    others = shares_of_rows(figures.confusion)
    np.fill_diagonal(others, -1)
    order = range(len(names))
    if len(names) > MOST_CLASSES:
        order = np.argsort(np.nan_to_num(figures.class_accuracy, nan=2), kind="stable")[:MOST_CLASSES]
    rows = [("class", "most taken for", "share", "accuracy", "pictures")]
    for i in order:
        total = int(figures.confusion[i].sum())
        other = int(np.argmax(others[i])) if total else 0
        taken = (names[other], f"{others[i, other]:.0%}") if total and others[i, other] > 0 else ("-", "-")
        rows.append((names[i], *taken, f"{figures.class_accuracy[i]:.0%}" if total else "-", f"{total:,}"))
    note = f"\n(the {MOST_CLASSES} worst of {len(names)} classes)" if len(names) > MOST_CLASSES else ""
    return table(rows, left_columns=2) + note


def evaluate_text(trained, folder, options):
    """Measure a language model and print the figures."""
    from minibnn.models.summary import table
    from minibnn.training import Examples
    from minibnn.training.evaluation import bytes_of_running_text, bytes_of_sentences, measure_text
    from minibnn.training.runs import padded_sentences, running_rows

    if options.sentences and options.running_text:
        raise InputError("--sentences and --running-text exclude each other: leave one of them out")
    in_sentences = options.sentences
    if trained.config is not None and not options.running_text:
        in_sentences = in_sentences or trained.config.data.sentences
    text, source = _text(folder, options.split, in_sentences)
    model, wordpiece = trained.model, trained.wordpiece
    to_rows, count = (padded_sentences, bytes_of_sentences) if in_sentences else (running_rows, bytes_of_running_text)
    rows = to_rows(text, wordpiece, model.max_len)
    found = measure_text(model, Examples(rows[:, :-1], rows[:, 1:], ignore=wordpiece.pad_id), options.batch_size or 16)
    num_bytes, unknown = count(text, wordpiece, model.max_len)
    kind = "sentences, padded" if in_sentences else "rows of running text"
    print(f"{model!r}\n{len(rows):,} {kind} to {model.max_len} tokens: {source}\n")
    bits = f"{found.bits_per_byte(num_bytes):.3f}" if num_bytes else "-"
    lines = [("counted", "tokens", "loss", "accuracy", "perplexity", "bits per byte")]
    first = "text" if found.padded is None else "without the padding"
    for name, part, per_byte in ((first, found, bits), ("with the padding", found.padded, "-")):
        if part is not None:
            figures = (f"{part.tokens:,}", f"{part.loss:.3f}", f"{part.accuracy:.1%}", f"{part.perplexity:.1f}")
            lines.append((name, *figures, per_byte))
    print(f"{table(lines)}\n\nThe tokens stand for {num_bytes:,} bytes; {unknown:,} are [UNK], which stands for none.")


def validation_text(folder):
    """The running validation text (str) of a WikiText folder, or of the built-in text for None; raises as `eval`."""
    return _text(folder, "valid", in_sentences=False)[0]


def training_text(folder):
    """As `validation_text`, of what is trained on."""
    return _text(folder, "train", in_sentences=False)[0]


def _text(folder, split, in_sentences):
    """(running text, or a list of sentences, where it is from)."""
    from minibnn.data import builtin_text, read_wikitext, running_text, sentences, split_text

    if folder is None:
        if split == "test":
            raise InputError("the built-in text has no test part: take --split valid or train")
        text = split_text(builtin_text())[0 if split == "train" else 1]
        source = f"Python's help texts, {split}"
        return [part for part in text.split("\n\n") if part.strip()] if in_sentences else text, source
    if not Path(folder).is_dir():
        raise InputError(f"there is no folder {folder}; expected one that holds wiki.{split}.raw: give it by --data")
    articles = read_wikitext(folder, split)
    return sentences(articles) if in_sentences else running_text(articles), f"wiki.{split} in {folder}"
