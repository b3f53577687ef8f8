"""WikiText: good and featured Wikipedia articles as plain text (Merity et al., arXiv 1609.07843).

The files hold one paragraph per line, tokenised: punctuation stands apart (" , " and " . ") and three marks replace
what was inside a word or number: " @-@ " a hyphen, " @,@ " a comma, " @.@ " a point. A title looks like " = Title = ",
a section " = = Section = = ", a subsection " = = = Subsection = = = ", each with an empty line before and after.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from minibnn.errors import InputError
from minibnn.files import readable

SPLITS = ("train", "valid", "test")
_HEADING = re.compile(r"((?:= )+)(.+?)((?: =)+)")
_OPEN_BRACKETS = ("(", "[")
_CLOSED_BRACKETS = (")", "]")
_CLOSING = ('"', "'", "”", "\u2019", *_CLOSED_BRACKETS)
_MARK = re.compile(r" @([-,.])@ ")


@dataclass(frozen=True)
class Paragraph:
    """One paragraph: its `text` (str, as in the file) and the `headings` above it (tuple of str, outermost first)."""

    text: str
    headings: tuple[str, ...] = ()


@dataclass
class Article:
    """One article: its `title` (str; empty if the file starts amid an article) and its `paragraphs`, in order."""

    title: str
    paragraphs: list[Paragraph] = field(default_factory=list)


def read_wikitext(root_or_file, split="train"):
    """Read the articles of one split, as a list of `Article`.

    Args:
        root_or_file: a folder that holds wiki.<split>.raw or wiki.<split>.tokens (.raw is preferred), or such a file.
        split: "train", "valid" or "test"; not looked at when a file is given.

    Raises InputError if the folder, the file or the split does not exist or must not be read, or if the file is empty
    or not UTF-8.
    """
    with readable(root_or_file):
        path = find_file(Path(root_or_file), split)
        articles = parse_wikitext(_lines(path))
    if not articles:
        raise InputError(f"{path} holds no text; expected WikiText articles; fetch or unpack the file again")
    return articles


def parse_wikitext(lines):
    """The articles in `lines` (iterable of str), as a list of `Article`. Sections without text leave no trace."""
    articles, headings = [], []
    for line, level in _with_level(line.strip() for line in lines):
        if level == 1:
            articles.append(Article(title=_HEADING.fullmatch(line)[2]))
            headings = []
        elif level:
            headings = [*headings[: level - 2], _HEADING.fullmatch(line)[2]]
        elif line:
            if not articles:
                articles.append(Article(title=""))
            articles[-1].paragraphs.append(Paragraph(line, tuple(headings)))
    return articles


def raw_articles(lines):
    """The articles in `lines` (iterable of str), unchanged: yields a list of lines for each, which together are all.

    What precedes the first title belongs to the first article; the empty line before a later one to the one before it.
    """
    unread, article, has_title = deque(), [], False

    def stripped():
        for line in lines:
            unread.append(line)
            yield line.strip()

    for _, level in _with_level(stripped()):
        if not unread:  # the empty line that _with_level adds at the end
            break
        if level == 1 and has_title:
            yield article
            article = []
        has_title = has_title or level == 1
        article.append(unread.popleft())
    if article:
        yield article


def running_text(articles):
    """All articles as one str: title, headings and paragraphs, with the "@-@" marks joined.

    An empty line stands between paragraphs, two between articles, which is where `split_text` cuts.
    """
    return "\n\n\n".join("\n\n".join(_blocks(article)) for article in articles)


def sentences(articles):
    """All sentences of the paragraphs (not of titles and headings), with the "@-@" marks joined, as a list of str."""
    return [s for article in articles for paragraph in article.paragraphs for s in split_sentences(paragraph.text)]


def split_sentences(paragraph):
    """Cut one WikiText paragraph (str) into sentences (list of str).

    Tokenising has set the stop of a sentence apart (" . ") and left the one of an abbreviation where it was ("Dr."), so
    a lone ".", "!" or "?" ends a sentence, together with the closing quotes and brackets after it. Three exceptions:
    within brackets nothing ends, provided that the paragraph closes as many as it opens; neither does it before a word
    in lower case or before another mark ("Yahoo ! is", " . , "); and a straight quote after the stop closes only if one
    is open in this paragraph. What follows the last stop is a sentence too; what holds no letter or digit is none.
    """
    found, sentence, depth, in_quotes = [], [], 0, False
    tokens = join_marks(paragraph).split()
    has_pairs = sum(t in _OPEN_BRACKETS for t in tokens) == sum(t in _CLOSED_BRACKETS for t in tokens)
    for i, token in enumerate(tokens):
        sentence.append(token)
        depth += (token in _OPEN_BRACKETS) - (token in _CLOSED_BRACKETS)
        in_quotes ^= token == '"'
        following = tokens[i + 1] if i + 1 < len(tokens) else ""
        if not (depth and has_pairs) and _stop_before(sentence) and not _belongs_to_stop(following, in_quotes):
            found.append(" ".join(sentence))
            sentence = []
    found.append(" ".join(sentence))
    return [s for s in found if any(c.isalnum() for c in s)]


def join_marks(text):
    """Undo the marks within words and numbers: "one @-@ bit" becomes "one-bit", "1 @,@ 024" becomes "1,024"."""
    return _MARK.sub(r"\1", text)


def _stop_before(sentence):
    """Whether the sentence (list of tokens) ends in a stop, which closing quotes and brackets may follow."""
    for token in reversed(sentence):
        if token not in _CLOSING:
            return token in (".", "!", "?")
    return False


def _belongs_to_stop(token, in_quotes):
    """Whether the sentence goes on with `token` after a stop."""
    if token == '"':
        return in_quotes
    return bool(token) and (token in _CLOSING or token[0].islower() or token[0] in ".,;:!?/")


def _blocks(article):
    """Title, then each paragraph, preceded by those of its headings that are new."""
    blocks, above = [article.title] if article.title else [], ()
    for paragraph in article.paragraphs:
        shared = 0
        while shared < len(above) and above[: shared + 1] == paragraph.headings[: shared + 1]:
            shared += 1
        blocks += [*paragraph.headings[shared:], paragraph.text]
        above = paragraph.headings
    return [join_marks(block) for block in blocks]


def _with_level(lines):
    """Yield (line, level): 1 for a title, 2 and more for a section, 0 for text and empty lines.

    A line that looks like a heading is text if
    - the line before or after it is not empty: formulas leave " = 1 henry and capacitance C = " amid a paragraph; or
    - it lists definitions: " = Position ; GP = " is left of "Pos = Position ; GP = Games played" in the legend of a
      table. Like a title it stands between empty lines, but it holds a ";" and what precedes it ends without a stop.
    """
    before, last_text, waiting = "", "", None
    for line in _then_an_empty_line(lines):
        if waiting is not None:
            level = 0 if line or (" ; " in waiting and last_text[-1:].isalnum()) else _level(waiting)
            last_text = "" if level else waiting
            yield waiting, level
            waiting, before = None, "text"
        if _level(line) and not before:
            waiting = line
        else:
            yield line, 0
            last_text = line or last_text
            before = line


def _then_an_empty_line(lines):
    yield from lines
    yield ""


def _level(line):
    match = _HEADING.fullmatch(line)
    return match[1].count("=") if match and match[1].count("=") == match[3].count("=") else 0


def find_file(path, split):
    """The file of a split in the folder `path` (Path), or `path` if it is a file; InputError if there is neither."""
    if path.is_file():
        return path
    if split not in SPLITS:
        raise InputError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
    names = [f"wiki.{split}.raw", f"wiki.{split}.tokens"]
    if not path.is_dir():
        raise InputError(f"{path} does not exist; expected a folder that holds {' or '.join(names)}, or such a file")
    for name in names:
        if (path / name).is_file():
            return path / name
    found = sorted(entry.name for entry in path.iterdir())
    listing = ", ".join(found[:10]) + (", ..." if len(found) > 10 else "") if found else "nothing"
    raise InputError(f"{path} holds neither {' nor '.join(names)}; found: {listing}; name the folder that holds them")


def _lines(path):
    """Yield the lines of a UTF-8 file; only "\\n" ends a line, as WikiText holds Unicode's other separators as text."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path} is not UTF-8 text: bad byte at offset {offset + error.start}; save it as UTF-8"
                ) from None
            offset += len(line)
