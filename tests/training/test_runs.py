"""What a whole run is built of: its data, model, optimizer and schedule.

A model that trains on its validation pictures, or whose rate never warms up, learns all the same; so the parts are
looked at here, one by one, and hardly anything is trained.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from training.small_runs import SIZES, WORDPIECE

from minibnn import demo
from minibnn.cli import main
from minibnn.data import ImageSet, WordPiece, read_food101, read_wikitext, running_text, sentences, to_float
from minibnn.errors import InputError
from minibnn.training import Adam, AdamW
from minibnn.training.config import configuration
from minibnn.training.runs import Run, image_run, padded_sentences, running_rows, text_run

RECIPE = {"train.epochs": 2, "train.batch_size": 4, "train.lr": 0.01, "train.warmup_steps": 2}
IMAGES = {"model.widths": (2,) * 5, "model.units": (3, 2), "data.image_size": 16, **RECIPE}
TEXT = SIZES | RECIPE
LENGTH = SIZES["model.max_len"]
SMALL_TEXT = ("train", "text", "--vocab-size", 120, "--max-len", 12)
SMALL_IMAGE = ("train", "image", "--image-size", 16)


def image_config(changes=None):
    return configuration("image", "tiny", IMAGES | (changes or {}))


def text_config(changes=None):
    return configuration("text", "tiny", TEXT | (changes or {}))


def pictures(count, seed):
    rng = np.random.default_rng(seed)
    return ImageSet(rng.integers(0, 256, (count, 16, 16, 3), np.uint8), np.arange(count) % 2, ("pie", "stew"))


@pytest.fixture
def images():
    return image_run(pictures(10, seed=0), pictures(6, seed=1), image_config())


@pytest.fixture
def rows():
    """Training and validation rows of different sentences, most of them shorter than a row."""
    texts = (["a b c", "b c d e f", "c", "d a"] * 3, ["h g", "g"])
    return [padded_sentences(part, WORDPIECE, LENGTH) for part in texts]


def contents(images):
    """Every picture as bytes, so that sets of pictures can be compared."""
    return {picture.tobytes() for picture in images}


def test_an_image_run_learns_from_one_set_and_validates_on_the_other(images):
    for examples, source in ((images.train, pictures(10, seed=0)), (images.validation, pictures(6, seed=1))):
        ((x, labels),) = examples.batches(99)
        np.testing.assert_array_equal(x, to_float(source.images))
        np.testing.assert_array_equal(labels, source.labels)


def test_a_text_run_learns_from_one_set_of_rows_and_validates_on_the_other(rows):
    run = text_run(*rows, WORDPIECE, text_config())
    for examples, source in ((run.train, rows[0]), (run.validation, rows[1])):
        np.testing.assert_array_equal(examples.inputs, source[:, :-1])
        np.testing.assert_array_equal(examples.labels, source[:, 1:])


def test_padding_does_not_count(rows):
    run = text_run(*rows, WORDPIECE, text_config())
    assert run.train.counts().tolist() == [4, 4, 2, 3] * 3  # the words that fit, and [SEP]
    assert run.validation.counts().tolist() == [3, 2]


@pytest.mark.parametrize("standard", [False, True])
def test_images_are_learned_with_adam_and_text_with_adamw(rows, standard):
    image = image_run(pictures(4, seed=0), pictures(2, seed=1), image_config({"standard": standard}))
    text = text_run(*rows, WORDPIECE, text_config({"standard": standard}))
    for run, kind in ((image, Adam), (text, AdamW)):
        assert type(run.optimizer) is kind  # AdamW is an Adam, too
        assert list(map(id, run.optimizer.parameters)) == list(map(id, run.model.parameters()))
        assert run.optimizer.lr == run.config.train.lr == 0.01
        assert bool(run.model.named_latent_weights()) != standard


def test_a_seed_makes_the_model(rows):
    for build in (
        lambda seed: image_run(pictures(4, seed=0), pictures(2, seed=1), image_config({"seed": seed})),
        lambda seed: text_run(*rows, WORDPIECE, text_config({"seed": seed})),
    ):
        a, b, c = ([p.data for p in build(seed).model.parameters()] for seed in (3, 3, 4))
        assert all(map(np.array_equal, a, b))
        assert not all(map(np.array_equal, a, c))


def test_classes_must_be_the_same():
    other = pictures(2, seed=1)
    with pytest.raises(InputError, match=r"classes differ.*pie.*soup"):
        image_run(pictures(4, seed=0), ImageSet(other.images, other.labels, ("pie", "soup")), image_config())


def test_a_configuration_of_the_other_kind_is_refused(rows):
    with pytest.raises(
        InputError, match=r"expected a configuration of text runs, such as configuration.'text', 'tiny'"
    ):
        text_run(*rows, WORDPIECE, image_config())


def test_training_pictures_are_mirrored_at_random_and_validation_pictures_are_not(images, monkeypatch):
    seen = {True: [], False: []}
    logits = type(images.model).logits

    def spy(model, x):
        seen[model.trainable] += list(x)
        return logits(model, x)

    monkeypatch.setattr(type(images.model), "logits", spy)
    images.fit(progress=False)
    originals = {kind: to_float(part.inputs) for kind, part in ((True, images.train), (False, images.validation))}
    plain = {kind: contents(originals[kind]) for kind in seen}
    mirrored = contents(np.ascontiguousarray(originals[True][:, :, ::-1]))
    assert contents(seen[False]) == plain[False]
    assert contents(seen[True]) <= plain[True] | mirrored
    assert 0 < sum(picture.tobytes() in mirrored for picture in seen[True]) < len(seen[True]) == 20


@pytest.mark.parametrize("kind", ["image", "text"])
def test_the_rate_warms_up_and_then_falls_along_a_cosine(images, rows, kind, monkeypatch):
    run = images if kind == "image" else text_run(*rows, WORDPIECE, text_config())
    rates, step = [], run.optimizer.step

    def spy():
        rates.append(run.optimizer.lr)
        step()

    monkeypatch.setattr(run.optimizer, "step", spy)
    assert run.fit(progress=False) is run.history
    cosine = [0.01 * (1 + math.cos(math.pi * k / 4)) / 2 for k in range(4)]
    assert rates == pytest.approx([0.005, 0.01, *cosine])  # two epochs of three batches
    assert [record["lr"] for record in run.history] == [rates[2], rates[5]]


def test_a_run_cut_short_keeps_its_schedule(images):
    reported = []
    history = images.fit(progress=False, max_steps=4, report=lambda record, times: reported.append(record))
    assert history[-1]["step"] == 4
    assert history[-1]["lr"] == pytest.approx(0.01 * (1 + math.cos(math.pi / 4)) / 2)
    assert reported == history == images.history


def test_running_rows_overlap_by_one():
    assert running_rows("a b c d e f g h", WORDPIECE, 3).tolist() == [[4, 5, 6, 7], [7, 8, 9, 10]]


def test_padded_rows_are_taken_by_length_where_the_mask_hides_what_is_cut_off(rows):
    assert text_run(*rows, WORDPIECE, text_config()).train.by_length
    assert not text_run(*rows, WORDPIECE, text_config({"model.mask_value": -1e-10})).train.by_length
    running = [running_rows("a b c d e f g h " * 4, WORDPIECE, LENGTH)] * 2
    assert not text_run(*running, WORDPIECE, text_config()).train.by_length


def test_padded_sentences_are_framed_and_empty_ones_left_out():
    rows = padded_sentences(["a b", "", " \n", "c d e f g"], WORDPIECE, 4)
    assert rows.tolist() == [[1, 4, 5, 3, 2], [1, 6, 7, 8, 3]]


@pytest.fixture
def started(monkeypatch, tmp_path, capsys):
    """The Run that `minibnn ARGUMENTS` is about to train, its folder, and what was printed; nothing is trained."""

    def start(*arguments):
        runs = []

        def stop(run, **options):
            runs.append(run)
            raise KeyboardInterrupt

        monkeypatch.setattr(Run, "fit", stop)
        out = tmp_path / "run"
        assert main([str(a) for a in (*arguments, "--out-dir", out)]) == 130
        (run,) = runs
        return run, out, capsys.readouterr().out

    return start


@pytest.fixture
def photos(tmp_path):
    """Eight photos of noise in Food-101's layout, three of each class to train on."""
    rng = np.random.default_rng(0)
    for folder in ("meta", "images/pie", "images/stew"):
        (tmp_path / folder).mkdir(parents=True)
    for split, numbers in (("train", (0, 1, 2)), ("test", (3,))):
        names = [f"{kind}/{number}" for kind in ("pie", "stew") for number in numbers]
        (tmp_path / "meta" / f"{split}.txt").write_text("\n".join(names))
        for name in names:
            noise = rng.integers(0, 255, (16, 16, 3), np.uint8)
            Image.fromarray(noise).save(tmp_path / "images" / f"{name}.jpg")
    return tmp_path


@pytest.fixture
def articles(tmp_path):
    """WikiText files; each split has words of its own, and sentences far shorter than twelve pieces."""
    for split, words in (("train", "bread flour . Rye wheat ."), ("valid", "zebra quagga . A zebra .")):
        (tmp_path / f"wiki.{split}.raw").write_text(f" = T = \n \n {words} \n \n" * 20)
    return tmp_path


def test_photos_to_train_on_and_to_validate_with_come_from_their_own_lists(photos, started):
    run, _, _ = started(*SMALL_IMAGE, "--data", photos)
    for examples, split in ((run.train, "train"), (run.validation, "test")):
        np.testing.assert_array_equal(examples.inputs, read_food101(photos, split, image_size=16).images)


@pytest.mark.parametrize("options", [(*SMALL_IMAGE, "--classes", 2, "--per-class", 20), (*SMALL_TEXT, "--max-len", 64)])
def test_built_in_data_to_validate_with_is_not_trained_on(started, options):
    run, _, _ = started(*options)
    assert contents(run.train.inputs).isdisjoint(contents(run.validation.inputs))


@pytest.mark.parametrize("extra", [(), ("--sentences",)])
def test_text_to_train_on_and_to_validate_with_comes_from_its_own_file(articles, started, extra):
    run, out, _ = started(*SMALL_TEXT, "--data", articles, *extra)
    wordpiece = WordPiece.from_file(out / "vocab.txt")
    for examples, split in ((run.train, "train"), (run.validation, "valid")):
        found = read_wikitext(articles, split)
        text, to_rows = (sentences(found), padded_sentences) if extra else (running_text(found), running_rows)
        expected = to_rows(text, wordpiece, 12)
        np.testing.assert_array_equal(examples.inputs, expected[:, :-1])
        np.testing.assert_array_equal(examples.labels, expected[:, 1:])
        assert examples.ignore == wordpiece.pad_id


def test_the_vocabulary_is_built_from_the_training_text_alone(articles, started):
    _, out, _ = started(*SMALL_TEXT, "--data", articles)
    expected = WordPiece.train(running_text(read_wikitext(articles, "train")), 120)
    assert WordPiece.from_file(out / "vocab.txt").tokens == expected.tokens


def test_the_unigram_bar_leaves_padding_out(articles, started):
    run, out, printed = started(*SMALL_TEXT, "--data", articles, "--sentences")
    wordpiece = WordPiece.from_file(out / "vocab.txt")
    train, validation = (part.labels[part.labels != wordpiece.pad_id] for part in (run.train, run.validation))
    assert len(train) < run.train.labels.size / 2
    p = (np.bincount(train, minlength=len(wordpiece)) + 1) / (len(train) + len(wordpiece))
    expected = np.exp(-np.log(p[validation]).mean())
    assert f"perplexity {expected:.1f}" in printed


@pytest.mark.parametrize("command", [SMALL_TEXT, (*SMALL_IMAGE, "--classes", 2, "--per-class", 4)])
@pytest.mark.parametrize("standard", [False, True])
def test_standard_trains_the_twin(articles, started, command, standard):
    data = ("--data", articles) if command is SMALL_TEXT else ()
    run, _, _ = started(*command, *data, *(["--standard"] if standard else []))
    assert type(run.model).__name__.startswith("Standard") == standard
    assert bool(run.model.named_latent_weights()) != standard


@pytest.mark.parametrize(("extra", "value"), [((), -math.inf), (("--printed-mask",), -1e-10)])
def test_printed_mask_is_the_value_that_the_paper_prints(articles, started, extra, value):
    run, _, _ = started(*SMALL_TEXT, "--data", articles, *extra)
    assert [block.attention.mask_value for block in run.model.blocks] == [value] * len(run.model.blocks)


@pytest.fixture
def small_demo(monkeypatch):
    """The demo's models and data, small, and not trained."""
    monkeypatch.setattr(demo, "IMAGES", {key: value for key, value in IMAGES.items() if key != "train.lr"})
    monkeypatch.setattr(demo, "TEXT", TEXT | {"model.max_len": 12, "data.vocab_size": 120})
    monkeypatch.setattr(demo, "TRAINING_PICTURES", 3)
    monkeypatch.setattr(demo, "VALIDATION_PICTURES", 2)
    words = ["one bit", "is all", "we need", "to learn", "or not", "so far"]
    text = "\n\n\n".join(f"{words[i % 6]} {words[i // 6 % 6]} {i}." for i in range(100))
    monkeypatch.setattr(demo, "builtin_text", lambda: text)
    monkeypatch.setattr(Run, "fit", lambda run, **options: None)


def test_the_demo_compares_the_three_image_models_that_it_names(small_demo):
    runs = demo.learn_images(progress=False)
    for run in runs.values():
        assert (len(run.train), len(run.validation)) == (30, 20)
        assert contents(run.train.inputs).isdisjoint(contents(run.validation.inputs))
    kinds = {name: (type(run.model).__name__, getattr(run.model, "normalize", None)) for name, run in runs.items()}
    assert kinds == {
        "one bit": ("BCVNN", None),
        "32-bit": ("StandardCVNN", False),
        "32-bit, Normalize": ("StandardCVNN", True),
    }
    assert [run.optimizer.lr for run in runs.values()] == [3e-4, 1e-3, 3e-4]
    assert len({run.model.num_parameters() for run in runs.values()}) == 1


def test_the_demo_keeps_training_and_validation_text_apart(small_demo):
    runs, wordpiece, _ = demo.learn_text(progress=False)
    train, validation = demo.split_text(demo.builtin_text())
    assert wordpiece.tokens == WordPiece.train(train, 120).tokens
    assert {name: type(run.model).__name__ for name, run in runs.items()} == {"one bit": "BLM", "32-bit": "StandardLM"}
    for run in runs.values():
        np.testing.assert_array_equal(run.train.labels, running_rows(train, wordpiece, 12)[:, 1:])
        np.testing.assert_array_equal(run.validation.labels, running_rows(validation, wordpiece, 12)[:, 1:])


def test_a_parameter_takes_one_bit_or_four_bytes():
    def run(count, latent):
        model = SimpleNamespace(num_parameters=lambda: count, named_latent_weights=lambda: [("W", None)] * latent)
        return SimpleNamespace(model=model)

    runs = {"bits": run(16, 1), "bits and a rest": run(17, 2), "floats": run(17, 0)}
    assert demo.weight_bytes(runs) == {"bits": 2, "bits and a rest": 3, "floats": 68}
