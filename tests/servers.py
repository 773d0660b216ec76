"""A server in this process that can be told to misbehave, and what it serves. Nothing here leaves the machine."""

import hashlib
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from alphagan.errors import InputError
from alphagan.preparation.cohorts.download import Patience

FAST = Patience(timeout_s=5.0, attempts=3, backoff_s=0.001)
NAMES = [f"sub-0{n}/anat/sub-0{n}_T1w.nii.gz" for n in (1, 2, 3)]
SIZE = 300_000


class Server(ThreadingHTTPServer):
    """Serves `files`; `faults[path]` is what goes wrong with the next requests for it, one each."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.log = {}, {}, []
        self.ranges = True
        self.release = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, path = self.server, self.path.lstrip("/")
        asked = self.headers.get("Range")
        server.log.append((path, asked))
        queue = server.faults.get(path, [])
        fault = queue.pop(0) if queue else None
        content = server.files.get(path)
        if isinstance(fault, int) or content is None:
            return self._answer(fault or 404, b"")
        if fault == "corrupt":
            content = content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]
        if asked and server.ranges:
            first = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if first >= len(content):
                return self._answer(416, b"")
            extra = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
            return self._answer(206, content[first:], fault, extra)
        return self._answer(200, content, fault)

    def _answer(self, status, body, fault=None, extra=()):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **dict(extra)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if fault in ("drop", "stall"):
            self.wfile.write(body[:80_000])
            self.wfile.flush()
            if fault == "stall":
                self.server.release.wait(30)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.wfile.write(body)

    def log_message(self, *args):
        pass


def registry(folder, files, name="list.txt"):
    lines = [f"{path} {len(content)} {hashlib.md5(content).hexdigest()}" for path, content in files.items()]
    (folder / name).write_text("# a comment\n\n" + "\n".join(lines) + "\n")
    return folder / name


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def refused(call, *words):
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message
