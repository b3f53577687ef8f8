"""The twenty pages as one book: the map says what each page says, and the glossary and the pages lead to each other."""

import re

import pytest
from reading.clone import LESSONS, PAGES

from minibnn.reading import read_lesson
from minibnn.reading.links import LINK, links_of, slug

ROW = re.compile(r"^\| (\d+) \| \[(.*?)\]\((.*?)\) \| .*? \|([\d, ]*)\| (\d+) \|$", re.MULTILINE)
ENTRY = re.compile(r"^### (.*)\n\n((?:(?!^### ).*\n)*)", re.MULTILINE)


def text_of(name):
    return (LESSONS / name).read_text(encoding="utf-8")


MAP = {
    name: (number, title, needs, minutes) for number, title, name, needs, minutes in ROW.findall(text_of("README.md"))
}

ENTRIES = dict(ENTRY.findall(text_of("glossary.md")))


def words_of(text):
    return " ".join(LINK.sub(r"\2", text).split())


def needs_and_minutes(page):
    """The lessons that a page says one needs (set of int), and its minutes (str)."""
    needs, minutes = re.search(r"\*You need: (.*?) Time: (\d+) minutes\.\*", words_of(text_of(page.name))).groups()
    return {int(number) for number in re.findall(r"\d+", re.sub(r"\(.*?\)", "", needs))}, minutes


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem[:2])
def test_a_page_says_what_the_map_says(page):
    number, title, needs, minutes = MAP[page.name]
    lesson = read_lesson(page)
    assert (int(number), f"{number}. {title.rstrip('?')}") == (lesson.number, lesson.title.rstrip("?"))
    assert needs_and_minutes(page) == ({int(each) for each in re.findall(r"\d+", needs)}, minutes)


def test_nobody_needs_a_later_lesson():
    for page in PAGES:
        assert max(needs_and_minutes(page)[0], default=0) < int(page.stem[:2])


@pytest.mark.parametrize("term", ENTRIES)
def test_the_lesson_that_introduces_a_word_links_to_it_outside_of_the_prediction(term):
    name = re.search(r"\[Lesson \d+\]\((.*?)\)", ENTRIES[term])[1]
    lines = text_of(name).splitlines()
    found = [link.line for link in links_of(LESSONS / name, lines) if link.target == f"glossary.md#{slug(term)}"]
    assert found
    heading = next(line for line in reversed(lines[: found[0]]) if line.startswith("#"))
    assert heading != "## Your prediction"
    assert not lines[found[0] - 1].startswith(">")
