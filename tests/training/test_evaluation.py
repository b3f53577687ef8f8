"""What `measure_images` and `measure_text` find, against plain loops and figures worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibnn.autograd import Tensor
from minibnn.data import WordPiece
from minibnn.errors import InputError
from minibnn.training import Examples, evaluate
from minibnn.training.confusion import save_confusion
from minibnn.training.evaluation import (
    ImageFigures,
    TextFigures,
    bytes_of_running_text,
    bytes_of_sentences,
    measure_images,
    measure_text,
    shares_of_rows,
)
from minibnn.training.runs import padded_sentences, running_rows

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "##b", ".", "ß", "e", "\u2014", "\U0001f408"]


class Table:
    """A model whose logits are rows of a table, found by what it is given: an example's number, or a token."""

    def __init__(self, rows):
        self.rows = np.asarray(rows, np.float32)

    def logits(self, x):
        return Tensor(self.rows[x])


def numbered(labels):
    return Examples(np.arange(len(labels)), np.asarray(labels))


@given(st.data())
def test_figures_of_images_are_those_of_plain_loops(data):
    classes, count = data.draw(st.integers(2, 7)), data.draw(st.integers(1, 12))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    rows, labels = rng.integers(-2, 3, (count, classes)), rng.integers(0, classes, count)
    k = data.draw(st.integers(1, 9))
    found = measure_images(Table(rows), numbered(labels), batch_size=data.draw(st.integers(1, 5)), k=k)

    loss, hits, top_hits, confusion = 0.0, 0, 0, [[0] * classes for _ in range(classes)]
    for row, label in zip(rows.tolist(), labels.tolist(), strict=True):
        loss += math.log(sum(math.exp(z) for z in row)) - row[label]
        ranked = sorted(range(classes), key=lambda c: -row[c])  # stable: the first of equals wins
        hits += ranked[0] == label
        top_hits += label in ranked[: max(1, min(k, classes - 1))]
        confusion[label][ranked[0]] += 1
    assert found.loss == pytest.approx(loss / count, rel=1e-5)
    assert found.accuracy == pytest.approx(hits / count)
    assert (found.top_k, found.k) == (pytest.approx(top_hits / count), max(1, min(k, classes - 1)))
    np.testing.assert_array_equal(found.confusion, confusion)


def test_a_model_that_always_says_the_same_fills_one_column():
    labels = [0, 0, 1, 2, 2, 2]
    found = measure_images(Table([[0, 0, 9, 0]] * 6), numbered(labels))
    assert found.confusion[:, 2].tolist() == [2, 1, 3, 0]
    assert found.confusion.sum() == 6
    np.testing.assert_array_equal(found.class_accuracy, [0, 0, 1, np.nan])
    assert found.worst_confusions() == [(0, 2, 2, 1.0), (1, 2, 1, 1.0)]


def test_worst_confusions_come_by_their_share_of_the_class():
    figures = ImageFigures(0, 0, 1, 0, np.array([[90, 9, 1], [3, 5, 2], [0, 0, 0]]))
    assert figures.worst_confusions(3) == [(1, 0, 3, 0.3), (1, 2, 2, 0.2), (0, 1, 9, 0.09)]


def test_figures_agree_with_evaluate(classifier, images, bigram, text):
    found, expected = measure_images(classifier, images), evaluate(classifier, images)
    assert (found.loss, found.accuracy) == pytest.approx((expected["loss"], expected["accuracy"]))
    assert classifier.trainable
    bigram.table.data[...] = np.random.default_rng(0).normal(size=(5, 5))
    found, expected = measure_text(bigram, text), evaluate(bigram, text)
    assert (found.loss, found.accuracy) == pytest.approx((expected["loss"], expected["accuracy"]))
    assert found.perplexity == pytest.approx(expected["perplexity"])


@pytest.mark.parametrize("by_length", [False, True])
def test_padding_is_left_out_and_counted_beside(by_length):
    """The model gives each next token probability 1/2, and padding 1/8."""
    rows = np.log(np.array([[1 / 8, 1 / 2, 3 / 8]] * 3))
    labels = np.array([[1, 1, 1, 0], [1, 0, 0, 0]])
    found = measure_text(Table(rows), Examples(labels, labels, ignore=0, by_length=by_length), batch_size=1)
    assert (found.loss, found.tokens) == (pytest.approx(math.log(2)), 4)
    assert (found.accuracy, found.perplexity) == (1, pytest.approx(2))
    assert found.padded.loss == pytest.approx((4 * math.log(2) + 4 * math.log(8)) / 8)
    assert (found.padded.accuracy, found.padded.tokens, found.padded.padded) == (0.5, 8, None)


def test_without_padding_there_is_one_set_of_figures():
    labels = np.array([[1, 2], [2, 1]])
    assert measure_text(Table(np.eye(3)), Examples(labels, labels, ignore=0)).padded is None


def test_images_and_text_are_told_apart():
    labels = np.array([[1, 2]])
    with pytest.raises(InputError, match="one label for each example"):
        measure_images(Table(np.eye(3)), Examples(labels, labels))
    with pytest.raises(InputError, match="a label for each token"):
        measure_text(Table(np.eye(3)), numbered([1, 2]))


def test_bits_per_byte_by_hand():
    """Four tokens of probability 1/8 each need 3 bits each: 12 bits for 6 bytes."""
    assert TextFigures(math.log(8), 0, 4).bits_per_byte(6) == pytest.approx(2)
    assert TextFigures(1, 0, 4).bits_per_byte(0) == math.inf


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("a b a", 2, (4, 0)),  # " b" and " a": the first a is given
        ("a b a", 1, (4, 0)),
        ("a b a b", 2, (4, 0)),  # the last b is left over: a row has two
        ("  a   b .\n", 2, (6, 0)),  # space belongs to what follows it; behind the last token it is nobody's
        ("A BB É", 3, (6, 0)),  # capitals and accents count as they are written: " B", "B", " É" of 3 bytes
        ("a ß", 1, (3, 0)),  # two bytes in UTF-8, and its space
        ("a \u2014", 1, (4, 0)),
        ("a \U0001f408", 1, (5, 0)),
        ("a zz b", 2, (2, 1)),  # [UNK] stands for no byte
        ("a \U0001f600 b", 2, (2, 1)),
    ],
)
def test_bytes_of_running_text(text, length, expected):
    wordpiece = WordPiece(PIECES)
    assert bytes_of_running_text(text, wordpiece, length) == expected
    rows = running_rows(text, wordpiece, length)
    assert int((rows[:, 1:] == wordpiece.unknown_id).sum()) == expected[1]


@pytest.mark.parametrize(
    ("sentences", "length", "expected"),
    [
        (["a b", "b."], 4, (5, 0)),  # from the first token on, since [CLS] is given; [SEP] stands for nothing
        (["a b a b"], 3, (3, 0)),  # cut: [CLS] a b [SEP]
        (["zz a", ""], 4, (2, 1)),
    ],
)
def test_bytes_of_sentences(sentences, length, expected):
    wordpiece = WordPiece(PIECES)
    assert bytes_of_sentences(sentences, wordpiece, length) == expected
    rows = padded_sentences(sentences, wordpiece, length)
    assert int((rows[:, 1:] == wordpiece.unknown_id).sum()) == expected[1]


@given(st.text(alphabet="ab. ézß\n", min_size=1, max_size=30))
def test_all_bytes_up_to_the_last_token_are_counted_once(text):
    wordpiece = WordPiece([*PIECES, "z", "##a", "##e", "##z", "##ß"])
    ids, offsets = wordpiece.encode_with_offsets(text)
    if len(ids) > 1:
        counted, unknown = bytes_of_running_text(text, wordpiece, 1)
        assert unknown == ids[1:].count(wordpiece.unknown_id)
        if not unknown:
            assert counted == len(text[offsets[0][1] : offsets[-1][1]].encode())


def test_shares_of_a_class_without_examples_are_nan():
    np.testing.assert_array_equal(shares_of_rows(np.array([[1, 3], [0, 0]])), [[0.25, 0.75], [np.nan, np.nan]])


@pytest.mark.parametrize("classes", [2, 20, 21])
def test_the_picture_of_a_confusion_matrix(classes, tmp_path):
    pytest.importorskip("matplotlib")
    confusion = np.eye(classes, dtype=int) * 3
    confusion[0, 1], confusion[1] = 1, 0
    names = [f"class_{number}" for number in range(classes - 1)] + ["$\u4e00^$"]
    save_confusion(confusion, names, tmp_path / "confusion.svg", "Title")
    drawn = (tmp_path / "confusion.svg").read_text()
    assert "class 0  4" in drawn if classes <= 20 else "class 0<" in drawn
    assert (">75<" in drawn) == (classes <= 20)
    with pytest.raises(InputError, match=r"expected a confusion matrix of 3 x 3 classes, and got shape"):
        save_confusion(confusion, ["a", "b", "c"], tmp_path / "confusion.svg")
