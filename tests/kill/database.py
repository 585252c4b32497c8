"""The state's database as a thing to be kept and put back: a file, or a database of a PostgreSQL server."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import make_url


class StateDatabase(Protocol):
    """A state while no process works on it."""

    @property
    def url(self) -> str: ...

    def taken(self) -> Any:
        """All of it."""

    def put_back(self, taken: Any) -> None:
        """As it was when this was taken."""

    def engine(self) -> sa.Engine:
        """For a look into it."""


class SqliteFile:
    """A file and its companions."""

    def __init__(self, path: Path) -> None:
        self._paths = [path.with_name(path.name + more) for more in ("", "-wal", "-shm")]

    @property
    def url(self) -> str:
        return f"sqlite:///{self._paths[0]}"

    def taken(self) -> Any:
        return [path.read_bytes() if path.exists() else None for path in self._paths]

    def put_back(self, taken: Any) -> None:
        for path, content in zip(self._paths, taken, strict=True):
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)

    def engine(self) -> sa.Engine:
        return sa.create_engine(self.url)


class PostgresState:
    """A database of this name on this server; what is taken is a template for the next one."""

    def __init__(self, server: str, name: str) -> None:
        self._server, self._name = server, name
        self._copies = 0
        self._do(f'CREATE DATABASE "{name}"')

    @property
    def url(self) -> str:
        where = make_url(self._server).set(drivername="postgresql+psycopg", database=self._name)
        return where.render_as_string(hide_password=False)

    def taken(self) -> Any:
        self._copies += 1
        copy = f"{self._name}_{self._copies}"
        self._copied(self._name, copy)
        return copy

    def put_back(self, taken: Any) -> None:
        self._do(f'DROP DATABASE "{self._name}" WITH (FORCE)')
        self._copied(taken, self._name)

    def engine(self) -> sa.Engine:
        return sa.create_engine(self.url)

    def _copied(self, old: str, new: str) -> None:
        self._do(f'CREATE DATABASE "{new}" TEMPLATE "{old}"')

    def _do(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement.encode())
