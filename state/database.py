"""Connections: one writer at a time, readers apart, and no SQL exception past this door. Knows no table but one."""

from __future__ import annotations

import os
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool

from syncd.core.errors import ContractBroken, Fatal, StateCorrupt, SyncError, Unavailable

BUSY_SECONDS = 60
"""How long a transaction waits for another process's; the longest one stores a first full reading."""
WRITER_LOCK = 0x73796E6364  # "syncd": the advisory lock that makes writers take turns on PostgreSQL
READERS = 8


OUTSIDE = "syncd_outside_transactions"
"""The execution option of a connection on SQLite that must not begin a transaction."""


class DiskFull(Unavailable):
    """Nothing was stored, because there was no room for it. Works again as soon as there is."""

    reason = "disk_full"


class Database(ABC):
    """Transactions on one database. Writers take turns, so each sees all that was committed before it."""

    where: str
    """How messages name it: a path, or an address without its password."""
    engine: Engine
    """What writes; tests listen to it."""

    @abstractmethod
    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that commits at the end of the block and is undone whole by an exception."""

    @abstractmethod
    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that only reads, and sees one moment."""

    @abstractmethod
    def close(self) -> None: ...

    @contextmanager
    def pinned(self) -> Iterator[Database]:
        """A view of one moment, for as long as the block lasts; for one thread."""
        with self.read() as connection:
            connection.execute(sa.text("SELECT version FROM installation")).all()
            yield Moment(self.where, connection)


class Moment(Database):
    """One read transaction, passed off as a database."""

    def __init__(self, where: str, connection: Connection) -> None:
        self.where = where
        self.engine = connection.engine
        self._connection = connection

    def write(self) -> AbstractContextManager[Connection]:
        raise ContractBroken("a snapshot is there to be read")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with translated(self.where):
            yield self._connection

    def close(self) -> None:
        raise ContractBroken("a snapshot ends with its block")


class SqliteDatabase(Database):
    """A file: one write connection for the whole process, and readers that never wait for it (WAL)."""

    def __init__(self, url: URL) -> None:
        path = sqlite_path(url)
        make_private(path)
        self.where = str(path)
        self._lock = threading.RLock()
        self._writing = False
        self.engine = sqlite_engine(url, "BEGIN IMMEDIATE", size=1)
        self._readers = sqlite_engine(url, "BEGIN", size=READERS, read_only=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._lock, translated(self.where):
            if self._writing:
                raise ContractBroken("a write inside a write: one call is one transaction")
            self._writing = True
            try:
                with self.engine.begin() as connection:
                    yield connection
            finally:
                self._writing = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with translated(self.where), self._readers.begin() as connection:
            yield connection

    def close(self) -> None:
        self._readers.dispose()
        self.engine.dispose()


class PostgresDatabase(Database):
    """A server: writers of all processes take turns by an advisory lock, as they do on a file."""

    def __init__(self, url: URL) -> None:
        self.where = url.render_as_string(hide_password=True)
        self.engine = postgres_engine(url)
        self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with translated(self.where), self.engine.begin() as connection:
            take_turn(connection)
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with translated(self.where), self._reading.begin() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def connect(url: str) -> Database:
    """The database at this address. Nothing is opened before the first transaction."""
    parsed = parse(url)
    return SqliteDatabase(parsed) if parsed.get_backend_name() == "sqlite" else PostgresDatabase(parsed)


def parse(url: str) -> URL:
    """The address, checked: a SQLite file or a PostgreSQL server."""
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError:
        raise Fatal("the address of the state cannot be read; use sqlite:///path or postgresql+psycopg://…") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise Fatal(f"no state in {parsed.get_backend_name()}; use sqlite:///path or postgresql+psycopg://…")
    return parsed


def sqlite_path(url: URL) -> Path:
    """The file of the database. A database in memory would forget what was promised, so there is none."""
    if not url.database or url.database == ":memory:":
        raise Fatal("the state needs a file: sqlite:///path")
    return Path(url.database)


def sqlite_engine(url: URL, begin: str, *, size: int, read_only: bool = False, foreign_keys: bool = True) -> Engine:
    """SQLAlchemy as its manual asks for with this driver: the driver begins nothing, the event says how to begin."""
    engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0 if size == 1 else -1,
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in _pragmas(read_only=read_only, foreign_keys=foreign_keys):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", lambda connection: _begin(connection, begin))
    return engine


def _begin(connection: Connection, begin: str) -> None:
    """Begin as told, but for the one statement (VACUUM) that SQLite takes outside of transactions only."""
    if not connection.get_execution_options().get(OUTSIDE):
        connection.exec_driver_sql(begin)


def _pragmas(*, read_only: bool, foreign_keys: bool) -> tuple[str, ...]:
    """FULL: what is committed before a request goes out must be there after a power cut."""
    shared = ("temp_store=MEMORY", "cache_size=-16000")
    if read_only:
        return (*shared, "query_only=ON")
    return (*shared, "journal_mode=WAL", "synchronous=FULL", f"foreign_keys={'ON' if foreign_keys else 'OFF'}")


def postgres_engine(url: URL) -> Engine:
    """A pool that notices when the server was restarted."""
    url = url if "+" in url.drivername else url.set(drivername="postgresql+psycopg")
    return sa.create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=READERS, max_overflow=READERS)


def take_turn(connection: Connection) -> None:
    """Wait for the other writers; the lock goes with the transaction."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


def make_private(path: Path) -> None:
    """Make the file, readable by its owner alone; SQLite gives its companions the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as exc:
        raise Fatal(f"cannot open the state {path}: {exc.strerror}") from exc


@contextmanager
def translated(where: str) -> Iterator[None]:
    """SQL exceptions become ours. They are not chained: PostgreSQL quotes whole rows in them, and rows are contacts."""
    try:
        yield
    except DBAPIError as exc:
        raise _ours(exc, where) from None


def _ours(exc: DBAPIError, where: str) -> SyncError:
    if isinstance(exc.orig, sqlite3.Error):
        return _of_sqlite(exc, exc.orig, where)
    return _of_postgres(exc, getattr(exc.orig, "sqlstate", None), where)


def _of_sqlite(exc: DBAPIError, orig: sqlite3.Error, where: str) -> SyncError:
    code = getattr(orig, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(f"the disk that holds {where} is full; free some space, nothing was lost")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable(f"another process keeps {where} busy")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StateCorrupt(f"{where} is damaged or no SQLite database; restore it from a backup")
    if code == sqlite3.SQLITE_IOERR:
        return Unavailable(f"the disk that holds {where} reports errors")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return Fatal(f"{where} cannot be opened for writing; check its owner, its mode, and its folder's")
    return _unexpected(exc, getattr(orig, "sqlite_errorname", ""), where)


def _of_postgres(exc: DBAPIError, state: str | None, where: str) -> SyncError:
    if state == "53100":
        return DiskFull(f"the disk of the database {where} is full; free some space, nothing was lost")
    if state is not None and state.startswith(("28", "3D", "42501")):
        return Fatal(f"the database {where} refuses this login (SQLSTATE {state})")
    if state is None or state.startswith(("08", "40", "53", "55", "57")):
        return Unavailable(f"the database {where} does not answer, or is busy (SQLSTATE {state or 'none'})")
    if state.startswith("XX"):
        return StateCorrupt(f"the database {where} reports damage (SQLSTATE {state})")
    return _unexpected(exc, state, where)


def _unexpected(exc: DBAPIError, code: Any, where: str) -> ContractBroken:
    kind: Literal["broken rule", "statement"] = "broken rule" if isinstance(exc, IntegrityError) else "statement"
    return ContractBroken(f"{where} refused a {kind}: {type(exc.orig).__name__} {code}")
