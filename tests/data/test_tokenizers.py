"""The same ids and places as the `tokenizers` package gives, except for characters listed here with the reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibnn.data.encoder import words

pytestmark = pytest.mark.parity

# Marks and format characters younger than its tables (Unicode 8, 2015): it keeps them as letters.
YOUNG_MARKS = """
    7FD 890-891 898-89F 8CA-8E2 9FE AFA-AFF B55 C04 C3C D00 D3B-D3C D81 EBA 180F 1885-1886 1ABF-1ACE 1DF6-1DFB A82C A8C5
    A8FF A9BD 10D24-10D27 10EAB-10EAC 10F46-10F50 10F82-10F85 11070 11073-11074 110C2 110CD 111CF 1123E 1133B
    11438-1143F 11442-11444 11446 1145E 1182F-11837 11839-1183A 1193B-1193C 1193E 11943 119D4-119D7 119DA-119DB 119E0
    11A01-11A0A 11A33-11A38 11A3B-11A3E 11A47 11A51-11A56 11A59-11A5B 11A8A-11A96 11A98-11A99 11C30-11C36 11C38-11C3D
    11C3F 11C92-11CA7 11CAA-11CB0 11CB2-11CB3 11CB5-11CB6 11D31-11D36 11D3A 11D3C-11D3D 11D3F-11D45 11D47 11D90-11D91
    11D95 11D97 11EF3-11EF4 13430-13438 16F4F 16FE4 1CF00-1CF2D 1CF30-1CF46 1E000-1E006 1E008-1E018 1E01B-1E021
    1E023-1E024 1E026-1E02A 1E130-1E136 1E2AE 1E2EC-1E2EF 1E944-1E94A
"""
# Punctuation as young: it does not cut there.
YOUNG_PUNCTUATION = """
    61D 9FD A76 C77 C84 1B7D-1B7E 2E43-2E4F 2E52-2E5D 10EAD 10F55-10F59 10F86-10F89 1144B-1144F 1145A-1145B 1145D
    11660-1166C 116B9 1183B 11944-11946 119E2 11A3F-11A46 11A9A-11A9C 11A9E-11AA2 11C41-11C45 11C70-11C71 11EF7-11EF8
    11FFF 12FF1-12FF2 16E97-16E9A 16FE2 1E95E-1E95F
"""
# A symbol that was punctuation, a vowel sign that was a mark, a mark that was punctuation, and a vowel sign that
# decomposes since Unicode 13.
CHANGED = "166D 1734 111C9 11938"
# Capitals of Unicode 15 to 17: it makes them small, since it lower-cases by the tables of its compiler.
YOUNG_CAPITALS = "1C89 A7CB-A7CC A7CE A7D2 A7D4 A7DA A7DC 10D50-10D65 16EA0-16EB8"
# BERT isolates U+2B820 to U+2CEAF; its range begins at U+2B920.
IDEOGRAPHS = "2B820-2B91F"


def expand(ranges):
    ends = [item.partition("-") for item in ranges.split()]
    return {chr(i) for first, _, last in ends for i in range(int(first, 16), int(last or first, 16) + 1)}


LISTED = expand(YOUNG_MARKS + YOUNG_PUNCTUATION + CHANGED + " " + IDEOGRAPHS)
DIFFERENT = LISTED | expand(YOUNG_CAPITALS)
REORDERED = "\U0001d165\U0001d16d"  # musical marks that NFD puts before or after others


@pytest.fixture(scope="session")
def reference(bert):
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {token: i for i, token in enumerate(bert.tokens)}
    model = tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return tokenizer


@pytest.mark.parametrize("name", ["wiki.train.raw", "wiki.valid.raw", "wiki.test.raw"])
def test_real_text(bert, reference, real, name):
    text = real(f"wikitext-2-raw/{name}").read_text(encoding="utf-8")
    expected = reference.encode(text)
    assert bert.encode_with_offsets(text) == (expected.ids, expected.offsets)
    lines = text.split("\n")
    assert bert.encode_batch(lines) == [e.ids for e in reference.encode_batch_fast(lines)]


@settings(max_examples=300)
@given(text=st.text(st.characters(exclude_categories=["Cs"]).filter(lambda c: c not in DIFFERENT), max_size=60))
def test_any_text(bert, reference, text):
    expected = reference.encode(text)
    assert bert.encode_with_offsets(text) == (expected.ids, expected.offsets)


@settings(max_examples=400)
@given(text=st.text(" abAé\u0301\u0901\u0131İΣς'\u2019.-[]#$東カ한\x00\x0b\x85\xa0\u200b\u2028\ufffd1½", max_size=130))
def test_awkward_text(bert, reference, text):
    expected = reference.encode(text)
    assert bert.encode_with_offsets(text) == (expected.ids, expected.offsets)


@settings(max_examples=200)
@given(text=st.text("aé \u0301\u0901\U0001d15f" + REORDERED, max_size=30))
def test_marks_that_change_places(bert, reference, text):
    """The ids are the same; of places, `tokenizers` loses track here."""
    assert bert.encode(text) == reference.encode(text).ids


def test_every_character(reference):
    """Characters between two letters, of all planes that have any but private ones and more ideographs."""
    points = [chr(i) for i in range(0x32000) if not 0xD800 <= i < 0xF900 and not 0x4E00 <= i < 0x9F00]
    points += [chr(i) for i in range(0xE0000, 0xE1000)]
    different = set()
    for start in range(0, len(points), 500):
        chunk = points[start : start + 500]
        if theirs(reference, chunk) != ours(chunk):
            different |= {c for c in chunk if theirs(reference, [c]) != ours([c])}
    assert different <= DIFFERENT, sorted(hex(ord(c)) for c in different - DIFFERENT)
    assert different >= LISTED, sorted(hex(ord(c)) for c in LISTED - different)


def ours(points):
    return [word for found in words([" ".join(f"a{c}b" for c in points)]) for word in found]


def theirs(reference, points):
    normal = reference.normalizer.normalize_str(" ".join(f"a{c}b" for c in points))
    return [token for token, _ in reference.pre_tokenizer.pre_tokenize_str(normal)]
