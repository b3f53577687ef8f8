"""One Markdown page as HTML: code in colours, outputs told apart from code, formulas as MathML, sections."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest

from minibnn.errors import InputError
from minibnn.reading.lesson import blocks_of, shown_of
from minibnn.reading.links import Link, headings_of
from minibnn.reading.places import shown_path

try:
    from latex2mathml.converter import convert
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import TextLexer, get_lexer_by_name, get_lexer_for_filename
    from pygments.util import ClassNotFound
except ImportError as missing:
    raise InputError(f"web pages need {missing.name}: run  pip install 'minibnn[site]'") from missing

COMMENT = re.compile(r" {0,3}<!--.*-->\s*$")


@dataclass
class Rendered:
    """A page as HTML. `title`; `body`; `headings`: its headings of level 2, a list of (anchor, HTML)."""

    title: str
    body: str
    headings: list = field(default_factory=list)


@dataclass
class _Page:
    """What the rules below need to know of the page that they render."""

    path: object
    resolve: Callable
    anchors: dict  # line of a heading: its anchor
    outputs: set  # first lines of the blocks that show what the block before them prints
    open_section: bool = False


def render(path, lines, resolve):
    """Render a page.

    Args:
        path: of the page, for messages.
        lines: list of str, its text.
        resolve: function of a Link that returns where it leads on the site, a str.

    Returns:
        a Rendered.

    Raises:
        InputError: if a formula cannot be read, or a block does not end.
    """
    blocks = list(blocks_of(path, lines))
    pairs = zip_longest(blocks, blocks[1:])
    outputs = {shown.line for block, behind in pairs if (shown := shown_of(block, behind))}
    fenced = {row for block in blocks for row in range(block.line - 1, block.end + 1)}
    text = [
        "" if COMMENT.match(line) and row not in fenced else line for row, line in enumerate(lines, 1)
    ]  # comments are for readers of the source
    headings = headings_of(path, text)
    page = _Page(path, resolve, {line: anchor for line, _, _, anchor in headings}, outputs)
    parser = _parser(page)
    body = parser.render("\n".join(text)) + ("</section>\n" if page.open_section else "")
    title = next((words for _, level, words, _ in headings if level == 1), path.stem)
    second = [(anchor, parser.renderInline(words)) for _, level, words, anchor in headings if level == 2]
    return Rendered(re.sub(r"[`*]", "", title), body, second)


def _parser(page):
    """markdown-it with our rules, for one page."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.use(dollarmath_plugin, allow_space=False, allow_digits=False, renderer=lambda text, _: _formula(text, page))
    add = parser.add_render_rule
    for name in ("fence", "heading_open", "heading_close", "table_open", "table_close", "link_open", "image"):
        rule = globals()[f"_{name}"]
        add(name, lambda self, tokens, index, options, env, rule=rule: rule(self, tokens, index, page))
    return parser


def _formula(text, page):
    try:
        mathml = convert(text)
    except Exception:  # a parser of others, whose errors are of many kinds
        mathml = "\\"
    if "\\" in mathml or text.count("{") != text.count("}"):  # it also copies what it does not know
        raise InputError(f"{shown_path(page.path)}: the formula ${text}$ cannot be read; check its braces and commands")
    letters = r'(?:<mi mathvariant="normal">[^<&]</mi>){2,}'  # of \mathrm: a word, not a product
    mathml = re.sub(letters, lambda match: f"<mi>{re.sub('<[^>]*>', '', match[0])}</mi>", mathml)
    return re.sub(r"(<m[io]>[a-z]{2,}</m[io]>)(?=<m[in]>)", r'\1<mspace width="0.17em"/>', mathml)  # log p, not logp


def _fence(renderer, tokens, index, page):
    token = tokens[index]
    language, *marks = token.info.split() or ["text"]
    if token.map[0] + 2 in page.outputs:
        return f'<pre class="output" tabindex="0"><code>{html.escape(token.content)}</code></pre>\n'
    if language == "console":
        shown = re.sub(r"^\$ ", '<span class="prompt">$ </span>', html.escape(token.content), flags=re.MULTILINE)
    else:
        shown = coloured(token.content, language)
    still = " still" if ".noeval" in marks else ""
    return f'<pre class="code {html.escape(language)}{still}" tabindex="0"><code>{shown}</code></pre>\n'


def _heading_open(renderer, tokens, index, page):
    token = tokens[index]
    anchor = page.anchors.get(token.map[0] + 1, "")
    before = ""
    if token.tag == "h2":
        before = ("</section>\n" if page.open_section else "") + f'<section class="{anchor}">\n'
        page.open_section = True
    return f'{before}<{token.tag} id="{anchor}">'


def _heading_close(renderer, tokens, index, page):
    token = tokens[index]
    anchor = page.anchors.get(tokens[index - 2].map[0] + 1, "")
    link = f' <a class="here" href="#{anchor}" aria-label="Link to this section">#</a>' if token.tag != "h1" else ""
    return f"{link}</{token.tag}>\n"


def _table_open(renderer, tokens, index, page):
    return '<div class="table" tabindex="0"><table>\n'


def _table_close(renderer, tokens, index, page):
    return "</table></div>\n"


def _link_open(renderer, tokens, index, page):
    link = Link(0, "", tokens[index].attrGet("href"))
    return f'<a href="{html.escape(page.resolve(link))}">'


def _image(renderer, tokens, index, page):
    token = tokens[index]
    source = page.resolve(Link(0, token.content, token.attrGet("src"), picture=True))
    words = " ".join(renderer.renderInlineAsText(token.children, renderer.rules, {}).split())
    return f'<img src="{html.escape(source)}" alt="{html.escape(words)}" loading="lazy">'


def coloured(code, language="python", filename=None):
    """Code as HTML in colours, by the name of its language or of its file; plain where that is unknown."""
    try:
        options = {"stripnl": False, "ensurenl": False}
        lexer = get_lexer_for_filename(filename, **options) if filename else get_lexer_by_name(language, **options)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False, ensurenl=False)
    return highlight(code, lexer, HtmlFormatter(nowrap=True))
