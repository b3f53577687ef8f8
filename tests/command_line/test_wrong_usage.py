"""Mistyped words of the command line: one line that names the nearest one, and exit status 2."""

import pytest

COMMAND = "minibnn: error: there is no command"
MISTYPED = {
    "command": (["trian"], f"{COMMAND} 'trian'; did you mean train?"),
    "command in capitals": (["Info", "tiny"], f"{COMMAND} 'Info'; did you mean info?"),
    "beginning of a command": (["gen", "x"], f"{COMMAND} 'gen'; did you mean generate?"),
    "like no command": (["xyzzy"], f"{COMMAND} 'xyzzy'; see minibnn --help"),
    "option before the command": (["--threads", "2", "info"], f"{COMMAND} '2'; see minibnn --help"),
    "kind": (["train", "txet"], "minibnn train: error: there is no kind 'txet'; did you mean text?"),
    "like no kind": (
        ["train", "--lr", "1", "text"],
        "minibnn train: error: there is no kind '1'; there are image, text",
    ),
    "kind of another family": (
        ["bench", "pakced"],
        "minibnn bench: error: there is no kind 'pakced'; did you mean packed?",
    ),
    "choice": (
        ["show", "x", "--what", "atention"],
        "minibnn show: error: --what: there is no 'atention'; did you mean attention?",
    ),
    "choice of a kind": (
        ["train", "image", "--normalize-over", "chanels"],
        "minibnn train image: error: --normalize-over: there is no 'chanels'; did you mean channels?",
    ),
    "like no choice": (
        ["show", "x", "--what", "7"],
        "minibnn show: error: --what: there is no '7'; there are bits, embedding,",
    ),
    "option": (
        ["train", "text", "--epohcs", "3"],
        "minibnn train text: error: there is no option '--epohcs'; did you mean --epochs?",
    ),
    "option with its value": (
        ["show", "x", "--waht=bits"],
        "minibnn show: error: there is no option '--waht'; did you mean --what?",
    ),
    "hardly like an option": (
        ["train", "text", "--num-heads", "3"],
        "minibnn train text: error: there is no option '--num-heads'; see minibnn train text --help",
    ),
    "like no option": (
        ["demo", "--xyzzy"],
        "minibnn demo: error: there is no option '--xyzzy'; see minibnn demo --help",
    ),
    "too many words": (["pack", "a", "b"], "minibnn pack: error: nothing is expected at 'b'; see minibnn pack --help"),
    "value": (
        ["train", "text", "--epochs", "x"],
        "minibnn train text: error: argument --epochs: expected a whole number of",
    ),
    "nothing": (
        ["compare"],
        "minibnn compare: error: the following arguments are required: RUN; see minibnn compare --help",
    ),
}


@pytest.mark.parametrize("what", MISTYPED)
def test_a_mistyped_word_is_one_line_that_names_the_nearest(what, minibnn):
    arguments, told = MISTYPED[what]
    status, printed, err = minibnn(*arguments)
    assert (status, printed) == (2, "")
    assert err.startswith(told)
    assert len(err.splitlines()) == 1
