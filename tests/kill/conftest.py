"""Worlds whose processes are killed: one per scenario and worker, put back to its start for every kill."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kill.database import PostgresState
from tests.kill.forkserver import ForkServer
from tests.kill.loop import Undisturbed, undisturbed
from tests.kill.postgres import QUICK, server
from tests.kill.world import KillWorld

EVERY = os.environ.get("SYNCD_CI") == "1"
Opened = tuple[KillWorld, Undisturbed]
Opener = Callable[[str, str], Opened]


@pytest.fixture(scope="session")
def forks() -> Iterator[ForkServer]:
    """The process that syncd processes are forked from."""
    with ForkServer() as started:
        yield started


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of our own; skips with the reason where none can be started."""
    with contextlib.ExitStack() as stack:
        try:
            address = stack.enter_context(server())
        except (ImportError, OSError, RuntimeError) as exc:
            pytest.skip(f"no PostgreSQL: {exc}")
        yield address


@pytest.fixture(scope="session")
def opened(forks: ForkServer, request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens the world of a scenario on a kind of database, once, with what an undisturbed sync makes of it."""
    worlds: dict[tuple[str, str], Opened] = {}
    with contextlib.ExitStack() as stack:

        def open_world(scenario: str, database: str) -> Opened:
            if (scenario, database) not in worlds:
                folder = stack.enter_context(tempfile.TemporaryDirectory(dir=QUICK))
                state = None
                if database == "postgres":
                    state = PostgresState(request.getfixturevalue("postgres"), f"kill_{scenario.replace('-', '_')}")
                world = stack.enter_context(KillWorld(Path(folder), forks=forks, database=state))
                worlds[scenario, database] = world, undisturbed(world, scenario)
            return worlds[scenario, database]

        yield open_world
