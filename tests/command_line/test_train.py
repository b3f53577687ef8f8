"""`minibnn train`: configurations, going on, and stops, as someone at a terminal meets them."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
import tomllib

import pytest

from minibnn.training import kept_run
from minibnn.training.checkpoints import read_checkpoint, read_weights, saved_steps

IMAGE = ("image", "--per-class", 6, "--classes", 3, "--image-size", 16, "--epochs", 2, "--batch-size", 4)
SMALL = ("--set", "model.widths=8,8,8,8,8", "--set", "model.units=[16,16]", "--set", "train.lr=0.05")
TEXT = ("text", "--vocab-size", 120, "--max-len", 12, "--batch-size", 4, "--set", "model.emb_dim=16")


@pytest.fixture(autouse=True)
def without_curves(monkeypatch):
    monkeypatch.setattr(kept_run, "has_matplotlib", lambda: False)


@pytest.fixture
def articles(tmp_path):
    root = tmp_path / "wiki"
    root.mkdir()
    for split in ("train", "valid"):
        text = " = Bread = \n \n Bread is made of flour . It is baked , or fried ; rye is a flour . \n"
        (root / f"wiki.{split}.raw").write_text(text * 12)
    return root


def config_of(path):
    return tomllib.loads((path / "config.toml").read_text())


def results(path):
    """What must be equal: metrics, bits, and the arrays of the last checkpoint."""
    _, arrays = read_checkpoint(list(saved_steps(path).values())[-1])
    return (
        (path / "metrics.jsonl").read_text(),
        (path / "packed.npz").read_bytes() if (path / "packed.npz").exists() else None,
        {name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()},
    )


def test_what_is_set_wins_over_the_file_and_the_file_over_the_preset(minibnn, tmp_path):
    (tmp_path / "mine.toml").write_text(
        'kind = "image"\npreset = "small"\n[train]\nlr = 0.5\nbatch_size = 7\n[data]\nimage_size = 16\n'
    )
    mine = ("train", "image", "--config", tmp_path / "mine.toml", "--options")
    status, printed, _ = minibnn(*mine, "--lr", "0.25", "--set", "train.epochs=3", "--set", "model.kernel_size=5")
    assert status == 0
    config = tomllib.loads(printed)
    assert (config["preset"], config["data"]["image_size"], config["model"]["kernel_size"]) == ("small", 16, 5)
    assert [config["train"][key] for key in ("lr", "batch_size", "epochs", "warmup_steps")] == [0.25, 7, 3, 20]
    assert tomllib.loads(minibnn(*mine, "--preset", "tiny")[1])["preset"] == "tiny"


def test_options_list_every_option_and_are_a_file_to_begin_with(minibnn, tmp_path):
    for kind in ("image", "text"):
        status, printed, _ = minibnn("train", kind, "--options", "--standard")
        assert status == 0
        assert all(
            "#" in line for line in printed.splitlines() if "=" in line and line.split()[0] not in ("kind", "preset")
        )
        assert max(map(len, printed.splitlines())) < 132
        (tmp_path / "all.toml").write_text(printed)
        assert minibnn("train", kind, "--config", tmp_path / "all.toml", "--options")[1] == printed


def test_the_configuration_of_a_run_trains_the_same_run_again(minibnn, tmp_path):
    assert minibnn("train", *IMAGE, *SMALL, "--set", "train.lr=1e-2", "--out-dir", tmp_path / "a")[0] == 0
    assert config_of(tmp_path / "a")["train"]["lr"] == 0.01
    again = ("train", "image", "--config", tmp_path / "a" / "config.toml", "--out-dir", tmp_path / "b")
    assert minibnn(*again)[0] == 0
    assert results(tmp_path / "a") == results(tmp_path / "b")
    assert config_of(tmp_path / "a") == config_of(tmp_path / "b")


def test_a_short_option_is_a_setting(minibnn, articles):
    text = ("--sentences", "--printed-mask", "--data", articles, "--vocab-size", 130, "--max-len", 9, "--seed", 4)
    config = tomllib.loads(minibnn("train", "text", *text, "--max-steps", 5, "--checkpoint-every", 3, "--options")[1])
    assert (config["seed"], config["model"]["mask_value"], config["model"]["max_len"]) == (4, -1e-10, 9)
    assert config["data"]["sentences"] is True
    assert (config["train"]["max_steps"], config["train"]["checkpoint_every"]) == (5, 3)
    image = ("--standard", "--normalize", "--normalize-over", "example", "--classes", "pizza,sushi", "--per-class", 3)
    config = tomllib.loads(minibnn("train", "image", *image, "--options")[1])
    assert (config["standard"], config["model"]["twin_normalize"]) == (True, True)
    assert (config["model"]["normalize_over"], config["data"]["classes"]) == ("example", ["pizza", "sushi"])


MISTAKES = {
    "unknown key": (["image", "--set", "train.rl=1"], 1, "no option 'train.rl' of image runs; did you mean train.lr?"),
    "no setting": (["image", "--set", "train.lr"], 1, "expected a setting such as train.lr=1e-3, and got 'train.lr'"),
    "no number": (["text", "--set", "train.lr=fast"], 1, "train.lr must be a number above 0, and is 'fast'"),
    "no file": (["text", "--config", "nowhere.toml"], 1, "cannot read nowhere.toml"),
    "other kind": (["text", "--config", "image.toml"], 1, "image.toml is of image runs: minibnn train image --config"),
    "broken file": (["text", "--config", "broken.toml"], 1, "broken.toml: it is damaged, or no TOML"),
    "unknown key in a file": (["image", "--config", "unknown.toml"], 1, "did you mean train.epochs?"),
    "no room to decay": (["image", "--set", "train.decay=exponential"], 1, "give train.floor"),
    "vocabulary of one": (["text", "--vocab-size", "1"], 1, "data.vocab_size must be a whole number of at least 109"),
    "more dishes than there are": (["image", "--classes", "99"], 1, "kinds of drawn dishes, and 99 classes were asked"),
    "resume nothing": (["--resume", "nowhere"], 1, "there is no folder nowhere; expected the folder of a run"),
    "resume a file": (["--resume", "image.toml"], 1, "image.toml is a file; expected the folder of a run"),
    "resume another folder": (["--resume", "."], 1, "holds no run, because it has no config.toml"),
    "resume and more": (["text", "--resume", "x", "--lr", "1"], 1, "with nothing else: minibnn train --resume x"),
    "resume for more epochs": (["--resume", "x", "--epochs", "3"], 1, "the epochs of a run are fixed"),
    "an option before the kind": (["--epochs", "3", "image"], 1, "--epochs stands before 'image'"),
    "a step to go back to": (["--resume", "x", "--from-step", "-1"], 2, "expected a whole number of at least 0"),
    "steps without a run": (["--max-steps", "3"], 1, "--max-steps needs a run to go on with, --resume RUN, or what to"),
    "a step without a run": (["--from-step", "0"], 1, "--from-step needs a run to go on with, --resume RUN"),
    "a step of a new run": (["--from-step", "3", "text"], 1, "--from-step is for --resume"),
    "steps of nothing": (["--resume", "x", "--max-steps", "0"], 2, "expected a whole number of at least 1"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_one_line_and_nothing_is_written(name, minibnn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "image.toml").write_text('kind = "image"\n')
    (tmp_path / "broken.toml").write_text("lr = \n")
    (tmp_path / "unknown.toml").write_text("[train]\nepoch = 1\n")
    arguments, expected, message = MISTAKES[name]
    status, _, err = minibnn("train", *arguments)
    assert status == expected
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["model.num_heads=3"], "model.num_heads must divide model.emb_dim, and 3 does not divide 128: take 2 or 4"),
        (["model.emb_dim=6"], "model.num_heads must divide model.emb_dim, and 4 does not divide 6: take 3 or 6"),
        (["model.emb_dim=7", "model.num_heads=9"], "and 9 does not divide 7: take 7"),
    ],
)
@pytest.mark.parametrize("extra", [(), ("--standard",)])
def test_heads_that_do_not_divide_the_width_are_refused_before_data_are_read(
    settings, told, extra, minibnn, tmp_path, monkeypatch
):
    monkeypatch.setattr("minibnn.training.run_data.run_of", lambda *a, **o: pytest.fail("data were read"))
    monkeypatch.chdir(tmp_path)
    chosen = [word for setting in settings for word in ("--set", setting)]
    status, _, err = minibnn("train", "text", *chosen, *extra)
    assert (status, err.count("\n"), told in err) == (1, 1, True), err
    status, _, err = minibnn("sweep", "text/tiny", "--vary", "model.num_heads=4,3", "--seeds", 2)
    assert (status, "and 3 does not divide 128: take 2 or 4" in err) == (1, True), err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("extra", [(), ("--standard",), ("--sentences",)])
def test_a_run_of_fewer_steps_goes_on_to_what_more_would_have_given(extra, minibnn, tmp_path, articles, monkeypatch):
    """Started with a relative path, gone on with from another folder."""
    monkeypatch.chdir(articles.parent)
    command = ("train", *TEXT, *extra, "--data", "wiki", "--checkpoint-every", 4, "--out-dir")
    assert minibnn(*command, tmp_path / "whole", "--max-steps", 13)[0] == 0
    assert minibnn(*command, tmp_path / "run", "--max-steps", 7)[0] == 0
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    status, printed, err = minibnn("train", "--resume", tmp_path / "run", "--max-steps", 13)
    assert (status, "going on from step 7 of 13" in printed) == (0, True), err
    assert results(tmp_path / "run")[::2] == results(tmp_path / "whole")[::2]
    assert config_of(tmp_path / "run") == config_of(tmp_path / "whole")
    before = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    status, _, err = minibnn("train", "--resume", tmp_path / "run", "--max-steps", 12)
    assert (status, "the run is at step 13 already" in err) == (1, True)
    status, printed, _ = minibnn("train", "--resume", tmp_path / "run")
    assert (status, "is finished (13 steps, " in printed, "--max-steps N" in printed) == (0, True, True)
    assert {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()} == before


def test_what_the_error_of_a_damaged_checkpoint_says_leads_to_the_end_of_the_unbroken_run(minibnn, tmp_path, articles):
    command = ("train", *TEXT, "--data", articles, "--max-steps", 6, "--checkpoint-every", 2, "--out-dir")
    for name in ("run", "whole"):
        assert minibnn(*command, tmp_path / name)[0] == 0
    last = saved_steps(tmp_path / "run")[6]
    last.write_bytes(last.read_bytes()[:-9])
    status, _, err = minibnn("train", "--resume", tmp_path / "run")
    assert (status, err.count("\n"), str(last) in err) == (1, 1, True)
    way = re.search(r": minibnn (train --resume \S+ --from-step \d+) \(", err)[1]
    status, printed, err = minibnn(*way.split())
    assert (status, "going on from step 4 of 6" in printed) == (0, True), err
    assert results(tmp_path / "run") == results(tmp_path / "whole")


def test_going_on_with_other_data_is_refused(minibnn, tmp_path, articles):
    assert minibnn("train", *TEXT, "--data", articles, "--max-steps", 3, "--out-dir", tmp_path / "run")[0] == 0
    path = articles / "wiki.train.raw"
    path.write_text(path.read_text() + " Bread is bread . \n" * 9)
    status, _, err = minibnn("train", "--resume", tmp_path / "run")
    assert status == 1
    assert "training examples are not those that it was trained on" in err.splitlines()[-1]
    vocabulary = (tmp_path / "run" / "vocab.txt").read_text()
    (tmp_path / "run" / "vocab.txt").write_text(vocabulary.replace("\nbread\n", "\nbroad\n"))
    assert minibnn("train", "--resume", tmp_path / "run")[0] == 1


def test_a_run_whose_data_moved_goes_on_with_them(minibnn, tmp_path, articles):
    assert minibnn("train", *TEXT, "--data", articles, "--max-steps", 3, "--out-dir", tmp_path / "run")[0] == 0
    moved = articles.rename(tmp_path / "moved")
    status, _, err = minibnn("train", "--resume", tmp_path / "run", "--max-steps", 5)
    assert (status, f"there is no folder {articles}" in err, "--data DIR" in err) == (1, True, True)
    assert minibnn("train", "--resume", tmp_path / "run", "--max-steps", 5, "--data", moved)[0] == 0
    assert config_of(tmp_path / "run")["data"]["folder"] == str(moved)


def test_a_folder_that_cannot_take_a_run_is_refused_before_data_are_read(minibnn, tmp_path, monkeypatch):
    monkeypatch.setattr("minibnn.training.run_data.run_of", lambda *a, **o: pytest.fail("data were read"))
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "config.toml").touch()
    for folder, told in (("runs", "holds runs: choose"), ("runs/a", "already holds a run")):
        status, _, err = minibnn("train", "image", "--out-dir", tmp_path / folder)
        assert (status, told in err) == (1, True)


def test_a_twin_with_the_learning_rate_of_a_file_is_noted(minibnn, tmp_path):
    (tmp_path / "photos.toml").write_text(minibnn("train", "image", "--options", "--lr", "0.0003")[1])
    twin = ("train", "image", "--config", tmp_path / "photos.toml", "--options", "--standard")
    assert f"lr 0.0003 is from {tmp_path / 'photos.toml'}; the preset's twin has 0.001" in minibnn(*twin)[2]
    for quiet in ((*twin, "--lr", "0.002"), twin[:-1], (*twin[:3], *twin[3:], "--set", "train.lr=0.1")):
        assert minibnn(*quiet)[2] == ""


def started(*arguments, **options):
    """`minibnn ARGUMENTS` as a process of its own."""
    command = [sys.executable, "-m", "minibnn", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=os.environ | {"MPLBACKEND": "agg"}, **(pipes | options))


def wait_for(condition, process):
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["image", "text"])
def test_ctrl_c_and_kill_and_going_on_end_as_the_unbroken_run(kind, minibnn, tmp_path):
    """Real processes, stopped where it happens; the first by Ctrl-C, the second by SIGKILL."""
    arguments = (*IMAGE, *SMALL, "--set", "train.epochs=60") if kind == "image" else (*TEXT, "--max-steps", 300)
    arguments = ("train", *arguments, "--checkpoint-every", 20, "--out-dir")
    path = tmp_path / "run"
    process = started(*arguments, path)
    wait_for(lambda: max(saved_steps(path), default=0) >= 20, process)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 20  # on a busy machine
    assert process.returncode == 130, err
    last = err.splitlines()[-1]
    step = int(
        re.fullmatch(rf"minibnn: stopped at step (\d+) of 300; go on with: minibnn train --resume {path}", last)[1]
    )
    assert max(saved_steps(path)) == step
    process = started("train", "--resume", path)
    wait_for(lambda: max(saved_steps(path)) >= step + 40, process)
    process.kill()
    process.communicate()
    status, _, err = minibnn("train", "--resume", path)
    assert status == 0, err
    assert "Traceback" not in err
    assert minibnn(*arguments, tmp_path / "whole")[0] == 0
    assert not list(path.rglob(".*"))
    assert results(path)[0] == results(tmp_path / "whole")[0]
    assert "numbers may differ" not in err
    assert results(path) == results(tmp_path / "whole")


def test_ctrl_c_before_the_first_step_leaves_a_run_that_can_go_on(minibnn, tmp_path, monkeypatch):
    def fit(run, **options):
        raise KeyboardInterrupt

    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("minibnn.training.runs.Run.fit", fit)
        status, printed, err = minibnn("train", *IMAGE, *SMALL, "--out-dir", path)
    assert (status, err.splitlines()[-1]) == (
        130,
        f"minibnn: stopped at step 0 of 10; go on with: minibnn train --resume {path}",
    )
    status, printed, _ = minibnn("train", "--resume", path)
    assert (status, "going on from step 0 of 10" in printed) == (0, True)


@pytest.mark.parametrize("where", ["_draw", "_report"])
def test_ctrl_c_at_the_end_still_leaves_everything(where, minibnn, tmp_path, monkeypatch):
    plain = getattr(kept_run.KeptRun, where)

    def pressed(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        plain(*arguments)
        (tmp_path / "done").touch()

    monkeypatch.setattr(kept_run.KeptRun, where, pressed)
    status, _, err = minibnn("train", *IMAGE, *SMALL, "--out-dir", tmp_path / "run")
    assert (status, (tmp_path / "done").exists()) == (130, True)
    assert "stopped at step " in err.splitlines()[-1]


def test_a_run_whose_output_nobody_reads_does_not_block_the_next_one(minibnn, tmp_path):
    process = started("train", *IMAGE, *SMALL, "--out-dir", tmp_path / "run")
    process.stdout.close()
    assert "because nothing reads the output" in process.stderr.read()
    assert process.wait() == 1
    process.stderr.close()
    assert not (tmp_path / "run").exists()


def test_two_processes_cannot_train_the_same_run(minibnn, tmp_path):
    path = tmp_path / "run"
    process = started("train", *IMAGE, "--epochs", 500, "--checkpoint-every", 1, "--out-dir", path)
    try:
        wait_for(lambda: saved_steps(path), process)
        status, _, err = minibnn("train", "--resume", path)
        assert status == 1
        assert err.splitlines()[-1].startswith("minibnn: error: another process is training the run in ")
    finally:
        process.kill()
        process.communicate()
    assert minibnn("train", "--resume", path, "--max-steps", max(saved_steps(path)) + 2)[0] == 0


def test_options_change_what_is_trained(minibnn, tmp_path):
    """Each of them on the command line, down to the weights."""
    weights = {}
    for setting in (
        "seed=0",
        "seed=1",
        "model.threshold=zero",
        "model.epsilon=0.1",
        "model.normalize=false",
        "model.bias=false",
        "model.normalize_over=example",
        "data.flips=false",
        "train.optimizer=adamw",
        "train.decay=linear",
        "train.floor=0.01",
        "train.lr=0.02",
        "train.warmup_steps=0",
        "train.beta1=0.5",
    ):
        path = tmp_path / setting
        more = ("--set", "train.warmup_steps=3", "--set", setting, "--set", "train.batch_size=5")
        status, _, err = minibnn("train", *IMAGE, *SMALL, *more, "--out-dir", path)
        assert status == 0, err
        weights[setting] = b"".join(array.tobytes() for array in read_weights(max(saved_steps(path).values())).values())
    equal = [pair for pair in itertools.combinations(weights, 2) if weights[pair[0]] == weights[pair[1]]]
    assert equal == []
