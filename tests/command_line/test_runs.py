"""`minibnn runs`, `compare` and `plot`: lists, tables and curves of runs, also of those that are broken."""

import json

import pytest

from minibnn.training import read_metrics
from minibnn.training.run_list import find_runs, run_summary


def cells(printed, name):
    """What a table says of one run."""
    return next(line.split() for line in printed.splitlines() if line.split()[:1] == [str(name)])


def set_records(run, values, metric="accuracy"):
    """Give a run other records: `values` of one validation figure, an epoch each."""
    records = [
        {"epoch": epoch, "step": 3 * epoch, "train_loss": 2.0, "val_loss": 1.5, f"val_{metric}": value}
        for epoch, value in enumerate(values, start=1)
    ]
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))


def test_each_run_is_a_line_with_its_figures(trained, minibnn):
    status, printed, err = minibnn("runs", trained)
    assert (status, err) == (0, "")
    lines = printed.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [
        str(trained / name) for name in ("image", "sentences", "text", "twin")
    ]
    records = read_metrics(trained / "image" / "metrics.jsonl")
    best = max(records, key=lambda record: record["val_accuracy"])
    size = (trained / "image" / "packed.npz").stat().st_size
    told = " ".join(cells(printed, trained / "image")[1:])
    parameters = json.loads((trained / "image" / "about.json").read_text())["parameters"]
    assert told == (
        f"image tiny, binary 2/2 accuracy {best['val_accuracy']:.1%} (epoch {best['epoch']}) "
        f"{records[-1]['val_accuracy']:.1%} {parameters:,} {size / 1000:.0f} kB finished"
    )
    assert cells(printed, trained / "twin")[-2:] == ["-", "finished"]
    assert "text tiny, binary 2/2 perplexity" in " ".join(cells(printed, trained / "text"))
    assert "standard" in " ".join(cells(printed, trained / "twin"))


def test_the_best_epoch_is_the_first_of_equals(trained):
    set_records(trained / "image", [0.2, 0.4, 0.4, 0.1])
    assert run_summary(trained / "image").best["epoch"] == 2
    set_records(trained / "text", [9, 5, 7], "perplexity")
    assert run_summary(trained / "text").best["epoch"] == 2


def test_a_run_that_stopped_says_how_to_go_on(trained, minibnn):
    set_records(trained / "image", [0.5])
    for checkpoint in sorted((trained / "image" / "checkpoints").glob("step-*.npz")):
        checkpoint.rename(checkpoint.with_name("step-00000004.npz"))
    printed = minibnn("runs", trained)[1]
    assert cells(printed, trained / "image")[-4:] == ["stopped", "at", "step", "4"]
    assert f"  minibnn train --resume {trained / 'image'}" in printed.splitlines()
    (trained / "image" / "metrics.jsonl").unlink()
    assert " 0/2 " in next(line for line in minibnn("runs", trained)[1].splitlines() if "image" in line)


def test_a_run_that_ended_at_its_last_step_is_finished(trained, minibnn):
    path = trained / "image" / "config.toml"
    path.write_text(path.read_text().replace("max_steps = 0", "max_steps = 6"))
    set_records(trained / "image", [0.5])
    assert run_summary(trained / "image").state == "stopped"  # its last checkpoint is of step 6, not yet evaluated
    records = (trained / "image" / "metrics.jsonl").read_text()
    (trained / "image" / "metrics.jsonl").write_text(records.replace('"step": 3', '"step": 6'))
    assert run_summary(trained / "image").state == "finished"
    assert cells(minibnn("runs", trained)[1], trained / "image")[-4:] == ["finished", "at", "step", "6"]


@pytest.mark.parametrize("max_steps", [0, 6])
def test_a_run_that_stopped_in_its_last_evaluation_says_so(trained, minibnn, monkeypatch, max_steps):
    """Two epochs of three steps, of which the second has a checkpoint and no record."""
    path = trained / "image" / "config.toml"
    path.write_text(path.read_text().replace("max_steps = 0", f"max_steps = {max_steps}"))
    lines = (trained / "image" / "metrics.jsonl").read_text().splitlines(keepends=True)
    (trained / "image" / "metrics.jsonl").write_text(lines[0])
    printed = minibnn("runs", trained)[1]
    told = "stopped at step 6, not yet evaluated"
    assert next(line for line in printed.splitlines() if line.startswith(f"{trained / 'image'} ")).endswith(told)
    assert f"  minibnn train --resume {trained / 'image'}" in printed.splitlines()
    monkeypatch.chdir(trained.parent)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    narrow = minibnn("runs")[1].split("\n\n")[0].splitlines()
    assert (len(narrow), max(map(len, narrow)) <= 80) == (2 + 4, True)
    monkeypatch.setenv("COLUMNS", "400")
    steps = trained / "image" / "checkpoints"
    (steps / "step-00000006.npz").rename(steps / "step-00000005.npz")
    assert cells(minibnn("runs", trained)[1], trained / "image")[-4:] == ["stopped", "at", "step", "5"]


def test_a_run_in_training_is_told_as_such(trained, minibnn):
    fcntl = pytest.importorskip("fcntl")
    import os

    set_records(trained / "image", [0.5])
    held = os.open(trained / "image", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        printed = minibnn("runs", trained)[1]
        assert cells(printed, trained / "image")[-2:] == ["in", "training"]
        assert "--resume" not in printed
    finally:
        os.close(held)
    assert "stopped" in cells(minibnn("runs", trained)[1], trained / "image")


BREAK = {
    "configuration": ("config.toml", b"kind = ", "it is damaged, or no TOML"),
    "about": ("about.json", b"{}", "about.json does not say how many parameters the model has: it is damaged"),
    "about, no JSON": ("about.json", b"\xff", "about.json does not say how many parameters"),
    "records": ("metrics.jsonl", b"{\n{}\n", "line 1 of"),
    "record without epoch": ("metrics.jsonl", b"{}\n", "has no whole number 'epoch': it is damaged"),
    "record of texts": ("metrics.jsonl", b'{"epoch": 1, "step": 1, "val_accuracy": "a"}\n', "'val_accuracy' must be a"),
}


@pytest.mark.parametrize("what", BREAK)
def test_a_broken_run_is_listed_as_such_and_the_others_too(trained, minibnn, what):
    name, content, message = BREAK[what]
    (trained / "image" / name).write_bytes(content)
    status, printed, err = minibnn("runs", trained)
    assert (status, err) == (0, "")
    broken = printed.split("Broken:\n")[1]
    assert str(trained / "image") in broken
    assert message in broken
    assert len(broken.splitlines()) == 1
    assert len(printed.split("\n\n")[0].splitlines()) == 2 + 3


def test_runs_are_found_in_the_folder_and_below(trained, minibnn):
    assert find_runs(trained.parent) == [trained / name for name in ("image", "sentences", "text", "twin")]
    assert find_runs(trained / "text") == [trained / "text"]
    (trained.parent / "empty").mkdir()
    assert minibnn("runs", trained.parent / "empty")[2].startswith("minibnn: error: there are no runs in")
    assert "there is no folder" in minibnn("runs", trained / "nowhere")[2]


def test_compare_draws_one_figure_and_prints_one_table(trained, minibnn, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(trained)
    status, printed, err = minibnn("compare", "image", "twin", "--out", "both.svg")
    assert (status, err) == (0, "")
    record = read_metrics("image/metrics.jsonl")[-1]
    assert printed.split()[:2] == ["image", "twin"]  # a column for each
    assert cells(printed, "train")[2] == f"{record['train_loss']:.3f}"
    bits, floats = -(-run_summary("image").parameters // 8), 4 * run_summary("twin").parameters
    told = ["weights", f"{bits / 1000:.0f}", "kB", "(bits)", f"{floats / 1e6:.2f}", "MB", "(floats)"]
    assert cells(printed, "weights") == told
    differing = printed.split("They differ in:\n")[1].split("\n\n")[0].splitlines()
    assert differing == ["  standard  false / true", "  train.lr  0.0003 / 0.001"]
    drawn = (trained / "both.svg").read_text()
    for text in ("Loss", "Accuracy", "Bits flipped", ">image", ">twin"):
        assert text in drawn
    assert "Perplexity" not in drawn
    status, printed, err = minibnn("compare", "text", "sentences")
    assert status == 0
    assert cells(printed, "data.sentences") == ["data.sentences", "false", "/", "true"]
    assert err.startswith("minibnn: note: the validation data of these runs differ (data.sentences)")
    assert (trained / "compare.png").exists()


@pytest.mark.parametrize(
    ("folder", "runs", "place"),
    [
        (".", ["runs/image", "runs/twin"], "runs/compare.png"),
        (".", ["runs/twin", "image"], "runs/compare.png"),
        ("runs", ["image", "twin/"], "compare.png"),
        ("runs/image", [".", "../twin"], "../compare.png"),
    ],
)
def test_the_picture_of_a_comparison_is_beside_the_first_run(trained, minibnn, monkeypatch, folder, runs, place):
    pytest.importorskip("matplotlib")
    if "image" in runs and folder == ".":
        (trained / "image").rename(trained.parent / "image")
    before = set(trained.parent.rglob("*"))
    monkeypatch.chdir(trained.parent / folder)
    status, printed, _ = minibnn("compare", *runs)
    assert (status, printed.splitlines()[-1]) == (0, f"The picture: {place}")
    made = (trained.parent / folder / place).resolve()
    assert set(trained.parent.rglob("*")) - before == {made}


def test_80_columns_hold_a_line_for_each_run_and_a_comparison(trained, minibnn, monkeypatch):
    monkeypatch.chdir(trained.parent)
    (trained / "image").rename(trained / "image-small-binary")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    for command in (["runs"], ["compare", "runs/image-small-binary", "runs/twin", "--out", "x.svg"]):
        assert max(map(len, minibnn(*command)[1].split("\n\n")[0].splitlines())) <= 80
    lines = minibnn("runs")[1].splitlines()
    assert len(lines) == 2 + 4
    assert lines[0].split()[:1] + lines[0].split()[-1:] == ["run", "state"]
    assert "(epoch " in lines[2]
    assert "parameters" not in lines[0]


@pytest.mark.parametrize("error", [OSError(30, "Read-only file system", "x.tmp"), PermissionError(13, "Permission")])
def test_a_closed_folder_is_told_with_the_way_out(trained, minibnn, monkeypatch, error):
    pytest.importorskip("matplotlib")

    def closed(*arguments, **options):
        raise error

    monkeypatch.setattr("minibnn.files.os.replace", closed)
    status, _, err = minibnn("plot", trained / "image")
    place = trained / "image" / "curves.png"
    told = f"minibnn: error: cannot write {place} ({error.strerror}): name another place with --out\n"
    assert (status, err) == (1, told)


def test_where_no_table_fits_each_run_takes_a_few_lines(trained, minibnn, monkeypatch):
    wide = minibnn("runs", trained)[1]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "50")
    narrow = minibnn("runs", trained)[1]
    assert max(map(len, narrow.splitlines())) <= max(50, len(str(trained / "sentences")))
    blocks = [line for line in narrow.splitlines() if not line.startswith(" ")]
    assert blocks == [str(trained / name) for name in ("image", "sentences", "text", "twin")]
    assert set(narrow.split()) >= set(cells(wide, trained / "image"))
    monkeypatch.setenv("COLUMNS", "400")
    assert minibnn("runs", trained)[1] == wide


def test_curves_of_text_are_perplexity(trained, minibnn, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(trained)
    minibnn("compare", "text", "--out", "a.svg")
    assert "Perplexity" in (trained / "a.svg").read_text()
    assert "Accuracy" not in (trained / "a.svg").read_text()
    before = (trained / "text" / "curves.png").read_bytes()
    assert minibnn("plot", "text", "--metrics", "lr,loss")[1] == "The picture: text/curves-lr-loss.png\n"
    assert (trained / "text" / "curves.png").read_bytes() == before
    minibnn("plot", "text", "--out", "b.svg", "--metrics", "accuracy,lr")
    assert "Accuracy" in (trained / "b.svg").read_text()
    assert "Learning rate" in (trained / "b.svg").read_text()
    assert "Loss" not in (trained / "b.svg").read_text()
    assert minibnn("plot", "text")[1] == "The picture: text/curves.png\n"


def test_runs_of_equal_names_go_by_their_folders(trained, minibnn, monkeypatch):
    monkeypatch.chdir(trained.parent)
    (trained.parent / "other").mkdir()
    (trained / "image").rename(trained.parent / "other" / "twin")
    printed = minibnn("compare", "other/twin", "runs/twin")[1]
    assert printed.split()[:2] == ["other/twin", "runs/twin"]


def test_without_matplotlib_there_are_curves_of_text_and_a_note(trained, minibnn, monkeypatch):
    monkeypatch.chdir(trained)
    monkeypatch.setattr("minibnn.training.run_folder.has_matplotlib", lambda: False)
    printed = minibnn("compare", "image", "twin")[1]
    assert "val_accuracy" in printed
    assert "* image" in printed
    assert "o twin" in printed
    assert printed.endswith("For a picture: pip install 'minibnn[plots]' (in a clone: '.[plots]')\n")
    assert not (trained / "compare.png").exists()
    printed = minibnn("plot", "image", "--metrics", "loss,lr")[1]
    assert "val_loss" in printed
    assert "\nlr\n" in printed
    assert max(map(len, printed.splitlines())) <= 80


MISTAKES = {
    "mixed kinds": (["compare", "image", "text"], 1, "image is of pictures and text of text, whose figures are not to"),
    "no run": (["compare", "image", "nowhere"], 1, "there is no folder nowhere; expected the folder of a run"),
    "no epoch": (
        ["compare", "image", "young"],
        1,
        "the run in young has no complete epoch yet, and nothing to compare",
    ),
    "no curve": (["plot", "young"], 1, "the run in young has no complete epoch yet, and nothing to draw"),
    "unknown metric": (["plot", "image", "--metrics", "los"], 1, "there is no 'los'; there are loss, accuracy"),
    "no metric": (["plot", "image", "--metrics", ","], 1, "expected some of loss, accuracy"),
    "metric of another kind": (["plot", "image", "--metrics", "perplexity"], 1, "has the metric 'perplexity'"),
    "no picture": (["compare", "image", "--out", "x.doc"], 1, "expected a suffix of .png, .svg or .pdf"),
    "nothing": (["compare"], 2, "the following arguments are required: RUN"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_one_line(trained, minibnn, monkeypatch, name):
    monkeypatch.chdir(trained)
    (trained / "twin").rename(trained / "young")
    (trained / "young" / "metrics.jsonl").unlink()
    arguments, status, message = MISTAKES[name]
    found, _, err = minibnn(*arguments)
    assert found == status
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err
