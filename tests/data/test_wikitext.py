"""WikiText: articles, running text and sentences."""

import errno
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from minibnn.errors import InputError

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


@pytest.fixture(scope="session")
def wikitext(real):
    return real("wikitext-2-raw")


def refuse(path, *arguments, **options):
    """What the operating system answers to a user without the right to read; these tests may run as root."""
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


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
        with pytest.raises(InputError, match=r"holds no text; expected WikiText articles; .*again"):
            read_wikitext(tmp_path)
        with pytest.raises(InputError, match=r"found: wiki\.train\.raw; name the folder"):
            read_wikitext(tmp_path, "test")
        (tmp_path / "wiki.train.raw").write_bytes(b" = T = \n\n caf\xe9 \n")
        with pytest.raises(InputError, match=r"not UTF-8 text: bad byte at offset 13; .*UTF-8"):
            read_wikitext(tmp_path)

    @pytest.mark.parametrize("method", ["open", "is_file", "is_dir"])
    def test_what_must_not_be_read_is_named(self, tmp_path, monkeypatch, method):
        path = tmp_path / "wiki.train.raw"
        path.write_text(" = T = \n\n text \n")
        monkeypatch.setattr(Path, method, refuse)
        with pytest.raises(InputError, match=r"cannot read .*: Permission denied; .*chmod") as caught:
            read_wikitext(tmp_path if method == "is_dir" else path)
        assert str(tmp_path) in str(caught.value)
