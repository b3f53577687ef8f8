"""`minibnn lessons`: list, run and draw, with an exit status and a sentence for each thing gone wrong."""

import signal
import subprocess
import sys
import time

import pytest
from reading.clone import PAGE, run

from minibnn.reading import places


def rewrite(clone, old, new):
    assert old in PAGE
    (clone / "07-the-useful-lie.md").write_text(PAGE.replace(old, new))


def test_the_list_names_the_lessons_and_those_that_run_long(clone, capfd):
    (clone / "08-long.md").write_text("# 8. Long\n\n<!-- long -->\n")
    status, out, _ = run(capfd, "lessons")
    assert status == 0
    assert out.startswith("   7  The useful lie\n   8  Long  (runs for minutes)\n")


def test_a_true_page_runs_with_status_0_from_inside_the_clone(clone, capfd, monkeypatch):
    monkeypatch.chdir(clone / "exercises")
    assert run(capfd, "lessons", "7") == (0, "   7  The useful lie ... true (T s)\n", "")


def test_a_false_page_is_told_with_its_line_and_status_1(clone, capfd):
    rewrite(clone, "print(1 + 1)", "print(1 + 2)")
    (clone / "08-next.md").write_text("# 8. Next\n")
    status, out, _ = run(capfd, "lessons", "all")
    assert status == 1
    assert out.splitlines() == [
        "   7  The useful lie ... 1 difference (T s)",
        "lessons/07-the-useful-lie.md:12: the page shows '2', the code prints '3'",
        "   8  Next ... true (T s)",
        "      Errata ... true (T s)",
        "",
        "1 of 3 pages and what their code does disagree",
    ]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os._exit(3)", ":1: this lesson could not be run to its end: Python ended with status 3"),
        ("import numpy; print(1 + numpy.log(0))", ":8: RuntimeWarning: divide by zero"),
        ("import lesson_08", ":8: ModuleNotFoundError"),
        ("raise KeyboardInterrupt", "could not be run to its end: Python ended with status"),
    ],
)
def test_whatever_a_lesson_does_it_is_told(clone, capfd, code, message):
    rewrite(clone, "print(1 + 1)", code)
    status, out, err = run(capfd, "lessons", "7")
    assert status == 1
    assert message in out
    assert "Traceback" not in out + err


def test_figures_are_drawn_and_compared(clone, capfd):
    pytest.importorskip("matplotlib")
    draw = 'from minibnn.reading import draw\nwith draw("07-a") as axes:\n    axes.plot([1, 2], [3, 4])'
    page = clone / "07-the-useful-lie.md"
    rewrite(clone, "print(1 + 1)\n```\n\n```text\n2\n```", f"{draw}\n```\n\n![A line that rises](figures/07-a.svg)")
    assert "lessons/07-the-useful-lie.md:13: there is no figures/07-a.svg; draw it" in run(capfd, "lessons", "7")[1]
    assert run(capfd, "lessons", "7", "--figures")[0] == 0
    assert run(capfd, "lessons", "7")[0] == 0
    page.write_text(page.read_text().replace("[3, 4]", "[3, 5]"))
    assert "figures/07-a.svg shows other numbers than the code draws" in run(capfd, "lessons", "7")[1]
    page.write_text(page.read_text().replace("![A line", "[A line").replace("07-a.svg", "07-b.svg"))
    assert ":9: the page does not show the figure that is drawn here" in run(capfd, "lessons", "7")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["8"], "there is no lesson '8'; there are 7"),
        (["7", "seven"], "there is no lesson 'seven'"),
        (["--notebook"], "--notebook needs a lesson before it"),
        (["--figures"], "--figures needs lessons to run"),
        (["7", "--source-url", "https://example.org"], "--source-url belongs to --site"),
        (["--site", "lessons"], "lessons holds other files"),
        (["--paper"], "cannot read"),
        (["7", "--notebook", "nowhere/a.ipynb"], "there is no folder 'nowhere'"),
    ],
)
def test_a_mistake_is_told_in_one_line(clone, capfd, arguments, message):
    if "--site" in arguments:
        pytest.importorskip("markdown_it")
    if "--notebook" in arguments:
        pytest.importorskip("jupytext")
    status, _, err = run(capfd, "lessons", *arguments)
    assert status == 1
    assert message in err
    assert err.count("\n") == 1


def test_without_a_clone_it_says_where_the_lessons_are(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(places, "PACKAGE", tmp_path / "site-packages" / "minibnn")
    for command in ("lessons", "check"):
        status, _, err = run(capfd, command)
        assert status == 1
        assert "run this inside the clone" in err


@pytest.mark.parametrize(
    ("library", "arguments", "extra"),
    [("jupytext", ["7", "--notebook"], "notebooks"), ("markdown_it", ["--site", "web"], "site")],
)
def test_a_missing_library_is_told_with_its_extra(clone, capfd, monkeypatch, library, arguments, extra):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, "minibnn.reading.site.rendering", raising=False)
    status, _, err = run(capfd, "lessons", *arguments)
    assert status == 1
    assert f"pip install 'minibnn[{extra}]'" in err


def test_ctrl_c_stops_a_lesson_and_what_it_runs_in(clone):
    rewrite(clone, "print(1 + 1)", "import time; open('began', 'w').close(); time.sleep(60)")
    command = [sys.executable, "-m", "minibnn", "lessons", "7"]
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not (clone.parent / "began").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    import os

    os.killpg(started.pid, signal.SIGINT)
    _, err = started.communicate(timeout=20)
    assert started.returncode == 130
    assert err.strip() == "minibnn: stopped"
