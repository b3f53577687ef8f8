"""WordPiece: greedy matching against an independent oracle, places in the text, decoding, and vocabulary files."""

import copy
import itertools
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibnn.data import encoder
from minibnn.data.basic_tokens import basic_tokens
from minibnn.data.wordpiece import SPECIAL_TOKENS, WordPiece, tidy_spaces
from minibnn.errors import InputError, InputTypeError

SMALL = [*SPECIAL_TOKENS, *"abcun.,-'", "un", "##want", "##ed", "##wanted", "##a", "##b", "ab", "##ab", "aab", "東"]

# Pieces that no text gives (capitals, accents, "##" alone, two marks, a lone surrogate), and those that do: as long as
# two registers, longer, in other alphabets, and a Hangul letter that only decomposing brings about.
ODD = [
    *SMALL, "#", "##", "###", "B", "##É", "..", "\ud800", "a b", "b" * 8, "b" * 9, "b" * 16, "b" * 17, "##" + "b" * 30,
    "1", "##1", "a1b", "ж", "##ж", "жж", "\u1112", "##\u1161", "##\u11ab", "😀", "##😀", "é",
]  # fmt: skip
ODD_CHARACTERS = "ab1BжЖ한é😀#.'\n  \x00\x85\ud800\u0301"


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


def slow_pieces(tokens, text):
    return [piece for word in basic_tokens(text) for piece in slow_word(tokens, word)]


small, odd = WordPiece(SMALL), WordPiece(ODD)


class TestEncode:
    @given(st.text("abcdeuntwABU .,-'é東\n", max_size=60))
    def test_equals_the_slow_oracle(self, text):
        assert [SMALL[i] for i in small.encode(text)] == slow_pieces(SMALL, text)

    @settings(max_examples=300)
    @given(
        st.lists(st.sampled_from([*"ab1BжЖ한é😀#.'\n  \x00\x85\ud800\u0301", "b" * 7, "b" * 15, "b" * 90]), max_size=30)
    )
    def test_equals_the_slow_oracle_on_odd_pieces(self, parts):
        text = "".join(parts)
        assert [ODD[i] for i in odd.encode(text)] == slow_pieces(ODD, text)

    @settings(max_examples=60)
    @given(st.lists(st.text("abж#", min_size=1, max_size=4), max_size=40, unique=True), st.text("abж# .", max_size=60))
    def test_equals_the_slow_oracle_for_any_vocabulary(self, pieces, text):
        """Few pieces make small tables, in which many keys want the same row."""
        tokens = [*dict.fromkeys(["[PAD]", "[UNK]", "##", *pieces])]
        assert [tokens[i] for i in WordPiece(tokens).encode(text)] == slow_pieces(tokens, text)

    def test_every_piece_is_found(self, bert):
        for token, i in zip(bert.tokens, range(len(bert)), strict=True):
            if basic_tokens(token) == [token]:
                assert bert.encode(token) == [i]

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
        assert bert.encode_batch([]) == bert.encode_arrays([]) == []
        assert bert.encode_batch(text for text in ["", "hello"]) == [[], [7592]]
        assert (len(bert), bert.pad_id, bert.unknown_id, bert.cls_id, bert.sep_id) == (30522, 0, 100, 101, 102)
        arrays = bert.encode_arrays(["Hello, world!", ""])
        assert [(array.dtype, array.tolist()) for array in arrays] == [
            (np.int32, [7592, 1010, 2088, 999]),
            (np.int32, []),
        ]
        assert type(bert.encode("hello")[0]) is int

    def test_a_copy_encodes_too(self):
        for other in (copy.deepcopy(odd), pickle.loads(pickle.dumps(odd))):
            assert other.encode("aab un") == odd.encode("aab un")


class TestManyTexts:
    @settings(max_examples=60)
    @given(
        st.lists(st.text("ab é東.\n", max_size=40), max_size=12),
        st.integers(1, 3),
        st.integers(1, 40),
        st.integers(1, 80),
    )
    def test_slices_groups_and_threads_change_nothing(self, texts, threads, slice_size, group):
        expected = [small.encode(text) for text in texts]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(encoder, "SLICE", slice_size)
            patch.setattr(encoder, "GROUP", group)
            for threads in (1, 3):
                assert small.encode_batch(texts, threads=threads) == expected
                assert [ids.tolist() for ids in small.encode_arrays(texts, threads=threads)] == expected
            assert [word for found in encoder.words(texts) for word in found] == [
                word for text in texts for word in basic_tokens(text)
            ]

    def test_long_texts_are_cut_at_white_space_and_shared_by_threads(self, monkeypatch):
        monkeypatch.setattr(encoder, "SLICE", 1000)
        text = "ab aab\nunwanted, " * 500 + "a" * 3000
        data, bounds = encoder._utf8([text, "b"])
        stops = encoder._stops(data, bounds)
        sizes = np.diff(stops)
        assert sizes.sum() == len(text) + 3
        assert sizes[:-2].max() < 1100
        assert sizes[-2:].tolist()[1] == 2
        assert all(data[stop - 1 : stop] in (b" ", b"\n") for stop in stops[1:])
        assert small.encode(text) == [*small.encode("ab aab\nunwanted, ") * 500, small.unknown_id]

    @pytest.mark.parametrize("num_texts", [1, 100])
    def test_no_more_memory_than_a_few_times_the_text(self, num_texts):
        """What Python and NumPy take while 17 MB are encoded; the ids are 22 MB."""
        texts = ["unwanted ab, aab b a " * (800_000 // num_texts)] * num_texts
        size = num_texts * len(texts[0])
        small.encode("a")
        tracemalloc.start()
        arrays = small.encode_arrays(texts, threads=2)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        result = sum(array.nbytes for array in arrays)
        assert peak < result + (3 if num_texts == 1 else 1) * size

    @pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True])
    def test_wrong_threads(self, threads):
        with pytest.raises(InputError, match=r"threads is .*, expected an integer of at least 1, or None for all"):
            small.encode_batch(["a"], threads=threads)

    def test_wrong_texts(self):
        with pytest.raises(InputTypeError, match=r"texts\[1\] is of type bytes, expected a str"):
            small.encode_batch(["a", b"a"])
        with pytest.raises(InputTypeError, match="expects a list of str, got one str"):
            small.encode_arrays("ab")


class TestOffsets:
    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("un, unwanted aab", ["un", ",", "un", "wanted", "aab"]),
            ("Ab\tABA", ["Ab", "AB", "A"]),
            ("e\u0301 \x00u\x00n\x00 x", ["e", "u\x00n", "x"]),
            ("東ab😀", ["東", "ab😀"]),
            ("\ud800 a", ["a"]),
            ("é" * 101, ["é" * 101]),
            ("", []),
            (" \n", []),
        ],
    )
    def test_places(self, text, parts):
        ids, offsets = small.encode_with_offsets(text)
        assert [text[start:end] for start, end in offsets] == parts
        assert ids == small.encode(text)
        assert all(type(place) is int for pair in offsets for place in pair)

    def test_pieces_of_one_character_share_its_place(self):
        wordpiece = WordPiece([*SPECIAL_TOKENS, "\u1112", "##\u1161", "##\u11ab", "a"])
        assert wordpiece.encode_with_offsets("a\ud55c") == ([1], [(0, 2)])
        assert wordpiece.encode_with_offsets("a \ud55c") == ([8, 5, 6, 7], [(0, 1), (2, 3), (2, 3), (2, 3)])

    @settings(max_examples=200)
    @given(st.text("abB é東\u0301\u0901\x00.\U0001d165\U0001d16d", max_size=120))
    def test_each_place_holds_its_piece(self, text):
        ids, offsets = odd.encode_with_offsets(text)
        assert ids == odd.encode(text)
        for i, (start, end) in zip(ids, offsets, strict=True):
            assert 0 <= start < end <= len(text)
            if i != odd.unknown_id:
                assert basic_tokens(text[start:end]) == [ODD[i].removeprefix("##")]
        assert offsets == sorted(offsets)
        assert all(left[1] <= right[0] for left, right in itertools.pairwise(offsets))

    def test_wrong_type(self):
        with pytest.raises(InputTypeError, match="expects a str, got bytes"):
            small.encode_with_offsets(b"ab")


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
