"""The built-in text, its division into two, and rows of ids."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibnn.data.python_help import TOPICS, clean_topic, table_as_lines
from minibnn.data.text import (
    batches_by_length,
    builtin_text,
    padding_share,
    sentence_rows,
    split_list,
    split_text,
    token_blocks,
)
from minibnn.data.wikitext import read_wikitext, sentences
from minibnn.errors import InputError, InputTypeError


class TestBuiltinText:
    def test_is_long_clean_and_has_every_topic(self):
        text = builtin_text()
        assert 300_000 < len(text) < 500_000
        assert text == builtin_text()
        assert text.startswith('The "assert" statement\n\nAssert statements are a convenient way')
        assert "assert_stmt ::= " in text
        assert "   >>> " in text
        assert len(TOPICS) == len(set(TOPICS)) == 57
        assert not re.search(r"^(\*{4,}|={4,}|-{4,}|~{4,})$|^ *\+-[-+]+\+$|\n\n\n\n|[“”‘’…\f]", text, re.MULTILINE)  # noqa: RUF001

    def test_no_section_twice_and_no_long_paragraph_in_both_parts(self):
        sections = builtin_text().split("\n\n\n")
        assert 100 < len(sections) == len(set(sections))  # 136 in Python 3.11.2
        train, validation = split_text(builtin_text(), 0.1)
        common = set(train.split("\n\n")) & set(validation.split("\n\n"))
        assert sum(map(len, common)) < 0.02 * len(validation)
        assert 0.06 < len(validation) / len(train + validation) < 0.14

    def test_clean_topic(self):
        topic = (
            "Title “A”\n*********\n\nSub\n===\n\nan *odd* **word:** f(*args, **kwargs) x * y * z\n\n\n\n"
            "   code = 'a*b*c'\n\n"
            "Next\n====\n\n   rule ::= a\n      | b\n      | c\n      | d\n\n-[ Footnotes ]-\n\n[1] Note\n"
        )
        assert clean_topic(topic) == [
            "Title \"A\"\n\nSub\n\nan odd word: f(*args, **kwargs) x * y * z\n\n   code = 'a*b*c'",
            "Next\n\n   rule ::= a\n      | b\n      | c\n      | d\n\nFootnotes\n\n[1] Note",
        ]

    def test_table(self):
        table = (
            "+----+------+\n| Op | Is   |\n|====|======|\n| |  | or   |\n|    | bit  |\n"
            "+----+------+\n| x  |      |\n+----+------+\n"
        )
        assert table_as_lines(table) == "Op  Is\n|  or bit\nx\n"

    def test_a_section_that_two_topics_hold_occurs_once(self, monkeypatch):
        monkeypatch.setattr("pydoc_data.topics.topics", dict.fromkeys(TOPICS, "Title\n*****\n\nText.\n"))
        assert builtin_text() == "Title\n\nText."

    def test_missing_help_texts(self, monkeypatch):
        monkeypatch.setattr("pydoc_data.topics.topics", {"assert": "text"})
        with pytest.raises(InputError, match=r"lacks 56 of 57 help topics .* such as 'assignment'"):
            builtin_text()


class TestSplit:
    @given(st.lists(st.text("abc ", min_size=1, max_size=30).filter(str.strip), min_size=60, max_size=120))
    def test_every_unit_goes_to_one_side_in_order(self, units):
        units = [f"{i}:{unit.strip()}" for i, unit in enumerate(units)]
        train, validation = (part.split("\n\n\n") for part in split_text("\n\n\n".join(units), 0.1))
        assert sorted(train + validation) == sorted(units)
        assert abs(len(validation) - len(units) / 10) <= 1
        for part in (train, validation):
            assert [int(unit.split(":")[0]) for unit in part] == sorted(int(unit.split(":")[0]) for unit in part)

    def test_smaller_units_when_there_are_few(self):
        paragraphs = [f"p{i}\nline" for i in range(60)]
        train, validation = split_text("\n\n".join(paragraphs), 0.25)
        assert len(validation.split("\n\n")) == 15
        assert set(train.split("\n\n")) | set(validation.split("\n\n")) == set(paragraphs)
        train, validation = split_text("a\nb\nc", 0.34)
        assert sorted([*train.split("\n"), *validation.split("\n")]) == ["a", "b", "c"]

    def test_errors(self):
        with pytest.raises(
            InputError, match=r"the text has 1 line\(s\), too few to take 0\.1 of them for validation; .*longer text"
        ):
            split_text("only one line", 0.1)
        with pytest.raises(InputError, match="fraction is 1, expected a number between 0 and 1"):
            split_text("a\nb", 1)
        with pytest.raises(InputTypeError, match="expects a str, got list"):
            split_text(["a"], 0.1)


class TestSplitList:
    def test_one_in_twenty_of_all_lengths(self):
        items = ["x" * (7 * i % 100 + 1) for i in range(100)]
        train, validation = split_list(items)
        assert (len(train), len(validation)) == (95, 5)
        assert sorted(len(item) for item in validation) == [10, 30, 50, 70, 90]
        assert [item for item in items if item in set(validation)] == validation
        assert split_list(items) == (train, validation)

    def test_errors(self):
        with pytest.raises(InputError, match=r"there are 3 items, too few to take 0\.05 of them for validation"):
            split_list(["a", "b", "c"])
        with pytest.raises(InputError, match="fraction is 0, expected a number between 0 and 1"):
            split_list(["a", "b", "c"], 0)


class TestBatchesByLength:
    @given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 9), st.none() | st.integers(0, 9))
    def test_every_row_once_and_no_other_batches_have_less_padding(self, lengths, batch_size, seed):
        rng = None if seed is None else np.random.default_rng(seed)
        batches = batches_by_length(lengths, batch_size, rng)
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
        sizes = sorted(len(batch) for batch in batches)
        assert sizes[1:] == [batch_size] * (len(batches) - 1)
        ranges = sorted((min(lengths[i] for i in batch), max(lengths[i] for i in batch)) for batch in batches)
        assert all(left[1] <= right[0] for left, right in itertools.pairwise(ranges))

    def test_order(self):
        lengths = [3, 1, 2, 3, 1, 2, 3, 1]
        assert [batch.tolist() for batch in batches_by_length(lengths, 3)] == [[1, 4, 7], [2, 5, 0], [3, 6]]
        mixed = [[b.tolist() for b in batches_by_length(lengths * 9, 8, np.random.default_rng(s))] for s in (0, 0, 1)]
        assert mixed[0] == mixed[1] != mixed[2]
        assert sorted(batches_by_length([1] * 20, 20, np.random.default_rng(0))[0]) == list(range(20))
        assert batches_by_length([1] * 20, 20, np.random.default_rng(0))[0].tolist() != list(range(20))
        assert [lengths[b[0] % 8] for b in mixed[0]] != sorted(lengths[b[0] % 8] for b in mixed[0])

    def test_padding(self):
        assert padding_share([4, 2, 2], [[0, 1, 2]]) == pytest.approx(1 / 3)
        assert padding_share([4, 3, 2], batches_by_length([4, 3, 2], 2)) == pytest.approx(0.1)
        assert padding_share([4, 2, 2], [[0], [1, 2]]) == padding_share([], []) == 0

    def test_real_sentences_waste_little(self, real):
        """Sentences of WikiText: of 16 in a batch, grouped by length less than 2 % is padding, in any order 50 %."""
        lengths = [len(s.split()) + 2 for s in sentences(read_wikitext(real("wikitext-2-raw"), "test"))]
        grouped = batches_by_length(lengths, 16, np.random.default_rng(0))
        in_order = np.array_split(np.arange(len(lengths)), len(lengths) // 16)
        assert padding_share(lengths, grouped) < 0.02 < 0.3 < padding_share(lengths, in_order)

    def test_errors(self):
        with pytest.raises(InputError, match="batch_size is 0, expected an integer of at least 1"):
            batches_by_length([1, 2], 0)
        with pytest.raises(InputTypeError, match=r"lengths: expected a flat sequence of integers, got shape \(1, 2\)"):
            batches_by_length([[1, 2]], 2)


class TestRows:
    @given(st.lists(st.integers(0, 30521), min_size=2, max_size=200), st.integers(1, 50))
    def test_blocks_are_the_stream(self, ids, length):
        if len(ids) < length + 1:
            with pytest.raises(InputError, match=rf"has {len(ids)} tokens; .* length {length} needs {length + 1}"):
                token_blocks(ids, length)
            return
        blocks = token_blocks(ids, length)
        inputs, targets = blocks[:, :-1], blocks[:, 1:]
        count = (len(ids) - 1) // length
        assert blocks.shape == (count, length + 1)
        assert blocks.dtype == np.int32
        assert inputs.ravel().tolist() == ids[: count * length]
        assert targets.ravel().tolist() == ids[1 : count * length + 1]
        assert len(ids) - (count * length + 1) < length

    @given(st.lists(st.lists(st.integers(5, 99), max_size=12), min_size=1, max_size=8), st.integers(2, 10))
    def test_sentences_come_back(self, sentences_ids, length):
        rows = sentence_rows(sentences_ids, length, pad_id=0, cls_id=2, sep_id=3)
        assert rows.shape == (len(sentences_ids), length + 1)
        assert rows.dtype == np.int32
        for row, ids in zip(rows.tolist(), sentences_ids, strict=True):
            expected = [2, *ids[: length - 1], 3]
            assert row == expected + [0] * (length + 1 - len(expected))

    def test_arrays_are_left_alone(self):
        ids = np.arange(9, dtype=np.int64)
        blocks = token_blocks(ids, 4)
        blocks[:] = -1
        assert ids.tolist() == list(range(9))

    @pytest.mark.parametrize("wrong", [2**31, 2**40, -1])
    def test_an_id_that_would_wrap_around_is_refused(self, wrong):
        message = rf"ids\[2\] is {wrong}, expected 0 to 2147483647; take the ids that a WordPiece gives"
        with pytest.raises(InputError, match=message):
            token_blocks([5, 5, wrong, 5, 5], 2)
        with pytest.raises(InputError, match=r"list_of_" + message.replace(r"[2\]", r"[1\]\[2\]")):
            sentence_rows([[1, 2], [5, 5, wrong]], 2, 0, 2, 3)
        for name in ("pad_id", "cls_id", "sep_id"):
            with pytest.raises(InputError, match=rf"{name} is {wrong}, expected 0 to 2147483647"):
                sentence_rows([[1]], 4, **({"pad_id": 0, "cls_id": 2, "sep_id": 3} | {name: wrong}))

    def test_the_largest_id_is_kept(self):
        assert token_blocks([2**31 - 1, 0], 1).tolist() == [[2**31 - 1, 0]]

    def test_errors(self):
        with pytest.raises(
            InputError,
            match=r"text has 0 tokens; one block of length 4 needs 5: .*longer text.*shorter length \(max_len\)",
        ):
            token_blocks([], 4)
        with pytest.raises(
            InputError, match=r"length is 0, expected an integer of at least 1; choose a longer length \(max_len\)"
        ):
            token_blocks([1, 2], 0)
        with pytest.raises(InputTypeError, match=r"flat sequence of integer ids, got shape \(2, 2\)"):
            token_blocks([[1, 2], [3, 4]], 1)
        with pytest.raises(InputTypeError, match="dtype float64"):
            token_blocks([0.5, 1.5], 1)
        with pytest.raises(InputTypeError, match="encode the text first"):
            token_blocks("text", 1)
        with pytest.raises(InputError, match="there are 0 sentences; expected at least one list of ids; pass a text"):
            sentence_rows([], 4, 0, 2, 3)
        with pytest.raises(
            InputError, match=r"length is 1, expected an integer of at least 2; choose a longer length \(max_len\)"
        ):
            sentence_rows([[1]], 1, 0, 2, 3)
        with pytest.raises(InputTypeError, match=r"got shape \(\)"):
            sentence_rows([1, 2], 4, 0, 2, 3)
