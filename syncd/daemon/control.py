"""The control socket: JSON lines from root or from our own user, one request a connection, replies until `end`."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from syncd import log
from syncd.core.errors import Fatal, SyncError
from syncd.daemon.asked import Row

LONGEST_ADDRESS = 107  # bytes of a path that fit into sockaddr_un
LONGEST_REQUEST = 64 * 1024
CONNECTIONS = 16
PATIENCE = 10.0
"""Seconds for a request to arrive, and for a reply to be taken."""

Answer = Callable[[Row], Iterator[Row]]
_log = log.get()


class Refused(SyncError):
    """The request cannot be answered as it stands."""

    reason = "usage"


class ControlSocket:
    """Listens from `open` to `close`. `answer` gives the replies to a request, one after the other."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._path, self._answer = path, answer
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def open(self) -> None:
        """Only called under the lock of this state, so a socket that is left over is nobody's."""
        try:
            self._path.unlink(missing_ok=True)
            _bind(self._listener, self._path)
            self._listener.listen(CONNECTIONS)
        except OSError as exc:
            raise Fatal(f"cannot listen at {self._path}: {exc.strerror}") from exc
        threading.Thread(target=self._accept, name="control socket", daemon=True).start()

    def close(self, patience: float = 2.0) -> None:
        """Take no more requests; give those that are being answered a moment to end."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._path.unlink(missing_ok=True)
        for thread in self._threads:
            thread.join(patience)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(target=self._serve, args=(connection,), name="control request", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with connection, contextlib.suppress(OSError):
            if not self._places.acquire(blocking=False):
                return _send(connection, _error("busy", "too many requests at once"))
            try:
                self._converse(connection)
            finally:
                self._places.release()

    def _converse(self, connection: socket.socket) -> None:
        uid = peer(connection)
        try:
            request = _admitted(uid, _read_line(connection))
            _log.event("SD012", command=str(request["command"]), uid=uid)
            for reply in self._answer(request):
                _send(connection, reply)
        except SyncError as error:
            if isinstance(error, Refused):
                _log.event("SD013", uid=uid, reason=str(error))
            return _send(connection, _error(error.reason, str(error), getattr(error, "fix", "")))
        _send(connection, {"kind": "end"})


def peer(connection: socket.socket) -> int:
    """The user at the other end, as the kernel knows it."""
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", credentials)[1])


def _admitted(uid: int, line: bytes) -> Row:
    """The request of somebody who may ask. Raises Refused."""
    if uid not in (0, os.getuid()):
        raise Refused("only root and the user of the daemon may ask")
    try:
        request = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        raise Refused("a request is one JSON object on one line") from None
    if not isinstance(request.get("command"), str):
        raise Refused("a request names its command")
    return request


def _read_line(connection: socket.socket) -> bytes:
    found = b""
    while b"\n" not in found:
        piece = connection.recv(LONGEST_REQUEST)
        found += piece
        if not piece or len(found) > LONGEST_REQUEST:
            raise Refused("a request is one JSON object on one line")
    return found.partition(b"\n")[0]


def _send(connection: socket.socket, reply: Row) -> None:
    connection.sendall(msgspec.json.encode(reply) + b"\n")


def _error(reason: str, message: str, fix: str = "") -> Row:
    return {"kind": "error", "reason": reason, "message": message, "fix": fix}


def _bind(listener: socket.socket, path: Path) -> None:
    """The socket appears with mode 0600. A path that is too long is bound through its folder's short name."""
    before = os.umask(0o177)
    try:
        if len(os.fsencode(path)) <= LONGEST_ADDRESS:
            return listener.bind(str(path))
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)
    finally:
        os.umask(before)


class Mailbox:
    """Progress on its way to one who asked. A reader that is slow, or has gone away, loses some and delays nobody."""

    def __init__(self, size: int = 1000) -> None:
        self._queue: queue.Queue[Row | None] = queue.Queue(size)

    def put(self, row: Row | None) -> None:
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(row)

    def get(self, seconds: float) -> Row | None:
        """The next piece; None when none came in this time, or when somebody woke us."""
        try:
            return self._queue.get(timeout=seconds)
        except queue.Empty:
            return None
