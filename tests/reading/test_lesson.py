"""Running a page: what is not so is told with its line, and nothing else is."""

import pytest

from minibnn.errors import InputError
from minibnn.reading import read_lesson, run_lesson

TRUE = """\
# 7. A lie

```python
x = 2
```

```python
print(x)
print(x + 1)
```

```text
2
3
```

```python .noeval
x = undefined
```

```text
this follows no block that runs
```

````python
print("```")
````
```text
```
```
"""
FALSE = {
    "another output": (("\n3\n", "\n4\n"), 14, "the page shows '4', the code prints '3'"),
    "a line of output too many": (("\n3\n", "\n3\n5\n"), 15, "3 lines of output, and the code prints less: 2"),
    "a line of output missing": (("\n3\n", "\n"), 14, "1 lines of output, and the code prints more: 2"),
    "no output shown": (("```text\n2\n3\n```\n", ""), 8, "prints '2', and no text block behind it"),
    "output shown elsewhere": (("```\n\n```text\n2", "```\n\nprose\n\n```text\n2"), 8, "no text block behind it"),
    "an output that is not printed": (("x = 2\n```", "x = 2\n```\n\n```text\n1\n```"), 8, "1 lines of output"),
    "a block that raises": (("print(x + 1)", "print(x + y)"), 9, "NameError: name 'y' is not defined"),
    "an error deep inside": (("print(x + 1)", "import json; json.loads('}')"), 9, "JSONDecodeError"),
    "a block that is no Python": (("print(x + 1)", "print(x +"), 9, "SyntaxError"),
    "a block that ends Python": (("print(x + 1)", "exit(3)"), 9, "SystemExit: 3"),
}


def page(tmp_path, text, name="07-a-lie.md"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_true_page_has_no_differences(tmp_path):
    lesson = read_lesson(page(tmp_path, TRUE.replace("```text\n```\n```\n", "```text\n```\n").replace('"```"', '""')))
    assert run_lesson(lesson) == []
    assert (lesson.number, lesson.title, lesson.name, lesson.long) == (7, "7. A lie", "A lie", False)


@pytest.mark.parametrize("name", FALSE)
def test_a_false_page_is_told_with_its_line(name, tmp_path):
    (old, new), line, message = FALSE[name]
    assert TRUE.count(old) == 1
    lesson = read_lesson(page(tmp_path, TRUE.split("````")[0].replace(old, new)))
    first = run_lesson(lesson)[0]
    assert (first.line, message in first.message) == (line, True), str(first)
    assert str(first).startswith(f"{lesson.path}:{line}: ")


def test_a_page_goes_on_after_a_wrong_output_and_stops_at_an_exception(tmp_path):
    blocks = (f"```python\n{code}\n```\n\n" for code in ("print(1)", "print(2)", "1 / 0", "print(3)"))
    found = run_lesson(read_lesson(page(tmp_path, "# 7. A\n\n" + "".join(blocks))))
    assert [difference.line for difference in found] == [4, 8, 12]


def test_a_page_without_blocks_is_true(tmp_path):
    assert run_lesson(read_lesson(page(tmp_path, "# 7. A\n\nwords\n"))) == []


def test_the_mark_of_a_long_page_is_found_in_its_first_lines_only(tmp_path):
    assert read_lesson(page(tmp_path, "# 7. A\n\n<!-- long -->\n")).long
    assert not read_lesson(page(tmp_path, "# 7. A\n" + "\n" * 20 + "<!-- long -->\n")).long


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("words\n", "07-a.md", "has no heading"),
        ("# 7. A\n\n```python\n1\n", "07-a.md", ":3: this block does not end"),
        ("# 7. A\n", "7-a.md", "is not a lesson"),
    ],
)
def test_a_page_that_cannot_be_read_is_told_in_a_sentence(text, name, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read_lesson(page(tmp_path, text, name))


def test_a_page_that_is_not_text_is_told_in_a_sentence(tmp_path):
    (tmp_path / "07-a.md").write_bytes(b"# 7. \xff\n")
    with pytest.raises(InputError, match="not text in UTF-8"):
        read_lesson(tmp_path / "07-a.md")
