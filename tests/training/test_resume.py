"""A run that was stopped and goes on ends byte for byte as one that never stopped."""

import itertools
import json
import os
import signal
import time

import numpy as np
import pytest
from training.small_runs import MAKERS, contents, pictures, resume, small_image_run, small_text_run, train_new

from minibnn.errors import InputError
from minibnn.training import evaluate, fit, kept_run, loop
from minibnn.training.checkpoints import read_checkpoint, read_weights, saved_steps
from minibnn.training.interrupt import CtrlC, unbroken
from minibnn.training.run_folder import RunFolder, load_run
from minibnn.training.runs import image_run

STEPS = 12  # four epochs of three batches


class Kill(BaseException):
    """As if the process ended there and then: nothing is caught, nothing saved."""


def after(step, error):
    """A `before` that raises `error` once that step is done."""

    def plant(kept):
        plain = kept._after_step

        def after_step(state):
            plain(state)
            if state.step == step:
                raise error

        kept._after_step = after_step

    return plant


def in_evaluation(number, error):
    """A `before` that raises `error` in the middle of so many evaluations."""

    def plant(kept):
        calls, plain = [], kept.run.model.logits

        def logits(x):
            if not kept.run.model.trainable:
                calls.append(1)
                if len(calls) == number:
                    raise error
            return plain(x)

        kept.run.model.logits = logits

    return plant


def stop(make, path, before, error, changes=None):
    begun = path.exists()
    with pytest.raises(error):
        (resume if begun else train_new)(make, path, changes, before)


@pytest.fixture(autouse=True, scope="module")
def without_curves():
    """Drawing, and waiting for the disk, take longer than all else in these runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(kept_run, "has_matplotlib", lambda: False)
        yield


@pytest.fixture(scope="module")
def unbroken_runs(tmp_path_factory):
    """{name of a kind: contents of the folder of its whole run}."""
    found = {}
    for name, make in MAKERS.items():
        path = tmp_path_factory.mktemp("whole") / "run"
        train_new(make, path)
        found[name] = contents(path)
    return found


@pytest.mark.parametrize("name", MAKERS)
def test_these_runs_learn_something(name, unbroken_runs):
    """Or else it would be no wonder that they all end alike."""
    records = [json.loads(line) for line in unbroken_runs[name]["metrics.jsonl"].decode().splitlines()]
    assert len({record["train_loss"] for record in records}) == len({record["val_loss"] for record in records}) == 4


@pytest.mark.parametrize("error", [Kill, KeyboardInterrupt])
@pytest.mark.parametrize("name", MAKERS)
def test_a_stop_after_any_step_changes_no_byte(name, error, unbroken_runs, tmp_path):
    make = MAKERS[name]
    for step in range(1, STEPS + 1):
        path = tmp_path / str(step)
        stop(make, path, after(step, error), error)
        if error is KeyboardInterrupt:
            assert max(saved_steps(path)) == step
        resume(make, path)
        assert contents(path) == unbroken_runs[name], step


@pytest.mark.parametrize("error", [Kill, KeyboardInterrupt])
@pytest.mark.parametrize("name", ["image twin with dropout", "text"])
def test_a_stop_in_any_evaluation_changes_no_byte(name, error, unbroken_runs, tmp_path):
    for number in (1, 2, 3, 4):
        path = tmp_path / str(number)
        stop(MAKERS[name], path, in_evaluation(number, error), error)
        resume(MAKERS[name], path)
        assert contents(path) == unbroken_runs[name], number


@pytest.mark.parametrize("name", MAKERS)
def test_stops_again_and_again_change_no_byte(name, unbroken_runs, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "run"
    for _ in range(30):
        error, step = [Kill, KeyboardInterrupt][rng.integers(2)], int(rng.integers(1, STEPS + 1))
        before = in_evaluation(1, error) if rng.random() < 0.3 else after(step, error)
        try:
            (resume if path.exists() else train_new)(MAKERS[name], path, None, before)
        except (Kill, KeyboardInterrupt):
            continue
        break
    resume(MAKERS[name], path)
    assert contents(path) == unbroken_runs[name]


@pytest.mark.parametrize("changes", [{"train.optimizer": "sgd", "train.momentum": 0.5}, {"train.optimizer": "adamw"}])
@pytest.mark.parametrize("every", [1, 5, 0])
def test_other_optimizers_and_other_distances_of_checkpoints(changes, every, tmp_path):
    changes = changes | {"train.checkpoint_every": every}
    train_new(small_image_run, tmp_path / "whole", changes)
    stop(small_image_run, tmp_path / "run", after(8, Kill), Kill, changes)
    resume(small_image_run, tmp_path / "run", changes)
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


@pytest.mark.parametrize("first", [3, 4, 5, 12])
def test_a_run_of_fewer_steps_goes_on_to_more(first, unbroken_runs, tmp_path):
    """Also from the middle of an epoch: the record of the part that was cut short is replaced."""
    path, fewer = tmp_path / "run", {"train.max_steps": first}
    train_new(small_text_run, path, fewer)
    assert json.loads((path / "metrics.jsonl").read_text().splitlines()[-1])["step"] == first
    with RunFolder.open_again(path) as folder:
        folder.write_config(small_text_run().config)
    resume(small_text_run, path)
    found, expected = contents(path), unbroken_runs["text"]
    assert found["metrics.jsonl"] == expected["metrics.jsonl"]
    assert found["checkpoints/step-00000012.npz"] == expected["checkpoints/step-00000012.npz"]


def test_a_finished_run_that_goes_on_stays_as_it_is(unbroken_runs, tmp_path):
    train_new(small_image_run, tmp_path / "run")
    for _ in range(2):
        resume(small_image_run, tmp_path / "run")
        assert contents(tmp_path / "run") == unbroken_runs["image"]


def test_the_same_in_one_process_without_a_folder(unbroken_runs):
    """`Run.fit` stops and goes on in the middle of an epoch; only the last record of a cut epoch stays."""
    run = small_text_run()
    for steps in (2, 3, 7, 12):
        assert run.fit(max_steps=steps, progress=False)[-1]["step"] == steps
    records = [json.loads(line) for line in unbroken_runs["text"]["metrics.jsonl"].decode().splitlines()]
    assert run.history == records


def test_ctrl_c_in_a_forward_or_backward_pass_keeps_the_step_before(unbroken_runs, tmp_path, monkeypatch):
    """The dropout of the broken step was drawn already, and must be drawn again."""
    make, path = MAKERS["image twin with dropout"], tmp_path / "run"
    losses, plain = [], loop.cross_entropy

    def cross_entropy(*arguments, **options):
        losses.append(1)
        if len(losses) == 6:
            raise KeyboardInterrupt
        return plain(*arguments, **options)

    monkeypatch.setattr(loop, "cross_entropy", cross_entropy)
    with pytest.raises(KeyboardInterrupt):
        train_new(make, path)
    assert 0 < max(saved_steps(path)) < 6
    monkeypatch.undo()
    resume(make, path)
    assert contents(path) == unbroken_runs["image twin with dropout"]


def test_ctrl_c_in_the_update_waits_for_its_end(unbroken_runs, tmp_path):
    path = tmp_path / "run"

    def press_in_update(kept):
        plain = kept.run.optimizer.step

        def step():
            os.kill(os.getpid(), signal.SIGINT)
            plain()

        kept.run.optimizer.step = step

    stop(small_image_run, path, press_in_update, KeyboardInterrupt)
    assert list(saved_steps(path)) == [1]
    resume(small_image_run, path)
    assert contents(path) == unbroken_runs["image"]


def test_a_second_ctrl_c_while_saving_waits_and_leaves_a_whole_checkpoint(tmp_path, monkeypatch):
    path, plain = tmp_path / "run", os.fsync

    def fsync(descriptor):
        os.kill(os.getpid(), signal.SIGINT)
        plain(descriptor)

    def press(kept):
        monkeypatch.setattr(os, "fsync", fsync)
        after(3, KeyboardInterrupt)(kept)

    stop(small_image_run, path, press, KeyboardInterrupt)
    (last,) = list(saved_steps(path))[-1:]
    assert read_checkpoint(saved_steps(path)[last])[0]["step"] == last
    assert not list(path.rglob("*.tmp"))


def test_ctrl_c_is_remembered_where_its_exception_is_lost():
    with CtrlC() as ctrl_c:
        ctrl_c.check()
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
        except KeyboardInterrupt:
            pass
        with pytest.raises(KeyboardInterrupt):
            ctrl_c.check()
        ctrl_c.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_unbroken_passes_ctrl_c_on_at_its_end():
    done = []

    def press():
        with unbroken():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        press()
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_evaluation_and_saving_draw_no_random_numbers(tmp_path):
    """A run that is measured and saved after every step learns what one learns that is left alone."""
    plain, watched = (MAKERS["image twin with dropout"]({"train.checkpoint_every": 0}) for _ in range(2))
    plain.fit(progress=False)
    watched.fit(progress=False, after_step=lambda state: (evaluate(state.model, watched.validation), state.arrays()))
    assert plain.history == watched.history


def test_the_order_is_new_in_each_epoch_and_follows_from_the_seed():
    def order(seed):
        run, seen = small_image_run({"seed": seed, "data.flips": False}), []
        plain = run.train.batch
        run.train.batch = lambda chosen, *rest: seen.append(tuple(chosen)) or plain(chosen, *rest)
        run.fit(progress=False)
        return seen

    epochs = [order(0)[start : start + 3] for start in (0, 3, 6, 9)]
    assert len(set(map(tuple, epochs))) == 4
    assert order(0) == list(itertools.chain(*epochs))
    assert order(1) != order(0)


def test_other_data_is_refused_in_one_line(tmp_path):
    train_new(small_image_run, tmp_path / "run")

    def more(changes=None):
        return image_run(pictures(11, seed=0), pictures(6, seed=1), small_image_run(changes).config)

    with pytest.raises(
        InputError, match=r"training examples are not those .* \(10 then, 11 now\); bring the data back"
    ):
        resume(more, tmp_path / "run")

    def relabelled(changes=None):
        run = small_image_run(changes)
        run.train.labels = run.train.labels[::-1].copy()
        return run

    with pytest.raises(InputError, match="the labels are not those that it was trained on"):
        resume(relabelled, tmp_path / "run")


def test_another_machine_is_noted(tmp_path, monkeypatch):
    train_new(small_image_run, tmp_path / "run")
    monkeypatch.setattr(np, "__version__", "9.9")
    kept = resume(small_image_run, tmp_path / "run")
    assert [note for note in kept.notes if "numbers may differ" in note and "numpy" in note and "9.9 now" in note]


@pytest.mark.parametrize(
    "damage", [lambda path: path.unlink(), lambda path: path.write_text(""), lambda path: path.write_text("{}\n" * 99)]
)
def test_metrics_that_were_changed_are_refused(damage, tmp_path):
    train_new(small_image_run, tmp_path / "run")
    damage(tmp_path / "run" / "metrics.jsonl")
    with pytest.raises(InputError, match=r"metrics.jsonl does not hold the records"):
        resume(small_image_run, tmp_path / "run")


@pytest.mark.parametrize("steps", [7, 4])
def test_fewer_steps_than_were_made_are_refused_before_a_file_is_touched(steps, tmp_path):
    train_new(small_image_run, tmp_path / "run")
    before = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    with pytest.raises(InputError, match=f"cannot stop at step {steps} .* the run is at step 12 already"):
        resume(small_image_run, tmp_path / "run", {"train.max_steps": steps})
    assert {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(
    ("make", "changes", "told"),
    [
        (small_image_run, {"train.lr": 0.01}, r"train\.lr \(0\.05 then, 0\.01 now\)"),
        (
            small_image_run,
            {"model.threshold": "zero", "seed": 3},
            r"seed .*, model\.threshold \('mean' then, 'zero' now",
        ),
        (small_image_run, {"train.epochs": 5}, r"train\.epochs \(4 then, 5 now\)"),
        (small_text_run, {"model.mask_value": -1e-10}, r"model\.mask_value \('-inf' then, -1e-10 now\)"),
    ],
)
def test_a_changed_configuration_is_refused_before_a_file_is_touched(make, changes, told, tmp_path):
    stop(make, tmp_path / "run", after(8, Kill), Kill)
    before = contents(tmp_path / "run")
    with pytest.raises(InputError, match=rf"config\.toml was changed since: {told}.*; set that back"):
        resume(make, tmp_path / "run", changes)
    assert contents(tmp_path / "run") == before


def test_what_changes_no_number_may_change(unbroken_runs, tmp_path):
    stop(small_image_run, tmp_path / "run", after(8, Kill), Kill)
    resume(small_image_run, tmp_path / "run", {"data.folder": "elsewhere", "train.checkpoint_every": 3})
    assert contents(tmp_path / "run") == unbroken_runs["image"]


def test_a_finished_run_is_not_evaluated_again(tmp_path):
    train_new(small_image_run, tmp_path / "run")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert resume(small_image_run, tmp_path / "run", before=in_evaluation(1, Kill)).finished
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*") if file.is_file()} == before
    with open(tmp_path / "run" / "metrics.jsonl", "r+b") as file:  # the last record is cut off: no longer finished
        file.truncate(len(file.read()) - 5)
    with pytest.raises(Kill):
        resume(small_image_run, tmp_path / "run", before=in_evaluation(1, Kill))


def test_a_checkpoint_of_another_model_is_refused(tmp_path, monkeypatch):
    train_new(small_image_run, tmp_path / "run")
    monkeypatch.setattr(kept_run.KeptRun, "_check_config", lambda *arguments: None)
    with pytest.raises(InputError, match=r"parameter 'fc1.W' of the model is float32 of shape \(8, 4\)"):
        resume(small_image_run, tmp_path / "run", {"model.units": (4, 8)})
    with pytest.raises(InputError, match="which SGD does not keep"):
        resume(small_image_run, tmp_path / "run", {"train.optimizer": "sgd"})


def test_two_processes_cannot_train_the_same_run(tmp_path):
    train_new(small_image_run, tmp_path / "run")
    with RunFolder.open_again(tmp_path / "run"), pytest.raises(InputError, match="another process is training the run"):
        RunFolder.open_again(tmp_path / "run")
    RunFolder.open_again(tmp_path / "run").close()


def test_the_best_epoch_is_kept_and_packed(tmp_path):
    from minibnn.bits import load_packed, pack

    run = train_new(small_text_run, tmp_path / "run").run
    best = min(run.history, key=lambda record: record["val_perplexity"])
    loaded = load_run(tmp_path / "run")
    assert (loaded.epoch, loaded.step) == (best["epoch"], best["step"])
    assert loaded.figures["perplexity"] == best["val_perplexity"]
    assert evaluate(loaded.model, run.validation)["perplexity"] == best["val_perplexity"]
    packed = load_packed(tmp_path / "run" / "packed.npz")
    assert dict(packed.named_bits()) == dict(pack(loaded.model).named_bits())
    assert packed.about["validation"]["epoch"] == best["epoch"]


def test_two_checkpoints_are_kept(tmp_path):
    train_new(small_image_run, tmp_path / "run", {"train.checkpoint_every": 1})
    assert list(saved_steps(tmp_path / "run")) == [11, 12]
    weights = read_weights(saved_steps(tmp_path / "run")[12])
    assert next(iter(weights)) == "conv1a.W"
    assert "optimizer.m.0" not in weights


def test_waiting_for_data_is_measured(tmp_path):
    train_new(small_image_run, tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "times.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert all(0 < line["waiting"] < 1 and line["seconds"] > 0 for line in lines)


def test_fit_refuses_a_state_of_another_kind(classifier, images):
    from minibnn.errors import InputTypeError
    from minibnn.training import Adam

    with pytest.raises(InputTypeError, match="state: expected a TrainingState, or None, got dict"):
        fit(classifier, images, optimizer=Adam(classifier.parameters()), epochs=1, state={})
