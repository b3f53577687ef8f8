"""Going on from the checkpoint before the last, as where the last is damaged: the end is that of an unbroken run."""

import os
import shutil

import pytest
from training.small_runs import contents, resume, small_image_run, train_new

from minibnn.errors import InputError
from minibnn.training import kept_run
from minibnn.training.checkpoints import saved_steps


@pytest.fixture(autouse=True, scope="module")
def without_curves():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(kept_run, "has_matplotlib", lambda: False)
        yield


@pytest.fixture(scope="module")
def kept(tmp_path_factory, without_curves):
    """The folder of a finished run of 12 steps, with checkpoints of the steps 10 and 12; an epoch is 3 steps."""
    path = tmp_path_factory.mktemp("kept") / "run"
    train_new(small_image_run, path)
    return path


def interrupted_after(step):
    """A `before` that presses Ctrl-C once that step is done."""

    def plant(kept):
        plain = kept._after_step

        def after_step(state):
            plain(state)
            if state.step == step:
                raise KeyboardInterrupt

        kept._after_step = after_step

    return plant


def damage(path):
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)


def files_of(path):
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_damaged_last_checkpoint_is_refused_and_the_way_on_leads_to_the_same_end(kept, tmp_path):
    path = shutil.copytree(kept, tmp_path / "run")
    damage(saved_steps(path)[12])
    before = files_of(path)
    told = r"step-00000012.npz': it is damaged.*; to go on from step 10: minibnn train --resume \S+/run --from-step 10 "
    with pytest.raises(InputError, match=rf"^[^\n]*{told}\(removes step-00000012.npz, [^\n]* again\)$"):
        resume(small_image_run, path)
    assert files_of(path) == before
    with pytest.raises(KeyboardInterrupt):  # stopped again before it comes that far
        resume(small_image_run, path, before=interrupted_after(11), from_step=10)
    assert list(saved_steps(path)) == [10, 11]
    resume(small_image_run, path)
    assert contents(path) == contents(kept)


def test_where_all_checkpoints_are_damaged_the_run_can_begin_anew(kept, tmp_path):
    path = shutil.copytree(kept, tmp_path / "run")
    for file in saved_steps(path).values():
        damage(file)
    told = r"from its beginning: .* --from-step 0 .removes step-00000010.npz, step-00000012.npz, "
    with pytest.raises(InputError, match=rf"step-00000010.npz': it is damaged.* {told}"):
        resume(small_image_run, path, from_step=10)
    resume(small_image_run, path, from_step=0)
    assert contents(path) == contents(kept)


def test_going_back_is_refused_before_a_file_is_touched(kept, tmp_path):
    path = shutil.copytree(kept, tmp_path / "run")
    with pytest.raises(InputError, match=r"has no checkpoint of step 9; it has 10, 12$"):
        resume(small_image_run, path, from_step=9)
    (path / "metrics.jsonl").write_text("")
    before = files_of(path)
    with pytest.raises(InputError, match="does not hold the records"):
        resume(small_image_run, path, from_step=10)
    assert files_of(path) == before


def test_one_may_go_back_from_a_checkpoint_that_is_whole(kept, tmp_path):
    path = shutil.copytree(kept, tmp_path / "run")
    assert not resume(small_image_run, path, from_step=10).finished
    assert contents(path) == contents(kept)
    assert resume(small_image_run, path, from_step=12).finished
