"""Bring a database to the schema of this code: forward only, after a backup, and never a newer one.

Alembic is loaded only when there is something to do.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from state.database import (
    OUTSIDE,
    make_private,
    parse,
    postgres_engine,
    sqlite_engine,
    sqlite_path,
    take_turn,
    translated,
)
from state.generation import mark_copy
from state.schema import MIN_READER, VERSION, installation
from syncd.core.errors import Fatal, StateCorrupt

SCRIPTS = Path(__file__).parent / "migrations"
PEPPER_BYTES = 32


def migrate(url: str, backup_dir: Path | None, clock: Callable[[], float] = time.time) -> Path | None:
    """Upgrade the database if it is older; a new one is made. Returns the backup that was taken first.

    Raises StateCorrupt for a database that a newer syncd wrote.
    """
    parsed = parse(url)
    backup = None
    with _engine(parsed) as engine, translated(parsed.render_as_string(hide_password=True)):
        version = _current(engine, parsed)
        if version >= VERSION:
            return None
        if version and parsed.get_backend_name() == "sqlite":
            folder = backup_dir or sqlite_path(parsed).parent / "backups"
            backup = folder / f"state-v{version}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(clock()))}.db"
            back_up(engine, backup)
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                take_turn(connection)
            _upgrade(connection)
    return backup


def back_up(engine: Engine, target: Path) -> None:
    """A copy of the whole SQLite database, readable by its owner alone, and marked as a copy."""
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as exc:
        raise Fatal(f"cannot write the backup {target}: {exc.strerror}") from exc
    with engine.connect().execution_options(**{OUTSIDE: True}) as connection:
        connection.exec_driver_sql("VACUUM INTO ?", (str(target),))
    with _engine(sa.URL.create("sqlite", database=str(target))) as copy, copy.begin() as connection:
        mark_copy(connection)


def _current(engine: Engine, url: URL) -> int:
    """The schema of this database; 0 for an empty one."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(installation.name):
            return 0
        row = connection.execute(sa.text("SELECT version, min_reader FROM installation")).first()
    if row is None:
        raise StateCorrupt(f"{_name(url)} is half made; restore it from a backup, or remove it to start anew")
    if row.min_reader > VERSION:
        raise StateCorrupt(
            f"{_name(url)} was written by a newer syncd (schema {row.version}; this one knows {VERSION}):"
            " install that version again, or restore the backup that it took before upgrading"
        )
    return int(row.version)


def _name(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _upgrade(connection: Connection) -> None:
    """All missing migrations, and what the installation says of itself, in the transaction that the caller began."""
    from alembic import command  # noqa: PLC0415 - a quarter of a second and 40 MB, for what is needed once a release
    from alembic.config import Config  # noqa: PLC0415 - the same

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    known = connection.execute(sa.select(installation.c.id)).first()
    values: dict[str, object] = {"version": VERSION, "min_reader": MIN_READER}
    if known is None:
        first = {"id": 1, "generation": 0, "mark": "", "pepper": secrets.token_bytes(PEPPER_BYTES)}
        connection.execute(sa.insert(installation).values({**values, **first}))
    else:
        connection.execute(sa.update(installation).values(values))


@contextmanager
def _engine(url: URL) -> Iterator[Engine]:
    """An engine for this one purpose; foreign keys rest on SQLite while tables are rebuilt."""
    if url.get_backend_name() == "sqlite":
        make_private(sqlite_path(url))
        engine = sqlite_engine(url, "BEGIN IMMEDIATE", size=1, foreign_keys=False)
    else:
        engine = postgres_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()
