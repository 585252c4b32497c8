"""Logging: events of the catalogue through structlog and one handler, masked, as JSON, text or journal fields."""

from __future__ import annotations

import logging
import os
import sys
import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from syncd.events import CATALOGUE, COMMON_FIELDS, Priority
from syncd.log.journal import JournalHandler, leads_to_journal
from syncd.log.redact import redact, redacted, without_queries

__all__ = ["EventLog", "Format", "Undeclared", "bound", "configure", "get", "redact"]

ROOT = "syncd"
LEVELS = {
    Priority.NOW: logging.ERROR,
    Priority.SOON: logging.WARNING,
    Priority.NOTABLE: logging.INFO + 5,
    Priority.NORMAL: logging.INFO,
    Priority.DEBUG: logging.DEBUG,
}
_OWN_RECORD_KEYS = ("_record", "_from_structlog")


class Format(StrEnum):
    """How a line looks. `JSON` becomes native journal fields where the stream leads to the journal."""

    JSON = "json"
    TEXT = "text"


class Undeclared(LookupError):
    """Code logged an event, or a field, that the catalogue does not have."""


class _Levelled(structlog.stdlib.BoundLogger):
    """Takes any level: structlog's own has no name for the one between info and warning, and refuses it."""

    def log(self, level: int, event: str | None = None, *_args: Any, **kw: Any) -> None:
        positional, named = self._process_event("log", event, kw)
        self._logger.log(level, *positional, **named)


class EventLog:
    """Logs events of the catalogue. Safe to make at import, before `configure`."""

    strict = True

    def __init__(self) -> None:
        self._logger = structlog.stdlib.get_logger(ROOT)

    def event(self, id: str, *, exc: BaseException | None = None, **fields: object) -> None:
        """Log one event. Raises Undeclared for an id or a field that is not in the catalogue.

        After `configure` such a slip is logged as it is instead: a typing error must not stop a daemon.
        """
        event = CATALOGUE.get(id)
        strangers = [name for name in fields if event and name not in (*event.fields, *COMMON_FIELDS)]
        if EventLog.strict and (event is None or strangers):
            raise Undeclared(f"{id}: {', '.join(strangers) or 'unknown event'}")
        level = LEVELS[event.priority] if event else logging.WARNING
        told = {name: value for name, value in fields.items() if value is not None}
        self._logger.log(level, event.title if event else id, event_id=id, exc_info=exc, **told)


def get() -> EventLog:
    """The log."""
    return EventLog()


def bound(**fields: str) -> AbstractContextManager[None]:
    """Within the block every line of this thread, other libraries' too, carries these fields (account, run, side)."""
    return structlog.contextvars.bound_contextvars(**fields)


def configure(fmt: Format = Format.JSON, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send all logging of this program to the stream (standard error), from this level up.

    Other libraries are heard from WARNING up only: what they say below that quotes addresses and contents.
    """
    EventLog.strict = False
    stream = stream or sys.stderr
    native = fmt is Format.JSON and leads_to_journal(stream, os.environ.get("JOURNAL_STREAM"))
    handler: logging.Handler = JournalHandler(stream) if native else logging.StreamHandler(stream)
    handler.setFormatter(_formatter(fmt))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger(ROOT).setLevel(level)
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_failed


def _thread_failed(args: threading.ExceptHookArgs) -> None:
    part = args.thread.name if args.thread else "thread"
    get().event("SD010", part=part, kind=args.exc_type.__name__, exc=args.exc_value)


def _formatter(fmt: Format) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.contextvars.merge_contextvars, _foreign],
        processors=[_exception, _arrange, _mask, _as_json if fmt is Format.JSON else _as_text],
    )


def _foreign(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    event["logger"] = record.name
    event["event"] = without_queries(str(event.get("event", "")))
    return event


def _exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        event["exception"] = without_queries(logging.Formatter().formatException(info))
    return event


def _arrange(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    head: EventDict = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": _level_name(record.levelno),
    }
    if "event_id" in event:
        head["event"] = event.pop("event_id")
    head["message"] = event.pop("event", "")
    for name in COMMON_FIELDS:
        if name in event:
            head[name] = event.pop(name)
    head.update((name, value) for name, value in event.items() if name not in _OWN_RECORD_KEYS)
    return head


def _level_name(level: int) -> str:
    if level == LEVELS[Priority.NOTABLE]:
        return "notice"
    return logging.getLevelName(level).lower()


def _mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    masked: EventDict = redacted(event)
    return masked


_as_json = structlog.processors.JSONRenderer(ensure_ascii=True)


def _as_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    head = [str(event.pop(name, "")) for name in ("time", "level", "event", "message")]
    rest = [f"{name}={value}" for name, value in event.items() if name != "exception"]
    text = printable(" ".join(word for word in head + rest if word))
    trace = "".join(f"\n  {printable(line)}" for line in str(event.get("exception", "")).splitlines())
    return text + trace


def printable(text: str) -> str:
    """The text with control characters, line breaks and direction marks spelt out, so that one event stays one line."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


structlog.configure(
    processors=[structlog.contextvars.merge_contextvars, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    wrapper_class=_Levelled,
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=False,
)
logging.getLogger(ROOT).addHandler(logging.NullHandler())
