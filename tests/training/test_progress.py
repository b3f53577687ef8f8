"""What is seen of a run: the progress bar, and the file of metrics."""

import io
import json
import math
import sys

import pytest

from minibnn.errors import InputError
from minibnn.training import Adam, fit, metrics_writer, read_metrics


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
    assert len(shown) == 7
    assert all(part in shown[-1] for part in ("loss ", "acc ", "lr 5e-02", " ex/s", "flips "))
    assert max(len(f"epoch 100/100 ######## 1000/1000, {text}") for text in shown) < 100
    assert "epoch 1/1: val accuracy " in capsys.readouterr().err


def test_in_a_log_file_each_epoch_is_one_line(classifier, images, capsys):
    run(classifier, images, images, epochs=2, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("val accuracy " in line and "training " in line and "flips " in line for line in lines)
    assert max(map(len, lines)) < 100


@pytest.mark.parametrize("closed", [True, False])
def test_without_stderr_nothing_is_shown(classifier, images, monkeypatch, closed):
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream if closed else None)
    assert len(run(classifier, images, images, epochs=1, progress=True)) == 1
