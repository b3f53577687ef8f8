"""A small clone to run commands in."""

import pytest
from reading.clone import make_clone


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """The folder of lessons of a clone with one lesson, in which one stands."""
    lessons = make_clone(tmp_path)
    monkeypatch.chdir(tmp_path)
    return lessons
