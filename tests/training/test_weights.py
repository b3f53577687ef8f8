import os
import pickle

import numpy as np
import pytest

from minibnn.errors import InputError
from minibnn.layers import BNFCL, ShapesOnly
from minibnn.training import load_weights, save_weights


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
    with pytest.raises(InputError, match=r"weights\.npz' is damaged or no weights file"):
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
    np.savez(tmp_path / "weights.npz", **arrays)
    before = snapshot(classifier)
    with pytest.raises(InputError, match=message):
        load_weights(classifier, tmp_path / "weights.npz")
    after = snapshot(classifier)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_missing_file_and_folder(classifier, tmp_path):
    with pytest.raises(InputError, match="there is no weights file"):
        load_weights(classifier, tmp_path / "weights.npz")
    with pytest.raises(InputError, match="there is no folder"):
        save_weights(classifier, tmp_path / "missing" / "weights.npz")


def test_whatever_byte_is_damaged_the_values_are_right_or_the_file_is_refused(make_classifier, tmp_path):
    """Flags of encryption and of unknown compressions, headers cut open: each fails in a way of its own."""
    path, saved, rng = tmp_path / "weights.npz", make_classifier(seed=1), np.random.default_rng(0)
    save_weights(saved, path)
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        model = make_classifier(seed=2)
        expected = snapshot(saved)
        try:
            load_weights(model, path)
        except InputError:
            expected = snapshot(make_classifier(seed=2))
        assert all(np.array_equal(expected[name], value) for name, value in snapshot(model).items())


def test_weights_cannot_go_to_a_folder_or_come_from_one(classifier, tmp_path):
    with pytest.raises(InputError, match=r"cannot write .* it is a folder"):
        save_weights(classifier, tmp_path)
    with pytest.raises(InputError, match="there is no weights file"):
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
