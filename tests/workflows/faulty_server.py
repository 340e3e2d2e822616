"""An HTTP server with Range support for one test, which can be told to fail in the ways that servers fail."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """A file of the server."""

    content: bytes
    etag: str = '"1"'
    modified: str = ""
    kind: str = "application/octet-stream"
    ranges: bool = True
    length: bool = True


@dataclass
class Fault:
    """What happens to one request; without any, it is answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    reset: bool = False
    stall: int | None = None
    body: bytes = b""


class FaultyServer:
    """Files by path, faults for the next requests in order, and what was asked."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.redirects: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.released = threading.Event()
        self.url = ""

    @property
    def ranges(self) -> list[str]:
        """The Range of each request, or ""."""
        return [headers.get("range", "") for _, _, headers in self.asked]

    def answer(self, request: _Handler) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.path.partition("?")[0]
        length = int(headers.get("content-length", 0))
        request.rfile.read(length)
        self.asked.append((request.command, request.path, headers))
        fault = self.faults.pop(0) if self.faults else Fault()
        if path in self.redirects:
            fault = Fault(status=302, headers={"Location": self.redirects[path]})
        if fault.status:
            self._refuse(request, fault)
        elif path in self.files:
            self._send(request, self.files[path], headers, fault)
        else:
            request.send_error(404)

    def _refuse(self, request: _Handler, fault: Fault) -> None:
        request.send_response(fault.status)
        for name, value in {"Content-Length": str(len(fault.body)), **fault.headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(fault.body)

    def _send(self, request: _Handler, file: Served, headers: dict[str, str], fault: Fault) -> None:
        content, start = file.content, 0
        wanted = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        condition = headers.get("if-range", "")
        if wanted and file.ranges and (not condition or condition in (file.etag, file.modified)):
            start = int(wanted[1])
            if start >= len(content):
                request.send_error(416)
                return
        request.send_response(206 if start else 200)
        request.send_header("Content-Type", file.kind)
        if file.length:
            request.send_header("Content-Length", str(len(content) - start))
        else:
            request.close_connection = True
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for name, value in {"ETag": file.etag, "Last-Modified": file.modified, **fault.headers}.items():
            if value:
                request.send_header(name, value)
        if file.ranges:
            request.send_header("Accept-Ranges", "bytes")
        request.end_headers()
        limits = [limit for limit in (fault.cut, fault.stall) if limit is not None]
        request.wfile.write(content[start : start + limits[0]] if limits else content[start:])
        if fault.stall is not None:
            request.wfile.flush()
            self.released.wait(60)
        if limits:
            request.close_connection = True
        if fault.reset:
            request.wfile.flush()
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faulty: FaultyServer

    def do_GET(self) -> None:
        try:
            self.faulty.answer(self)
        except (ConnectionError, ValueError):
            # The client has gone, as it does after a timeout.
            self.close_connection = True

    do_POST = do_GET  # noqa: N815 -- named by the protocol

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass

    def shutdown_request(self, request: object) -> None:
        with suppress(OSError):
            super().shutdown_request(request)  # type: ignore[arg-type]


@contextmanager
def serving() -> Iterator[FaultyServer]:
    """Runs a server on a free port of this machine."""
    faulty = FaultyServer()
    handler = type("Handler", (_Handler,), {"faulty": faulty})
    with _Server(("127.0.0.1", 0), handler) as running:
        faulty.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield faulty
        finally:
            faulty.released.set()
            running.shutdown()
            thread.join()
