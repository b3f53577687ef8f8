"""Small runs to use and compare, trained once for all tests here that ask for them, and a way to run commands."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from minibnn.cli import main


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory):
    """A folder with runs of two epochs: text, sentences (on a tiny WikiText); image, twin (three drawn dishes).

    At the end, the checkpoints that `trained` shares must be what they were.
    """
    root = tmp_path_factory.mktemp("trained")
    (root / "wiki").mkdir()
    for split in ("train", "valid", "test"):
        text = " = Bread = \n \n Bread is made of flour . It is baked , or fried ; rye is a flour . \n"
        (root / "wiki" / f"wiki.{split}.raw").write_text(text * 12)
    text = ["text", "--data", root / "wiki", "--vocab-size", 120, "--max-len", 12, "--epochs", 2]
    image = ["image", "--per-class", 4, "--classes", "pizza,sushi,burger", "--image-size", 16, "--epochs", 2]
    image += ["--batch-size", 4]
    runs = {"text": text, "sentences": [*text, "--sentences"], "image": image, "twin": [*image, "--standard"]}
    for name, arguments in runs.items():
        every = ["--checkpoint-every", 3]
        assert main([str(a) for a in ["train", *arguments, *every, "--out-dir", root / "runs" / name]]) == 0
    shared = {path: digest(path) for path in root.rglob("*") if is_shared(path)}
    assert shared
    yield root
    assert {path: digest(path) for path in shared} == shared, "a test wrote into a checkpoint of all tests"


def is_shared(path):
    """Whether copies of a run may share this file: a checkpoint, by far the largest, and never written into."""
    return path.suffix == ".npz" and path.parent.name == "checkpoints"


def digest(path):
    return hashlib.sha256(path.read_bytes()).digest()


def link_or_copy(source, target):
    return os.link(source, target) if is_shared(Path(source)) else shutil.copy2(source, target)


@pytest.fixture
def trained(trained_once, tmp_path):
    """A copy of the runs of `trained_once`, to change; of a checkpoint, change a copy: it is the same file for all."""
    return shutil.copytree(trained_once / "runs", tmp_path / "runs", copy_function=link_or_copy)


@pytest.fixture
def minibnn(capsys):
    """(exit status, standard output, standard error) of `minibnn ARGUMENTS`."""

    def command(*arguments):
        capsys.readouterr()
        try:
            status = main([str(a) for a in arguments])
        except SystemExit as error:  # argparse
            status = error.code
        out = capsys.readouterr()
        return status, out.out, out.err

    return command
