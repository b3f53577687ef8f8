"""The benchmark of the tokenizer: what it measures and says, on a little text."""

import json
import sys

import pytest

from minibnn.bench import tokenizer
from minibnn.errors import InputError


@pytest.fixture
def files(tmp_path):
    (tmp_path / "wiki.test.raw").write_text("a bad cab\n\n = Abba = \ncab, bad\n", encoding="utf-8")
    (tmp_path / "notes.md").write_text("not read")
    (tmp_path / "vocab").write_text("[PAD]\n[UNK]\na\nb\nc\n##a\n##b\n##d\n,\n=\n")
    return tmp_path


def test_lines_that_hold_text(files):
    expected = ["a bad cab", " = Abba = ", "cab, bad"]
    assert tokenizer.read_lines(files) == tokenizer.read_lines(files / "wiki.test.raw") == expected
    assert len(tokenizer.read_lines(None)) > 5000
    empty = files / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"holds no text; .* or a folder with \.raw, \.tokens, \.txt"):
        tokenizer.read_lines(empty)
    with pytest.raises(InputError, match="cannot read"):
        tokenizer.read_lines(files / "nowhere")


@pytest.mark.parity
def test_side_by_side(files, capsys):
    pytest.importorskip("tokenizers")
    results = tokenizer.run(files, files / "vocab", threads=(1,), rounds=2, progress=False)
    assert results["equal_ids"] is True
    assert (results["texts"], results["vocab_size"], results["rounds"]) == (3, 10, 2)
    assert [row["candidate"] for row in results["rows"]] == [tokenizer.OURS, tokenizer.OUR_ARRAYS, tokenizer.THEIRS]
    assert results["rows"][2]["ratio"] == 1
    assert json.loads(json.dumps(results)) == results
    text = tokenizer.table(results)
    assert "encode_batch_fast; its ids are the same" in text
    assert len([line for line in text.split("\n") if line.strip().startswith("1 ")]) == 3
    assert "NOT the same" in tokenizer.table(results | {"equal_ids": False})
    assert capsys.readouterr().err == ""


def test_without_the_other_package(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    found = tokenizer.measure(["a bad cab"], str(files / "vocab"), 1, 1)
    assert (found["tokenizers"], found["equal_ids"], list(found["seconds"])) == (
        None,
        None,
        [tokenizer.OURS, tokenizer.OUR_ARRAYS],
    )
    rows = tokenizer._rows(found["seconds"], 1, 0.1)
    text = tokenizer.table({"megabytes": 0.1, "texts": 1, "vocab_size": 10, "rounds": 1, "rows": rows, **found})
    assert "tokenizers is not installed, so there is nothing to compare with: pip install tokenizers" in text


def test_the_table_shows_speed_and_ratio():
    rows = tokenizer._rows({tokenizer.OURS: [0.3, 0.1, 0.2], tokenizer.THEIRS: [2.0]}, 2, 1.5)
    results = {
        "megabytes": 1.5,
        "texts": 7,
        "vocab_size": 9,
        "rounds": 3,
        "tokenizers": "1",
        "equal_ids": True,
        "rows": rows,
    }
    assert "200.0     7.5  10.0 x" in tokenizer.table(results)
