"""Checkpoints: what is written is read again; what was changed, cut, or made by someone else is refused in one line."""

import dataclasses
import errno
import hashlib
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from training.small_runs import resume, small_image_run, train_new

from minibnn import archive
from minibnn.errors import InputError, InputTypeError
from minibnn.layers import BNFCL, ShapesOnly
from minibnn.training import checkpoints, kept_run, load_weights, read_weights, save_weights
from minibnn.training.checkpoints import read_checkpoint, saved_steps, write_checkpoint


def snapshot(model):
    return {name: tensor.data.copy() for name, tensor in model.named_parameters()}


def test_round_trip_is_exact_and_in_place(make_classifier, tmp_path):
    saved, other = make_classifier(seed=1), make_classifier(seed=2)
    array = other.W.data
    path = tmp_path / "weights"  # no suffix is added
    save_weights(saved, path)
    load_weights(other, path)
    assert other.W.data is array
    np.testing.assert_array_equal(other.W.data, saved.W.data)
    assert os.listdir(tmp_path) == ["weights"]


def test_a_failed_write_leaves_the_old_file_and_no_draft(classifier, tmp_path, monkeypatch):
    path = tmp_path / "weights.npz"
    save_weights(classifier, path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    classifier.W.data += 1
    with pytest.raises(OSError, match="no space"):
        save_weights(classifier, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["weights.npz"]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[180] ^= 0xFF
    path.write_bytes(content)


def one_array_alone(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        flip_a_byte,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("not weights at all"),
        lambda path: path.write_bytes(pickle.dumps({"W": 1})),
        one_array_alone,
        lambda path: np.savez(path, W=np.array([{}], dtype=object)),
    ],
    ids=["truncated", "flipped", "empty", "text", "pickle", "npy", "objects"],
)
def test_a_damaged_file_is_refused_and_the_model_stays(classifier, tmp_path, damage):
    path = tmp_path / "weights.npz"
    save_weights(classifier, path)
    damage(path)
    before = snapshot(classifier)
    with pytest.raises(InputError, match=r"^cannot use '.*weights\.npz': it [^\n]*(again|take another)"):
        load_weights(classifier, path)
    after = snapshot(classifier)
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"W": np.zeros((6, 4), np.float32)}, "lacks 1 of the model's parameters, the first is 'b'"),
        ({"W": 0, "b": 0, "c": 0}, "has 1 parameters the model lacks, the first is 'c'"),
        (
            {"W": np.zeros((6, 4), np.float32), "b": np.zeros(5, np.float32)},
            r"'b' of the model is float32 of shape \(4,\), in the file it is float32 of shape \(5,\)",
        ),
        ({"W": np.zeros((6, 4)), "b": np.zeros(4, np.float32)}, "'W' of the model is float32 .* it is float64"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_the_model_stays(classifier, tmp_path, arrays, message):
    write_checkpoint(tmp_path / "weights.npz", {}, {f"model.{k}": np.asarray(v) for k, v in arrays.items()})
    before = snapshot(classifier)
    with pytest.raises(InputError, match=message):
        load_weights(classifier, tmp_path / "weights.npz")
    after = snapshot(classifier)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_missing_file_and_folder(classifier, tmp_path):
    with pytest.raises(InputError, match="No such file or directory; check the path"):
        load_weights(classifier, tmp_path / "weights.npz")
    with pytest.raises(InputError, match="there is no folder"):
        save_weights(classifier, tmp_path / "missing" / "weights.npz")


def test_weights_cannot_go_to_a_folder_or_come_from_one(classifier, tmp_path):
    with pytest.raises(InputError, match=r"cannot write .* it is a folder"):
        save_weights(classifier, tmp_path)
    with pytest.raises(InputError, match="it is a folder or a device, not a file; give the path of a checkpoint"):
        load_weights(classifier, tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_folder_closed_to_us_is_refused(classifier, tmp_path, monkeypatch):
    def closed(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", closed)
    with pytest.raises(InputError, match=r"cannot write .*weights\.npz': Permission denied"):
        save_weights(classifier, tmp_path / "weights.npz")
    assert os.listdir(tmp_path) == []


def test_a_model_of_shapes_only_cannot_hold_weights(tmp_path):
    save_weights(BNFCL(3, 2), tmp_path / "weights.npz")
    with pytest.raises(InputError, match="parameter 'W' of the model is read-only"):
        load_weights(BNFCL(3, 2, rng=ShapesOnly()), tmp_path / "weights.npz")


HEADER = {"step": 7, "name": "Crème brûlée", "numbers": [1.5, None, True]}
ARRAYS = {
    "model.W": np.arange(12, dtype=np.float32).reshape(3, 4),
    "model.b": np.zeros(0, np.float32),
    "optimizer.lr": np.array(0.1),
    "optimizer.steps": np.arange(5),
    "flips.0": np.arange(9, dtype=np.uint8),
}


def test_header_and_arrays_come_back_with_their_dtypes(tmp_path):
    path = tmp_path / "a.npz"
    write_checkpoint(path, HEADER, ARRAYS)
    header, arrays = read_checkpoint(path)
    assert header == HEADER
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(arrays[name], array)
    assert list(read_weights(path)) == ["W", "b"]
    assert os.listdir(tmp_path) == ["a.npz"]


def test_numpy_alone_reads_it_and_the_digests_are_in_it(tmp_path):
    write_checkpoint(tmp_path / "a.npz", HEADER, ARRAYS)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        header = json.loads(stored["header"].tobytes())
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(stored[name], array)
            digest = hashlib.sha256(array.tobytes()).hexdigest()
            assert header["arrays"][name] == {"dtype": array.dtype.name, "shape": list(array.shape), "sha256": digest}


def test_equal_content_gives_equal_bytes_also_from_views(tmp_path):
    write_checkpoint(tmp_path / "a.npz", HEADER, ARRAYS)
    views = {name: array.copy(order="F") for name, array in ARRAYS.items()}
    write_checkpoint(tmp_path / "b.npz", HEADER, views)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    ("header", "arrays", "error", "message"),
    [
        ({}, {"a/b": np.zeros(1)}, InputError, "cannot hold an array named 'a/b'"),
        ({}, {"a": np.zeros(1, complex)}, InputTypeError, "an array of complex128; convert it"),
        ({}, {"a": np.array([{}])}, InputTypeError, "an array of object"),
        ({"loss": float("nan")}, {}, InputError, "must be what JSON can hold"),
        ({"version": 2}, {}, InputError, "already has its own 'version'"),
        ({}, {"a": np.broadcast_to(np.float32(0), 2**30)}, InputError, "at most 4 GB, and this model needs 4.3"),
    ],
)
def test_what_a_checkpoint_cannot_hold_is_not_written(header, arrays, error, message, tmp_path):
    with pytest.raises(error, match=message):
        write_checkpoint(tmp_path / "a.npz", header, arrays)
    assert os.listdir(tmp_path) == []


W = ARRAYS["model.W"]
ENTRY = {"dtype": "float32", "shape": [3, 4]}


@pytest.mark.parametrize(
    ("entry", "array", "kind", "message"),
    [
        ({"dtype": "float16"}, W, {}, "gives array 'model.W' the dtype 'float16'"),
        ({"dtype": "object"}, W, {}, "the dtype 'object'"),
        ({"dtype": ["float32"]}, W, {}, "the dtype .'float32'."),
        ({"more": 1}, W, {}, "does not give dtype, shape and sha256 of array 'model.W', and no more"),
        ({"shape": [3, 9]}, W, {}, "too few or many for its shape"),
        ({"shape": [4, 3]}, W, {}, "'model.W' should be float32 of shape .4, 3. in C order"),
        ({"shape": [-3, -4]}, W, {}, "the shape .-3, -4."),
        ({"shape": [2**30, 2**30]}, W, {}, "the shape"),
        ({"shape": [1] * 40}, W, {}, "the shape"),
        ({"shape": 12}, W, {}, "the shape 12"),
        ({"shape": [3.0, 4.0]}, W, {}, "the shape .3.0, 4.0."),
        ({}, W.view(np.int32), {}, "'model.W' should be float32 of shape .3, 4."),
        ({}, W, {"version": 7}, "newer minibnn .version 7 of the format, this minibnn reads 1.; update minibnn"),
        ({}, W, {"name": "minibnn checkpoinz"}, "does not say that it is a minibnn checkpoint"),
    ],
)
def test_a_checkpoint_that_lies_on_purpose_is_refused(entry, array, kind, message, tmp_path):
    """Every checksum is right."""
    path = tmp_path / "a.npz"
    forged = dataclasses.replace(checkpoints.FORMAT, **kind)
    archive.write_archive(path, forged, {}, {"model.W": (ENTRY | entry, lambda: array)})
    with pytest.raises(InputError, match=f"^cannot use [^\n]*{message}[^\n]*$"):
        read_checkpoint(path)


def test_a_packed_model_is_no_checkpoint(tmp_path):
    from minibnn.bits import pack, save_packed

    save_packed(pack(BNFCL(3, 2)), tmp_path / "packed.npz")
    with pytest.raises(InputError, match="does not say that it is a minibnn checkpoint"):
        read_checkpoint(tmp_path / "packed.npz")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The folder of a finished run."""
    path = tmp_path_factory.mktemp("kept") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_run, "has_matplotlib", lambda: False)
        train_new(small_image_run, path)
    return path


def damages(content, count, rng):
    """`count` copies, each with a bit flipped or its end cut off."""
    for _ in range(count):
        if rng.random() < 0.5:
            yield content[: rng.integers(len(content))]
        else:
            damaged = bytearray(content)
            damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
            yield bytes(damaged)


def all_are_refused(kept, tmp_path, count):
    path, rng = tmp_path / "damaged.npz", np.random.default_rng(count)
    whole = saved_steps(kept)[12].read_bytes()
    for content in damages(whole, count, rng):
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_checkpoint(path)
        assert type(caught.value) is InputError
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


def test_300_bit_flips_and_truncations_are_refused(kept, tmp_path):
    all_are_refused(kept, tmp_path, 300)


@pytest.mark.slow
def test_10_000_bit_flips_and_truncations_are_refused(kept, tmp_path):
    all_are_refused(kept, tmp_path, 10_000)


def fill_the_disk(monkeypatch, name):
    """From now on forcing a file to the disk whose name holds `name` fails."""
    plain = os.fsync

    def fsync(descriptor):
        if name in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("name", ["step-00000006", "best", "packed", "metrics"])
def test_a_full_disk_stops_the_run_with_one_line_and_keeps_the_last_checkpoint(name, kept, tmp_path, monkeypatch):
    path = tmp_path / "run"
    fill_the_disk(monkeypatch, name)
    with pytest.raises(
        InputError, match=r"^the run cannot be kept any more \(.*No space left on device\); its last [^\n]*$"
    ):
        train_new(small_image_run, path)
    assert list(saved_steps(path)) == ([2, 4] if name.startswith("step") else [2])
    for file in saved_steps(path).values():
        read_checkpoint(file)
    assert not list(path.rglob("*.tmp"))
    monkeypatch.undo()
    monkeypatch.setattr(kept_run, "has_matplotlib", lambda: False)
    resume(small_image_run, path)
    assert saved_steps(path)[12].read_bytes() == saved_steps(kept)[12].read_bytes()
    assert (path / "metrics.jsonl").read_bytes() == (kept / "metrics.jsonl").read_bytes()


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EIO])
def test_a_folder_that_becomes_read_only_stops_the_run_with_one_line(code, tmp_path, monkeypatch):
    path, plain = tmp_path / "run", os.replace

    def replace(source, destination):
        if "step-00000004" in str(destination):
            raise OSError(code, os.strerror(code), str(destination))
        plain(source, destination)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(InputError, match=rf"cannot be kept any more \(.*{os.strerror(code)}.*minibnn train --resume"):
        train_new(small_image_run, path)
    assert list(saved_steps(path)) == [2]
    assert not list(path.rglob("*.tmp"))


def test_a_file_that_may_not_grow_is_told_of_and_nothing_is_left(tmp_path):
    """A real limit of the system, in a process of its own: files of at most 3,000 bytes."""
    code = f"""
import resource, signal, sys
sys.path.insert(0, {os.path.dirname(os.path.dirname(__file__))!r})
from pathlib import Path
from training.small_runs import small_image_run, train_new
run = small_image_run()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    train_new(lambda changes: run, Path({str(tmp_path)!r}) / "run")
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "the run cannot be kept any more" in done.stdout, done.stderr
    assert "File too large" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert [file.name for file in (tmp_path / "run").rglob("*") if file.is_file() and file.stat().st_size > 2900] == []
    assert not list(tmp_path.rglob("*.tmp"))
