"""Events as native journal entries: the datagram protocol of systemd-journald, written by hand. Falls back to lines."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import struct
from pathlib import Path
from typing import Any, TextIO

from syncd.events import CATALOGUE

SOCKET = Path("/run/systemd/journal/socket")
LONGEST_VALUE = 48 * 1024  # a datagram above the socket's send buffer would be refused
PRIORITY_OF_LEVEL = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
_NOT_A_FIELD = re.compile(r"[^A-Z0-9_]")


def leads_to_journal(stream: TextIO, environ_value: str | None) -> bool:
    """Whether the stream is the very one systemd connected to the journal (`$JOURNAL_STREAM` is "device:inode")."""
    if not environ_value:
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ_value == f"{status.st_dev}:{status.st_ino}"


def entry(fields: dict[str, Any]) -> bytes:
    """One journal entry from the fields of a JSON line. A value cannot end a field early: lines go length-prefixed."""
    event = CATALOGUE.get(str(fields.get("event", "")))
    pairs = {
        "MESSAGE": _message(fields),
        "PRIORITY": str(event.priority.value if event else PRIORITY_OF_LEVEL.get(str(fields.get("level")), 6)),
        "SYSLOG_IDENTIFIER": "syncd",
    }
    if event:
        pairs["MESSAGE_ID"] = event.message_id
    for name, value in fields.items():
        if name not in ("time", "level", "message"):
            pairs[f"SYNCD_{_NOT_A_FIELD.sub('_', name.upper())}"[:64]] = _text(value)
    return b"".join(_pair(name, value) for name, value in pairs.items())


def _message(fields: dict[str, Any]) -> str:
    words = [str(fields[name]) for name in ("event", "message") if fields.get(name)]
    rest = (name for name in fields if name not in ("time", "level", "event", "message", "exception"))
    return " ".join(words + [f"{name}={_text(fields[name])}" for name in rest])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _pair(name: str, value: str) -> bytes:
    raw = value.encode("utf-8", "replace")[:LONGEST_VALUE]
    if b"\n" not in raw:
        return name.encode() + b"=" + raw + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(raw)) + raw + b"\n"


class JournalHandler(logging.StreamHandler[TextIO]):
    """Sends each line, which its formatter made as JSON, as fields; writes the line to the stream where that fails."""

    def __init__(self, stream: TextIO, path: Path = SOCKET) -> None:
        super().__init__(stream)
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except (TypeError, ValueError):
            return self.handleError(record)
        try:
            self._socket.sendto(entry(json.loads(line)), self._path)
        except OSError:
            self.stream.write(line + self.terminator)
            self.flush()

    def close(self) -> None:
        self._socket.close()
        super().close()
