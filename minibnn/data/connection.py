"""One connection to a server, from any byte of a file to its end, and what each kind of failure means.

A failure that may pass (a lost line, a busy server) is `Trouble`; one that will be the same the next time (no such
file, another file) is `Refusal`. `RemoteStream` in `minibnn.data.download` tries again after the first, and takes the
next address after the second.
"""

import http.client
import re
import socket
import ssl
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from minibnn import __version__
from minibnn.errors import InputError

# A host of WikiText refuses the name that Python gives itself.
USER_AGENT = f"minibnn/{__version__} (educational; one-bit neural networks)"
BUSY = (408, 425, 429, 500, 502, 503, 504)
REASONS = {
    401: "the server wants a login",
    403: "the server refuses to give it",
    404: "no such file there",
    407: "a proxy wants a login",
    410: "no longer there",
    416: "the file there is shorter than what is here already",
    429: "too many requests",
    500: "a fault of the server",
    502: "a fault of the server",
    503: "the server is busy",
    504: "a fault of the server",
}
BLOCK = 1 << 18  # bytes at a time: large enough to be fast, small enough for a bar that moves


class Trouble(Exception):
    """What may go well the next time; the text says what happened."""


class Unreachable(Trouble):
    """There is no way to this server at the moment: mostly there is no network at all."""


class Refusal(Exception):
    """What will be the same the next time; the text says what happened."""


def check_url(url):
    """Raise InputError unless `url` is the http or https address of something."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"cannot fetch {url!r}: expected an address such as https://host/path/to/file")


class Connection:
    """A file on a server, read from byte `start` (int) to its end.

    Args:
        url: its address.
        start: the first byte that `read` returns. A server that ignores this is read from the beginning.
        size: of the whole file in bytes, or None if it is not known.
        timeout: seconds of silence after which the line counts as lost.

    Attributes:
        size: as given, else as the server says; None if it does not.

    Raises Trouble or Refusal, also in `read`.
    """

    def __init__(self, url, start=0, size=None, timeout=30.0):
        self.size, self._response = size, None
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with _explained():
            self._response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
        try:
            self._position = self._check_headers(start)
            while self._position < start:  # the server ignores ranges
                self._position += len(self._read(min(BLOCK, start - self._position)))
        except BaseException:
            self.close()
            raise

    def read(self):
        """The next bytes, at most BLOCK of them, as soon as there are any; b"" after the last."""
        if self._position == self.size:
            return b""
        block = self._read(BLOCK if self.size is None else min(BLOCK, self.size - self._position))
        self._position += len(block)
        return block

    def close(self):
        """Leave the server."""
        if self._response is not None:
            self._response.close()

    def _read(self, count):
        with _explained():
            block = self._response.read1(count)  # not read: what had come before a line broke would be lost
        if not block and self.size is not None:
            raise Trouble("the line broke")
        if self._position == 0 and block.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
            raise Refusal(_web_page(block))
        return block

    def _check_headers(self, start):
        """The byte at which the answer begins."""
        headers = self._response.headers
        if headers.get_content_type() == "text/html":
            with _explained():
                raise Refusal(_web_page(self._response.read(4096)))
        begin, size = 0, self._response.length
        if self._response.status == 206:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", "").strip())
            if not found or int(found[1]) != start:
                raise Refusal("it answers with another part of the file than asked for")
            begin, size = start, None if found[2] == "*" else int(found[2])
        if self.size is not None and size is not None and size != self.size:
            raise Refusal(f"another file: expected {self.size:,} bytes, and it offers {size:,}")
        self.size = size if self.size is None else self.size
        return begin


class _explained:
    """Within it, what the network can raise becomes a Trouble or a Refusal."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, urllib.error.HTTPError):
            error.close()
            told = f"HTTP {error.code}: {REASONS.get(error.code, error.reason or 'no reason given')}"
            raise (Trouble if error.code in BUSY else Refusal)(told) from error
        cause = getattr(error, "reason", error) if isinstance(error, urllib.error.URLError) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise Refusal(f"its certificate is not valid ({cause.verify_message})") from error
        if isinstance(cause, socket.gaierror):
            raise Unreachable("the name of the server is not found (is there a network?)") from error
        if isinstance(cause, TimeoutError):
            raise Trouble("the server is silent") from error
        if isinstance(cause, ConnectionRefusedError):
            raise Unreachable("no server answers there") from error
        if isinstance(cause, http.client.InvalidURL | ValueError):
            raise Refusal(f"not an address: {cause}") from error
        if isinstance(cause, OSError | http.client.HTTPException):
            raise Trouble(f"the line broke ({getattr(cause, 'strerror', None) or type(cause).__name__})") from error
        if isinstance(error, urllib.error.URLError):
            raise Refusal(str(cause)) from error
        return False


def _web_page(beginning):
    """What to say of an HTML page (bytes, its beginning) that came in place of the file."""
    title = re.search(rb"<title[^>]*>([^<]{1,80})", beginning, re.IGNORECASE)
    named = f", titled {' '.join(title[1].decode('utf-8', 'replace').split())!r}" if title else ""
    return f"a web page came in place of the file{named}"
