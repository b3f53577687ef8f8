"""The folder that keeps a run: what is in it, and the same model out of it again; one sentence for each damage."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from training.small_runs import (
    WORDPIECE,
    image_config,
    resume,
    small_image_run,
    small_text_run,
    train_new,
)

from minibnn.errors import InputError
from minibnn.models import BLM
from minibnn.training import kept_run
from minibnn.training.checkpoints import saved_steps
from minibnn.training.run_folder import (
    RunFolder,
    check_is_free,
    find_checkpoint,
    free_folder,
    load_run,
    new_folder,
    remove_drafts,
)

PICTURES = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
IDS = np.array([[4, 5, 6, 7], [8, 9, 10, 11]])


@pytest.fixture(autouse=True, scope="module")
def without_curves():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_run, "has_matplotlib", lambda: False)
        yield


def logits(model):
    model.trainable = False
    return model.logits(IDS if isinstance(model, BLM) else PICTURES).data


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"standard": True},
        {"standard": True, "model.twin_normalize": True},
        {"standard": True, "model.twin_dropout": (0.1, 0.2)},
        {"model.normalize_over": "example", "model.threshold": "zero", "model.bias": False},
    ],
    ids=str,
)
def test_an_image_run_is_read_again(tmp_path, changes):
    run = train_new(small_image_run, tmp_path / "run", changes).run
    loaded = load_run(tmp_path / "run", "last")
    assert type(loaded.model) is type(run.model)
    assert loaded.model.trainable
    np.testing.assert_array_equal(logits(loaded.model), logits(run.model))
    assert (loaded.kind, loaded.class_names, loaded.wordpiece) == ("image", ("pie", "soup", "stew"), None)
    assert (loaded.config, loaded.preset) == (run.config, run.config.as_preset())
    assert (loaded.step, loaded.epoch) == (12, 4)
    assert getattr(loaded.model, "normalize", None) == getattr(run.model, "normalize", None)
    assert getattr(loaded.model.fc1, "dropout", None) == getattr(run.model.fc1, "dropout", None)


@pytest.mark.parametrize("changes", [{}, {"standard": True}, {"model.mask_value": -1e-10}], ids=str)
def test_a_text_run_is_read_again(tmp_path, changes):
    run = train_new(small_text_run, tmp_path / "run", changes).run
    loaded = load_run(str(tmp_path / "run"), "last")
    assert type(loaded.model) is type(run.model)
    np.testing.assert_array_equal(logits(loaded.model), logits(run.model))
    assert (loaded.kind, loaded.class_names, loaded.wordpiece.tokens) == ("text", None, WORDPIECE.tokens)
    assert loaded.config == run.config
    assert loaded.model.hides_later_tokens == ("model.mask_value" not in changes)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder of each kind, made once."""
    root = tmp_path_factory.mktemp("kept")
    train_new(small_image_run, root / "image")
    train_new(small_text_run, root / "text")
    return root


def test_which_checkpoint_is_read(kept, tmp_path):
    best, last = (load_run(kept / "text", which) for which in ("best", "last"))
    assert best.checkpoint.name == "best.npz"
    assert set(best.figures) == {"loss", "accuracy", "perplexity"}
    assert (last.checkpoint.name, last.step, last.figures) == ("step-00000012.npz", 12, {})
    assert load_run(kept / "text", 10).step == 10
    assert load_run(kept / "text", str(saved_steps(kept / "text")[10])).step == 10
    with pytest.raises(InputError, match="has no checkpoint of step 11; it has 10, 12"):
        find_checkpoint(kept / "text", 11)
    with pytest.raises(InputError, match="there is no checkpoint bset; give 'best', 'last', a step, or the path"):
        find_checkpoint(kept / "text", "bset")
    path = shutil.copytree(kept / "text", tmp_path / "run")
    (path / "checkpoints" / "best.npz").unlink()
    assert load_run(path).step == 12
    with pytest.raises(InputError, match="does not name the classes; is it of a text run"):
        load_run(kept / "image", kept / "text" / "checkpoints" / "best.npz")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "text"', 'kind = "sound"', "kind must be 'image' or 'text', and is 'sound'"),
        ('kind = "text"', "", "it does not say its kind"),
        ("standard = false", "standard = 0", "standard must be true or false, and is 0"),
        ("emb_dim = 8", "emb_dmi = 8", "there is no option 'model.emb_dmi' of text runs; did you mean model.emb_dim?"),
        ("emb_dim = 8", 'emb_dim = "8"', "model.emb_dim must be a whole number .* and is '8'"),
        ("num_heads = 2", "num_heads = 3", "and 3 does not divide 8: take 2 or 4"),
        ("emb_dim = 8", "emb_dim = ", "it is damaged, or no TOML"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_told_by_name(kept, tmp_path, old, new, message):
    path = shutil.copytree(kept / "text", tmp_path / "run") / "config.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=f"config.toml: .*{message}"):
        load_run(path.parent)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("checkpoints/best.npz", b"PK\x03\x04 rest", "best.npz': it is cut short"),
        ("vocab.txt", None, "cannot read the vocabulary .*vocab.txt"),
        ("vocab.txt", b"[PAD]\n[UNK]\na\n", "best.npz': parameter 'embed.tokens.W'"),
        ("config.toml", None, "holds no run, because it has no config.toml"),
    ],
)
def test_a_file_that_is_missing_or_damaged_is_named(kept, tmp_path, name, content, message):
    path = shutil.copytree(kept / "text", tmp_path / "run")
    (path / name).unlink()
    if content is not None:
        (path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_run(path)


def test_another_size_than_that_of_the_weights_is_refused(kept, tmp_path):
    path = shutil.copytree(kept / "text", tmp_path / "run") / "config.toml"
    path.write_text(path.read_text().replace("mlp_units = [8, 8]", "mlp_units = [8, 9]"))
    with pytest.raises(InputError, match=r"best.npz': parameter 'mlp2.W' .*build the model with the saved"):
        load_run(path.parent)


def test_what_is_no_folder_of_a_run_is_refused_and_runs_in_it_are_named(kept):
    with pytest.raises(InputError, match=r"there is no folder .*nowhere; expected the folder of a run"):
        load_run(kept / "nowhere")
    with pytest.raises(InputError, match=r"config.toml is a file; expected the folder of a run"):
        load_run(kept / "text" / "config.toml")
    with pytest.raises(InputError, match=r"holds no run.*; there are runs in it: .*image, .*text"):
        load_run(kept)


def test_a_run_without_a_checkpoint_has_no_model_yet_but_can_go_on(tmp_path):
    RunFolder.create(tmp_path / "run", small_text_run()).close()
    with pytest.raises(
        InputError, match=r"has no checkpoint, as when it stopped before its first: minibnn train --res"
    ):
        load_run(tmp_path / "run")
    assert resume(small_text_run, tmp_path / "run").run.state.step == 12


def test_a_run_folder_keeps_what_is_needed_to_repeat_the_run(tmp_path):
    path = tmp_path / "runs" / "first"
    train_new(small_image_run, path, {"seed": 3})
    names = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}
    checkpoints = {f"checkpoints/{name}.npz" for name in ("best", "step-00000010", "step-00000012")}
    assert names == {"config.toml", "about.json", "metrics.jsonl", "times.jsonl", "packed.npz"} | checkpoints
    about = json.loads((path / "about.json").read_text())
    assert {
        "minibnn",
        "numpy",
        "numba",
        "python",
        "threads",
        "kernels",
        "started",
        "parameters",
        "data",
    } == about.keys()
    assert about["data"]["class_names"] == ["pie", "soup", "stew"]
    assert load_run(path).config == image_config({"seed": 3})
    records = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2, 3, 4]
    assert not {"seconds", "examples_per_second"} & set(records[0])


def test_a_twin_has_nothing_to_pack(tmp_path):
    train_new(small_text_run, tmp_path / "run", {"standard": True})
    assert not (tmp_path / "run" / "packed.npz").exists()


def test_a_folder_with_a_run_is_refused_and_left_alone(kept, tmp_path):
    path = shutil.copytree(kept / "image", tmp_path / "run")
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    with pytest.raises(
        InputError, match=r"already holds a run; go on with it \(minibnn train --resume .*\), or choose"
    ):
        RunFolder.create(path, small_image_run())
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


def test_a_folder_of_runs_is_refused_and_nothing_is_made(kept, tmp_path):
    with pytest.raises(InputError, match=r"holds runs: choose a new folder in it, such as .*NAME"):
        check_is_free(kept)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write to the folder .*below: .*file is a file"):
        check_is_free(tmp_path / "file" / "below")
    check_is_free(tmp_path / "new" / "run")
    assert not (tmp_path / "new").exists()


def test_drafts_of_processes_that_are_gone_are_removed(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / "checkpoints").mkdir()
    names = {pid: f"checkpoints/.step-00000001.npz.{pid}.tmp" for pid in (gone.pid, os.getppid())}
    others = [".curves.png.notes.tmp", ".tmp", "notes.1.tmp"]
    for name in [*names.values(), *others, f".config.toml.{gone.pid}.tmp", f".{gone.pid}.tmp"]:
        (tmp_path / name).touch()
    remove_drafts(tmp_path)
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {names[os.getppid()], *others}


def test_a_new_folder_is_made_with_its_parents_and_left_empty(tmp_path):
    path = new_folder(str(tmp_path / "a" / "b"))
    assert path == new_folder(path) == tmp_path / "a" / "b"
    assert list(path.iterdir()) == []
    (path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write to the folder .*file"):
        new_folder(path / "file" / "below")


def test_a_free_folder_gets_the_next_number(tmp_path):
    found = []
    for _ in range(3):
        found.append(free_folder(tmp_path / "run"))
        found[-1].mkdir()
    assert [path.name for path in found] == ["run", "run-2", "run-3"]
