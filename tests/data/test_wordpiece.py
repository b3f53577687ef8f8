"""WordPiece: greedy matching against an independent oracle, decoding, and vocabulary files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibnn.data.basic_tokens import basic_tokens
from minibnn.data.wordpiece import SPECIAL_TOKENS, WordPiece, tidy_spaces
from minibnn.errors import InputError, InputTypeError

SMALL = [*SPECIAL_TOKENS, *"abcun.,-'", "un", "##want", "##ed", "##wanted", "##a", "##b", "ab", "##ab", "aab", "東"]


def slow_word(tokens, word):
    """Greedy longest match as a recursion over all vocabulary entries; None where nothing fits."""

    def rest(start):
        if start == len(word):
            return []
        prefix = "##" if start else ""
        fitting = [t for t in tokens if t.startswith(prefix) and word.startswith(t.removeprefix(prefix), start)]
        fitting = [t for t in fitting if t.removeprefix(prefix)]
        if not fitting:
            return None
        best = max(fitting, key=len)
        tail = rest(start + len(best.removeprefix(prefix)))
        return None if tail is None else [best, *tail]

    found = rest(0) if len(word) <= 100 else None
    return ["[UNK]"] if found is None else found


class TestEncode:
    @given(st.text("abcdeuntwABU .,-'é東\n", max_size=60))
    def test_equals_the_slow_oracle(self, text):
        expected = [piece for word in basic_tokens(text) for piece in slow_word(SMALL, word)]
        wordpiece = WordPiece(SMALL)
        assert [wordpiece.tokens[i] for i in wordpiece.encode(text)] == expected

    @pytest.mark.parametrize(
        ("text", "pieces"),
        [
            ("unwanted", ["un", "##wanted"]),
            ("abab", ["ab", "##ab"]),
            ("aab", ["aab"]),
            ("abac", ["[UNK]"]),
            ("ab" * 50, ["ab"] + ["##ab"] * 49),
            ("ab" * 50 + "a", ["[UNK]"]),
            ("[CLS]", ["[UNK]", "[UNK]", "[UNK]"]),
            ("", []),
        ],
    )
    def test_pieces(self, text, pieces):
        wordpiece = WordPiece(SMALL)
        assert [wordpiece.tokens[i] for i in wordpiece.encode(text)] == pieces

    def test_batch_and_ids(self, bert):
        assert bert.encode_batch(["Hello, world!", ""]) == [[7592, 1010, 2088, 999], []]
        assert (len(bert), bert.pad_id, bert.unknown_id, bert.cls_id, bert.sep_id) == (30522, 0, 100, 101, 102)

    def test_a_full_cache_changes_nothing(self, monkeypatch):
        monkeypatch.setattr("minibnn.data.wordpiece.CACHE_SIZE", 2)
        wordpiece = WordPiece(SMALL)
        text = "ab aab unwanted ab abab b a"
        assert wordpiece.encode(text) == WordPiece(SMALL).encode(text) == wordpiece.encode(text)
        assert len(wordpiece._cache) <= 2


class TestDecode:
    def test_joins_pieces_and_tidies(self, bert):
        text = 'The robot\'s "one-bit" brain (3.5 kg, 1,024 bits): it works!'
        assert bert.decode(bert.encode(text)) == text.lower()

    def test_special_tokens(self, bert):
        ids = [101, 7592, 100, 102, 0, 0]
        assert bert.decode(ids) == bert.decode(np.array(ids)) == "hello"
        assert bert.decode(ids, keep_special=True) == "[CLS] hello [UNK] [SEP] [PAD] [PAD]"

    @settings(max_examples=200)
    @given(text=st.text(st.characters(max_codepoint=0x17F, exclude_categories=["Cc"]), max_size=80))
    def test_encoding_what_was_decoded_gives_the_same_ids(self, bert, text):
        ids = [i for i in bert.encode(text) if i != bert.unknown_id]
        assert bert.encode(bert.decode(ids)) == ids

    @given(st.text("ab1 .,!?'\"-()[]%:;st\u2019", max_size=60))
    def test_tidying_keeps_the_tokens(self, text):
        spaced = " ".join(basic_tokens(text))
        assert basic_tokens(tidy_spaces(spaced)) == basic_tokens(text)

    def test_errors(self):
        wordpiece = WordPiece(SMALL)
        with pytest.raises(InputError, match=r"ids\[1\] is 99, expected 0 to 23"):
            wordpiece.decode([0, 99])
        with pytest.raises(InputError, match=r"ids\[0\] is -1"):
            wordpiece.decode([-1])
        with pytest.raises(InputTypeError, match=r"ids\[0\] is 1.5, expected an integer"):
            wordpiece.decode([1.5])
        with pytest.raises(InputTypeError, match="decode takes one text"):
            wordpiece.decode(np.zeros((2, 3), int))


class TestVocabulary:
    def test_save_and_read_again(self, tmp_path):
        WordPiece(SMALL).save(tmp_path / "vocab.txt")
        assert WordPiece.from_file(tmp_path / "vocab.txt").tokens == SMALL
        assert [entry.name for entry in tmp_path.iterdir()] == ["vocab.txt"]

    def test_windows_line_ends(self, tmp_path):
        (tmp_path / "vocab.txt").write_bytes("\r\n".join(SMALL).encode())
        assert WordPiece.from_file(tmp_path / "vocab.txt").tokens == SMALL

    def test_saving_again_keeps_the_file(self, bert, real, tmp_path):
        bert.save(tmp_path / "vocab.txt")
        assert (tmp_path / "vocab.txt").read_bytes() == real("bert-base-uncased/vocab.txt").read_bytes()

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "the vocabulary is empty"),
            (b"[PAD]\n[UNK]\na\na\n", "entries 2 and 3 are both 'a'"),
            (b"[PAD]\n\n[UNK]\n", r"entry 1 \(line 2\) is ''"),
            (b"[PAD]\na\n", r"has no \[UNK\] among its 2 pieces"),
            (b"[UNK]\na\n", r"has no \[PAD\]"),
            (b"[PAD]\n[UNK]\n\xff\n", "not UTF-8 text: bad byte at offset 12"),
        ],
    )
    def test_unusable_files(self, tmp_path, content, message):
        path = tmp_path / "vocab.txt"
        path.write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            WordPiece.from_file(path)
        assert str(path) in str(caught.value)

    @pytest.mark.parametrize(("name", "piece"), [("cls_id", r"\[CLS\]"), ("sep_id", r"\[SEP\]")])
    def test_a_file_without_the_marks_of_a_sentence_is_named(self, tmp_path, name, piece):
        path = tmp_path / "vocab.txt"
        path.write_text("[PAD]\n[UNK]\na\n")
        wordpiece = WordPiece.from_file(path)
        message = rf"the vocabulary file .*vocab\.txt has no {piece} among its 3 pieces; add a line {piece} at its end"
        with pytest.raises(InputError, match=message):
            getattr(wordpiece, name)

    def test_missing_file_and_folder(self, tmp_path):
        with pytest.raises(InputError, match=r"cannot read the vocabulary .*nowhere\.txt .*one piece per line"):
            WordPiece.from_file(tmp_path / "nowhere.txt")
        with pytest.raises(InputError, match="there is no folder"):
            WordPiece(SMALL).save(tmp_path / "no" / "vocab.txt")

    def test_wrong_types(self):
        wordpiece = WordPiece(SMALL)
        with pytest.raises(InputTypeError, match="expects a str, got bytes"):
            wordpiece.encode(b"ab")
        with pytest.raises(InputTypeError, match="expects a list of str, got one str"):
            wordpiece.encode_batch("ab")
        with pytest.raises(InputTypeError, match="entry 2 is 7, expected a str"):
            WordPiece(["[PAD]", "[UNK]", 7])
        with pytest.raises(InputError, match=r"has no \[CLS\]"):
            _ = WordPiece(["[PAD]", "[UNK]"]).cls_id
