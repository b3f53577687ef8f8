"""The frozen table: made of BERT's rules under Unicode 14, and the same words as those rules give for any text."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibnn.data.basic_tokens import basic_tokens
from minibnn.data.encoder import words
from minibnn.data.unicode_table import UNICODE_VERSION, derive, rules, write_table
from minibnn.errors import InputError
from minibnn.kernels.word_tables import BY_ITSELF, CLASS_SHIFT, CODE_POINT, FIRST_SPELLING, HANGUL, LONGEST_WORD, PLAIN

SAME_UNICODE = unicodedata.unidata_version == UNICODE_VERSION

# Letters, capitals and accents; Hangul, kana, ideographs and their doubles; marks that NFD moves (U+1D16D, U+1D165,
# U+302E, U+3099), that it moves past and drops (U+301, U+323) and that stop it (U+901, U+20DD); what is dropped without
# a trace; white space, also Python's own; punctuation, also what only decomposing makes punctuation (U+37E, U+2260).
AWKWARD = (
    "aB9é\u01d5\u0130\u0131ΣςǅẞÅ한\uac00\ud7a3カ東\uf900\U0002f81a\u0958\u0344\u0f73"
    "\u0301\u0323\u0901\u0c48\u20dd\u302e\u3099\U0001d165\U0001d16d\U0001d15f\U0001d160\u1b44"
    "\x00\x0b\x1c\x7f\x85\xad\u200b\ufeff\ufffd\ue000\ud800\udfff\u0378\U0010ffff"
    " \t\n\r\xa0\u2028\u3000.-'$[¿—\u037e\u2260\u1fef"
)


def words_of(text):
    return [word for found in words([text]) for word in found]


def expected_words(text):
    return [word for word in basic_tokens(text) if len(word) <= LONGEST_WORD]


def is_settled(c):
    """Whether this Python agrees with Unicode 14 about a character."""
    return SAME_UNICODE or words_of(f"a{c}b") == basic_tokens(f"a{c}b")


def spelling(table, c):
    """What a table makes of a character: its kind, or if it is spelled with other letters, those (tuple)."""
    kind = int(table.kinds[table.blocks[ord(c) >> 8], ord(c) & 255])
    if kind < FIRST_SPELLING:
        return kind
    start, end = table.ends[kind - FIRST_SPELLING : kind - FIRST_SPELLING + 2]
    return tuple(table.letters[start:end].tolist())


class TestWords:
    @settings(max_examples=400)
    @given(st.text(AWKWARD, max_size=40))
    def test_awkward_characters(self, text):
        assert words_of(text) == expected_words(text)

    @settings(max_examples=300)
    @given(st.text(st.characters(exclude_categories=[]).filter(is_settled), max_size=60))
    def test_any_text(self, text):
        assert words_of(text) == expected_words(text)

    @given(st.text("aé東. ", max_size=8), st.integers(95, 105), st.text("aé\u0301.", max_size=8))
    def test_words_about_as_long_as_allowed(self, before, length, after):
        text = before + "é" * length + after
        assert words_of(text) == expected_words(text)

    @pytest.mark.parametrize("length", [99, 100, 101])
    def test_marks_that_change_places_at_the_end_of_a_long_word(self, length):
        for marks in ("\U0001d16d\U0001d165", "\U0001d16d\u0901\U0001d165", "\U0001d16d\u0301\U0001d165"):
            text = "x" * (length - 2) + marks
            assert words_of(text) == expected_words(text)
            assert [len(word) for word in words_of(text)] == ([length] if length <= LONGEST_WORD else [])

    def test_what_the_kernels_take_for_granted(self):
        table = rules()
        assert set(np.unique(table.kinds[table.kinds >= FIRST_SPELLING]) - FIRST_SPELLING) == set(
            range(table.ends.size - 1)
        )
        for start, end in zip(table.ends[:-1], table.ends[1:], strict=True):
            letters = table.letters[start:end]
            assert 1 <= end - start <= 4
            assert end - start == 1 or not np.any(letters & BY_ITSELF)
        for i in range(0x110000):
            made = spelling(table, chr(i))
            if isinstance(made, tuple):
                assert len(made) <= len(chr(i).encode())  # so a text has at most as many ids as bytes


class TestTable:
    def test_is_small_and_says_its_version(self):
        table = rules()
        assert UNICODE_VERSION == "14.0.0"
        assert sum(array.nbytes for array in table) < 100_000
        assert [array.dtype for array in table] == [np.uint8, np.uint16, np.int32, np.int32]
        assert spelling(table, "É") == (ord("e"),)
        assert spelling(table, "\u2260") == (ord("=") | BY_ITSELF,)
        assert spelling(table, "\uac00") == HANGUL
        assert [(x & CODE_POINT, x >> CLASS_SHIFT) for x in spelling(table, "\U0001d15f")] == [
            (0x1D158, 0),
            (0x1D165, 216),
        ]

    def test_is_what_the_rules_make(self):
        """Under the same Unicode, exactly; under another, but for what was assigned or corrected since."""
        made, kept = derive(), rules()
        if SAME_UNICODE:
            assert all(np.array_equal(one, other) for one, other in zip(made, kept, strict=True))
            return
        different = [chr(i) for i in range(0x110000) if spelling(made, chr(i)) != spelling(kept, chr(i))]
        assert len(different) < 100  # Unicode 15 and 15.1: 66
        assert {spelling(kept, c) for c in different} <= {PLAIN}  # what is not assigned is a letter

    def test_only_the_right_python_writes_it(self, monkeypatch, tmp_path):
        monkeypatch.setattr("minibnn.data.unicode_table.TABLE", tmp_path / "table.npz")
        monkeypatch.setattr("minibnn.data.unicode_table.UNICODE_VERSION", unicodedata.unidata_version)
        monkeypatch.setattr("minibnn.data.unicode_table.derive", rules)
        write_table()
        with np.load(tmp_path / "table.npz") as arrays:
            assert all(np.array_equal(arrays[name], kept) for name, kept in rules()._asdict().items())
        monkeypatch.setattr("minibnn.data.unicode_table.UNICODE_VERSION", "1.1")
        with pytest.raises(InputError, match=r"this Python has Unicode 1\d\.\S+, expected 1\.1: use Python 3\.11"):
            write_table()
