"""WikiText and BERT's vocabulary from a server: whole, in part, hostile, broken."""

import hashlib
import io
import struct
import zipfile

import pytest
from data.local_server import Served, running_server
from hypothesis import given
from hypothesis import strategies as st

from minibnn.data import WordPiece, read_wikitext
from minibnn.data.sources import BERT_VOCAB, WIKITEXT, RemoteFile
from minibnn.data.text_download import get_bert_vocab, get_wikitext
from minibnn.data.wikitext import raw_articles
from minibnn.errors import InputError, InputTypeError

QUICK = {"pauses": (0.01, 0.01), "timeout": 5}
ARTICLES = [
    f" \n = Title {n} = \n \n Text of {n} , é \u2028 and {'more ' * n}. \n \n = = Part = = \n \n More . \n"
    for n in range(5)
]
TEXTS = {"train": "".join(ARTICLES), "valid": ARTICLES[0], "test": ARTICLES[1]}


def zipped(files=None, suffix="raw", method=zipfile.ZIP_DEFLATED):
    """A zip (bytes) of WikiText's layout, or of {name: text}."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as packed:
        for name, text in (files or {f"wikitext-2-raw/wiki.{s}.{suffix}": t for s, t in TEXTS.items()}).items():
            packed.writestr(name, text)
    return raw.getvalue()


GOOD = zipped()


@pytest.fixture
def server():
    with running_server() as server:
        yield server


def get(server, out, content=GOOD, **options):
    served = content if isinstance(content, Served) else Served(content)
    server.files["/wiki"] = served
    digest = hashlib.sha256(served.content).hexdigest()
    remote = RemoteFile("wiki.zip", (server.url("/wiki"),), len(served), digest, begins=b"PK")
    return get_wikitext(out, remote=remote, **(QUICK | options))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("suffix", ["raw", "tokens"])
def test_a_folder_that_read_wikitext_reads(server, tmp_path, suffix):
    out = tmp_path / "data" / "wiki"
    sizes = get(server, out, zipped(suffix=suffix))
    assert sizes == {split: len(text.encode()) for split, text in TEXTS.items()}
    for split, text in TEXTS.items():
        assert (out / f"wiki.{split}.{suffix}").read_bytes() == text.encode()
        assert read_wikitext(out, split)[0].title == ("Title 1" if split == "test" else "Title 0")
    assert names(out.parent) == ["wiki"]


def test_a_finished_run_is_recognised_and_the_archive_can_be_kept(server, tmp_path):
    get(server, tmp_path / "a", keep_archive=True)
    assert names(tmp_path) == ["a", "wiki.zip"]
    assert get(server, tmp_path / "a") is None
    with pytest.raises(InputError, match=r"another choice already \(articles None instead of 2\)"):
        get(server, tmp_path / "a", articles=2)
    get(server, tmp_path / "a", articles=2, replace=True)
    get(server, tmp_path / "b")
    assert len(server.requests) == 1
    assert names(tmp_path) == ["a", "b", "wiki.zip"]


def test_ten_dropped_connections(server, tmp_path):
    drops = [len(GOOD) * i // 11 + 1 for i in range(1, 11)]
    get(server, tmp_path / "wiki", Served(GOOD, drops=list(drops)))
    assert server.ranges() == [None, *(f"bytes={drop}-" for drop in drops)]
    assert names(tmp_path) == ["wiki"]


def test_an_interrupted_download_is_continued(server, tmp_path):
    with pytest.raises(InputError, match="the line broke; check the network"):
        get(server, tmp_path / "wiki", Served(GOOD, drops=[200] * 9), pauses=())
    assert names(tmp_path) == [".wiki.zip.part"]
    get(server, tmp_path / "wiki")
    assert server.ranges()[-1] == "bytes=200-"
    assert names(tmp_path) == ["wiki"]


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_a_number_of_articles(server, tmp_path, count):
    sizes = get(server, tmp_path / "wiki", articles=count)
    kept = (tmp_path / "wiki" / "wiki.train.raw").read_text(encoding="utf-8")
    assert TEXTS["train"].startswith(kept)
    assert kept.split() == "".join(ARTICLES[:count]).split()
    assert [a.title for a in read_wikitext(tmp_path / "wiki")] == [f"Title {n}" for n in range(min(count, 5))]
    assert sizes["valid"] == len(TEXTS["valid"].encode())


@pytest.mark.parametrize(("megabytes", "count"), [(1e-9, 1), (200e-6, 2), (1, 5), (5, 5)])
def test_a_number_of_megabytes(server, tmp_path, megabytes, count):
    sizes = get(server, tmp_path / "wiki", megabytes=megabytes)
    assert len(read_wikitext(tmp_path / "wiki")) == count
    assert sizes["train"] <= max(megabytes * 1e6, len(ARTICLES[0].encode()) + 2)


@given(st.lists(st.sampled_from([" = A = \n", " \n", " text \n", " = = B = = \n", " = 1 henry = \n", "x\n"])))
def test_the_articles_are_all_the_lines(lines):
    articles = list(raw_articles(lines))
    assert [line for article in articles for line in article] == lines
    assert all(articles)


def test_real_articles(real_data):
    path = real_data / "wikitext-2-raw" / "wiki.valid.raw"
    with path.open(encoding="utf-8", newline="\n") as file:
        articles = ["".join(lines) for lines in raw_articles(file)]
    assert len(articles) == len(read_wikitext(path)) == 60
    assert "".join(articles).encode() == path.read_bytes()


def lied(content, size):
    """The zip with another unpacked size declared for its first member, in the table at its end."""
    at = content.index(b"PK\x01\x02") + 24
    return content[:at] + struct.pack("<I", size) + content[at + 4 :]


def encrypted(content):
    """The zip with the flag that its first member is encrypted."""
    at = content.index(b"PK\x01\x02") + 8
    return content[:at] + b"\x01" + content[at + 1 :]


WIKI = {f"w/wiki.{s}.raw": t for s, t in TEXTS.items()}
BROKEN = {
    "no zip": (b"PK" + b"x" * 999, "is damaged: File is not a zip file; run the same command again"),
    "cut off": (GOOD[:-50], "is damaged: File is not a zip file"),
    "a changed byte": (GOOD[:80] + bytes([GOOD[80] ^ 255]) + GOOD[81:], "is damaged: "),
    "other files": (zipped({"readme": "x"}), r"has no wiki\.train\.raw, so it is not WikiText; run"),
    "one missing": (zipped(dict(list(WIKI.items())[:2])), r"has no wiki\.test\.raw"),
    "a bomb": (
        zipped(WIKI | {"w/wiki.test.raw": "\0" * 30_000_000}),
        "declares 30,000,000 bytes for .* to fill a disk",
    ),
    "a huge declared size": (lied(GOOD, 4_000_000_000), "declares 4,000,000,000 bytes"),
    "a small declared size": (lied(GOOD, 10), "is damaged: Bad CRC-32"),
    "encrypted": (encrypted(GOOD), "is damaged: .*encrypted"),
    "not UTF-8": (zipped(WIKI | {"w/wiki.train.raw": b"\xff\xfe"}), "is damaged: 'utf-8' codec"),
    "names that leave": (zipped({f"../wiki.{s}.raw": t for s, t in TEXTS.items()}), r"has no wiki\.train\.raw"),
    "absolute names": (zipped({f"/wiki.{s}.raw": t for s, t in TEXTS.items()}), r"has no wiki\.train\.raw"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_is_told_in_one_line_and_leaves_no_folder(server, tmp_path, name):
    content, message = BROKEN[name]
    with pytest.raises(InputError, match=message) as caught:
        get(server, tmp_path / "in" / "wiki", content, articles=3)
    assert "\n" not in str(caught.value)
    assert names(tmp_path / "in") == []
    with pytest.raises(InputError, match=r"wiki\.zip is damaged: .*; remove it, and run the same command again"):
        get(server, tmp_path / "in" / "wiki", content, articles=3, keep_archive=True)
    assert names(tmp_path / "in") == ["wiki.zip"]
    assert names(tmp_path) == ["in"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_members_pass_by(server, tmp_path):
    raw = io.BytesIO(GOOD)
    with zipfile.ZipFile(raw, "a") as packed:
        for name in ("../../evil", "/tmp/evil", "wikitext-2-raw/../wiki.train.raw", "wikitext-2-raw/wiki.train.raw"):
            packed.writestr(name, "evil")
        link = zipfile.ZipInfo("wiki.valid.raw")
        link.external_attr = 0o120777 << 16
        packed.writestr(link, "/etc/passwd")
    get(server, tmp_path / "in" / "wiki", raw.getvalue())
    assert (tmp_path / "in" / "wiki" / "wiki.train.raw").read_bytes() == TEXTS["train"].encode()
    assert (tmp_path / "in" / "wiki" / "wiki.valid.raw").read_bytes() == TEXTS["valid"].encode()
    assert names(tmp_path) == ["in"]
    assert names(tmp_path / "in") == ["wiki"]


def test_a_disk_without_room_for_the_texts(server, tmp_path, monkeypatch):
    free = iter([10**9, 5])
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("usage", (), {"free": next(free)}))
    with pytest.raises(InputError, match=r"no room in .*: expected .* free, and there are 5 bytes; free some"):
        get(server, tmp_path / "wiki")
    assert names(tmp_path) == [".wiki.zip"]


def test_a_full_disk_leaves_no_folder(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("minibnn.data.text_download._copy", full)
    with pytest.raises(InputError, match=r"no room left for .*wiki \(No space left on device\)"):
        get(server, tmp_path / "wiki")
    assert names(tmp_path) == [".wiki.zip"]
    monkeypatch.undo()
    get(server, tmp_path / "wiki")
    assert names(tmp_path) == ["wiki"]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"edition": "3"}, InputError, "edition is '3', expected one of '2', '103'"),
        ({"articles": 0}, InputError, "articles must be at least 1"),
        ({"articles": 1.5}, InputTypeError, "articles must be an int"),
        ({"megabytes": 0}, InputError, "megabytes must be a number above 0"),
        ({"megabytes": float("nan")}, InputError, "megabytes must be a number above 0"),
        ({"megabytes": "1"}, InputTypeError, "megabytes must be a number, or None"),
        ({"megabytes": 1, "articles": 1}, InputError, "give one of them"),
        ({"urls": ["x"]}, InputError, "expected an address"),
    ],
)
def test_a_wrong_choice_is_told_before_anything_is_fetched(server, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        get(server, tmp_path / "new" / "wiki", **options)
    assert server.requests == []
    assert names(tmp_path) == []


def test_berts_vocabulary(server, tmp_path, real_data):
    content = (real_data / "bert-base-uncased" / "vocab.txt").read_bytes()
    server.files["/vocab"] = Served(content, drops=[100_000])
    path, is_new = get_bert_vocab(tmp_path / "bert", urls=[server.url("/vocab")], **QUICK)
    assert (path, is_new) == (tmp_path / "bert" / "vocab.txt", True)
    assert len(WordPiece.from_file(path)) == 30_522
    assert get_bert_vocab(tmp_path / "bert", urls=[server.url("/vocab")], **QUICK) == (path, False)
    server.files["/vocab"] = Served(content[:-1] + b"x")
    with pytest.raises(InputError, match=r"vocab\.txt came damaged: expected 231,508 bytes"):
        get_bert_vocab(tmp_path / "other", urls=[server.url("/vocab")], **QUICK)


def test_what_is_known_of_the_sources():
    for remote in (*WIKITEXT.values(), BERT_VOCAB):
        assert len(remote.sha256) == 64
        assert all(url.startswith("https://") for url in remote.urls)
