"""Runs so small that an epoch takes milliseconds, and what is compared of their folders."""

import numpy as np

from minibnn.data import ImageSet, WordPiece
from minibnn.training.checkpoints import saved_steps
from minibnn.training.config import configuration
from minibnn.training.kept_run import KeptRun
from minibnn.training.run_folder import RunFolder
from minibnn.training.runs import image_run, padded_sentences, text_run

RECIPE = {
    "train.epochs": 4,
    "train.batch_size": 4,
    "train.lr": 0.01,
    "train.warmup_steps": 2,
    "train.checkpoint_every": 2,
}
IMAGES = {"model.widths": (8,) * 5, "model.units": (8, 8), "data.image_size": 16, **RECIPE, "train.lr": 0.05}
SIZES = {"model.max_len": 4, "model.emb_dim": 8, "model.num_heads": 2, "model.mlp_units": (8, 8), "model.num_blocks": 1}
TEXT = {**SIZES, **RECIPE}
TWIN = {"standard": True}
WORDPIECE = WordPiece(["[UNK]", "[CLS]", "[PAD]", "[SEP]", *"abcdefgh"])  # [PAD] is 2, not to be taken for 0
TIMES_AND_PICTURES = ("about.json", "times.jsonl", "curves.png")


def image_config(changes=None):
    return configuration("image", "tiny", IMAGES | (changes or {}))


def text_config(changes=None):
    return configuration("text", "tiny", TEXT | (changes or {}))


def pictures(count, seed):
    """Noise of three colours, brighter to the left."""
    rng, labels = np.random.default_rng(seed), np.arange(count) % 3
    images = rng.integers(0, 80, (count, 16, 16, 3), np.uint8) + np.arange(160, 0, -10, dtype=np.uint8)[:, None]
    images[np.arange(count), :, :, labels] //= 2
    return ImageSet(images, labels, ("pie", "soup", "stew"))


def sentences(seed, count):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(list("abcdefgh"), rng.integers(1, 6))) for _ in range(count)]


def small_image_run(changes=None):
    return image_run(pictures(10, seed=0), pictures(6, seed=1), image_config(changes))


def small_text_run(changes=None):
    rows = [padded_sentences(sentences(seed, count), WORDPIECE, 4) for seed, count in ((0, 10), (1, 4))]
    return text_run(*rows, WORDPIECE, text_config(changes))


MAKERS = {
    "image": small_image_run,
    "text": small_text_run,
    "image twin with dropout": lambda changes=None: small_image_run(TWIN | (changes or {})),
    "text twin": lambda changes=None: small_text_run(TWIN | (changes or {})),
}


def train_new(make, path, changes=None, before=None):
    """Train a new run in a folder; `before(kept)` may plant a stop. Returns the KeptRun."""
    run = make(changes)
    with RunFolder.create(path, run) as folder:
        return _train(KeptRun(run, folder), before)


def resume(make, path, changes=None, before=None, from_step=None):
    """Go on with the run of a folder, as another process would."""
    run = make(changes)
    with RunFolder.open_again(path) as folder:
        kept = KeptRun(run, folder)
        kept.restore(from_step)
        return _train(kept, before)


def _train(kept, before):
    if before is not None:
        before(kept)
    kept.train(progress=False)
    return kept


def contents(path):
    """{name: bytes} of all files in the folder of a run but those that hold times, and the last checkpoint but one.

    That one is of another step where a run was stopped between two checkpoints.
    """
    earlier = list(saved_steps(path).values())[:-1]
    files = [file for file in path.rglob("*") if file.is_file() and file.name not in TIMES_AND_PICTURES]
    files = [file for file in files if file not in earlier]
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(files)}
