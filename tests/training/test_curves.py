import sys

import numpy as np
import pytest
from training.small_runs import MAKERS, small_image_run, small_text_run, train_new

from minibnn.cli import main
from minibnn.errors import InputError
from minibnn.figures import spread
from minibnn.training import save_comparison, save_curves, text_curve
from minibnn.training.curves import format_bytes


def history(start, end, epochs=5, **more):
    losses = np.linspace(start, end, epochs).tolist()
    return [
        {"epoch": i, "val_loss": x, "train_loss": x - 0.1, "val_accuracy": 0.1 * i, "val_perplexity": 10 * x, **more}
        for i, x in enumerate(losses, start=1)
    ]


@pytest.fixture
def runs():
    return {"one bit": history(2, 1), "32-bit": history(2.2, 1.4, epochs=3)}


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_curves_are_written_in_each_format(runs, tmp_path, suffix, start):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"curves{suffix}"
    save_curves(runs, path, title="Runs")
    assert path.read_bytes().startswith(start)


def test_curves_name_runs_and_metrics(runs, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "curves.svg"
    save_curves(runs, path, title="Two runs", metrics=("loss", "perplexity"))
    drawn = path.read_text()
    for text in ("Two runs", "Loss (nats)", "Perplexity", "one bit", "32-bit", "validation", "training", "epoch"):
        assert f">{text}" in drawn


@pytest.mark.parametrize("epochs", [1, 2])
def test_short_and_unfinished_histories_can_be_drawn(tmp_path, epochs):
    pytest.importorskip("matplotlib")
    save_curves({"a": history(2, 2, epochs, flip_ratio=None), "b": []}, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 5000


def test_a_run_of_one_epoch_is_two_dots_that_can_be_told_apart(tmp_path, monkeypatch):
    """Filled for validation, hollow for training, above the one epoch that there is."""
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **options: (drawn.append(self), path.touch()))
    save_curves({"a": history(2, 2, 1)}, tmp_path / "curves.png", metrics=("loss",))
    axis = drawn[0].axes[0]
    assert list(axis.get_xticks()) == [1]
    assert axis.get_xlim() == (0.5, 1.5)
    fills = [line.get_markerfacecolor() for line in axis.lines]
    assert [line.get_marker() for line in axis.lines] == ["o", "o"]
    assert len(set(fills)) == 2
    bottom, top = axis.get_ylim()
    assert all(bottom < line.get_ydata()[0] < top for line in axis.lines)
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["validation", "training"]


def test_a_dot_is_not_cut_off_where_the_axis_begins_at_0(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **options: (drawn.append(self), path.touch()))
    record = {"epoch": 1, "train_accuracy": 0.0655, "val_accuracy": 0.0636, "flip_ratio": 0.0}
    save_curves({"": [record]}, tmp_path / "curves.png", metrics=("accuracy", "flip_ratio"))
    accuracy, flips = (axis.get_ylim() for axis in drawn[0].axes)
    assert (accuracy[0], flips[0]) == (0, 0)
    assert accuracy[1] > 1.04 * 6.55
    assert flips[1] == 1  # nothing flipped: a line at the bottom


@pytest.mark.parametrize(("count", "grid"), [(1, (1, 1)), (3, (1, 3)), (4, (2, 2)), (5, (2, 3))])
def test_panels_are_at_most_three_side_by_side(tmp_path, monkeypatch, count, grid):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **options: (drawn.append(self), path.touch()))
    metrics = ("loss", "accuracy", "perplexity", "flip_ratio", "lr")[:count]
    save_curves({"a": history(2, 1, flip_ratio=0.1, lr=0.1)}, tmp_path / "curves.png", metrics=metrics)
    assert len(drawn[0].axes) == count
    assert drawn[0].axes[0].get_subplotspec().get_gridspec().get_geometry() == grid


def test_comparison_shows_all_three_panels(runs, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "comparison.svg"
    sizes = {"images": {"one bit": 641_521, "32-bit": 20_528_660}, "text": {"one bit": 1000, "32-bit": 32_000}}
    save_comparison(runs, runs, sizes, path)
    drawn = path.read_text()
    for text in ("one bit  50", "32-bit  14", "20.5 MB", "642 kB", "  32\N{MULTIPLICATION SIGN} smaller", "images"):
        assert text in drawn


def test_what_cannot_be_drawn_is_refused(runs, tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(InputError, match="has the metric 'colour'"):
        save_curves(runs, tmp_path / "curves.png", metrics=("colour",))
    with pytest.raises(InputError, match=r"expected a suffix of \.png, \.svg or \.pdf, got '\.docx'"):
        save_curves(runs, tmp_path / "curves.docx")
    with pytest.raises(InputError, match="there is no folder"):
        save_curves(runs, tmp_path / "missing" / "curves.png")
    with pytest.raises(InputError, match="at least one metric"):
        save_curves(runs, tmp_path / "curves.png", metrics=())
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=r"cannot write .* it is a folder"):
        save_curves(runs, tmp_path / "folder.png")
    with pytest.raises(InputError, match="run 'a': no record has 'val_accuracy'"):
        save_comparison({"a": [{"epoch": 1}]}, runs, {}, tmp_path / "comparison.png")


def test_without_matplotlib_the_error_says_how_to_get_it(runs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        InputError, match=r"^figures need matplotlib: pip install 'minibnn\[plots\]' \(in a clone: '\.\[plots\]'\)$"
    ):
        save_curves(runs, tmp_path / "curves.png")


def test_text_curve_draws_a_falling_line():
    assert text_curve({"one bit": history(2, 1, epochs=10)}, width=10, height=4) == "\n".join(
        [
            "val_loss",
            "2 |**",
            "  |  ***",
            "  |     ***",
            "1 |        **",
            "  +----------",
            "epoch  1       10",
            "* one bit 1",
        ]
    )


def test_text_curve_draws_several_runs_and_flat_ones(runs):
    drawn = text_curve({**runs, "flat": history(1.7, 1.7)}, width=40, height=8)
    assert all(mark in drawn for mark in "*o+")
    assert drawn.splitlines()[-1] == "* one bit 1   o 32-bit 1.4   + flat 1.7"
    assert max(map(len, drawn.splitlines())) < 60
    drawn = text_curve({"a": history(1, 1, epochs=1)}, width=10, height=3)
    assert drawn.splitlines()[1:5] == ["1 |", "  |     *", "1 |", "  +----------"]  # a dot, and no line
    assert drawn.splitlines()[5] == "epoch       1"


def test_text_curve_refuses_what_it_cannot_draw(runs):
    with pytest.raises(InputError, match="'colour'"):
        text_curve(runs, "colour")
    with pytest.raises(InputError, match="width >= 10"):
        text_curve(runs, width=3)


def test_labels_are_spread_around_their_middle():
    assert spread([0.0, 0.5, 1.0], 0.1) == [0.0, 0.5, 1.0]
    assert spread([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
    crowded = spread([0.1, 0.11, 0.12, 0.3, 0.31], 0.1)
    assert (np.diff(crowded) > 0.1 - 1e-9).all()


@pytest.mark.parametrize(
    ("size", "text"), [(5, "5 bytes"), (641_521, "642 kB"), (20_528_660, "20.5 MB"), (2.5e9, "2.5 GB")]
)
def test_sizes_are_written_for_people(size, text):
    assert format_bytes(size) == text


def test_the_key_is_in_the_first_panel_that_has_both_lines(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **options: (drawn.append(self), path.touch()))
    save_curves({"": history(2, 1, lr=0.1)}, tmp_path / "curves.png", metrics=("lr", "loss", "loss"))
    assert [axis.get_legend() is not None for axis in drawn[0].axes] == [False, True, False]


@pytest.mark.parametrize(
    ("make", "titles"),
    [
        (small_image_run, ["Loss (nats)", "Accuracy (%)", "Bits flipped an epoch (%)"]),
        (small_text_run, ["Loss (nats)", "Accuracy (%)", "Perplexity (log scale)", "Bits flipped an epoch (%)"]),
        (MAKERS["image twin with dropout"], ["Loss (nats)", "Accuracy (%)"]),
    ],
)
def test_the_picture_of_a_run_shows_the_flips_of_one_that_has_bits(make, titles, tmp_path, monkeypatch):
    """As it is drawn at the end of training, and by `minibnn plot`: the same panels."""
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **options: (drawn.append(self), path.touch()))
    train_new(make, tmp_path / "run", {"train.epochs": 2})
    assert main(["plot", str(tmp_path / "run")]) == 0
    for figure in drawn:
        assert [axis.get_title("left") for axis in figure.axes] == titles
    assert len(drawn) == 2
