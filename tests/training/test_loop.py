import math
import sys

import numpy as np
import pytest

from minibnn.autograd import Tensor
from minibnn.errors import InputError, InputTypeError
from minibnn.training import (
    SGD,
    Adam,
    DivergedError,
    Examples,
    WarmupDecay,
    evaluate,
    fit,
)


def run(model, train, validation=None, **changes):
    settings = {"epochs": 3, "batch_size": 8, "progress": False} | changes
    if "optimizer" not in changes:
        settings["optimizer"] = Adam(model.parameters(), lr=0.05)
    return fit(model, train, validation, **settings)


def test_a_one_bit_model_learns_images(classifier, images):
    before = evaluate(classifier, images)
    history = run(classifier, images, images, epochs=15)
    assert history[-1]["train_loss"] < 0.6 * history[0]["train_loss"]
    assert before["accuracy"] < 0.4
    assert history[-1]["val_accuracy"] > 0.75
    assert [r["epoch"] for r in history] == list(range(1, 16))
    assert history[-1]["step"] == 15 * 7  # 50 examples in batches of 8: the last one has 2
    assert sum(r["flip_ratio"] for r in history) > 0
    assert "val_perplexity" not in history[0]


def test_a_32_bit_model_learns_text_and_padding_does_not_count(bigram, text):
    history = run(bigram, text, text, epochs=20, optimizer=Adam(bigram.parameters(), lr=0.3))
    last = history[-1]
    assert last["val_accuracy"] == 1
    assert last["val_perplexity"] == pytest.approx(math.exp(last["val_loss"]))
    assert last["train_perplexity"] == pytest.approx(math.exp(last["train_loss"]))
    assert last["flip_ratio"] is None
    assert not bigram.table.data[1:, 0].any() or (bigram.table.data[1:, 0] < 0).all()


def test_the_record_and_the_times_have_all_that_is_documented(bigram, text):
    reported = []
    (record,) = run(bigram, text, text, epochs=1, report=lambda *found: reported.append(found))
    assert set(record) == {
        *("epoch", "step", "lr", "train_loss", "train_accuracy", "train_perplexity"),
        *("val_loss", "val_accuracy", "val_perplexity", "flip_ratio"),
    }
    ((found, times),) = reported
    assert found is record
    assert set(times) == {"epoch", "step", "seconds", "examples_per_second", "waiting"}
    assert 0 < times["waiting"] < 1
    assert all(value is None or type(value) in (int, float) for value in record.values())


def test_the_same_seed_gives_the_same_run(make_classifier, images):
    def once(seed):
        noise = lambda x, rng: x + rng.normal(size=x.shape).astype(x.dtype) / 10  # noqa: E731
        return run(make_classifier(), images, images, seed=seed, augment=noise)

    assert once(0) == once(0)
    assert once(0) != once(1)


def test_evaluation_weights_every_label_the_same(classifier, images):
    whole = evaluate(classifier, images, batch_size=50)
    for batch_size in (1, 7, 49):
        assert evaluate(classifier, images, batch_size) == pytest.approx(whole)


def test_evaluation_weights_every_token_the_same(bigram, text):
    bigram.table.data[...] = np.random.default_rng(0).normal(size=(5, 5))
    whole = evaluate(bigram, text, batch_size=40)
    assert evaluate(bigram, text, batch_size=3) == pytest.approx(whole)


def test_train_figures_are_weighted_by_count(classifier, images):
    frozen = SGD(classifier.parameters(), lr=0.0)
    (record,) = run(classifier, images, images, epochs=1, batch_size=49, optimizer=frozen)
    assert record["train_loss"] == pytest.approx(record["val_loss"])
    assert record["train_accuracy"] == pytest.approx(record["val_accuracy"])
    assert record["flip_ratio"] == 0


def test_the_schedule_sets_the_learning_rate_of_every_step(classifier, images):
    asked = []
    schedule = WarmupDecay(0.1, 5, 20)
    optimizer = SGD(classifier.parameters(), lr=9.0)
    history = run(
        classifier, images, epochs=2, optimizer=optimizer, schedule=lambda step: asked.append(step) or schedule(step)
    )
    assert asked == list(range(14))
    assert [r["lr"] for r in history] == [schedule(6), schedule(13)]


def test_a_run_goes_on_from_its_history(make_classifier, images):
    schedule = WarmupDecay(0.05, 3, 30)
    whole = run(make_classifier(), images, epochs=4, schedule=schedule)
    model = make_classifier()
    optimizer = Adam(model.parameters())
    history = run(model, images, epochs=2, schedule=schedule, optimizer=optimizer)
    same = run(model, images, epochs=4, schedule=schedule, optimizer=optimizer, history=history)
    assert same is history
    assert history == whole


def test_max_steps_ends_the_run_in_the_middle_of_an_epoch(classifier, images):
    history = run(classifier, images, images, epochs=5, max_steps=10)
    assert [r["step"] for r in history] == [7, 10]
    assert "val_loss" in history[-1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_error_passes_through_and_the_model_stays_trainable(classifier, images, error):
    seen, kept = [], []

    def report(record, times):
        seen.append(record)
        if len(seen) == 2:
            raise error

    with pytest.raises(error):
        run(classifier, images, images, report=report, history=kept)
    assert classifier.trainable
    assert [r["epoch"] for r in kept] == [1, 2]


def test_evaluate_restores_trainable_after_an_error(classifier):
    with pytest.raises(InputError):
        evaluate(classifier, Examples(np.zeros((2, 6), np.float32), [0, 9]))
    assert classifier.trainable is True


def test_evaluation_is_untrainable_and_training_trainable(classifier, images):
    states, plain = [], classifier.logits
    classifier.logits = lambda x: states.append(classifier.trainable) or plain(x)
    run(classifier, images, images, epochs=2, batch_size=50)
    assert states == [True, False, True, False]
    assert classifier.trainable


def test_divergence_stops_with_advice_and_without_numpy_warnings(make_classifier, images):
    model = make_classifier()
    with pytest.raises(DivergedError, match=r"loss is (nan|inf) at step [12] \(learning rate 1e\+39\).*lower"):
        run(model, images, optimizer=SGD(model.parameters(), lr=1e39))
    assert model.trainable


def test_divergence_in_the_last_step_is_seen_by_the_validation(make_classifier, images):
    model = make_classifier()
    broken = SGD(model.parameters(), lr=0.1)
    broken.step = lambda: model.b.data.fill(np.nan)
    with pytest.raises(DivergedError, match="the validation loss is nan at step 0"):
        run(model, images, images, optimizer=broken, batch_size=50)


def test_augment_is_for_training_only_and_comes_before_prepare(classifier):
    pixels = np.random.default_rng(0).integers(0, 256, size=(10, 6), dtype=np.uint8)
    calls = []

    def augment(x, rng):
        calls.append(("augment", x.dtype.name))
        return x

    def prepare(x):
        calls.append(("prepare", x.dtype.name))
        return x.astype(np.float32) / 127.5 - 1

    examples = Examples(pixels, np.zeros(10, int), prepare)
    run(classifier, examples, examples, epochs=1, batch_size=10, augment=augment)
    assert calls == [("augment", "uint8"), ("prepare", "uint8"), ("prepare", "uint8")]


def test_every_epoch_has_every_example_once_in_a_new_order():
    examples = Examples(np.arange(10), np.arange(10))
    rng = np.random.default_rng(0)
    epochs = [list(examples.batches(4, rng)) for _ in range(2)]
    assert [len(x) for x, _ in epochs[0]] == [4, 4, 2]
    orders = [np.concatenate([x for x, _ in epoch]).tolist() for epoch in epochs]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(10))
    assert orders[0] != orders[1]
    assert all((x == labels).all() for x, labels in epochs[0])
    assert np.concatenate([x for x, _ in examples.batches(4)]).tolist() == list(range(10))


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Examples([1, 2], [0]), InputError, "as many inputs as labels, got 2 and 1"),
        (lambda: Examples([], []), InputError, "at least one example"),
        (lambda: Examples([1], [0.5]), InputTypeError, "labels: expected integers"),
        (lambda: Examples([1, 2], [[1, 0], [0, 0]], ignore=0), InputError, "example 1 has no label that counts"),
        (lambda: list(Examples([1], [0]).batches(0)), InputError, "batch_size"),
        (lambda: list(Examples([1], [0]).batches(1, augment=lambda x, rng: x)), InputError, "augment needs an rng"),
    ],
)
def test_examples_refuse_what_cannot_be_used(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"epochs": -1}, InputError, "epochs: expected a whole number >= 0, got -1"),
        ({"max_steps": 1.5}, InputError, "max_steps"),
        ({"batch_size": 0}, InputError, "batch_size"),
        ({"validation": (1, 2)}, InputTypeError, "validation: expected Examples.* or None, got tuple"),
        ({"train": None}, InputTypeError, "train: expected Examples"),
        ({"model": None, "optimizer": None}, InputTypeError, "model: expected a Module.*, got NoneType"),
        ({"optimizer": None}, InputTypeError, "optimizer: expected SGD, Adam or AdamW.*, got NoneType"),
        ({"seed": -1}, InputError, "seed: expected a whole number >= 0, got -1"),
        ({"seed": None}, InputError, "seed: expected a whole number >= 0, got None"),
        ({"after_step": 1}, InputTypeError, "after_step: expected a function.*, got int"),
        ({"schedule": 0.1}, InputTypeError, "schedule: expected a function.*, got float"),
        ({"report": "x"}, InputTypeError, "report: expected a function.*, got str"),
        ({"augment": "f"}, InputTypeError, "augment: expected a function.*, got str"),
        ({"history": ()}, InputTypeError, "history: expected a list.*, got tuple"),
        ({"history": [{}]}, InputError, "history: .* 'epoch' and 'step', got {} last"),
        ({"history": [5]}, InputError, "history: .*, got 5 last"),
        ({"history": [{"epoch": "1", "step": 2}]}, InputError, "history: "),
    ],
)
def test_fit_refuses_what_cannot_be_used_before_anything_is_trained(classifier, images, changes, error, message):
    def never(*arguments):
        raise AssertionError("the model was called")

    classifier.logits = never
    with pytest.raises(error, match=message):
        run(**{"model": classifier, "train": images} | changes)


def test_evaluate_refuses_what_is_no_examples(classifier):
    with pytest.raises(InputTypeError, match=r"examples: expected Examples\(inputs, labels, ...\), got tuple"):
        evaluate(classifier, (1, 2))


def test_importing_training_does_not_import_matplotlib_or_tqdm():
    import subprocess

    code = "import sys, minibnn.training; print([m for m in ('matplotlib', 'tqdm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_graph_of_a_step_is_gone_before_the_next_forward(classifier, images):
    import weakref

    alive, plain = [], classifier.logits

    def logits(x):
        assert not any(reference() is not None for reference in alive)
        result = plain(x)
        alive.append(weakref.ref(result))
        return result

    classifier.logits = logits
    run(classifier, images, epochs=1)
    assert isinstance(plain(images.inputs), Tensor)
    assert len(alive) == 7
