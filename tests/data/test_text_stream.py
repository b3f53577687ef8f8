"""Text shown while it is written is the text decoded at the end, and is not held back without need."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibnn.data.basic_tokens import SPECIAL_TOKENS
from minibnn.data.text_stream import TextStream
from minibnn.data.wordpiece import WordPiece

ENDINGS = ["##r", "##s", "##e", "##l", "##0", "##00", "##x", "##", "##'", '##"', "##.", "##,"]
WORDS = ["foo", "ba", "don", "t", "s", "re", "r", "l", "ll", "v", "m", "d", *"0123", "00", "000", "é", "٣", "_", '"foo']
PIECES = [*SPECIAL_TOKENS, *WORDS, *ENDINGS, *"'\u2019,.:;!?%$()[]{}-\"#"]
WORDPIECE = WordPiece(PIECES)


def parts_of(ids):
    stream = TextStream(WORDPIECE)
    return [*(stream.add(i) for i in ids), stream.rest()]


# What can change a text at its end: contractions, numbers, and marks in pairs or between words.
GROUPS = ["don ' \u2019 t s r ##e l ##l ##s foo", "1 0 00 000 ##0 ##00 ##x , . :", "foo ##r \" ( ) [ - , ' s 1"]
FOCUSED = st.sampled_from(GROUPS).flatmap(lambda group: st.lists(st.sampled_from(group.split()), max_size=10))


@settings(max_examples=1500)
@given(st.one_of(FOCUSED, FOCUSED, st.lists(st.sampled_from(PIECES), max_size=14)).map(lambda p: map(PIECES.index, p)))
def test_the_parts_together_are_the_decoded_text(ids):
    ids = list(ids)
    assert "".join(parts_of(ids)) == WORDPIECE.decode(ids)


def test_a_long_text_is_the_same():
    pieces = ["foo", "ba", "##r", ",", '"', "don", "'", "t", "foo", '"', ".", "1", ",", "000", "-", "ba", "s", "[SEP]"]
    ids = [PIECES.index(piece) for piece in pieces] * 40
    assert "".join(parts_of(ids)) == WORDPIECE.decode(ids)


@pytest.mark.parametrize(
    ("pieces", "parts"),
    [
        ("foo ba ##r s", ["foo", " ba", "r", " s", ""]),
        ("foo . ba", ["foo", ".", " ba", ""]),
        ("[CLS] foo [UNK] ( s )", ["", "foo", "", " (", "s", ")", ""]),
        ("##r ##s", ["##r", "s", ""]),
        ("don ' t foo", ["don", "", "", "'t foo", ""]),
        ("don ' ba", ["don", "", " ' ba", ""]),
        ("ba - s", ["ba", "", "-s", ""]),
        ("1 , 000 , foo", ["1", ",", "", "000,", " foo", ""]),
        ("1 , 0 ##00 ##0 s", ["1", ",", "", "", " 0000", " s", ""]),
        ("1 , 0 ##00 s", ["1", ",", "", "", "000 s", ""]),
        ("1 , 00 ##0 s", ["1", ",", "", "", "000 s", ""]),
        ("don ' l ##l s", ["don", "", "", "", "'ll s", ""]),
        ('foo " ba s " ba', ["foo", ' "', "", "", 'ba s"', " ba", ""]),
        ('" ba s', ['"', "", "", " ba s"]),
    ],
)
def test_a_part_is_held_back_only_while_it_could_change(pieces, parts):
    assert parts_of(PIECES.index(piece) for piece in pieces.split()) == parts
