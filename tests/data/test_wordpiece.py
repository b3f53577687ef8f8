"""WordPiece: BERT's rules, greedy matching and training, each against an independent oracle."""

import os
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibnn.data.basic_tokens import basic_tokens
from minibnn.data.python_help import builtin_text
from minibnn.data.wordpiece import SPECIAL_TOKENS, WordPiece, tidy_spaces
from minibnn.data.wordpiece_training import BASE_ALPHABET, train_pieces
from minibnn.errors import InputError, InputTypeError

DATA = Path(os.environ.get("MINIBNN_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
WIKITEXT = sorted(DATA.glob("wikitext-2-raw/wiki.*.raw"))
SMALL = [*SPECIAL_TOKENS, *"abcun.,-'", "un", "##want", "##ed", "##wanted", "##a", "##b", "ab", "##ab", "aab", "東"]
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
def bert():
    path = DATA / "bert-base-uncased" / "vocab.txt"
    if not path.is_file():
        pytest.skip(f"needs BERT's vocabulary at {path}; set MINIBNN_DATA")
    return WordPiece.from_file(path)


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


@pytest.mark.parity
class TestTokenizersParity:
    @pytest.mark.parametrize("name", ["wiki.train.raw", "wiki.valid.raw", "wiki.test.raw"])
    def test_real_text(self, bert, reference, name):
        path = DATA / "wikitext-2-raw" / name
        if not path.is_file():
            pytest.skip(f"needs {path}; set MINIBNN_DATA")
        text = path.read_text(encoding="utf-8")
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

    def test_saving_again_keeps_the_file(self, bert, tmp_path):
        bert.save(tmp_path / "vocab.txt")
        assert (tmp_path / "vocab.txt").read_bytes() == (DATA / "bert-base-uncased" / "vocab.txt").read_bytes()

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

    def test_missing_file_and_folder(self, tmp_path):
        with pytest.raises(InputError, match=r"cannot read the vocabulary .*nowhere\.txt .*one piece per line"):
            WordPiece.from_file(tmp_path / "nowhere.txt")
        with pytest.raises(InputError, match="cannot write the vocabulary"):
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


def slow_training(texts, vocab_size):
    """The same rule, counting every pair of the corpus anew at every step."""
    counts = Counter(word for text in texts for word in basic_tokens(text) if len(word) <= 100)
    spelled = {word: [word[0], *("##" + c for c in word[1:])] for word in counts}
    single = Counter()
    for word, n in counts.items():
        for piece in spelled[word]:
            single[piece] += n
    others = sorted((-n, piece) for piece, n in single.items() if n > 1 and piece not in BASE_ALPHABET)
    chosen = [piece for _, piece in others[: (vocab_size - 109) // 2]]
    pieces = list(SPECIAL_TOKENS) + sorted(BASE_ALPHABET + chosen)
    spelled = {word: spelling for word, spelling in spelled.items() if all(piece in pieces for piece in spelling)}
    while len(pieces) < vocab_size:
        pairs = Counter()
        for word, spelling in spelled.items():
            for i in range(len(spelling) - 1):
                pairs[spelling[i], spelling[i + 1]] += counts[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            break
        new = best[0] + best[1][2:]
        for word, spelling in spelled.items():
            joined = []
            for piece in spelling:
                if joined and joined[-1] == best[0] and piece == best[1]:
                    joined[-1] = new
                else:
                    joined.append(piece)
            spelled[word] = joined
        if new not in pieces:
            pieces.append(new)
    return pieces


class TestTraining:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.text("aab cdé東.", max_size=40), min_size=1, max_size=6), st.integers(109, 150))
    def test_equals_the_slow_oracle(self, texts, vocab_size):
        if not any(basic_tokens(text) for text in texts):
            texts = [*texts, "a"]
        assert train_pieces(texts, vocab_size) == slow_training(texts, vocab_size)

    def test_equals_the_slow_oracle_on_repeats(self):
        texts = ["aaaa aaaaa aaaaaaa ababab", "banana bananas ananas banana"]
        assert train_pieces(texts, 140) == slow_training(texts, 140)

    def test_equals_the_slow_oracle_on_english(self):
        text = builtin_text()[:12_000]
        assert train_pieces(text, 300) == slow_training([text], 300)

    def test_words_that_encode_gives_up_on_are_not_learnt_from(self):
        assert len(train_pieces("x " + "ab" * 51, 200)) == 109
        assert len(train_pieces("x " + "ab" * 50, 200)) > 109

    def test_pieces_by_hand(self):
        # "##a ##b" occurs five times and is merged first; "x ##ab" and then "##xab"s follow.
        wordpiece = WordPiece.train("xab xab xab yab yab", 111)
        assert wordpiece.tokens[-2:] == ["##ab", "xab"]
        assert wordpiece.tokens[:5] == list(SPECIAL_TOKENS)

    def test_stops_when_nothing_repeats(self):
        assert len(WordPiece.train("once upon", 500)) == 109

    @settings(deadline=None)
    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=100))
    def test_ascii_never_needs_unknown(self, text):
        wordpiece = WordPiece(train_pieces("a corpus", 109))
        ids = wordpiece.encode(text)
        if wordpiece.unknown_id in ids:
            assert max(map(len, basic_tokens(text))) > 100
        else:
            assert "".join(
                wordpiece.tokens[i].removeprefix("##") for i in ids if wordpiece.tokens[i] != "#"
            ) == "".join(basic_tokens(text.replace("#", "")))

    def test_real_text(self):
        if not WIKITEXT:
            pytest.skip(f"needs WikiText below {DATA}; set MINIBNN_DATA")
        text = WIKITEXT[0].read_text(encoding="utf-8")[:300_000]
        wordpiece = WordPiece.train([text], 2000)
        ids = wordpiece.encode(text)
        assert len(wordpiece) == 2000
        assert len(ids) < len(text) / 3.3
        assert ids.count(wordpiece.unknown_id) < 200
        assert WordPiece.train(iter(text.splitlines()), 2000).tokens == wordpiece.tokens

    @pytest.mark.parametrize(
        ("texts", "vocab_size", "message"),
        [
            ("text", 108, "vocab_size is 108, expected an integer of at least 109"),
            ("text", "many", "vocab_size is 'many'"),
            (["", " \n"], 200, "hold no word"),
            ([], 200, "hold no word"),
            (["text", None], 200, "expected texts of type str to train on, got NoneType"),
        ],
    )
    def test_errors(self, texts, vocab_size, message):
        with pytest.raises(InputError, match=message):
            WordPiece.train(texts, vocab_size)
