"""The data that a configuration names: read from folders, or drawn and taken from what needs no download."""

import os

from minibnn.data import (
    WordPiece,
    builtin_text,
    draw_dishes,
    read_food101,
    read_wikitext,
    running_text,
    sentences,
    split_text,
)
from minibnn.data.dish_kinds import DISHES
from minibnn.errors import InputError
from minibnn.training.runs import image_run, padded_sentences, running_rows, text_run

DRAWN, DRAWN_TO_VALIDATE = 300, 60  # pictures per class of the built-in data


def image_data(config, progress=False):
    """(training ImageSet, validation ImageSet) of a Config of kind "image".

    `progress`: whether to show a bar while photos are read. Raises InputError if the folder, or a class, is not there.
    """
    data, classes = config.data, config.data.classes or None
    counts = [getattr(data, name) or None for name in ("per_class", "validation_per_class")]
    if data.folder:
        chosen = {"image_size": data.image_size, "classes": classes, "cache": True, "progress": progress}
        splits = zip(("train", "test"), counts, strict=True)
        return tuple(read_food101(data.folder, split, per_class=count, **chosen) for split, count in splits)
    if isinstance(classes, int) and classes > len(DISHES):
        raise InputError(f"there are {len(DISHES)} kinds of drawn dishes, and {classes} classes were asked for")
    return tuple(
        draw_dishes(count or default, data.image_size, seed=seed, classes=classes)
        for seed, (count, default) in enumerate(zip(counts, (DRAWN, DRAWN_TO_VALIDATE), strict=True))
    )


def text_data(config, vocabulary=None, say=None):
    """(training rows, validation rows, WordPiece) of a Config of kind "text".

    `vocabulary`: path of the vocabulary to use instead of the one that the configuration names or builds, for instance
    that of a run. `say`: called with a line before what takes long. Raises InputError if a file is not there.
    """
    data = config.data
    texts, parts = _read_texts(data.folder)
    if vocabulary is None and not data.vocab:
        if say is not None:
            say(f"building a vocabulary of {data.vocab_size:,} word pieces from the training text ...")
        wordpiece = WordPiece.train(texts[0], data.vocab_size)
    else:
        wordpiece = WordPiece.from_file(vocabulary or data.vocab)
    to_rows, chosen = (padded_sentences, parts) if data.sentences else (running_rows, texts)
    rows = [to_rows(part, wordpiece, config.model.max_len) for part in chosen]
    return (*rows, wordpiece)


def run_of(config, vocabulary=None, progress=False, say=None):
    """The Run of a configuration, with its data; see `image_data` and `text_data`."""
    if config.kind == "image":
        return image_run(*image_data(config, progress), config)
    return text_run(*text_data(config, vocabulary, say), config)


def _read_texts(folder):
    """Texts to train on and to validate with, as running text, and as sentences (of built-in text: paragraphs)."""
    if not folder:
        texts = split_text(builtin_text())
        return texts, [[paragraph for paragraph in text.split("\n\n") if paragraph.strip()] for text in texts]
    if not os.path.isdir(folder):
        raise InputError(f"--data {folder}: expected a folder that holds wiki.train.raw and wiki.valid.raw")
    articles = [read_wikitext(folder, split) for split in ("train", "valid")]
    return [running_text(part) for part in articles], [sentences(part) for part in articles]
