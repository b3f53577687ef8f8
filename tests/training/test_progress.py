"""What is seen of a run: the progress bar, and the file of metrics."""

import io
import json
import math
import sys
import time

import pytest

from minibnn.errors import InputError
from minibnn.training import Adam, fit, metrics_writer, progress, read_metrics
from minibnn.training.progress import ProgressBar, Stopwatch


def run(model, train, validation=None, **changes):
    settings = {"epochs": 3, "batch_size": 8, "progress": False} | changes
    if "optimizer" not in changes:
        settings["optimizer"] = Adam(model.parameters(), lr=0.05)
    return fit(model, train, validation, **settings)


def test_metrics_are_a_line_an_epoch_readable_while_training_runs(classifier, images, tmp_path):
    path = tmp_path / "metrics.jsonl"
    write, lengths = metrics_writer(path), []

    def report(record, times):
        write(record, times)
        lengths.append(len(read_metrics(path)))

    history = run(classifier, images, images, report=report)
    assert lengths == [1, 2, 3]
    assert read_metrics(path) == history


def test_metrics_file_survives_a_line_cut_off_and_numbers_json_lacks(tmp_path):
    path = tmp_path / "metrics.jsonl"
    metrics_writer(path)({"epoch": 1, "val_perplexity": math.inf})
    with open(path, "a") as file:
        file.write('{"epoch": 2, "val')
    assert read_metrics(path) == [{"epoch": 1, "val_perplexity": None}]
    metrics_writer(path)({"epoch": 2})
    assert [json.loads(line)["epoch"] for line in path.read_text().splitlines()] == [1, 2]


def test_metrics_file_errors(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        metrics_writer(tmp_path / "missing" / "metrics.jsonl")
    with pytest.raises(InputError, match="there is no file"):
        read_metrics(tmp_path / "missing.jsonl")
    (tmp_path / "bad.jsonl").write_text("oops\n{}\n")
    with pytest.raises(InputError, match=r"line 1 of .* is not JSON"):
        read_metrics(tmp_path / "bad.jsonl")
    for use in (metrics_writer, read_metrics):
        with pytest.raises(InputError, match=r"cannot (write|read)"):
            use(tmp_path)


@pytest.mark.parametrize("line", ["5", "[]", "null", '"epoch"'])
@pytest.mark.parametrize("rest", ["", "\n", '\n{"epoch": 2}\n'])
def test_a_record_is_a_json_object_and_nothing_else(tmp_path, line, rest):
    """Also in the last line: no part of an object is JSON by itself, so that line was not cut off."""
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n' + line + rest)
    with pytest.raises(InputError, match=r"line 2 of .* is no JSON object"):
        read_metrics(tmp_path / "metrics.jsonl")


def test_a_metrics_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "metrics.jsonl").write_bytes(b"\x93\xff\n")
    with pytest.raises(InputError, match=r"cannot read .*metrics\.jsonl"):
        read_metrics(tmp_path / "metrics.jsonl")


def test_a_metrics_file_closed_to_us_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "metrics.jsonl"
    write = metrics_writer(path)
    write({"epoch": 1})

    def closed(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", closed)
    for use in (lambda: write({"epoch": 2}), lambda: metrics_writer(path), lambda: read_metrics(path)):
        with pytest.raises(InputError, match=r"cannot (write|read) .*metrics\.jsonl.*Permission denied"):
            use()


def test_the_progress_bar_shows_what_matters(classifier, images, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    shown = []
    monkeypatch.setattr("tqdm.tqdm.set_postfix_str", lambda bar, text, refresh: shown.append(text))
    run(classifier, images, images, epochs=1, progress=True)
    assert len(shown) == 8
    assert shown.pop() == "evaluating ..."
    assert all(part in shown[-1] for part in ("loss ", "acc ", "lr 5e-02", " ex/s", "flips "))
    assert max(len(f"epoch 100/100 ######## 1000/1000, {text}") for text in shown) < 100
    assert "epoch 1/1: val acc " in capsys.readouterr().err


class Clock:
    """Takes the place of the module `time`: `now` is set by the test."""

    now = 0.0

    def perf_counter(self):
        return self.now


def test_the_flips_are_renewed_twenty_times_an_epoch_and_every_half_second_at_most(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)

    def renewals(seconds_per_step, steps=200):
        flips = type("Flips", (), {"calls": 0, "so_far": lambda self: setattr(self, "calls", self.calls + 1)})()
        with ProgressBar("epoch", 0, steps, flips) as bar:
            for _ in range(steps):
                clock.now += seconds_per_step
                bar.update(1.0, 0.5, 0.1, 9.0)
        return flips.calls

    assert 20 <= renewals(10.0) <= 22
    assert 4 <= renewals(0.01) <= 6


def test_a_slow_first_step_is_explained_once(classifier, images, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(progress, "SLOW", 0.01)
    monkeypatch.setattr(ProgressBar, "_has_stepped", False)
    shown, plain = [], classifier.logits
    monkeypatch.setattr("tqdm.tqdm.set_postfix_str", lambda bar, text, refresh: shown.append(text))

    def slow(x):
        time.sleep(0.1)
        return plain(x)

    monkeypatch.setattr(classifier, "logits", slow, raising=False)
    run(classifier, images, epochs=2, batch_size=25, progress=True)
    assert [number for number, text in enumerate(shown) if text.startswith("compiling the kernels")] == [0]


def test_a_slow_first_step_does_not_count_as_speed(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    for first, expected in ((100.0, 10.0), (2.0, 110 / 12)):
        watch = Stopwatch()
        clock.now += first
        watch.count(10)
        assert watch.speed == pytest.approx(10 / first)
        for _ in range(10):
            clock.now += 1
            watch.count(10)
        watch.end_training()
        assert watch.speed == pytest.approx(expected)


def test_in_a_log_file_each_epoch_is_one_line(classifier, images, capsys):
    run(classifier, images, images, epochs=2, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("val acc " in line and "train " in line and "flips " in line and " ex/s" in line for line in lines)
    assert max(map(len, lines)) < 100


TIMES = {"examples_per_second": 12345.6}
VALIDATED = {"train_loss": 6.371, "val_loss": 5.928, "flip_ratio": 0.0539}


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (
            {"train_accuracy": 0.568, "val_accuracy": 0.495, "flip_ratio": 0.0031},
            "epoch 10/10: val acc 49.5%, loss 5.928; train 56.8%, 6.371; flips 0.31%",
        ),
        (
            {"train_perplexity": 584.9, "val_perplexity": 375.3},
            "epoch 10/10: val ppl 375.3, loss 5.928; train 584.9, 6.371; flips 5.4%",
        ),
        (
            {"train_perplexity": 1e9, "val_perplexity": math.inf, "flip_ratio": None},
            "epoch 10/10: val ppl inf, loss 5.928; train 1e+09, 6.371; 12346 ex/s",
        ),
    ],
)
def test_the_line_of_an_epoch_fits_in_80_columns_of_a_terminal(record, told, capsys, monkeypatch):
    """In a log file nothing is left out."""

    def line():
        ProgressBar("epoch 10/10", 0, 1, None).finish(VALIDATED | record, TIMES)
        return capsys.readouterr().err.removesuffix("\n")

    monkeypatch.setenv("COLUMNS", "80")
    whole = line()
    assert whole.startswith(told)
    assert whole.endswith(" ex/s")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert line() == told
    monkeypatch.setenv("COLUMNS", "100")
    assert line() == whole


@pytest.mark.parametrize("closed", [True, False])
def test_without_stderr_nothing_is_shown(classifier, images, monkeypatch, closed):
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream if closed else None)
    assert len(run(classifier, images, images, epochs=1, progress=True)) == 1
