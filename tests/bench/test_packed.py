"""`minibnn bench packed` in small: what it measures is computed right, and its tables say what was found.

No test judges speed.
"""

import json
import sys

import numpy as np
import pytest

from minibnn.bench import convolution, decoding, memory, packed, products
from minibnn.bench.rivals import find_torch
from minibnn.bits import BitMatrix
from minibnn.bits.packing import random_bits
from minibnn.models.presets import TextPreset

WRITER = TextPreset(max_len=24, emb_dim=32, num_heads=2, mlp_units=(48, 16), num_blocks=2, vocab_size=80)


@pytest.fixture
def small(monkeypatch):
    """Sizes that take a moment."""
    monkeypatch.setitem(products.SHAPES, "small", ((40, 70), (64, 32)))
    monkeypatch.setitem(products.ROWS, "small", (1, 9))
    monkeypatch.setitem(convolution.LAYERS, "small", ((6, 3, 5),))
    monkeypatch.setitem(convolution.BATCH, "small", 1)
    monkeypatch.setattr(convolution, "SIDE", 16)
    monkeypatch.setattr(decoding, "PRESET", WRITER)
    monkeypatch.setattr(decoding, "CONTEXT", 16)
    monkeypatch.setattr(decoding, "WRITTEN", 6)
    monkeypatch.setattr(decoding, "TURN", 0.01)


def check_all_parts(results):
    """Everything is there, and whatever computes the same found the same."""
    assert list(results) == ["machine", "products", "convolution", "decoding", "memory"]
    assert [(r["n_in"], r["n_out"], r["rows"]) for r in results["products"]] == [
        (40, 70, 1),
        (40, 70, 9),
        (64, 32, 1),
        (64, 32, 9),
    ]
    for result in results["products"]:
        errors = result["errors"]
        assert errors.keys() == result["seconds"].keys()
        assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in result["seconds"].values())
        assert max(errors[name] for name in errors if name in ("NumPy", "bits", "PyTorch")) < 2e-6
        assert errors["bits 16"] < 1e-3 < errors["bits 8"] < 0.1
    assert results["convolution"]["layers"][0]["error"] < 2e-6
    assert results["convolution"]["model"]["error"] < 1e-3
    assert all(difference < 1e-4 for difference in results["decoding"]["differences"].values())
    assert [file["name"] for file in results["memory"]["files"]] == ["BCVNN 3x3", "BLM small"]
    assert results["memory"]["files"][0]["bytes"] <= 660_000


@pytest.mark.slow
def test_without_pytorch_all_parts_are_measured_but_its(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # so that it cannot be imported
    shown = []
    results = packed.run(1, 2, "small", report=shown.append)
    check_all_parts(results)
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert shown == [packed.TEXTS[name](part) for name, part in results.items()]
    assert packed.table(results) == "\n\n".join(shown)
    assert "PyTorch" not in "".join(shown[1:])
    assert all(len(line) <= 120 for text in shown for line in text.splitlines())


@pytest.mark.parity
def test_pytorch_computes_the_same(small):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    try:
        results = packed.run(1, 2, "small")
    finally:
        torch.set_num_threads(before)
    check_all_parts(results)
    assert "PyTorch" in results["decoding"]["differences"]
    assert "PyTorch" in results["products"][0]["errors"]
    assert results["products"][0]["errors"].get("PyTorch int8", 0) < 0.1
    assert all(len(line) <= 120 for line in packed.table(results).splitlines())


@pytest.mark.parity
def test_pytorchs_classifier_computes_the_same():
    torch = pytest.importorskip("torch")
    calls = convolution.model_calls(2, torch, np.random.default_rng(0))
    logits = calls["bits"]().data
    assert convolution.relative_error(calls["PyTorch, channels last"](), logits) < 1e-3
    calls = convolution.layer_calls(7, 3, 5, 2, torch, np.random.default_rng(0))
    for memory_format in ("channels last", "channels first"):
        found = calls[f"PyTorch, {memory_format}"]().permute(0, 2, 3, 1)
        assert convolution.relative_error(found, calls["bits"]()) < 1e-5


def test_pytorch_can_be_left_out():
    """And so can decoding: see `tests/command_line/test_bench.py`, which runs the rest."""
    assert find_torch(1, wanted=False) is None


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_errors_are_found_in_each_row(rows):
    """A product that is wrong in one number of the last row has the error of that number."""
    bits = random_bits((32, 16), np.random.default_rng(0))
    W = bits.unpack(np.float32)
    x = np.random.default_rng(1).standard_normal((8, 32), np.float32)
    largest = np.abs(x.astype(np.float64) @ W).max()

    def wrong(x_part):
        y = x_part @ W
        y[-1, -1] += largest / 4
        return lambda: y

    right = products.products_by(W, BitMatrix(bits))
    errors = products.errors_of({"right": right["bits"], "wrong": wrong}, x, W, rows)
    assert errors["right"] < 2e-6
    assert errors["wrong"] == pytest.approx(1 / 4, rel=1e-4)


def product(n_in, n_out, rows, **seconds):
    errors = dict.fromkeys(seconds, 1e-7)
    return {
        "n_in": n_in,
        "n_out": n_out,
        "rows": rows,
        "seconds": {k: [v] for k, v in seconds.items()},
        "errors": errors,
    }


def test_the_worst_shape_counts():
    results = [
        product(2048, 30522, 1, NumPy=30e-6, bits=1e-6),
        product(768, 768, 1, NumPy=30e-6, bits=5e-6),
        product(768, 768, 64, NumPy=100e-6, bits=30e-6),
    ]
    results[1]["errors"]["bits"] = 3e-7
    assert products.worst_of(results)["bits"] == pytest.approx({1: 6, 64: 10 / 3})
    lines = products.text(results).splitlines()
    assert next(line for line in lines if line.startswith("2048")).split()[3:] == ["1", "30.0", "1.0", "(30.0)"]
    summary = lines[lines.index(next(line for line in lines if line.startswith("worst"))) :]
    assert summary[0].split("  ")[-1] == "largest error"
    assert summary[2].split() == ["bits", "6.0", "3.3", "30.0", "3.0e-07"]
    assert summary[3].split() == ["its", "goal", "5.5", "3.0", "25.0", "2.0e-06"]


def test_pytorch_counts_with_its_better_memory_format():
    seconds = {"minibnn float32": [8e-3], "bits": [2e-3], "PyTorch, a": [9e-3], "PyTorch, b": [5e-3]}
    layer = {"side": 8, "channels": 3, "filters": 4, "seconds": seconds, "error": 1e-7}
    results = {"batch": 32, "kernel_size": 3, "layers": [layer], "model": {"seconds": seconds, "error": 1e-6}}
    row = next(line for line in convolution.text(results).splitlines() if line.startswith("8 x 8"))
    assert row.split()[6:] == ["8.00", "(4.0)", "5.00", "(2.5)", "2.00", "1.0e-07"]


def test_the_table_of_decoding_compares_with_bits():
    seconds = {"bits": [1e-3], "NumPy": [15e-3], "bits, generate()": [1.25e-3]}
    found = {"parameters": 154406714, "context": 128, "seconds": seconds, "differences": {"NumPy": 7e-6}}
    text = decoding.text(found)
    assert "154,406,714 parameters, one token after 127 others" in text
    lines = {line.split("  ")[0]: line.split() for line in text.splitlines()[4:]}
    assert lines["bits"] == ["bits", "1.00", "1,000"]
    assert lines["NumPy"] == ["NumPy", "15.00", "67", "15.0", "times", "12", "times", "7.0e-06"]
    assert lines["bits, generate()"][2:] == ["1.25", "800"]


@pytest.mark.parametrize("difference", [2e-3, float("nan")])
def test_decoders_that_compute_something_else_are_not_compared(difference):
    with pytest.raises(RuntimeError, match="logits of NumPy differ"):
        decoding._checked({"differences": {"NumPy": difference}})


def test_a_system_that_does_not_tell_its_memory_is_said():
    files = [{"name": "BCVNN 3x3", "parameters": 5132165, "bytes": 650000}]
    assert "not told by this system" in memory.text({"files": files, "peak": None})
    text = memory.text({"files": files, "peak": {"before": 90_000_000, "after": 190_000_000}})
    assert "100,000,000" in text
    assert "120,000,000" in text
    assert "650,000" in text


def test_a_process_that_fails_is_told_with_its_reason(tmp_path):
    with pytest.raises(RuntimeError, match="missing"):
        memory._peak(tmp_path / "missing.npz")
