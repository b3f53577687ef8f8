"""WikiText, the built-in text, and rows of ids."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibnn.data.python_help import TOPICS, clean_topic, table_as_lines
from minibnn.data.text import builtin_text, sentence_rows, split_text, token_blocks
from minibnn.data.wikitext import (
    Article,
    Paragraph,
    join_marks,
    parse_wikitext,
    read_wikitext,
    running_text,
    sentences,
    split_sentences,
)
from minibnn.errors import InputError, InputTypeError

DATA = Path(os.environ.get("MINIBNN_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
SAMPLE = """
 = First Article =

 Opening text , with a Dr. Who . It has two sentences .

 = = History = =

 = = = Early = = =

 In 1 @,@ 900 it was well @-@ known .
 = 1 henry and capacitance C =
 1 farad .

 = = = Late = = =


 = = Legacy = =

 Last words .


 = Second =

 Note : Pos


 = Position ; GP =

 Games played in ; G
"""


@pytest.fixture(scope="module")
def wikitext():
    folder = DATA / "wikitext-2-raw"
    if not folder.is_dir():
        pytest.skip(f"needs WikiText at {folder}; set MINIBNN_DATA")
    return folder


class TestParse:
    def test_structure(self):
        first, second = parse_wikitext(SAMPLE.split("\n"))
        assert first == Article(
            "First Article",
            [
                Paragraph("Opening text , with a Dr. Who . It has two sentences ."),
                Paragraph("In 1 @,@ 900 it was well @-@ known .", ("History", "Early")),
                Paragraph("= 1 henry and capacitance C =", ("History", "Early")),
                Paragraph("1 farad .", ("History", "Early")),
                Paragraph("Last words .", ("Legacy",)),
            ],
        )
        assert second.title == "Second"
        assert [p.text for p in second.paragraphs] == ["Note : Pos", "= Position ; GP =", "Games played in ; G"]

    def test_a_title_may_hold_a_semicolon_or_follow_a_heading_without_text(self):
        lines = [" = A = ", "", " Text . ", "", "", " = Steins ; Gate = ", "", " = = Plot = = ", "", " = B ; C = ", ""]
        assert [article.title for article in parse_wikitext(lines)] == ["A", "Steins ; Gate", "B ; C"]

    def test_only_text_without_a_stop_turns_a_heading_into_a_definition(self):
        lines = [
            " = A = ",
            "",
            " Text ",
            "",
            " = = Plot = = ",
            "",
            "",
            " = B ; C = ",
            "",
            " Text ",
            "",
            " = D ; E = ",
            "",
        ]
        assert [article.title for article in parse_wikitext(lines)] == ["A", "B ; C"]

    @pytest.mark.parametrize("lines", [["", " = A = ", " b "], [" b ", " = A = ", ""], [" b ", " = A = ", " c "]])
    def test_a_heading_needs_an_empty_line_on_each_side(self, lines):
        (article,) = parse_wikitext(lines)
        assert article.title == ""
        assert [p.text for p in article.paragraphs] == [line.strip() for line in lines if line]

    def test_unbalanced_signs_are_text(self):
        assert [p.text for p in parse_wikitext(["", " = = A = ", ""])[0].paragraphs] == ["= = A ="]

    def test_text_before_the_first_title_has_no_title(self):
        assert parse_wikitext([" Some text . "]) == [Article("", [Paragraph("Some text .")])]

    def test_running_text(self):
        assert running_text(parse_wikitext(SAMPLE.split("\n"))) == (
            "First Article\n\nOpening text , with a Dr. Who . It has two sentences .\n\nHistory\n\nEarly\n\n"
            "In 1,900 it was well-known .\n\n= 1 henry and capacitance C =\n\n1 farad .\n\nLegacy\n\nLast words .\n\n\n"
            "Second\n\nNote : Pos\n\n= Position ; GP =\n\nGames played in ; G"
        )

    @given(st.lists(st.text("ab .=;\n", max_size=8), max_size=12))
    def test_no_word_is_lost_or_invented(self, lines):
        lines = [part for line in lines for part in line.split("\n")]
        read = " ".join(running_text(parse_wikitext(lines)).split()).replace("=", "")
        original = " ".join(" ".join(lines).split()).replace("=", "")
        if "a" not in original and "b" not in original:
            return
        headings = {a.title for a in parse_wikitext(lines)} | {
            h for a in parse_wikitext(lines) for p in a.paragraphs for h in p.headings
        }
        assert set(re.findall("[ab]+", read)) <= set(re.findall("[ab]+", original))
        if headings <= {""}:
            kept = [p.text for a in parse_wikitext(lines) for p in a.paragraphs]
            assert [t for t in kept if "=" not in t] == [t.strip() for t in lines if t.strip() and "=" not in t]


class TestSentences:
    @pytest.mark.parametrize(
        ("paragraph", "expected"),
        [
            ("A b . C d ? E ! F", ["A b .", "C d ?", "E !", "F"]),
            (
                "Dr. Who met J. Smith of the U.S. Army . He left .",
                ["Dr. Who met J. Smith of the U.S. Army .", "He left ."],
            ),
            ('He said " I know . " Then " go ! " he said .', ['He said " I know . "', 'Then " go ! " he said .']),
            ('It ended . " We won , " he said .', ["It ended .", '" We won , " he said .']),
            ("One ( two . Three . ) four . Five .", ["One ( two . Three . ) four .", "Five ."]),
            ("An open ( bracket . Next .", ["An open ( bracket .", "Next ."]),
            ("They use Yahoo ! for it . So .", ["They use Yahoo ! for it .", "So ."]),
            ("Canadians . . . would rather . Yes .", ["Canadians . . . would rather .", "Yes ."]),
            ("A 3 @.@ 5 @-@ inch gun of 1 @,@ 000 kg .", ["A 3.5-inch gun of 1,000 kg ."]),
            (". . . ‡", []),
            ("", []),
        ],
    )
    def test_cases(self, paragraph, expected):
        assert split_sentences(paragraph) == expected

    @given(st.lists(st.sampled_from([".", "!", "?", '"', "'", "(", ")", ",", "A", "b", "C3", "@-@"]), max_size=30))
    def test_sentences_together_are_the_paragraph(self, tokens):
        paragraph = " ".join(tokens)
        joined = join_marks(paragraph).split()
        rest = iter(joined)
        for sentence in split_sentences(paragraph):
            assert all(token in rest for token in sentence.split())
        words = [token for token in joined if any(c.isalnum() for c in token)]
        kept = [token for s in split_sentences(paragraph) for token in s.split() if any(c.isalnum() for c in token)]
        assert kept == words


class TestRead:
    @pytest.mark.parametrize(
        ("split", "articles", "first", "last"),
        [
            ("train", 52, "Valkyria Chronicles III", "Species of Allosaurus"),
            ("valid", 60, "Homarus gammarus", "Rakie Ayola"),
            ("test", 29, "Robert Boulter", "The Snowmen"),
        ],
    )
    def test_real_articles(self, wikitext, split, articles, first, last):
        read = read_wikitext(wikitext, split)
        assert (len(read), read[0].title, read[-1].title) == (articles, first, last)
        assert all(article.title and article.paragraphs for article in read)
        assert read_wikitext(wikitext / f"wiki.{split}.raw") == read

    def test_real_text_is_complete(self, wikitext):
        lines = (wikitext / "wiki.test.raw").read_text(encoding="utf-8").split("\n")
        articles = read_wikitext(wikitext, "test")
        texts = [p.text for article in articles for p in article.paragraphs]
        assert texts == [s for line in lines if (s := line.strip()) and (not s.startswith("= ") or s in texts)]
        assert len([text for text in texts if text.startswith("= ")]) == 2

    def test_real_sentences(self, wikitext):
        found = sentences(read_wikitext(wikitext, "valid"))
        assert 7_500 < len(found) < 8_500
        assert sum(s.endswith((".", '. "', "?", "!", ")")) for s in found) > 0.95 * len(found)
        assert max(len(s.split()) for s in found) < 250
        assert not any("@-@" in s for s in found)

    def test_tokens_file_and_preference_for_raw(self, tmp_path):
        (tmp_path / "wiki.train.tokens").write_bytes(b" \r\n = T = \r\n \r\n the <unk> . \r\n")
        assert read_wikitext(tmp_path) == [Article("T", [Paragraph("the <unk> .")])]
        (tmp_path / "wiki.train.raw").write_text(" = R = \n\n text \n")
        assert read_wikitext(tmp_path)[0].title == "R"

    def test_other_line_separators_are_text(self, tmp_path):
        (tmp_path / "wiki.test.raw").write_text(" = T = \n\n one\u2028two\x85three \n", encoding="utf-8")
        assert len(read_wikitext(tmp_path, "test")[0].paragraphs) == 1

    def test_errors(self, tmp_path):
        with pytest.raises(InputError, match=r"nowhere does not exist; expected a folder that holds wiki\.train\.raw"):
            read_wikitext(tmp_path / "nowhere")
        with pytest.raises(InputError, match=r"neither wiki\.valid\.raw nor wiki\.valid\.tokens; found: nothing"):
            read_wikitext(tmp_path, "valid")
        with pytest.raises(InputError, match="split is 'validation', expected one of train, valid, test"):
            read_wikitext(tmp_path, "validation")
        (tmp_path / "wiki.train.raw").write_text(" \n \n")
        with pytest.raises(InputError, match="holds no text"):
            read_wikitext(tmp_path)
        with pytest.raises(InputError, match=r"found: wiki\.train\.raw"):
            read_wikitext(tmp_path, "test")
        (tmp_path / "wiki.train.raw").write_bytes(b" = T = \n\n caf\xe9 \n")
        with pytest.raises(InputError, match="not UTF-8 text: bad byte at offset 13"):
            read_wikitext(tmp_path)


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
        assert 150 < len(sections) == len(set(sections))
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
        with pytest.raises(InputError, match=r"the text has 1 lines, too few to take 0\.1"):
            split_text("only one line", 0.1)
        with pytest.raises(InputError, match="fraction is 1, expected a number between 0 and 1"):
            split_text("a\nb", 1)
        with pytest.raises(InputTypeError, match="expects a str, got list"):
            split_text(["a"], 0.1)


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

    def test_errors(self):
        with pytest.raises(InputError, match="text has 0 tokens; one block of length 4 needs 5"):
            token_blocks([], 4)
        with pytest.raises(InputError, match="length is 0, expected an integer of at least 1"):
            token_blocks([1, 2], 0)
        with pytest.raises(InputTypeError, match=r"flat sequence of integer ids, got shape \(2, 2\)"):
            token_blocks([[1, 2], [3, 4]], 1)
        with pytest.raises(InputTypeError, match="dtype float64"):
            token_blocks([0.5, 1.5], 1)
        with pytest.raises(InputTypeError, match="encode the text first"):
            token_blocks("text", 1)
        with pytest.raises(InputError, match="there are 0 sentences"):
            sentence_rows([], 4, 0, 2, 3)
        with pytest.raises(InputError, match="length is 1, expected an integer of at least 2"):
            sentence_rows([[1]], 1, 0, 2, 3)
        with pytest.raises(InputTypeError, match=r"got shape \(\)"):
            sentence_rows([1, 2], 4, 0, 2, 3)
