"""The store: all parts of `ports.Store` over one database. What each part promises is in its module."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from state.applying import ApplyingPart
from state.database import Database, connect, parse, sqlite_path
from state.generation import GenerationPart
from state.migrate import migrate
from state.observation import ObservationPart
from state.people import AccountsPart, MemoryPart, SecretsPart
from state.planning import PlanningPart
from state.plans import PlansPart
from state.schema import installation
from state.sources import SourcePart
from state.vault import Vault
from syncd.core import ports


class SqlStore(
    SourcePart,
    ObservationPart,
    PlanningPart,
    PlansPart,
    ApplyingPart,
    AccountsPart,
    MemoryPart,
    SecretsPart,
    GenerationPart,
    ports.Store,
):
    """The state at an address: `sqlite:///path` or `postgresql+psycopg://…`. Safe to share between threads.

    The generation is kept in `beside`: next to the file on SQLite, nowhere on PostgreSQL unless a path is given.
    """

    def __init__(
        self,
        url: str,
        *,
        vault: Vault | None = None,
        beside: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._beside = beside or _default_beside(url)
        self._attach(connect(url), vault, clock, None)

    def _attach(self, db: Database, vault: Vault | None, clock: Callable[[], float], pepper: bytes | None) -> None:
        if pepper is None:
            with db.read() as connection:
                pepper = bytes(connection.execute(sa.select(installation.c.pepper)).scalar_one())
        super().__init__(db, pepper, vault, clock)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        vault: Vault | None = None,
        backup_dir: Path | None = None,
        beside: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """The store at this address, made or brought up to date first; see `migrate`."""
        migrate(url, backup_dir, clock)
        return cls(url, vault=vault, beside=beside, clock=clock)

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def snapshot(self) -> Iterator[SqlStore]:
        """This store at one moment: every reading method, none that writes; for one thread, while the block lasts."""
        with self.db.pinned() as moment:
            view = object.__new__(type(self))
            view._beside = self._beside
            view._attach(moment, self._vault, self._clock, self._pepper)
            yield view


def _default_beside(url: str) -> Path | None:
    parsed = parse(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    path = sqlite_path(parsed)
    return path.with_name(f"{path.name}.generation")
