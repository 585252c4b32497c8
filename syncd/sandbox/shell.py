"""HTTP around a handler: one listening socket, keep-alive, and the acting-out of what `Reply.cut` asks for."""

from __future__ import annotations

import email.utils
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from syncd.sandbox.wire import Clock, Cut, Handler, Reply, Request

MAX_BODY = 64 << 20


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    handler: Handler
    clock: Clock

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is not the server's trouble."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            return self._send(Reply(413))
        body = self.rfile.read(length) if length else b""
        headers = {k.lower(): v for k, v in self.headers.items()}
        self._send(self.server.handler(Request(self.command, self.path, headers, body), self.server.clock))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer

    def _send(self, reply: Reply) -> None:
        if reply.delay:
            time.sleep(reply.delay)
        if reply.cut in (Cut.DROP, Cut.RESET):
            return self._break_off(hard=reply.cut is Cut.RESET)
        self.send_response_only(reply.status)
        self.send_header("Date", email.utils.formatdate(self.server.clock.now(), usegmt=True))
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.cut is not Cut.TRUNCATE_SILENT and reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(reply.body)))
        if reply.cut in (Cut.TRUNCATE, Cut.TRUNCATE_SILENT):
            self.send_header("Connection", "close")
        self.end_headers()
        self._write(reply)

    def _write(self, reply: Reply) -> None:
        if self.command == "HEAD" or not reply.body:
            return
        if reply.cut in (Cut.TRUNCATE, Cut.TRUNCATE_SILENT):
            self.wfile.write(reply.body[: len(reply.body) // 2])
            return self._break_off(hard=False)
        if reply.cut is Cut.DRIP:
            for byte in reply.body:
                self.wfile.write(bytes([byte]))
                time.sleep(0.01)
            return
        self.wfile.write(reply.body)

    def _break_off(self, *, hard: bool) -> None:
        self.close_connection = True
        if hard:  # SO_LINGER with time 0 turns the close into a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """The sandbox keeps its own request log; standard error stays quiet."""


class Served:
    """A handler behind a loopback port. `url` has no trailing slash; `close()` frees the port."""

    def __init__(self, handler: Handler, clock: Clock, port: int = 0) -> None:
        self._server = _Server(("127.0.0.1", port), _Connection)
        self._server.handler, self._server.clock = handler, clock
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
