"""Asking the running daemon over its control socket: JSON lines, one request, then its replies until `end`."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.core.errors import NeedsHuman, SyncError, Unavailable

if TYPE_CHECKING:
    from syncd.config import Config

CONNECT_SECONDS = 5.0
LONGEST_ADDRESS = 107  # bytes of a path that fit into sockaddr_un


class DaemonRefused(SyncError):
    """The daemon's answer was an error; `reason` is its reason there."""

    def __init__(self, reason: str, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.fix = fix


def ask(config: Config, request: Mapping[str, Any]) -> Iterator[dict[str, Any]] | None:
    """The daemon's replies, or None when no daemon runs: `{"kind": "progress", …}` and `{"kind": "row", "row": {…}}`.

    Raises NeedsHuman when a daemon is there but not for us. The replies raise DaemonRefused when it answers with an
    error, Unavailable when it stops in the middle.
    """
    connection = _connect(config.control_socket)
    return None if connection is None else _answers(connection, request)


def rows(config: Config, request: Mapping[str, Any]) -> Iterator[dict[str, Any]] | None:
    """The rows of the daemon's answer alone; otherwise as `ask`."""
    replies = ask(config, request)
    return None if replies is None else (reply["row"] for reply in replies if reply["kind"] == "row")


def _answers(connection: socket.socket, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    with connection, connection.makefile("rwb") as stream:
        try:
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            yield from _replies(stream)
        except OSError as exc:
            raise Unavailable("The daemon stopped before its answer was whole.") from exc


def _replies(stream: Any) -> Iterator[dict[str, Any]]:
    for line in stream:
        reply = json.loads(line)
        if reply["kind"] == "end":
            return
        if reply["kind"] == "error":
            raise DaemonRefused(reply.get("reason", "error"), reply.get("message", ""), reply.get("fix", ""))
        yield reply
    raise Unavailable("The daemon stopped before its answer was whole.")


def _connect(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(CONNECT_SECONDS)
    try:
        _connect_to(connection, path)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        connection.close()
        return None
    except PermissionError as exc:
        connection.close()
        raise NeedsHuman(
            f"The daemon listens at {path}, but not to you.", "Use the user that the daemon runs as, or root."
        ) from exc
    except OSError as exc:
        connection.close()
        raise Unavailable(f"The daemon at {path} does not answer: {exc}") from exc
    connection.settimeout(None)
    return connection


def _connect_to(connection: socket.socket, path: Path) -> None:
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        return connection.connect(str(path))
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:  # the same place under a shorter name
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
