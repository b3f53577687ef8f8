"""An HTTP server on this machine that serves files as badly as it is told to."""

import hashlib
import http.server
import os
import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from minibnn.data.sources import RemoteFile


@dataclass
class Served:
    """What the server answers for one path.

    `drops` are bytes of the file at which the line breaks, each once. `statuses` are the answers before the file comes.
    """

    content: bytes | Path
    drops: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    declared: int | None = None  # a Content-Length other than the true one
    content_type: str = "application/octet-stream"
    silence: list[float] = field(default_factory=list)  # seconds before each of the first answers
    chunked: bool = False
    stalls: float = 0.0  # seconds of silence before a line breaks
    wrong_part: bool = False  # answer another part than asked for
    moved_to: str | None = None  # another path of this server

    def __len__(self):
        return len(self.content) if isinstance(self.content, bytes) else os.path.getsize(self.content)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        served = self.server.files.get(self.path)
        self.server.requests.append((self.path, self.headers.get("Range"), self.headers.get("User-Agent")))
        if served is None:
            self.send_error(404)
            return
        if served.moved_to:
            self.send_response(302)
            self.send_header("Location", served.moved_to)
            self.end_headers()
            return
        if served.silence:
            time.sleep(served.silence.pop(0))
        if served.statuses:
            self.send_error(served.statuses.pop(0))
            return
        self.answer(served, self.begin(served))

    def begin(self, served):
        """Send the headers; the byte at which the answer begins."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and served.ranges else 0
        if start and start >= len(served):
            self.send_error(416)
            return len(served)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start - served.wrong_part}-{len(served) - 1}/{len(served)}")
        if not served.chunked:
            length = len(served) - start if served.declared is None else served.declared
            self.send_header("Content-Length", str(length))
        self.send_header("Content-Type", served.content_type)
        self.end_headers()
        return start

    def answer(self, served, start):
        """Send the file from `start`, up to where the line is to break."""
        stop = min((drop for drop in served.drops if drop > start), default=None)
        if stop is not None:
            served.drops.remove(stop)
        stop = len(served) if stop is None else stop
        if isinstance(served.content, bytes):
            self.wfile.write(served.content[start:stop])
        else:
            with open(served.content, "rb") as file:
                while start < stop:
                    start += os.sendfile(self.connection.fileno(), file.fileno(), start, stop - start)
        if stop < len(served) and served.stalls:
            time.sleep(served.stalls)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """`files` is {path: Served}; `requests` are (path, Range, User-Agent) in the order of arrival."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests = {}, []

    def handle_error(self, request, client_address):
        pass  # the client has left, which is what some tests are about

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def ranges(self):
        return [asked for _, asked, _ in self.requests]


@contextmanager
def running_server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def dead_url():
    """An address on this machine where nobody answers."""
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        return f"http://127.0.0.1:{server.server_port}/file"


class Notes:
    """A Progress that remembers what was said."""

    def __init__(self):
        self.lines, self.count = [], 0

    def say(self, line):
        self.lines.append(line)

    def start(self, name, total, done=0):
        self.count = done

    def advance(self, count):
        self.count += count

    def stop(self):
        pass


CONTENT = np.random.default_rng(0).bytes(1_500_000)
QUICK = {"pauses": (0.01, 0.01), "timeout": 2}


def remote(server, content=CONTENT, **changes):
    """RemoteFile of /file on the server, which serves `content`."""
    known = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return RemoteFile("file.bin", (server.url("/file"),), **(known | changes))


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())
