"""Building a vocabulary: against an oracle that counts every pair anew at every step."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibnn.data.basic_tokens import basic_tokens
from minibnn.data.python_help import builtin_text
from minibnn.data.wordpiece import SPECIAL_TOKENS, WordPiece
from minibnn.data.wordpiece_training import BASE_ALPHABET, train_pieces
from minibnn.errors import InputError


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

    def test_real_text(self, real):
        text = real("wikitext-2-raw/wiki.test.raw").read_text(encoding="utf-8")[:300_000]
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
            (["text", None], 200, r"texts\[1\] is of type NoneType, expected a str"),
        ],
    )
    def test_errors(self, texts, vocab_size, message):
        with pytest.raises(InputError, match=message):
            WordPiece.train(texts, vocab_size)
