"""BERT's uncased rules, by hand. That encoding follows them, test_unicode_table.py checks."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibnn.data.basic_tokens import basic_tokens


class TestBasicTokens:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Naïve  cats: 東京!", ["naive", "cats", ":", "東", "京", "!"]),
            ("U.S. $5 a_b", ["u", ".", "s", ".", "$", "5", "a", "_", "b"]),
            ("a\x00b\ufffdc\x0bd\x85e\u200bf\x1cg", ["abcdefg"]),
            ("a\tb\nc\rd\xa0e\u2028f\u3000g", list("abcdefg")),
            ("ΟΔΟΣ İstanbul ẞ", ["οδοσ", "istanbul", "ß"]),
            ("e\u0301te\u0301 …“x”", ["ete", "…", "“", "x", "”"]),
            ("한국어 カナ", ["한국어", "カナ"]),
            ("का", ["का"]),
            ("x\u3400y", ["x", "\u3400", "y"]),
            ("\ue000x\u0378y", ["x\u0378y"]),
            (" \n\x00 ", []),
        ],
    )
    def test_rules(self, text, expected):
        assert basic_tokens(text) == [unicodedata.normalize("NFD", token) for token in expected]

    @given(st.text(st.characters(categories=["Lu", "Ll", "Nd", "Po", "Zs"], max_codepoint=0x24F), max_size=60))
    def test_only_space_capitals_and_accents_are_lost(self, text):
        decomposed = "".join(text.split())
        kept = [c for c in unicodedata.normalize("NFD", decomposed) if unicodedata.category(c) != "Mn"]
        assert "".join(basic_tokens(text)) == "".join(c.lower() for c in kept)

    @given(st.text(max_size=80), st.text(max_size=80))
    def test_white_space_separates(self, left, right):
        assert basic_tokens(f"{left} {right}") == basic_tokens(left) + basic_tokens(right)
