"""Downloads from a server that drops the line, lies, is silent, or is not there."""

import socket

import pytest
from data.local_server import CONTENT, QUICK, Notes, Served, dead_url, files_of, remote, running_server

from minibnn.data import download
from minibnn.data.download import blocks, fetch
from minibnn.data.sources import RemoteFile
from minibnn.errors import InputError


@pytest.fixture
def server():
    with running_server() as server:
        yield server


def test_a_file_comes_whole_and_is_not_fetched_twice(server, tmp_path):
    server.files["/file"] = Served(CONTENT)
    path, notes = tmp_path / "new" / "folder" / "file.bin", Notes()
    assert fetch(remote(server), path, progress=notes, **QUICK) is True
    assert path.read_bytes() == CONTENT
    assert files_of(path.parent) == ["file.bin"]
    assert notes.count == len(CONTENT)
    assert fetch(remote(server), path, **QUICK) is False
    assert len(server.requests) == 1


def test_it_gives_its_own_name(server, tmp_path):
    server.files["/file"] = Served(CONTENT)
    fetch(remote(server), tmp_path / "f", **QUICK)
    assert server.requests[0][2].startswith("minibnn/")


def test_ten_dropped_connections_are_continued_at_the_byte_where_they_broke(server, tmp_path):
    drops = [100_000 * i + i for i in range(1, 11)]
    server.files["/file"] = Served(CONTENT, drops=list(drops))
    notes = Notes()
    fetch(remote(server), tmp_path / "f", progress=notes, **QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert server.ranges() == [None, *(f"bytes={drop}-" for drop in drops)]
    assert len(notes.lines) == 10
    assert "the line broke, at 100.0 KB; again in 0.01 s" in notes.lines[0]


def test_a_file_that_has_moved_is_followed_and_continued(server, tmp_path):
    server.files["/file"] = Served(CONTENT, moved_to="/there")
    server.files["/there"] = Served(CONTENT, drops=[100_001])
    fetch(remote(server), tmp_path / "f", **QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert server.ranges() == [None, None, "bytes=100001-", "bytes=100001-"]
    assert all(agent.startswith("minibnn/") for *_, agent in server.requests)


def test_what_came_before_a_silence_is_not_lost(server, tmp_path):
    server.files["/file"] = Served(CONTENT, drops=[100_001], stalls=1.0)
    fetch(remote(server), tmp_path / "f", pauses=(0.01,), timeout=0.3)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=100001-"]


def test_a_server_that_sends_another_part_is_refused(server, tmp_path):
    server.files["/file"] = Served(CONTENT, drops=[100_000], wrong_part=True)
    with pytest.raises(InputError, match="it answers with another part of the file than asked for; name a mirror"):
        fetch(remote(server), tmp_path / "f", **QUICK)
    assert files_of(tmp_path) == ["f.part"]


def test_a_server_that_ignores_ranges_is_read_from_the_beginning_again(server, tmp_path):
    server.files["/file"] = Served(CONTENT, drops=[400_000, 900_000], ranges=False)
    fetch(remote(server), tmp_path / "f", **QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=400000-", "bytes=900000-"]


@pytest.mark.parametrize("chunked", [False, True])
def test_size_and_checksum_need_not_be_known(server, tmp_path, chunked):
    server.files["/file"] = Served(CONTENT, chunked=chunked, drops=[] if chunked else [5000])
    fetch(remote(server, size=None, sha256=None), tmp_path / "f", **QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(server, tmp_path, status):
    server.files["/file"] = Served(CONTENT, statuses=[status, status])
    fetch(remote(server), tmp_path / "f", **QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_silent_server_is_asked_again(server, tmp_path):
    server.files["/file"] = Served(CONTENT, silence=[1.0])
    fetch(remote(server), tmp_path / "f", pauses=(0.01,), timeout=0.2)
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.parametrize("first", ["dead", "403", "404", "page", "other", "drops"])
def test_the_second_address_takes_over(server, tmp_path, first):
    """Where the first breaks for good, the second goes on at the same byte."""
    server.files["/file"] = Served(CONTENT)
    bad = {
        "403": Served(b"", statuses=[403] * 9),
        "page": Served(b"<html><title>Sign in</title>", content_type="text/html"),
        "other": Served(CONTENT[:-1]),
        "drops": Served(CONTENT, drops=[700_000], statuses=[]),
    }
    if first in bad:
        server.files["/bad"] = bad[first]
    if first == "drops":
        server.files["/bad"].drops += [700_000] * 9
    bad_url = dead_url() if first == "dead" else server.url("/bad")
    fetch(remote(server), tmp_path / "f", urls=[bad_url, server.url("/file")], **QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


REFUSALS = {
    "403": ({"statuses": [403] * 9}, r"HTTP 403: the server refuses to give it; name a mirror with --url"),
    "404": ({"statuses": [404] * 9}, r"HTTP 404: no such file there; name a mirror"),
    "500": ({"statuses": [500] * 9}, r"HTTP 500: a fault of the server; check the network and run the same command"),
    "418": ({"statuses": [418] * 9}, r"HTTP 418: .*; name a mirror"),
    "page": (
        {"content": b"<html><title>Log\n in</title>" + b" " * 99, "content_type": "text/html"},
        "a web page came in place of the file, titled 'Log in'; name a mirror",
    ),
    "page without a type": ({"content": b"\n<!DOCTYPE html><p>" + CONTENT[:-19]}, "a web page came in place of"),
    "shorter": ({"content": CONTENT[:-7]}, r"another file: expected 1,500,000 bytes, and it offers 1,499,993;"),
    "wrong length": ({"declared": 1_500_001}, "another file: expected 1,500,000 bytes, and it offers 1,500,001"),
    "silent": ({"silence": [0.5] * 9}, "the server is silent; check the network"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_had_is_told_in_one_line_and_leaves_nothing(server, tmp_path, name):
    changes, message = REFUSALS[name]
    server.files["/file"] = Served(**({"content": CONTENT} | changes))
    with pytest.raises(InputError, match=rf"cannot fetch file\.bin: 127\.0\.0\.1:\d+: {message}") as caught:
        fetch(remote(server), tmp_path / "f", pauses=(0.01, 0.01), timeout=0.2)
    assert "\n" not in str(caught.value)
    assert files_of(tmp_path) == []


def test_more_is_declared_than_sent(server, tmp_path):
    server.files["/file"] = Served(CONTENT[:1000], declared=1500)
    with pytest.raises(InputError, match="HTTP 416: the file there is shorter than what is here already"):
        fetch(remote(server, size=1500, sha256="0" * 64), tmp_path / "f", **QUICK)
    assert files_of(tmp_path) == ["f.part"]


def test_every_address_is_named_when_none_works(server, tmp_path):
    server.files["/file"] = Served(CONTENT, statuses=[404])
    with pytest.raises(InputError, match=r"no server answers there; 127.*: HTTP 404: no such file there; name a"):
        fetch(remote(server), tmp_path / "f", urls=[dead_url(), server.url("/file")], **QUICK)


def test_without_a_network_it_says_so_soon(tmp_path, monkeypatch):
    def no_name(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    notes = Notes()
    file = RemoteFile("file.bin", ("http://localhost/file",), 10, "0" * 64)
    with pytest.raises(InputError, match=r"the name of the server is not found \(is there a network\?\); check the"):
        fetch(file, tmp_path / "f", progress=notes, pauses=(0.01,) * 6)
    assert len(notes.lines) == 1


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "ftp://host/file", "host/file", "http://"])
def test_an_address_that_is_none(tmp_path, url):
    with pytest.raises(InputError, match="expected an address such as https"):
        fetch(RemoteFile("f", (url,)), tmp_path / "f")


@pytest.mark.parametrize("url", ["http://h:port/file", "http://a b/c d", "http://" + "a" * 70 + "/x"])
def test_an_address_that_cannot_be_asked(tmp_path, url):
    with pytest.raises(InputError, match="cannot fetch f: "):
        fetch(RemoteFile("f", (url,)), tmp_path / "f", pauses=())


def test_a_wrong_checksum(server, tmp_path):
    server.files["/file"] = Served(CONTENT)
    with pytest.raises(InputError, match=r"file\.bin came damaged: expected 1,500,000 bytes with sha256 0000.*again"):
        fetch(remote(server, sha256="0" * 64), tmp_path / "f", **QUICK)
    assert files_of(tmp_path) == []


def test_a_file_that_begins_otherwise_is_refused_at_once(server, tmp_path):
    server.files["/file"] = Served(CONTENT)
    with pytest.raises(InputError, match=r"expected it to begin with b'PK', and it begins with b"):
        fetch(remote(server, begins=b"PK"), tmp_path / "f", **QUICK)


def test_another_file_of_that_name_is_left_alone(server, tmp_path):
    server.files["/file"] = Served(CONTENT)
    (tmp_path / "f").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"is another file: expected .*; move it away, or choose another folder"):
        fetch(remote(server), tmp_path / "f", **QUICK)
    assert (tmp_path / "f").read_bytes() == b"mine"
    assert server.requests == []


def test_a_second_run_continues_the_part(server, tmp_path):
    server.files["/file"] = Served(CONTENT)
    (tmp_path / "f.part").write_bytes(CONTENT[:300_000])
    notes = Notes()
    fetch(remote(server), tmp_path / "f", progress=notes, **QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert server.ranges() == ["bytes=300000-"]
    assert notes.count == len(CONTENT)


def test_a_part_that_is_whole_needs_no_network(server, tmp_path):
    (tmp_path / "f.part").write_bytes(CONTENT)
    fetch(remote(server), tmp_path / "f", **QUICK)
    assert files_of(tmp_path) == ["f"]
    assert server.requests == []


@pytest.mark.parametrize("part", [b"x" * 1000, CONTENT + b"x", b"x" * len(CONTENT), b""])
def test_a_part_of_something_else_is_started_anew(server, tmp_path, part):
    server.files["/file"] = Served(CONTENT)
    (tmp_path / "f.part").write_bytes(part)
    fetch(remote(server), tmp_path / "f", **QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert files_of(tmp_path) == ["f"]


def test_a_part_that_nothing_can_check_is_started_anew(server, tmp_path):
    server.files["/file"] = Served(CONTENT)
    (tmp_path / "f.part").write_bytes(b"x" * 1000)
    fetch(remote(server, sha256=None), tmp_path / "f", **QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_consumer_may_stop_early_and_the_part_stays(server, tmp_path):
    server.files["/file"] = Served(CONTENT)
    stream = blocks(remote(server), keep=tmp_path / "f", **QUICK)
    first = next(stream)
    stream.close()
    assert (tmp_path / "f.part").read_bytes() == first == CONTENT[: len(first)]
    assert b"".join(blocks(remote(server), keep=tmp_path / "f", **QUICK)) == CONTENT
    assert b"".join(blocks(remote(server), keep=tmp_path / "f", **QUICK)) == CONTENT
    assert len(server.requests) == 2


def test_pauses_grow_and_begin_again_when_bytes_have_come(server, tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr(download.time, "sleep", slept.append)
    server.files["/file"] = Served(CONTENT, statuses=[503, 503], drops=[1000])
    fetch(remote(server), tmp_path / "f")
    assert slept == [1, 2, 1]
