"""All pages of the web site, and the files that they show or link to."""

import html
import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from minibnn.errors import InputError
from minibnn.files import readable, replacing
from minibnn.reading.lesson import find_lessons, read_lines
from minibnn.reading.links import dead_links, headings_of
from minibnn.reading.places import shown_path

HERE = Path(__file__).parent
MARK = '<meta name="generator" content="minibnn lessons">'
BEFORE = ("README.md",)  # the lessons come next, and then
AFTER = ("errata.md", "glossary.md", "paper/algorithm-*.md")


@dataclass
class Site:
    """A site that is being written. `folder`: of the lessons; `target`: of the site; `sources`: where files are."""

    folder: Path
    target: Path
    source_url: str | None = None
    wanted: list = field(default_factory=list)  # files and folders of the repository that a page links to
    pictures: set = field(default_factory=set)

    @property
    def root(self):
        """The folder of the repository."""
        return self.folder.parent

    def name_of(self, place):
        """The page of the site that shows a file or a folder of the repository: its path from the site's, a str."""
        if place.suffix == ".md" and place.is_relative_to(self.folder):
            name = place.relative_to(self.folder).with_suffix(".html").as_posix()
            return "index.html" if name == "README.html" else name
        within = place.relative_to(self.root).as_posix()
        return f"source/{within}/index.html" if place.is_dir() else f"source/{within}.html"

    def leads_to(self, link, page, own):
        """Where a Link of the file `page`, shown as `own`, leads on the site: a str; notes what must be there."""
        if link.outside:
            return link.target
        place, anchor = link.place(page)
        if not place.is_relative_to(self.root):
            raise InputError(f"{shown_path(page)} links to {link.target}, which lies outside of the repository")
        behind = f"#{anchor}" if anchor else ""
        if link.picture:
            self.pictures.add(place)
            return relative(self.picture_name(place), own)
        name = self.name_of(place)
        if name.startswith("source/"):
            if self.source_url is not None:
                return f"{self.source_url.rstrip('/')}/{place.relative_to(self.root).as_posix()}{behind}"
            self.wanted.append(place)
            if place.suffix == ".md" and anchor:  # it is shown as it is written, so that its lines are its anchors
                behind = next(f"#L{line}" for line, _, _, known in headings_of(place) if known == anchor)
        return behind if name == own and behind else relative(name, own) + behind

    def picture_name(self, place):
        """Where a picture lies on the site."""
        if place.is_relative_to(self.folder):
            return place.relative_to(self.folder).as_posix()
        return f"source/{place.relative_to(self.root).as_posix()}"

    def write(self, name, text):
        """Write one file of the site, a str or bytes."""
        path = self.target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as draft:
            draft.write_bytes(text if isinstance(text, bytes) else text.encode())


def relative(name, own):
    """The path of one file of the site as a link of another."""
    return posixpath.relpath(name, posixpath.dirname(own) or ".")


def write_site(folder, target, source_url=None):
    """Write all lessons as web pages; returns how many pages were written.

    Args:
        folder: of the lessons.
        target: folder of the site; new, empty, or one that was written before.
        source_url: where the repository's files can be seen, such as https://github.com/NAME/minibnn/blob/main; None
            puts coloured copies of those that are linked to into the site.

    Raises:
        InputError: if a library is missing, a link leads nowhere, or `target` holds something else.
    """
    from minibnn.reading.site.rendering import render

    site = Site(Path(folder).resolve(), Path(target), source_url)
    paths = pages_of(site.folder)
    _check_links(paths)
    _check_target(site.target)
    ways = _ways(site.folder, paths)
    for path in paths:
        own = site.name_of(path)
        page = render(path, read_lines(path), lambda link, path=path, own=own: site.leads_to(link, path, own))
        site.write(own, _framed(own, page.title, _article(page, own, ways.get(path, ()), site)))
    count = len(paths) + _write_sources(site)
    for picture in site.pictures:
        site.write(site.picture_name(picture), picture.read_bytes())
    site.write("style.css", (HERE / "style.css").read_text(encoding="utf-8"))
    return count


def pages_of(folder):
    """The pages of the site, in order: the map, the lessons, and what they lean on."""
    lessons = [lesson.path for lesson in find_lessons(folder)]
    around = [[path for name in names for path in sorted(folder.glob(name))] for names in (BEFORE, AFTER)]
    return [*around[0], *lessons, *around[1]]


def _check_links(paths):
    dead = [difference for path in paths for difference in dead_links(path)]
    if dead:
        more = f" (and {len(dead) - 1} more such links)" if len(dead) > 1 else ""
        raise InputError(f"{shown_path(dead[0].path)}:{dead[0].line}: {dead[0].message}{more}")


def _check_target(target):
    """Make the folder, or raise InputError if it holds something that is not a site of ours."""
    index = target / "index.html"
    with readable(target):
        if target.exists() and not target.is_dir():
            raise InputError(f"cannot write the site to {target}: it is a file; name a new folder")
        ours = index.is_file() and MARK in index.read_text(encoding="utf-8", errors="replace")
        if target.is_dir() and any(target.iterdir()) and not ours:
            raise InputError(f"{target} holds other files, and the site needs a folder of its own: name a new one")
        target.mkdir(parents=True, exist_ok=True)


def _ways(folder, paths):
    """{page: (page before or None, page behind or None)} along the lessons, and along the algorithms."""
    ways = {}
    lessons = [lesson.path for lesson in find_lessons(folder)]
    for chain in (lessons, [path for path in paths if path.parent.name == "paper"]):
        around = zip([None, *chain], chain, [*chain[1:], None], strict=False)
        ways |= {path: (before, behind) for before, path, behind in around}
    return ways


def _article(page, own, way, site):
    """The page's text with its table of contents and the ways to its neighbours."""
    entries = "".join(f'<li><a href="#{anchor}">{words}</a></li>' for anchor, words in page.headings)
    contents = aside = ""
    if len(page.headings) > 1 and not own.startswith("glossary"):
        contents = f'<details class="contents"><summary>On this page</summary><ol>{entries}</ol></details>'
        aside = f'<nav class="contents" aria-label="On this page"><p>On this page</p><ol>{entries}</ol></nav>'
    head, close, rest = page.body.partition("</h1>\n")
    body = f"{head}{close}{contents}{rest}" if close else contents + head
    return f'{aside}<main id=":text"><article>{body}</article>{_pager(own, way, site)}</main>'


def _pager(own, way, site):
    """Links to the page before and the page behind."""
    links = []
    for path, words, kind in zip(way, ("Previous", "Next"), ("prev", "next"), strict=False):
        if path is not None:
            title = next(line[2:] for line in read_lines(path) if line.startswith("# "))
            href = relative(site.name_of(path), own)
            links.append(f'<a rel="{kind}" href="{href}"><span>{words}</span>{html.escape(title)}</a>')
    return f'<nav class="pager" aria-label="Other pages">{"".join(links)}</nav>' if links else ""


def _framed(own, title, content):
    """A whole page of the site."""
    frame = Template((HERE / "page.html").read_text(encoding="utf-8"))
    home = relative("index.html", own)[: -len("index.html")]
    name = "minibnn lessons" if own == "index.html" else f"{title} · minibnn lessons"
    kind = own.split("/")[0] if "/" in own else "text home" if own == "index.html" else "text"
    return frame.substitute(title=html.escape(name), home=home, content=content, kind=kind, mark=MARK)


def _write_sources(site):
    """Write a coloured copy of each file that is linked to, and a list of each folder; returns how many."""
    done = set()
    while site.wanted:
        place = site.wanted.pop()
        if place in done:
            continue
        done.add(place)
        own = site.name_of(place)
        inside = place.relative_to(site.root).as_posix()
        body = _folder_body(site, place, own) if place.is_dir() else _file_body(place)
        title = f'<h1 class="path">{html.escape(inside)}</h1>'
        site.write(own, _framed(own, inside, f'<main id=":text">{title}{body}</main>'))
    return len(done)


def _folder_body(site, place, own):
    """A list of the files of a folder that can be read as text, each a page of its own."""
    paths = [path for path in sorted(place.iterdir()) if path.is_file() and path.suffix in (".py", ".md", ".toml")]
    site.wanted += [path for path in paths if site.name_of(path).startswith("source/")]
    links = "".join(
        f'<li><a href="{relative(site.name_of(path), own)}">{html.escape(path.name)}</a></li>' for path in paths
    )
    return f"<ul>{links}</ul>"


def _file_body(place):
    """A text file in colours, each line with its number as its anchor."""
    from minibnn.reading.site.rendering import coloured

    rows = coloured("\n".join(read_lines(place)), filename=place.name).split("\n")
    lines = "".join(
        f'<span class="row" id="L{number}"><a href="#L{number}">{number}</a>{row or " "}\n</span>'
        for number, row in enumerate(rows, 1)
    )
    return f'<pre class="code listing" tabindex="0"><code>{lines}</code></pre>'
