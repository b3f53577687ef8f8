"""The real data of these tests, and BERT's vocabulary."""

import pytest

from minibnn.data import WordPiece


@pytest.fixture(scope="session")
def real(real_data):
    """A function from a path below the folder of real data to the full path; without such a path the test is skipped.

    The folder may hold only a part of the data.
    """

    def find(path):
        if not (real_data / path).exists():
            pytest.skip(f"needs {real_data / path}; set MINIBNN_DATA to a folder that has it")
        return real_data / path

    return find


@pytest.fixture(scope="session")
def bert(real):
    return WordPiece.from_file(real("bert-base-uncased/vocab.txt"))
