"""The lessons themselves: each tells the truth, has the form of a lesson, and shows the figures that it draws."""

import functools
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from reading.clone import ERRATA, LESSONS, PAGES, is_long

from minibnn.reading import read_lesson
from minibnn.reading.links import dead_links, headings_of, links_of, masked
from minibnn.reading.running import run_alone

PARAMETERS = [pytest.param(p, id=p.stem[:2], marks=pytest.mark.slow if is_long(p) else ()) for p in [*PAGES, ERRATA]]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem[:2])
LAST = ["What was surprising", "Exercise", "Summary", "In the package"]
FORMULA = re.compile(r"(?<![\w$\\])\$(?![\s$])([^$\n]+?)(?<!\s)\$(?![\w$])")
SLACK = 1.5  # of the allowed time, for slower machines


@functools.cache
def outcome(page):
    """Of running a page; once more where kernels may have been compiled."""
    lesson = read_lesson(page)
    first = run_alone(lesson, seconds=900)
    return first if first.differences or first.seconds <= allowed(page) else run_alone(lesson, seconds=900)


def allowed(page):
    return 180 if is_long(page) else 10


@pytest.fixture(scope="module")
def outcome_of(request):
    """`outcome`; of all short pages that are asked for, two run at a time, where there are two cores."""
    asked = {item.callspec.params["page"] for item in request.session.items if "outcome_of" in item.fixturenames}
    pool = ThreadPoolExecutor(min(2, os.cpu_count()))
    futures = {page: pool.submit(outcome, page) for page in sorted(asked) if not is_long(page)}
    yield lambda page: futures[page].result() if page in futures else outcome(page)
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("page", PARAMETERS)
def test_a_page_shows_what_its_code_prints_and_draws(page, outcome_of):
    assert "\n".join(map(str, outcome_of(page).differences)) == ""


@pytest.mark.parametrize("page", PARAMETERS)
def test_a_page_takes_no_longer_than_it_may(page, outcome_of):
    assert outcome_of(page).seconds <= SLACK * allowed(page)


@each_page
def test_a_page_has_the_form_of_a_lesson(page):
    lesson, text = read_lesson(page), page.read_text(encoding="utf-8")
    headings = headings_of(page)
    second = [words for _, level, words, _ in headings if level == 2]
    assert [words for _, level, words, _ in headings if level == 1] == [lesson.title]
    assert lesson.title.startswith(f"{lesson.number}. ")
    assert second[0] == "Your prediction"
    assert second[-4:] == LAST
    before = text[: text.index("## Your prediction")]
    assert re.search(r"^> \*\*Question\.\*\* ", before, re.MULTILINE)
    assert re.search(r"\*You need: .*? Time: \d+ minutes\.\*", " ".join(before.split()))
    parts = dict(re.findall(r"^## (.*)\n((?:(?!^## ).*\n?)*)", text, re.MULTILINE))
    assert "**" in parts["What was surprising"]
    assert f"```console\n$ minibnn check {lesson.number}\n```" in parts["Exercise"]
    assert len(re.findall(r"^- ", parts["Summary"], re.MULTILINE)) == 3
    targets = [link.target for link in links_of(page, parts["In the package"].splitlines())]
    assert any(target.startswith("../minibnn/") for target in targets)
    assert lesson.number == 20 or any(target.startswith(f"{lesson.number + 1:02}-") for target in targets)


@each_page
def test_a_page_is_plain_markdown(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > 120] == []
    assert not lines[0].startswith("---"), "no front matter"
    prose = masked(page, lines)
    assert re.findall(r"<(?!!--)[a-zA-Z/][^>]*>", FORMULA.sub("", prose)) == [], "no HTML"
    assert re.findall(r"/home/\S*|/work/\S*|/tmp/\S*", "\n".join(lines)) == [], "no paths of a machine"


@each_page
def test_the_formulas_of_a_page_are_what_github_understands(page):
    prose = masked(page, page.read_text(encoding="utf-8").splitlines())
    formulas = FORMULA.findall(prose)
    assert [f for f in formulas if re.search(r"\\\{|\\\\|\\begin|[|*]", f)] == []
    rest = [(n, line) for n, line in enumerate(FORMULA.sub("", prose).splitlines(), 1) if "$" in line]
    assert rest == [], "these dollars begin or end no formula on their line"


@each_page
def test_the_links_of_a_page_lead_somewhere(page):
    assert "\n".join(map(str, dead_links(page))) == ""


@each_page
def test_a_page_shows_one_to_three_figures_of_its_own_and_says_what_they_say(page):
    shown = {link.target: link.text for link in links_of(page) if link.picture}
    own = [target for target in shown if re.fullmatch(rf"figures/{page.stem[:2]}-[\w-]+\.svg", target)]
    assert 1 <= len(own) <= 3
    assert all(len(shown[target].split()) >= 6 for target in own), "the words behind ! are for who does not see it"
    drawn = re.findall(r'^ *with draw\("([^"]+)"', page.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(f"figures/{name}.svg" for name in drawn) == sorted(own)


@pytest.mark.parametrize("figure", sorted((LESSONS / "figures").glob("*.svg")), ids=lambda path: path.stem)
def test_a_figure_has_a_page_and_no_date(figure):
    text = figure.read_text(encoding="utf-8")
    assert "<dc:date>" not in text, "draw it anew: minibnn lessons NN --figures"
    assert len(text) < 400_000
    assert any(f"(figures/{figure.name})" in page.read_text(encoding="utf-8") for page in PAGES)


PLACES = [LESSONS / "README.md", LESSONS / "errata.md", LESSONS / "glossary.md", *sorted(LESSONS.glob("paper/*.md"))]


@pytest.mark.parametrize("page", PLACES, ids=lambda path: path.stem)
def test_the_links_of_the_pages_around_lead_somewhere(page):
    assert "\n".join(map(str, dead_links(page))) == ""


def test_the_map_and_the_pages_agree():
    rows = re.findall(r"^\| (\d+) \| \[(.*)\]\((.*)\) \| .*\| (\d+) \|$", (LESSONS / "README.md").read_text(), re.M)
    on_map = [(int(number), title, name, int(minutes)) for number, title, name, minutes in rows]
    assert [row[0] for row in on_map] == list(range(1, 21))
    for page in PAGES:
        lesson = read_lesson(page)
        minutes = re.search(r"Time: (\d+)\s+minutes", page.read_text(encoding="utf-8"))
        assert on_map[lesson.number - 1] == (lesson.number, lesson.name, page.name, int(minutes[1]))


def test_the_glossary_is_in_order_and_each_entry_names_a_lesson():
    page = LESSONS / "glossary.md"
    words = [words for _, level, words, _ in headings_of(page) if level == 3]
    assert words == sorted(words, key=str.lower)
    assert len(words) == len(set(words))
    text = page.read_text(encoding="utf-8")
    entries = re.split(r"^### .*\n", text, flags=re.MULTILINE)[1:]
    assert [words[i] for i, entry in enumerate(entries) if not re.search(r"\[Lesson \d+\]\(\d\d-", entry)] == []
    assert set(re.findall(r"^\| ([A-Z]) \|", text, re.MULTILINE)) == set("BTDNKVHWCFU")
    numbers = re.findall(r"\[[Ll]esson (\d+)\]\((\d\d)-", text)
    assert [pair for pair in numbers if int(pair[0]) != int(pair[1])] == []
