"""`minibnn eval`: figures of runs and of packed files, on their own data and on other, as the library finds them."""

import numpy as np
import pytest
from PIL import Image

from minibnn.bits import load_packed, save_packed
from minibnn.data import draw_dishes, read_wikitext, running_text, sentences, to_float
from minibnn.training import Examples, evaluate, read_metrics
from minibnn.training.run_folder import load_run
from minibnn.training.runs import padded_sentences, running_rows

CLASSES = ["pizza", "sushi", "burger"]


def figure(printed, name):
    """The text behind a name at the beginning of a line."""
    return next(line.split()[1] for line in printed.splitlines() if line.startswith(f"{name} "))


def row(printed, name):
    """The cells of a line of a table behind its name."""
    return next(line.removeprefix(name).split() for line in printed.splitlines() if line.startswith(f"{name} "))


@pytest.mark.parametrize("part", ["", "packed.npz"])
def test_a_classifier_is_measured_on_its_own_validation_pictures(trained, minibnn, part):
    status, printed, err = minibnn("eval", trained / "image" / part)
    assert (status, err) == (0, "")
    run = load_run(trained / "image")
    best = max(read_metrics(trained / "image" / "metrics.jsonl"), key=lambda record: record["val_accuracy"])
    assert figure(printed, "loss") == f"{best['val_loss']:.3f}"
    assert figure(printed, "accuracy") == f"{best['val_accuracy']:.1%}"
    assert "180 pictures of 3 classes: drawn dishes, valid" in printed
    dishes = draw_dishes(60, 16, seed=1, classes=CLASSES)
    predicted = np.concatenate([run.model.logits(to_float(dishes.images)).data.argmax(-1)])
    for number, name in enumerate(CLASSES):
        share = (predicted[dishes.labels == number] == number).mean()
        assert row(printed, name)[-2:] == [f"{share:.0%}", "60"]
    picture = trained / "image" / ("packed-confusion.png" if part else "confusion.png")
    with Image.open(picture) as image:
        assert image.width > 500
    assert f"The picture: {picture}" in printed


def test_splits_and_batches(trained, minibnn):
    train = minibnn("eval", trained / "image", "--split", "train")[1]
    assert "12 pictures of 3 classes: drawn dishes, train" in train  # as many as the run had
    assert (trained / "image" / "confusion-train.png").exists()
    test = minibnn("eval", trained / "image", "--split", "test", "--out", trained / "x.svg")[1]
    assert "180 pictures of 3 classes: drawn dishes, new ones" in test
    assert (trained / "x.svg").exists()
    first = minibnn("eval", trained / "image", "--split", "test", "--batch-size", 7)[1]
    assert figure(first, "loss") == figure(test, "loss")


def test_top_k_of_three_classes_is_of_two(trained, minibnn):
    assert "top-2" in minibnn("eval", trained / "image")[1]


def test_photos_from_a_folder_in_the_order_of_the_model_s_classes(trained, tmp_path, minibnn):
    """The folder names its classes in another order, and has one more."""
    root = tmp_path / "food"
    (root / "meta").mkdir(parents=True)
    (root / "meta" / "classes.txt").write_text("burger\ndonut\npizza\nsushi\n")
    listed = []
    for name in ("burger", "donut", "pizza", "sushi"):
        (root / "images" / name).mkdir(parents=True)
        for number, pixels in enumerate(draw_dishes(5, 16, seed=8, classes=[name]).images):
            Image.fromarray(pixels).save(root / "images" / name / f"{number}.jpg", quality=95)
            listed.append(f"{name}/{number}")
    for split in ("train", "test"):
        (root / "meta" / f"{split}.txt").write_text("\n".join(listed))
    status, printed, _ = minibnn("eval", trained / "image", "--data", root)
    assert status == 0
    assert f"15 pictures of 3 classes: the test photos in {root}" in printed
    assert [line.split()[0] for line in printed.splitlines() if line.endswith("  5")] == CLASSES
    assert minibnn("eval", trained / "image", "--data", "builtin")[1].count("60\n") == 3


def test_a_file_apart_from_its_run_needs_to_be_told_its_data(trained, minibnn):
    (trained / "image" / "packed.npz").rename(trained / "alone.npz")
    status, printed, err = minibnn("eval", trained / "alone.npz")
    assert (status, printed) == (1, "")
    assert "alone.npz does not say what it was trained on: give --data DIR, or --data builtin" in err
    assert minibnn("eval", trained / "alone.npz", "--data", "builtin")[0] == 0


def test_running_text(trained, trained_once, minibnn):
    status, printed, err = minibnn("eval", trained / "text")
    assert (status, err) == (0, "")
    run, text = load_run(trained / "text"), running_text(read_wikitext(trained_once / "wiki", "valid"))
    rows = running_rows(text, run.wordpiece, 12)
    found = evaluate(run.model, Examples(rows[:, :-1], rows[:, 1:]))
    loss, perplexity = f"{found['loss']:.3f}", f"{found['perplexity']:.1f}"
    ids, offsets = run.wordpiece.encode_with_offsets(text)
    last = len(rows) * 12
    assert run.wordpiece.unknown_id not in ids
    num_bytes = len(text[offsets[0][1] : offsets[last][1]].encode())
    bits = f"{found['loss'] * last / np.log(2) / num_bytes:.3f}"
    assert row(printed, "text") == [f"{last:,}", loss, f"{found['accuracy']:.1%}", perplexity, bits]
    assert f"The tokens stand for {num_bytes:,} bytes; 0 are [UNK]" in printed
    packed = minibnn("eval", trained / "text" / "packed.npz")[1]
    assert row(packed, "text")[:2] == [f"{last:,}", loss]


def test_sentences_with_and_without_the_padding(trained, trained_once, minibnn):
    printed = minibnn("eval", trained / "sentences")[1]
    run, texts = load_run(trained / "sentences"), sentences(read_wikitext(trained_once / "wiki", "valid"))
    rows = padded_sentences(texts, run.wordpiece, 12)
    for name, ignore in (("without the padding", run.wordpiece.pad_id), ("with the padding", None)):
        found = evaluate(run.model, Examples(rows[:, :-1], rows[:, 1:], ignore=ignore))
        count = int((rows[:, 1:] != ignore).sum()) if ignore is not None else rows[:, 1:].size
        expected = [f"{count:,}", f"{found['loss']:.3f}", f"{found['accuracy']:.1%}", f"{found['perplexity']:.1f}"]
        assert row(printed, name)[:4] == expected
    assert "sentences, padded to 12 tokens: wiki.valid in" in printed
    assert minibnn("eval", trained / "text", "--sentences", "--split", "test")[1].count("padding") == 2
    assert "padding" not in minibnn("eval", trained / "sentences", "--running-text", "--split", "train")[1]


def test_built_in_text(trained, minibnn):
    status, _, err = minibnn("eval", trained / "text", "--data", "builtin", "--split", "test")
    assert (status, err) == (1, "minibnn: error: the built-in text has no test part: take --split valid or train\n")


def test_a_vocabulary_apart_from_its_model(trained, minibnn):
    packed = load_packed(trained / "text" / "packed.npz")
    save_packed(packed, trained / "text" / "bare.npz", about={})
    assert "give it by --vocab" in minibnn("eval", trained / "text" / "bare.npz")[2]
    status, printed, _ = minibnn("eval", trained / "text" / "bare.npz", "--vocab", trained / "text" / "vocab.txt")
    assert status == 0
    assert row(printed, "text") == row(minibnn("eval", trained / "text")[1], "text")


def test_a_closed_folder_costs_the_picture_alone(trained, minibnn, monkeypatch):
    pytest.importorskip("matplotlib")

    def closed(*arguments):
        raise OSError(30, "Read-only file system", "x.tmp")

    monkeypatch.setattr("minibnn.training.confusion.save_confusion", closed)
    status, printed, err = minibnn("eval", trained / "image")
    place = trained / "image" / "confusion.png"
    assert (status, "accuracy" in printed) == (0, True)
    assert err.startswith(f"minibnn: note: no picture: cannot write {place} (Read-only file system): name another")
    assert minibnn("eval", trained / "image", "--out", trained / "x.png")[0] == 1


def test_without_matplotlib_the_figures_are_there_and_a_note(trained, minibnn, monkeypatch):
    monkeypatch.setattr("minibnn.training.run_folder.has_matplotlib", lambda: False)
    status, printed, _ = minibnn("eval", trained / "image")
    assert status == 0
    assert printed.endswith("For a picture: pip install 'minibnn[plots]' (in a clone: '.[plots]')\n")
    assert not (trained / "image" / "confusion.png").exists()
    assert "accuracy" in printed


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nowhere"], 1, "there is no folder nowhere; expected the folder of a run"),
        (["image", "--data", "nowhere"], 1, "folder missing: expected Food-101's folder at nowhere"),
        (["text", "--data", "nowhere"], 1, "there is no folder nowhere; expected one that holds wiki.valid.raw"),
        (["image", "--sentences"], 1, "--sentences and --running-text are for models of text: leave them out"),
        (["text", "--sentences", "--running-text"], 1, "exclude each other"),
        (["text", "--out", "x.png"], 1, "--out is for the confusion matrix of a classifier"),
        (["image", "--vocab", "x"], 1, "--vocab is for models of text"),
        (["text", "--vocab", "x"], 1, "has its own vocabulary: leave --vocab out"),
        (["image", "--out", "x.doc"], 1, "expected a suffix of .png, .svg or .pdf, got '.doc'"),
        (["image", "--out", "no/x.png"], 1, "there is no folder 'no'; create it first"),
        (["image", "--split", "other"], 2, "there is no 'other'; there are"),
    ],
)
def test_a_mistake_is_told_in_one_line(trained, minibnn, monkeypatch, arguments, status, message):
    monkeypatch.chdir(trained)
    found, _, err = minibnn("eval", *arguments)
    assert found == status
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err
