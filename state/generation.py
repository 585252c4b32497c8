"""Generations: a number in the database and beside it, so that a restored, older database is recognised."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from state.database import Database
from state.schema import installation
from syncd.core.errors import Fatal


class Generation(NamedTuple):
    """How often the daemon has started on this state, and a random word that no other database has."""

    number: int
    mark: str


class GenerationPart:
    """`begin_generation` and `restored`, for a store whose database lies at `self.db`."""

    db: Database
    _beside: Path | None

    def begin_generation(self) -> int:
        """A new generation, in the database first and then beside it; called when the daemon starts."""
        with self.db.write() as connection:
            new = Generation(_stored(connection).number + 1, secrets.token_hex(8))
            connection.execute(sa.update(installation).values(generation=new.number, mark=new.mark))
        if self._beside is not None:
            _write(self._beside, new)
        return new.number

    def restored(self) -> bool:
        """Whether this database is older than what was started last, so that its cursors must not be trusted.

        A crash between the two writes leaves the database one ahead, which is no sign of age. Without the file a
        database that was started before came from elsewhere.
        """
        if self._beside is None:
            return False
        with self.db.read() as connection:
            stored = _stored(connection)
        beside = _read(self._beside)
        if beside is None:
            return stored.number > 0
        if stored.number == beside.number:
            return stored.mark != beside.mark
        return stored.number < beside.number


def mark_copy(connection: Connection) -> None:
    """Make a copy of a database say that it is one: wherever it is put to use, it counts as restored."""
    connection.execute(
        sa.update(installation).values(mark="copy", generation=sa.func.max(installation.c.generation, 1))
    )


def _stored(connection: Connection) -> Generation:
    row = connection.execute(sa.select(installation.c.generation, installation.c.mark)).one()
    return Generation(row.generation, row.mark)


def _read(path: Path) -> Generation | None:
    """None where there is no such file, or none that makes sense."""
    try:
        number, mark = path.read_text("ascii").split()
        return Generation(int(number), mark)
    except (FileNotFoundError, ValueError):
        return None
    except OSError as exc:
        raise Fatal(f"cannot read {path}: {exc.strerror}") from exc


def _write(path: Path, generation: Generation) -> None:
    fresh = path.with_name(f"{path.name}.new")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{generation.number} {generation.mark}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as exc:
        raise Fatal(f"cannot write {path}: {exc.strerror}") from exc
