"""What a user names RUN or FILE: a trained model, float or packed, with what is needed to use it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minibnn.errors import InputError

LARGEST_SIDE = 4096  # pixels that a packed file may ask us to scale a photo to


@dataclass
class Trained:
    """A trained model: `kind` "image" with `class_names` and `image_size`, or "text" with `wordpiece`.

    `path`: as the user named it. `config`: Config of the run that it comes from, or None for a file apart from its run.
    """

    model: Any
    kind: str
    path: Path
    config: Any
    class_names: tuple | None = None
    image_size: int | None = None
    wordpiece: Any = None

    def beside(self, name):
        """Where a picture of that name goes: into the folder of the run, or beside the file."""
        return self.path / name if self.path.is_dir() else self.path.with_name(f"{self.path.stem}-{name}")


def load_trained(path, vocab=None):
    """The Trained of a run's folder or of a packed file. `vocab`: path, for a writer that was packed without its own.

    Raises InputError for anything else.
    """
    from minibnn.commands.generate import load_writer
    from minibnn.training.run_folder import load_run

    path = Path(path)
    if path.is_file():
        return _of_file(path, vocab)
    run = load_run(path)
    if run.kind == "text":
        model, wordpiece = load_writer(str(path), vocab)
        return Trained(model, "text", path, run.config, wordpiece=wordpiece)
    _check_no_vocab(vocab)
    return Trained(run.model, "image", path, run.config, tuple(run.class_names), run.config.data.image_size)


def load_classifier(path):
    """The Trained of a classifier; raises InputError for anything else."""
    trained = load_trained(path)
    if trained.kind != "image":
        raise InputError(f"{path} holds a writer, which knows no pictures; train a classifier with minibnn train image")
    return trained


def _of_file(path, vocab):
    from minibnn.bits import load_packed
    from minibnn.commands.generate import load_writer
    from minibnn.models import BCVNN, BLM

    if path.suffix == ".npz" and path.parent.name == "checkpoints":
        raise InputError(f"{path} holds the float weights of a run: give its folder, {path.parent.parent}")
    model = load_packed(path)
    config = config_beside(path)
    if isinstance(model, BLM):
        model, wordpiece = load_writer(str(path), vocab)
        return Trained(model, "text", path, config, wordpiece=wordpiece)
    if not isinstance(model, BCVNN):
        raise InputError(f"{path} holds a single layer, and no model of pictures or text: pack a run")
    _check_no_vocab(vocab)
    return Trained(model, "image", path, config, _class_names(model, path), _image_size(model, path))


def _check_no_vocab(vocab):
    if vocab is not None:
        raise InputError("--vocab is for models of text, and this is one of pictures: leave it out")


def config_beside(path):
    """The configuration of the run that a packed file lies in, or None."""
    from minibnn.training.config import read_config

    return read_config(path.parent / "config.toml") if (path.parent / "config.toml").is_file() else None


def _class_names(model, path):
    names = model.about.get("class_names")
    if names is None:
        return tuple(f"class {number}" for number in range(model.num_classes))
    fits = isinstance(names, list) and all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    if not fits or len(names) != model.num_classes:
        raise InputError(f"{path} does not name its {model.num_classes} classes as it should: pack the run again")
    return tuple(names)


def _image_size(model, path):
    size = model.about.get("image_size")
    if not isinstance(size, int) or isinstance(size, bool) or not 16 <= size <= LARGEST_SIDE:
        raise InputError(f"{path} does not say how large its pictures were: pack the run again")
    return size


def frequent_words(path, wordpiece, count=30):
    """(ids of words, what they are): the most frequent of the run's validation text, or the vocabulary's first.

    `path`: Path of a run's folder or of a packed file. `wordpiece`: its WordPiece. `count`: how many, int.
    """
    import numpy as np

    words = [i for i, token in enumerate(wordpiece.tokens) if len(token) > 1 and token.isalpha()]
    words = words or list(range(len(wordpiece)))
    text = _validation_text(path)
    if text is None:
        return words[:count], "\nThese are the vocabulary's first words, as the text that the run read is not at hand"
    times = np.bincount(wordpiece.encode(text), minlength=len(wordpiece))
    found = sorted(words, key=lambda i: -times[i])[:count]
    return found, "\nThese are the most frequent words of the run's validation text"


def rare_pieces(path, wordpiece, count=30):
    """(ids of word pieces, what they are): those that the training text of the run has least often; as above.

    Raises InputError if that text is not at hand.
    """
    import numpy as np

    from minibnn.commands.evaluate import training_text
    from minibnn.data.basic_tokens import SPECIAL_TOKENS

    config = config_beside(path / "packed.npz" if path.is_dir() else path)
    if config is None:
        raise InputError(f"{path} is apart from its run, whose text would tell which are rare: name pieces by --tokens")
    try:
        text = training_text(config.data.folder or None)
    except (InputError, OSError) as error:
        raise InputError(f"the text that the run read would tell which are rare: {error}, or use --tokens") from None
    times = np.bincount(wordpiece.encode(text), minlength=len(wordpiece))
    pieces = [i for i, token in enumerate(wordpiece.tokens) if token not in SPECIAL_TOKENS]
    found = sorted(pieces, key=times.__getitem__)[:count]
    least, most = times[found[0]], times[found[-1]]
    often = f"{least} to {most} times" if most > least else f"{most} time{'s' * int(most != 1)}"
    return found, f"\nThese are the rarest word pieces of the run's training text (each {often})"


def pieces_named(text, wordpiece):
    """The ids of the word pieces in `text`, separated by spaces; a word that is none is cut into pieces.

    Raises InputError if there is none.
    """
    ids = {token: i for i, token in enumerate(wordpiece.tokens)}
    found = []
    for word in text.split():
        found += [ids[word]] if word in ids else wordpiece.encode(word)
    if not found:
        raise InputError("--tokens: expected word pieces, separated by spaces, such as 'the cat ##s', and got none")
    return list(dict.fromkeys(found))


def embedding_at_start(path, wordpiece):
    """The bits (V, D), bool, that the embedding of the run in folder `path` began with, which its seed gives again.

    None for a packed file, which does not know where it began.
    """
    from minibnn.bits import pack

    if not path.is_dir():
        return None
    model = config_beside(path / "packed.npz").build(len(wordpiece))
    return pack(model.embed).tokens.W_q.tensor().unpack(bool)


def _validation_text(path):
    """The validation text of the run at `path`, or beside a packed file; None if it is not there any more."""
    from minibnn.commands.evaluate import validation_text

    try:
        config = config_beside(path / "packed.npz" if path.is_dir() else path)
        return None if config is None or config.kind != "text" else validation_text(config.data.folder or None)
    except (InputError, OSError):  # the picture does not depend on it
        return None
