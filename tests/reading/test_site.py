"""The web site: complete, without dead links, without anything from a network, and escaped."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from reading.clone import LESSONS, PAGE, PAGES, make_clone

from minibnn.errors import InputError
from minibnn.reading.site import write_site

for library in ("markdown_it", "mdit_py_plugins", "latex2mathml", "pygments"):
    pytest.importorskip(library)


class Page(HTMLParser):
    """A page's anchors, links, what it loads, and its tags."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loaded, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"]] if tag == "a" else []
        self.loaded += [
            value for name, value in attributes.items() if name == "src" or (tag == "link" and name == "href")
        ]
        if tag not in ("meta", "link", "img", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}>"


def read_site(folder):
    return {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}


def dead(folder):
    """What the pages of a site link to or load, and is not there."""
    pages = read_site(folder)
    for path, page in pages.items():
        assert page.open == []
        assert len(page.anchors) == len(set(page.anchors)), path
        for target in page.links + page.loaded:
            name, _, anchor = target.partition("#")
            if re.match(r"https?:", target) and target in page.links:
                continue
            if target.startswith("data:"):
                continue
            there = (path.parent / unquote(name)).resolve() if name else path
            if not there.is_file() or (anchor and anchor not in pages[there].anchors):
                yield f"{path.relative_to(folder.resolve())}: {target}"


def text_of(path):
    return path.read_text(encoding="utf-8")


@pytest.fixture
def site(tmp_path):
    lessons = make_clone(tmp_path / "clone")
    write_site(lessons, tmp_path / "site")
    return tmp_path / "site"


def test_a_small_site_has_its_pages_and_no_dead_links(site):
    assert sorted(path.relative_to(site).as_posix() for path in site.rglob("*.*") if path.is_file()) == [
        "07-the-useful-lie.html",
        "errata.html",
        "glossary.html",
        "index.html",
        "source/minibnn/index.html",
        "source/minibnn/step.py.html",
        "style.css",
    ]
    assert list(dead(site)) == []


def test_a_page_is_rendered_escaped_and_its_output_told_from_its_code(site):
    text = text_of(site / "07-the-useful-lie.html")
    assert '<pre class="output" tabindex="0"><code>2\n</code></pre>' in text
    assert '<pre class="code python still"' in text
    assert "<mfrac>" in text
    assert "$x_1" not in text
    assert 'href="https://example.org/a?b=1&amp;c=2"' in text
    assert 'href="source/minibnn/step.py.html#L2"' in text
    assert 'href="glossary.html#step"' in text
    assert '<section class="your-prediction">' in text
    assert "&lt;&amp;&gt;" in text_of(site / "source" / "minibnn" / "step.py.html")


def test_hostile_words_stay_words(tmp_path):
    page = PAGE.replace("The useful lie", "A <script>alert(1)</script> & `<b>`", 1) + '\n<img src=x onerror="y">\n\n'
    lessons = make_clone(tmp_path / "clone", page + "[bad](javascript:alert(1))\n")
    write_site(lessons, tmp_path / "site")
    text = text_of(tmp_path / "site" / "07-the-useful-lie.html")
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert 'href="javascript' not in text


def test_a_link_to_a_heading_of_another_page_of_the_repository_leads_to_its_line(tmp_path):
    lessons = make_clone(tmp_path / "clone", PAGE + "\n[results](../README.md#the-results)\n")
    (tmp_path / "clone" / "README.md").write_text("# A\n\nwords\n\n## The results\n")
    write_site(lessons, tmp_path / "site")
    assert 'href="source/README.md.html#L5"' in text_of(tmp_path / "site" / "07-the-useful-lie.html")
    assert list(dead(tmp_path / "site")) == []


def test_headings_take_no_anchor_of_the_frame(tmp_path):
    lessons = make_clone(tmp_path / "clone", PAGE + "\n## Text\n\n## Theme\n\n## Main\n")
    write_site(lessons, tmp_path / "site")
    assert list(dead(tmp_path / "site")) == []


def test_a_comment_of_the_page_is_not_shown(tmp_path):
    lessons = make_clone(tmp_path / "clone", PAGE.replace("## Your", "<!-- long -->\n\n## Your", 1))
    write_site(lessons, tmp_path / "site")
    assert "long --" not in text_of(tmp_path / "site" / "07-the-useful-lie.html")


def test_files_of_the_repository_can_be_on_the_web(tmp_path):
    lessons = make_clone(tmp_path / "clone")
    write_site(lessons, tmp_path / "site", "https://example.org/blob/main/")
    assert not (tmp_path / "site" / "source").exists()
    text = text_of(tmp_path / "site" / "07-the-useful-lie.html")
    assert 'href="https://example.org/blob/main/minibnn/step.py#L2"' in text


def test_a_site_is_written_over_a_site_and_over_nothing_else(tmp_path):
    lessons = make_clone(tmp_path / "clone")
    write_site(lessons, tmp_path / "site")
    write_site(lessons, tmp_path / "site")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.html").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name, message in (("other", "holds other files"), ("file", "it is a file")):
        with pytest.raises(InputError, match=message):
            write_site(lessons, tmp_path / name)
    assert text_of(tmp_path / "other" / "index.html") == "mine"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("errata.md)", "erata.md)", r"07-the-useful-lie.md:\d+: links to erata.md"),
        ("../minibnn)", "../../..)", "outside of the repository"),
        ("$x_1 >", "$\\sqrt{x_1 >", r"07-the-useful-lie.md: the formula"),
        ("$x_1 >", "$\\fraction{x_1} >", r"07-the-useful-lie.md: the formula"),
    ],
)
def test_what_cannot_be_rendered_is_told(tmp_path, old, new, message):
    assert old in PAGE
    lessons = make_clone(tmp_path / "clone", PAGE.replace(old, new))
    with pytest.raises(InputError, match=message):
        write_site(lessons, tmp_path / "site")


def test_the_site_of_the_lessons_is_whole(tmp_path):
    write_site(LESSONS, tmp_path)
    assert list(dead(tmp_path)) == []
    for page in PAGES:
        text = text_of(tmp_path / f"{page.stem}.html")
        assert text.count('<nav class="pager"') == 1
        assert not re.search(r"\$[^<]*\\(frac|cdot|mathrm)", text)
    assert "localStorage" in text_of(tmp_path / "index.html")
