"""BERT's uncased rules: by hand, and against the `tokenizers` package on every character."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibnn.data.basic_tokens import basic_tokens

# Where this Python's Unicode and that of tokenizers differ; see minibnn/data/basic_tokens.py. The last two ranges are
# capitals of Unicode 16 and 17, which tokenizers already knows.
YOUNG_RANGES = """
    61D 7FD 890-891 897-89F 8CA-8E2 9FD-9FE A76 AFA-AFF B55 C04 C3C C77 C84 CDC D00 D3B-D3C D81 EBA ECE 166D 1734 180F
    1885-1886 1ABF-1AEB 1B4E-1B4F 1B7D-1B7F 1C89 1DF6-1DFB 2E43-2E5D A7CB-A7DC A82C A8C5 A8FF A9BD
    10D50-10D65 16EA0-16EB8
"""


def is_young(c):
    """Above U+10D00 nearly all characters are young: those count whose category matters. Below, they are listed."""
    if c >= "\U00010d00":
        category = unicodedata.category(c)
        if category in ("Mn", "Mc", "Cf", "Lu") or category[0] == "P" or 0x2B820 <= ord(c) <= 0x2B91F:
            return True
    ends = [item.partition("-") for item in YOUNG_RANGES.split()]
    return any(int(first, 16) <= ord(c) <= int(last or first, 16) for first, _, last in ends)


@pytest.fixture(scope="session")
def reference(bert):
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {token: i for i, token in enumerate(bert.tokens)}
    model = tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return tokenizer


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


@pytest.mark.parity
class TestTokenizersParity:
    @pytest.mark.parametrize("name", ["wiki.train.raw", "wiki.valid.raw", "wiki.test.raw"])
    def test_real_text(self, bert, reference, real, name):
        text = real(f"wikitext-2-raw/{name}").read_text(encoding="utf-8")
        assert bert.encode(text) == reference.encode(text).ids

    @settings(max_examples=300)
    @given(text=st.text(st.characters(exclude_categories=["Cs"]).filter(lambda c: not is_young(c)), max_size=60))
    def test_any_text(self, bert, reference, text):
        assert bert.encode(text) == reference.encode(text).ids

    @settings(max_examples=200)
    @given(text=st.text(" abAé\u0301\u0131İΣς'\u2019.-[]#$東カ\x00\x0b\x85\xa0\u200b\u2028\ufffd1½", max_size=130))
    def test_awkward_text(self, bert, reference, text):
        assert bert.encode(text) == reference.encode(text).ids

    def test_every_code_point(self, reference):
        """The only characters treated differently are those that `is_young` names."""
        points = [chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000 and unicodedata.category(chr(i)) != "Co"]
        points = [c for c in points if not "\u4e00" <= c <= "\u9fff" and not "\uac00" <= c <= "\ud7a3"]
        points = [c for c in points if c < "\U00030000" or c > "\U000dffff"]
        different = []
        for start in range(0, len(points), 2000):
            chunk = [c for c in points[start : start + 2000] if c != "\n"]
            if self.theirs(reference, " ".join(f"a{c}b" for c in chunk)) != basic_tokens(
                " ".join(f"a{c}b" for c in chunk)
            ):
                different += [c for c in chunk if self.theirs(reference, f"a{c}b") != basic_tokens(f"a{c}b")]
        assert [hex(ord(c)) for c in different if not is_young(c)] == []
        assert 300 < len(different) < 1500

    @staticmethod
    def theirs(reference, text):
        normal = reference.normalizer.normalize_str(text)
        return [token for token, _ in reference.pre_tokenizer.pre_tokenize_str(normal)]
