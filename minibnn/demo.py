"""`minibnn demo`: one-bit networks learn beside their 32-bit twins, on pictures and text that need no download."""

import itertools
import time

import numpy as np

from minibnn.data import WordPiece, builtin_text, draw_dishes, split_text
from minibnn.figures import NEEDS_PLOTS
from minibnn.models import generate
from minibnn.models.summary import table
from minibnn.terminal import folded
from minibnn.training import save_comparison, text_curve, unigram_perplexity
from minibnn.training.config import configuration
from minibnn.training.curves import format_bytes
from minibnn.training.run_folder import has_matplotlib, new_folder
from minibnn.training.runs import image_run, running_rows, text_run

IMAGES = {"train.epochs": 6, "data.image_size": 32}  # changes to the presets "tiny"
TEXT = {"train.epochs": 6, "data.vocab_size": 1024, "model.max_len": 64}
TRAINING_PICTURES, VALIDATION_PICTURES = 200, 50  # per class, of ten classes

ONE_BIT, FLOAT, FLOAT_NORMALIZED = "one bit", "32-bit", "32-bit, Normalize"
IMAGE_TWINS = {
    ONE_BIT: {},
    FLOAT: {"standard": True},
    FLOAT_NORMALIZED: {"standard": True, "model.twin_normalize": True},
}
TEXT_TWINS = {ONE_BIT: {}, FLOAT: {"standard": True}}


def demo(out_dir="runs/demo", seed=0, progress=True):
    """Train five small models, print what came out, and save the picture of how they learned.

    `out_dir`: folder for learning.png, created if missing. `seed`: int, for data, weights and order. `progress`:
    whether to show bars. Takes about two minutes on two cores.
    """
    started, folder = time.perf_counter(), new_folder(out_dir)
    print(folded("Every parameter of a one-bit network, kernels and biases, is 0 or 1 in the forward pass."))
    image_runs = learn_images(seed, progress)
    print(f"\n{result_table(image_runs, ('loss', 'accuracy'))}")
    text_runs, wordpiece, unigram = learn_text(seed, progress)
    print(f"\n{result_table(text_runs, ('loss', 'accuracy', 'perplexity'))}")
    print(folded(f"For comparison: knowing only how often each piece occurs gives perplexity {unigram:.0f}."))
    written = sample_text(text_runs[ONE_BIT].model, wordpiece, seed)
    print(folded(f"\nThe one-bit transformer writes: {written}\n"))
    show_curves(image_runs, text_runs, folder / "learning.png")
    print(f"All of it took {time.perf_counter() - started:.0f} seconds.")


def learn_images(seed=0, progress=True):
    """Train the BCVNN and both of its twins on generated dishes; a dict from name to Run."""
    train = draw_dishes(TRAINING_PICTURES, IMAGES["data.image_size"], seed=seed, classes=10)
    validation = draw_dishes(VALIDATION_PICTURES, IMAGES["data.image_size"], seed=seed + 1, classes=10)
    kinds = len(train.class_names)
    print(folded(f"\nPictures: {len(train):,} drawings of {kinds} kinds of dish, {len(validation)} to validate."))
    runs = {
        name: image_run(train, validation, configuration("image", "tiny", IMAGES | twin | {"seed": seed}))
        for name, twin in IMAGE_TWINS.items()
    }
    _fit_all(runs, progress)
    return runs


def learn_text(seed=0, progress=True):
    """Train the BLM and its twin on Python's help texts; their Runs, the vocabulary, and the unigram perplexity."""
    train_text, validation_text = split_text(builtin_text())
    wordpiece = WordPiece.train(train_text, TEXT["data.vocab_size"])
    rows = [running_rows(text, wordpiece, TEXT["model.max_len"]) for text in (train_text, validation_text)]
    pieces = [part[:, 1:].size for part in rows]
    print(folded(f"\nText: Python's help pages, {pieces[0]:,} word pieces, and {pieces[1]:,} to validate."))
    runs = {
        name: text_run(*rows, wordpiece, configuration("text", "tiny", TEXT | twin | {"seed": seed}))
        for name, twin in TEXT_TWINS.items()
    }
    _fit_all(runs, progress)
    return runs, wordpiece, unigram_perplexity(rows[0][:, 1:], rows[1][:, 1:], len(wordpiece))


def _fit_all(runs, progress):
    for name, run in runs.items():
        print(folded(f"{name}: {run.model!r}"), flush=True)
        run.fit(progress=progress)


def result_table(runs, metrics):
    """A table in the manner of the paper's Tables 2 and 5: what each run reached in its last epoch, and its size.

    The last column is the bytes of the weights: 32 bits each or, where they are bits, one bit each.
    """
    short = {"loss": "loss", "accuracy": "acc", "perplexity": "ppl"}
    head = ["model", *(f"{part} {short[metric]}" for metric in metrics for part in ("train", "val"))]
    rows = [(*head, "weights")]
    shown = {"loss": "{:.3f}", "accuracy": "{:.1%}", "perplexity": "{:.1f}"}
    for name, run in runs.items():
        last = run.history[-1]
        values = [shown[m].format(last[f"{part}_{m}"]) for m in metrics for part in ("train", "val")]
        rows.append((name, *values, format_bytes(weight_bytes(runs)[name])))
    return table(rows)


def weight_bytes(runs):
    """Bytes that the parameters of each run need once trained: one bit each, or four bytes each."""
    return {
        name: -(-run.model.num_parameters() // 8)
        if run.model.named_latent_weights()
        else 4 * run.model.num_parameters()
        for name, run in runs.items()
    }


def show_curves(image_runs, text_runs, path):
    """Save the learning curves and sizes as a picture where matplotlib is installed; print them as text elsewhere."""
    image_histories = {name: run.history for name, run in image_runs.items()}
    text_histories = {name: run.history for name, run in text_runs.items()}
    if not has_matplotlib():
        print(text_curve(image_histories, "val_accuracy"), text_curve(text_histories, "val_perplexity"), sep="\n\n")
        print(f"\nFor a picture: {NEEDS_PLOTS}")
        return
    sizes_by_group = {"images": weight_bytes(image_runs), "text": weight_bytes(text_runs)}
    save_comparison(image_histories, text_histories, sizes_by_group, path)
    print(f"The curves are in {path}")


def sample_text(model, wordpiece, seed=0, prompt="The", count=40):
    """What a language model writes after `prompt`, from its ten most likely pieces at each step."""
    begin = wordpiece.encode(prompt)
    drawn = generate(model, begin, count, np.random.default_rng(seed), top_k=10)
    return wordpiece.decode(list(itertools.chain(begin, drawn)))
